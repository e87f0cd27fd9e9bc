//! Arrays out of numpy's archives (.npz), and into its files (.npy): enough to cut samples anew without a dependency.

mod inflate;

use crate::process::Result;
use inflate::inflate;

/// An array: shape, numpy's name of the element type, and the bytes of the elements, last axis fastest.
pub(crate) struct Bytes {
    pub(crate) shape: Vec<usize>,
    pub(crate) kind: String,
    pub(crate) data: Vec<u8>,
}

fn word(bytes: &[u8], at: usize, length: usize) -> Result<usize> {
    let part = bytes.get(at..at + length).ok_or("the archive is cut short")?;
    Ok(part.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

/// The array `name` of an archive, which must have elements of one byte.
///
/// # Errors
/// It is no such archive, or has no such array.
pub(crate) fn array(archive: &[u8], name: &str) -> Result<Bytes> {
    let wanted = format!("{name}.npy");
    // The directory stands at the end, before a record that tells where.
    let end = archive.windows(4).rposition(|four| four == b"PK\x05\x06").ok_or("no zip archive")?;
    let (count, mut at) = (word(archive, end + 10, 2)?, word(archive, end + 16, 4)?);
    for _ in 0..count {
        let (method, packed, size) =
            (word(archive, at + 10, 2)?, word(archive, at + 20, 4)?, word(archive, at + 24, 4)?);
        let lengths = [word(archive, at + 28, 2)?, word(archive, at + 30, 2)?, word(archive, at + 32, 2)?];
        let local = word(archive, at + 42, 4)?;
        let found = archive.get(at + 46..at + 46 + lengths[0]).ok_or("the archive is cut short")?;
        if found == wanted.as_bytes() {
            let from = local + 30 + word(archive, local + 26, 2)? + word(archive, local + 28, 2)?;
            let part = archive.get(from..from + packed).ok_or("the archive is cut short")?;
            let bytes = match method {
                0 => part.to_vec(),
                8 => inflate(part, size)?,
                other => return Err(format!("packing method {other} is not known")),
            };
            return npy(&bytes);
        }
        at += 46 + lengths.iter().sum::<usize>();
    }
    Err(format!("the archive has no array {name:?}"))
}

/// The array in an .npy file.
fn npy(bytes: &[u8]) -> Result<Bytes> {
    if !bytes.starts_with(b"\x93NUMPY\x01") {
        return Err("not an .npy file of version 1".into());
    }
    let length = word(bytes, 8, 2)?;
    let head = bytes.get(10..10 + length).ok_or("the header is cut short")?;
    let head = String::from_utf8_lossy(head).into_owned();
    let after = |key: &str| head.split_once(key).map(|(_, rest)| rest).ok_or("the header lacks a field");
    let kind = after("'descr':")?.split('\'').nth(1).unwrap_or_default().to_owned();
    let inside = after("'shape':")?.split(['(', ')']).nth(1).unwrap_or_default();
    let sizes = inside.split(',').map(str::trim).filter(|size| !size.is_empty());
    let shape: Vec<usize> = sizes.map(|size| size.parse().unwrap_or(0)).collect();
    let data = bytes[10 + length..].to_vec();
    if !matches!(kind.as_str(), "|u1" | "|i1") || data.len() != shape.iter().product::<usize>() {
        return Err(format!("elements of type {kind:?} are not read here"));
    }
    Ok(Bytes { shape, kind, data })
}

/// An array of f32, uniform within +-`within`, from a fixed seed (the generator is SplitMix64).
pub(crate) fn uniform(shape: &[usize], within: f32) -> Bytes {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 24 bits, so that the quotient is exact.
        ((z ^ z >> 31) >> 40) as f32 / (1u32 << 24) as f32
    };
    let count = shape.iter().product();
    let data = (0..count).flat_map(|_: usize| (within * (2.0 * next() - 1.0)).to_le_bytes()).collect();
    Bytes { shape: shape.to_vec(), kind: "<f4".into(), data }
}

impl Bytes {
    /// Every second slice along axis 1, from the first on.
    pub(crate) fn every_second(&self) -> Self {
        let frames = self.shape[1];
        let slice: usize = self.shape[2..].iter().product();
        let kept =
            self.data.chunks_exact(slice).enumerate().filter(|(at, _)| (at % frames).is_multiple_of(2));
        let data = kept.flat_map(|(_, slice)| slice.iter().copied()).collect();
        let mut shape = self.shape.clone();
        shape[1] = frames.div_ceil(2);
        Self { shape, kind: self.kind.clone(), data }
    }

    /// The .npy file.
    pub(crate) fn to_npy(&self) -> Vec<u8> {
        let sizes: Vec<String> = self.shape.iter().map(ToString::to_string).collect();
        let mut head = format!(
            "{{'descr': '{}', 'fortran_order': False, 'shape': ({},), }}",
            self.kind,
            sizes.join(", ")
        );
        let length = (10 + head.len() + 1).next_multiple_of(64) - 10;
        head.extend(std::iter::repeat_n(' ', length - 1 - head.len()));
        head.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((length as u16).to_le_bytes());
        bytes.extend(head.bytes());
        bytes.extend_from_slice(&self.data);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, npy};

    #[test]
    fn every_second_slice_is_kept_and_survives_its_file() {
        let all = Bytes { shape: vec![2, 3, 2], kind: "|i1".into(), data: (0..12).collect() };
        let half = all.every_second();
        assert_eq!(
            (half.shape.as_slice(), half.data.as_slice()),
            (&[2, 2, 2][..], &[0, 1, 4, 5, 6, 7, 10, 11][..])
        );
        let again = npy(&half.to_npy()).unwrap();
        assert_eq!((again.shape, again.kind, again.data), (half.shape, half.kind, half.data));
        assert!(npy(b"PK").is_err() && super::array(b"nothing", "x").is_err());
    }
}
