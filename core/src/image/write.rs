//! Puts sections together: offsets, checksums, directory, header and seal.

use super::{
    directory::{ENTRY_BYTES, Entry, SECTION_VERSION},
    header::{HEADER_BYTES, HEADER_CHECKED, Header},
    seal::{SEAL_BYTES, Seal, crc32, sha256},
    tag::Tag,
};
use crate::bytes::Fields;
use core::fmt;

/// Why an image could not be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The buffer is too small; so many bytes are needed.
    BufferTooSmall(usize),
    /// The chip's name is longer than 24 bytes or not ASCII.
    ChipName,
    /// The bytes are no image (only when sealing again).
    NotAnImage,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall(needed) => write!(f, "buffer too small: {needed} bytes are needed"),
            Self::ChipName => f.write_str("the chip's name must be at most 24 ASCII bytes"),
            Self::NotAnImage => f.write_str("the bytes do not have the structure of an image"),
        }
    }
}

impl core::error::Error for WriteError {}

/// Length of the image that [`assemble`] makes of these sections, in bytes.
#[must_use]
pub fn assembled_len(sections: &[(Tag, &[u8])]) -> usize {
    let directory = HEADER_BYTES + ENTRY_BYTES * sections.len();
    sections.iter().fold(directory, |at, (_, bytes)| at.next_multiple_of(8) + bytes.len()).next_multiple_of(8)
        + SEAL_BYTES
}

fn copy(out: &mut [u8], at: usize, bytes: &[u8]) -> Option<()> {
    out.get_mut(at..at.checked_add(bytes.len())?)?.copy_from_slice(bytes);
    Some(())
}

/// Puts `sections` together into `out` and returns the image's length. Sections are marked
/// critical when the machine needs them ([`Tag::critical`]).
///
/// # Errors
/// The buffer is too small, the chip's name too long.
pub fn assemble(
    chip: &str,
    chip_revision: u32,
    ram_words: u32,
    sections: &[(Tag, &[u8])],
    out: &mut [u8],
) -> Result<usize, WriteError> {
    let total = assembled_len(sections);
    let out = out.get_mut(..total).ok_or(WriteError::BufferTooSmall(total))?;
    out.fill(0);
    let mut name = [0u8; 24];
    if !chip.is_ascii() {
        return Err(WriteError::ChipName);
    }
    name.get_mut(..chip.len()).ok_or(WriteError::ChipName)?.copy_from_slice(chip.as_bytes());

    let fits = WriteError::BufferTooSmall(total);
    let mut at = HEADER_BYTES + ENTRY_BYTES * sections.len();
    for (index, (tag, bytes)) in sections.iter().enumerate() {
        at = at.next_multiple_of(8);
        copy(out, at, bytes).ok_or(fits)?;
        let entry = Entry {
            tag: *tag,
            version: SECTION_VERSION,
            flags: u16::from(tag.critical()),
            checksum: 0,
            offset: at as u64,
            length: bytes.len() as u64,
        };
        let mut to = HEADER_BYTES + ENTRY_BYTES * index;
        entry.emit(&mut |bytes: &[u8]| {
            let _ = copy(out, to, bytes);
            to += bytes.len();
        });
        at += bytes.len();
    }
    let header = Header {
        total_bytes: total as u64,
        seal_offset: (total - SEAL_BYTES) as u64,
        sections: sections.len() as u32,
        ram_words,
        chip: name,
        chip_revision,
        checksum: 0,
    };
    let mut to = 0;
    header.emit(&mut |bytes: &[u8]| {
        let _ = copy(out, to, bytes);
        to += bytes.len();
    });
    reseal(out)?;
    Ok(total)
}

/// Computes every checksum and the digest anew, over whatever the bytes now hold. For writers
/// that patch an image, and for tests that must get past the checksums.
///
/// # Errors
/// The bytes do not have the structure of an image.
pub fn reseal(image: &mut [u8]) -> Result<(), WriteError> {
    let broken = WriteError::NotAnImage;
    let header = Header::parse(image).map_err(|_| broken)?;
    let seal_at = usize::try_from(header.seal_offset).map_err(|_| broken)?;
    for index in 0..header.sections as usize {
        let at = HEADER_BYTES + ENTRY_BYTES * index;
        let entry = Entry::parse(image, at).ok_or(broken)?;
        let offset = usize::try_from(entry.offset).map_err(|_| broken)?;
        let length = usize::try_from(entry.length).map_err(|_| broken)?;
        let checksum = crc32(&[image.slice_at(offset, length).ok_or(broken)?]);
        copy(image, at + 12, &checksum.to_le_bytes()).ok_or(broken)?;
    }
    let directory = ENTRY_BYTES * header.sections as usize;
    let checksum = crc32(&[
        image.slice_at(0, HEADER_CHECKED).ok_or(broken)?,
        image.slice_at(HEADER_BYTES, directory).ok_or(broken)?,
    ]);
    copy(image, HEADER_CHECKED, &checksum.to_le_bytes()).ok_or(broken)?;
    let seal = Seal { digest: sha256(image.slice_at(0, seal_at).ok_or(broken)?) };
    let mut to = seal_at;
    let mut room = true;
    seal.emit(&mut |bytes: &[u8]| {
        room &= copy(image, to, bytes).is_some();
        to += bytes.len();
    });
    if room { Ok(()) } else { Err(broken) }
}
