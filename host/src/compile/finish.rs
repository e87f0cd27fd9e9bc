//! What follows when an image is made: its notes, and what it gives on samples.

use spandrel_core::image::Image;
use spandrel_hwdesc::Chip;

use super::{Request, file_digest};
use crate::diagnostic::Result;
use crate::dots::{DotGraph, OutputPort};
use crate::engine::{CoreEngine, ExactEngine, FastEngine, Options as EngineOptions};
use crate::evaluate::{Evaluation, Reference, evaluate};
use crate::fed::Fed;
use crate::graph::Golden;
use crate::notes::{FORMAT, ModelNotes, Notes, OutputNotes, SampleNotes};
use crate::sequence::{Model, SequenceGolden};
use crate::sweep::{GoldenMemory, Remembering};

/// The image on samples in sequences of so many, beside the golden model.
///
/// # Errors
/// Those of the engines.
pub(crate) fn measure(
    image: &Image<'_>,
    model: &Model<'_>,
    (fed, sequence): (&Fed, usize),
    dot: &DotGraph,
    raw_steps: &[Option<f64>],
    memory: Option<&mut GoldenMemory>,
) -> Result<Evaluation> {
    let raw = fed.raw(raw_steps)?;
    let mut fast;
    let mut core;
    let engine: &mut dyn ExactEngine = match FastEngine::new(image, EngineOptions::default()) {
        Ok(engine) => {
            fast = engine;
            &mut fast
        }
        Err(_) => {
            core = CoreEngine::new(image, EngineOptions::default())?;
            &mut core
        }
    };
    let mut golden = Remembering {
        golden: SequenceGolden::new(Golden::new(model.graph), model.clone(), sequence),
        memory,
    };
    let outputs = dot.outputs.iter().map(|port| port.name.as_str()).collect();
    let reference = Reference { engine: &mut golden, feed: &fed.feed, outputs };
    evaluate(engine, &raw.batch()?.in_sequences(sequence)?, &fed.samples, Some(reference), &mut |_, _, _| {})
}

/// The notes of the image that `request` makes.
///
/// # Errors
/// Files that can not be read.
pub(crate) fn notes(
    request: &Request,
    fed: &Fed,
    model: &Model<'_>,
    (dot, decision): (&DotGraph, bool),
    raw_steps: &[Option<f64>],
    chip: &Chip,
) -> Result<String> {
    let output = |port: &OutputPort| {
        let shape = model.graph.value_by_name(&port.name).map(|value| model.graph.value(value).shape.clone());
        OutputNotes { name: port.name.clone(), shape: shape.unwrap_or_default() }
    };
    let notes = Notes {
        format: FORMAT,
        spandrel: env!("CARGO_PKG_VERSION").to_owned(),
        model: ModelNotes {
            file: request
                .model
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            sha256: file_digest(&request.model)?,
            decision,
            states: request.states.clone(),
            dims: request.dims.clone(),
        },
        samples: SampleNotes {
            sha256: file_digest(&request.samples)?,
            calibration_count: fed.samples.count,
            sequence: if model.holds() { request.sequence } else { 0 },
        },
        inputs: fed.notes(model, request, raw_steps),
        outputs: dot.outputs.iter().map(output).collect(),
        settings: request.settings.clone(),
        chip: chip.to_toml(),
    };
    Ok(notes.to_text())
}
