//! One invocation of a spiking core for a block: synapses by events, then every neuron through its tick on all lanes.
//!
//! Few axons bring a spike in a tick. So weights are kept axon by axon, and an axon's row is added to the sums of the lanes in which
//! it has one; the others cost a comparison. A tick of plain neurons (at most one spike, no refractory counter) is a loop over
//! lanes without branches; all else, and the first tick of a window, is left to the function of `spandrel-core`.

use std::sync::{Arc, OnceLock};

use super::{drive::Scratch, memory::Registers, product::vectorised};
use spandrel_core::{
    blob::{CHUNK_ROWS, Column, StoreFault},
    image::{Image, NO_BLOB, Tables},
    mac::{Overflow, Param},
    spiking::{Cell, Current, Fire, Limit, Output, Reset, Spiking, next_clock, running, soma, spikes_of},
};

/// A blob's weights, axon by axon, columns fastest; decoded when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Axons(OnceLock<Result<Vec<i32>, StoreFault>>);

/// A spiking core's configuration.
#[derive(Debug)]
pub(super) struct Neurons {
    pub(super) spiking: Spiking,
    pub(super) axons: Arc<Axons>,
}

impl Axons {
    /// Bytes of the decoded weights of blob `blob`.
    pub(super) fn bytes(image: &Image<'_>, blob: u32) -> u64 {
        image.blob(blob).map_or(0, |blob| u64::from(blob.rows) * u64::from(blob.columns) * 4)
    }

    fn get(&self, image: &Image<'_>, spiking: &Spiking) -> Result<&[i32], StoreFault> {
        let decoded = self.0.get_or_init(|| {
            if spiking.blob == NO_BLOB {
                return Ok(Vec::new());
            }
            let blob = image.blob(spiking.blob).ok_or(StoreFault)?;
            let (rows, columns) = (blob.rows as usize, blob.columns as usize);
            let store = image.weights();
            let mut weights = vec![0; rows * columns];
            for column in 0..columns {
                let cells = Column::new(blob, *image.tables(), &store, column as u32);
                for first in (0..rows).step_by(CHUNK_ROWS) {
                    let mut chunk = [0i32; CHUNK_ROWS];
                    let count = CHUNK_ROWS.min(rows - first);
                    cells.read(first as u32, &mut chunk[..count])?;
                    for (row, weight) in (first..).zip(&chunk[..count]) {
                        weights[row * columns + column] = *weight;
                    }
                }
            }
            Ok(weights)
        });
        match decoded {
            Ok(weights) => Ok(weights),
            Err(fault) => Err(*fault),
        }
    }
}

/// What neurons of a core have in common with a plain one: parameters as values.
#[derive(Clone, Copy)]
struct Plain {
    keep: i64,
    leak: i64,
    current: Option<(i64, u8, Overflow)>,
    decay_bits: u32,
    floor: i64,
    low: i64,
    high: i64,
    /// Bits that are lost when the potential wraps; 0 when it saturates.
    wrapped: u32,
    /// Fires from here on.
    from: i64,
    reset: i64,
    /// Taken away by a spike, if it does not reset to a value.
    subtract: Option<i64>,
    potentials: bool,
}

/// x * keep / 2^bits, toward zero.
#[inline(always)]
fn decayed(value: i32, keep: i64, bits: u32) -> i64 {
    let product = i64::from(value) * keep;
    (product + ((product >> 63) & ((1i64 << bits) - 1))) >> bits
}

impl Neurons {
    /// Bytes of scratch that a lane takes.
    pub(super) fn lane_bytes(&self) -> u64 {
        4 * u64::from(self.spiking.columns) + 16
    }

    /// The configuration of neuron `neuron`: what tables hold for each neuron is put in.
    fn of_neuron(&self, tables: &Tables<'_>, neuron: u32) -> Spiking {
        let own = |param| match param {
            Param::Core(_) => param,
            Param::Column { table } => {
                let entry = tables.get(table).and_then(|table| table.get(neuron as usize));
                // The image's parser has shown that there is one.
                Param::Core(entry.unwrap_or(0))
            }
        };
        let core = &self.spiking;
        Spiking {
            threshold: own(core.threshold),
            leak: own(core.leak),
            current: core.current.map(|current| Current { keep: own(current.keep), ..current }),
            keep: own(core.keep),
            reset: match core.reset {
                Reset::Value(value) => Reset::Value(own(value)),
                other => other,
            },
            v_init: own(core.v_init),
            floor: core.floor.map(own),
            refractory: own(core.refractory),
            ..*core
        }
    }

    /// The plain form of a neuron whose parameters are values, if it has one.
    fn plain(core: &Spiking, counts: bool) -> Option<Plain> {
        if counts || core.spikes_out > 1 {
            return None;
        }
        let threshold = value(core.threshold) << core.threshold_shift;
        Some(Plain {
            keep: value(core.keep),
            leak: value(core.leak),
            current: core.current.map(|current| (value(current.keep), current.bits, current.overflow)),
            decay_bits: u32::from(core.decay_bits),
            floor: core.floor.map_or(i64::MIN, value),
            low: core.least(),
            high: core.most(),
            wrapped: if core.limit == Limit::Wrap { 64 - u32::from(core.potential_bits) } else { 0 },
            from: threshold + i64::from(core.fire == Fire::AboveThreshold),
            reset: if let Reset::Value(reset) = core.reset { value(reset) } else { 0 },
            subtract: (core.reset == Reset::Subtract).then_some(threshold),
            potentials: core.output == Output::Potential,
        })
    }

    /// Runs the configuration on input and sum registers and on its `state`, `registers.width` lanes a word; `each` sees every
    /// neuron's sum and, when it ticks, output.
    pub(super) fn invoke(
        &self,
        image: &Image<'_>,
        (registers, state): (&mut Registers, &mut [i32]),
        scratch: &mut Scratch,
        (accumulate, finish): (bool, bool),
        mut each: impl FnMut(u32, &[i32], Option<&[i32]>),
    ) -> Result<(), StoreFault> {
        let weights = self.axons.get(image, &self.spiking)?;
        let tables = image.tables();
        let (width, columns) = (registers.width, self.spiking.columns as usize);
        let Scratch { read, value, codes, .. } = scratch;
        codes.clear();
        codes.resize(columns * width, 0);
        for row in 0..self.spiking.rows as usize {
            let own = &weights[row * columns..][..columns];
            let lanes = &registers.inputs[row * width..][..width];
            for (x, sums) in lanes.iter().zip(codes.chunks_exact_mut(columns)) {
                let spikes = spikes_of(&self.spiking, *x);
                if spikes != 0 {
                    vectorised(|()| arrive(sums, own, spikes), ());
                }
            }
        }
        read.resize(width, 0);
        value.resize(width, 0);
        let (clocks, state) = state.split_at_mut(width);
        let (potentials, state) = state.split_at_mut(columns * width);
        let has_current = self.spiking.current.is_some();
        let (currents, rests) = state.split_at_mut(if has_current { columns * width } else { 0 });
        let counts = self.spiking.counts_refractory();
        let lively = clocks.iter().all(|clock| *clock > 0 && running(&self.spiking, *clock));
        for column in 0..columns {
            for (lane, read) in read.iter_mut().enumerate() {
                *read = codes[lane * columns + column] << self.spiking.weight_shift;
            }
            let sums = &mut registers.sums[column * width..][..width];
            for (sum, read) in sums.iter_mut().zip(read.iter()) {
                *sum = if accumulate { sum.saturating_add(*read) } else { *read };
            }
            if !finish {
                each(column as u32, read, None);
                continue;
            }
            let own = self.of_neuron(tables, column as u32);
            let potentials = &mut potentials[column * width..][..width];
            let currents = currents.get_mut(column * width..(column + 1) * width).unwrap_or(&mut []);
            match Self::plain(&own, counts).filter(|_| lively) {
                Some(plain) => vectorised(|()| tick_plain(&plain, potentials, currents, sums), ()),
                None => {
                    let rests = if counts { &mut rests[column * width..][..width] } else { &mut [][..] };
                    tick_any(&own, tables, clocks, (potentials, currents, rests), sums);
                }
            }
            value.copy_from_slice(sums);
            each(column as u32, read, Some(value));
        }
        if finish {
            clocks.iter_mut().for_each(|clock| *clock = next_clock(*clock));
        }
        Ok(())
    }
}

/// The value of a parameter that is one.
const fn value(param: Param<i32>) -> i64 {
    if let Param::Core(value) = param { value as i64 } else { 0 }
}

/// `spikes` spikes reach all neurons of an axon. The image's parser has shown that no sum passes 32 bits.
#[inline(always)]
fn arrive(sums: &mut [i32], weights: &[i32], spikes: i32) {
    for (sum, weight) in sums.iter_mut().zip(weights) {
        *sum += weight * spikes;
    }
}

/// A tick of a plain neuron on all lanes; `sums` become outputs.
#[inline(always)]
fn tick_plain(plain: &Plain, potentials: &mut [i32], currents: &mut [i32], sums: &mut [i32]) {
    if let Some((keep, bits, overflow)) = plain.current {
        let lost = 64 - u32::from(bits);
        let most = (1i64 << (bits - 1)) - 1;
        for (current, sum) in currents.iter_mut().zip(sums.iter_mut()) {
            let next = decayed(*current, keep, plain.decay_bits) + i64::from(*sum);
            *current = match overflow {
                Overflow::Wrap => (next << lost) >> lost,
                Overflow::Saturate => next.clamp(-most - 1, most),
            } as i32;
            *sum = *current;
        }
    }
    for (potential, sum) in potentials.iter_mut().zip(sums) {
        let next = decayed(*potential, plain.keep, plain.decay_bits) + i64::from(*sum) + plain.leak;
        let next = next.max(plain.floor);
        let next = if plain.wrapped > 0 {
            (next << plain.wrapped) >> plain.wrapped
        } else {
            next.clamp(plain.low, plain.high)
        };
        let fires = next >= plain.from;
        let down = plain.subtract.map_or(plain.reset, |threshold| next - threshold);
        let after = if fires { down } else { next } as i32;
        *potential = after;
        *sum = if plain.potentials { after } else { i32::from(fires) };
    }
}

/// A tick of any neuron on all lanes; `sums` become outputs.
fn tick_any(
    own: &Spiking,
    tables: &Tables<'_>,
    clocks: &[i32],
    (potentials, currents, rests): (&mut [i32], &mut [i32], &mut [i32]),
    sums: &mut [i32],
) {
    for (lane, (sum, clock)) in sums.iter_mut().zip(clocks).enumerate() {
        let cell = Cell {
            potential: potentials[lane],
            current: currents.get(lane).copied().unwrap_or(0),
            refractory: rests.get(lane).copied().unwrap_or(0),
        };
        // The parameters are values: the number of the neuron is not looked at.
        let ticked = soma(own, tables, 0, *clock, cell, *sum);
        potentials[lane] = ticked.cell.potential;
        if let Some(current) = currents.get_mut(lane) {
            *current = ticked.cell.current;
        }
        if let Some(rest) = rests.get_mut(lane) {
            *rest = ticked.cell.refractory;
        }
        *sum = ticked.output(own);
    }
}
