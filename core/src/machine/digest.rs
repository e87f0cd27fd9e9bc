//! The state digest, the same in every engine.
//!
//! `spandrel-state-1` is SHA-256 over little-endian i32 values in this order: for every edge
//! in number order, for every age from 0 up, every signal in order; then every word of state.
//! Registers and counters are no part of it, nor is where a ring's head happens to lie.

use super::memory;
use crate::image::{Digest32, Image};
use sha2::{Digest, Sha256};

/// The name of the state digest's definition.
pub const STATE_DIGEST: &str = "spandrel-state-1";

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
