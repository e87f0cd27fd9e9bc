//! ENCODERS: from integer raw samples to codes, 48 bytes each. Encoder i serves input i.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | raw type: 1 u8, 2 i8, 3 i16, 4 i32 (the codecs' codes) |
//! | 1 | 1 | kind: 0 table, 1 multiply-add-shift |
//! | 2 | 1 | signals per raw value, 1..=16 |
//! | 3 | 1 | right shift of kind 1, 0..=62, else 0 |
//! | 4 | 4 | raw values in a sample |
//! | 8 | 4 | edge |
//! | 12 | 4 | channels, at least 1 |
//! | 16 | 4 | neighbouring elements that share a channel, at least 1 |
//! | 20 | 4 | parameter table |
//! | 24 | 4 | order table (raw index to element), or 0xFFFF_FFFF for the raw order |
//! | 28 | 4 | kind 0: the raw value that the first entry stands for, else 0 |
//! | 32 | 4 | smallest code |
//! | 36 | 4 | largest code |
//! | 40 | 8 | reserved, 0 |
//!
//! Raw value number i is element e = order\[i\] (or i). Its channel is (e / inner) mod channels;
//! signal s of it is signal e * signals + s of the edge, in the head slot.
//!
//! * table: n = entries / (channels * signals); code = table\[(channel * signals + s) * n + clamp(raw - lo, 0, n - 1)\].
//! * multiply-add-shift: three entries m, a_hi, a_lo per (channel, signal);
//!   code = floor((raw * m + (a_hi * 2^32 + unsigned a_lo)) / 2^shift), in 64 bits.
//!
//! Either is then clipped to smallest..=largest.

use super::{
    edge::Codec,
    error::{ImageError, Rule},
    table::{NO_TABLE, Tables},
    tag::Tag,
};
use crate::{
    arith::{clip, shift_floor},
    bytes::{Fields, Sink},
};

/// Bytes of a record.
pub(super) const ENCODER_BYTES: usize = 48;

/// How a raw value becomes codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// Looked up.
    Table {
        /// The raw value that the first entry stands for.
        lo: i32,
    },
    /// Multiplied, added to and shifted right.
    Affine {
        /// Right shift, rounding down.
        shift: u8,
    },
}

/// An encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// How raw values are held: any codec but a bit.
    pub raw: Codec,
    /// How a raw value becomes codes.
    pub mapping: Mapping,
    /// Signals per raw value.
    pub signals: u8,
    /// Raw values in a sample.
    pub length: u32,
    /// Edge.
    pub edge: u32,
    /// Channels.
    pub channels: u32,
    /// Neighbouring elements that share a channel.
    pub inner: u32,
    /// Parameter table.
    pub params: u32,
    /// Order table, or none.
    pub order: u32,
    /// Smallest code.
    pub lo: i32,
    /// Largest code.
    pub hi: i32,
}

impl Encoder {
    /// Reads record `record`. References are checked by the image.
    ///
    /// # Errors
    /// A field out of range.
    pub fn parse(bytes: &[u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::ENCODERS, record, field, rule);
        let short = error("record", Rule::TooShort);
        let raw = bytes.u8_at(0).ok_or(short)?;
        let shift = bytes.u8_at(3).ok_or(short)?;
        let lo = bytes.i32_at(28).ok_or(short)?;
        let encoder = Self {
            raw: Codec::from_code(raw)
                .filter(|codec| *codec != Codec::Bit)
                .ok_or(error("raw", Rule::UnknownCode(u32::from(raw))))?,
            mapping: match bytes.u8_at(1).ok_or(short)? {
                0 if shift == 0 => Mapping::Table { lo },
                1 if lo == 0 && shift <= 62 => Mapping::Affine { shift },
                0 | 1 => return Err(error("shift", Rule::OutOfRange)),
                code => return Err(error("kind", Rule::UnknownCode(u32::from(code)))),
            },
            signals: bytes.u8_at(2).ok_or(short)?,
            length: bytes.u32_at(4).ok_or(short)?,
            edge: bytes.u32_at(8).ok_or(short)?,
            channels: bytes.u32_at(12).ok_or(short)?,
            inner: bytes.u32_at(16).ok_or(short)?,
            params: bytes.u32_at(20).ok_or(short)?,
            order: bytes.u32_at(24).ok_or(short)?,
            lo: bytes.i32_at(32).ok_or(short)?,
            hi: bytes.i32_at(36).ok_or(short)?,
        };
        if bytes.u64_at(40).ok_or(short)? != 0 {
            return Err(error("reserved", Rule::NotZero));
        }
        if encoder.signals == 0 || encoder.signals > 16 {
            return Err(error("signals", Rule::OutOfRange));
        }
        if encoder.channels == 0 || encoder.inner == 0 || encoder.length == 0 {
            return Err(error("length", Rule::OutOfRange));
        }
        if encoder.lo > encoder.hi {
            return Err(error("range", Rule::OutOfRange));
        }
        Ok(encoder)
    }

    /// Writes the record; the inverse of [`Encoder::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        let (kind, shift, lo) = match self.mapping {
            Mapping::Table { lo } => (0, 0, lo),
            Mapping::Affine { shift } => (1, shift, 0),
        };
        sink.put(&[self.raw.code(), kind, self.signals, shift]);
        sink.put_u32(self.length);
        sink.put_u32(self.edge);
        sink.put_u32(self.channels);
        sink.put_u32(self.inner);
        sink.put_u32(self.params);
        sink.put_u32(self.order);
        sink.put_i32(lo);
        sink.put_i32(self.lo);
        sink.put_i32(self.hi);
        sink.put_u64(0);
    }

    /// Entries that the parameter table must hold at least, and the multiple it must be of.
    #[must_use]
    pub fn param_unit(&self) -> u64 {
        let per_value = u64::from(self.channels) * u64::from(self.signals);
        match self.mapping {
            Mapping::Table { .. } => per_value,
            Mapping::Affine { .. } => per_value * 3,
        }
    }

    /// The element that raw value `index` is; `None` outside.
    #[must_use]
    pub fn element(&self, tables: &Tables<'_>, index: u32) -> Option<u32> {
        if index >= self.length {
            return None;
        }
        if self.order == NO_TABLE {
            return Some(index);
        }
        u32::try_from(tables.get(self.order)?.get(usize::try_from(index).ok()?)?).ok()
    }

    /// The code of signal `signal` of `element` for the raw value `raw`.
    #[must_use]
    pub fn code(&self, tables: &Tables<'_>, element: u32, signal: u8, raw: i32) -> Option<i32> {
        let channel = element.checked_div(self.inner)?.checked_rem(self.channels)?;
        let row = u64::from(channel) * u64::from(self.signals) + u64::from(signal);
        let row = usize::try_from(row).ok()?;
        let params = tables.get(self.params)?;
        let code = match self.mapping {
            Mapping::Table { lo } => {
                let rows = usize::try_from(self.param_unit()).ok()?;
                let entries = params.len().checked_div(rows)?;
                let last = i64::try_from(entries).ok()?.checked_sub(1)?;
                let index = clip(i64::from(raw) - i64::from(lo), 0, last);
                i64::from(params.get(row.checked_mul(entries)?.checked_add(usize::try_from(index).ok()?)?)?)
            }
            Mapping::Affine { shift } => {
                let at = row.checked_mul(3)?;
                let multiplier = i64::from(params.get(at)?);
                let high = i64::from(params.get(at + 1)?);
                let low = i64::from(params.get(at + 2)? as u32);
                let sum = (multiplier * i64::from(raw)).saturating_add((high << 32) | low);
                shift_floor(sum, u32::from(shift))
            }
        };
        i32::try_from(clip(code, i64::from(self.lo), i64::from(self.hi))).ok()
    }
}
