//! All checks of a chip in their order, and where a fault is: in transfer, in configuration, or in computation.

use super::{
    answers::{AnswersStep, CoreAnswers, TestPort},
    known::{Mismatch, MismatchKind},
    network::{NetworkAnswers, NetworkPort, NetworkStep},
    readback::{Difference, Extent, ReadBack, ReadBackStep},
};
use crate::{
    image::Image,
    load::bus::{BusError, ChipBus, ConfigMap},
};

/// Where a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Seat {
    /// On the way to the chip or back: what was written or read again is right.
    Transfer,
    /// The chip's configuration memory: it does not hold what was written, or no longer.
    Configuration,
    /// The configuration is right, and the chip computes something else.
    Computation,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Finding {
    /// A byte of the configuration.
    Byte(Difference),
    /// An answer: of a core, or of the whole network.
    Answer(Mismatch),
}

/// Where the fault is, and what shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verdict {
    /// Where.
    pub seat: Seat,
    /// The configuration, where one is named: of the whole network's answers none is.
    pub config: Option<u32>,
    /// The physical core that holds it.
    pub core: Option<u32>,
    /// The column, or, of the whole network's answers, the number of the emitted signal.
    pub unit: Option<u32>,
    /// What it should be: a byte, or an answer.
    pub expected: i32,
    /// What it is.
    pub found: i32,
    /// What shows it.
    pub finding: Finding,
}

/// When the test is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Right after loading: a wrong byte is written once more, with the chip held, to see whether it was transferred wrongly.
    /// The chip stays held then.
    Loaded,
    /// Later: the configuration was right once, and nothing is written.
    Running,
}

/// How far the test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTestStep<E> {
    /// There is more to do.
    Running,
    /// Nothing was found: so many bytes read back, and answers asked for.
    Passed {
        /// Bytes read back.
        bytes: u64,
        /// Answers.
        answers: u64,
    },
    /// A fault.
    Failed(Verdict),
    /// The bus failed: the fault is there.
    Bus(BusError<E>),
}

enum Stage<'v, 'i> {
    ReadBack(ReadBack<'v, 'i>),
    Cores(CoreAnswers<'v, 'i>),
    Network(NetworkAnswers<'v, 'i>),
}

/// Reads back, asks the cores, then the network, until the first fault.
pub struct SelfTest<'v, 'i> {
    image: &'v Image<'i>,
    moment: Moment,
    stage: Stage<'v, 'i>,
    bytes: u64,
    answers: u64,
}

impl<'v, 'i> SelfTest<'v, 'i> {
    /// A test of a chip that should hold `image`, which has not begun.
    #[must_use]
    pub const fn new(image: &'v Image<'i>, moment: Moment, extent: Extent) -> Self {
        let stage = Stage::ReadBack(ReadBack::new(image, extent));
        Self { image, moment, stage, bytes: 0, answers: 0 }
    }

    /// Does about `budget` bytes or answers of the current check.
    pub fn step<E, P>(&mut self, chip: &mut P, map: &mut impl ConfigMap, budget: u32) -> SelfTestStep<E>
    where
        P: ChipBus<Error = E> + TestPort<Error = E> + NetworkPort<Error = E>,
    {
        let next = match &mut self.stage {
            Stage::ReadBack(check) => match check.step(chip, map, budget) {
                ReadBackStep::Running => return SelfTestStep::Running,
                ReadBackStep::Failed(error) => return SelfTestStep::Bus(error),
                ReadBackStep::Differs(found) => {
                    return match self.seat(chip, map, &found) {
                        Ok(seat) => SelfTestStep::Failed(byte(seat, found)),
                        Err(error) => SelfTestStep::Bus(error),
                    };
                }
                ReadBackStep::Same(bytes) => {
                    self.bytes = bytes;
                    Stage::Cores(CoreAnswers::new(self.image))
                }
            },
            Stage::Cores(check) => match check.step(chip, budget) {
                AnswersStep::Running => return SelfTestStep::Running,
                AnswersStep::Failed(error) => return SelfTestStep::Bus(BusError::Bus(error)),
                AnswersStep::Wrong(found) => return SelfTestStep::Failed(self.answer(found)),
                AnswersStep::Same(answers) => {
                    self.answers = answers;
                    Stage::Network(NetworkAnswers::new(self.image))
                }
            },
            Stage::Network(check) => {
                return match check.step(chip, budget) {
                    NetworkStep::Running => SelfTestStep::Running,
                    NetworkStep::Failed(error) => SelfTestStep::Bus(BusError::Bus(error)),
                    NetworkStep::Wrong(found) => SelfTestStep::Failed(self.answer(found)),
                    NetworkStep::Same(answers) => SelfTestStep::Passed {
                        bytes: self.bytes,
                        answers: self.answers.saturating_add(answers),
                    },
                };
            }
        };
        self.stage = next;
        SelfTestStep::Running
    }

    /// Whether a byte that differs does so again, and, right after loading, whether it does once it was written again.
    fn seat<B: ChipBus>(
        &self,
        bus: &mut B,
        map: &mut impl ConfigMap,
        found: &Difference,
    ) -> Result<Seat, BusError<B::Error>> {
        let (tag, offset) = (found.section, found.offset);
        let mut again = [0];
        map.read(bus, tag, offset, &mut again)?;
        if again == [found.expected] {
            return Ok(Seat::Transfer);
        }
        if self.moment == Moment::Running {
            return Ok(Seat::Configuration);
        }
        bus.hold().map_err(BusError::Bus)?;
        map.write(bus, tag, offset, &[found.expected])?;
        map.read(bus, tag, offset, &mut again)?;
        Ok(if again == [found.expected] { Seat::Transfer } else { Seat::Configuration })
    }

    fn answer(&self, found: Mismatch) -> Verdict {
        let (config, unit, expected, value) = match found.kind {
            MismatchKind::Unit { core, unit, expected, found } => (Some(core), Some(unit), expected, found),
            MismatchKind::Output { index, expected, found } => (None, Some(index), expected, found),
            MismatchKind::OutputCount { expected, found } => (
                None,
                None,
                i32::try_from(expected).unwrap_or(i32::MAX),
                i32::try_from(found).unwrap_or(i32::MAX),
            ),
            _ => (None, None, 0, 0),
        };
        let core = config.and_then(|config| self.image.core_of(config));
        let (seat, finding) = (Seat::Computation, Finding::Answer(found));
        Verdict { seat, config, core, unit, expected, found: value, finding }
    }
}

fn byte(seat: Seat, found: Difference) -> Verdict {
    Verdict {
        seat,
        config: found.config,
        core: found.core,
        unit: found.unit,
        expected: found.expected.into(),
        found: found.found.into(),
        finding: Finding::Byte(found),
    }
}
