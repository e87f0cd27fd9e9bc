//! Section directory: 32 bytes a section, directly behind the header.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | tag, ASCII padded with zeros |
//! | 8 | 2 | version of the section's layout (1) |
//! | 10 | 2 | flags: bit 0 = critical, the rest 0 |
//! | 12 | 4 | CRC-32 over the section's bytes |
//! | 16 | 8 | offset in the image, a multiple of 8 |
//! | 24 | 8 | length in bytes |

use super::tag::Tag;
use crate::bytes::{Fields, Sink};

/// Bytes of a directory entry.
pub const ENTRY_BYTES: usize = 32;
/// The layout version of every section this crate writes.
pub const SECTION_VERSION: u16 = 1;

/// One section's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the section holds.
    pub tag: Tag,
    /// Version of its layout.
    pub version: u16,
    /// Flags as written; bit 0 = critical.
    pub flags: u16,
    /// CRC-32 over its bytes.
    pub checksum: u32,
    /// Offset in the image in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

impl Entry {
    /// Reads the entry at `at`; `None` beyond the end of the bytes.
    #[must_use]
    pub fn parse(bytes: &[u8], at: usize) -> Option<Self> {
        let bytes = bytes.slice_at(at, ENTRY_BYTES)?;
        let mut tag = [0u8; 8];
        tag.copy_from_slice(bytes.slice_at(0, 8)?);
        Some(Self {
            tag: Tag(tag),
            version: bytes.u16_at(8)?,
            flags: bytes.u16_at(10)?,
            checksum: bytes.u32_at(12)?,
            offset: bytes.u64_at(16)?,
            length: bytes.u64_at(24)?,
        })
    }

    /// Writes the entry; the inverse of [`Entry::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put(&self.tag.0);
        sink.put_u16(self.version);
        sink.put_u16(self.flags);
        sink.put_u32(self.checksum);
        sink.put_u64(self.offset);
        sink.put_u64(self.length);
    }

    /// Whether readers that do not know the section must refuse the image.
    #[must_use]
    pub const fn critical(&self) -> bool {
        self.flags & 1 != 0
    }
}
