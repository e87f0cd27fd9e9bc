//! Layers of whole numbers, tick by tick on samples: the arithmetic of the chip's neurons, event by event.
//!
//! Every layer is seen from its own first tick: what its sources send in their tick t arrives in its tick t.

use spandrel_core::spiking::rate_spike;

use super::layer::{From, Layer};
use crate::dots::PAD;
use crate::numeric::parallel_map;

/// The spikes of all signals of a source in one sample.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Train {
    /// Where each tick's spikes begin, and the end of the last one's.
    ends: Vec<u32>,
    signals: Vec<u32>,
}

impl Train {
    /// Evenly spaced spikes: signal i has `codes[i]` of them in `window` ticks.
    pub fn of_codes(codes: &[u32], window: u32) -> Self {
        let mut train = Self { ends: vec![0], signals: Vec::new() };
        for tick in 0..window {
            for (signal, &code) in (0..).zip(codes) {
                if rate_spike(tick, code as i32, window) == Some(true) {
                    train.signals.push(signal);
                }
            }
            train.ends.push(train.signals.len() as u32);
        }
        train
    }

    /// Ticks.
    pub fn ticks(&self) -> usize {
        self.ends.len().saturating_sub(1)
    }

    /// The signals that spike in a tick, rising.
    pub fn tick(&self, tick: usize) -> &[u32] {
        &self.signals[self.ends[tick] as usize..self.ends[tick + 1] as usize]
    }

    /// Spikes of each of `signals` signals.
    pub fn counts(&self, signals: usize) -> Vec<u32> {
        let mut counts = vec![0; signals];
        self.signals.iter().for_each(|signal| counts[*signal as usize] += 1);
        counts
    }

    /// All spikes.
    pub fn spikes(&self) -> usize {
        self.signals.len()
    }
}

/// The whole numbers of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// \[group\]\[tap\]\[output\]
    pub weights: Vec<i32>,
    /// Of typed axons, of each neuron of a position: what weights are multiples of.
    pub step: Vec<i32>,
    /// Of each neuron of a position.
    pub threshold: Vec<i32>,
    /// Of each neuron.
    pub leak: Vec<i32>,
    /// Potential at the first tick, of each neuron of a position.
    pub start: Vec<i32>,
}

/// What neurons of the chip do besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soma {
    /// Ends of the potential.
    pub least: i32,
    /// See `least`.
    pub most: i32,
    /// Whether a spike takes the threshold off; else it leaves 0.
    pub subtract: bool,
    /// Whether the threshold itself is not enough.
    pub above: bool,
}

/// Which neurons each signal of a source reaches.
#[derive(Clone, Debug)]
pub struct Wiring {
    sources: Vec<(From, Reached)>,
}

/// Runs of neurons: of each signal (first neuron, first weight).
#[derive(Clone, Debug)]
struct Reached {
    ends: Vec<u32>,
    runs: Vec<(u32, u32)>,
}

impl Wiring {
    /// The wiring of `layer`; `size` gives the signals of a source.
    pub fn new(layer: &Layer, size: impl Fn(From) -> usize) -> Self {
        let mut froms = layer.from.clone();
        froms.sort_unstable();
        froms.dedup();
        let (count, outputs) = (layer.from.len(), layer.outputs);
        let sources = froms.into_iter().map(|from| {
            let mut lists: Vec<(u32, (u32, u32))> = Vec::new();
            for group in 0..layer.groups {
                for position in 0..layer.positions {
                    let neuron = (position * layer.groups + group) * outputs;
                    for (tap, &element) in layer.taps_at(group, position).iter().enumerate() {
                        if element != PAD && layer.from[tap] == from {
                            let weight = (group * count + tap) * outputs;
                            lists.push((element, (neuron as u32, weight as u32)));
                        }
                    }
                }
            }
            lists.sort_unstable();
            let mut ends = vec![0u32; size(from) + 1];
            lists.iter().for_each(|(element, _)| ends[*element as usize + 1] += 1);
            for at in 1..ends.len() {
                ends[at] += ends[at - 1];
            }
            (from, Reached { ends, runs: lists.into_iter().map(|(_, run)| run).collect() })
        });
        Self { sources: sources.collect() }
    }
}

impl Reached {
    fn of(&self, signal: u32) -> &[(u32, u32)] {
        let at = signal as usize;
        &self.runs[self.ends[at] as usize..self.ends[at + 1] as usize]
    }
}

/// The spikes of `layer` in one sample, `train` giving those of its sources.
fn one<'t>(
    layer: &Layer,
    wiring: &Wiring,
    numbers: &Numbers,
    soma: Soma,
    window: u32,
    train: impl Fn(From) -> &'t Train,
) -> Train {
    let (size, width, outputs) = (layer.len(), layer.width(), layer.outputs);
    let sources: Vec<(&Train, &Reached)> =
        wiring.sources.iter().map(|(from, reached)| (train(*from), reached)).collect();
    let repeated = |values: &[i32]| -> Vec<i32> { values.iter().copied().cycle().take(size).collect() };
    let threshold: Vec<i32> = numbers.threshold.iter().map(|t| t + i32::from(soma.above)).collect();
    let threshold = if width == 0 { Vec::new() } else { repeated(&threshold) };
    let mut potential = repeated(&numbers.start);
    let mut out = Train { ends: vec![0], signals: Vec::new() };
    for tick in 0..window as usize {
        potential.iter_mut().zip(&numbers.leak).for_each(|(v, leak)| *v += leak);
        for (train, reached) in &sources {
            for &signal in train.tick(tick) {
                for &(neuron, weight) in reached.of(signal) {
                    let weights = &numbers.weights[weight as usize..][..outputs];
                    let potential = &mut potential[neuron as usize..][..outputs];
                    potential.iter_mut().zip(weights).for_each(|(v, w)| *v += w);
                }
            }
        }
        for (neuron, (v, t)) in (0..).zip(potential.iter_mut().zip(&threshold)) {
            *v = (*v).clamp(soma.least, soma.most);
            if *v >= *t {
                out.signals.push(neuron);
                *v = if soma.subtract { *v - (*t - i32::from(soma.above)) } else { 0 };
            }
        }
        out.ends.push(out.signals.len() as u32);
    }
    out
}

/// The spikes of `layer` in every sample; `trains` gives those of a source.
pub fn run<'t>(
    layer: &Layer,
    wiring: &Wiring,
    numbers: &Numbers,
    (soma, window): (Soma, u32),
    samples: usize,
    trains: impl Fn(From) -> &'t [Train] + Sync,
) -> Vec<Train> {
    parallel_map(samples, |sample| one(layer, wiring, numbers, soma, window, |from| &trains(from)[sample]))
}
