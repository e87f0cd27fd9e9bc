//! What needs the model: C3 and C4 (compile again and compare), and C7 (agreement with the golden model).

use std::{collections::BTreeMap, path::Path};

use spandrel_core::image::{Image, sha256};

use super::{
    Given, compare,
    mapping::check_mapping,
    report::{ClaimId, ClaimReport, Evidence, Failure},
};
use crate::{
    chips,
    compile::{Compiled, Prepare, Request, compile},
    confidence::{Interval, Shares},
    diagnostic::{Diagnostic, Result},
    engine::{FastEngine, Options},
    evaluate::{Evaluation, Reference, evaluate},
    graph::Golden,
    import::{Options as ImportOptions, read_onnx_with},
    nir,
    notes::Notes,
    prove::parse,
    report::hex,
    samples::{Layout, SampleSet},
    samples_raw::RawSamples,
    sequence::{self, Model, SequenceGolden},
    settings::Settings,
    spikes,
};

/// Sizes of named dimensions; without any those that the notes tell.
type Dims = BTreeMap<String, usize>;

/// The request that compiles `model` on `samples` as the notes of an image say. The chip is read from the notes'
/// description, which is written into the folder `scratch` for that.
///
/// # Errors
/// Settings or a layout in the notes that this version does not know; the description can not be written.
fn request(
    notes: &Notes,
    (model, samples): (&Path, &Path),
    dims: Option<&Dims>,
    scratch: &Path,
) -> Result<Request> {
    let settings = Settings::from_map(&notes.settings)?;
    let chip = scratch.join("chip.toml");
    std::fs::write(&chip, &notes.chip).map_err(|error| Diagnostic::write(&chip, &error))?;
    let mut own = BTreeMap::new();
    for input in &notes.inputs {
        let layout = input.layout.as_deref().map(str::parse::<Layout>).transpose()?;
        let (scale, mean, std) = (input.scale.clone(), input.mean.clone(), input.std.clone());
        let prepare = Prepare { layout, scale: Some(scale), mean: Some(mean), std: Some(std) };
        own.insert(input.name.clone(), prepare);
    }
    Ok(Request {
        calibration_count: notes.samples.calibration_count,
        own,
        dims: dims.cloned().unwrap_or_else(|| notes.model.dims.clone()),
        states: notes.model.states.clone(),
        sequence: notes.samples.sequence,
        options: settings.into(),
        settings: notes.settings.clone(),
        ..Request::new(model, chip.display().to_string(), samples)
    })
}

/// A folder of its own under the system's temporary one, removed when it is dropped.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(digest: &[u8]) -> Result<Self> {
        let name: String = hex(&digest[..8]);
        let path = std::env::temp_dir().join(format!("spandrel-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|error| Diagnostic::write(&path, &error))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is harmless; there is no one to tell.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn digest_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Diagnostic::read(path, &error))?;
    Ok(hex(&sha256(&bytes)))
}

/// What compiling again gave.
pub enum Again {
    /// A network of codes, with the products of all stages.
    Coded(Box<Compiled>),
    /// The image of a network of spikes.
    Spiking(Vec<u8>),
}

impl Again {
    /// The image.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        match self {
            Self::Coded(compiled) => &compiled.image,
            Self::Spiking(image) => image,
        }
    }
}

/// Compiles `model` on `samples` again, with the chip and the settings that the image's notes name.
///
/// # Errors
/// Whatever the compiler refuses; SP0612 or SP0702 when model or samples are not the ones that the notes
/// name.
pub fn compile_again(
    image: &Image<'_>,
    place: &str,
    (model, samples): (&Path, &Path),
    dims: Option<&Dims>,
) -> Result<Again> {
    let notes = Notes::of(image, place)?;
    let mut found = crate::diagnostic::Diagnostics::default();
    let given = [
        ("SP0612", "model", model, &notes.model.sha256),
        ("SP0702", "samples", samples, &notes.samples.sha256),
    ];
    for (code, what, path, stated) in given {
        if digest_of(path)? != *stated {
            let rule = format!("these are not the {what} that the image's notes name (SHA-256 {stated})");
            let way_out = format!("give the {what} file that the image was compiled from");
            found.push(Diagnostic::error(code, path.display().to_string(), rule, way_out));
        }
    }
    found.into_result(())?;
    let scratch = Scratch::new(image.digest())?;
    let request = request(&notes, (model, samples), dims, &scratch.0)?;
    let chip = chips::find(&request.chip)?;
    match spikes::compile_for(&request, &chip, &mut ()) {
        Some(made) => Ok(Again::Spiking(made?.image)),
        None => Ok(Again::Coded(Box::new(compile(&request, &mut ())?))),
    }
}

/// C3 and C4 against a fresh compilation. When it is refused, both fail with the reason.
pub(super) fn claims(
    image: &Image<'_>,
    place: &str,
    (model, samples): (&Path, &Path),
    dims: Option<&Dims>,
    seconds: impl Fn() -> f64,
) -> Result<(ClaimReport, ClaimReport)> {
    let again = compile_again(image, place, (model, samples), dims)?;
    let fresh = parse(again.image())?;
    let mut evidence = compare::images(&fresh, image);
    if let Again::Coded(compiled) = &again {
        program(compiled, image, &mut evidence);
    }
    evidence.transcript.write(again.image());
    let c3 = ClaimReport::new(ClaimId::C3, evidence, place, seconds());
    let Again::Coded(compiled) = &again else {
        let reason = "a network of spikes has no core-op graph: C3 compares the image with what compiling it again maps";
        return Ok((c3, ClaimReport::not_run(ClaimId::C4, reason)));
    };
    let mapped = check_mapping(&compiled.coded, image);
    let c4 = ClaimReport::new(ClaimId::C4, mapped.evidence, place, seconds() - c3.seconds);
    Ok((c3, c4))
}

/// The decoded image against the mapped program itself, not by way of its bytes.
fn program(compiled: &Compiled, image: &Image<'_>, evidence: &mut Evidence) {
    let program = &compiled.program;
    let Ok(cores) = super::decode::cores(image) else { return };
    for (core, (held, data)) in (0u32..).zip(cores.iter().zip(&program.blobs)) {
        let flat: Vec<i32> = held.weights().iter().flatten().copied().collect();
        evidence.cases += flat.len() as u64;
        let wrong =
            flat.iter().zip(&data.weights).filter(|(held, mapped)| **held != i32::from(**mapped)).count();
        if flat.len() != data.weights.len() || wrong > 0 {
            let failure = Failure::new("weights that are not the mapped ones", 0, wrong);
            evidence.fail(failure.at(image, core, None));
        }
    }
    evidence.text.push_str(", and every weight with the mapped program");
}

/// C7: agreement of the image with the golden model on `samples`.
///
/// # Errors
/// Model, samples and image do not fit together.
pub(super) fn agreement(
    image: &Image<'_>,
    given: &Given<'_>,
    (model, samples): (&Path, &Path),
) -> Result<Evidence> {
    let notes = Notes::of(image, given.name)?;
    if nir::is_spiking(model) {
        return spikes_agreement(image, &notes, (model, samples), given);
    }
    let dims = given.dims.cloned().unwrap_or_else(|| notes.model.dims.clone());
    let graph = read_onnx_with(model, &ImportOptions { dims })?;
    let samples = SampleSet::read(samples, None, &notes.input_names())?;
    let fed = Model::new(&graph, given.states.unwrap_or(&notes.model.states))?;
    let asked = given.sequence.unwrap_or(notes.samples.sequence);
    let (samples, steps) = sequence::whole(samples, fed.holds(), asked)?;
    let feed = notes.feed(&samples, &fed)?;
    let raw = RawSamples::for_image(&samples, &notes.inputs)?;
    let mut engine = FastEngine::new(image, Options::default())?;
    let mut golden = SequenceGolden::new(Golden::new(&graph), fed, steps);
    let reference = Reference { engine: &mut golden, feed: &feed, outputs: notes.output_names() };
    let found = evaluate(
        &mut engine,
        &raw.batch()?.in_sequences(steps)?,
        &samples,
        Some(reference),
        &mut |_, _, _| {},
    )?;
    Ok(measured(&found, &notes, given))
}

/// C7 of a spiking network on all of `samples`: golden is what its discretised dynamics decide in floating point.
fn spikes_agreement(
    image: &Image<'_>,
    notes: &Notes,
    (model, samples): (&Path, &Path),
    given: &Given<'_>,
) -> Result<Evidence> {
    let scratch = Scratch::new(image.digest())?;
    let found = nir::agreement(image, &request(notes, (model, samples), None, &scratch.0)?)?;
    Ok(measured(&found, notes, given))
}

/// C7 in words, and whether the agreement is what is demanded of it.
fn measured(found: &Evaluation, notes: &Notes, given: &Given<'_>) -> Evidence {
    let shares = Shares::of(found, given.wanted);
    let percent = |count: usize| format!("{:.2} %", 100.0 * count as f64 / found.samples as f64);
    let ends = |interval: Option<Interval>| {
        interval
            .map_or(String::new(), |ends| format!("{:.2} % to {:.2} %", 100.0 * ends.low, 100.0 * ends.high))
    };
    let mut text = format!("{} samples", found.samples);
    if let Some(agreeing) = found.agreeing {
        text.push_str(&format!(
            ": {agreeing} have the golden class, {} (95 % interval of Clopper and Pearson {}); {}",
            percent(agreeing),
            ends(shares.agreement),
            shares.need()
        ));
    }
    if let (Some(correct), Some(golden)) = (found.correct, found.golden_correct) {
        text.push_str(&format!(
            "; {correct} have their label, {} ({}), of golden's classes {golden}, {} ({}); difference {} (95 % score interval of Tango)",
            percent(correct),
            ends(shares.accuracy),
            percent(golden),
            ends(shares.golden_accuracy),
            ends(shares.difference)
        ));
    }
    if let Some(snr) = found.output_snr_db() {
        text.push_str(&format!("; signal-to-noise ratio of the outputs {snr:.1} dB"));
    }
    if let Some(error) = found.max_abs_error {
        text.push_str(&format!("; largest difference to a golden output {error:.4}"));
    }
    if found.samples <= notes.samples.calibration_count {
        text.push_str(
            "; these can be the calibration samples, on which agreement is no evidence for new data",
        );
    }
    let mut evidence = Evidence { text, cases: found.samples as u64, ..Evidence::default() };
    evidence.transcript.write(&found.output_digest);
    if let Some(least) = given.least
        && let Some(failure) = too_low(found, least)
    {
        evidence.fail(failure);
    }
    evidence
}

/// What is wrong when the samples do not show an agreement of at least `least`: less was seen, or too few samples leave it open.
fn too_low(found: &Evaluation, least: f64) -> Option<Failure> {
    let expected = format!("at least {}", hundredths(least));
    let what = "the lower end of the agreement's interval";
    let shares = Shares::of(found, least);
    let (Some(agreeing), Some(ends)) = (found.agreeing, shares.agreement) else {
        return Some(Failure::new(what, expected, "not measured, since the outputs decide no class"));
    };
    if ends.low >= least {
        return None;
    }
    let verdict = if ends.high < least {
        format!("the upper end, {}, is below as well", hundredths(ends.high))
    } else {
        format!("undecided, as the upper end is {}: {}", hundredths(ends.high), shares.need())
    };
    let seen = format!("{} ({agreeing} of {} samples; {verdict})", hundredths(ends.low), found.samples);
    Some(Failure::new(what, expected, seen))
}

/// A share in per cent with two places, rounded down: one below a bound is not shown as the bound.
fn hundredths(share: f64) -> String {
    // A wanted share such as 0.57 lies a little below 57 hundredths.
    format!("{:.2} %", (share * 1e4 + 1e-9).floor() / 100.0)
}
