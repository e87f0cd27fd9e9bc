//! The soma: what a neuron does with the sum that its synapses give it.

use super::config::{Current, Fire, Limit, Output, Reset, Spiking};
use crate::{
    arith::{saturate_bits, saturate_i32, shift_toward_zero, wrap_bits},
    image::Tables,
    mac::{Overflow, Param},
};

/// State of a neuron, as its words hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Cell {
    /// Potential V.
    pub potential: i32,
    /// Current U; unused without a current.
    pub current: i32,
    /// Ticks for which the neuron is still refractory; negative counts as none.
    pub refractory: i32,
}

/// What a tick made of a neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticked {
    /// The state after the tick.
    pub cell: Cell,
    /// Spikes sent, 0..=`spikes_out`.
    pub spikes: i32,
}

impl Ticked {
    /// What leaves for the sum register.
    #[must_use]
    #[inline]
    pub const fn output(&self, spiking: &Spiking) -> i32 {
        match spiking.output {
            Output::Spikes => self.spikes,
            Output::Potential => self.cell.potential,
        }
    }
}

/// Whether a core whose clock shows `clock` lives through this tick.
#[must_use]
#[inline]
pub const fn running(spiking: &Spiking, clock: i32) -> bool {
    clock >= 0 && (spiking.window == 0 || (clock as u32) < spiking.window)
}

/// The clock after a tick. It stops at its largest value, so a window never begins by itself a second time.
#[must_use]
#[inline]
pub const fn next_clock(clock: i32) -> i32 {
    clock.saturating_add(1)
}

#[inline]
fn value(param: Param<i32>, tables: &Tables<'_>, neuron: u32) -> i32 {
    match param {
        Param::Core(value) => value,
        // Parsing has shown that the entry exists.
        Param::Column { table } => {
            tables.get(table).and_then(|table| table.get(neuron as usize)).unwrap_or(0)
        }
    }
}

#[inline]
const fn fit(value: i64, bits: u8, limit: Limit) -> i64 {
    match limit {
        Limit::Wrap => wrap_bits(value, bits),
        Limit::TwosComplement => saturate_bits(value, bits),
        Limit::Symmetric => {
            let held = saturate_bits(value, bits);
            let least = -saturate_bits(i64::MAX, bits);
            if held < least { least } else { held }
        }
    }
}

/// One tick of neuron `neuron`, whose synapses gave `sum`, in a core whose clock shows `clock`. The words of `cell` may hold
/// anything.
#[must_use]
#[inline]
pub fn soma(spiking: &Spiking, tables: &Tables<'_>, neuron: u32, clock: i32, cell: Cell, sum: i32) -> Ticked {
    if !running(spiking, clock) {
        return Ticked { cell, spikes: 0 };
    }
    let mut cell = cell;
    if clock == 0 {
        cell = Cell { potential: value(spiking.v_init, tables, neuron), current: 0, refractory: 0 };
    }
    let decay_bits = u32::from(spiking.decay_bits);
    let held = cell.refractory > 0;
    let arriving = if held && !spiking.refractory_collects { 0 } else { i64::from(sum) };
    let current = match spiking.current {
        None => arriving,
        Some(Current { keep, bits, overflow }) => {
            let keep = i64::from(value(keep, tables, neuron));
            let sum = shift_toward_zero(i64::from(cell.current) * keep, decay_bits) + arriving;
            let current = match overflow {
                Overflow::Wrap => wrap_bits(sum, bits),
                Overflow::Saturate => saturate_bits(sum, bits),
            };
            cell.current = current as i32;
            current
        }
    };
    if held {
        cell.refractory -= 1;
        return Ticked { cell, spikes: 0 };
    }
    let keep = i64::from(value(spiking.keep, tables, neuron));
    let leak = i64::from(value(spiking.leak, tables, neuron));
    // At most 33 bits each: all sums below fit 64 bits.
    let mut potential = shift_toward_zero(i64::from(cell.potential) * keep, decay_bits) + current + leak;
    if let Some(floor) = spiking.floor {
        potential = potential.max(i64::from(value(floor, tables, neuron)));
    }
    potential = fit(potential, spiking.potential_bits, spiking.limit);
    let threshold = i64::from(value(spiking.threshold, tables, neuron)) << spiking.threshold_shift;
    let spikes = spikes(spiking, potential, threshold);
    if spikes > 0 {
        potential = match spiking.reset {
            Reset::Zero => 0,
            Reset::Value(reset) => i64::from(value(reset, tables, neuron)),
            Reset::Subtract => potential - spikes * threshold,
        };
        cell.refractory = value(spiking.refractory, tables, neuron);
    }
    cell.potential = saturate_i32(potential);
    Ticked { cell, spikes: saturate_i32(spikes) }
}

/// How often the threshold can be taken away while the neuron still fires, at most `spikes_out` times.
#[inline]
fn spikes(spiking: &Spiking, potential: i64, threshold: i64) -> i64 {
    let beyond = match spiking.fire {
        Fire::AtThreshold => potential - threshold,
        Fire::AboveThreshold => potential - threshold - 1,
    };
    if beyond < 0 {
        return 0;
    }
    let most = i64::from(spiking.spikes_out);
    // Parsing has shown that the threshold is not 0 where there may be several.
    if most == 1 { 1 } else { (beyond / threshold.max(1) + 1).min(most) }
}
