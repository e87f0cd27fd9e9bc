//! Known answers asked of the chip itself, core by core, a bounded number at a time.

use super::known::{Mismatch, MismatchKind};
use crate::image::{Image, Subject, Values};

/// What test mode overrides: the shift of the range register, and the activation (`true` for ReLU, `false` for none).
pub type TestMode = (Option<u8>, Option<bool>);

/// A chip's test port: one core, one read, in test mode where the vector asks for it.
pub trait TestPort {
    /// Why the chip did not answer.
    type Error;

    /// What column `unit` of configuration `config` reads for `inputs`, before sums and activation. `mode` overrides
    /// the range register and the activation: a small weight's change can be invisible through the normal readout.
    ///
    /// # Errors
    /// The chip did not answer.
    fn read(
        &mut self,
        config: u32,
        mode: TestMode,
        inputs: &Values<'_>,
        unit: u32,
    ) -> Result<i32, Self::Error>;
}

/// How far asking is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswersStep<E> {
    /// There is more to ask.
    Running,
    /// All answers are right: so many values.
    Same(u64),
    /// A value is wrong; vector, configuration and column stand with it.
    Wrong(Mismatch),
    /// The chip did not answer.
    Failed(E),
}

/// Asks a chip for the answers of an image's configuration vectors.
#[derive(Debug)]
pub struct CoreAnswers<'v, 'i> {
    image: &'v Image<'i>,
    vector: u32,
    unit: u32,
    compared: u64,
}

impl<'v, 'i> CoreAnswers<'v, 'i> {
    /// Nothing has been asked yet.
    #[must_use]
    pub const fn new(image: &'v Image<'i>) -> Self {
        Self { image, vector: 0, unit: 0, compared: 0 }
    }

    /// The image whose answers are asked for.
    #[must_use]
    pub const fn image(&self) -> &'v Image<'i> {
        self.image
    }

    /// Asks for about `budget` values, at least one.
    pub fn step<P: TestPort>(&mut self, port: &mut P, budget: u32) -> AnswersStep<P::Error> {
        let mut left = budget.max(1);
        while self.vector < self.image.vector_count() {
            let vector = self.image.vector(self.vector);
            let asked = vector.as_ref().and_then(|vector| match vector.subject {
                Subject::Config { config, shift, relu } if self.unit < vector.answers.len() => {
                    Some((config, shift, relu, vector))
                }
                _ => None,
            });
            let Some((config, shift, relu, vector)) = asked else {
                (self.vector, self.unit) = (self.vector + 1, 0);
                continue;
            };
            if left == 0 {
                return AnswersStep::Running;
            }
            let expected = vector.answers.get(self.unit).unwrap_or(0);
            match port.read(config, (shift, relu), &vector.inputs, self.unit) {
                Err(error) => return AnswersStep::Failed(error),
                Ok(found) if found != expected => {
                    let kind = MismatchKind::Unit { core: config, unit: self.unit, expected, found };
                    return AnswersStep::Wrong(Mismatch { vector: self.vector, kind });
                }
                Ok(_) => {}
            }
            self.compared += 1;
            self.unit += 1;
            left -= 1;
        }
        AnswersStep::Same(self.compared)
    }
}
