//! PRIME's parameters, written out once.

use spandrel_core::arith::Rounding;
use spandrel_core::crossbar::{Activation, Crossbar, Polarity, Readout};

/// PRIME's crossbar: 6-bit inputs in two passes, 8-bit magnitudes in two cells, 6-bit reads
/// toward zero at `shift`, bias code 63, adder of 16 bits, no activation, outputs 0..=63.
#[must_use]
pub fn prime(rows: u32, bias_rows: u32, columns: u32, blob: u32, shift: u8) -> Crossbar {
    Crossbar {
        rows,
        bias_rows,
        columns,
        blob,
        input_bits: 6,
        dac_bits: 3,
        cell_bits: 4,
        slices: 2,
        output_bits: 6,
        polarity: Polarity::Differential,
        readout: Readout::Composed { shift, rounding: Rounding::TowardZero },
        adder_bits: 16,
        sum_shift: 0,
        activation: Activation::None,
        pool: 1,
        bias_code: 63,
        out_lo: 0,
        out_hi: 63,
    }
}
