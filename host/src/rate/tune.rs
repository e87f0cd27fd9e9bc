//! Whole numbers for every layer, one after the other, each fed with the spikes that the layers before it really send.
//!
//! A layer's weights are refitted to these counts, rounded with error feedback, and then its thresholds and offsets are corrected by
//! what its neurons count in a simulation on the calibration samples: what a reset to zero loses, what fires early and never
//! comes back, and what is left in potentials is all in those counts, and in no formula.

use super::build::Layers;
use super::layer::{From, Layer, Role};
use super::shift::shift;
use super::simulate::{Numbers, Soma, Train, Wiring, run};
use super::trial::powers;
use crate::numeric::parallel_map;

/// Registers of a chip's neurons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Largest magnitude of a weight; of typed axons of a value.
    pub weight: i32,
    /// Of typed axons: how many, each of another type, bring a signal to neurons with weights of their own; a weight is a whole number
    /// of so many bits times a step of each neuron.
    pub axons: Option<u8>,
    /// Largest threshold.
    pub threshold: i32,
    /// Largest leak; the least is one less than its negative.
    pub leak: i32,
    /// Whether potentials can begin elsewhere than at 0.
    pub start: bool,
    /// What neurons do.
    pub soma: Soma,
}

/// The network's input on the calibration samples.
#[derive(Clone, Debug)]
pub struct Fed {
    /// What the model sees, \[sample\]\[element\].
    pub values: Vec<f32>,
    /// Codes of each sample.
    pub codes: Vec<Vec<u32>>,
    /// What a spike of each element counts.
    pub unit: Vec<f64>,
    /// What no spike counts.
    pub base: Vec<f64>,
}

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Ticks.
    pub window: u32,
    /// Held to the trained weights by this share of the inputs' mean moment.
    pub ridge: f64,
    /// Rows of a fit.
    pub rows: usize,
    /// Corrections by simulated counts.
    pub passes: usize,
}

/// What became of a layer.
#[derive(Clone, Debug)]
pub struct TunedLayer {
    /// Its numbers.
    pub numbers: Numbers,
    /// What a spike of each neuron of a position counts.
    pub unit: Vec<f64>,
    /// Mean square of the values over mean square of the error, in decibels.
    pub snr_db: f64,
    /// Spikes of a sample, on average.
    pub spikes: f64,
    /// Spikes per neuron and tick of the wanted counts.
    pub wanted_rate: f64,
    /// Spikes of each neuron, all samples together.
    pub totals: Vec<u64>,
}

/// The zero of each output, which its counts are above.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// Of each layer.
    pub layers: Vec<TunedLayer>,
    /// What a count of 0 stands for, of each output.
    pub zeros: Vec<f64>,
    /// Counts of the outputs' layers, \[output\]\[sample\]\[neuron\].
    pub counts: Vec<Vec<Vec<u32>>>,
}

/// No neuron's full rate stands for less than this share of its layer's largest value.
pub(super) const LEAST: f64 = 0.25;

/// Everything known while layers are tuned.
pub(super) struct Tuner<'l> {
    layers: &'l Layers,
    fed: &'l Fed,
    pub(super) effort: Effort,
    pub(super) registers: Registers,
    pub(super) samples: usize,
    input: Vec<Train>,
    trains: Vec<Vec<Train>>,
    units: Vec<Vec<f64>>,
    /// Reference values of each layer, \[sample\]\[neuron\].
    values: Vec<Vec<f32>>,
    pub(super) uniform: Vec<bool>,
    /// Whether the largest element of the first output is all that counts.
    pub(super) decision: bool,
    /// Of parts whose sums take them all with the same weight: the unit of each neuron of a position.
    pub(super) shared: Vec<Option<Vec<f64>>>,
}

/// Tunes all layers; `decision`: the largest element of the first output is all that counts.
pub fn tune(layers: &mut Layers, fed: &Fed, registers: Registers, effort: Effort, decision: bool) -> Tuned {
    let samples = fed.codes.len();
    let input = parallel_map(samples, |sample| Train::of_codes(&fed.codes[sample], effort.window));
    let count = layers.layers.len();
    let uniform = uniform(layers);
    // Types' values leave no room for leaks as large as means.
    if registers.axons.is_none() {
        shift(layers, fed);
    }
    let own = layers.clone();
    let mut tuner = Tuner {
        layers: &own,
        fed,
        effort,
        registers,
        samples,
        input,
        trains: vec![Vec::new(); count],
        units: vec![Vec::new(); count],
        values: vec![Vec::new(); count],
        uniform,
        decision,
        shared: vec![None; count],
    };
    let mut tuned = Tuned { layers: Vec::new(), zeros: Vec::new(), counts: Vec::new() };
    let mut zeros = vec![0.0; own.outputs.len()];
    let mut counts = vec![Vec::new(); own.outputs.len()];
    for number in 0..count {
        let mut layer = own.layers[number].clone();
        let mut sums = tuner.sums(&layer);
        tuner.values[number] = sums.iter().map(|z| z.max(0.0)).collect();
        let told = own.outputs.iter().position(|told| told.layer == number);
        let mut span = None;
        if let Some(told) = told {
            let (zero, top) = ends(&sums, &layer, own.outputs[told].signed, decision && told == 0);
            zeros[told] = zero;
            layer.bias.iter_mut().for_each(|bias| *bias -= zero);
            sums.iter_mut().for_each(|z| *z -= zero as f32);
            span = Some(top - zero);
        }
        if registers.axons.is_some() && layer.role == Role::Part && tuner.shared[number].is_none() {
            tuner.share(number);
        }
        let wiring = Wiring::new(&layer, |from| tuner.size(from));
        let made = tuner.layer(number, &layer, &wiring, &sums, span);
        let trains = tuner.run(&layer, &wiring, &made.numbers, samples);
        let (signal, noise) = powers(&layer, &sums, &made);
        let spikes: usize = trains.iter().map(Train::spikes).sum();
        let mut totals = vec![0u64; layer.len()];
        for own in &made.counts {
            totals.iter_mut().zip(own).for_each(|(total, n)| *total += u64::from(*n));
        }
        let window = f64::from(effort.window);
        let wanted = sums
            .iter()
            .enumerate()
            .map(|(at, z)| (f64::from(*z) / made.unit[at % layer.width()]).clamp(0.0, window));
        let cells = (sums.len().max(1)) as f64;
        let wanted_rate = wanted.sum::<f64>() / cells / window;
        if let Some(told) = told {
            counts[told] = made.counts;
        }
        tuner.trains[number] = trains;
        tuner.units[number].clone_from(&made.unit);
        tuned.layers.push(TunedLayer {
            numbers: made.numbers,
            unit: made.unit,
            snr_db: 10.0 * libm::log10(signal.max(1e-300) / noise.max(1e-300)),
            spikes: spikes as f64 / samples.max(1) as f64,
            wanted_rate,
            totals,
        });
        // What nothing reads any more is let go.
        for old in 0..number {
            let read = |layer: &Layer| layer.from.contains(&From::Layer(old));
            if !own.layers[number + 1..].iter().any(read) {
                tuner.trains[old] = Vec::new();
                tuner.values[old] = Vec::new();
            }
        }
    }
    tuned.zeros = zeros;
    tuned.counts = counts;
    tuned
}

/// The layers of which some tap reads other channels at other positions: their spikes all count the same.
fn uniform(layers: &Layers) -> Vec<bool> {
    let mut found = vec![false; layers.layers.len()];
    for layer in &layers.layers {
        let count = layer.from.len();
        for rows in layer.taps.chunks_exact((layer.positions * count).max(1)) {
            for (tap, from) in layer.from.iter().enumerate() {
                let From::Layer(from) = *from else { continue };
                let width = layers.layers[from].width() as u32;
                let mut channels = rows.iter().skip(tap).step_by(count).filter(|e| **e != crate::dots::PAD);
                if let Some(first) = channels.next() {
                    found[from] |= channels.any(|other| other % width != first % width);
                }
            }
        }
    }
    found
}

/// What the counts of an output begin at and end at.
fn ends(sums: &[f32], layer: &Layer, signed: bool, decision: bool) -> (f64, f64) {
    let copies = layer.variants.len();
    let mut tops = Vec::new();
    let mut seconds = Vec::new();
    for row in sums.chunks_exact(layer.len().max(1)) {
        let mut own: Vec<f32> = row.iter().copied().step_by(copies).collect();
        own.sort_by(|a, b| b.total_cmp(a));
        tops.push(own[0]);
        seconds.push(if decision { own[1.min(own.len() - 1)] } else { own[own.len() - 1] });
    }
    seconds.sort_by(f32::total_cmp);
    tops.sort_by(f32::total_cmp);
    let top = f64::from(*tops.last().unwrap_or(&1.0));
    let low = if decision { seconds.get(seconds.len() / 50) } else { seconds.first() };
    let low = if signed { f64::from(*low.unwrap_or(&0.0)) } else { 0.0 };
    (low, top.max(low + 1e-6))
}

impl Tuner<'_> {
    fn size(&self, from: From) -> usize {
        match from {
            From::Input => self.fed.unit.len(),
            From::Layer(number) => self.layers.layers[number].len(),
        }
    }

    /// Reference sums of a layer, \[sample\]\[neuron\].
    fn sums(&self, layer: &Layer) -> Vec<f32> {
        let size = layer.len();
        let mut out = vec![0.0; self.samples * size];
        crate::numeric::parallel_rows(&mut out, size, |first, rows| {
            for (at, row) in rows.chunks_exact_mut(size).enumerate() {
                let sample = first + at;
                layer.sums(
                    |from| {
                        let (values, size) = match from {
                            From::Input => (&self.fed.values, self.fed.unit.len()),
                            From::Layer(number) => (&self.values[number], self.layers.layers[number].len()),
                        };
                        &values[sample * size..(sample + 1) * size]
                    },
                    row,
                );
            }
        });
        out
    }

    pub(super) fn run(
        &self,
        layer: &Layer,
        wiring: &Wiring,
        numbers: &Numbers,
        samples: usize,
    ) -> Vec<Train> {
        let how = (self.registers.soma, self.effort.window);
        run(layer, wiring, numbers, how, samples, |from| match from {
            From::Input => &self.input,
            From::Layer(number) => &self.trains[number],
        })
    }

    pub(super) fn unit(&self, from: From, element: u32) -> f64 {
        match from {
            From::Input => self.fed.unit[element as usize],
            From::Layer(number) => {
                let units = &self.units[number];
                units[element as usize % units.len()]
            }
        }
    }

    /// Gives all parts of the sum to which part `number` belongs the same units.
    fn share(&mut self, number: usize) {
        let own = From::Layer(number);
        let sum =
            self.layers.layers.iter().find(|layer| layer.role == Role::Reduce && layer.from.contains(&own));
        let mut parts: Vec<usize> = Vec::new();
        for from in sum.iter().flat_map(|sum| &sum.from) {
            if let From::Layer(part) = *from
                && !parts.contains(&part)
            {
                parts.push(part);
            }
        }
        let (width, count) = (self.layers.layers[number].width(), self.layers.layers[number].variants.len());
        let mut most = vec![0.0f32; width / count];
        for part in &parts {
            let layer = &self.layers.layers[*part];
            for row in self.sums(layer).chunks_exact(width) {
                for (most, channel) in most.iter_mut().zip(row.chunks_exact(count)) {
                    *most = channel.iter().fold(*most, |most, z| most.max(*z));
                }
            }
        }
        let all = f64::from(most.iter().fold(0.0f32, |all, own| all.max(*own))).max(1e-9);
        let unit = |most: &f32| f64::from(*most).max(LEAST * all) / f64::from(self.effort.window);
        let units: Vec<f64> = most.iter().flat_map(|most| vec![unit(most); count]).collect();
        for part in parts {
            self.shared[part] = Some(units.clone());
        }
    }

    /// Counts of the sources of each tap's source, in the order of the taps' distinct sources.
    pub(super) fn source_counts(&self, layer: &Layer) -> Vec<Vec<Vec<u32>>> {
        let mut froms = layer.from.clone();
        froms.sort_unstable();
        froms.dedup();
        let counts = |from: &From| match from {
            From::Input => self.fed.codes.clone(),
            From::Layer(number) => {
                let size = self.size(*from);
                self.trains[*number].iter().map(|train| train.counts(size)).collect()
            }
        };
        froms.iter().map(counts).collect()
    }
}

impl super::fit::Sources for Tuner<'_> {
    fn unit(&self, from: From, element: u32) -> f64 {
        Tuner::unit(self, from, element)
    }

    fn base(&self, from: From, element: u32) -> f64 {
        if from == From::Input { self.fed.base[element as usize] } else { 0.0 }
    }

    fn effort(&self) -> Effort {
        self.effort
    }
}
