//! DECODERS: from emitted codes to values, 40 bytes each.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 2 | output, as named by EMIT |
//! | 2 | 1 | reading: 0 values, 1 class (argmax of the values, lowest index on ties) |
//! | 3 | 1 | signals per value, at least 1 |
//! | 4 | 4 | values, at least 1 |
//! | 8 | 4 | coefficient table: values * signals entries, or 0xFFFF_FFFF for all 1 |
//! | 12 | 4 | offset table: 2 entries (high, low word) a value, or 0xFFFF_FFFF for all 0 |
//! | 16 | 8 | scale: what 1 stands for in the network's own unit, signed 32.32 fixed point |
//! | 24 | 16 | reserved, 0 |
//!
//! value\[v\] = offset\[v\] + sum over s of coefficient\[v * signals + s\] * code\[v * signals + s\],
//! in 64 bits, where code\[i\] is the i-th code that EMITs of this output have emitted in the sample, in program order.
//! Comparison and argmax use these integers; the scale only serves display.

use super::{
    error::{ImageError, Rule},
    table::{NO_TABLE, Tables},
    tag::Tag,
};
use crate::bytes::{Fields, Sink};
use fixed::types::I32F32;

/// Bytes of a record.
pub(super) const DECODER_BYTES: usize = 40;

/// What a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Numbers.
    Values,
    /// The index of the largest one is a class.
    Class,
}

/// A decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoder {
    /// Output.
    pub output: u16,
    /// What the values mean.
    pub reading: Reading,
    /// Signals per value.
    pub signals: u8,
    /// Number of values.
    pub values: u32,
    /// Coefficient table, or none.
    pub coefficients: u32,
    /// Offset table, or none.
    pub offsets: u32,
    /// What 1 stands for in the network's own unit.
    pub scale: I32F32,
}

impl Decoder {
    /// Reads record `record`. References are checked by the image.
    ///
    /// # Errors
    /// A field out of range.
    pub fn parse(bytes: &[u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::DECODERS, record, field, rule);
        let short = error("record", Rule::TooShort);
        let decoder = Self {
            output: bytes.u16_at(0).ok_or(short)?,
            reading: match bytes.u8_at(2).ok_or(short)? {
                0 => Reading::Values,
                1 => Reading::Class,
                code => return Err(error("reading", Rule::UnknownCode(u32::from(code)))),
            },
            signals: bytes.u8_at(3).ok_or(short)?,
            values: bytes.u32_at(4).ok_or(short)?,
            coefficients: bytes.u32_at(8).ok_or(short)?,
            offsets: bytes.u32_at(12).ok_or(short)?,
            scale: I32F32::from_bits(bytes.u64_at(16).ok_or(short)? as i64),
        };
        if bytes.u64_at(24).ok_or(short)? != 0 || bytes.u64_at(32).ok_or(short)? != 0 {
            return Err(error("reserved", Rule::NotZero));
        }
        if decoder.signals == 0 || decoder.values == 0 || decoder.values > 1 << 24 {
            return Err(error("values", Rule::OutOfRange));
        }
        Ok(decoder)
    }

    /// Writes the record; the inverse of [`Decoder::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put_u16(self.output);
        sink.put(&[u8::from(self.reading == Reading::Class), self.signals]);
        sink.put_u32(self.values);
        sink.put_u32(self.coefficients);
        sink.put_u32(self.offsets);
        sink.put_u64(self.scale.to_bits() as u64);
        sink.put_u64(0);
        sink.put_u64(0);
    }

    /// Codes that one reading takes.
    #[must_use]
    pub fn codes(&self) -> u64 {
        u64::from(self.values) * u64::from(self.signals)
    }

    /// Value `value` of the emitted `codes`; `None` when codes or tables do not reach.
    #[must_use]
    pub fn value(&self, tables: &Tables<'_>, codes: &[i32], value: u32) -> Option<i64> {
        let signals = usize::from(self.signals);
        let value = usize::try_from(value).ok()?;
        let first = value.checked_mul(signals)?;
        let mut sum = 0i64;
        if self.offsets != NO_TABLE {
            let table = tables.get(self.offsets)?;
            let high = i64::from(table.get(value.checked_mul(2)?)?);
            let low = i64::from(table.get(value.checked_mul(2)?.checked_add(1)?)? as u32);
            sum = (high << 32) | low;
        }
        let codes = codes.get(first..first.checked_add(signals)?)?;
        for (index, code) in (first..).zip(codes) {
            let coefficient = match self.coefficients {
                NO_TABLE => 1,
                table => i64::from(tables.get(table)?.get(index)?),
            };
            sum = sum.saturating_add(coefficient * i64::from(*code));
        }
        Some(sum)
    }

    /// The class that the emitted `codes` stand for: the index of the largest value, lowest on ties.
    #[must_use]
    pub fn class(&self, tables: &Tables<'_>, codes: &[i32]) -> Option<u32> {
        let mut best: Option<(u32, i64)> = None;
        for index in 0..self.values {
            let value = self.value(tables, codes, index)?;
            if best.is_none_or(|(_, top)| value > top) {
                best = Some((index, value));
            }
        }
        best.map(|(index, _)| index)
    }
}
