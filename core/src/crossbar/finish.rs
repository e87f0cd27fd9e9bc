//! From the sum of reads to an output code: the digital periphery.

use super::config::{Activation, Crossbar};
use crate::{
    arith::{clip, saturate_bits, saturate_i32, shift_toward_zero},
    image::Tables,
};

/// Saturates the sum to the adder, shifts it right toward zero, activates, and clips to the output range.
///
/// The compiler shows that the adder never saturates; that it would is defined all the same.
#[must_use]
pub fn finish(crossbar: &Crossbar, tables: &Tables<'_>, sum: i32) -> i32 {
    let sum = saturate_bits(i64::from(sum), crossbar.adder_bits);
    let shifted = shift_toward_zero(sum, u32::from(crossbar.sum_shift));
    let active = match crossbar.activation {
        Activation::None => shifted,
        Activation::Relu => shifted.max(0),
        Activation::Table { table, lo } => {
            // Parsing has shown that the table exists and has entries.
            let entry = tables.get(table).and_then(|table| table.lookup(saturate_i32(shifted), lo));
            i64::from(entry.unwrap_or(0))
        }
    };
    saturate_i32(clip(active, i64::from(crossbar.out_lo), i64::from(crossbar.out_hi)))
}
