//! What leaves the network, what holds of its image, and what its populations do.

use spandrel_core::image::Image;

use super::Role;
use super::build::Layers;
use super::layer::From;
use super::network::Made;
use super::pack::{Room, What};
use super::tune::{Fed, Tuned};
use crate::diagnostic::{Diagnostic, Result};
use crate::engine::{ExactEngine, FastEngine, Options as EngineOptions, RawBatch};
use crate::nir::Activity;
use crate::spiking::Decoding;

/// Samples whose counts in the image are compared with those that tuning saw.
const COMPARED: usize = 32;

pub(super) fn fault(rule: &str) -> Diagnostic {
    Diagnostic::error("SP0310", "image", rule, "this is a fault of the compiler: report it with the model")
}

/// What the outputs' counts mean.
pub(super) fn decoding(layers: &Layers, tuned: &Tuned, made: &Made, decision: bool) -> Result<Vec<Decoding>> {
    let mut all = Vec::new();
    for (number, told) in layers.outputs.iter().enumerate() {
        let population = made.network.outputs[number].population;
        let (_, neurons) = &made.populations[population];
        let place = |neuron: u32| neurons.iter().position(|own| *own == neuron);
        let mut signals = Vec::new();
        for element in &told.order {
            for copy in 0..told.copies as u32 {
                let at = place(element * told.copies as u32 + copy);
                signals.push(at.ok_or_else(|| fault("a neuron of an output is on no core"))? as u32);
            }
        }
        // What each copy of a channel misses of its value on average is 0, so that all spikes count the same.
        let unit = layers.layers[told.layer].team(0, &tuned.layers[told.layer].unit).1;
        all.push(Decoding {
            signals,
            each: told.copies as u8,
            unit,
            zero: tuned.zeros[number],
            decides: decision && number == 0,
        });
    }
    Ok(all)
}

/// That no neuron reaches more axons than the chip lets it: counted on the cores as they were cut.
pub(super) fn copies_hold(cores: &[crate::spiking::Core], made: &Made, room: Room) -> Result<()> {
    let Some(targets) = room.targets else { return Ok(()) };
    let mut reached: Vec<Vec<usize>> = made.network.populations.iter().map(|own| vec![0; own.size]).collect();
    for axon in cores.iter().flat_map(|core| &core.axons) {
        if let crate::spiking::Source::Population(from) = made.network.projections[axon.projection].from {
            reached[from][axon.signal as usize] += 1;
        }
    }
    match reached.iter().flatten().max() {
        Some(most) if *most > targets => Err(Diagnostic::error(
            "SP0311",
            "mapping",
            format!("a neuron reaches {most} axons, the chip's at most {targets}"),
            "this is a fault of the compiler: report it with the model",
        )
        .into()),
        _ => Ok(()),
    }
}

/// That the image counts what tuning counted.
pub(super) fn counts_hold(
    image: &Image<'_>,
    raw: &RawBatch<'_>,
    layers: &Layers,
    tuned: &Tuned,
) -> Result<()> {
    let mut engine = FastEngine::new(image, EngineOptions::default())?;
    let count = COMPARED.min(tuned.counts.first().map_or(0, Vec::len));
    let outputs = engine.run_batch(&raw.slice(0..count))?;
    for (number, told) in layers.outputs.iter().enumerate() {
        for sample in 0..count {
            let wanted = told.order.iter().flat_map(|element| {
                let first = *element as usize * told.copies;
                tuned.counts[number][sample][first..first + told.copies].iter().map(|n| *n as i32)
            });
            if !outputs.output(sample, number as u16).eq(wanted) {
                let rule = format!("sample {sample}: the image counts other spikes than tuning did");
                return Err(fault(&rule).into());
            }
        }
    }
    Ok(())
}

/// What every population does, by the counts of tuning.
pub(super) fn activities(
    layers: &Layers,
    tuned: &Tuned,
    made: &Made,
    fed: &Fed,
    window: u32,
) -> Vec<Activity> {
    let samples = fed.codes.len().max(1) as f64;
    let mut inputs = vec![0u64; fed.unit.len()];
    for codes in &fed.codes {
        inputs.iter_mut().zip(codes).for_each(|(total, n)| *total += u64::from(*n));
    }
    let activity = |name: String, totals: Vec<u64>, reached: &[u32], cores: usize, wanted: Option<f64>| {
        let spikes = totals.iter().sum::<u64>() as f64 / samples;
        let operations: f64 = totals.iter().zip(reached).map(|(n, r)| *n as f64 * f64::from(*r)).sum();
        Activity {
            name,
            neurons: reached.len(),
            cores,
            scale: None,
            weight_error: None,
            snr_db: None,
            rate: spikes / (reached.len().max(1) as f64 * f64::from(window)),
            golden_rate: wanted,
            differing: None,
            count_difference: None,
            spikes,
            synaptic_operations: operations / samples,
        }
    };
    let mut all = vec![activity("input".into(), inputs.clone(), &made.input_reached, 0, None)];
    for (number, (what, neurons)) in made.populations.iter().enumerate() {
        let (totals, wanted) = match what {
            What::Layer(layer) => (&tuned.layers[*layer].totals, Some(tuned.layers[*layer].wanted_rate)),
            What::Relay(From::Layer(layer)) => (&tuned.layers[*layer].totals, None),
            What::Relay(From::Input) => (&inputs, None),
        };
        let own = neurons.iter().map(|neuron| totals[*neuron as usize]).collect();
        let population = &made.network.populations[number];
        let role = match what {
            What::Layer(layer) => match layers.layers[*layer].role {
                Role::Computation => "",
                Role::Part => " (part)",
                Role::Reduce => " (reduce)",
                Role::Maximum => " (maximum)",
            },
            What::Relay(_) => " (relay)",
        };
        let name = format!("{}{role}", population.name);
        let mut found = activity(name, own, &made.reached[number], made.cores[number].len(), wanted);
        if let What::Layer(layer) = what {
            found.snr_db = Some(tuned.layers[*layer].snr_db);
        }
        all.push(found);
    }
    all
}
