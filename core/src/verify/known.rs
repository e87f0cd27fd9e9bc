//! Known answers: every vector of the image, run on the core models.

use crate::{
    arith::saturate_i32,
    blob::{Column, StoreFault, WeightStore},
    crossbar::{self, Readout},
    image::{Config, Image, Subject, Vector},
    mac,
    machine::{FaultKind, Machine, Probe, RunError, Step},
    spiking,
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

/// Compares emitted signals with a vector's answers as they come.
struct Compare<'a> {
    answers: crate::image::Values<'a>,
    next: u32,
    wrong: Option<MismatchKind>,
}

impl Probe for Compare<'_> {
    fn emit(&mut self, _: u16, _: u32, found: i32) {
        let index = self.next;
        self.next = index.saturating_add(1);
        if let (None, Some(expected)) = (self.wrong, self.answers.get(index))
            && expected != found
        {
            self.wrong = Some(MismatchKind::Output { index, expected, found });
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
        let mut checked = Checked { networks: 0, configs: 0, values: 0 };
        for network in [false, true] {
            for number in 0..self.image.vector_count() {
                let Some(vector) = self.image.vector(number) else { continue };
                let kind = |kind| Mismatch { vector: number, kind };
                match vector.subject {
                    Subject::Config { .. } if !network => {
                        self.config(&vector).map_err(kind)?;
                        checked.configs += 1;
                    }
                    Subject::Network { .. } if network => {
                        self.network(&vector, ram).map_err(kind)?;
                        checked.networks += 1;
                    }
                    _ => continue,
                }
                checked.values += u64::from(vector.answers.len());
            }
        }
        Ok(checked)
    }

    fn config(&self, vector: &Vector<'_>) -> Result<(), MismatchKind> {
        let Subject::Config { config: number, shift, relu } = vector.subject else { return Ok(()) };
        let Some(mut config) = self.image.config(number) else { return Ok(()) };
        if let (Some(shift), Config::Crossbar(crossbar)) = (shift, &mut config)
            && let Readout::Composed { rounding, .. } = crossbar.readout
        {
            crossbar.readout = Readout::Composed { shift, rounding };
        }
        for unit in 0..config.columns() {
            let found = self
                .read(&config, unit, |row| vector.inputs.get(row).unwrap_or(0))
                .map_err(|_| MismatchKind::Fault { instruction: 0, kind: FaultKind::WeightStore })?;
            let found = match relu {
                Some(true) => found.max(0),
                _ => found,
            };
            let expected = vector.answers.get(unit).unwrap_or(0);
            if found != expected {
                return Err(MismatchKind::Unit { core: number, unit, expected, found });
            }
        }
        Ok(())
    }

    /// What column `unit` of `config` reads; a digital core's saturated to 32 bits.
    fn read(&self, config: &Config, unit: u32, input: impl Fn(u32) -> i32) -> Result<i32, StoreFault> {
        let tables = self.image.tables();
        let column =
            self.image.blob(config.blob()).map(|blob| Column::new(blob, *tables, &self.weights, unit));
        match (config, column) {
            (Config::Crossbar(crossbar), Some(column)) => crossbar::read_column(crossbar, &column, input),
            // A configuration without an array reads nothing.
            (Config::Crossbar(_), None) => Ok(0),
            (Config::Mac(mac), Some(column)) => {
                mac::read_column(mac, tables, &column, unit, input).map(saturate_i32)
            }
            (Config::Mac(mac), None) => Ok(saturate_i32(mac::bias(mac, tables, unit))),
            (Config::Spiking(spiking), Some(column)) => spiking::read_column(spiking, &column, input),
            (Config::Spiking(_), None) => Ok(0),
        }
    }

    fn network(&self, vector: &Vector<'_>, ram: &mut [u32]) -> Result<(), MismatchKind> {
        let Subject::Network { input, digest } = vector.subject else { return Ok(()) };
        if self.image.work() > self.work_max {
            return Err(MismatchKind::TooLong { work: self.image.work() });
        }
        let mut machine =
            Machine::new(self.image, self.weights.clone(), ram).map_err(MismatchKind::Refused)?;
        let raw = (0..vector.inputs.len()).filter_map(|index| vector.inputs.get(index));
        machine.feed(input, 0, raw).map_err(MismatchKind::Refused)?;
        machine.start().map_err(MismatchKind::Refused)?;
        let mut compare = Compare { answers: vector.answers, next: 0, wrong: None };
        if let Step::Fault(fault) = machine.step(u64::MAX, &mut compare) {
            return Err(MismatchKind::Fault { instruction: fault.at, kind: fault.kind });
        }
        if let Some(wrong) = compare.wrong {
            return Err(wrong);
        }
        if compare.next != vector.answers.len() {
            return Err(MismatchKind::OutputCount { expected: vector.answers.len(), found: compare.next });
        }
        if machine.snapshot().digest() == digest { Ok(()) } else { Err(MismatchKind::State) }
    }
}
