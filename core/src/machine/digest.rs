//! The digests of state and of outputs, the same in every engine.
//!
//! `spandrel-state-1` is SHA-256 over little-endian i32 values in this order: for every edge
//! in number order, for every age from 0 up, every signal in order; then every word of state.
//! Registers and counters are no part of it, nor is where a ring's head happens to lie.
//!
//! `spandrel-output-1` is SHA-256 over the emitted signals in the order of emission, six
//! bytes a signal: the output's number as little-endian u16, the value as little-endian i32.

use super::{memory, probe::Probe};
use crate::image::{Digest32, Image};
use sha2::{Digest, Sha256};

/// The name of the state digest's definition.
pub const STATE_DIGEST: &str = "spandrel-state-1";
/// The name of the output digest's definition.
pub const OUTPUT_DIGEST: &str = "spandrel-output-1";

/// The machine's state at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'i, 'r> {
    pub(crate) image: &'r Image<'i>,
    pub(crate) ram: &'r [u32],
}

impl<'i, 'r> Snapshot<'i, 'r> {
    /// The state that `ram`, laid out as the image's plan says, holds.
    #[must_use]
    pub const fn new(image: &'r Image<'i>, ram: &'r [u32]) -> Self {
        Self { image, ram }
    }

    /// Signal `signal` of edge `edge` as written `age` ticks ago.
    #[must_use]
    pub fn signal(&self, edge: u32, age: u16, signal: u32) -> Option<i32> {
        let edge = self.image.edge(edge)?;
        memory::read(self.ram, &edge, memory::slot(self.ram, &edge, age), signal)
    }

    /// Word `index` of state.
    #[must_use]
    pub fn state(&self, index: u32) -> Option<i32> {
        let plan = self.image.plan();
        if index >= plan.state {
            return None;
        }
        let at = plan.state_at()?.checked_add(index)?;
        self.ram.get(usize::try_from(at).ok()?).map(|word| *word as i32)
    }

    /// `spandrel-state-1` of this state.
    #[must_use]
    pub fn digest(&self) -> Digest32 {
        let mut hash = Sha256::new();
        for number in 0..self.image.edge_count() {
            let Some(edge) = self.image.edge(number) else { continue };
            for age in 0..edge.slots {
                let slot = memory::slot(self.ram, &edge, age);
                for signal in 0..edge.length {
                    let value = memory::read(self.ram, &edge, slot, signal).unwrap_or(0);
                    hash.update(value.to_le_bytes());
                }
            }
        }
        for index in 0..self.image.plan().state {
            hash.update(self.state(index).unwrap_or(0).to_le_bytes());
        }
        hash.finalize().into()
    }
}

/// `spandrel-output-1` of the signals emitted so far: of one sample, or of any number of
/// samples one behind the other. It is a probe, so an engine needs no more than to be shown it.
#[derive(Clone, Debug, Default)]
pub struct OutputDigest(Sha256);

impl OutputDigest {
    /// Nothing emitted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next emitted signal: `value` on output `output`.
    pub fn add(&mut self, output: u16, value: i32) {
        self.0.update(output.to_le_bytes());
        self.0.update(value.to_le_bytes());
    }

    /// The digest of everything taken so far.
    #[must_use]
    pub fn digest(&self) -> Digest32 {
        self.0.clone().finalize().into()
    }
}

impl Probe for OutputDigest {
    fn emit(&mut self, output: u16, _: u32, value: i32) {
        self.add(output, value);
    }
}

#[cfg(test)]
mod tests {
    use super::OutputDigest;
    use crate::machine::Probe;

    #[test]
    fn output_digest_of_literal_signals() {
        // SHA-256 of no bytes, and of 0000 05000000 0000 FFFFFFFF 0201 70110100, by an independent program.
        let mut outputs = OutputDigest::new();
        assert_eq!(outputs.digest()[..8], [0xE3, 0xB0, 0xC4, 0x42, 0x98, 0xFC, 0x1C, 0x14]);
        for (index, (output, value)) in (7..).zip([(0, 5), (0, -1), (258, 70_000)]) {
            outputs.emit(output, index, value);
        }
        assert_eq!(
            outputs.digest(),
            [
                0xF0, 0xFF, 0x09, 0xCA, 0xBD, 0xC6, 0x99, 0xA9, 0x17, 0x93, 0xF4, 0x6A, 0x4C, 0x68, 0x97,
                0x3D, 0xD4, 0xFB, 0x52, 0xEE, 0xB9, 0x68, 0x91, 0x3E, 0xF0, 0x64, 0xA9, 0x66, 0x65, 0x36,
                0xF9, 0xC7,
            ]
        );
    }
}
