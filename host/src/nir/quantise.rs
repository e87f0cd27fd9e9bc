//! From real dynamics to a chip's integers: one scale for each population, chosen so that weights keep most precision.

use std::collections::BTreeMap;

use spandrel_hwdesc::Chip;

use super::choice::Choice;
use super::effective::{Effective, effective};
use super::graph::NirGraph;
use super::paths::arrivals;
use super::registers::Registers;
use super::scheme::Scheme;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::spiking::{
    Code, Input, Neuron, Output, Population, Projection, Read, Source, SpikingNetwork, Synapses, Values,
};

/// How a decay becomes a whole number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecayRounding {
    /// What remains, rounded to the nearest.
    #[default]
    Nearest,
    /// The decay times (2^bits - 1), rounded down: what the field's exporters to Loihi write. Decays come out too weak by up to
    /// a step, which a coarse scale hides and a fine one shows.
    Down,
}

/// What may be chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuantiseOptions {
    /// The threshold's register of every population; `None`: as precise as possible.
    pub threshold: Option<i32>,
    /// How decays are rounded.
    pub decay: DecayRounding,
    /// The most spikes that an input brings in a step.
    pub input_spikes: u8,
    /// Steps of a sample.
    pub steps: u32,
}

/// A network in a chip's integers.
#[derive(Clone, Debug)]
pub struct Quantised {
    /// The network; its last output is the graph's output.
    pub network: SpikingNetwork,
    /// For each population: the node of the graph, the tick of its first step, register units a unit of potential, and the
    /// root mean square error of the weights relative to their largest.
    pub populations: Vec<QuantisedPopulation>,
}

/// How a population was scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedPopulation {
    /// The node of the graph.
    pub node: usize,
    /// The tick in which its first step is computed.
    pub start: u32,
    /// Register units of a unit of potential.
    pub scale: f64,
    /// Left shift of the weights.
    pub shift: u8,
    /// Root mean square error of the weights, as a share of the largest.
    pub weight_error: f64,
}

/// The most that potentials and currents of every node reach on samples, in the file's unit; nodes without states are 0.
pub type Reaches = [(f64, f64)];

/// Quantises `graph` for `chip`. `reaches` tells how far states go in the golden model.
///
/// # Errors
/// SP0401 for a chip that can not hold it, SP0134 for what the scheme can not do, SP0322 and SP0323 for parameters and loops that
/// the chip's registers and delays do not allow.
pub fn quantise(
    graph: &NirGraph,
    scheme: &Scheme,
    chip: &Chip,
    reaches: &Reaches,
    options: &QuantiseOptions,
) -> Result<Quantised> {
    let registers = Registers::new(chip)?;
    let mut found = Diagnostics::default();
    let arrive = arrivals(graph, scheme.dt)?;
    let populations: Vec<Effective> = graph
        .nodes()
        .iter()
        .enumerate()
        .filter_map(|(at, node)| effective(at, node, &arrive[at], scheme))
        .collect();
    let number: BTreeMap<usize, usize> = populations.iter().enumerate().map(|(i, p)| (p.node, i)).collect();
    if scheme.within {
        found.push(refusal(
            "scheme",
            "spikes within a step, which cores do not have",
            "choose another scheme",
        ));
    }
    // The output stands for the population that it hands on.
    let output = output(graph, &number).or_else(|| {
        let rule = "the network's output is not that of neurons".to_owned();
        found.push(refusal("output", &rule, "end the network with neurons (LI for sums)"));
        None
    });
    let drives = populations.iter().any(|p| !p.drive.is_empty());
    // The clock's first spike arrives in tick 1.
    let starts = starts(graph, &populations, &number, u32::from(drives), &mut found);
    let mut network = SpikingNetwork {
        name: "nir".into(),
        input: Input {
            name: graph.nodes()[graph.input()].name.clone(),
            size: graph.nodes()[graph.input()].len(),
            code: Code::Raster { spikes: options.input_spikes.max(1), steps: options.steps },
        },
        populations: Vec::new(),
        projections: Vec::new(),
        outputs: Vec::new(),
        ticks: options.steps + starts.iter().copied().max().unwrap_or(0),
    };
    let clock = populations.len();
    let mut scaled = Vec::new();
    for (i, population) in populations.iter().enumerate() {
        let name = &graph.nodes()[population.node].name;
        let place = format!("node `{name}`");
        let choice =
            Choice::new(population, &registers, reaches[population.node], options, &place, &mut found);
        network.populations.push(Population {
            name: name.clone(),
            size: population.size,
            picture: <[usize; 3]>::try_from(graph.nodes()[population.node].shape.clone()).ok(),
            neuron: choice.neuron(population, &registers, scheme, options, &place, &mut found),
            start: Some(starts[i]),
            window: options.steps,
        });
        for (origin, map) in &population.maps {
            // A step of the sample is there in its own tick; spikes of step s leave in tick s + start.
            let (from, delay) = match number.get(&origin.node) {
                None => (Source::Input, starts[i] as usize + scheme.input_delay + origin.late),
                Some(&from) => {
                    let ticks = i64::from(starts[i]) - i64::from(starts[from]) + origin.late as i64;
                    (Source::Population(from), usize::try_from(ticks).unwrap_or(0))
                }
            };
            let mut triples = Vec::new();
            for source in 0..map.inputs() {
                triples
                    .extend(map.column(source).map(|(to, w)| (source as u32, to as u32, choice.weight(w))));
            }
            triples.retain(|(_, _, weight)| *weight != 0);
            network.projections.push(Projection {
                from,
                to: i,
                synapses: Synapses::Sparse(triples),
                delay: u16::try_from(delay).unwrap_or(u16::MAX),
            });
        }
        if !population.drive.is_empty() {
            let triples =
                population.drive.iter().enumerate().map(|(to, &w)| (0, to as u32, choice.weight(w)));
            let synapses = Synapses::Sparse(triples.filter(|(_, _, weight)| *weight != 0).collect());
            network.projections.push(Projection {
                from: Source::Population(clock),
                to: i,
                synapses,
                delay: 1,
            });
        }
        scaled.push(choice.told(population, starts[i]));
    }
    if drives {
        // Currents have no leak: a neuron that fires in every tick brings their constant.
        let unit = 1 << registers.neuron.threshold_shift;
        network.populations.push(Population {
            name: "clock".into(),
            size: 1,
            picture: None,
            neuron: Neuron {
                threshold: Values::All(1),
                leak: Values::All(unit + 1),
                current_keep: None,
                keep: Values::All(1 << registers.neuron.decay_bits),
                ..registers.neuron.clone()
            },
            start: Some(0),
            window: 0,
        });
    }
    for (i, population) in populations.iter().enumerate() {
        let fires = population.threshold.iter().all(|t| t.is_finite());
        let read = if fires { Read::Raster } else { Read::PotentialRaster };
        if Some(i) == output {
            network.outputs.push(Output { population: i, read });
        }
    }
    found.into_result(Quantised { network, populations: scaled })
}

pub(super) fn refusal(place: &str, rule: &str, way_out: &str) -> Diagnostic {
    Diagnostic::error("SP0322", place, rule, way_out)
}

/// The population that the graph's output hands on.
fn output(graph: &NirGraph, number: &BTreeMap<usize, usize>) -> Option<usize> {
    let mut at = graph.output();
    loop {
        if let Some(&population) = number.get(&at) {
            return Some(population);
        }
        let node = &graph.nodes()[at];
        match (&node.op, node.inputs.as_slice()) {
            (super::op::NirOp::Pass | super::op::NirOp::Flatten, [edge]) if !edge.delayed => at = edge.from,
            _ => return None,
        }
    }
}

/// The tick of each population's first step: one after those it listens to within a step.
fn starts(
    graph: &NirGraph,
    populations: &[Effective],
    number: &BTreeMap<usize, usize>,
    first: u32,
    found: &mut Diagnostics,
) -> Vec<u32> {
    let mut starts = vec![first; populations.len()];
    // Populations stand in the order of evaluation: what is listened to within a step comes before.
    for (i, population) in populations.iter().enumerate() {
        for (origin, _) in population.maps.iter().filter(|(origin, _)| origin.late == 0) {
            if let Some(&from) = number.get(&origin.node) {
                starts[i] = starts[i].max(starts[from] + 1);
            }
        }
    }
    for (i, population) in populations.iter().enumerate() {
        for (origin, _) in &population.maps {
            let Some(&from) = number.get(&origin.node) else { continue };
            let delay = i64::from(starts[i]) - i64::from(starts[from]) + origin.late as i64;
            if delay < 1 {
                let names = [population.node, origin.node].map(|node| graph.nodes()[node].name.as_str());
                found.push(Diagnostic::error(
                    "SP0323",
                    format!("nodes `{}` and `{}`", names[1], names[0]),
                    format!("the loop takes {} ticks on a chip, where spikes travel for a tick at least, and one step in the network", 2 - delay),
                    "put a Delay into the loop, or connect the neurons to themselves directly",
                ));
            }
        }
    }
    starts
}
