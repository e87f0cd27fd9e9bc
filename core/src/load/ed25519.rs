//! Checking an Ed25519 signature (RFC 8032, 5.1.7), strictly, without a way to a panic.
//!
//! Points, scalars and their arithmetic are those of `curve25519-dalek`; SHA-512 is that of `sha2`. Written here is what is checked, and the one
//! equation. `ed25519-dalek` checks the same, but through a multiplication that indexes a table by a digit, and the compiler keeps
//! the panic of that index in the binary; the multiplication used here has loops of constant length alone, and takes longer for it.

use super::{PublicKey, Refusal};
use crate::image::Signature;
use curve25519_dalek::{EdwardsPoint, Scalar, edwards::CompressedEdwardsY};
use sha2::{Digest, Sha512};

/// Whether `signature` is `key`'s for `message`.
///
/// R = \[s\]B - \[k\]A, as bytes, where k is SHA-512 of R, A and the message. Strict: s below the group's order and R's bytes the shortest form, so that there
/// is no second form of the same signature; neither R nor A of small order, so that no key fits more than one message.
///
/// # Errors
/// The key is no point of the curve; or the signature is not that key's.
pub(super) fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), Refusal> {
    let public = CompressedEdwardsY(*key).decompress().ok_or(Refusal::BadKey)?;
    let (first, second) = halves(signature);
    let commitment = CompressedEdwardsY(first);
    let point = commitment.decompress().ok_or(Refusal::WrongSignature)?;
    let response =
        Option::<Scalar>::from(Scalar::from_canonical_bytes(second)).ok_or(Refusal::WrongSignature)?;
    if point.is_small_order() || public.is_small_order() {
        return Err(Refusal::WrongSignature);
    }
    let hash = Sha512::new().chain_update(first).chain_update(key).chain_update(message);
    let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let expected = EdwardsPoint::mul_base(&response) - public * challenge;
    if expected.compress() == commitment { Ok(()) } else { Err(Refusal::WrongSignature) }
}

/// The bytes of R, and those of s.
fn halves(signature: &Signature) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    let (low, high) = signature.split_at(32);
    first.copy_from_slice(low);
    second.copy_from_slice(high);
    (first, second)
}

#[cfg(test)]
mod tests;
