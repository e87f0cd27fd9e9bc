//! State between samples: outputs of the model that come back as its inputs at the next sample.
//!
//! A *sequence* is so many samples in a row; before its first one all state is zero. The compiler sees a sequence as a loop over time whose body is the
//! whole model ([`Model::stretched`]): states are carried through calibration and tuning as in any recurrent cell. When all
//! is tuned, the loop is cut to two steps ([`shortened`]), which hold everything that a step can be: the first one, and one after another. In the
//! image one run of the program is one step, and the machine holds the state from run to run; a reset of the machine begins a sequence.

mod feedback;
mod golden;
mod shorten;
mod stretch;

pub use feedback::{Feedback, Model};
pub use golden::SequenceGolden;
pub use shorten::{by_sample, shortened};

use crate::diagnostic::{Diagnostic, Result};
use crate::graph::Tensor2;
use crate::samples::SampleSet;

/// Samples, one row each, as sequences of `steps`, one row each.
pub(crate) fn joined(batch: Tensor2, steps: usize) -> Tensor2 {
    let (rows, cols) = (batch.rows() / steps, batch.cols() * steps);
    Tensor2::new(rows, cols, batch.into_data()).unwrap_or_default()
}

/// `samples` as whole sequences, and the samples of one: 1 where no state is held between samples; `asked`, or all samples for 0. What is left
/// behind the last whole sequence is left out.
///
/// # Errors
/// SP0205: there is no whole sequence; SP0004: a sequence of a single sample.
pub fn whole(samples: SampleSet, held: bool, asked: usize) -> Result<(SampleSet, usize)> {
    if !held {
        return Ok((samples, 1));
    }
    let count = samples.count;
    let steps = if asked == 0 { count } else { asked };
    if steps < 2 {
        let rule = "a sequence of a single sample hands no state on";
        let way_out = "give --sequence 2 or more, and as many samples";
        return Err(Diagnostic::error("SP0004", "--sequence", rule, way_out).into());
    }
    if count < steps {
        let rule = format!("there are {count} samples, a sequence has {steps}");
        let way_out = "give more samples, or a shorter --sequence";
        return Err(Diagnostic::error("SP0205", "--sequence", rule, way_out).into());
    }
    Ok((samples.first(count / steps * steps), steps))
}
