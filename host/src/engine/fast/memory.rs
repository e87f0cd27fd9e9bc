//! Edges, registers and state of a block: what the machine keeps in its lent words, times the lanes.
//!
//! Edges have a lane for each sample of the block. Registers have one for each sample at each of the positions that run
//! side by side, the samples of a position next to each other.

use spandrel_core::image::{Edge, Plan};

/// An edge, every signal a row of lanes, slot after slot.
#[derive(Debug, Default)]
pub(super) struct Ring {
    pub(super) data: Vec<i32>,
    pub(super) head: usize,
}

/// Input and sum registers.
#[derive(Debug, Default)]
pub(super) struct Registers {
    /// Lanes of a row: samples times positions.
    pub(super) width: usize,
    /// Input registers, each a row.
    pub(super) inputs: Vec<i32>,
    /// Sum registers, each a row.
    pub(super) sums: Vec<i32>,
    /// Never the same for two contents of the input registers.
    pub(super) version: u64,
}

/// The memory of a block.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Samples in the block.
    pub(super) lanes: usize,
    /// Edges in number order.
    pub(super) rings: Vec<Ring>,
    /// State, every word a row of lanes.
    pub(super) state: Vec<i32>,
}

impl Ring {
    /// Position of the row of signal 0 in the slot written `age` ticks ago.
    pub(super) fn at(&self, edge: &Edge, age: usize, lanes: usize) -> usize {
        let slots = usize::from(edge.slots);
        (self.head + slots - age % slots) % slots * edge.length as usize * lanes
    }

    fn clear_head(&mut self, edge: &Edge, lanes: usize) {
        let at = self.at(edge, 0, lanes);
        self.data[at..at + edge.length as usize * lanes].fill(edge.reset);
    }

    /// Back to the reset state.
    pub(super) fn reset(&mut self, edge: &Edge, lanes: usize) {
        self.head = 0;
        self.data.clear();
        self.data.resize(edge.length as usize * usize::from(edge.slots) * lanes, edge.reset);
    }

    /// One tick.
    pub(super) fn turn(&mut self, edge: &Edge, lanes: usize) {
        self.head = (self.head + 1) % usize::from(edge.slots);
        if edge.clear_on_tick {
            self.clear_head(edge, lanes);
        }
    }
}

fn zeros(words: &mut Vec<i32>, count: usize) {
    words.clear();
    words.resize(count, 0);
}

impl Memory {
    /// Everything back to its reset value, for `lanes` samples.
    pub(super) fn reset(&mut self, edges: &[Edge], plan: &Plan, lanes: usize) {
        self.lanes = lanes;
        self.rings.resize_with(edges.len(), Ring::default);
        for (ring, edge) in self.rings.iter_mut().zip(edges) {
            ring.reset(edge, lanes);
        }
        zeros(&mut self.state, plan.state as usize * lanes);
    }
}

impl Registers {
    /// So many registers of zero, `width` lanes each.
    pub(super) fn reset(&mut self, (inputs, sums): (usize, usize), width: usize) {
        self.width = width;
        zeros(&mut self.inputs, inputs * width);
        zeros(&mut self.sums, sums * width);
    }

    /// As [`Registers::reset`], what the registers hold being left open.
    pub(super) fn reshape(&mut self, (inputs, sums): (usize, usize), width: usize) {
        self.width = width;
        self.inputs.resize(inputs * width, 0);
        self.sums.resize(sums * width, 0);
    }

    /// Keeps the largest output of a group of `pool` columns. Groups move together; sum registers behind them keep their sums.
    pub(super) fn pool(&mut self, column: usize, pool: u8, value: &[i32]) {
        let pool = usize::from(pool);
        let kept = &mut self.sums[column / pool * self.width..][..self.width];
        if column.is_multiple_of(pool) {
            kept.copy_from_slice(value);
        } else {
            for (kept, value) in kept.iter_mut().zip(value) {
                *kept = (*kept).max(*value);
            }
        }
    }
}
