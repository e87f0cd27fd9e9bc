//! Test mode: what a core's registers are while a known answer of it is asked.

use crate::{crossbar::Readout, image::Config};

/// `config` with the range register at `shift`, if one is given, and with bias rows that are driven by the vector's `inputs` where
/// there are more of them than rows.
#[must_use]
pub fn in_test_mode(config: Config, shift: Option<u8>, inputs: u32) -> Config {
    let Config::Crossbar(mut crossbar) = config else { return config };
    if let (Some(shift), Readout::Composed { rounding, .. }) = (shift, crossbar.readout) {
        crossbar.readout = Readout::Composed { shift, rounding };
    }
    // Reading the image has shown that there is one for every bias row, then.
    if inputs > crossbar.rows {
        (crossbar.rows, crossbar.bias_rows) = (inputs, 0);
    }
    Config::Crossbar(crossbar)
}
