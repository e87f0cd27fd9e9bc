//! `spandrel run`: an image on samples.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use spandrel_core::image::{Image, sha256};

use super::{
    Done, image_file,
    inputs::{Dims, Sequences},
    keep,
    kept::Kept,
    output, print, progress,
};
use crate::confidence::{Interval, Shares};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::engine::{CoreEngine, ExactEngine, FastEngine, Options};
use crate::evaluate::{Evaluation, Reference, evaluate};
use crate::graph::Golden;
use crate::import::{Options as ImportOptions, read_onnx_with};
use crate::notes::Notes;
use crate::report::hex;
use crate::samples::SampleSet;
use crate::samples_raw::RawSamples;
use crate::sequence::{self, Model, SequenceGolden};
use crate::trace::record;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The image
    image: PathBuf,
    /// Raw samples: .npz (array x or images; of several inputs an array named after each; labels y or
    /// labels), .npy, idx, each also gzip-compressed
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// Labels, when the samples' file holds none or others are meant
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The ONNX model, to compare with: needs the notes that compile wrote into the image
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    dims: Dims,
    #[command(flatten)]
    sequences: Sequences,
    /// fast: whole blocks of samples at once; core: the machine that runs on the chip. Both give the same bits
    #[arg(long, value_enum, default_value = "fast")]
    engine: EngineName,
    /// Write what each sample gives: codes (emitted signals), values (decoded whole numbers), scores (values in the
    /// network's unit) and, for classifiers, class. Of several outputs: NAME with the scores, NAME:codes, NAME:values, ..
    #[arg(long, value_name = "FILE.npz")]
    outputs: Option<PathBuf>,
    /// Write every unit's output and every emitted signal of the first samples, for `spandrel diff`
    #[arg(long, value_name = "FILE.npz")]
    trace: Option<PathBuf>,
    /// Samples of the trace
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u32).range(1..))]
    trace_samples: u32,
    /// The agreement that the lower end of its interval is asked to reach: tells how many samples that takes
    #[arg(long, value_name = "SHARE", default_value = "0.99", value_parser = super::share)]
    want: f64,
    /// Threads; the result does not depend on them [default: as many as the computer offers]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// One JSON object as the last line of standard output
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum EngineName {
    Fast,
    Core,
}

impl EngineName {
    /// The engine for `image`.
    ///
    /// # Errors
    /// Those of the engine.
    pub(super) fn engine<'i>(self, image: &Image<'i>, options: Options) -> Result<Box<dyn ExactEngine + 'i>> {
        Ok(match self {
            Self::Fast => Box::new(FastEngine::new(image, options)?),
            Self::Core => Box::new(CoreEngine::new(image, options)?),
        })
    }
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let start = Instant::now();
    // All that can be wrong with the files is told at once.
    let mut found = Diagnostics::default();
    let bytes = keep(image_file::read(&args.image), &mut found);
    let image = bytes.as_ref().and_then(|bytes| keep(image_file::parse(bytes, &args.image), &mut found));
    let place = args.image.display().to_string();
    let notes = image.as_ref().map(|image| Notes::of(image, &place));
    let notes = match notes {
        Some(Err(faults)) if args.model.is_some() => keep(Err(faults), &mut found),
        // Without a model notes only help with floating-point samples, whose absence is reported there.
        notes => notes.and_then(Result::ok),
    };
    let names = notes.as_ref().map_or_else(Vec::new, Notes::input_names);
    let samples = keep(SampleSet::read(&args.inputs, args.labels.as_deref(), &names), &mut found);
    let dims = args.dims.read(&mut found);
    let dims = dims.or_else(|| notes.as_ref().map(|notes| notes.model.dims.clone())).unwrap_or_default();
    let states = args.sequences.states(&mut found);
    let states =
        states.or_else(|| notes.as_ref().map(|notes| notes.model.states.clone())).unwrap_or_default();
    let import = ImportOptions { dims };
    let graph = args.model.as_deref().and_then(|path| keep(read_onnx_with(path, &import), &mut found));
    for path in [&args.outputs, &args.trace].into_iter().flatten() {
        let inputs = [Some(&args.image), Some(&args.inputs), args.labels.as_ref(), args.model.as_ref()];
        keep(output::check(path, inputs.into_iter().flatten()), &mut found);
    }
    let (Some(image), Some(samples)) = (image, samples) else { return Err(found) };
    if found.has_errors() {
        return Err(found);
    }
    let known = notes.as_ref().map_or(0, |notes| notes.samples.sequence);
    let held = !states.is_empty() || args.sequences.sequence().is_some();
    let (samples, steps) = sequence::whole(samples, held, args.sequences.sequence().unwrap_or(known))?;
    let raw = RawSamples::for_image(&samples, notes.as_ref().map_or(&[], |notes| &notes.inputs))
        .map_err(|found| found.within(&args.inputs.display().to_string()))?;
    let batch = raw.batch()?.in_sequences(steps)?;
    let options = args.threads.map_or_else(Options::default, Options::with_threads);
    let mut engine = args.engine.engine(&image, options)?;
    let (mut golden, feed);
    let reference = match (&graph, &notes, args.model.as_deref()) {
        (Some(graph), Some(notes), Some(path)) => {
            warn_of_other_model(path, notes)?;
            let fed = Model::new(graph, &states)?;
            feed = notes.feed(&samples, &fed)?;
            golden = SequenceGolden::new(Golden::with_threads(graph, options.threads.get()), fed, steps);
            Some(Reference { engine: &mut golden, feed: &feed, outputs: notes.output_names() })
        }
        _ => None,
    };
    let bar = progress::bar(batch.len() as u64, "samples");
    bar.set_message("running");
    let mut kept = Kept::new(args.outputs.is_some(), &image, notes.as_ref())?;
    let evaluation = evaluate(engine.as_mut(), &batch, &samples, reference, &mut |range, outputs, values| {
        bar.set_position(range.end as u64);
        kept.add(outputs, values);
    })
    .map_err(|found| found.within(&place))?;
    bar.finish_and_clear();
    let (decides, names) = (kept.decides, kept.names());
    if let Some(path) = &args.outputs {
        kept.write(path)?;
    }
    if let Some(path) = &args.trace {
        // Whole sequences, and at least one.
        let count = (args.trace_samples as usize).next_multiple_of(steps).min(batch.len());
        record(engine.as_mut(), &batch.slice(0..count)).map_err(|found| found.within(&place))?.write(path)?;
    }
    let mut told =
        Told { image: &image, found: &evaluation, engine: engine.name(), decides, names, seconds: 0.0 };
    told.seconds = start.elapsed().as_secs_f64();
    told.report(args)
}

/// Another model is allowed, since comparing with one may be the purpose, but never silently.
fn warn_of_other_model(path: &Path, notes: &Notes) -> Result<()> {
    let bytes = std::fs::read(path).map_err(|error| Diagnostic::read(path, &error))?;
    let digest = hex(&sha256(&bytes));
    if digest != notes.model.sha256 {
        let rule = format!(
            "the image was compiled from another file: {} with SHA-256 {}, not {digest}",
            notes.model.file, notes.model.sha256
        );
        let way_out =
            "agreement is with the model given; `spandrel verify` tells whether the image is its own";
        Diagnostics::from(Diagnostic::warning("SP0612", path.display().to_string(), rule, way_out)).eprint();
    }
    Ok(())
}

/// What a run showed.
struct Told<'a> {
    image: &'a Image<'a>,
    found: &'a Evaluation,
    engine: &'a str,
    decides: bool,
    names: Vec<String>,
    seconds: f64,
}

impl Told<'_> {
    fn report(&self, args: &Args) -> Result<Done> {
        let Self { image, found, engine, decides, seconds, .. } = self;
        let (accuracy, agreement) = (found.share(found.correct), found.share(found.agreeing));
        let golden_accuracy = found.share(found.golden_correct);
        let mut text = format!("samples        {} in {seconds:.2} s, engine {engine}\n", found.samples);
        let shares = Shares::of(found, args.want);
        let mut line = |name: &str, count: Option<usize>, share: Option<f64>, ends: Option<Interval>| {
            if let (Some(count), Some(share), Some(ends)) = (count, share, ends) {
                let interval = format!("95 % {:.4} to {:.4}", ends.low, ends.high);
                text.push_str(&format!("{name:14} {share:.4} ({count} of {}; {interval})\n", found.samples));
            }
        };
        line("accuracy", found.correct, accuracy, shares.accuracy);
        line("golden", found.golden_correct, golden_accuracy, shares.golden_accuracy);
        line("agreement", found.agreeing, agreement, shares.agreement);
        if let Some(ends) = shares.difference {
            text.push_str(&format!(
                "difference     95 % {:+.4} to {:+.4} (accuracy less golden)\n",
                ends.low, ends.high
            ));
        }
        if found.agreeing.is_some() {
            text.push_str(&format!("bound          {}\n", shares.need()));
        }
        if let Some(snr) = found.output_snr_db() {
            text.push_str(&format!("outputs SNR    {snr:.1} dB\n"));
        }
        if !decides && args.labels.is_some() {
            text.push_str("accuracy       none: the image gives numbers, not a class\n");
        }
        if let Some(error) = found.max_abs_error {
            text.push_str(&format!("largest error  {error:.6}\n"));
        }
        let several = self.names.len() > 1;
        let errors: Vec<(&String, f64)> =
            self.names.iter().zip(found.output_errors.iter().copied()).filter(|_| several).collect();
        for (name, error) in &errors {
            text.push_str(&format!("  of {name:?} {error:.6}\n"));
        }
        text.push_str(&format!("outputs        {}\n", hex(&found.output_digest)));
        if let Some(path) = &args.outputs {
            text.push_str(&format!("written        {}\n", path.display()));
        }
        print(&text);
        let object = args.json.then(|| {
            let mut object = json!({
                "accuracy": accuracy,
                "golden_accuracy": golden_accuracy,
                "agreement": agreement,
                "max_abs_error": found.max_abs_error,
                "output_snr_db": found.output_snr_db(),
                "decision_snr_db": found.decision_snr_db(),
                "same_largest": found.share(found.same_largest),
                "same_smallest": found.share(found.same_smallest),
                "discordant": found.gained.zip(found.lost),
                "confidence": shares,
                "samples": found.samples,
                "seconds": seconds,
                "output_digest": hex(&found.output_digest),
                "engine": engine,
                "image_digest": hex(image.digest()),
            });
            if !errors.is_empty() {
                let list = errors.iter().map(|(name, error)| json!({ "name": name, "max_abs_error": error }));
                object["outputs"] = list.collect();
            }
            object
        });
        Done::passed(object)
    }
}
