//! From real dynamics to a chip's integers: one scale for each population, chosen so that weights keep most precision.

use std::collections::BTreeMap;

use spandrel_core::spiking::Fire;
use spandrel_hwdesc::Chip;

use super::effective::{Effective, effective};
use super::graph::NirGraph;
use super::paths::arrivals;
use super::registers::Registers;
use super::scheme::Scheme;
use super::soma::Reset;
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

fn refusal(place: &str, rule: &str, way_out: &str) -> Diagnostic {
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

/// The scale of a population.
struct Choice {
    scale: f64,
    shift: u8,
    error: f64,
}

impl Choice {
    fn new(
        population: &Effective,
        registers: &Registers<'_>,
        (potential, current): (f64, f64),
        options: &QuantiseOptions,
        place: &str,
        found: &mut Diagnostics,
    ) -> Self {
        let weights = population.maps.iter().flat_map(|(_, map)| &map.weights).chain(&population.drive);
        let largest = weights.clone().fold(0.0_f64, |most, w| most.max(w.abs()));
        let finite = population.threshold.iter().copied().filter(|t| t.is_finite());
        let threshold = finite.fold(0.0_f64, |most, t| most.max(t.abs()));
        let leak = population.leak.iter().fold(0.0_f64, |most, l| most.max(l.abs()));
        let unit = f64::from(1_u32 << registers.neuron.threshold_shift);
        if let (Some(register), true) = (options.threshold, threshold > 0.0) {
            let scale = f64::from(register) * unit / threshold;
            let shift = registers.spiking.weight_shift as u8;
            let choice = Self { scale, shift, error: 0.0 };
            if largest * scale / f64::from(1_u32 << shift) > registers.weight as f64 + 0.5 {
                let rule = format!(
                    "with a threshold of {register} weights reach {:.1}",
                    largest * scale / f64::from(1_u32 << shift)
                );
                found.push(refusal(place, &rule, "choose a smaller threshold (spiking.threshold), or auto"));
            }
            return choice.measured(population);
        }
        // Twice what samples reach, and the threshold with a spike's weight on top.
        let reach = (2.0 * potential).max(threshold + largest).max(f64::MIN_POSITIVE);
        let mut most = registers.potential as f64 / reach;
        if threshold > 0.0 {
            most = most.min(registers.threshold as f64 * unit / threshold);
        }
        if leak > 0.0 {
            most = most.min(registers.leak as f64 / leak);
        }
        if population.current_keep.is_some() && current > 0.0 {
            most = most.min(registers.current as f64 / (2.0 * current));
        }
        if largest == 0.0 {
            return Self { scale: most, shift: *registers.shifts.start(), error: 0.0 };
        }
        // The largest shift whose weights use their whole range; below it, ever smaller weights.
        let full = |shift: u8| registers.weight as f64 * f64::from(1_u32 << shift) / largest;
        let shift = registers.shifts.clone().rev().find(|&shift| full(shift) <= most);
        let (shift, top) = shift.map_or((*registers.shifts.start(), most), |shift| (shift, full(shift)));
        // Among scales that use at least three quarters of the range, the one whose rounded weights are nearest.
        let candidates =
            (0..=64).map(|i| Self { scale: top * (1.0 - f64::from(i) / 256.0), shift, error: 0.0 });
        candidates
            .map(|choice| choice.measured(population))
            .min_by(|a, b| a.error.total_cmp(&b.error))
            .unwrap_or(Self { scale: top, shift, error: 0.0 })
    }

    fn measured(mut self, population: &Effective) -> Self {
        let weights = population.maps.iter().flat_map(|(_, map)| &map.weights).chain(&population.drive);
        let unit = f64::from(1_u32 << self.shift) / self.scale;
        let (mut sum, mut count, mut largest) = (0.0, 0.0, 0.0_f64);
        for &weight in weights {
            let error = f64::from(self.weight(weight)) * unit - weight;
            sum += error * error;
            count += 1.0;
            largest = largest.max(weight.abs());
        }
        self.error = if count > 0.0 && largest > 0.0 { (sum / count).sqrt() / largest } else { 0.0 };
        self
    }

    fn weight(&self, weight: f64) -> i32 {
        (weight * self.scale / f64::from(1_u32 << self.shift)).round() as i32
    }

    fn told(&self, population: &Effective, start: u32) -> QuantisedPopulation {
        QuantisedPopulation {
            node: population.node,
            start,
            scale: self.scale,
            shift: self.shift,
            weight_error: self.error,
        }
    }

    fn neuron(
        &self,
        population: &Effective,
        registers: &Registers<'_>,
        scheme: &Scheme,
        options: &QuantiseOptions,
        place: &str,
        found: &mut Diagnostics,
    ) -> Neuron {
        let template = &registers.neuron;
        let whole = |x: f64| (x * self.scale).round().clamp(-2_147_483_648.0, 2_147_483_647.0) as i32;
        let values = |list: &[f64], f: &dyn Fn(f64) -> i32| gathered(list.iter().map(|&x| f(x)).collect());
        let unit = f64::from(1_u32 << template.threshold_shift);
        // A chip that fires at the threshold fires above one that is a unit less, and the other way round.
        let wants_at = scheme.fires_at_threshold;
        let own_at = template.fire == Fire::AtThreshold;
        let fires_at = |t: f64| {
            if !t.is_finite() {
                return i32::try_from(registers.threshold).unwrap_or(i32::MAX);
            }
            let exact = t * self.scale / unit;
            match (wants_at, own_at) {
                (false, true) => exact.floor() as i32 + 1,
                (true, false) => exact.ceil() as i32 - 1,
                _ => exact.round() as i32,
            }
        };
        let has_decay = registers.spiking.potential_decay.is_some();
        if !has_decay && population.keep.iter().any(|&keep| keep != 1.0) {
            let field = format!("{place}; chip {:?}: spiking.potential_decay", registers.chip.name());
            let rule = "the potential decays, which this chip's does not";
            found.push(refusal(
                &field,
                rule,
                "choose a chip whose potentials decay (loihi), or train with IF neurons",
            ));
        }
        let keep = |offset: u32, keep: f64| decay(keep, template.decay_bits, offset, options.decay);
        let offset = |decay: Option<spandrel_hwdesc::Decay>| decay.map_or(0, |decay| decay.offset);
        let reset = if population.reset.iter().all(|r| *r == Reset::Subtract) {
            None
        } else {
            let to = |r: &Reset| if let Reset::To(value) = r { whole(*value) } else { 0 };
            Some(gathered(population.reset.iter().map(to).collect()))
        };
        let several = scheme.several && reset.is_none();
        Neuron {
            threshold: values(&population.threshold, &fires_at),
            weight_shift: self.shift,
            leak: values(&population.leak, &whole),
            current_keep: population
                .current_keep
                .as_ref()
                .map(|keeps| values(keeps, &|x| keep(offset(registers.spiking.current_decay), x)))
                .or_else(|| {
                    // A chip that always has a current forgets it at once.
                    let forgets = 1 - offset(registers.spiking.current_decay) as i32;
                    registers.spiking.current_decay.filter(|_| forgets == 0).map(|_| Values::All(0))
                }),
            keep: if has_decay {
                values(&population.keep, &|x| keep(offset(registers.spiking.potential_decay), x))
            } else {
                Values::All(1 << template.decay_bits)
            },
            floor: population.floor.as_ref().map(|floor| values(floor, &whole)),
            reset,
            spikes_out: if several {
                u16::try_from(registers.spiking.spikes_max).unwrap_or(u16::MAX)
            } else {
                1
            },
            ..template.clone()
        }
    }
}

/// What remains in a tick, of 2^bits.
fn decay(keep: f64, bits: u8, offset: u32, rounding: DecayRounding) -> i32 {
    let whole = 1_i32 << bits;
    match rounding {
        DecayRounding::Nearest => {
            let most = whole - offset as i32;
            ((keep * f64::from(whole)).round() as i32).clamp(1 - offset as i32, most)
        }
        DecayRounding::Down => whole - offset as i32 - ((1.0 - keep) * f64::from(whole - 1)).floor() as i32,
    }
}

/// One value where all are the same.
fn gathered(values: Vec<i32>) -> Values {
    match values.first() {
        Some(first) if values.iter().all(|v| v == first) => Values::All(*first),
        _ => Values::Each(values),
    }
}
