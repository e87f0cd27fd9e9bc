//! Signatures that are good, forged, and made of points that no honest signer uses.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::verify;
use crate::load::{PublicKey, Refusal};
use curve25519_dalek::{EdwardsPoint, Scalar, constants::EIGHT_TORSION, edwards::CompressedEdwardsY};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha512};

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    assert_eq!(hex.len(), 2 * N);
    core::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

/// RFC 8032, 7.1: public key, message, signature of tests 1 to 3.
const RFC: [(&str, &[u8], &str); 3] = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        &[],
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        &[0x72],
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        &[0xaf, 0x82],
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
];

#[test]
fn vectors_of_the_rfc_and_every_flipped_bit_of_them() {
    for (key, message, signature) in RFC {
        let (key, signature) = (bytes::<32>(key), bytes::<64>(signature));
        assert_eq!(verify(&key, message, &signature), Ok(()));
        for bit in 0..512 {
            let mut broken = signature;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verify(&key, message, &broken), Err(Refusal::WrongSignature), "bit {bit}");
        }
        assert_eq!(verify(&key, b"another", &signature), Err(Refusal::WrongSignature));
    }
}

/// What `ed25519-dalek` says: 0 accepted, 1 refused, 2 no key.
fn theirs(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> usize {
    let Ok(key) = VerifyingKey::from_bytes(key) else { return 2 };
    usize::from(key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_err())
}

/// The same of this crate, where both agree.
fn both(key: &PublicKey, message: &[u8], signature: &[u8; 64]) -> usize {
    let own = match verify(key, message, signature) {
        Ok(()) => 0,
        Err(Refusal::WrongSignature) => 1,
        Err(_) => 2,
    };
    assert_eq!(own, theirs(key, message, signature), "{key:02x?} {message:02x?} {signature:02x?}");
    own
}

fn joined(first: [u8; 32], second: [u8; 32]) -> [u8; 64] {
    core::array::from_fn(|at| if at < 32 { first[at] } else { second[at - 32] })
}

/// s + the group's order, where that fits 32 bytes: the other form of the same scalar.
fn unreduced(scalar: [u8; 32]) -> [u8; 32] {
    let mut order = (-Scalar::ONE).to_bytes();
    order[0] += 1;
    let mut carry = 0;
    core::array::from_fn(|at| {
        carry = u16::from(scalar[at]) + u16::from(order[at]) + (carry >> 8);
        carry as u8
    })
}

/// The bytes of y + 2^255 - 19, with either sign: no encoder writes them.
fn second_form(y: u8, sign: u8) -> [u8; 32] {
    core::array::from_fn(|at| match at {
        0 => 0xed + y,
        31 => 0x7f | sign << 7,
        _ => 0xff,
    })
}

/// Keys and commitments with and without a part of small order, of small order alone, and in a second form; with the s that fits them up to that part.
#[test]
fn the_edges_are_those_of_the_signature_crate() {
    let secret = Scalar::from(0x1234_5678_9abc_def1_u64).invert();
    let nonce = Scalar::from(0x0fed_cba9_8765_4321_u64).invert();
    let mut forms = heapless::Vec::<_, 64>::new();
    for (scalar, base) in [(secret, EdwardsPoint::mul_base(&secret)), (Scalar::ZERO, EIGHT_TORSION[0])] {
        forms.extend(EIGHT_TORSION.map(|small| (scalar, (base + small).compress().to_bytes())));
    }
    for y in 0..19 {
        forms.extend([0, 1].map(|sign| (Scalar::ZERO, second_form(y, sign))));
    }
    let mut seen = [0; 3];
    for (secret, key) in &forms {
        for (at, (own, commitment)) in forms.iter().enumerate() {
            // The commitment that goes with the nonce, in the same eight forms.
            let point = EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[at % 8];
            let (nonce, commitment) = if *own == Scalar::ZERO {
                (Scalar::ZERO, *commitment)
            } else {
                (nonce, point.compress().to_bytes())
            };
            for message in 0..8u8 {
                let hash = Sha512::new().chain_update(commitment).chain_update(key).chain_update([message]);
                let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
                let response = (nonce + challenge * secret).to_bytes();
                seen[both(key, &[message], &joined(commitment, response))] += 1;
                assert_ne!(both(key, &[message], &joined(commitment, unreduced(response))), 0);
            }
        }
    }
    // A key with a part of small order fits where the challenge cancels it: both crates take that.
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
    for small in EIGHT_TORSION {
        let key = small.compress().to_bytes();
        assert_eq!(both(&key, b"any", &joined(key, [0; 32])), 1);
    }
}

#[test]
fn seeded_keys_and_bytes() {
    let mut seen = [0; 3];
    for seed in 0..200u32 {
        let drawn: [u8; 64] = Sha512::digest(seed.to_le_bytes()).into();
        let mut half = [0; 32];
        half.copy_from_slice(&drawn[..32]);
        let signing = SigningKey::from_bytes(&half);
        let key = signing.verifying_key().to_bytes();
        assert_eq!(both(&key, &drawn, &signing.sign(&drawn).to_bytes()), 0);
        // Bytes that are a key half of the time, and no signature.
        seen[both(&half, b"", &drawn)] += 1;
        assert_eq!(
            CompressedEdwardsY(half).decompress().is_none(),
            verify(&half, b"", &drawn) == Err(Refusal::BadKey)
        );
    }
    assert!(seen[0] == 0 && seen[1] > 50 && seen[2] > 50, "{seen:?}");
}
