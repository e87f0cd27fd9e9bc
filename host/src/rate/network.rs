//! Placed layers as a spiking network: one population an item, every copy a neuron of its own.

use std::collections::BTreeMap;

use spandrel_hwdesc::Chip;

use super::layer::{From, Layer};
use super::pack::{Item, Placed, Room, What};
use super::tune::Tuned;
use super::typed::{self, Gathered};
use crate::dots::PAD;
use crate::spiking::{
    Code, Input, Neuron, Output, Population, Projection, Read, Source, SpikingNetwork, Values,
};

/// The network, and what is known of its parts.
pub(super) struct Made {
    pub(super) network: SpikingNetwork,
    /// Neurons of each core of each population.
    pub(super) cores: Vec<Vec<u32>>,
    /// What each population is, and which neuron of it each of its own is.
    pub(super) populations: Vec<(What, Vec<u32>)>,
    /// Synapses that a spike of each neuron of each population reaches.
    pub(super) reached: Vec<Vec<u32>>,
    /// Synapses that a spike of each element of the input reaches.
    pub(super) input_reached: Vec<u32>,
}

/// What layers listen to, for [`super::pack::place`]; `bits`: axons of a signal with weights of its own, where they are typed.
pub(super) fn items(layers: &[Layer], bits: Option<u8>) -> Vec<Item> {
    let item = |(number, layer): (usize, &Layer)| {
        let axons = match bits {
            None => 1,
            Some(bits) if !layer.role.alike() => bits,
            Some(_) => 1 + u8::from(typed::both(layer)),
        };
        let mut listens = Vec::with_capacity(layer.len());
        for position in 0..layer.positions {
            for group in 0..layer.groups {
                let taps = layer.taps_at(group, position);
                let mut own: Vec<_> = taps.iter().zip(&layer.from).filter(|(e, _)| **e != PAD).collect();
                own.sort_unstable_by_key(|(element, from)| (**from, **element));
                own.dedup();
                let own: Vec<_> = own.into_iter().map(|(element, from)| ((*from, *element), axons)).collect();
                (0..layer.outputs).for_each(|_| listens.push(own.clone()));
            }
        }
        Item { what: What::Layer(number), listens }
    };
    layers.iter().enumerate().map(item).collect()
}

/// The stage of each layer, counted from 1.
pub(super) fn depths(layers: &[Layer]) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::new();
    for layer in layers {
        let before = layer.from.iter().map(|from| match from {
            From::Input => 0,
            From::Layer(number) => depths[*number],
        });
        depths.push(before.max().unwrap_or(0) + 1);
    }
    depths
}

/// Neurons that carry a signal, handed out one after the other.
struct Copies {
    population: usize,
    of: Vec<Vec<u32>>,
    used: Vec<usize>,
}

impl Copies {
    fn next(&mut self, signal: u32, targets: Option<usize>) -> u32 {
        let at = signal as usize;
        let copy = targets.map_or(0, |targets| self.used[at] / targets);
        self.used[at] += 1;
        self.of[at].get(copy).copied().unwrap_or(u32::MAX)
    }
}

/// The name of an item.
fn name(what: What, layers: &[Layer], stage: usize) -> String {
    match what {
        What::Layer(number) => layers[number].name.clone(),
        What::Relay(From::Input) => format!("input:relay{stage}"),
        What::Relay(From::Layer(number)) => format!("{}:relay{stage}", layers[number].name),
    }
}

/// The neurons of an item, with the parameters of each.
fn neuron(what: What, neurons: &[u32], layers: &[Layer], tuned: &Tuned, chip: &Chip) -> Option<Neuron> {
    let spiking = chip.spiking()?;
    let mut neuron = Neuron::of(spiking);
    if spiking.reset.contains(&spandrel_hwdesc::Reset::Subtract) {
        neuron.reset = None;
    }
    let above = i32::from(neuron.fire == spandrel_core::spiking::Fire::AboveThreshold);
    match what {
        // One spike comes, one goes.
        What::Relay(_) => neuron.threshold = Values::All(1 - above),
        What::Layer(number) => {
            let (numbers, width) = (&tuned.layers[number].numbers, layers[number].width());
            let each = |values: &[i32], size: usize| {
                let list: Vec<i32> = neurons.iter().map(|n| values[*n as usize % size]).collect();
                match list.first() {
                    Some(first) if list.iter().all(|value| value == first) => Values::All(*first),
                    _ => Values::Each(list),
                }
            };
            neuron.threshold = each(&numbers.threshold, width);
            neuron.v_init = each(&numbers.start, width);
            neuron.leak = each(&numbers.leak, numbers.leak.len().max(1));
        }
    }
    Some(neuron)
}

/// The network of `stages`; `None` for a chip without neurons.
pub(super) fn network(
    (title, layers, tuned): (&str, &[Layer], &Tuned),
    stages: &[Vec<Placed>],
    (elements, window): (usize, u32),
    (room, bits): (Room, Option<u8>),
    told: &[usize],
    chip: &Chip,
) -> Option<Made> {
    // Axons of the input for each of its elements.
    let each = bits.unwrap_or(1);
    let mut made = Made {
        network: SpikingNetwork {
            name: title.to_owned(),
            input: Input {
                name: "input".into(),
                size: elements * usize::from(each),
                code: Code::Rate { window },
            },
            populations: Vec::new(),
            projections: Vec::new(),
            outputs: Vec::new(),
            ticks: window + stages.len() as u32 - 1,
        },
        cores: Vec::new(),
        populations: Vec::new(),
        reached: Vec::new(),
        input_reached: vec![0; elements],
    };
    let mut before: BTreeMap<From, Copies> = BTreeMap::new();
    for (stage, items) in stages.iter().enumerate() {
        let mut now: BTreeMap<From, Copies> = BTreeMap::new();
        for placed in items {
            let population = made.network.populations.len();
            let neurons: Vec<u32> =
                placed.cores.iter().flat_map(|core| core.neurons.iter().copied()).collect();
            let (from, size) = match placed.what {
                What::Layer(number) => (From::Layer(number), layers[number].len()),
                What::Relay(from @ From::Layer(number)) => (from, layers[number].len()),
                What::Relay(from) => (from, elements),
            };
            let mut of = vec![Vec::new(); size];
            neurons.iter().zip(0..).for_each(|(neuron, at)| of[*neuron as usize].push(at));
            now.insert(from, Copies { population, used: vec![0; size], of });
            let mut synapses = Gathered::new((placed.what, room.targets.is_none()), layers, tuned, bits);
            let mut at = 0u32;
            for core in &placed.cores {
                let mut lines: BTreeMap<(From, u32), Vec<(Source, u32)>> = BTreeMap::new();
                for (&(own, signal), &axons) in &core.axons {
                    let line = |axon: u8| match before.get_mut(&own) {
                        Some(copies) => {
                            (Source::Population(copies.population), copies.next(signal, room.targets))
                        }
                        None => (Source::Input, signal * u32::from(each) + u32::from(axon)),
                    };
                    lines.insert((own, signal), (0..axons).map(line).collect());
                }
                for &neuron in &core.neurons {
                    synapses.neuron(neuron, at, &lines);
                    at += 1;
                }
            }
            made.reached.push(vec![0; neurons.len()]);
            let sizes = |from: Source| match from {
                Source::Input => elements * usize::from(each),
                Source::Population(number) => made.network.populations[number].size,
            };
            for (from, reached, synapses) in synapses.into_projections(neurons.len(), sizes) {
                for line in reached {
                    match from {
                        Source::Input => made.input_reached[line as usize / usize::from(each)] += 1,
                        Source::Population(number) => made.reached[number][line as usize] += 1,
                    }
                }
                let delay = u16::from(from != Source::Input);
                made.network.projections.push(Projection { from, to: population, synapses, delay });
            }
            made.network.populations.push(Population {
                name: name(placed.what, layers, stage),
                size: neurons.len(),
                picture: None,
                neuron: neuron(placed.what, &neurons, layers, tuned, chip)?,
                // A neuron that nothing reaches starts with its layer all the same.
                start: Some(stage as u32),
                window,
            });
            made.cores.push(placed.cores.iter().map(|core| core.neurons.len() as u32).collect());
            made.populations.push((placed.what, neurons));
        }
        before = now;
    }
    for layer in told {
        let population = made.populations.iter().position(|(what, _)| *what == What::Layer(*layer))?;
        made.network.outputs.push(Output { population, read: Read::Counts });
    }
    Some(made)
}
