//! `spandrel run`: an image on samples.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use spandrel_core::image::{Image, sha256};

use super::{Done, image_file, keep, output, print, progress};
use crate::confidence::{Interval, Shares};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::engine::{CoreEngine, ExactEngine, FastEngine, Options};
use crate::evaluate::{Evaluation, Readout, Reference, class_of, evaluate};
use crate::graph::Golden;
use crate::import::read_onnx;
use crate::notes::Notes;
use crate::report::hex;
use crate::samples::{Array, ArrayData, Samples, write_npz};
use crate::samples_raw::RawSamples;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The image
    image: PathBuf,
    /// Raw samples: .npz (array x or images; labels y or labels), .npy, idx, each also gzip-compressed
    #[arg(long, value_name = "FILE")]
    inputs: PathBuf,
    /// Labels, when the samples' file holds none or others are meant
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The ONNX model, to compare with: needs the notes that compile wrote into the image
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// fast: whole blocks of samples at once; core: the machine that runs on the chip. Both give the same bits
    #[arg(long, value_enum, default_value = "fast")]
    engine: EngineName,
    /// Write what each sample gives: codes (emitted signals), values (decoded whole numbers), scores (values in the
    /// network's unit) and, for classifiers, class
    #[arg(long, value_name = "FILE.npz")]
    outputs: Option<PathBuf>,
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
enum EngineName {
    Fast,
    Core,
}

pub(super) fn run(args: &Args) -> Result<Done> {
    let start = Instant::now();
    // All that can be wrong with the files is told at once.
    let mut found = Diagnostics::default();
    let bytes = keep(image_file::read(&args.image), &mut found);
    let image = bytes.as_ref().and_then(|bytes| keep(image_file::parse(bytes, &args.image), &mut found));
    let samples = keep(Samples::read(&args.inputs, args.labels.as_deref()), &mut found);
    let graph = args.model.as_deref().and_then(|path| keep(read_onnx(path), &mut found));
    if let Some(path) = &args.outputs {
        let inputs = [Some(&args.image), Some(&args.inputs), args.labels.as_ref(), args.model.as_ref()];
        keep(output::check(path, inputs.into_iter().flatten()), &mut found);
    }
    let (Some(image), Some(samples)) = (image, samples) else { return Err(found) };
    if found.has_errors() {
        return Err(found);
    }
    let place = args.image.display().to_string();
    let notes = match Notes::of(&image, &place) {
        Ok(notes) => Some(notes),
        // Without a model notes only help with floating-point samples, whose absence is reported there.
        Err(found) if args.model.is_some() => return Err(found),
        Err(_) => None,
    };
    let raw = RawSamples::for_image(&samples, notes.as_ref().map(|notes| &notes.input))
        .map_err(|found| found.within(&args.inputs.display().to_string()))?;
    let batch = raw.batch()?;
    let options = args.threads.map_or_else(Options::default, Options::with_threads);
    let mut engine: Box<dyn ExactEngine + '_> = match args.engine {
        EngineName::Fast => Box::new(FastEngine::new(&image, options)?),
        EngineName::Core => Box::new(CoreEngine::new(&image, options)?),
    };
    let (mut golden, feed);
    let reference = match (&graph, &notes, args.model.as_deref()) {
        (Some(graph), Some(notes), Some(path)) => {
            warn_of_other_model(path, notes)?;
            golden = Golden::with_threads(graph, options.threads.get());
            feed = notes.input.feed(&samples.shape, &graph.value(graph.input()).shape)?;
            Some(Reference { engine: &mut golden, feed: &feed, output: &notes.model.output })
        }
        _ => None,
    };
    let bar = progress::bar(batch.len() as u64, "samples");
    bar.set_message("running");
    let mut kept = Kept::new(args.outputs.is_some(), &image)?;
    let evaluation = evaluate(engine.as_mut(), &batch, &samples, reference, &mut |range, outputs, values| {
        bar.set_position(range.end as u64);
        kept.add(&outputs.codes, values);
    })
    .map_err(|found| found.within(&place))?;
    bar.finish_and_clear();
    let decides = kept.decides;
    if let Some(path) = &args.outputs {
        kept.write(path)?;
    }
    report(args, &image, &evaluation, engine.name(), start.elapsed().as_secs_f64(), decides)
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

fn report(
    args: &Args,
    image: &Image<'_>,
    found: &Evaluation,
    engine: &str,
    seconds: f64,
    decides: bool,
) -> Result<Done> {
    let (accuracy, agreement) = (found.share(found.correct), found.share(found.agreeing));
    let golden_accuracy = found.share(found.golden_correct);
    let shares = Shares::of(found, args.want);
    let mut text = format!("samples        {} in {seconds:.2} s, engine {engine}\n", found.samples);
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
    text.push_str(&format!("outputs        {}\n", hex(&found.output_digest)));
    if let Some(path) = &args.outputs {
        text.push_str(&format!("written        {}\n", path.display()));
    }
    print(&text);
    let object = args.json.then(|| {
        json!({
            "accuracy": accuracy,
            "golden_accuracy": golden_accuracy,
            "agreement": agreement,
            "max_abs_error": found.max_abs_error,
            "output_snr_db": found.output_snr_db(),
            "same_largest": found.share(found.same_largest),
            "same_smallest": found.share(found.same_smallest),
            "discordant": found.gained.zip(found.lost),
            "confidence": shares,
            "samples": found.samples,
            "seconds": seconds,
            "output_digest": hex(&found.output_digest),
            "engine": engine,
            "image_digest": hex(image.digest()),
        })
    });
    Done::passed(object)
}

/// What `--outputs` writes.
struct Kept {
    wanted: bool,
    decides: bool,
    unit: f64,
    samples: usize,
    codes: Vec<i32>,
    values: Vec<i64>,
    classes: Vec<i32>,
}

impl Kept {
    fn new(wanted: bool, image: &Image<'_>) -> Result<Self> {
        let readout = Readout::new(image)?;
        let (decides, unit) = (readout.decides(), readout.unit());
        Ok(Self { wanted, decides, unit, samples: 0, codes: vec![], values: vec![], classes: vec![] })
    }

    fn add(&mut self, codes: &[i32], values: &[Vec<i64>]) {
        if self.wanted {
            self.samples += values.len();
            self.codes.extend_from_slice(codes);
            values.iter().for_each(|row| self.values.extend_from_slice(row));
            self.classes.extend(values.iter().map(|row| class_of(row).cast_signed()));
        }
    }

    fn write(self, path: &Path) -> Result<()> {
        let rows =
            |data: ArrayData| Array { shape: vec![self.samples, data.len() / self.samples.max(1)], data };
        let scores = self.values.iter().map(|&v| (v as f64 * self.unit) as f32).collect();
        let codes = rows(ArrayData::I32(self.codes));
        let values = rows(ArrayData::I64(self.values));
        let scores = rows(ArrayData::F32(scores));
        let class = Array { shape: vec![self.samples], data: ArrayData::I32(self.classes) };
        let mut arrays = vec![("codes", &codes), ("values", &values), ("scores", &scores)];
        if self.decides {
            arrays.push(("class", &class));
        }
        write_npz(path, &arrays)
    }
}
