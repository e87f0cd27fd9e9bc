//! `spandrel diff`: two images or two executions, and the first place where they differ.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spandrel_core::image::Image;

use super::run::EngineName;
use super::{Done, image_file, inputs::Length, keep, print};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::engine::{Options, holds_state};
use crate::notes::Notes;
use crate::samples::{SampleSet, is_npz};
use crate::samples_raw::RawSamples;
use crate::sequence;
use crate::trace::{Comparison, Difference, Trace, record};
use crate::verify::{Evidence, Failure, compare};

#[derive(clap::Args)]
pub(super) struct Args {
    /// An image, or a trace: what `spandrel run --trace` wrote, or a chip's recorded dump in the same form
    a: PathBuf,
    /// Another one; the same image again compares two engines
    b: PathBuf,
    /// Samples to run the images on, which must be given unless two images are to be compared as they lie
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Samples to run: the first N
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    #[command(flatten)]
    length: Length,
    /// The engine that runs A
    #[arg(long, value_enum, value_name = "ENGINE", default_value = "core")]
    engine_a: EngineName,
    /// The engine that runs B
    #[arg(long, value_enum, value_name = "ENGINE", default_value = "core")]
    engine_b: EngineName,
    /// One JSON object as the last line of standard output
    #[arg(long)]
    json: bool,
}

/// One of the two: its bytes when it is an image.
enum Side {
    Image(Vec<u8>),
    Trace(Trace),
}

impl Side {
    fn read(path: &Path) -> Result<Self> {
        if is_npz(path)? {
            Trace::read(path).map(Self::Trace)
        } else {
            image_file::read(path).map(Self::Image)
        }
    }

    /// The image, if it is one.
    fn image(&self, path: &Path) -> Result<Option<Image<'_>>> {
        match self {
            Self::Image(bytes) => image_file::parse(bytes, path).map(Some),
            Self::Trace(_) => Ok(None),
        }
    }
}

pub(super) fn diff(args: &Args) -> Result<Done> {
    let mut found = Diagnostics::default();
    let sides = [&args.a, &args.b].map(|path| keep(Side::read(path), &mut found));
    let [Some(a), Some(b)] = &sides else { return Err(found) };
    let (a_image, b_image) =
        (keep(a.image(&args.a), &mut found).flatten(), keep(b.image(&args.b), &mut found).flatten());
    if found.has_errors() {
        return Err(found);
    }
    if args.inputs.is_none() && (a_image.is_some() != b_image.is_some()) {
        let rule = "an image and a trace can only be compared by running the image";
        let way_out = "give the samples of the trace with --inputs";
        return Err(Diagnostic::error("SP0004", "--inputs", rule, way_out).into());
    }
    let lying = match (&a_image, &b_image) {
        (Some(a), Some(b)) => Some(compare::images(a, b)),
        _ => None,
    };
    let ours = keep(trace(args, a, a_image.as_ref(), &args.a, args.engine_a), &mut found).flatten();
    let theirs = keep(trace(args, b, b_image.as_ref(), &args.b, args.engine_b), &mut found).flatten();
    found.into_result(())?;
    let ran = ours.zip(theirs).map(|(ours, theirs)| Comparison::new(&ours, &theirs));
    let image = a_image.as_ref().or(b_image.as_ref());
    let report = Report { args, image, lying: lying.as_ref(), ran: ran.as_ref() };
    print(&report.text());
    let alike = lying.as_ref().is_none_or(|evidence| evidence.wrong == 0);
    let passed = alike && ran.as_ref().is_none_or(Comparison::same);
    Ok(Done { passed, json: args.json.then(|| report.object(passed)) })
}

/// The trace that `side` is, or that running it gives; none of an image without inputs.
fn trace<'s>(
    args: &Args,
    side: &'s Side,
    image: Option<&Image<'_>>,
    path: &Path,
    engine: EngineName,
) -> Result<Option<Cow<'s, Trace>>> {
    match (side, image, &args.inputs) {
        (Side::Trace(trace), ..) => Ok(Some(Cow::Borrowed(trace))),
        (_, Some(image), Some(inputs)) => {
            execute(args, image, path, inputs, engine).map(|trace| Some(Cow::Owned(trace)))
        }
        _ => Ok(None),
    }
}

/// The trace of `image` on the first samples of `inputs`.
fn execute(args: &Args, image: &Image<'_>, path: &Path, inputs: &Path, engine: EngineName) -> Result<Trace> {
    let notes = Notes::of(image, &path.display().to_string()).ok();
    let names = notes.as_ref().map_or_else(Vec::new, Notes::input_names);
    let samples = SampleSet::read(inputs, None, &names)?.first(args.samples as usize);
    let known = notes.as_ref().map_or(0, |notes| notes.samples.sequence);
    let steps = args.length.sequence().unwrap_or(known).min(samples.count);
    let (samples, steps) = sequence::whole(samples, holds_state(image), steps)?;
    let raw = RawSamples::for_image(&samples, notes.as_ref().map_or(&[], |notes| &notes.inputs))
        .map_err(|found| found.within(&inputs.display().to_string()))?;
    let batch = raw.batch()?.in_sequences(steps)?;
    let mut engine = engine.engine(image, Options::default())?;
    record(engine.as_mut(), &batch).map_err(|found| found.within(&path.display().to_string()))
}

struct Report<'r> {
    args: &'r Args,
    image: Option<&'r Image<'r>>,
    lying: Option<&'r Evidence>,
    ran: Option<&'r Comparison>,
}

/// A value, or that there is none.
fn value(value: Option<i32>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
}

impl Report<'_> {
    /// The difference with the names that the image has for its place.
    fn place(&self, difference: &Difference) -> Failure {
        let at = difference.at;
        let mut what = "the unit's output".to_owned();
        if at.instruction >= 0 {
            let _ = write!(what, " (instruction {}, invocation {})", at.instruction, at.invocation);
        }
        let failure = Failure::new(what, value(difference.first), value(difference.second));
        let (core, unit) = (u32::try_from(at.core).unwrap_or(0), u32::try_from(at.unit).ok());
        let failure = match self.image {
            Some(image) => failure.at(image, core, unit),
            None => Failure { core: Some(core), unit, ..failure },
        };
        let [sample, tick] = [at.sample, at.tick].map(|number| u64::try_from(number).ok());
        Failure { sample, tick, ..failure }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(lying) = self.lying {
            let _ = writeln!(text, "images: {}", lying.text);
            for failure in &lying.failures {
                let _ = writeln!(text, "  {failure}");
            }
            let listed = lying.failures.len() as u64;
            if lying.wrong > listed {
                let _ = writeln!(text, "  and {} more", lying.wrong - listed);
            }
        }
        if let Some(ran) = self.ran {
            self.executions(ran, &mut text);
        }
        text
    }

    fn executions(&self, ran: &Comparison, text: &mut String) {
        let _ = writeln!(
            text,
            "executions: {} values of units compared, {} differ; {} emitted signals, {} differ",
            ran.compared, ran.differing, ran.emits, ran.emits_differing
        );
        if ran.unrecorded > 0 {
            let _ =
                writeln!(text, "  {} values of cores or samples that only one has recorded", ran.unrecorded);
        }
        if !ran.any() {
            text.push_str("  nothing was compared: the two have no sample and core in common\n");
        }
        if let Some(first) = ran.first() {
            let _ = writeln!(text, "first difference: {}", self.place(first));
            match self.image.map(|image| (image, ran.way(image))) {
                Some((image, way)) if !way.is_empty() => {
                    let named = |core: &u32| match image.origins().nodes(*core) {
                        Some((node, _)) => format!("core {core} ({node})"),
                        None => format!("core {core}"),
                    };
                    let way: Vec<String> = way.iter().map(named).collect();
                    let _ = writeln!(text, "  it reaches the output by {}", way.join(" -> "));
                }
                Some(_) => text.push_str("  no route over differing cores leads it to an output\n"),
                None => {}
            }
        }
        for difference in ran.cores.iter().skip(1).take(8) {
            let _ = writeln!(text, "  then {}", self.place(difference));
        }
        if ran.cores.len() > 9 {
            let _ = writeln!(text, "  then {} more cores", ran.cores.len() - 9);
        }
        if let Some(first) = &ran.first_emit {
            let (sample, output, index) = first.at;
            let _ = writeln!(
                text,
                "first emitted: sample {sample}, output {output}, signal {index} is {}, expected {}",
                value(first.second),
                value(first.first)
            );
            if ran.cores.is_empty() {
                text.push_str(
                    "  no recorded unit differs: what differs lies between the units and the output\n",
                );
            }
        }
    }

    fn object(&self, passed: bool) -> Value {
        let ran = self.ran.map(|ran| {
            json!({
                "compared": ran.compared, "differing": ran.differing, "unrecorded": ran.unrecorded,
                "emits": ran.emits, "emits_differing": ran.emits_differing,
                "first": ran.first().map(|first| json!(self.place(first))),
                "cores": ran.cores.iter().map(|core| json!(self.place(core))).collect::<Vec<_>>(),
                "way": self.image.map(|image| ran.way(image)),
                "first_emit": ran.first_emit.map(|first| json!({
                    "sample": first.at.0, "output": first.at.1, "index": first.at.2,
                    "expected": first.first, "found": first.second,
                })),
            })
        });
        let lying = self.lying.map(|lying| {
            json!({ "cases": lying.cases, "differing": lying.wrong, "failures": lying.failures, "text": lying.text })
        });
        let [a, b] = [&self.args.a, &self.args.b].map(|path| path.display().to_string());
        json!({ "a": a, "b": b, "same": passed, "images": lying, "executions": ran })
    }
}
