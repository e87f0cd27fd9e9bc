//! The digital core: exact sums in a wide accumulator, brought back to the width of a signal.
//!
//! ```text
//! read   = sum over rows of w (x - zx), + bias                exact, 64 bits
//! sum    = read, or sum + read                                32 or 64 bits of sum registers
//! acc    = sum in `accumulator_bits`, saturated or wrapped
//! z      = acc | round(acc / 2^s) | round(acc m / 2^s), + output zero point
//! y      = clip(z | table[z] | line of z's segment, out_lo, out_hi), then the largest of `pool` neighbours
//! ```
//!
//! A sum of up to 32 bits takes one register, c; a wider one two, the low word in c and the high word in columns + c, so
//! several cores add without losing a bit. A saturating accumulator clips once, when the sum is finished; until then the
//! registers saturate at the bits they have. A wrapping one wraps at every addition, which gives the same in the end.
//!
//! z needs no width of its own where the clip to the output range is the activation: it reaches every code, signed or not.
//! In front of a table or of linear pieces it saturates to the bits they are made for, two's complement.

mod config;
mod finish;
mod read;
mod requant;

pub use config::{
    Activation, Bias, Mac, Overflow, Param, Requant, Rounding, input_floor, input_limit, reach,
};
pub use finish::finish;
pub use read::{bias, read_column};
pub use requant::{doubling_high_product, gemmlowp, requantise, round_shift, round_shift_64};

#[cfg(test)]
mod tests;
