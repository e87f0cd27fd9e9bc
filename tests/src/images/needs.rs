//! What an image under construction needs: registers, state, and the places of its edges.

use super::ImageBuilder;
use spandrel_core::{
    image::{Config, Edge, Instruction, ResetTarget},
    mac::Param,
};

/// Words of state that an invocation takes: a clock, and a word a neuron for each thing it remembers.
fn state_words(config: &Config) -> u64 {
    let Config::Spiking(spiking) = config else { return 0 };
    let rests = spiking.refractory != Param::Core(0);
    1 + u64::from(spiking.columns) * (1 + u64::from(spiking.current.is_some()) + u64::from(rests))
}

impl ImageBuilder {
    /// Number of input registers, sum registers and words of state that the program uses.
    /// Dangling references count as nothing.
    #[must_use]
    pub fn registers(&self) -> (u32, u32, u32) {
        let elements = |access: u32| {
            let Some(access) = self.accesses.get(access as usize) else { return 0 };
            match self.tables.get(access.table as usize) {
                Some(table) => table.len() as u64,
                None => access.dims.iter().map(|dim| u64::from(dim.count)).product(),
            }
        };
        let (mut inputs, mut sums, mut state) = (0u64, 0u64, 0u64);
        let mut open: Vec<(u16, u64)> = Vec::new();
        for instruction in &self.program {
            match *instruction {
                Instruction::Loop { register, trips } => open.push((u16::from(register), u64::from(trips))),
                Instruction::End { .. } => drop(open.pop()),
                Instruction::Gather { access, first } => {
                    inputs = inputs.max(u64::from(first) + elements(access));
                }
                Instruction::Scatter { access, first, .. }
                | Instruction::Add { access, first, .. }
                | Instruction::Rate { access, first, .. } => {
                    sums = sums.max(u64::from(first) + elements(access));
                }
                Instruction::Invoke { config, state: first, register, stride, .. } => {
                    let Some(config) = self.configs.get(config as usize) else { continue };
                    inputs = inputs.max(u64::from(config.rows()));
                    sums = sums.max(u64::from(config.sums()));
                    let trips = open.iter().find(|(r, _)| *r == register).map_or(1, |(_, trips)| *trips);
                    let last = trips.saturating_sub(1) * u64::from(stride);
                    state = state.max(last + u64::from(first) + state_words(config));
                }
                Instruction::Reset(ResetTarget::State { first, words, .. }) => {
                    state = state.max(u64::from(first) + u64::from(words));
                }
                _ => {}
            }
        }
        (inputs as u32, sums as u32, state as u32)
    }

    /// The edges with their places in memory, and the words of memory in all.
    #[must_use]
    pub fn placed_edges(&self) -> (Vec<Edge>, u32) {
        let (inputs, sums, state) = self.registers();
        let mut at = 32 + inputs + sums + state;
        let mut placed = Vec::new();
        for edge in &self.edges {
            placed.push(Edge { ram_offset: at, ..*edge });
            let slot = (u64::from(edge.length) * u64::from(edge.codec.bits())).div_ceil(32) as u32;
            at = at
                .wrapping_add(slot.wrapping_mul(u32::from(edge.slots)))
                .wrapping_add(u32::from(edge.slots > 1));
        }
        (placed, at)
    }
}
