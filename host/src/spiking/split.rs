//! Populations cut into cores.

use std::collections::BTreeSet;

use super::{check::Checked, given::Given, network::Population};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// What an axon of a core listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Axon {
    /// The projection, by number.
    pub projection: usize,
    /// The signal of its source.
    pub signal: u32,
}

/// Neurons of one population on one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// The population.
    pub population: usize,
    /// The neurons, in the order of the core's columns.
    pub neurons: Vec<u32>,
    /// The axons, in the order of the core's rows.
    pub axons: Vec<Axon>,
    /// \[neuron\]\[axon\]
    pub weights: Vec<i32>,
}

/// Neurons in the order in which they are put on cores: neighbours of a picture with all channels together.
fn order(population: &Population) -> Vec<u32> {
    let all = 0..population.size as u32;
    match population.picture {
        None => all.collect(),
        Some([channels, height, width]) => {
            let pixels = (height * width) as u32;
            (0..pixels)
                .flat_map(|at| (0..channels as u32).map(move |channel| channel * pixels + at))
                .collect()
        }
    }
}

/// Cuts every population into cores of at most the chip's axons and neurons, in order; each core listens to what any of its neurons
/// has a synapse from.
///
/// # Errors
/// SP0324 for neurons with more synapses than a core has axons, SP0305 for more cores than the chip has.
pub fn split(checked: &Checked<'_>) -> Result<Vec<Core>> {
    split_given(checked, &Given::default())
}

/// As [`split`], but populations whose cores are given are cut as that says.
///
/// # Errors
/// As [`split`]; SP0321 where the given cores are not all of a population's neurons, SP0324 where one is too large.
pub fn split_given(checked: &Checked<'_>, given: &Given) -> Result<Vec<Core>> {
    let (network, chip) = (checked.network, checked.chip);
    let (rows, columns) = (chip.core_inputs().get() as usize, chip.core_outputs().get() as usize);
    let mut found = Diagnostics::default();
    let mut cores = Vec::new();
    for (number, population) in network.populations.iter().enumerate() {
        let mut synapses: Vec<Vec<(Axon, i32)>> = vec![Vec::new(); population.size];
        for (projection, own) in network.projections.iter().enumerate().filter(|(_, own)| own.to == number) {
            let sources = own.synapses.rows(network.size(own.from), population.size);
            for (neuron, sources) in synapses.iter_mut().zip(sources) {
                neuron.extend(
                    sources.into_iter().map(|(signal, weight)| (Axon { projection, signal }, weight)),
                );
            }
        }
        let widest = synapses.iter().map(Vec::len).max().unwrap_or(0);
        if widest > rows {
            let place = format!("population {:?}", population.name);
            let rule =
                format!("a neuron has {widest} synapses; a core of chip {:?} has {rows} axons", chip.name());
            let way_out = "split the sums over populations that relay them, or choose a chip with more axons";
            found.push(Diagnostic::error("SP0324", place, rule, way_out));
            continue;
        }
        if let Some(sizes) = given.cores.get(number).filter(|sizes| !sizes.is_empty()) {
            let mut first = 0u32;
            for size in sizes {
                let group: Vec<u32> =
                    (first..first.saturating_add(*size).min(population.size as u32)).collect();
                let axons: BTreeSet<Axon> =
                    group.iter().flat_map(|n| &synapses[*n as usize]).map(|(axon, _)| *axon).collect();
                if axons.len() > rows || group.len() > columns {
                    let place = format!("population {:?}", population.name);
                    let rule = format!(
                        "a given core of {} axons and {} neurons; chip {:?} has {rows} and {columns}",
                        axons.len(),
                        group.len(),
                        chip.name()
                    );
                    found.push(Diagnostic::error("SP0324", place, rule, "give smaller cores"));
                }
                cores.push(core(number, &group, &axons, &synapses));
                first = first.saturating_add(*size);
            }
            if first as usize != population.size {
                let place = format!("population {:?}", population.name);
                let rule = format!("{first} neurons on given cores, {} there are", population.size);
                found.push(Diagnostic::error("SP0321", place, rule, "give every neuron one core"));
            }
            continue;
        }
        let mut group: Vec<u32> = Vec::new();
        let mut axons: BTreeSet<Axon> = BTreeSet::new();
        for neuron in order(population) {
            let own = &synapses[neuron as usize];
            let more = own.iter().filter(|(axon, _)| !axons.contains(axon)).count();
            if !group.is_empty() && (group.len() == columns || axons.len() + more > rows) {
                cores.push(core(number, &group, &axons, &synapses));
                group.clear();
                axons.clear();
            }
            group.push(neuron);
            axons.extend(own.iter().map(|(axon, _)| *axon));
        }
        cores.push(core(number, &group, &axons, &synapses));
    }
    let room = chip.fabric().total_cores();
    if !chip.fabric().has_room_for(cores.len() as u64) {
        let rule = format!("it takes {} cores; chip {:?} has {}", cores.len(), chip.name(), room.get());
        let way_out = "choose a smaller network or more chips (fabric.chips)";
        found.push(Diagnostic::error("SP0305", format!("network {:?}", network.name), rule, way_out));
    }
    found.into_result(cores)
}

fn core(population: usize, neurons: &[u32], axons: &BTreeSet<Axon>, synapses: &[Vec<(Axon, i32)>]) -> Core {
    let axons: Vec<Axon> = axons.iter().copied().collect();
    let mut weights = vec![0; neurons.len() * axons.len()];
    for (row, neuron) in weights.chunks_exact_mut(axons.len().max(1)).zip(neurons) {
        for (axon, weight) in &synapses[*neuron as usize] {
            if let Ok(at) = axons.binary_search(axon) {
                row[at] = *weight;
            }
        }
    }
    Core { population, neurons: neurons.to_vec(), axons, weights }
}
