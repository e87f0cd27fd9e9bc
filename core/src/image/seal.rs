//! Seal: the last bytes of an image.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 32 | SHA-256 over every byte before the seal: the *image digest* |
//! | 32 | 2 | signature kind: 0 = none, 1 = Ed25519 over the digest |
//! | 34 | 2 | signature length in bytes: 0 for kind 0 |
//! | 36 | 4 | reserved, 0 |
//! | 40 | n | signature |
//!
//! A streaming reader hashes what passes by and compares at the end, without ever holding the image.

use super::{
    error::{ImageError, Rule},
    tag::Tag,
};
use crate::bytes::{Fields, Sink};
use sha2::{Digest, Sha256};

/// Bytes of a seal without a signature.
pub const SEAL_BYTES: usize = 40;

/// A SHA-256 digest.
pub type Digest32 = [u8; 32];

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest32 {
    Sha256::digest(bytes).into()
}

/// CRC-32 (ISO-HDLC, as in zip and PNG) of the concatenation of `parts`.
#[must_use]
pub fn crc32(parts: &[&[u8]]) -> u32 {
    // One table of 256 words: the bytewise form is several times slower, and an image is checked at every boot.
    static CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = CRC.digest();
    for part in parts {
        digest.update(part);
    }
    digest.finalize()
}

/// The seal's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// SHA-256 over every byte before the seal.
    pub digest: Digest32,
}

impl Seal {
    /// Reads the seal, which takes up all of `bytes`.
    ///
    /// # Errors
    /// Too short or too long, a signature (not built yet), reserved bytes in use.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::SEAL, 0, field, rule);
        let short = error("seal", Rule::TooShort);
        let mut digest = [0u8; 32];
        digest.copy_from_slice(bytes.slice_at(0, 32).ok_or(short)?);
        let kind = bytes.u16_at(32).ok_or(short)?;
        if kind != 0 {
            return Err(error("signature", Rule::SignatureNotBuilt(kind)));
        }
        if bytes.u16_at(34).ok_or(short)? != 0 || bytes.u32_at(36).ok_or(short)? != 0 {
            return Err(error("reserved", Rule::NotZero));
        }
        if bytes.len() != SEAL_BYTES {
            return Err(error("length", Rule::LengthMismatch));
        }
        Ok(Self { digest })
    }

    /// Writes the seal; the inverse of [`Seal::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put(&self.digest);
        sink.put_u64(0);
    }
}
