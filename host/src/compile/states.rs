//! Whether the state of a recurrent network survives a chip's few levels.
//!
//! What a state is off comes back in every step, so a chip that serves a feed-forward network well can leave nothing of a recurrent
//! one. The tuner measures it on the calibration samples, stepping the cell on its own codes; an image of which that says that it
//! would mostly be wrong is no image.

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::DotGraph;
use crate::target::Target;
use crate::tune::NodeError;

/// What a further bit takes off the noise, in decibels: measured with the keyword LSTM on crossbars like `prime`'s of 6 and of 8 bits,
/// whose state has 7 and 16 dB. (A quarter of its power, 6 dB, were there nothing but the rounding of signals.)
const BIT_DB: f64 = 4.5;

/// Refuses a network that hands on values from step to step whose signal-to-noise ratio is below `least`; `errors` are those of the
/// nodes of `dot`, in order.
///
/// # Errors
/// SP0314 for each such value, with the chip's field that limits it and the value that it would need.
pub(super) fn check(dot: &DotGraph, errors: &[NodeError], target: &Target, least: Option<f64>) -> Result<()> {
    let Some(least) = least else { return Ok(()) };
    let bits = u32::BITS - target.input_max.max(1).unsigned_abs().leading_zeros();
    let field = if target.digital.is_some() { "mac.output_bits" } else { "crossbar.output_bits" };
    let mut found = Diagnostics::default();
    for number in dot.carried() {
        let (node, error) = (&dot.nodes[number], &errors[number]);
        if error.snr_db >= least {
            continue;
        }
        let needed = bits + libm::ceil((least - error.snr_db.max(0.0)) / BIT_DB) as u32;
        let place = format!("chip {:?}: {field}", target.chip.name());
        let rule = format!(
            "of node {:?}, which a loop hands on from step to step, signals of {bits} bits leave {:.1} dB on the calibration samples, \
             {least} dB are asked for",
            node.name, error.snr_db
        );
        let way_out = format!(
            "a chip whose {field} is {needed} or more (at {BIT_DB} dB a bit), or --set tune.state=off for the image as it is"
        );
        found.push(Diagnostic::error("SP0314", place, rule, way_out));
    }
    found.into_result(())
}
