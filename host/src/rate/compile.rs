//! The way of a trained network to a spiking chip's image, on one page.

use std::time::Instant;

use spandrel_hwdesc::Chip;

use super::build::{Layers, build};
use super::ideal;
use super::input::{fed, quantised, raw_codes};
use super::layer::From;
use super::merge::merged;
use super::network::{depths, items, network};
use super::pack::place;
use super::target::target;
use super::told::{activities, copies_hold, counts_hold, decoding, fault};
use super::tune::{Effort, tune};
use crate::chips;
use crate::compile::{Request, Watcher, finish};
use crate::confidence::clopper_pearson;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::survey;
use crate::fed::Fed as Samples;
use crate::import::{Options, read_onnx_with};
use crate::lower::{self, LowerOptions};
use crate::nir::{SpikingCompiled, SpikingReport};
use crate::prove::parse;
use crate::report::{ClaimEvidence, hex};
use crate::sequence::Model;
use crate::spiking::{Given, RawCodes, emit_given, program_given, split_given};

/// Samples on which layers are tuned at most.
const TUNED: usize = 1024;
/// Bytes that the spikes of a layer on all of these may take.
const SPIKES: usize = 1 << 28;

/// Compiles a trained network for the spiking chip that `request` names.
///
/// # Errors
/// As [`compile_for`].
pub fn compile(request: &Request, watcher: &mut dyn Watcher) -> Result<SpikingCompiled> {
    compile_for(request, &chips::find(&request.chip)?, watcher)
}

/// Compiles a trained network for a spiking chip.
///
/// # Errors
/// Whatever of the request can not be read, is not supported, or does not fit the chip.
pub fn compile_for(request: &Request, chip: &Chip, watcher: &mut dyn Watcher) -> Result<SpikingCompiled> {
    let start = Instant::now();
    let window = request.options.rate.window;
    let target = target(chip, &request.options.rate, request.options.expand.transmission)?;

    watcher.stage("import");
    let graph = read_onnx_with(&request.model, &Options { dims: request.dims.clone() })?;
    let model = Model::new(&graph, &request.states)?;
    if model.holds() {
        let rule = "state between samples, and rate codes hold one value over a window";
        let way_out = "leave out --state, or choose another chip";
        return Err(Diagnostic::error("SP0401", "model", rule, way_out).into());
    }
    let calibration = Samples::read(&request.samples, request.labels.as_deref(), &model, request)?
        .first(request.calibration_count);
    watcher.product("graph", &|| graph.to_string());

    watcher.stage("reform");
    let how = LowerOptions { loops: request.options.loops, ..LowerOptions::default() };
    let dot = lower::lower(&graph, &how)?;
    watcher.product("dot", &|| dot.to_string());
    let batch = calibration.batch();
    let dot = lower::check(dot, &graph, &batch.first(32))?.into_graph();
    let surveyed = survey(&dot, batch.data());

    watcher.stage("encode");
    let (apart, merges) = merged(&dot, target.limits.taps);
    let mut layers = build(&apart, &surveyed, target.limits)?;
    layers.remarks.splice(0..0, merges);
    let typed = target.registers.axons.is_some();
    let unequal = layers.layers.iter().filter(|own| typed && own.role.alike() && !super::typed::equal(own));
    let unequal: Diagnostics = unequal
        .map(|layer| {
            let rule = "it adds up values of several factors, and types of axons stand for its two signs";
            let way_out = "use ReLU in place of leaky ReLU, or choose a chip with weights at every synapse";
            Diagnostic::error("SP0301", format!("node {:?}", layer.name), rule, way_out)
        })
        .collect();
    unequal.into_result(())?;
    watcher.product("encoded", &|| layers.layers.iter().map(|layer| format!("{layer}\n")).collect());
    let raw_steps = calibration.steps(2047);
    let raw = calibration.raw(&raw_steps)?;
    let raw_batch = raw.batch()?;
    let (lo, codes, step) = raw_codes(&raw_batch, window)?;
    let map = calibration.input_map(&raw_steps);
    let order = calibration.feed.order();
    let samples = tuned_samples(&layers, batch.rows(), window);
    let fed = fed(&raw_batch, samples, (lo, &codes, step), &map, order.as_deref(), batch.data());

    watcher.stage("tune");
    let effort = Effort {
        window,
        ridge: request.options.tune.ridge,
        rows: request.options.tune.rows.min(4096),
        passes: request.options.rate.passes,
    };
    let tuned = tune(&mut layers, &fed, target.registers, effort, dot.decision);

    watcher.stage("map");
    let told: Vec<usize> = layers.outputs.iter().map(|told| told.layer).collect();
    let size = |from: From| match from {
        From::Input => fed.unit.len(),
        From::Layer(number) => layers.layers[number].len(),
    };
    let stages = place(
        &items(&layers.layers, target.registers.axons),
        &depths(&layers.layers),
        size,
        |layer| told.contains(&layer),
        target.room,
    );
    let title = request.model.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let made = network(
        (&title, &layers.layers, &tuned),
        &stages,
        (fed.unit.len(), window),
        (target.room, target.registers.axons),
        &told,
        chip,
    )
    .ok_or_else(|| fault("an output's layer is on no core"))?;
    watcher.product("program", &|| made.network.to_string());

    watcher.stage("emit");
    let given = Given {
        cores: made.cores.clone(),
        codes: Some(RawCodes {
            raw: raw.raw_type().codec(),
            lo,
            codes,
            signals: target.registers.axons.unwrap_or(1),
            order: order.clone(),
        }),
        decoding: decoding(&layers, &tuned, &made, dot.decision)?,
    };
    let checked = made.network.check(chip)?;
    let cores = split_given(&checked, &given)?;
    copies_hold(&cores, &made, target.room)?;
    let text = finish::notes(request, &calibration, &model, (&dot, dot.decision), &raw_steps, chip)?;
    let image = emit_given(&checked, &given, &text)?;
    let shown = (0..raw_batch.len()).map(|index| raw_batch.sample(index).collect());
    let image = request.options.answers.equip(image, shown, request.options.tune.seed)?;
    let compared = crate::emit::check_image(&program_given(&checked, &given)?.program, &image)?;
    let parsed = parse(&image)?;
    counts_hold(&parsed, &raw_batch, &layers, &tuned)?;
    let evidence = "every record and every weight of the image, decoded, against the program that was mapped";
    let mut claims = vec![ClaimEvidence { id: "C3".into(), cases: compared, evidence: evidence.into() }];
    let mut remarks = layers.remarks.clone();
    crate::nir::register_claims(&parsed, &mut claims, &mut remarks);

    watcher.stage("evaluate");
    let (shown, evaluated_on) = match &request.test {
        Some(path) => {
            let mut test = Samples::read(path, request.test_labels.as_deref(), &model, request)?;
            test.samples = test.samples.skip(request.test_skip)?;
            (test, "test")
        }
        None => (calibration, "calibration"),
    };
    let evaluation = finish::measure(&parsed, &model, (&shown, 1), &dot, &raw_steps, None)?;
    let ideal_accuracy = shown.samples.labels.as_ref().filter(|_| dot.decision).map(|labels| {
        let given = quantised(&shown, &raw_steps, (lo, hi_of(&given)), step);
        let classes = given.map(|x| ideal::decisions(&dot, &surveyed, window, &x)).unwrap_or_default();
        let right = classes.iter().zip(labels).filter(|(class, label)| class == label).count();
        right as f64 / classes.len().max(1) as f64
    });
    let count = |n: Option<usize>| n.map(|n| n as u64);
    let report = SpikingReport {
        chip: chip.name().to_owned(),
        scheme: Some("rate".into()),
        dt: None,
        steps: window as usize,
        ticks: made.network.ticks,
        populations: activities(&layers, &tuned, &made, &fed, window),
        samples: evaluation.samples,
        evaluated_on,
        golden_accuracy: evaluation.share(evaluation.golden_correct),
        ideal_accuracy,
        accuracy: evaluation.share(evaluation.correct),
        agreement: evaluation.share(evaluation.agreeing),
        agreement_interval: count(evaluation.agreeing)
            .map(|n| clopper_pearson(n, evaluation.samples as u64, 0.95)),
        cores: cores.len(),
        image_bytes: image.len(),
        ram_bytes: u64::from(parsed.header().ram_words) * 4,
        image_digest: hex(parsed.digest()),
        claims,
        remarks,
        settings: request.settings.clone(),
        seconds: start.elapsed().as_secs_f64(),
    };
    Ok(SpikingCompiled { image, report })
}

/// The last raw value that has a code of its own.
fn hi_of(given: &Given) -> i32 {
    given.codes.as_ref().map_or(0, |codes| codes.lo + codes.codes.len() as i32 - 1)
}

/// How many samples layers are tuned on: fewer where their spikes fill memory.
fn tuned_samples(layers: &Layers, samples: usize, window: u32) -> usize {
    let widest = layers.layers.iter().map(|layer| layer.len()).max().unwrap_or(1);
    // About an eighth of the neurons spike in a tick.
    let each = widest * window as usize / 2;
    samples.min(TUNED).min((SPIKES / each.max(1)).max(64))
}
