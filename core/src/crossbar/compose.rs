//! From partials to the array's read: sense amplifier and precision control.

use super::{
    config::{Crossbar, Polarity, weight_limit},
    partials::Partials,
};
use crate::arith::{Rounding, clip, digit_max, saturate_i32, shift as shift_right};

fn weighted<'c>(
    crossbar: &'c Crossbar,
    partials: &'c Partials,
) -> impl Iterator<Item = (u32, i64)> + use<'c> {
    (0..crossbar.passes()).flat_map(move |pass| {
        (0..crossbar.slices).map(move |slice| {
            let weight = u32::from(pass) * u32::from(crossbar.dac_bits)
                + u32::from(slice) * u32::from(crossbar.cell_bits);
            (weight, i64::from(partials.get(crossbar, pass, slice)))
        })
    })
}

/// The composed read at shift s: a partial of weight 2^k contributes partial / 2^(s - k),
/// rounded, or partial * 2^(k - s) where s is below k; each share clips to
/// +-(2^output_bits - 1); their sum clips once to the same range.
#[must_use]
pub fn compose(crossbar: &Crossbar, partials: &Partials, shift: u8, rounding: Rounding) -> i32 {
    let limit = i64::from(digit_max(crossbar.output_bits));
    let shift = u32::from(shift);
    let sum: i64 = weighted(crossbar, partials)
        .map(|(weight, partial)| {
            let share = if shift >= weight {
                shift_right(partial, shift - weight, rounding)
            } else {
                // 31 bits shifted by at most 32: fits.
                partial << (weight - shift)
            };
            clip(share, -limit, limit)
        })
        .sum();
    saturate_i32(clip(sum, -limit, limit))
}

/// The exact read: partials saturate to the converter's range and are shift-added; offset
/// weights are then corrected by the offset times the sum of inputs.
#[must_use]
pub fn exact(crossbar: &Crossbar, partials: &Partials, adc_bits: u8) -> i32 {
    let limit = i64::from(digit_max(adc_bits));
    let sum: i64 =
        weighted(crossbar, partials).map(|(weight, partial)| clip(partial, -limit, limit) << weight).sum();
    let offset = match crossbar.polarity {
        Polarity::Differential => 0,
        Polarity::Offset => (i64::from(weight_limit(crossbar)) + 1) * partials.inputs,
    };
    // Parsing has shown that this fits; saturation never acts.
    saturate_i32(sum - offset)
}
