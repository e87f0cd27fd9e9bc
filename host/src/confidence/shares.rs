//! The shares of an evaluation with their intervals, and how many samples a wanted bound takes.

use serde::{Deserialize, Serialize};

use super::{clopper_pearson, tango};
use crate::evaluate::Evaluation;

/// The confidence of every interval in reports, two-sided.
pub const LEVEL: f64 = 0.95;

/// The share that a lower end is asked to reach where the user names none.
pub const WANTED: f64 = 0.99;

/// More samples than this are not counted out.
const MOST: u64 = 10_000_000;

/// Both ends of a confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl From<(f64, f64)> for Interval {
    fn from((low, high): (f64, f64)) -> Self {
        Self { low, high }
    }
}

/// What an evaluation's counts say at confidence [`LEVEL`]. A share that was not measured is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shares {
    /// The confidence, two-sided.
    pub level: f64,
    /// Of the share of samples with the golden model's class (Clopper and Pearson).
    pub agreement: Option<Interval>,
    /// Of the image's accuracy (Clopper and Pearson).
    pub accuracy: Option<Interval>,
    /// Of the golden model's accuracy (Clopper and Pearson).
    pub golden_accuracy: Option<Interval>,
    /// Of the image's accuracy less the golden model's, on the same samples (Tango).
    pub difference: Option<Interval>,
    /// The agreement that the lower end is asked to reach.
    pub wanted: f64,
    /// Samples that would bring it there if the same share of them agreed ([`samples_for`]).
    pub samples_needed: Option<u64>,
}

impl Shares {
    /// The intervals of `found`, and the samples for a lower end of the agreement of `wanted`.
    pub fn of(found: &Evaluation, wanted: f64) -> Self {
        let n = found.samples as u64;
        let exact = |hits: Option<usize>| hits.map(|hits| clopper_pearson(hits as u64, n, LEVEL).into());
        let difference = match (found.gained, found.lost) {
            (Some(gained), Some(lost)) => Some(tango(gained as u64, lost as u64, n, LEVEL).into()),
            _ => None,
        };
        Self {
            level: LEVEL,
            agreement: exact(found.agreeing),
            accuracy: exact(found.correct),
            golden_accuracy: exact(found.golden_correct),
            difference,
            wanted,
            samples_needed: found.agreeing.and_then(|hits| samples_for(hits as u64, n, wanted, LEVEL)),
        }
    }

    /// What [`Self::samples_needed`] says, in words.
    pub fn need(&self) -> String {
        let wanted = 100.0 * self.wanted;
        match self.samples_needed {
            Some(samples) => format!("a lower end of {wanted:.2} % takes {samples} samples at this share"),
            None => format!("no number of samples brings the lower end to {wanted:.2} % at this share"),
        }
    }
}

/// The least number of samples n at which the lower end of Clopper and Pearson's interval reaches `wanted`, when as large a share
/// of them disagrees as `trials - hits` of `trials`: with d = ceil(n (trials - hits) / trials) disagreeing, the least n for
/// which I_wanted(n - d, d + 1) <= (1 - level) / 2, I being the regularised incomplete beta function. Without any
/// disagreement that is n = ln((1 - level) / 2) / ln(wanted), rounded up. `None` where the share itself does not exceed `wanted`, nothing was
/// tried, or more than ten million samples would be needed.
#[must_use]
pub fn samples_for(hits: u64, trials: u64, wanted: f64, level: f64) -> Option<u64> {
    if trials == 0 || !(0.0..1.0).contains(&wanted) {
        return None;
    }
    let misses = trials - hits.min(trials);
    if misses > 0 && hits as f64 <= wanted * trials as f64 {
        return None;
    }
    let reaches = |n: u64, d: u64| clopper_pearson(n - d, n, level).0 >= wanted;
    // With d disagreeing the lower end grows with n; n may only be so large that the share asks for no more than d.
    let most = |d: u64| (d * trials).checked_div(misses).map_or(MOST, |n| n.min(MOST));
    let enough = |d: u64| most(d) > d && reaches(most(d), d);
    let mut d = u64::from(misses > 0);
    // Doubling, then halving: from some d on there are enough samples.
    while !enough(d) {
        if most(d) >= MOST {
            return None;
        }
        d *= 2;
    }
    let (mut lo, mut hi) = (d / 2, d);
    while hi - lo > 1 {
        let middle = lo + (hi - lo) / 2;
        if enough(middle) { hi = middle } else { lo = middle }
    }
    let (mut below, mut n) = (hi, most(hi));
    while n - below > 1 {
        let middle = below + (n - below) / 2;
        if reaches(middle, hi) { n = middle } else { below = middle }
    }
    Some(n)
}

#[cfg(test)]
mod tests {
    use super::{clopper_pearson, samples_for};

    #[test]
    fn all_agreeing_follows_the_closed_form() {
        // ln(0.025) / ln(0.99) = 367.04, ln(0.025) / ln(0.999) = 3687.03.
        assert_eq!(samples_for(500, 500, 0.99, 0.95), Some(368));
        assert_eq!(samples_for(1, 1, 0.999, 0.95), Some(3688));
        assert_eq!(samples_for(32, 32, 0.5, 0.95), Some(6));
    }

    #[test]
    fn the_count_reaches_the_bound_and_one_fewer_does_not() {
        for (hits, trials, wanted) in
            [(4990u64, 5000u64, 0.99), (480, 500, 0.95), (96, 100, 0.9), (997, 1000, 0.995)]
        {
            let n = samples_for(hits, trials, wanted, 0.95).unwrap();
            let low = |n: u64| {
                let d = (n * (trials - hits)).div_ceil(trials);
                clopper_pearson(n - d, n, 0.95).0
            };
            assert!(low(n) >= wanted, "{n}");
            assert!(low(n - 1) < wanted, "{n}");
        }
    }

    #[test]
    fn what_can_not_be_reached_is_none() {
        assert_eq!(samples_for(96, 100, 0.96, 0.95), None);
        assert_eq!(samples_for(96, 100, 0.97, 0.95), None);
        assert_eq!(samples_for(0, 0, 0.5, 0.95), None);
        assert_eq!(samples_for(10, 10, 1.0, 0.95), None);
        assert_eq!(samples_for(9_999_990, 10_000_000, 0.999_998_9, 0.95), None);
    }
}
