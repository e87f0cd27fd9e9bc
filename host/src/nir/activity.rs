//! What populations do on samples: spikes, synaptic operations, and how far they are from the golden model's.

use serde::Serialize;
use spandrel_core::image::Image;
use spandrel_hwdesc::Chip;

use super::compile::everything;
use super::graph::NirGraph;
use super::quantise::Quantised;
use super::rasters::Rasters;
use super::scheme::Scheme;
use super::simulate::Simulator;
use crate::diagnostic::{Diagnostic, Result};
use crate::engine::{ExactEngine, FastEngine, Options, RawBatch, RawData};
use crate::spiking::{Output, Read, Source, SpikingNetwork, emit, split};

/// Samples on which spike by spike is compared: every population's raster is kept for them.
const COMPARED: usize = 8;

/// One population on samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Activity {
    /// Its name.
    pub name: String,
    /// Neurons.
    pub neurons: usize,
    /// Cores.
    pub cores: usize,
    /// Register units of a unit of the file's potential; absent for networks of whole numbers.
    pub scale: Option<f64>,
    /// Root mean square error of the weights, as a share of the largest.
    pub weight_error: Option<f64>,
    /// Of rate codes: mean square of the wanted values over mean square of the error, in decibels; absent else.
    pub snr_db: Option<f64>,
    /// Spikes of a neuron in a step, on average.
    pub rate: f64,
    /// The golden model's.
    pub golden_rate: Option<f64>,
    /// Share of neurons and steps in which image and golden model give different numbers of spikes.
    pub differing: Option<f64>,
    /// Mean difference of a neuron's number of spikes in a sample.
    pub count_difference: Option<f64>,
    /// Spikes in a sample, on average, and the synapses that they reach.
    pub spikes: f64,
    /// See `spikes`.
    pub synaptic_operations: f64,
}

/// The golden model, looked at from all sides.
#[derive(Debug)]
pub struct Golden<'g> {
    graph: &'g NirGraph,
    simulator: Simulator<'g>,
}

impl<'g> Golden<'g> {
    /// At rest.
    ///
    /// # Errors
    /// As [`Simulator::new`].
    pub fn new(graph: &'g NirGraph, scheme: &Scheme) -> Result<Self> {
        Ok(Self { graph, simulator: Simulator::new(graph, scheme)? })
    }

    /// The largest potential and current of each node over samples.
    pub fn reaches(&mut self, samples: &Rasters) -> Vec<(f64, f64)> {
        let mut reaches = vec![(0.0_f64, 0.0_f64); self.graph.nodes().len()];
        for index in 0..samples.count() {
            self.simulator.reset();
            for step in samples.sample(index).chunks(samples.axons) {
                let input: Vec<f64> = step.iter().map(|&n| f64::from(n)).collect();
                self.simulator.step(&input);
                for (at, reach) in reaches.iter_mut().enumerate() {
                    if let Some(soma) = self.simulator.soma(at) {
                        let most = |list: &[f64]| list.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
                        *reach = (reach.0.max(most(&soma.v)), reach.1.max(most(&soma.i)));
                    }
                }
            }
        }
        reaches
    }

    /// What node `node` gives in every step of a sample.
    fn trace(&mut self, samples: &Rasters, index: usize, nodes: &[usize]) -> Vec<Vec<Vec<f64>>> {
        self.simulator.reset();
        let mut traces = vec![Vec::new(); nodes.len()];
        for step in samples.sample(index).chunks(samples.axons) {
            let input: Vec<f64> = step.iter().map(|&n| f64::from(n)).collect();
            self.simulator.step(&input);
            for (trace, &node) in traces.iter_mut().zip(nodes) {
                trace.push(self.simulator.values(node).to_vec());
            }
        }
        traces
    }
}

/// Runs all samples: what output 0 emits for each.
pub(super) fn run(image: &Image<'_>, samples: &Rasters) -> Result<Vec<Vec<i64>>> {
    let mut engine = FastEngine::new(image, Options::default())?;
    let mut all = Vec::new();
    for index in 0..samples.count() {
        let raw: Vec<i32> = samples.sample(index).iter().map(|&n| n.into()).collect();
        let batch = RawBatch::new(RawData::I32(&raw), raw.len())?;
        let outputs = engine.run(&batch, None)?;
        all.push(outputs.output(0, 0).map(i64::from).collect());
    }
    Ok(all)
}

/// Rasters of every population on the first samples: \[sample\]\[population\]\[tick, neuron\].
fn rasters(network: &SpikingNetwork, chip: &Chip, samples: &Rasters) -> Result<Vec<Vec<Vec<i32>>>> {
    let image = emit(&network.check(chip)?, "")?;
    let image = Image::parse(&image).map_err(|error| {
        Diagnostic::error("SP0310", "image", error.to_string(), "this is a fault of the compiler")
    })?;
    let mut engine = FastEngine::new(&image, Options::default())?;
    let mut all = Vec::new();
    for index in 0..samples.count().min(COMPARED) {
        let raw: Vec<i32> = samples.sample(index).iter().map(|&n| n.into()).collect();
        let outputs = engine.run(&RawBatch::new(RawData::I32(&raw), raw.len())?, None)?;
        let own = (0..network.outputs.len()).map(|o| outputs.output(0, o as u16).collect());
        all.push(own.collect());
    }
    Ok(all)
}

/// Synapses that leave each neuron of a population.
fn fan_out(network: &SpikingNetwork, population: usize) -> Vec<usize> {
    let size = network.populations[population].size;
    let mut reached = vec![0; size];
    for own in network.projections.iter().filter(|own| own.from == Source::Population(population)) {
        for (source, _) in own.synapses.rows(size, network.populations[own.to].size).into_iter().flatten() {
            reached[source as usize] += 1;
        }
    }
    reached
}

/// Every population of a network against its golden model, on the first samples.
///
/// # Errors
/// As for emitting and running images.
pub(super) fn compare(
    graph: &NirGraph,
    scheme: &Scheme,
    quantised: &Quantised,
    chip: &Chip,
    samples: &Rasters,
) -> Result<Vec<Activity>> {
    let network = everything(quantised);
    let found = rasters(&network, chip, samples)?;
    let nodes: Vec<usize> = quantised.populations.iter().map(|p| p.node).collect();
    let mut golden = Golden::new(graph, scheme)?;
    let traces: Vec<Vec<Vec<Vec<f64>>>> =
        (0..found.len()).map(|index| golden.trace(samples, index, &nodes)).collect();
    let mut activities = measured(&network, chip, &found)?;
    for (p, own) in quantised.populations.iter().enumerate() {
        let activity = &mut activities[p];
        let size = activity.neurons;
        activity.scale = Some(own.scale);
        activity.weight_error = Some(own.weight_error);
        if network.outputs[p].read.potentials() {
            continue;
        }
        let (mut spikes, mut differing, mut counts, mut cells) = (0.0, 0.0, 0.0, 0.0);
        for (sample, trace) in traces.iter().enumerate() {
            let mut difference = vec![0.0; size];
            for (step, wanted) in trace[p].iter().enumerate() {
                let tick = step + own.start as usize;
                for (k, wanted) in wanted.iter().enumerate() {
                    let given = f64::from(found[sample][p][tick * size + k]);
                    spikes += wanted;
                    differing += f64::from(u8::from(given != *wanted));
                    difference[k] += given - wanted;
                    cells += 1.0;
                }
            }
            counts += difference.iter().map(|d| d.abs()).sum::<f64>();
        }
        if cells > 0.0 {
            activity.golden_rate = Some(spikes / cells);
            activity.differing = Some(differing / cells);
            activity.count_difference = Some(counts / (size * traces.len()) as f64);
        }
    }
    activities.truncate(quantised.populations.len());
    Ok(activities)
}

/// Every population of a network that has no golden model.
///
/// # Errors
/// As for emitting and running images.
pub(super) fn alone(network: &SpikingNetwork, chip: &Chip, samples: &Rasters) -> Result<Vec<Activity>> {
    let mut network = network.clone();
    let all = 0..network.populations.len();
    network.outputs = all.map(|population| Output { population, read: Read::Raster }).collect();
    let found = rasters(&network, chip, samples)?;
    measured(&network, chip, &found)
}

fn measured(network: &SpikingNetwork, chip: &Chip, found: &[Vec<Vec<i32>>]) -> Result<Vec<Activity>> {
    let cores = split(&network.check(chip)?)?;
    let samples = found.len().max(1) as f64;
    let activities = network.populations.iter().enumerate().map(|(p, population)| {
        let fan_out = fan_out(network, p);
        let (mut spikes, mut operations, mut ticks) = (0.0, 0.0, 0.0);
        for sample in found.iter().filter(|_| !network.outputs[p].read.potentials()) {
            for tick in sample[p].chunks(population.size) {
                ticks += 1.0;
                for (given, reached) in tick.iter().zip(&fan_out) {
                    spikes += f64::from(*given);
                    operations += f64::from(*given) * *reached as f64;
                }
            }
        }
        Activity {
            name: population.name.clone(),
            neurons: population.size,
            cores: cores.iter().filter(|core| core.population == p).count(),
            scale: None,
            weight_error: None,
            snr_db: None,
            rate: if ticks > 0.0 { spikes / (ticks * population.size as f64) } else { 0.0 },
            golden_rate: None,
            differing: None,
            count_difference: None,
            spikes: spikes / samples,
            synaptic_operations: operations / samples,
        }
    });
    Ok(activities.collect())
}
