//! Two shapes of section that hold records.
//!
//! *Fixed records* follow one another without gaps; the section's length is a multiple of
//! the record's. *Lists* hold records of different sizes:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | number of records n |
//! | 4 | 4 (n + 1) | where each record starts, from the section's start; the last is the section's length |
//!
//! Starts are multiples of 4, never fall, and the first one is 4 + 4 (n + 1).

use super::{
    error::{ImageError, Rule},
    tag::Tag,
};
use crate::bytes::{Fields, Sink};

/// Number of fixed records of `size` bytes in `bytes`.
///
/// # Errors
/// The length is no multiple of `size`, or there are more records than 2^32 - 2.
pub(super) fn fixed_count(tag: Tag, bytes: &[u8], size: usize) -> Result<u32, ImageError> {
    if size == 0 || !bytes.len().is_multiple_of(size) {
        return Err(ImageError::new(tag, 0, "length", Rule::LengthMismatch));
    }
    u32::try_from(bytes.len() / size).ok().filter(|count| *count < u32::MAX).ok_or(ImageError::new(
        tag,
        0,
        "length",
        Rule::OutOfRange,
    ))
}

/// The bytes of fixed record `index`.
#[must_use]
pub(super) fn fixed_record(bytes: &[u8], index: u32, size: usize) -> Option<&[u8]> {
    bytes.slice_at(usize::try_from(index).ok()?.checked_mul(size)?, size)
}

/// A checked list of records of different sizes.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    bytes: &'a [u8],
    count: u32,
}

impl<'a> List<'a> {
    /// Checks the starts; an empty section is a list of no records.
    ///
    /// # Errors
    /// Starts that are out of order, out of range, or not multiples of 4.
    pub fn parse(tag: Tag, bytes: &'a [u8]) -> Result<Self, ImageError> {
        if bytes.is_empty() {
            return Ok(Self { bytes, count: 0 });
        }
        let error = |record, rule| ImageError::new(tag, record, "start", rule);
        let count = bytes.u32_at(0).ok_or(error(0, Rule::TooShort))?;
        let first = (u64::from(count) + 2) * 4;
        if first > bytes.len() as u64 {
            return Err(error(0, Rule::TooShort));
        }
        let list = Self { bytes, count };
        let mut previous = first;
        for record in 0..=count {
            let start = u64::from(list.start(record).ok_or(error(record, Rule::TooShort))?);
            let fits = if record == 0 { start == first } else { start >= previous };
            if !fits || !start.is_multiple_of(4) || start > bytes.len() as u64 {
                return Err(error(record, Rule::OutOfRange));
            }
            previous = start;
        }
        if previous != bytes.len() as u64 {
            return Err(error(count, Rule::LengthMismatch));
        }
        Ok(list)
    }

    /// A list of no records.
    #[must_use]
    pub const fn empty() -> Self {
        Self { bytes: &[], count: 0 }
    }

    fn start(&self, record: u32) -> Option<u32> {
        self.bytes.u32_at(4 + 4 * usize::try_from(record).ok()?)
    }

    /// Number of records.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The bytes of record `index`.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        let start = usize::try_from(self.start(index)?).ok()?;
        let end = usize::try_from(self.start(index.checked_add(1)?)?).ok()?;
        self.bytes.get(start..end)
    }
}

/// Writes a list of records, whose lengths must be multiples of 4.
pub fn emit_list(records: &[&[u8]], sink: &mut impl Sink) {
    sink.put_u32(records.len() as u32);
    let mut start = 4 * (records.len() as u32 + 2);
    for record in records {
        sink.put_u32(start);
        start += record.len() as u32;
    }
    sink.put_u32(start);
    for record in records {
        sink.put(record);
    }
}
