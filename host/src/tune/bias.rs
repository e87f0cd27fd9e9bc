//! Biases on bias rows, slice by slice.
//!
//! A bias row holds a weight like any other cell, so `n` of them hold, in each slice, any whole number up to n times
//! the slice's largest digit. With a composed readout each slice's partial is truncated on its own, so *how* a bias is
//! split between the slices matters as much as its sum: it decides where each read rounds. The tuner chooses the pair.

use crate::target::Target;

/// The signed sums of a bias's digits over its rows: in the high slice, and in the low one (0 where cells hold a whole weight).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct BiasPair {
    /// Sum of high digits.
    pub high: i32,
    /// Sum of low digits.
    pub low: i32,
}

impl BiasPair {
    /// What the pair adds to the exact sum, in units of the bias code.
    pub fn total(self, target: &Target) -> i32 {
        if target.slices == 2 { (self.high << target.cell_bits) + self.low } else { self.high }
    }

    /// The pair whose total is nearest to `total`, magnitudes filled from the high slice, for `rows` bias rows.
    pub fn nearest(total: f64, rows: usize, target: &Target) -> Self {
        let most = target.bias_slice_max(rows);
        if target.slices == 1 {
            return Self { high: libm::rint(total.clamp(-f64::from(most), f64::from(most))) as i32, low: 0 };
        }
        let base = 1 << target.cell_bits;
        let limit = f64::from(most * base + most);
        let whole = libm::rint(total.clamp(-limit, limit)) as i32;
        let high = (whole.abs() / base).min(most);
        let low = (whole.abs() - high * base).min(most);
        Self { high: whole.signum() * high, low: whole.signum() * low }
    }

    /// Whether `rows` bias rows can hold the pair: digits of one sign share rows, digits of opposite signs can not.
    pub fn fits(self, rows: usize, target: &Target) -> bool {
        let digit = (1 << target.cell_bits) - 1;
        let needed = |sum: i32| sum.unsigned_abs().div_ceil(digit) as usize;
        let (high, low) = (needed(self.high), needed(self.low));
        if i64::from(self.high) * i64::from(self.low) >= 0 {
            high.max(low) <= rows
        } else {
            high + low <= rows
        }
    }

    /// The weights on `rows` bias rows. The pair must fit.
    pub fn rows(self, rows: usize, target: &Target) -> Vec<i16> {
        let digit = (1i32 << target.cell_bits) - 1;
        let base = if target.slices == 2 { 1i32 << target.cell_bits } else { 1 };
        let same = i64::from(self.high) * i64::from(self.low) >= 0;
        let (mut high, mut low) = (self.high.abs(), self.low.abs());
        (0..rows)
            .map(|_| {
                let h = high.min(digit);
                high -= h;
                // Opposite signs: low digits start on the first row without a high one.
                let l = if same || h == 0 { low.min(digit) } else { 0 };
                low -= l;
                let sign_h = self.high.signum();
                let sign_l = self.low.signum();
                (sign_h * h * base + if target.slices == 2 { sign_l * l } else { 0 }) as i16
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::BiasPair;
    use crate::target::Target;

    fn prime() -> Target {
        Target::new(spandrel_hwdesc::builtin("prime").unwrap()).unwrap()
    }

    #[test]
    fn every_fitting_pair_is_held_exactly() {
        let target = prime();
        for rows in 1..=3usize {
            let most = target.bias_slice_max(rows);
            for high in -most..=most {
                for low in -most..=most {
                    let pair = BiasPair { high, low };
                    if !pair.fits(rows, &target) {
                        continue;
                    }
                    let weights = pair.rows(rows, &target);
                    assert!(weights.iter().all(|w| w.abs() <= 255));
                    let digits = |shift: i32, mask: i32| -> i32 {
                        weights
                            .iter()
                            .map(|&w| i32::from(w.signum()) * ((i32::from(w).abs() >> shift) & mask))
                            .sum()
                    };
                    assert_eq!((digits(4, 15), digits(0, 15)), (high, low), "{rows} rows");
                }
            }
        }
    }

    #[test]
    fn nearest_pairs_total_what_was_asked() {
        let target = prime();
        for total in -500..=500 {
            let pair = BiasPair::nearest(f64::from(total), 2, &target);
            assert!(pair.fits(2, &target));
            assert_eq!(pair.total(&target), total.clamp(-510, 510));
        }
    }
}
