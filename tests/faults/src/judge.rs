//! What the checks of the board make of one fault.

use spandrel::faults::Fault;
use spandrel_core::{
    image::Image,
    verify::{AnswersStep, CoreAnswers, Mismatch, MismatchKind, NetworkAnswers, NetworkStep},
};

use crate::chip::Chip;

/// What shows a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Answers of the cores, and what they name.
    pub test: Option<Mismatch>,
    /// Answers of the network.
    pub network: bool,
}

impl Shown {
    /// The configuration that the answers name.
    #[must_use]
    pub fn config(&self) -> Option<u32> {
        match self.test?.kind {
            MismatchKind::Unit { core, .. } => Some(core),
            _ => None,
        }
    }

    /// The column that they name.
    #[must_use]
    pub fn unit(&self) -> Option<u32> {
        match self.test?.kind {
            MismatchKind::Unit { unit, .. } => Some(unit),
            _ => None,
        }
    }
}

/// Asks `chip`, which holds `image`, for all answers, each kind by itself, while `fault` is there.
///
/// # Panics
/// When the chip does not answer.
pub fn judge(image: &Image<'_>, chip: &mut Chip, fault: Option<Fault>) -> Shown {
    chip.fault = fault;
    let mut cores = CoreAnswers::new(image);
    let test = loop {
        match cores.step(chip, 1000) {
            AnswersStep::Running => {}
            AnswersStep::Same(_) => break None,
            AnswersStep::Wrong(found) => break Some(found),
            AnswersStep::Failed(error) => panic!("{error:?}"),
        }
    };
    let mut samples = NetworkAnswers::new(image);
    let network = loop {
        match samples.step(chip, 1000) {
            NetworkStep::Running => {}
            NetworkStep::Same(_) => break false,
            NetworkStep::Wrong(_) => break true,
            NetworkStep::Failed(error) => panic!("{error:?}"),
        }
    };
    chip.fault = None;
    Shown { test, network }
}
