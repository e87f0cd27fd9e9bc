//! The way of a spiking network from its file to an image, on one page.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use spandrel_core::image::{Config, Image};
use spandrel_core::mac::Overflow;
use spandrel_core::spiking::Limit;
use spandrel_hwdesc::Chip;

use super::activity::{self, Activity, Golden};
use super::graph::NirGraph;
use super::lava::read_lava;
use super::quantise::{QuantiseOptions, Quantised, quantise};
use super::rasters::Rasters;
use super::scheme::Scheme;
use super::{read_nir, simulate::Simulator};
use crate::chips;
use crate::compile::{Request, Watcher, file_digest};
use crate::confidence::clopper_pearson;
use crate::diagnostic::{Diagnostic, Result};
use crate::evaluate::class_of;
use crate::notes::{FORMAT, InputNotes, ModelNotes, Notes, OutputNotes, RawType, SampleNotes};
use crate::prove::parse;
use crate::report::{ClaimEvidence, hex};
use crate::spiking::{Output, Read, SpikingNetwork, emit, program, reach, split};

/// Whether `path` names a spiking network by its ending: `.nir`, or `.net` of lava-dl.
pub fn is_spiking(path: &Path) -> bool {
    is_whole(path) || path.extension().is_some_and(|ending| ending == "nir")
}

/// Whether a file holds a network of whole numbers, by its name: lava-dl's (`.net`).
pub(crate) fn is_whole(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "net")
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct SpikingReport {
    /// The chip.
    pub chip: String,
    /// The discretisation and the length of a step; absent for networks that are whole numbers already.
    pub scheme: Option<String>,
    /// See `scheme`.
    pub dt: Option<f64>,
    /// Steps of a sample, and ticks that the chip takes for them.
    pub steps: usize,
    /// See `steps`.
    pub ticks: u32,
    /// Each population.
    pub populations: Vec<Activity>,
    /// Samples that were evaluated, and which.
    pub samples: usize,
    /// `test` or `calibration`.
    pub evaluated_on: &'static str,
    /// Share of samples that the golden model classifies as labelled.
    pub golden_accuracy: Option<f64>,
    /// Share of samples that the ideal rate-quantised network classifies as labelled; absent for spiking models.
    pub ideal_accuracy: Option<f64>,
    /// Share of samples that the image classifies as labelled.
    pub accuracy: Option<f64>,
    /// Share of samples on which both choose the same class, and its 95 % interval (Clopper and Pearson).
    pub agreement: Option<f64>,
    /// See `agreement`.
    pub agreement_interval: Option<(f64, f64)>,
    /// Cores.
    pub cores: usize,
    /// Bytes of the image.
    pub image_bytes: usize,
    /// Bytes of memory that the machine needs.
    pub ram_bytes: u64,
    /// SHA-256 of the image.
    pub image_digest: String,
    /// Claims that hold for this image.
    pub claims: Vec<ClaimEvidence>,
    /// What a reader should know: registers that can be left, whatever spikes arrive.
    pub remarks: Vec<String>,
    /// Settings.
    pub settings: BTreeMap<String, String>,
    /// Seconds in all.
    pub seconds: f64,
}

/// A compiled spiking network.
#[derive(Clone, Debug)]
pub struct SpikingCompiled {
    /// The image.
    pub image: Vec<u8>,
    /// What was measured.
    pub report: SpikingReport,
}

/// What a file holds.
enum Source {
    /// Continuous dynamics, discretised by a scheme.
    Nir(NirGraph, Scheme),
    /// Whole numbers.
    Lava(super::lava::LavaNetwork),
}

/// Compiles a spiking network; `request.samples` are rasters or recordings.
///
/// # Errors
/// As [`compile_for`].
pub fn compile(request: &Request, watcher: &mut dyn Watcher) -> Result<SpikingCompiled> {
    compile_for(request, &chips::find(&request.chip)?, watcher)
}

/// Compiles a spiking network for `chip`, whatever chip the request names.
///
/// # Errors
/// Whatever of the request can not be read, is not supported, or does not fit the chip.
pub fn compile_for(request: &Request, chip: &Chip, watcher: &mut dyn Watcher) -> Result<SpikingCompiled> {
    let start = Instant::now();
    let options = &request.options.spiking;
    watcher.stage("import");
    let source = if is_whole(&request.model) {
        Source::Lava(read_lava(&request.model)?)
    } else {
        let graph = read_nir(&request.model)?;
        graph.warnings().iter().for_each(|warning| watcher.warning(warning));
        watcher.product("graph", &|| graph.to_string());
        let scheme = options.scheme(graph.has_time())?;
        Source::Nir(graph, scheme)
    };
    let input = match &source {
        Source::Nir(graph, _) => graph.nodes()[graph.input()].shape.clone(),
        Source::Lava(network) => vec![network.layers.first().map_or(0, |layer| layer.inputs)],
    };
    let read = |path: &Path, labels: Option<&Path>, count: usize| {
        Rasters::read(path, labels, &input, options.events, count)
    };
    let calibration = read(&request.samples, request.labels.as_deref(), request.calibration_count)?;
    let steps = calibration.steps as u32;
    // Other samples may be busier than these: twice as many spikes fit where there are several at all.
    let input_spikes = match calibration.most() {
        0 | 1 => 1,
        most => most.saturating_mul(2),
    };

    watcher.stage("quantise");
    let (network, quantised, golden) = match &source {
        Source::Nir(graph, scheme) => {
            let mut golden = Golden::new(graph, scheme)?;
            let reaches = golden.reaches(&calibration);
            let quantising =
                QuantiseOptions { threshold: options.threshold, decay: options.decay, input_spikes, steps };
            let quantised = quantise(graph, scheme, chip, &reaches, &quantising)?;
            let mut network = quantised.network.clone();
            told(&mut network, false);
            (network, Some(quantised), Some(golden))
        }
        Source::Lava(network) => (network.on(chip, steps)?, None, None),
    };
    watcher.product("program", &|| network.to_string());

    watcher.stage("emit");
    let checked = network.check(chip)?;
    let cores = split(&checked)?;
    let notes = notes(request, &source, &calibration, &input, &network, chip)?;
    let image = emit(&checked, &notes)?;
    let shown = (0..calibration.count()).map(|at| calibration.sample(at).iter().map(|&n| n.into()).collect());
    let image = request.options.answers.equip(image, shown, request.options.tune.seed)?;
    let compared = crate::emit::check_image(&program(&checked)?.program, &image)?;
    let parsed = parse(&image)?;
    let claim =
        |id: &str, cases, evidence: &str| ClaimEvidence { id: id.into(), cases, evidence: evidence.into() };
    let mut claims = vec![claim(
        "C3",
        compared,
        "every record and every weight of the image, decoded, against the program that was mapped",
    )];
    let mut remarks = Vec::new();
    register_claims(&parsed, &mut claims, &mut remarks);

    watcher.stage("evaluate");
    let (samples, evaluated_on) = match &request.test {
        Some(path) => (read(path, request.test_labels.as_deref(), usize::MAX)?, "test"),
        None => (calibration.clone(), "calibration"),
    };
    if samples.steps != calibration.steps || samples.most() > input_spikes {
        let rule = format!(
            "test samples have {} steps of at most {} spikes, calibration samples {} of at most {}",
            samples.steps,
            samples.most(),
            calibration.steps,
            input_spikes
        );
        let way_out = "bring both into the same steps; calibrate on the busiest samples";
        return Err(Diagnostic::error("SP0206", "test samples", rule, way_out).into());
    }
    let counts = activity::run(&parsed, &samples)?;
    let classes: Vec<u32> = counts.iter().map(|codes| class_of(codes)).collect();
    let decided = golden.as_ref().map(|_| ()).map_or(Ok(None), |()| match &source {
        Source::Nir(graph, scheme) => decide(graph, scheme, &samples).map(Some),
        Source::Lava(_) => Ok(None),
    })?;
    let populations = match (&source, &quantised) {
        (Source::Nir(graph, scheme), Some(quantised)) => {
            activity::compare(graph, scheme, quantised, chip, &calibration)?
        }
        _ => activity::alone(&network, chip, &calibration)?,
    };
    let share = |same: &dyn Fn(usize) -> bool| {
        (0..classes.len()).filter(|&i| same(i)).count() as f64 / classes.len().max(1) as f64
    };
    let labels = samples.labels.as_ref();
    let agreeing =
        decided.as_ref().map(|golden| (0..classes.len()).filter(|&i| golden[i] == classes[i]).count());
    let report = SpikingReport {
        chip: chip.name().to_owned(),
        scheme: matches!(source, Source::Nir(..)).then(|| options.scheme.clone()),
        dt: if let Source::Nir(_, scheme) = &source { Some(scheme.dt) } else { None },
        steps: samples.steps,
        ticks: network.ticks,
        populations,
        samples: classes.len(),
        evaluated_on,
        golden_accuracy: decided.as_ref().and_then(|golden| labels.map(|l| share(&|i| golden[i] == l[i]))),
        ideal_accuracy: None,
        accuracy: labels.map(|labels| share(&|i| classes[i] == labels[i])),
        agreement: agreeing.map(|n| n as f64 / classes.len().max(1) as f64),
        agreement_interval: agreeing.map(|n| clopper_pearson(n as u64, classes.len() as u64, 0.95)),
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

/// Claim C6 where no register can wrap, whatever spikes arrive; else a remark. Registers that saturate do so by their rule, and the
/// remark says that they can.
pub(crate) fn register_claims(image: &Image<'_>, claims: &mut Vec<ClaimEvidence>, remarks: &mut Vec<String>) {
    let (mut neurons, mut wraps) = (0, 0);
    for (number, reach) in (0..).zip(reach(image)) {
        let (Some(reach), Some(Config::Spiking(core))) = (reach, image.config(number)) else { continue };
        neurons += reach.neurons;
        let current = core.current.is_some_and(|current| current.overflow == Overflow::Wrap);
        let potential = core.limit == Limit::Wrap;
        wraps +=
            if current { reach.currents } else { 0 } + if potential { reach.above + reach.below } else { 0 };
        if !reach.safe() {
            remarks.push(format!("core {number}, for some spikes: {reach}"));
        }
    }
    if wraps == 0 {
        let evidence = "intervals of every current and potential, tick by tick, over the weights of the image: none wraps";
        claims.push(ClaimEvidence { id: "C6".into(), cases: neurons as u64, evidence: evidence.into() });
    } else {
        remarks.push(format!("C6 is not proved: {wraps} registers that wrap may be left for some spikes"));
    }
}

/// What the network tells: counts, or potentials, of its output; or rasters of every population.
pub(super) fn told(network: &mut SpikingNetwork, everything: bool) {
    if everything {
        let outputs = (0..network.populations.len()).map(|population| {
            let silent = network.outputs.iter().any(|o| o.population == population && o.read.potentials());
            Output { population, read: if silent { Read::PotentialRaster } else { Read::Raster } }
        });
        network.outputs = outputs.collect();
    } else {
        for output in &mut network.outputs {
            output.read = if output.read.potentials() { Read::Potentials } else { Read::Counts };
        }
    }
}

/// The class that the golden model gives every sample: that of the most spikes, or of the largest last potential.
pub(super) fn decide(graph: &NirGraph, scheme: &Scheme, samples: &Rasters) -> Result<Vec<u32>> {
    let mut simulator = Simulator::new(graph, scheme)?;
    let fires = match &graph.nodes()[graph.output()].op {
        super::op::NirOp::Neuron(neuron) => neuron.kind.fires(),
        _ => true,
    };
    let mut classes = Vec::new();
    for index in 0..samples.count() {
        simulator.reset();
        let mut counts = vec![0.0; graph.nodes()[graph.output()].len()];
        for step in samples.sample(index).chunks(samples.axons) {
            let input: Vec<f64> = step.iter().map(|&n| f64::from(n)).collect();
            let out = simulator.step(&input);
            if fires {
                counts.iter_mut().zip(out).for_each(|(count, x)| *count += x);
            } else {
                counts.copy_from_slice(out);
            }
        }
        let best = (0..counts.len()).rev().max_by(|&a, &b| counts[a].total_cmp(&counts[b]));
        classes.push(best.unwrap_or(0) as u32);
    }
    Ok(classes)
}

fn notes(
    request: &Request,
    source: &Source,
    calibration: &Rasters,
    input: &[usize],
    network: &SpikingNetwork,
    chip: &Chip,
) -> Result<String> {
    let decision = network.outputs.iter().any(|output| !output.read.every_tick());
    let file = request.model.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = match source {
        Source::Nir(graph, _) => graph.nodes()[graph.input()].name.clone(),
        Source::Lava(_) => network.input.name.clone(),
    };
    let outputs = network.outputs.iter().map(|output| {
        let population = &network.populations[output.population];
        OutputNotes { name: population.name.clone(), shape: vec![population.size] }
    });
    let notes = Notes {
        format: FORMAT,
        spandrel: env!("CARGO_PKG_VERSION").to_owned(),
        model: ModelNotes {
            file: file.unwrap_or_default(),
            sha256: file_digest(&request.model)?,
            decision,
            dims: BTreeMap::new(),
            states: Vec::new(),
        },
        samples: SampleNotes {
            sha256: file_digest(&request.samples)?,
            calibration_count: calibration.count(),
            sequence: 0,
        },
        inputs: vec![InputNotes {
            name,
            shape: [&[calibration.steps][..], input].concat(),
            layout: None,
            scale: vec![1.0],
            mean: vec![0.0],
            std: vec![1.0],
            raw_type: RawType::U8,
            raw_scale: None,
        }],
        outputs: outputs.collect(),
        settings: request.settings.clone(),
        chip: chip.to_toml(),
    };
    Ok(notes.to_text())
}

/// Quantised networks with rasters of every population.
pub(super) fn everything(quantised: &Quantised) -> SpikingNetwork {
    let mut network = quantised.network.clone();
    told(&mut network, true);
    network
}
