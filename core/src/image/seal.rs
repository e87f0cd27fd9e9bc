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
//! The signature covers the digest, and the digest everything before the seal: a streaming reader needs no second look.
//! Reading a seal does not check its signature; [`crate::load::Policy`] does.
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

/// Bytes of a seal with an Ed25519 signature.
pub const SIGNED_SEAL_BYTES: usize = SEAL_BYTES + SIGNATURE_BYTES;
/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;
/// The signature kind of Ed25519 over the digest.
const KIND_ED25519: u16 = 1;

/// An Ed25519 signature (RFC 8032) over the image digest.
pub type Signature = [u8; SIGNATURE_BYTES];

/// A SHA-256 digest.
pub type Digest32 = [u8; 32];

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest32 {
    Sha256::digest(bytes).into()
}

/// One table of 256 words: the bytewise form is several times slower, and an image is checked at every boot.
pub(crate) static CRC32: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);

/// CRC-32 (ISO-HDLC, as in zip and PNG) of the concatenation of `parts`.
#[must_use]
pub fn crc32(parts: &[&[u8]]) -> u32 {
    let mut digest = CRC32.digest();
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
    /// A signature over the digest, as it stands there.
    pub signature: Option<Signature>,
}

impl Seal {
    /// Reads the seal, which takes up all of `bytes`.
    ///
    /// # Errors
    /// Too short or too long, a signature of an unknown kind, reserved bytes in use.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::SEAL, 0, field, rule);
        let short = error("seal", Rule::TooShort);
        let mut digest = [0u8; 32];
        digest.copy_from_slice(bytes.slice_at(0, 32).ok_or(short)?);
        let kind = bytes.u16_at(32).ok_or(short)?;
        let length = bytes.u16_at(34).ok_or(short)?;
        let signature = match kind {
            0 if length != 0 => return Err(error("reserved", Rule::NotZero)),
            0 => None,
            KIND_ED25519 => {
                let stated = usize::from(length) == SIGNATURE_BYTES;
                let bytes = bytes.slice_at(SEAL_BYTES, SIGNATURE_BYTES).filter(|_| stated);
                let mut signature = [0u8; SIGNATURE_BYTES];
                signature.copy_from_slice(bytes.ok_or(error("signature", Rule::LengthMismatch))?);
                Some(signature)
            }
            _ => return Err(error("signature", Rule::SignatureNotBuilt(kind))),
        };
        if bytes.u32_at(36).ok_or(short)? != 0 {
            return Err(error("reserved", Rule::NotZero));
        }
        let seal = Self { digest, signature };
        if bytes.len() == seal.bytes() { Ok(seal) } else { Err(error("length", Rule::LengthMismatch)) }
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        if self.signature.is_some() { SIGNED_SEAL_BYTES } else { SEAL_BYTES }
    }

    /// Writes the seal; the inverse of [`Seal::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put(&self.digest);
        match &self.signature {
            None => sink.put_u64(0),
            Some(signature) => {
                sink.put_u16(KIND_ED25519);
                sink.put_u16(SIGNATURE_BYTES as u16);
                sink.put_u32(0);
                sink.put(signature);
            }
        }
    }
}
