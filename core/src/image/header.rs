//! Header: the first 80 bytes.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `SPANDREL` |
//! | 8 | 2 | format version, major (1) |
//! | 10 | 2 | format version, minor (0); readers accept any |
//! | 12 | 4 | reserved, 0 |
//! | 16 | 8 | length of the whole image in bytes |
//! | 24 | 8 | offset of the seal, a multiple of 8 |
//! | 32 | 4 | number of sections, at most 64 |
//! | 36 | 4 | `ram_words`: 32-bit words that the machine must be lent |
//! | 40 | 24 | chip name, ASCII, padded with zeros |
//! | 64 | 4 | chip revision |
//! | 68 | 4 | rollback counter: a board that pins a key takes no image below the counter it has seen |
//! | 72 | 4 | reserved, 0 |
//! | 76 | 4 | CRC-32 over bytes 0..76 and the section directory |
//!
//! The image digest is *not* here: it covers the header, so it stands in the seal.

use super::{
    error::{ImageError, Rule},
    tag::Tag,
};
use crate::bytes::{Fields, Sink};

/// `SPANDREL`.
pub const MAGIC: [u8; 8] = *b"SPANDREL";
/// The major version this crate reads and writes.
pub const VERSION_MAJOR: u16 = 1;
/// The minor version this crate writes.
pub const VERSION_MINOR: u16 = 0;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 80;
/// Bytes of the header that its checksum covers.
pub(super) const HEADER_CHECKED: usize = 76;
/// The most sections an image may have.
pub const SECTIONS_MAX: u32 = 64;

/// The header's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of the whole image in bytes.
    pub total_bytes: u64,
    /// Offset of the seal in bytes.
    pub seal_offset: u64,
    /// Number of sections.
    pub sections: u32,
    /// Words that the machine must be lent.
    pub ram_words: u32,
    /// Chip name, padded with zeros.
    pub chip: [u8; 24],
    /// Chip revision.
    pub chip_revision: u32,
    /// Rollback counter; 0 unless the image was signed with another.
    pub rollback: u32,
    /// CRC-32 over the checked part of the header and the directory.
    pub checksum: u32,
}

impl Header {
    /// Reads the header. The checksum is compared by the caller, who has the directory.
    ///
    /// # Errors
    /// Too short, wrong magic or version, reserved bytes in use, too many sections.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::HEADER, 0, field, rule);
        let magic = bytes.slice_at(0, 8).ok_or(error("magic", Rule::TooShort))?;
        if magic != MAGIC {
            return Err(error("magic", Rule::BadMagic));
        }
        let short = error("header", Rule::TooShort);
        let major = bytes.u16_at(8).ok_or(short)?;
        if major != VERSION_MAJOR {
            return Err(error("version", Rule::UnsupportedVersion(major)));
        }
        let mut chip = [0u8; 24];
        chip.copy_from_slice(bytes.slice_at(40, 24).ok_or(short)?);
        let header = Self {
            total_bytes: bytes.u64_at(16).ok_or(short)?,
            seal_offset: bytes.u64_at(24).ok_or(short)?,
            sections: bytes.u32_at(32).ok_or(short)?,
            ram_words: bytes.u32_at(36).ok_or(short)?,
            chip,
            chip_revision: bytes.u32_at(64).ok_or(short)?,
            rollback: bytes.u32_at(68).ok_or(short)?,
            checksum: bytes.u32_at(76).ok_or(short)?,
        };
        if bytes.u32_at(12) != Some(0) || bytes.u32_at(72) != Some(0) {
            return Err(error("reserved", Rule::NotZero));
        }
        if header.sections > SECTIONS_MAX {
            return Err(error("sections", Rule::OutOfRange));
        }
        Ok(header)
    }

    /// Writes the header; the inverse of [`Header::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put(&MAGIC);
        sink.put_u16(VERSION_MAJOR);
        sink.put_u16(VERSION_MINOR);
        sink.put_u32(0);
        sink.put_u64(self.total_bytes);
        sink.put_u64(self.seal_offset);
        sink.put_u32(self.sections);
        sink.put_u32(self.ram_words);
        sink.put(&self.chip);
        sink.put_u32(self.chip_revision);
        sink.put_u32(self.rollback);
        sink.put_u32(0);
        sink.put_u32(self.checksum);
    }

    /// The chip's name.
    #[must_use]
    pub fn chip_name(&self) -> &str {
        let length = self.chip.iter().position(|byte| *byte == 0).unwrap_or(self.chip.len());
        core::str::from_utf8(self.chip.get(..length).unwrap_or(&[])).unwrap_or("?")
    }
}
