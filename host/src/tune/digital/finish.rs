//! From an exact sum to a level: the tuner's own form of a digital core's periphery.

use spandrel_core::arith::{saturate_bits, wrap_bits};
use spandrel_core::mac::{Overflow, Rounding, gemmlowp, round_shift};

use super::super::coded::CodedAct;
use crate::target::{Curve, Digital, Target};

/// The level of a sum: cut, function, clip. Without a function the accumulator itself.
pub fn level(
    digital: &Digital,
    target: &Target,
    act: &CodedAct,
    (shift, multiplier): (u8, Option<i32>),
    sum: i64,
) -> i64 {
    let acc = match digital.overflow {
        Overflow::Saturate => saturate_bits(sum, digital.accumulator_bits),
        Overflow::Wrap => wrap_bits(sum, digital.accumulator_bits),
    };
    if *act == CodedAct::None {
        return acc.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    }
    let z = match multiplier {
        None => round_shift(i128::from(acc), u32::from(shift), digital.rounding),
        Some(m) if digital.rounding == Rounding::Gemmlowp => i128::from(gemmlowp(acc as i32, m, shift)),
        Some(m) => round_shift(i128::from(acc) * i128::from(m), u32::from(shift), digital.rounding),
    };
    let z = z.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64;
    let half = 1i64 << (digital.bits - 1);
    let top = i64::from(target.input_max);
    match act {
        CodedAct::None => acc,
        CodedAct::Relu => z.clamp(0, top),
        CodedAct::Clamp { zero, lo, hi } => (z + i64::from(*zero)).clamp(i64::from(*lo), i64::from(*hi)),
        CodedAct::Table(entries) => i64::from(entries[(z.clamp(-half, half - 1) + half) as usize]),
        CodedAct::Pieces(pieces) => {
            let z = z.clamp(-half, half - 1);
            let Curve::Pieces { product_shift, .. } = digital.curve else { return 0 };
            let segment = ((z + half) as usize * pieces.len()) >> digital.bits;
            let (slope, intercept) = pieces[segment.min(pieces.len() - 1)];
            let product = i128::from(slope) * i128::from(z);
            let line = round_shift(product, u32::from(product_shift), Rounding::HalfUp) as i64
                + i64::from(intercept);
            line.clamp(0, top)
        }
    }
}
