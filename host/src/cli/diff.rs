//! `spandrel diff`: two images or two executions, and the first place where they differ.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spandrel_core::image::Image;

use super::run::EngineName;
use super::{Done, executions::Executions, image_file, inputs::Length, keep, print};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::engine::{Options, holds_state};
use crate::notes::Notes;
use crate::samples::{SampleSet, is_npz};
use crate::samples_raw::RawSamples;
use crate::sequence;
use crate::trace::{Comparison, Trace, record};
use crate::verify::{Evidence, compare};

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

impl Report<'_> {
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
            text.push_str(&self.executions(ran).text());
        }
        text
    }

    fn executions<'r>(&'r self, ran: &'r Comparison) -> Executions<'r> {
        Executions { image: self.image, ran }
    }

    fn object(&self, passed: bool) -> Value {
        let ran = self.ran.map(|ran| self.executions(ran).object());
        let lying = self.lying.map(|lying| {
            json!({ "cases": lying.cases, "differing": lying.wrong, "failures": lying.failures, "text": lying.text })
        });
        let [a, b] = [&self.args.a, &self.args.b].map(|path| path.display().to_string());
        json!({ "a": a, "b": b, "same": passed, "images": lying, "executions": ran })
    }
}
