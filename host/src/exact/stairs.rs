//! A bias and a multiplier under which every sum gives the level that a function asks for.

use spandrel_core::mac::{Rounding, gemmlowp};

use super::grid::Stairs;
use crate::target::{Digital, Target};
use crate::tune::CodedAct;
use crate::tune::digital::level;

/// Bias, multiplier and shift of one channel, and the factor of its weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub(super) factor: i32,
    pub(super) bias: i64,
    pub(super) multiplier: i32,
    pub(super) shift: u8,
}

/// `ratio` as a multiplier of the chip's bits and a shift, the way int8 frameworks round it: half up.
pub(super) fn as_multiplier(ratio: f64, digital: &Digital) -> Option<(i32, u8)> {
    let digits = i32::from(digital.multiplier_bits?) - 1;
    let (fraction, exponent) = libm::frexp(ratio);
    let mut multiplier = libm::floor(fraction * libm::exp2(f64::from(digits)) + 0.5) as i64;
    let mut shift = digits - exponent;
    while multiplier >= 1i64 << digits || shift > i32::from(digital.shifts.1) {
        multiplier = (multiplier + 1) >> 1;
        shift -= 1;
    }
    (multiplier > 0 && shift >= i32::from(digital.shifts.0)).then_some((multiplier as i32, shift as u8))
}

/// `ratio` under a given shift.
fn under_shift(ratio: f64, shift: u8, digital: &Digital) -> Option<(i32, u8)> {
    let digits = u32::from(digital.multiplier_bits?) - 1;
    let multiplier = libm::rint(ratio * libm::exp2(f64::from(shift)));
    let fits = multiplier >= 1.0 && multiplier < libm::exp2(f64::from(digits));
    (fits && (digital.shifts.0..=digital.shifts.1).contains(&shift)).then_some((multiplier as i32, shift))
}

/// A sum of whole numbers as codes: `ratio` * (sum + `bias`), to the nearest, from `lo` to `hi`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) ratio: f64,
    /// Need not be whole.
    pub(super) bias: f64,
    pub(super) lo: i64,
    pub(super) hi: i64,
}

impl Line {
    /// How many codes do not begin at the sum that is the first one nearer to them than to the code below. `None` where sums leave 32 bits.
    fn displaced(&self, (multiplier, shift, bias): (i32, u8, i64)) -> Option<usize> {
        let begins = |code: i64| {
            let first = libm::ceil((code as f64 - 0.5) / self.ratio - self.bias) as i64 + bias;
            let of = |sum: i64| Some(i64::from(gemmlowp(i32::try_from(sum).ok()?, multiplier, shift)));
            Some(of(first)? >= code && of(first - 1)? < code)
        };
        (self.lo + 1..=self.hi).map(begins).try_fold(0, |count, begins| Some(count + usize::from(!begins?)))
    }

    /// A multiplier under which gemmlowp's rounding is a single one, and its shift: one of 31 leaves nothing to the second step. `None`
    /// where the multiplier's bits do not give every code the sums that are nearest to it.
    pub(super) fn rounded_once(&self, digital: &Digital) -> Option<(i32, u8)> {
        let (multiplier, shift) = under_shift(self.ratio, 31, digital)?;
        let bias = libm::rint(self.bias) as i64;
        (self.displaced((multiplier, shift, bias)) == Some(0)).then_some((multiplier, shift))
    }

    /// Multiplier, shift and bias under which the chip's rounding gives codes as a single one does, or most nearly so.
    ///
    /// The first of gemmlowp's two roundings lets a code begin half of its unit too early, which is 2^31 / multiplier of the sum's: the
    /// bias takes that back, and of the shifts one is best at which it is nearly a whole number.
    pub(super) fn nearest(&self, digital: &Digital) -> Option<(i32, u8, i64)> {
        let (multiplier, finest) = as_multiplier(self.ratio, digital)?;
        let bias = libm::rint(self.bias) as i64;
        if digital.rounding != Rounding::Gemmlowp {
            return Some((multiplier, finest, bias));
        }
        let mut best: Option<(usize, (i32, u8, i64))> = None;
        for shift in (31.min(finest)..=finest).rev() {
            let Some((multiplier, shift)) = under_shift(self.ratio, shift, digital) else { continue };
            let early = libm::exp2(30.0) / f64::from(multiplier);
            let early = if shift <= 31 || early > 1e6 { 0.0 } else { early };
            let middle = libm::rint(self.bias - early) as i64;
            for bias in [middle, middle - 1, middle + 1, bias] {
                let cut = (multiplier, shift, bias);
                let Some(count) = self.displaced(cut) else { continue };
                if best.is_none_or(|(least, _)| count < least) {
                    best = Some((count, cut));
                }
            }
            if best.is_some_and(|(least, _)| least == 0) {
                break;
            }
        }
        best.map(|(_, cut)| cut)
    }
}

/// One channel: the sum z is `gain` * acc + `at_zero`, acc between `least` and `most`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel<'a> {
    pub(super) stairs: &'a Stairs<'a>,
    pub(super) gain: f64,
    pub(super) at_zero: f64,
    pub(super) least: i64,
    pub(super) most: i64,
    /// Largest factor of the weights.
    pub(super) factor_max: i32,
}

impl Channel<'_> {
    fn wanted(&self, acc: i64) -> i64 {
        self.stairs.level(self.gain * acc as f64 + self.at_zero)
    }

    /// The least acc whose level is at least `step`.
    fn threshold(&self, step: i64) -> i64 {
        let (mut below, mut at) = (self.least - 1, self.most);
        while at - below > 1 {
            let middle = below + (at - below) / 2;
            if self.wanted(middle) >= step { at = middle } else { below = middle }
        }
        at
    }

    /// The cut under which every acc has its level; `None` when none was found. The function must rise with acc.
    pub(super) fn cut(&self, act: &CodedAct, digital: &Digital, target: &Target) -> Option<Cut> {
        let ends = self.stairs.ends();
        let (first, last) = (self.wanted(self.least), self.wanted(self.most));
        // acc >= x must give at least the level, acc <= x less than it.
        let mut above: Vec<(i64, i64)> = Vec::new();
        let mut below: Vec<(i64, i64)> = Vec::new();
        for step in first + 1..=last {
            let at = self.threshold(step);
            above.push((at, step));
            below.push((at - 1, step));
        }
        if first > ends.0 || first == last {
            above.push((self.least, first));
        }
        if last < ends.1 || first == last {
            below.push((self.most, last + 1));
        }
        let (slope, offset) = line(&above, &below)?;
        let mut factors = vec![1, self.factor_max.max(1)];
        factors.dedup();
        for factor in factors {
            let ratio = slope / f64::from(factor);
            for (multiplier, shift) in
                as_multiplier(ratio, digital).into_iter().chain(under_shift(ratio, 31, digital))
            {
                let middle = libm::rint(offset / ratio) as i64;
                for bias in [middle, middle - 1, middle + 1] {
                    let of = |acc: i64| {
                        let sum = acc * i64::from(factor) + bias;
                        level(digital, target, act, (shift, Some(multiplier)), sum)
                    };
                    let right = above.iter().all(|&(x, step)| of(x) >= step)
                        && below.iter().all(|&(x, step)| of(x) < step);
                    if right {
                        return Some(Cut { factor, bias, multiplier, shift });
                    }
                }
            }
        }
        None
    }
}

/// The line whose rounded values pass all points: not below `step - 1/2` at the points of `above`, below it at those of `below`.
fn line(above: &[(i64, i64)], below: &[(i64, i64)]) -> Option<(f64, f64)> {
    let (mut least, mut most) = (0.0f64, f64::INFINITY);
    for &(x1, k1) in below {
        for &(x2, k2) in above {
            let (run, rise) = ((x2 - x1) as f64, (k2 - k1) as f64);
            if run > 0.0 {
                least = least.max(rise / run);
            } else if run < 0.0 {
                most = most.min(rise / run);
            } else if rise >= 0.0 {
                return None;
            }
        }
    }
    if least >= most {
        return None;
    }
    let slope = if most.is_finite() { 0.5 * (least + most) } else { (2.0 * least).max(1.0) };
    let at = |&(x, k): &(i64, i64)| k as f64 - 0.5 - slope * x as f64;
    let low = above.iter().map(at).fold(f64::NEG_INFINITY, f64::max);
    let high = below.iter().map(at).fold(f64::INFINITY, f64::min);
    let offset = match (low.is_finite(), high.is_finite()) {
        (true, true) => 0.5 * (low + high),
        (true, false) => low + 0.5,
        (false, true) => high - 0.5,
        (false, false) => 0.0,
    };
    Some((slope, offset))
}
