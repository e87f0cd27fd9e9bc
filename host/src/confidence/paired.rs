//! The difference of two shares that were measured on the same samples.

/// The score statistic of Tango (1998) for a true difference `delta`: how many standard errors the observed difference lies
/// above it, the standard error being the one that `delta` itself makes most likely.
fn score(gained: f64, lost: f64, n: f64, delta: f64) -> f64 {
    let distance = gained - lost - n * delta;
    // The most likely share of losses under `delta`: the positive root of 2 n q^2 + b q + c = 0.
    let b = -gained - lost + (2.0 * n - gained + lost) * delta;
    let c = -lost * delta * (1.0 - delta);
    let root = libm::sqrt((b * b - 8.0 * n * c).max(0.0));
    let q = (root - b) / (4.0 * n);
    let variance = n * (2.0 * q + delta * (1.0 - delta));
    if variance > 0.0 {
        distance / libm::sqrt(variance)
    } else if distance == 0.0 {
        0.0
    } else {
        f64::INFINITY.copysign(distance)
    }
}

/// The value that a standard normal variable exceeds with probability `tail` (0 < tail < 0.5).
fn normal_quantile(tail: f64) -> f64 {
    let (mut lo, mut hi) = (0.0, 40.0);
    for _ in 0..200 {
        let middle = 0.5 * (lo + hi);
        if 0.5 * libm::erfc(middle / std::f64::consts::SQRT_2) > tail {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    0.5 * (lo + hi)
}

/// The score interval of T. Tango ("Equivalence test and confidence interval for the difference in proportions for the
/// paired-sample design", Statistics in Medicine 17, 1998, 891-908) for the difference of two shares of the same `samples`:
/// `gained` are right only the second time, `lost` only the first time, so the observed difference is `(gained - lost) /
/// samples`. `level` is the confidence, 0 < level < 1. Unlike the normal approximation it neither leaves -1..=1 nor shrinks to
/// a point when nothing was gained or lost.
///
/// Counts that exceed `samples` are cut down to it; without samples the answer is everything, (-1, 1).
#[must_use]
pub fn tango(gained: u64, lost: u64, samples: u64, level: f64) -> (f64, f64) {
    if samples == 0 {
        return (-1.0, 1.0);
    }
    let gained = gained.min(samples);
    let lost = lost.min(samples - gained);
    let (b, c, n) = (gained as f64, lost as f64, samples as f64);
    let z = normal_quantile((1.0 - level) / 2.0);
    // The statistic falls as delta grows.
    let crossing = |value: f64, mut lo: f64, mut hi: f64| {
        for _ in 0..200 {
            let middle = 0.5 * (lo + hi);
            if score(b, c, n, middle) > value {
                lo = middle;
            } else {
                hi = middle;
            }
        }
        0.5 * (lo + hi)
    };
    let seen = (b - c) / n;
    (crossing(z, -1.0, seen), crossing(-z, seen, 1.0))
}

#[cfg(test)]
mod tests {
    use super::{normal_quantile, score, tango};

    #[test]
    fn published_intervals_come_out() {
        // Fagerland, Lydersen and Laake, Statistics in Medicine 33 (2014) 2850-2875: airway hyper-responsiveness before and
        // after transplantation, 7 and 1 discordant of 21; the asymptotic score interval.
        let (lo, hi) = tango(1, 7, 21, 0.95);
        assert!((lo + 0.517).abs() < 5e-4 && (hi + 0.026).abs() < 5e-4, "{lo} {hi}");
        // What PropCIs::scoreci.mp(25, 28, 618) of R prints at 90 %.
        let (lo, hi) = tango(28, 25, 618, 0.90);
        assert!((lo + 0.0148).abs() < 5e-5 && (hi - 0.0247).abs() < 5e-5, "{lo} {hi}");
    }

    #[test]
    fn the_ends_are_where_the_statistic_reaches_the_quantile() {
        let z = normal_quantile(0.025);
        assert!((z - 1.959_963_984_540_054).abs() < 1e-12);
        for (gained, lost, n) in [(40u64, 20u64, 160u64), (13, 3, 400), (2, 2, 30), (1, 7, 50), (3, 9, 5000)]
        {
            let (lo, hi) = tango(gained, lost, n, 0.95);
            let at = |delta| score(gained as f64, lost as f64, n as f64, delta);
            assert!((at(lo) - z).abs() < 1e-6 && (at(hi) + z).abs() < 1e-6, "{gained} {lost} {n}");
        }
    }

    #[test]
    fn exchanging_the_two_mirrors_the_interval() {
        for (gained, lost, n) in [(40u64, 20u64, 160u64), (0, 5, 25), (0, 0, 100), (7, 7, 14)] {
            let ((a, b), (c, d)) = (tango(gained, lost, n, 0.95), tango(lost, gained, n, 0.95));
            assert!((a + d).abs() < 1e-9 && (b + c).abs() < 1e-9, "{gained} {lost} {n}");
            let seen = (gained as f64 - lost as f64) / n as f64;
            assert!(a <= seen && seen <= b && a >= -1.0 && b <= 1.0);
        }
        // Nothing discordant: z^2 / (n + z^2) either way, no point.
        let z2 = normal_quantile(0.025) * normal_quantile(0.025);
        assert!((tango(0, 0, 100, 0.95).1 - z2 / (100.0 + z2)).abs() < 1e-9);
        assert_eq!(tango(0, 0, 0, 0.95), (-1.0, 1.0));
    }
}
