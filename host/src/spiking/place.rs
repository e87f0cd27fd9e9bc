//! Cores as configurations: weights packed, parameters as values or tables.

use spandrel_core::{
    image::{Config, NO_BLOB, OriginRun, Placement, Side},
    mac::Param,
    spiking::{Output, Spiking},
};
use spandrel_hwdesc::Encoding;

use super::{check::Checked, neuron::Values, split::Core, synapses::Synapses};
use crate::diagnostic::{Diagnostic, Result};
use crate::map::{BlobData, BlobForm, Origin, Program, table};

/// The form in which the weights of `core` are held, and the weights as they are held.
fn packed(checked: &Checked<'_>, core: &Core, program: &mut Program) -> Result<BlobForm> {
    let typed = core.axons.first().map(|axon| &checked.network.projections[axon.projection].synapses);
    if let Some(Synapses::Typed { .. }) = typed {
        return types(checked, core, program);
    }
    let forms = checked.chip.weights().iter().filter_map(|encoding| match encoding {
        Encoding::DynamicFixedPoint { bits, .. } | Encoding::Fraction { bits, .. } => {
            Some(BlobForm::Dense(bits.get() as u8))
        }
        _ => None,
    });
    if let Some(form) = forms.into_iter().next() {
        return Ok(form);
    }
    let mut values: Vec<i32> = core.weights.clone();
    values.sort_unstable();
    values.dedup();
    for encoding in checked.chip.weights() {
        if let Encoding::Shared { index_bits, .. } = encoding
            && values.len() <= 1 << index_bits.get()
        {
            values.resize(1 << index_bits.get(), 0);
            let table = table(program, values);
            return Ok(BlobForm::Codebook { bits: index_bits.get() as u8, table, per_column: false });
        }
    }
    let place = format!("population {:?}", checked.network.populations[core.population].name);
    let rule =
        format!("{} different weights on one core, more than a codebook of this chip holds", values.len());
    Err(Diagnostic::error("SP0322", place, rule, "cluster the weights to fewer values").into())
}

/// Axons of several projections share the chip's types, so all of them must be typed alike: by one value for each neuron and type.
fn types(checked: &Checked<'_>, core: &Core, program: &mut Program) -> Result<BlobForm> {
    let refuse = |rule: String| {
        let place = format!("population {:?}", checked.network.populations[core.population].name);
        let way_out = "give all projections to a population the same values for each type of axon";
        Diagnostic::error("SP0322", place, rule, way_out)
    };
    let mut own: Vec<i32> = Vec::new();
    let mut most = 0usize;
    let mut all: Option<Vec<i32>> = None;
    for axon in &core.axons {
        let Synapses::Typed { types, kinds, values, .. } =
            &checked.network.projections[axon.projection].synapses
        else {
            return Err(refuse("typed and untyped axons on one core".into()).into());
        };
        own.push(i32::from(types[axon.signal as usize]));
        most = most.max(*kinds);
        let of_core: Vec<i32> = core
            .neurons
            .iter()
            .flat_map(|neuron| values[*neuron as usize * kinds..][..*kinds].iter().copied())
            .collect();
        if all.get_or_insert_with(|| of_core.clone()) != &of_core {
            return Err(refuse("a type of axon with several values for one neuron".into()).into());
        }
    }
    let types = table(program, own);
    let values = table(program, all.unwrap_or_default());
    Ok(BlobForm::AxonTyped { types, values, kinds: most as u32 })
}

/// The parameter that the core's neurons have, as a value where all agree.
fn param(core: &Core, values: &Values, program: &mut Program) -> Param<i32> {
    let own: Vec<i32> = core.neurons.iter().map(|neuron| values.get(*neuron as usize)).collect();
    match own.first() {
        Some(first) if own.iter().all(|value| value == first) => Param::Core(*first),
        _ => Param::Column { table: table(program, own) },
    }
}

/// Runs of neurons that follow one another by a fixed stride.
fn runs(neurons: &[u32]) -> Vec<OriginRun> {
    let mut runs: Vec<OriginRun> = Vec::new();
    for (unit, element) in (0..).zip(neurons.iter().copied()) {
        if let Some(run) = runs.last_mut() {
            let step = element.checked_sub(run.element + run.stride * (run.count - 1));
            if let Some(step) = step
                && (run.count == 1 || step == run.stride)
            {
                (run.stride, run.count) = (step, run.count + 1);
                continue;
            }
        }
        runs.push(OriginRun { side: Side::Column, first: unit, count: 1, element, stride: 0, signal: 0 });
    }
    runs
}

/// Adds the configuration of `core`, its weights, its place and where it comes from; `number` is the core's.
pub(super) fn place(
    checked: &Checked<'_>,
    number: usize,
    core: &Core,
    program: &mut Program,
) -> Result<Spiking> {
    let network = checked.network;
    let population = &network.populations[core.population];
    let blob = if core.axons.is_empty() {
        NO_BLOB
    } else {
        let form = packed(checked, core, program)?;
        program.blobs.push(BlobData {
            rows: core.axons.len(),
            columns: core.neurons.len(),
            weights: core.weights.iter().map(|weight| *weight as i16).collect(),
            form,
        });
        program.blobs.len() as u32 - 1
    };
    let spikes_in = core.axons.iter().map(|axon| network.spikes(network.projections[axon.projection].from));
    let potentials =
        network.outputs.iter().any(|output| output.population == core.population && output.read.potentials());
    let spiking = Spiking {
        rows: core.axons.len() as u32,
        columns: core.neurons.len() as u32,
        blob,
        spikes_in: spikes_in.max().unwrap_or(1),
        window: population.window,
        output: if potentials { Output::Potential } else { Output::Spikes },
        ..population.neuron.core(|values| param(core, values, program))
    };
    program.configs.push(Config::Spiking(spiking));
    let cores = u64::from(checked.chip.fabric().cores);
    let at = number as u64;
    program.placements.push(Placement {
        config: number as u32,
        chip: (at / cores) as u32,
        core: (at % cores) as u32,
        phase: 0,
    });
    let from = core.axons.first().map_or("", |axon| network.name(network.projections[axon.projection].from));
    let clean = |name: &str| name.replace('\0', "\u{fffd}");
    program.origins.push(Origin {
        node: clean(&population.name),
        input: clean(from),
        runs: runs(&core.neurons),
    });
    Ok(spiking)
}
