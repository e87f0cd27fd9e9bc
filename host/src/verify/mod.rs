//! Stage 8, verification: the claims C1 to C8, each with its evidence and its counter-examples.
//!
//! | claim | between | module |
//! |---|---|---|
//! | C1 | core model and written arithmetic | [`arithmetic`] |
//! | C2 | fast engine and core model | [`engines`] |
//! | C3 | image and mapped program | [`compare`] |
//! | C4 | mapped program and core-op graph | [`mapping`] |
//! | C6 | accumulators and every possible input | [`wrap`] |
//! | C7 | image and golden model | `model` |
//!
//! C5 is shown by running the firmware, C8 on the device. Nothing here uses the code that maps and emits: weights are
//! decoded a second time ([`decode`]), programs followed a second time ([`naive`], [`ranges`], [`mapping`]).

pub mod arithmetic;
pub mod bounds;
mod capacity;
mod certificate;
pub mod compare;
mod cores;
pub mod decode;
pub mod digital;
mod ends;
pub mod engines;
mod fan_out;
mod held;
pub mod mapping;
mod maxima;
mod model;
pub mod naive;
mod names;
mod oracle_terms;
mod parallel;
mod patterns;
pub mod ranges;
mod report;
mod sampling;
mod spiking;
mod stimuli;
mod transcript;
pub mod wrap;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use spandrel_core::image::Image;

pub use certificate::{Certificate, Claim};
pub use mapping::{MappingEvidence, check_mapping, check_mapping_within};
pub use model::{Again, compile_again};
pub use oracle_terms::oracle_neuron;
pub use report::{ClaimId, ClaimReport, EquivalenceReport, Evidence, FAILURES_LISTED, Failure, Status};
pub use transcript::Transcript;
pub use wrap::{Proof, prove_no_wrap};

use crate::confidence::WANTED;
use crate::diagnostic::{Diagnostic, Result};
use crate::notes::Notes;
use crate::samples::SampleSet;
use crate::samples_raw::RawSamples;
use crate::sequence::Feedback;

/// Given samples that C1, C2 and C6 look at, at most.
const GIVEN: usize = 64;
/// Values of random samples at most: 1 GiB.
const VALUES_MOST: u64 = 1 << 28;

/// What to verify and with what.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// The image's file.
    pub image: PathBuf,
    /// The ONNX file that it was compiled from.
    pub model: Option<PathBuf>,
    /// The samples that it was calibrated on; without a model, any samples.
    pub samples: Option<PathBuf>,
    /// Claims that must pass; none stands for [`ClaimId::DEFAULT`].
    pub require: Vec<ClaimId>,
    /// Random samples of C2, and the most vectors per configuration of C1.
    pub cases: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// The agreement that C7's lower end is asked to reach: C7 tells how many samples that takes.
    pub wanted: f64,
    /// The agreement that C7's lower end must reach: C7 fails below it, and is required. `None`: any will do.
    pub least: Option<f64>,
}

impl VerifyRequest {
    /// The request for `image` alone: 256 cases, seed 1, the default claims.
    #[must_use]
    pub fn new(image: impl Into<PathBuf>) -> Self {
        Self {
            image: image.into(),
            model: None,
            samples: None,
            require: Vec::new(),
            cases: 256,
            seed: 1,
            wanted: WANTED,
            least: None,
        }
    }
}

/// What verification of bytes is given.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The image's name in counter-examples.
    pub name: &'a str,
    /// The model's file.
    pub model: Option<&'a Path>,
    /// The samples' file.
    pub samples: Option<&'a Path>,
    /// Sizes of the model's named dimensions; `None`: those that the image's notes tell.
    pub dims: Option<&'a BTreeMap<String, usize>>,
    /// What is fed back between samples; `None`: what the image's notes tell.
    pub states: Option<&'a [Feedback]>,
    /// Samples of a sequence; `None`: what the image's notes tell.
    pub sequence: Option<usize>,
    /// As in [`VerifyRequest`].
    pub require: &'a [ClaimId],
    /// As in [`VerifyRequest`].
    pub cases: u64,
    /// As in [`VerifyRequest`].
    pub seed: u64,
    /// As in [`VerifyRequest`].
    pub wanted: f64,
    /// As in [`VerifyRequest`].
    pub least: Option<f64>,
}

impl<'a> Given<'a> {
    /// Nothing but the image, called `name`: no claim that needs a model or samples, otherwise as [`VerifyRequest::new`].
    #[must_use]
    pub const fn new(name: &'a str) -> Self {
        Self {
            name,
            model: None,
            samples: None,
            dims: None,
            states: None,
            sequence: None,
            require: &[],
            cases: 256,
            seed: 1,
            wanted: WANTED,
            least: None,
        }
    }

    /// The claims that must pass: [`Self::require`] or the default ones, and C7 where it has a least agreement.
    #[must_use]
    pub fn required(&self) -> Vec<ClaimId> {
        let mut required =
            if self.require.is_empty() { ClaimId::DEFAULT.to_vec() } else { self.require.to_vec() };
        if self.least.is_some() && !required.contains(&ClaimId::C7) {
            required.push(ClaimId::C7);
        }
        required
    }
}

/// Verifies an image file.
///
/// # Errors
/// A file that can not be read, SP0610 for an image that is refused, SP0004 for more cases than memory can hold, and whatever of
/// model and samples does not fit.
/// Counter-examples are no errors: they stand in the report.
pub fn verify(request: &VerifyRequest) -> Result<EquivalenceReport> {
    let bytes = std::fs::read(&request.image).map_err(|error| Diagnostic::read(&request.image, &error))?;
    let name = request.image.display().to_string();
    let given = Given {
        model: request.model.as_deref(),
        samples: request.samples.as_deref(),
        require: &request.require,
        cases: request.cases,
        seed: request.seed,
        wanted: request.wanted,
        least: request.least,
        ..Given::new(&name)
    };
    verify_image(&bytes, &given)
}

/// Verifies the image `bytes`.
///
/// # Errors
/// As [`verify`].
pub fn verify_image(bytes: &[u8], given: &Given<'_>) -> Result<EquivalenceReport> {
    let image = Image::parse(bytes).map_err(|error| {
        let way_out = "give an image that this version compiled and that arrived whole";
        Diagnostic::error("SP0610", given.name, format!("the image is refused: {error}"), way_out)
    })?;
    held(&image, given)?;
    let raw = raw_samples(&image, given)?;
    let mut claims = Vec::new();
    let mut run = |id, check: &dyn Fn() -> Evidence| {
        let start = Instant::now();
        let evidence = check();
        claims.push(ClaimReport::new(id, evidence, given.name, start.elapsed().as_secs_f64()));
    };
    run(ClaimId::C1, &|| arithmetic::check(&image, &raw, given.cases, given.seed));
    run(ClaimId::C2, &|| engines::check(&image, &raw, given.cases, given.seed));
    with_model(&image, given, &mut claims)?;
    let reason = "the core model on another processor is compared by the firmware tests";
    claims.push(ClaimReport::not_run(ClaimId::C5, reason));
    let start = Instant::now();
    let proof = wrap::prove_with(&image, &raw);
    claims.push(ClaimReport::new(ClaimId::C6, proof.evidence, given.name, start.elapsed().as_secs_f64()));
    claims.push(agreement(&image, given)?);
    claims
        .push(ClaimReport::not_run(ClaimId::C8, "the chip is compared on the device, which is not at hand"));
    claims.sort_by_key(|claim| claim.id);
    Ok(EquivalenceReport::new(image.digest(), claims, &given.required()))
}

fn with_model(image: &Image<'_>, given: &Given<'_>, claims: &mut Vec<ClaimReport>) -> Result<()> {
    let (Some(model), Some(samples)) = (given.model, given.samples) else {
        let missing = if given.model.is_none() { "the model" } else { "the calibration samples" };
        let reason = format!("{missing} must be given to compile again");
        claims.push(ClaimReport::not_run(ClaimId::C3, reason.clone()));
        claims.push(ClaimReport::not_run(ClaimId::C4, reason));
        return Ok(());
    };
    let start = Instant::now();
    let seconds = || start.elapsed().as_secs_f64();
    let (c3, c4) = model::claims(image, given.name, (model, samples), given.dims, seconds)?;
    claims.extend([c3, c4]);
    Ok(())
}

/// C7 alone: unlike [`verify_image`], which compiles again and so takes the calibration samples alone, on any samples of the model, those
/// that were held out among them.
///
/// # Errors
/// Model, samples and image do not fit together.
pub fn agreement(image: &Image<'_>, given: &Given<'_>) -> Result<ClaimReport> {
    let (Some(model), Some(samples)) = (given.model, given.samples) else {
        return Ok(ClaimReport::not_run(ClaimId::C7, "model and samples must be given to measure agreement"));
    };
    if crate::nir::is_whole(model) {
        let reason = "whole numbers (.net) have no dynamics of their own: C3 compares them";
        return Ok(ClaimReport::not_run(ClaimId::C7, reason));
    }
    let start = Instant::now();
    let evidence = model::agreement(image, given, (model, samples))?;
    Ok(ClaimReport::new(ClaimId::C7, evidence, given.name, start.elapsed().as_secs_f64()))
}

/// Refuses more random samples than memory can hold: all of them are drawn at once.
///
/// # Errors
/// SP0004.
fn held(image: &Image<'_>, given: &Given<'_>) -> Result<()> {
    let length = (0..).map_while(|number| image.encoder(number));
    let length: u64 = length.map(|encoder| u64::from(encoder.length)).sum();
    let most = VALUES_MOST / length.max(1);
    if given.cases <= most {
        return Ok(());
    }
    let rule = format!("{} random samples of {length} values are more than memory can hold", given.cases);
    let way_out = format!("ask for at most {most} (--cases), with several seeds one after the other");
    Err(Diagnostic::error("SP0004", given.name, rule, way_out).into())
}

/// The raw samples that C2 runs, one behind the other, the values of one, and how many are run one after the other from the reset
/// state; `None` of an image without input.
///
/// # Errors
/// As [`verify_image`] for the samples.
pub fn samples_of(image: &Image<'_>, given: &Given<'_>) -> Result<Option<(Vec<i32>, usize, usize)>> {
    held(image, given)?;
    let drawn = engines::batch(image, &raw_samples(image, given)?, given.cases, given.seed);
    Ok(drawn.map(|(values, length)| (values, length, engines::sequence(image))))
}

/// The first of the given samples, as the image's encoder takes them.
fn raw_samples(image: &Image<'_>, given: &Given<'_>) -> Result<Vec<Vec<i32>>> {
    let Some(path) = given.samples else { return Ok(Vec::new()) };
    // Rasters and recordings of events are read with their network; without them random ones serve.
    if given.model.is_some_and(crate::nir::is_spiking) {
        return Ok(Vec::new());
    }
    // An image without notes takes whole numbers as they are.
    let notes = if image.notes().is_empty() { None } else { Some(Notes::of(image, given.name)?) };
    let names = notes.as_ref().map_or_else(Vec::new, Notes::input_names);
    let samples = SampleSet::read(path, None, &names)?.first(GIVEN);
    let raw = RawSamples::for_image(&samples, notes.as_ref().map_or(&[], |notes| &notes.inputs))?;
    let batch = raw.batch()?;
    let length = image.encoder(0).map_or(0, |encoder| encoder.length as usize);
    if batch.length() != length {
        let rule = format!("a sample has {} values, the image's input takes {length}", batch.length());
        let way_out = "give samples with as many values as the image's input takes";
        return Err(Diagnostic::error("SP0602", path.display().to_string(), rule, way_out).into());
    }
    Ok((0..batch.len()).map(|sample| batch.sample(sample).collect()).collect())
}
