//! From the accumulator to z: the named roundings.

use super::config::{Mac, Param, Requant, Rounding};
use crate::{
    arith::{clip, saturate_i32},
    image::Tables,
};

/// A right shift under a rounding, in one width of integer.
macro_rules! round_shift {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        #[must_use]
        #[inline]
        pub const fn $name(value: $int, bits: u32, rounding: Rounding) -> $int {
            if bits == 0 {
                return value;
            }
            let floor = value >> bits;
            let rest = value.wrapping_sub(floor << bits);
            let half = 1 << (bits - 1);
            let up = match rounding {
                Rounding::Floor => false,
                Rounding::TowardZero => value < 0 && rest != 0,
                Rounding::HalfUp => rest >= half,
                Rounding::HalfEven => rest > half || (rest == half && floor & 1 != 0),
                Rounding::Gemmlowp => rest > half || (rest == half && value >= 0),
            };
            // No shift by a bit or more is at its largest value.
            floor.wrapping_add(up as $int)
        }
    };
}

round_shift! {
    /// `value` / 2^`bits` under `rounding`, for `|value| < 2^120` and `bits` <= 100. Gemmlowp's rounding is that of its second
    /// step: to nearest, ties away from zero.
    round_shift, i128
}

round_shift! {
    /// As [`round_shift`], for any value of 64 bits and `bits` <= 63: much faster where 128 bits are many instructions.
    round_shift_64, i64
}

/// The high 32 bits of twice the product, rounded to nearest, ties toward plus infinity; the one product that does not fit
/// (both factors -2^31) saturates. Gemmlowp's first step.
#[must_use]
#[inline]
pub const fn doubling_high_product(a: i32, b: i32) -> i32 {
    // At most 2^62.
    saturate_i32(round_shift_64(a as i64 * b as i64, 31, Rounding::HalfUp))
}

/// Gemmlowp's two roundings: the doubling high product, then the right shift. `shift` counts the product's 31 bits; below 31
/// the value is shifted left first, saturating at 32 bits (where the reference kernels are undefined).
#[must_use]
#[inline]
pub const fn gemmlowp(value: i32, multiplier: i32, shift: u8) -> i32 {
    let left = 31u32.saturating_sub(shift as u32);
    let right = (shift as u32).saturating_sub(31);
    let shifted = saturate_i32((value as i64) << left);
    round_shift_64(doubling_high_product(shifted, multiplier) as i64, right, Rounding::Gemmlowp) as i32
}

fn entry(tables: &Tables<'_>, table: u32, column: u32) -> i32 {
    // Parsing has shown that there is one.
    tables.get(table).and_then(|table| table.get(column as usize)).unwrap_or(0)
}

/// The parameter `param` of column `column`.
fn of(param: Param<u8>, tables: &Tables<'_>, column: u32) -> u8 {
    match param {
        Param::Core(value) => value,
        Param::Column { table } => entry(tables, table, column) as u8,
    }
}

/// The accumulator `acc` of column `column`, scaled and rounded, before the output zero point. Saturates at 64 bits.
#[must_use]
#[inline]
pub fn requantise(mac: &Mac, tables: &Tables<'_>, column: u32, acc: i64) -> i64 {
    let rounded = match mac.requant {
        Requant::None => return acc,
        Requant::Shift { shift, rounding } => {
            return round_shift_64(acc, u32::from(of(shift, tables, column)), rounding);
        }
        Requant::Multiplier { multiplier, shift, rounding, .. } => {
            let multiplier = match multiplier {
                Param::Core(multiplier) => multiplier,
                Param::Column { table } => entry(tables, table, column),
            };
            let shift = of(shift, tables, column);
            match (rounding, i32::try_from(acc)) {
                // Parsing has shown that the accumulator has at most 32 bits.
                (Rounding::Gemmlowp, _) => return i64::from(gemmlowp(saturate_i32(acc), multiplier, shift)),
                // At most 63 bits.
                (_, Ok(acc)) => {
                    let product = i64::from(acc) * i64::from(multiplier);
                    return round_shift_64(product, u32::from(shift), rounding);
                }
                _ => round_shift(i128::from(acc) * i128::from(multiplier), u32::from(shift), rounding),
            }
        }
    };
    rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// z saturated to `bits` bits, two's complement.
#[inline]
pub(super) const fn saturate_z(z: i64, bits: u8) -> i64 {
    let half = 1i64 << (bits - 1);
    clip(z, -half, half - 1)
}
