//! `spandrel verify --locate`: where an image that fails leaves the way, and what that does to its outputs.
//!
//! Both sides of a failed claim run on the samples of verification until they differ: the two engines (C2), or the image and what the
//! compiler makes of model and samples (C3, C4).

use serde_json::{Value, json};
use spandrel_core::image::Image;

use super::executions::Executions;
use crate::diagnostic::Result;
use crate::engine::{CoreEngine, FastEngine, Options, RawBatch, RawData};
use crate::prove::parse;
use crate::trace::{Comparison, Trace, record};
use crate::verify::{ClaimId, EquivalenceReport, Given, Status, compile_again, samples_of};

/// Samples that run before they are compared; a multiple of what runs in one sequence.
const BLOCK: usize = 16;

/// Where one claim fails.
pub(super) struct Located {
    /// What was compared: that which counts as expected, and the other.
    between: &'static str,
    /// Samples run until the first difference, or in all.
    samples: usize,
    ran: Comparison,
}

/// Executions of whatever fails in `report`; none when nothing does that can be run.
///
/// # Errors
/// As verification; samples that can not run.
pub(super) fn locate(
    image: &Image<'_>,
    report: &EquivalenceReport,
    given: &Given<'_>,
) -> Result<Vec<Located>> {
    let failed = |id| report.claim(id).is_some_and(|claim| claim.status == Status::Failed);
    let mut located = Vec::new();
    if failed(ClaimId::C2) {
        let ours = |batch: &RawBatch<'_>| record(&mut CoreEngine::new(image, one())?, batch);
        let theirs = |batch: &RawBatch<'_>| record(&mut FastEngine::new(image, one())?, batch);
        located.push(sought("fast engine against core model", image, given, &ours, &theirs)?);
    }
    if (failed(ClaimId::C3) || failed(ClaimId::C4))
        && let (Some(model), Some(samples)) = (given.model, given.samples)
    {
        let made = compile_again(image, given.name, (model, samples), given.dims)?;
        let fresh = parse(made.image())?;
        let ours = |batch: &RawBatch<'_>| record(&mut CoreEngine::new(&fresh, one())?, batch);
        let theirs = |batch: &RawBatch<'_>| record(&mut CoreEngine::new(image, one())?, batch);
        located.push(sought("image against what the compiler makes", image, given, &ours, &theirs)?);
    }
    Ok(located)
}

fn one() -> Options {
    Options::with_threads(1)
}

type Run<'r> = dyn Fn(&RawBatch<'_>) -> Result<Trace> + 'r;

/// Runs both on block after block until they differ.
fn sought(
    between: &'static str,
    image: &Image<'_>,
    given: &Given<'_>,
    ours: &Run<'_>,
    theirs: &Run<'_>,
) -> Result<Located> {
    let mut located = Located { between, samples: 0, ran: Comparison::default() };
    let Some((values, length, sequence)) = samples_of(image, given)? else { return Ok(located) };
    let batch = RawBatch::new(RawData::I32(&values), length)?.in_sequences(sequence)?;
    for first in (0..batch.len()).step_by(BLOCK) {
        let block = batch.slice(first..(first + BLOCK).min(batch.len()));
        let [ours, theirs] = [ours, theirs].map(|run| run(&block).map(|trace| shifted(trace, first)));
        let ran = Comparison::new(&ours?, &theirs?);
        located.samples += block.len();
        if !ran.same() {
            located.ran = ran;
            return Ok(located);
        }
        located.ran.compared += ran.compared;
        located.ran.emits += ran.emits;
    }
    Ok(located)
}

/// The trace with samples counted from `first`.
fn shifted(mut trace: Trace, first: usize) -> Trace {
    let first = i32::try_from(first).unwrap_or(i32::MAX);
    trace.fired.iter_mut().for_each(|fired| fired.sample = fired.sample.saturating_add(first));
    trace.emitted.iter_mut().for_each(|emitted| emitted.sample = emitted.sample.saturating_add(first));
    trace
}

impl Located {
    pub(super) fn text(&self, image: &Image<'_>) -> String {
        let shown = Executions { image: Some(image), ran: &self.ran };
        let mut text = format!("located: {}, {} samples run\n", self.between, self.samples);
        if self.ran.same() {
            text.push_str("  no value differs on these samples: the difference does not show, or more --cases are needed\n");
            return text;
        }
        shown.text().lines().for_each(|line| text.push_str(&format!("  {line}\n")));
        let chain = shown.chain();
        if !chain.is_empty() {
            text.push_str("  back from the output:\n");
            chain.iter().for_each(|link| text.push_str(&format!("    {link}\n")));
        }
        text
    }

    pub(super) fn object(&self, image: &Image<'_>) -> Value {
        let shown = Executions { image: Some(image), ran: &self.ran };
        let mut object = shown.object();
        object["between"] = json!(self.between);
        object["samples"] = json!(self.samples);
        object["chain"] = json!(shown.chain());
        object
    }
}
