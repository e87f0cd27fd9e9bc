//! From real weights to whole ones: three ways to round a column.

use std::ops::Range;

use crate::numeric::{Cholesky, Matrix, Random, gram};

/// Nearest whole number within +-`limit`, ties to even.
pub fn nearest(weights: &[f64], limit: f64) -> Vec<i16> {
    weights.iter().map(|w| libm::rint(*w).clamp(-limit, limit) as i16).collect()
}

/// Nearest whole number within `lo..=hi`, ties to even.
pub fn nearest_within(weights: &[f64], lo: f64, hi: f64) -> Vec<i16> {
    weights.iter().map(|w| libm::rint(*w).clamp(lo, hi) as i16).collect()
}

/// Hessian-aware rounding with error feedback (Frantar et al. 2022, "GPTQ"): weights are rounded one after the other, the
/// strongest input first, and each error is made good on the weights not yet rounded, as far as the inputs' second
/// moments say that they can.
///
/// Of very many inputs only runs of neighbours make good each other's errors: the moments of all of them with each other could
/// neither be held nor inverted.
#[derive(Clone, Debug)]
pub struct ErrorFeedback {
    runs: Vec<Run>,
}

/// Inputs that make good each other's errors.
#[derive(Clone, Debug)]
struct Run {
    inputs: Range<usize>,
    /// Rounding order, counted from the run's first input.
    order: Vec<usize>,
    /// Row i: the upper Cholesky factor of the inverse Hessian, in rounding order.
    factor: Matrix,
}

/// The most inputs of which all make good each other's errors.
pub const WHOLE_MAX: usize = 2048;
/// Inputs of a run, where there are more.
pub const RUN: usize = 512;

/// Share of the mean diagonal that is added to the Hessian, so that silent inputs do not make it singular.
pub const DAMPING: f64 = 0.01;

impl ErrorFeedback {
    /// Prepares for the inputs `codes`, one row a sample; `None` when their second moments can not be inverted.
    pub fn of(codes: &Matrix) -> Option<Self> {
        let n = codes.cols();
        if n <= WHOLE_MAX {
            return Self::new(&gram(codes, None));
        }
        let runs = n.div_ceil(RUN);
        let run = |at: usize| {
            let inputs = n * at / runs..n * (at + 1) / runs;
            Run::new(inputs.clone(), &gram(&codes.columns(inputs), None))
        };
        Some(Self { runs: (0..runs).map(run).collect::<Option<_>>()? })
    }

    /// Prepares for inputs with second moments `hessian`; `None` when they can not be inverted.
    pub fn new(hessian: &Matrix) -> Option<Self> {
        Some(Self { runs: vec![Run::new(0..hessian.rows(), hessian)?] })
    }

    /// Rounds one column to whole numbers within +-`limit`.
    pub fn round(&self, weights: &[f64], limit: f64) -> Vec<i16> {
        self.round_to(weights, |w| libm::rint(w).clamp(-limit, limit))
    }

    /// Rounds one column to the values that `nearest` gives.
    pub fn round_to(&self, weights: &[f64], nearest: impl Fn(f64) -> f64) -> Vec<i16> {
        let mut out = vec![0i16; weights.len()];
        for run in &self.runs {
            run.round_to(&weights[run.inputs.clone()], &mut out[run.inputs.clone()], &nearest);
        }
        out
    }
}

impl Run {
    fn new(inputs: Range<usize>, hessian: &Matrix) -> Option<Self> {
        let n = hessian.rows();
        let mean = (0..n).map(|i| hessian.at(i, i)).sum::<f64>() / n.max(1) as f64;
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| hessian.at(b, b).total_cmp(&hessian.at(a, a)));
        let damped = Matrix::from_fn(n, n, |r, c| {
            let extra = if r == c { DAMPING * mean + 1e-9 } else { 0.0 };
            hessian.at(order[r], order[c]) + extra
        });
        let inverse = Cholesky::new(&damped)?.inverse();
        // Inversion leaves a trace of asymmetry; the factorisation reads the lower triangle only.
        let factor = Cholesky::new(&inverse)?.factor().transposed();
        Some(Self { inputs, order, factor })
    }

    fn round_to(&self, weights: &[f64], out: &mut [i16], nearest: impl Fn(f64) -> f64) {
        let mut rest: Vec<f64> = self.order.iter().map(|&at| weights[at]).collect();
        for i in 0..rest.len() {
            let whole = nearest(rest[i]);
            out[self.order[i]] = whole as i16;
            let row = self.factor.row(i);
            let error = (rest[i] - whole) / row[i];
            rest[i + 1..].iter_mut().zip(&row[i + 1..]).for_each(|(w, u)| *w -= error * u);
        }
    }
}

/// `copies` whole columns whose running sums track the multiples of `weights`: fixed random phases decide which copy is
/// rounded up, and what one copy misses is carried to the next. The last copy takes no phase, so the total is nearest.
pub fn dithered(weights: &[f64], copies: usize, limit: f64, mut random: Random) -> Vec<Vec<i16>> {
    // A larger carry could only come from clipping, which no other copy can make good.
    const CARRY_MAX: f64 = 2.0;
    let phases: Vec<f64> = weights.iter().map(|_| random.unit() - 0.5).collect();
    let mut carry = vec![0.0; weights.len()];
    (0..copies)
        .map(|copy| {
            let last = copy + 1 == copies;
            weights
                .iter()
                .zip(&phases)
                .zip(&mut carry)
                .map(|((w, phase), carry)| {
                    let wanted = w + *carry;
                    let phase = if last { 0.0 } else { *phase };
                    let whole = libm::rint(wanted + phase).clamp(-limit, limit);
                    *carry = (wanted - whole).clamp(-CARRY_MAX, CARRY_MAX);
                    whole as i16
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_feedback_beats_nearest_on_correlated_inputs() {
        let mut random = Random::new(7, 0);
        // Twelve inputs that follow three hidden ones, and a little of their own.
        let mix = Matrix::from_fn(12, 3, |_, _| random.unit() - 0.5);
        let hidden = Matrix::from_fn(400, 3, |_, _| random.unit() * 20.0);
        let mut x = hidden.times_transposed(&mix);
        x.data_mut().iter_mut().for_each(|v| *v += random.unit());
        let feedback = ErrorFeedback::new(&gram(&x, None)).unwrap();
        let (mut plain, mut fed) = (0.0, 0.0);
        for _ in 0..20 {
            let w: Vec<f64> = (0..12).map(|_| random.unit() * 8.0 - 4.0).collect();
            let error = |q: &[i16]| {
                let d: Vec<f64> = w.iter().zip(q).map(|(w, &q)| w - f64::from(q)).collect();
                let d = Matrix::from_fn(1, 12, |_, c| d[c]);
                x.times_transposed(&d).data().iter().map(|e| e * e).sum::<f64>()
            };
            plain += error(&nearest(&w, 255.0));
            fed += error(&feedback.round(&w, 255.0));
        }
        assert!(fed < 0.3 * plain, "{fed} against {plain}");
    }

    /// Beyond [`WHOLE_MAX`] inputs neighbours still make good each other's errors.
    #[test]
    fn runs_of_many_inputs_beat_nearest() {
        let (n, samples) = (WHOLE_MAX + 60, 24);
        let mut random = Random::new(9, 0);
        let x = Matrix::from_fn(samples, n, |_, _| random.unit() * 20.0);
        let feedback = ErrorFeedback::of(&x).unwrap();
        assert_eq!(feedback.runs.len(), n.div_ceil(RUN));
        assert!(feedback.runs.windows(2).all(|pair| pair[0].inputs.end == pair[1].inputs.start));
        let w: Vec<f64> = (0..n).map(|_| random.unit() * 8.0 - 4.0).collect();
        let error = |q: &[i16]| {
            let d = Matrix::from_fn(1, n, |_, c| w[c] - f64::from(q[c]));
            x.times_transposed(&d).data().iter().map(|e| e * e).sum::<f64>()
        };
        assert!(error(&feedback.round(&w, 255.0)) < 0.3 * error(&nearest(&w, 255.0)));
    }

    #[test]
    fn dithered_copies_sum_to_the_multiple() {
        let w = [0.3, -1.7, 12.25, 254.9];
        let copies = dithered(&w, 8, 255.0, Random::new(1, 2));
        for (i, w) in w.iter().enumerate() {
            let sum: f64 = copies.iter().map(|copy| f64::from(copy[i])).sum();
            assert!((sum - 8.0 * w).abs() <= 0.5 + 1e-9, "{sum} for {w}");
        }
        assert_ne!(copies[0], copies[1]);
    }
}
