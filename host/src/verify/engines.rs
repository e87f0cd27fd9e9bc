//! C2: the fast engine against the core model, every signal with its address and every state.

use std::ops::Range;

use spandrel_core::{
    image::{Codec, Digest32, Image},
    machine::{Address, Probe, Snapshot},
};

use super::{
    parallel::map,
    report::{Evidence, Failure},
    stimuli::{Chance, raw},
    transcript::Transcript,
};
use crate::engine::{
    CoreEngine, EngineError, ExactEngine, FastEngine, Options, Outputs, RawBatch, RawData, holds_state,
};
use crate::report::hex;

/// Samples of a sequence, where state is held between samples; a divisor of [`RUN`].
const SEQUENCE: usize = 4;
/// Samples that a thread takes at a time.
const RUN: usize = 32;

/// One thing that an engine shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Read(Address, i32),
    Unit(Address, i32),
    Emit(u16, u32, i32),
    Tick(Digest32),
    Done(Digest32),
}

impl Event {
    fn name(&self) -> String {
        match self {
            Self::Read(..) => "a read".into(),
            Self::Unit(..) => "a unit's output".into(),
            Self::Emit(output, index, _) => format!("signal {index} of output {output}"),
            Self::Tick(_) => "the state at a tick".into(),
            Self::Done(_) => "the state after the sample".into(),
        }
    }

    fn address(&self) -> Option<&Address> {
        match self {
            Self::Read(at, _) | Self::Unit(at, _) => Some(at),
            _ => None,
        }
    }

    /// Adds what is shown, and of units where.
    fn write(&self, transcript: &mut Transcript) {
        if let Some(at) = self.address() {
            transcript.write(&[at.core.to_le_bytes(), at.unit.to_le_bytes()].concat());
            transcript.write(&at.tick.to_le_bytes());
        }
        match self {
            Self::Read(_, value) | Self::Unit(_, value) => transcript.number(i64::from(*value)),
            Self::Emit(output, index, value) => {
                transcript.write(&[u32::from(*output).to_le_bytes(), index.to_le_bytes()].concat());
                transcript.number(i64::from(*value));
            }
            Self::Tick(digest) | Self::Done(digest) => transcript.write(digest),
        }
    }

    fn value(&self) -> String {
        match self {
            Self::Read(_, value) | Self::Unit(_, value) | Self::Emit(_, _, value) => value.to_string(),
            Self::Tick(digest) | Self::Done(digest) => hex(&digest[..8]) + "...",
        }
    }
}

#[derive(Default)]
struct Trace(Vec<Event>);

impl Probe for Trace {
    fn read(&mut self, at: &Address, value: i32) {
        self.0.push(Event::Read(*at, value));
    }
    fn unit(&mut self, at: &Address, value: i32) {
        self.0.push(Event::Unit(*at, value));
    }
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        self.0.push(Event::Emit(output, index, value));
    }
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.0.push(Event::Tick(state.digest()));
    }
}

fn shown(engine: &mut dyn ExactEngine, batch: &RawBatch<'_>) -> Result<(Vec<Event>, Outputs), EngineError> {
    let mut trace = Trace::default();
    let mut ends = Vec::new();
    let outputs = engine.observe(batch, &mut trace, &mut |_, state| ends.push(state.digest()))?;
    trace.0.extend(ends.into_iter().map(Event::Done));
    Ok((trace.0, outputs))
}

/// Two engines for one image.
struct Pair<'e> {
    model: &'e mut dyn ExactEngine,
    other: &'e mut dyn ExactEngine,
}

impl Pair<'_> {
    /// Compares everything that both show for sample `number`, whose raw values are the one of `batch`.
    fn sample(
        &mut self,
        image: &Image<'_>,
        batch: &RawBatch<'_>,
        number: u64,
        evidence: &mut Evidence,
    ) -> Option<Outputs> {
        let mut fail = |failure: Failure| evidence.fail(Failure { sample: Some(number), ..failure });
        let (expected, found) = match (shown(self.model, batch), shown(self.other, batch)) {
            (Ok(expected), Ok(found)) => (expected, found),
            (expected, found) => {
                let text = |result: Result<_, EngineError>| match result {
                    Ok(_) => "a run to the end".to_owned(),
                    Err(error) => error.to_string(),
                };
                fail(Failure::new("the run", text(expected), text(found)));
                return None;
            }
        };
        let wrong = expected.0.iter().zip(&found.0).find(|(expected, found)| expected != found);
        if let Some((expected, found)) = wrong {
            let value = |event: &Event| {
                if expected.name() == found.name() && expected.address() == found.address() {
                    event.value()
                } else {
                    format!("{event:?}")
                }
            };
            let mut failure = Failure::new(expected.name(), value(expected), value(found));
            if let Some(at) = expected.address() {
                failure = failure.at(image, at.core, Some(at.unit));
                failure.tick = Some(at.tick);
            }
            fail(failure);
        } else if expected.0.len() != found.0.len() {
            fail(Failure::new("the number of values shown", expected.0.len(), found.0.len()));
        } else if expected.1 != found.1 {
            fail(Failure::new("the collected outputs", "those emitted", "others"));
        }
        evidence.cases += expected.0.len() as u64;
        expected.0.iter().for_each(|event| event.write(&mut evidence.transcript));
        Some(expected.1)
    }
}

/// Samples that are run one after the other from the reset state: several where state is held between them.
pub(super) fn sequence(image: &Image<'_>) -> usize {
    if holds_state(image) { SEQUENCE } else { 1 }
}

/// The raw samples of C2: those given, then `cases` extreme and random ones.
pub(super) fn batch(
    image: &Image<'_>,
    given: &[Vec<i32>],
    cases: u64,
    seed: u64,
) -> Option<(Vec<i32>, usize)> {
    let encoder = image.encoder(0)?;
    let length = encoder.length as usize;
    let mut chance = Chance::new(seed, u64::MAX);
    let mut all: Vec<i32> = Vec::new();
    for sample in given {
        all.extend(sample);
    }
    let range = if encoder.raw == Codec::I32 { (i32::MIN, i32::MAX) } else { encoder.raw.range() };
    // Whole sequences.
    let left = (given.len() as u64 + cases).next_multiple_of(sequence(image) as u64) - given.len() as u64;
    for index in 0..left {
        all.extend(raw(index, length, range, &mut chance));
    }
    Some((all, length))
}

/// Runs C2 on `image`: the samples `given` (raw samples of input 0) and `cases` extreme and random ones through both
/// engines, sample by sample with every value compared, and once more as a whole batch without a probe.
#[must_use]
pub fn check(image: &Image<'_>, given: &[Vec<i32>], cases: u64, seed: u64) -> Evidence {
    let one = Options::with_threads(1);
    let core = || CoreEngine::new(image, one).map(|engine| Box::new(engine) as Box<dyn ExactEngine + '_>);
    let fast = || FastEngine::new(image, one).map(|engine| Box::new(engine) as Box<dyn ExactEngine + '_>);
    compare(image, &core, &fast, given, cases, seed)
}

/// What makes an engine, once per thread.
pub type Make<'m, 'i> = dyn Fn() -> Result<Box<dyn ExactEngine + 'i>, EngineError> + Sync + 'm;

/// As [`check`], for any two engines.
#[must_use]
pub fn compare<'i>(
    image: &Image<'_>,
    model: &Make<'_, 'i>,
    other: &Make<'_, 'i>,
    given: &[Vec<i32>],
    cases: u64,
    seed: u64,
) -> Evidence {
    let mut evidence = Evidence::default();
    let Some((values, length)) = batch(image, given, cases, seed) else {
        evidence.text = "the image has no input".into();
        return evidence;
    };
    let sequence = sequence(image);
    let batch = RawBatch::new(RawData::I32(&values), length).and_then(|batch| batch.in_sequences(sequence));
    let batch = match batch {
        Ok(batch) => batch,
        Err(error) => {
            evidence.fail(Failure::new("the samples", "raw samples", error));
            return evidence;
        }
    };
    let samples = batch.len();
    let runs: Vec<Range<usize>> =
        (0..samples).step_by(RUN).map(|first| first..(first + RUN).min(samples)).collect();
    let parts = map(runs.len(), |run| {
        let mut evidence = Evidence::default();
        let mut outputs = Outputs::default();
        match (model(), other()) {
            (Ok(mut model), Ok(mut other)) => {
                let mut pair = Pair { model: model.as_mut(), other: other.as_mut() };
                for sample in runs[run].clone().step_by(sequence) {
                    let one = batch.slice(sample..sample + sequence);
                    if let Some(shown) = pair.sample(image, &one, sample as u64, &mut evidence) {
                        outputs.codes.extend(shown.codes);
                        outputs.tags = shown.tags;
                        outputs.samples += shown.samples;
                    }
                }
                blocks(pair.other, &batch.slice(runs[run].clone()), &outputs, runs[run].start, &mut evidence);
            }
            (Err(error), _) | (_, Err(error)) => evidence.fail(Failure::new("an engine", "ready", error)),
        }
        evidence
    });
    parts.into_iter().for_each(|part| evidence.join(part));
    evidence.text = format!(
        "{samples} samples ({} given, {cases} extreme and random, seed {seed}): {} values compared with their addresses, the \
         state after each sample, and the outputs of whole blocks",
        given.len(),
        evidence.cases
    );
    evidence
}

/// The second engine without a probe, many samples at once, must emit what the first one showed.
fn blocks(
    engine: &mut dyn ExactEngine,
    batch: &RawBatch<'_>,
    expected: &Outputs,
    first: usize,
    evidence: &mut Evidence,
) {
    if expected.samples != batch.len() {
        return;
    }
    evidence.cases += expected.codes.len() as u64;
    match engine.run_batch(batch) {
        Err(error) => evidence.fail(Failure::new("the run of a block", "a run to the end", error)),
        Ok(found) if found == *expected => {}
        Ok(found) => {
            let at = expected.codes.iter().zip(&found.codes).position(|(expected, found)| expected != found);
            let at = at.unwrap_or(expected.codes.len().min(found.codes.len()));
            let width = expected.per_sample().max(1);
            let code = |codes: &[i32]| codes.get(at).map_or("nothing".to_owned(), ToString::to_string);
            let what = format!("emitted signal {} of a block", at % width);
            let failure = Failure::new(what, code(&expected.codes), code(&found.codes));
            evidence.fail(Failure { sample: Some((first + at / width) as u64), ..failure });
        }
    }
}
