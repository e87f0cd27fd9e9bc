//! Known answers: every vector of the image, run on the core models.

use super::mode::{in_test_mode, read_in_test_mode};
use crate::{
    blob::WeightStore,
    image::{Image, Subject, Vector},
    machine::{FaultKind, Machine, Probe, RunError, Step},
};

/// The first value that differs from its known answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Mismatch {
    /// Vector number.
    pub vector: u32,
    /// Which value.
    pub kind: MismatchKind,
}

/// Which value differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum MismatchKind {
    /// What a column of a configuration reads.
    Unit {
        /// Configuration.
        core: u32,
        /// Column.
        unit: u32,
        /// The known answer.
        expected: i32,
        /// What the model gives.
        found: i32,
    },
    /// An emitted signal.
    Output {
        /// Number of the emitted signal within the sample.
        index: u32,
        /// The known answer.
        expected: i32,
        /// What the model gives.
        found: i32,
    },
    /// The number of emitted signals.
    OutputCount {
        /// Known answers.
        expected: u32,
        /// Signals emitted.
        found: u32,
    },
    /// All emitted signals agree but the state digest does not.
    State,
    /// The machine stopped.
    Fault {
        /// Instruction number.
        instruction: u32,
        /// What happened.
        kind: FaultKind,
    },
    /// The machine refused the vector.
    Refused(RunError),
    /// A sample takes more work units than the caller allows.
    TooLong {
        /// Work units of a sample.
        work: u64,
    },
}

/// How far the check came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Checked {
    /// Whole-network vectors that agree.
    pub networks: u32,
    /// Configuration vectors that agree.
    pub configs: u32,
    /// Values compared.
    pub values: u64,
}

/// Where a sliced check is. It belongs to one image and to the memory that the first step was lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownProgress {
    /// Whether the configurations are through.
    networks: bool,
    vector: u32,
    /// Configurations: columns compared. Networks: raw values fed.
    done: u32,
    /// Networks: the sample has been started.
    started: bool,
    /// Networks: signals emitted, and the first wrong one.
    emitted: u32,
    wrong: Option<MismatchKind>,
    checked: Checked,
}

impl KnownProgress {
    /// Nothing has been checked yet.
    #[must_use]
    pub const fn new() -> Self {
        let checked = Checked { networks: 0, configs: 0, values: 0 };
        Self { networks: false, vector: 0, done: 0, started: false, emitted: 0, wrong: None, checked }
    }
}

impl Default for KnownProgress {
    fn default() -> Self {
        Self::new()
    }
}

/// How far a sliced check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownStep {
    /// There is more to check.
    Running,
    /// All known answers are met.
    Same(Checked),
    /// A value differs.
    Wrong(Mismatch),
}

/// Compares emitted signals with a vector's answers as they come.
struct Compare<'a, 'p> {
    answers: crate::image::Values<'a>,
    progress: &'p mut KnownProgress,
}

impl Probe for Compare<'_, '_> {
    fn emit(&mut self, _: u16, _: u32, found: i32) {
        let index = self.progress.emitted;
        self.progress.emitted = index.saturating_add(1);
        if let (None, Some(expected)) = (self.progress.wrong, self.answers.get(index))
            && expected != found
        {
            self.progress.wrong = Some(MismatchKind::Output { index, expected, found });
        }
    }
}

/// Runs an image's known answers.
#[derive(Debug)]
pub struct KnownAnswers<'v, 'i, W> {
    image: &'v Image<'i>,
    weights: W,
    work_max: u64,
}

/// Work units that a sample may take unless the caller says otherwise: hours on a fast computer.
const WORK_MAX: u64 = 1 << 42;

impl<'v, 'i, W: WeightStore + Clone> KnownAnswers<'v, 'i, W> {
    /// Known answers of `image`, whose weights are in `weights`.
    #[must_use]
    pub const fn new(image: &'v Image<'i>, weights: W) -> Self {
        Self { image, weights, work_max: WORK_MAX }
    }

    /// Refuses images of which a sample takes more than `work` units: an image may be well-formed and yet run for years.
    #[must_use]
    pub const fn with_work_max(mut self, work: u64) -> Self {
        self.work_max = work;
        self
    }

    /// Runs every vector, configurations first, so that a wrong core is named before the
    /// network that it spoils. Network vectors start from the reset state.
    ///
    /// # Errors
    /// The first value that differs.
    pub fn check(&self, ram: &mut [u32]) -> Result<Checked, Mismatch> {
        let mut progress = KnownProgress::new();
        loop {
            match self.step(&mut progress, ram, u64::MAX) {
                KnownStep::Running => {}
                KnownStep::Same(checked) => return Ok(checked),
                KnownStep::Wrong(mismatch) => return Err(mismatch),
            }
        }
    }

    /// Goes on for about `budget` work units, as [`Machine::step`] counts them, a raw value fed being one. It does at least one
    /// piece of work and finishes the piece it began: a column, what a step of the machine finishes, the reset of the machine before
    /// a network vector, or the state digest behind it.
    ///
    /// `ram` must be the same words in every step, and nobody else may change them meanwhile.
    pub fn step(&self, progress: &mut KnownProgress, ram: &mut [u32], budget: u64) -> KnownStep {
        let mut left = budget.max(1);
        while left > 0 {
            let Some(vector) = self.image.vector(progress.vector) else {
                if progress.networks {
                    return KnownStep::Same(progress.checked);
                }
                (progress.networks, progress.vector) = (true, 0);
                continue;
            };
            let through = match vector.subject {
                Subject::Config { .. } if !progress.networks => self.config(&vector, progress, &mut left),
                Subject::Network { .. } if progress.networks => {
                    self.network(&vector, progress, ram, &mut left)
                }
                _ => {
                    progress.vector += 1;
                    continue;
                }
            };
            match through {
                Err(kind) => return KnownStep::Wrong(Mismatch { vector: progress.vector, kind }),
                Ok(false) => {}
                Ok(true) => {
                    let Checked { networks, configs, values } = &mut progress.checked;
                    *(if progress.networks { networks } else { configs }) += 1;
                    *values += u64::from(vector.answers.len());
                    (progress.vector, progress.done) = (progress.vector + 1, 0);
                }
            }
        }
        KnownStep::Running
    }

    /// Compares columns; whether the vector is through.
    fn config(
        &self,
        vector: &Vector<'_>,
        progress: &mut KnownProgress,
        left: &mut u64,
    ) -> Result<bool, MismatchKind> {
        let Subject::Config { config: number, shift, relu } = vector.subject else { return Ok(true) };
        let Some(config) = self.image.config(number) else { return Ok(true) };
        let config = in_test_mode(config, shift, vector.inputs.len());
        while progress.done < config.columns() && *left > 0 {
            let unit = progress.done;
            let input = |row| vector.inputs.get(row).unwrap_or(0);
            let found = read_in_test_mode(self.image, &self.weights, &config, unit, input)
                .map_err(|_| MismatchKind::Fault { instruction: 0, kind: FaultKind::WeightStore })?;
            let found = match relu {
                Some(true) => found.max(0),
                _ => found,
            };
            let expected = vector.answers.get(unit).unwrap_or(0);
            if found != expected {
                return Err(MismatchKind::Unit { core: number, unit, expected, found });
            }
            progress.done += 1;
            *left = left.saturating_sub(config.column_work());
        }
        Ok(progress.done >= config.columns())
    }

    /// Feeds, runs and compares a sample; whether it is through.
    fn network(
        &self,
        vector: &Vector<'_>,
        progress: &mut KnownProgress,
        ram: &mut [u32],
        left: &mut u64,
    ) -> Result<bool, MismatchKind> {
        let Subject::Network { input, digest } = vector.subject else { return Ok(true) };
        let (image, weights) = (self.image, self.weights.clone());
        let first = !progress.started && progress.done == 0;
        if first && image.work() > self.work_max {
            return Err(MismatchKind::TooLong { work: image.work() });
        }
        let machine =
            if first { Machine::new(image, weights, ram) } else { Machine::resume(image, weights, ram) };
        let mut machine = machine.map_err(MismatchKind::Refused)?;
        if !progress.started {
            let end = u64::from(progress.done).saturating_add(*left).min(u64::from(vector.inputs.len()));
            let end = u32::try_from(end).unwrap_or(u32::MAX);
            let raw = (progress.done..end).filter_map(|index| vector.inputs.get(index));
            machine.feed(input, progress.done, raw).map_err(MismatchKind::Refused)?;
            *left = left.saturating_sub(u64::from(end - progress.done));
            progress.done = end;
            if end < vector.inputs.len() {
                return Ok(false);
            }
            machine.start().map_err(MismatchKind::Refused)?;
            (progress.started, progress.emitted, progress.wrong) = (true, 0, None);
            return Ok(false);
        }
        let budget = core::mem::take(left);
        match machine.step(budget, &mut Compare { answers: vector.answers, progress }) {
            Step::Running => return Ok(false),
            Step::SampleDone => {}
            Step::Fault(fault) => {
                return Err(MismatchKind::Fault { instruction: fault.at, kind: fault.kind });
            }
        }
        progress.started = false;
        if let Some(wrong) = progress.wrong {
            return Err(wrong);
        }
        let (expected, found) = (vector.answers.len(), progress.emitted);
        if found != expected {
            return Err(MismatchKind::OutputCount { expected, found });
        }
        if machine.snapshot().digest() == digest { Ok(true) } else { Err(MismatchKind::State) }
    }
}
