//! One column of a digital core: the exact sum, the accumulator, requantisation, activation, clip.
//! Everything is worked out on exact integers and fractions; a parameter that a chip gives each column of its own
//! is simply another value for another call.

use crate::error::{Fault, OracleError};

/// How a fraction becomes an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacRounding {
    /// The greatest integer not above.
    Floor,
    /// The nearest integer; of two, the greater.
    HalfUp,
    /// The nearest integer; of two, the even one.
    HalfEven,
    /// The nearest integer on the side of zero, or the fraction itself.
    TowardZero,
    /// Two roundings, see [`gemmlowp`].
    Gemmlowp,
}

/// How the accumulator is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requant {
    /// Not at all: it saturates to 32 bits.
    None,
    /// acc / 2^shift.
    Shift {
        /// 0..=63.
        shift: u32,
        /// Not gemmlowp's.
        rounding: MacRounding,
    },
    /// acc * multiplier / 2^shift.
    Multiplier {
        /// At most 32 bits.
        multiplier: i128,
        /// 0..=63.
        shift: u32,
        /// Any; gemmlowp's on an accumulator of at most 32 bits.
        rounding: MacRounding,
    },
}

/// What follows the zero point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MacActivation {
    /// Nothing but the clip to the output range.
    Clamp,
    /// One entry for each code of so many bits, the lowest code first; codes saturate.
    Table {
        /// 2^bits entries.
        bits: u32,
        /// The entries.
        entries: Vec<i128>,
    },
    /// Lines over equal parts of the codes of so many bits; codes saturate.
    PiecewiseLinear {
        /// Bits of the code.
        bits: u32,
        /// (slope, intercept) of each part, the lowest part first.
        pieces: Vec<(i128, i128)>,
        /// The product slope * code is divided by 2^product_shift and rounded, halves up.
        product_shift: u32,
    },
}

/// A column's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mac {
    /// Bits of an input, the sign included, 1..=32.
    pub input_bits: u32,
    /// Whether inputs are two's complement.
    pub input_signed: bool,
    /// The input that stands for zero.
    pub input_zero: i128,
    /// Added to the sum.
    pub bias: i128,
    /// Width of the accumulator, 2..=64.
    pub accumulator_bits: u32,
    /// It keeps its low bits instead of saturating.
    pub wraps: bool,
    /// How it is scaled.
    pub requant: Requant,
    /// The output that stands for zero.
    pub output_zero: i128,
    /// What follows.
    pub activation: MacActivation,
    /// Least output.
    pub out_lo: i128,
    /// Greatest output.
    pub out_hi: i128,
}

fn pow2(n: u32) -> i128 {
    2i128.pow(n)
}

/// The two's complement range of `bits` bits.
fn signed_range(bits: u32) -> (i128, i128) {
    (-pow2(bits - 1), pow2(bits - 1) - 1)
}

/// The number of `bits` bits, two's complement, that `value` is congruent to modulo 2^bits.
#[must_use]
pub fn wrap(value: i128, bits: u32) -> i128 {
    let rest = value.rem_euclid(pow2(bits));
    if rest >= pow2(bits - 1) { rest - pow2(bits) } else { rest }
}

/// `numerator` / 2^`places`, rounded (places up to 63, numerators up to 2^120).
///
/// # Panics
/// For gemmlowp's rounding, which is none of a fraction.
#[must_use]
pub fn round_fraction(numerator: i128, places: u32, rounding: MacRounding) -> i128 {
    let denominator = pow2(places);
    match rounding {
        MacRounding::Floor => numerator.div_euclid(denominator),
        MacRounding::TowardZero => numerator / denominator,
        // floor(v + 1/2)
        MacRounding::HalfUp => (2 * numerator + denominator).div_euclid(2 * denominator),
        MacRounding::HalfEven => {
            let below = numerator.div_euclid(denominator);
            // Distances to the two neighbours.
            let (down, up) = (numerator - below * denominator, (below + 1) * denominator - numerator);
            match down.cmp(&up) {
                std::cmp::Ordering::Less => below,
                std::cmp::Ordering::Greater => below + 1,
                std::cmp::Ordering::Equal if below % 2 == 0 => below,
                std::cmp::Ordering::Equal => below + 1,
            }
        }
        MacRounding::Gemmlowp => panic!("gemmlowp rounds twice; it is no rounding of a fraction"),
    }
}

/// What TFLite's reference kernels do, step by step as published: the value shifted left (saturating, where theirs is
/// undefined), the saturating rounding doubling high multiplication, then the rounding division by a power of two.
/// `shift` counts the 31 bits of the multiplication.
#[must_use]
pub fn gemmlowp(value: i128, multiplier: i128, shift: u32) -> i128 {
    let (lo, hi) = signed_range(32);
    let (left, right) = if shift < 31 { (31 - shift, 0) } else { (0, shift - 31) };
    let value = (value * pow2(left)).clamp(lo, hi);
    let product = value * multiplier;
    // The published nudge, and a division that truncates.
    let nudge = if product >= 0 { pow2(30) } else { 1 - pow2(30) };
    let high = if value == lo && multiplier == lo { hi } else { (product + nudge) / pow2(31) };
    // The published division: the remainder is compared with half, for negative values with half and one.
    let mask = pow2(right) - 1;
    let remainder = high.rem_euclid(pow2(right));
    let threshold = mask / 2 + i128::from(high < 0);
    high.div_euclid(pow2(right)) + i128::from(remainder > threshold)
}

/// Checks a column's parameters.
///
/// # Errors
/// A width or shift outside its range, an empty output range, tables of the wrong length.
pub fn check_mac(mac: &Mac) -> Result<(), OracleError> {
    let mut faults = Vec::new();
    let mut range = |name: &str, value: i128, lo: i128, hi: i128| {
        if value < lo || value > hi {
            faults.push(Fault::Description(format!("{name} is {value}; it must lie in {lo}..={hi}")));
        }
    };
    range("input_bits", mac.input_bits.into(), 1, 32);
    range("accumulator_bits", mac.accumulator_bits.into(), 2, 64);
    range("out_lo", mac.out_lo, i128::MIN, mac.out_hi);
    match mac.requant {
        Requant::None => range("output_zero", mac.output_zero, 0, 0),
        Requant::Shift { shift, rounding } => {
            range("shift", shift.into(), 0, 63);
            range("gemmlowp without a multiplier", i128::from(rounding == MacRounding::Gemmlowp), 0, 0);
        }
        Requant::Multiplier { multiplier, shift, rounding } => {
            let (lo, hi) = signed_range(32);
            range("multiplier", multiplier, lo, hi);
            let gemmlowp = rounding == MacRounding::Gemmlowp;
            range("shift", shift.into(), 0, if gemmlowp { 62 } else { 63 });
            range("accumulator_bits", mac.accumulator_bits.into(), 2, if gemmlowp { 32 } else { 64 });
        }
    }
    match &mac.activation {
        MacActivation::Clamp => {}
        MacActivation::Table { bits, entries } => {
            range("entries", entries.len() as i128, pow2(*bits), pow2(*bits));
        }
        MacActivation::PiecewiseLinear { bits, pieces, product_shift } => {
            range("pieces", pieces.len() as i128, 1, pow2(*bits));
            range("product_shift", (*product_shift).into(), 0, 62);
        }
    }
    OracleError::unless_empty(faults)
}

/// The sum of w (x - zero point), and the bias, exactly. Inputs saturate to their range.
///
/// # Panics
/// When [`check_mac`] refuses the parameters, or there is not one weight an input.
#[must_use]
pub fn mac_sum(mac: &Mac, x: &[i128], w: &[i128]) -> i128 {
    check_mac(mac).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(x.len(), w.len(), "one weight an input");
    let (lo, hi) =
        if mac.input_signed { signed_range(mac.input_bits) } else { (0, pow2(mac.input_bits) - 1) };
    let mut sum = mac.bias;
    for (x, w) in x.iter().zip(w) {
        sum += w * (x.clamp(&lo, &hi) - mac.input_zero);
    }
    sum
}

/// What leaves for the sum `sum`: the accumulator, scaled, moved by the zero point, activated, clipped.
///
/// # Panics
/// When [`check_mac`] refuses the parameters.
#[must_use]
pub fn mac_finish(mac: &Mac, sum: i128) -> i128 {
    check_mac(mac).unwrap_or_else(|error| panic!("{error}"));
    let (lo, hi) = signed_range(mac.accumulator_bits);
    let acc = if mac.wraps { wrap(sum, mac.accumulator_bits) } else { sum.clamp(lo, hi) };
    let scaled = match mac.requant {
        Requant::None => acc.clamp(signed_range(32).0, signed_range(32).1),
        Requant::Shift { shift, rounding } => round_fraction(acc, shift, rounding),
        Requant::Multiplier { multiplier, shift, rounding: MacRounding::Gemmlowp } => {
            gemmlowp(acc, multiplier, shift)
        }
        Requant::Multiplier { multiplier, shift, rounding } => {
            round_fraction(acc * multiplier, shift, rounding)
        }
    };
    let z = scaled + mac.output_zero;
    let code = match &mac.activation {
        MacActivation::Clamp => z,
        MacActivation::Table { bits, entries } => {
            let (lo, hi) = signed_range(*bits);
            entries[(z.clamp(lo, hi) - lo) as usize]
        }
        MacActivation::PiecewiseLinear { bits, pieces, product_shift } => {
            let (lo, hi) = signed_range(*bits);
            let z = z.clamp(lo, hi);
            // The part in which the share (z - lo) / 2^bits of the range lies.
            let part = (z - lo) * pieces.len() as i128 / pow2(*bits);
            let (slope, intercept) = pieces[part as usize];
            round_fraction(slope * z, *product_shift, MacRounding::HalfUp) + intercept
        }
    };
    code.clamp(mac.out_lo, mac.out_hi)
}
