//! Synapses of placed neurons: weights as they are, or 1-bit synapses on axons of several types.
//!
//! A signal with weights of its own comes on several axons, one of each type: the types' values are a neuron's step times -2^(n-1),
//! 2^(n-2), ..., 1, so that the bits of its synapses are the weight's in two's complement. Where weights differ in their sign only, a
//! type stands for each sign.

use std::collections::{BTreeMap, BTreeSet};

use super::layer::{From, Layer};
use super::pack::What;
use super::tune::Tuned;
use crate::dots::PAD;
use crate::spiking::{Source, Synapses};

/// The type that tap `tap` has where types stand for signs.
fn class(layer: &Layer, group: usize, tap: usize) -> u8 {
    u8::from(layer.weights[(group * layer.from.len() + tap) * layer.outputs] < 0.0)
}

/// Whether all weights of each neuron are the same but for their sign.
pub(super) fn equal(layer: &Layer) -> bool {
    let rows = layer.outputs * layer.from.len();
    layer.weights.chunks_exact(rows.max(1)).all(|group| {
        let first = group.first().map_or(0.0, |w| w.abs());
        group.iter().all(|w| (w.abs() - first).abs() <= 1e-9 * first)
    })
}

/// Whether some signal comes with both signs.
pub(super) fn both(layer: &Layer) -> bool {
    let mut seen: [BTreeSet<(From, u32)>; 2] = [BTreeSet::new(), BTreeSet::new()];
    for group in 0..layer.groups {
        for position in 0..layer.positions {
            for (tap, element) in layer.taps_at(group, position).iter().enumerate() {
                if *element != PAD {
                    seen[usize::from(class(layer, group, tap))].insert((layer.from[tap], *element));
                }
            }
        }
    }
    seen[0].intersection(&seen[1]).next().is_some()
}

/// Signal, weight and class of a neuron's synapse.
type Synapse = ((From, u32), i32, u8);
/// (signal of the source, neuron) with a bit, and the type of each signal.
type Bits = (Vec<(u32, u32)>, BTreeMap<u32, u8>);

/// The synapses of an item from each source.
pub(super) struct Gathered<'l> {
    what: What,
    layers: &'l [Layer],
    tuned: &'l Tuned,
    bits: Option<u8>,
    /// (signal of the source, neuron, weight)
    plain: BTreeMap<Source, Vec<(u32, u32, i32)>>,
    /// By source and, where axons of one signal come from one neuron, by type.
    typed: BTreeMap<(Source, u8), Bits>,
    apart: bool,
    /// \[neuron\]\[type\]
    values: Vec<i32>,
    kinds: usize,
    /// The weights of the neuron that came last.
    last: Option<(u32, Vec<Synapse>)>,
}

impl<'l> Gathered<'l> {
    /// None yet. `apart`: a neuron reaches any number of axons, those of one signal too.
    pub(super) fn new(
        (what, apart): (What, bool),
        layers: &'l [Layer],
        tuned: &'l Tuned,
        bits: Option<u8>,
    ) -> Self {
        let kinds = match (what, bits) {
            (What::Layer(number), Some(_)) if layers[number].role.alike() => 2,
            (What::Layer(_), Some(bits)) => usize::from(bits),
            _ => 1,
        };
        let (plain, typed) = (BTreeMap::new(), BTreeMap::new());
        Self { what, layers, tuned, bits, plain, typed, apart, values: Vec::new(), kinds, last: None }
    }

    /// Weight and class of each signal of a neuron.
    fn weights(&self, neuron: u32) -> Vec<Synapse> {
        let number = match self.what {
            What::Layer(number) => number,
            What::Relay(from) => return vec![((from, neuron), 1, 0)],
        };
        let layer = &self.layers[number];
        let (position, at) = (neuron as usize / layer.width(), neuron as usize % layer.width());
        let (group, output) = (at / layer.outputs, at % layer.outputs);
        let count = layer.from.len();
        let mut found: Vec<Synapse> = Vec::with_capacity(count);
        for (tap, (element, from)) in layer.taps_at(group, position).iter().zip(&layer.from).enumerate() {
            if *element != PAD {
                let weight =
                    self.tuned.layers[number].numbers.weights[(group * count + tap) * layer.outputs + output];
                found.push(((*from, *element), weight, class(layer, group, tap)));
            }
        }
        if self.bits.is_none() || !layer.role.alike() {
            // What is listened to twice has both weights.
            found.sort_unstable_by_key(|(signal, ..)| *signal);
            found.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    kept.1 += later.1;
                }
                same
            });
        }
        found
    }

    /// Adds neuron `at` of the population, which is the item's neuron `neuron`; `lines` are the axons of each signal.
    pub(super) fn neuron(&mut self, neuron: u32, at: u32, lines: &BTreeMap<(From, u32), Vec<(Source, u32)>>) {
        if self.last.as_ref().is_none_or(|(known, _)| *known != neuron) {
            self.last = Some((neuron, self.weights(neuron)));
        }
        let Some((_, weights)) = &self.last else { return };
        let Some(bits) = self.bits else {
            for (signal, weight, _) in weights.iter().filter(|(_, weight, _)| *weight != 0) {
                let (source, line) = lines[signal][0];
                self.plain.entry(source).or_default().push((line, at, *weight));
            }
            return;
        };
        let first = self.values.len();
        self.values.resize(first + self.kinds, 0);
        let mut connect = |(source, line): (Source, u32), kind: u8| {
            let key = (source, if self.apart { kind } else { 0 });
            let (synapses, types) = self.typed.entry(key).or_default();
            synapses.push((line, at));
            types.insert(line, kind);
        };
        match self.what {
            What::Relay(_) => {
                self.values[first] = 1;
                weights.iter().for_each(|(signal, ..)| connect(lines[signal][0], 0));
            }
            What::Layer(number) if self.layers[number].role.alike() => {
                for (signal, weight, class) in weights {
                    self.values[first + usize::from(*class)] = *weight;
                    let own = &lines[signal];
                    connect(own[if own.len() > 1 { usize::from(*class) } else { 0 }], *class);
                }
            }
            What::Layer(number) => {
                let width = self.layers[number].width();
                let step = self.tuned.layers[number].numbers.step[neuron as usize % width].max(1);
                let half = 1 << (bits - 1);
                for kind in 0..bits {
                    let value = if kind == 0 { -half } else { 1 << (bits - 1 - kind) };
                    self.values[first + usize::from(kind)] = value * step;
                }
                for (signal, weight, _) in weights {
                    // In two's complement the uppermost bit counts negative.
                    let code = weight / step + if *weight < 0 { 2 * half } else { 0 };
                    for kind in (0..bits).filter(|kind| code >> (bits - 1 - kind) & 1 == 1) {
                        connect(lines[signal][usize::from(kind)], kind);
                    }
                }
            }
        }
    }

    /// The projections to a population of `targets` neurons: source, the signal of each synapse, synapses.
    pub(super) fn into_projections(
        self,
        targets: usize,
        size: impl Fn(Source) -> usize,
    ) -> Vec<(Source, Vec<u32>, Synapses)> {
        let plain = self.plain.into_iter().map(|(source, triples)| {
            (source, triples.iter().map(|(line, ..)| *line).collect(), Synapses::Sparse(triples))
        });
        let (values, kinds) = (self.values, self.kinds);
        let typed = self.typed.into_iter().map(|((source, _), (synapses, kind))| {
            let sources = size(source);
            let mut bits = vec![false; targets * sources];
            synapses.iter().for_each(|(line, at)| bits[*at as usize * sources + *line as usize] = true);
            let types = (0..sources as u32).map(|line| kind.get(&line).copied().unwrap_or(0)).collect();
            let reached = synapses.into_iter().map(|(line, _)| line).collect();
            (source, reached, Synapses::Typed { types, kinds, values: values.clone(), bits })
        });
        plain.chain(typed).collect()
    }
}
