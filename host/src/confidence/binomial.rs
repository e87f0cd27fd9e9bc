//! Confidence bounds of a share.

/// The regularised incomplete beta function I_x(a, b) for a, b > 0 and 0 <= x <= 1, by its continued fraction
/// (NIST DLMF 8.17.22, evaluated by Lentz's method as modified by Thompson and Barnett).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean; above it the symmetric one does.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = libm::exp(
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x),
    ) / a;
    const TINY: f64 = 1e-300;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..=10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            break;
        }
    }
    front * h
}

/// The x at which I_x(a, b) reaches `p`, by bisection.
fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let (mut lo, mut hi) = (0.0, 1.0);
    for _ in 0..200 {
        let middle = 0.5 * (lo + hi);
        if incomplete_beta(middle, a, b) < p {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    0.5 * (lo + hi)
}

/// The exact two-sided interval of Clopper and Pearson (1934) for a share of which `hits` of `trials` were seen, at
/// confidence `level` (0 < level < 1): it holds the true share in at least that portion of experiments.
#[must_use]
pub fn clopper_pearson(hits: u64, trials: u64, level: f64) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let tail = (1.0 - level) / 2.0;
    let (k, n) = (hits.min(trials) as f64, trials as f64);
    let lo = if hits == 0 { 0.0 } else { beta_quantile(tail, k, n - k + 1.0) };
    let hi = if hits >= trials { 1.0 } else { beta_quantile(1.0 - tail, k + 1.0, n - k) };
    (lo, hi)
}

#[cfg(test)]
mod tests {
    use super::{clopper_pearson, incomplete_beta};

    /// The probability of at most `k` hits of `n`, summed term by term.
    fn at_most(k: u64, n: u64, p: f64) -> f64 {
        // Logarithms, since (1 - p)^n alone can be smaller than any f64.
        let mut term = n as f64 * (1.0 - p).ln();
        let mut sum = term.exp();
        for i in 0..k {
            term += ((n - i) as f64 / (i + 1) as f64 * p / (1.0 - p)).ln();
            sum += term.exp();
        }
        sum
    }

    #[test]
    fn the_bounds_leave_the_tails_that_the_definition_asks_for() {
        for (k, n) in [(0u64, 10u64), (1, 10), (7, 10), (10, 10), (480, 500), (499, 500), (37, 90)] {
            let (lo, hi) = clopper_pearson(k, n, 0.95);
            if k > 0 {
                assert!((1.0 - at_most(k - 1, n, lo) - 0.025).abs() < 1e-9, "{k} of {n}: {lo}");
            }
            if k < n {
                assert!((at_most(k, n, hi) - 0.025).abs() < 1e-9, "{k} of {n}: {hi}");
            }
            assert!(lo <= k as f64 / n as f64 && k as f64 / n as f64 <= hi);
        }
        // The rule of all hits: the lower bound is (tail)^(1/n).
        assert!((clopper_pearson(1000, 1000, 0.95).0 - 0.025f64.powf(0.001)).abs() < 1e-12);
        assert_eq!(clopper_pearson(0, 0, 0.95), (0.0, 1.0));
    }

    #[test]
    fn the_incomplete_beta_of_small_whole_numbers() {
        // I_x(1, 1) = x and I_x(2, 1) = x^2, I_x(1, 2) = 1 - (1 - x)^2.
        for x in [0.0, 0.1, 0.5, 0.9, 1.0] {
            assert!((incomplete_beta(x, 1.0, 1.0) - x).abs() < 1e-14);
            assert!((incomplete_beta(x, 2.0, 1.0) - x * x).abs() < 1e-14);
            assert!((incomplete_beta(x, 1.0, 2.0) - (1.0 - (1.0 - x) * (1.0 - x))).abs() < 1e-14);
        }
    }
}
