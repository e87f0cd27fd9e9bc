//! The softmax of int8 frameworks, in fixed point, for the host.
//!
//! A compiled classifier emits the codes in front of its softmax. Where the network goes on to int8 probabilities (scale 1/256,
//! zero point -128), this computes them from those codes, as TFLite's reference kernel does: exp by a cubic on
//! (-1/4, 0] and constant factors for the higher bits, the sum with 12 integer bits, its reciprocal by three steps of Newton's method. No
//! floating point is used but for the scale, which becomes a multiplier of 31 bits once.

use spandrel_core::mac::{Rounding, doubling_high_product, round_shift};

/// Integer bits of a scaled difference of two codes.
const DIFFERENCE_BITS: u32 = 5;
/// Integer bits of the sum of the exponentials.
const SUM_BITS: u32 = 12;

/// exp(-2^k) for k = -2..=4, with 31 fractional bits.
const POWERS: [i32; 7] = [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];

/// `value` / 2^`bits`, halves away from zero.
fn divided(value: i32, bits: u32) -> i32 {
    round_shift(i128::from(value), bits, Rounding::Gemmlowp) as i32
}

/// `value` * 2^`bits`, saturated.
fn doubled(value: i32, bits: u32) -> i32 {
    (i64::from(value) << bits).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// exp(a) for a in \[-1/4, 0), both with 31 fractional bits.
fn exp_near_zero(a: i32) -> i32 {
    // exp(-1/8) and 1/3.
    let (eighth, third) = (1_895_147_668, 715_827_883);
    let x = a.wrapping_add(1 << 28);
    let x2 = doubling_high_product(x, x);
    let x3 = doubling_high_product(x2, x);
    let x4 = doubling_high_product(x2, x2);
    let high = doubling_high_product(divided(x4, 2).wrapping_add(x3), third);
    let series = divided(high.wrapping_add(x2), 1);
    doubling_high_product(eighth, x.wrapping_add(series)).wrapping_add(eighth)
}

/// exp(a) with 31 fractional bits for a <= 0 with 26 fractional bits.
fn exp(a: i32) -> i32 {
    if a == 0 {
        return i32::MAX;
    }
    let quarter = 1 << (31 - DIFFERENCE_BITS - 2);
    let low = (a & (quarter - 1)) - quarter;
    let rest = low.wrapping_sub(a);
    let near = exp_near_zero(doubled(low, DIFFERENCE_BITS));
    POWERS.iter().enumerate().fold(near, |result, (at, &power)| {
        let bit = quarter << at;
        if rest & bit == 0 { result } else { doubling_high_product(result, power) }
    })
}

/// 1 / (1 + a) with 31 fractional bits for a in \[0, 1) with 31 fractional bits.
fn reciprocal(a: i32) -> i32 {
    let half = ((i64::from(a) + i64::from(i32::MAX) + 1) / 2) as i32;
    // 48/17 - 32/17 of half the denominator, with 29 fractional bits.
    let mut x = 1_515_870_810i32.wrapping_add(doubling_high_product(half, -1_010_580_540));
    for _ in 0..3 {
        let left = (1 << 29) - doubling_high_product(half, x);
        x = x.wrapping_add(doubled(doubling_high_product(x, left), 2));
    }
    doubled(x, 1)
}

/// Int8 probabilities (scale 1/256, zero point -128) of int8 codes whose step is `scale`, as TFLite's reference kernel gives them.
/// `scale` must be positive; steps above 31 are taken for 31.
pub fn int8_softmax(codes: &[i8], scale: f32) -> Vec<i8> {
    let Some(&largest) = codes.iter().max() else { return Vec::new() };
    let steps = f64::from(scale) * libm::exp2(f64::from(31 - DIFFERENCE_BITS));
    let (fraction, exponent) = libm::frexp(steps.min(f64::from(i32::MAX)));
    let mut multiplier = libm::round(fraction * libm::exp2(31.0)) as i64;
    let mut left = exponent.max(0) as u32;
    if multiplier == 1 << 31 {
        (multiplier, left) = (1 << 30, left + 1);
    }
    // Differences that would leave their integer bits count nothing.
    let reach = ((1i64 << DIFFERENCE_BITS) - 1) << (31 - DIFFERENCE_BITS) >> left;
    let power = |code: i8| -> Option<i32> {
        let difference = i64::from(code) - i64::from(largest);
        (difference >= -reach)
            .then(|| exp(doubling_high_product((difference << left) as i32, multiplier as i32)))
    };
    let sum: i32 =
        codes.iter().filter_map(|&code| power(code)).fold(0, |sum, p| sum.wrapping_add(divided(p, SUM_BITS)));
    let headroom = sum.leading_zeros();
    let scaled = reciprocal(((sum as u32) << headroom).wrapping_sub(1 << 31) as i32);
    // The sum is between 2^(12 - headroom) and twice that.
    let shift = (SUM_BITS + 31 - 8).saturating_sub(headroom);
    codes
        .iter()
        .map(|&code| match power(code) {
            Some(p) => (divided(doubling_high_product(scaled, p), shift) - 128).clamp(-128, 127) as i8,
            None => -128,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::Random;

    /// Against the definition in f64: off by one at most, and rarely.
    #[test]
    fn probabilities_are_those_of_the_definition() {
        let mut random = Random::new(5, 0);
        let (mut all, mut off) = (0, 0);
        for _ in 0..400 {
            let scale = (0.01 + 0.4 * random.unit()) as f32;
            let codes: Vec<i8> = (0..12).map(|_| (random.unit() * 256.0 - 128.0) as i8).collect();
            let largest = f64::from(*codes.iter().max().unwrap());
            let powers: Vec<f64> =
                codes.iter().map(|&c| libm::exp((f64::from(c) - largest) * f64::from(scale))).collect();
            let sum: f64 = powers.iter().sum();
            for (p, have) in powers.iter().zip(int8_softmax(&codes, scale)) {
                let want = (libm::round(256.0 * p / sum) - 128.0).clamp(-128.0, 127.0) as i32;
                assert!((want - i32::from(have)).abs() <= 1, "{codes:?} {scale}");
                all += 1;
                off += u32::from(want != i32::from(have));
            }
        }
        assert!(off * 100 < all, "{off} of {all}");
    }

    #[test]
    fn equal_codes_share_evenly_and_far_ones_get_nothing() {
        assert_eq!(int8_softmax(&[7, 7, 7, 7], 0.1), [-64; 4]);
        assert_eq!(int8_softmax(&[127, -128], 0.2), [127, -128]);
        assert!(int8_softmax(&[], 0.2).is_empty());
    }
}
