//! Digests of what checks saw: two runs of a check with the same transcript compared the same values.

use spandrel_core::image::{Digest32, sha256};

/// Bytes that are digested at a time.
const BLOCK: usize = 1 << 16;

/// A chain of SHA-256: the digest of each block of 2^16 bytes goes in front of the next one. Empty when nothing was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    chain: Option<Digest32>,
    pending: Vec<u8>,
}

impl Transcript {
    /// Adds `bytes`.
    pub fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.pending.len()));
            self.pending.extend_from_slice(now);
            rest = later;
            if self.pending.len() == BLOCK {
                self.close();
            }
        }
    }

    /// Adds a number, as 8 bytes with the lowest first.
    pub fn number(&mut self, number: i64) {
        self.write(&number.to_le_bytes());
    }

    /// Adds the digest of `other`, unless that is empty. The result depends on the order of what is joined.
    pub fn join(&mut self, other: &Self) {
        if let Some(digest) = other.digest() {
            self.write(&digest);
        }
    }

    /// The digest of everything so far; `None` when there is nothing.
    #[must_use]
    pub fn digest(&self) -> Option<Digest32> {
        if self.pending.is_empty() {
            return self.chain;
        }
        let mut last = self.clone();
        last.close();
        last.chain
    }

    fn close(&mut self) {
        let mut block = self.chain.map_or_else(Vec::new, |chain| chain.to_vec());
        block.append(&mut self.pending);
        self.chain = Some(sha256(&block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_was_written_does_not_matter_but_what_and_in_which_order() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 7).map(|at| (at * 31 % 251) as u8).collect();
        let of = |size: usize| {
            let mut transcript = Transcript::default();
            bytes.chunks(size).for_each(|part| transcript.write(part));
            transcript.digest()
        };
        assert_eq!(of(1000), of(bytes.len()));
        let mut other = bytes.clone();
        other[BLOCK + 3] ^= 1;
        let mut transcript = Transcript::default();
        transcript.write(&other);
        assert_ne!(of(1000), transcript.digest());
        assert_eq!(Transcript::default().digest(), None);
        let mut short = Transcript::default();
        short.write(b"abc");
        assert_eq!(short.digest(), Some(sha256(b"abc")));
    }
}
