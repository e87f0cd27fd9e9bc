//! Known answers of the whole network asked of the chip itself, a bounded number of values at a time.

use super::known::{Mismatch, MismatchKind};
use crate::image::{Image, Subject, Values};

/// A chip that runs samples.
pub trait NetworkPort {
    /// Why the chip did not answer.
    type Error;

    /// Runs `inputs`, raw values of input `input`, from the reset state. The chip keeps what it emits.
    ///
    /// # Errors
    /// The chip did not answer.
    fn run(&mut self, input: u32, inputs: &Values<'_>) -> Result<(), Self::Error>;

    /// Number `index` of the signals that the sample emitted, in order; `None` behind the last.
    ///
    /// # Errors
    /// The chip did not answer.
    fn emitted(&mut self, index: u32) -> Result<Option<i32>, Self::Error>;
}

/// How far asking is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkStep<E> {
    /// There is more to ask.
    Running,
    /// All answers are right: so many values.
    Same(u64),
    /// A value is wrong.
    Wrong(Mismatch),
    /// The chip did not answer.
    Failed(E),
}

/// Asks a chip for the answers of an image's network vectors. Only what is emitted is compared: a chip does not tell its state.
#[derive(Debug)]
pub struct NetworkAnswers<'v, 'i> {
    image: &'v Image<'i>,
    vector: u32,
    /// The sample of the vector has been run.
    ran: bool,
    index: u32,
    compared: u64,
}

impl<'v, 'i> NetworkAnswers<'v, 'i> {
    /// Nothing has been asked yet.
    #[must_use]
    pub const fn new(image: &'v Image<'i>) -> Self {
        Self { image, vector: 0, ran: false, index: 0, compared: 0 }
    }

    /// Asks for about `budget` values, at least one; running a sample counts as one.
    pub fn step<P: NetworkPort>(&mut self, port: &mut P, budget: u32) -> NetworkStep<P::Error> {
        let mut left = budget.max(1);
        while self.vector < self.image.vector_count() {
            let asked = self.image.vector(self.vector).and_then(|vector| match vector.subject {
                Subject::Network { input, .. } => Some((input, vector)),
                Subject::Config { .. } => None,
            });
            let Some((input, vector)) = asked else {
                self.vector += 1;
                continue;
            };
            if left == 0 {
                return NetworkStep::Running;
            }
            left -= 1;
            if !self.ran {
                if let Err(error) = port.run(input, &vector.inputs) {
                    return NetworkStep::Failed(error);
                }
                (self.ran, self.index) = (true, 0);
                continue;
            }
            let found = match port.emitted(self.index) {
                Ok(found) => found,
                Err(error) => return NetworkStep::Failed(error),
            };
            let (index, all) = (self.index, vector.answers.len());
            let kind = match (vector.answers.get(index), found) {
                (Some(expected), Some(found)) if expected != found => {
                    MismatchKind::Output { index, expected, found }
                }
                (Some(_), Some(_)) => {
                    (self.index, self.compared) = (index + 1, self.compared + 1);
                    continue;
                }
                (None, None) => {
                    (self.vector, self.ran) = (self.vector + 1, false);
                    continue;
                }
                (Some(_), None) => MismatchKind::OutputCount { expected: all, found: index },
                (None, Some(_)) => MismatchKind::OutputCount { expected: all, found: index + 1 },
            };
            return NetworkStep::Wrong(Mismatch { vector: self.vector, kind });
        }
        NetworkStep::Same(self.compared)
    }
}
