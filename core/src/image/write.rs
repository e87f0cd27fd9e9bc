//! Puts sections together: offsets, checksums, directory, header and seal.

use super::{
    directory::{ENTRY_BYTES, Entry, SECTION_VERSION},
    header::{HEADER_BYTES, HEADER_CHECKED, Header},
    seal::{Digest32, SEAL_BYTES, SIGNED_SEAL_BYTES, Seal, Signature, crc32, sha256},
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
        rollback: 0,
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

/// Computes every checksum and the digest anew, over whatever the bytes now hold. A signature stays as it is, and does not hold
/// any more. For writers that patch an image, and for tests that must get past the checksums.
///
/// # Errors
/// The bytes do not have the structure of an image.
pub fn reseal(image: &mut [u8]) -> Result<(), WriteError> {
    let digest = checksums(image)?;
    let header = Header::parse(image).map_err(|_| WriteError::NotAnImage)?;
    let seal_at = usize::try_from(header.seal_offset).map_err(|_| WriteError::NotAnImage)?;
    let seal = Seal::parse(image.get(seal_at..).unwrap_or(&[])).ok();
    write_seal(image, &Seal { digest, signature: seal.and_then(|seal| seal.signature) })
}

/// Makes room for a signature: copies the unsigned `image` into `out` with the counter `rollback` in its header, and returns
/// the new image's length and the digest to sign. [`put_signature`] completes it.
///
/// # Errors
/// The bytes are no unsigned image, or `out` is too small.
pub fn prepare_signed(image: &[u8], rollback: u32, out: &mut [u8]) -> Result<(usize, Digest32), WriteError> {
    let broken = WriteError::NotAnImage;
    let header = Header::parse(image).map_err(|_| broken)?;
    let seal_at = usize::try_from(header.seal_offset).map_err(|_| broken)?;
    Seal::parse(image.get(seal_at..).ok_or(broken)?).map_err(|_| broken)?;
    let total = seal_at.checked_add(SIGNED_SEAL_BYTES).ok_or(broken)?;
    let out = out.get_mut(..total).ok_or(WriteError::BufferTooSmall(total))?;
    out.fill(0);
    copy(out, 0, image.get(..seal_at).ok_or(broken)?).ok_or(broken)?;
    let mut to = 0;
    Header { total_bytes: total as u64, rollback, ..header }.emit(&mut |bytes: &[u8]| {
        let _ = copy(out, to, bytes);
        to += bytes.len();
    });
    let digest = checksums(out)?;
    write_seal(out, &Seal { digest, signature: Some([0; 64]) })?;
    Ok((total, digest))
}

/// Puts the signature of the digest that [`prepare_signed`] returned into the image it made.
///
/// # Errors
/// The bytes are not what [`prepare_signed`] made.
pub fn put_signature(image: &mut [u8], signature: &Signature) -> Result<(), WriteError> {
    let broken = WriteError::NotAnImage;
    let header = Header::parse(image).map_err(|_| broken)?;
    let seal_at = usize::try_from(header.seal_offset).map_err(|_| broken)?;
    let seal = Seal::parse(image.get(seal_at..).ok_or(broken)?).map_err(|_| broken)?;
    if seal.signature.is_none() {
        return Err(broken);
    }
    write_seal(image, &Seal { signature: Some(*signature), ..seal })
}

/// Computes the checksums of sections and header anew; returns the digest.
fn checksums(image: &mut [u8]) -> Result<Digest32, WriteError> {
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
    Ok(sha256(image.slice_at(0, seal_at).ok_or(broken)?))
}

/// Writes the seal where the header says; it takes up the rest of the image.
fn write_seal(image: &mut [u8], seal: &Seal) -> Result<(), WriteError> {
    let broken = WriteError::NotAnImage;
    let header = Header::parse(image).map_err(|_| broken)?;
    let mut to = usize::try_from(header.seal_offset).map_err(|_| broken)?;
    let mut room = true;
    seal.emit(&mut |bytes: &[u8]| {
        room &= copy(image, to, bytes).is_some();
        to += bytes.len();
    });
    if room { Ok(()) } else { Err(broken) }
}
