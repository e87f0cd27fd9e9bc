//! Test mode: what a core's registers are while a known answer of it is asked.

use crate::{
    arith::saturate_i32,
    blob::{Column, StoreFault, WeightStore},
    crossbar::{self, Readout},
    image::{Config, Image},
    mac, spiking,
};

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

/// What column `unit` of `config`, with registers as [`in_test_mode`] leaves them, reads on the core models; a digital core's saturated
/// to 32 bits. A crossbar or a spiking core without an array reads 0, a digital core its bias.
///
/// # Errors
/// The weight store failed.
pub fn read_in_test_mode<W: WeightStore>(
    image: &Image<'_>,
    weights: &W,
    config: &Config,
    unit: u32,
    input: impl Fn(u32) -> i32,
) -> Result<i32, StoreFault> {
    let tables = image.tables();
    let column = image.blob(config.blob()).map(|blob| Column::new(blob, *tables, weights, unit));
    match (config, column) {
        (Config::Crossbar(crossbar), Some(column)) => crossbar::read_column(crossbar, &column, input),
        (Config::Mac(mac), Some(column)) => {
            mac::read_column(mac, tables, &column, unit, input).map(saturate_i32)
        }
        (Config::Mac(mac), None) => Ok(saturate_i32(mac::bias(mac, tables, unit))),
        (Config::Spiking(spiking), Some(column)) => spiking::read_column(spiking, &column, input),
        (Config::Crossbar(_) | Config::Spiking(_), None) => Ok(0),
    }
}
