//! The free phase: real weights that make good what earlier stages did to the inputs.

use std::ops::Range;

use crate::numeric::{Cholesky, Matrix, gram, parallel_rows};

/// The real map a node still has to compute from the codes of its source: one row an output.
#[derive(Clone, Debug, PartialEq)]
pub struct RealMap {
    /// Weights per code.
    pub weights: Matrix,
    /// Biases.
    pub bias: Vec<f64>,
}

impl RealMap {
    /// W x + b on all samples of `codes`, one row a sample.
    pub fn apply(&self, codes: &Matrix) -> Matrix {
        let mut z = codes.times_transposed(&self.weights);
        for r in 0..z.rows() {
            z.row_mut(r).iter_mut().zip(&self.bias).for_each(|(z, b)| *z += b);
        }
        z
    }
}

/// Ridge regression towards a map on given inputs, prepared once for all outputs that read them.
///
/// The change that brings the sums closest to the golden ones is held back in proportion `lambda` of the inputs' mean second
/// moment. Very many inputs with fewer samples are solved for the samples instead (the same change, by the identity
/// (X'X + a)^-1 X' = X' (XX' + a)^-1), of which at most [`SAMPLES_MAX`], evenly spaced, take part then.
#[derive(Clone, Debug)]
pub struct Ridge {
    mean: Vec<f64>,
    /// Samples that take part; empty for all.
    some: Vec<usize>,
    /// Those samples, less the mean.
    centred: Matrix,
    solver: Cholesky,
    by_samples: bool,
}

/// The most inputs whose second moments are inverted.
pub const INPUTS_MAX: usize = 2048;
/// The most samples that take part where there are more inputs.
pub const SAMPLES_MAX: usize = 1024;

impl Ridge {
    /// Prepares for the inputs `codes`, one row a sample; `None` where they do not vary.
    pub fn new(codes: &Matrix, lambda: f64) -> Option<Self> {
        let (n, inputs) = (codes.rows(), codes.cols());
        if n == 0 || inputs == 0 {
            return None;
        }
        let by_samples = inputs > INPUTS_MAX;
        let some = if by_samples && n > SAMPLES_MAX { evenly(n, SAMPLES_MAX) } else { Vec::new() };
        let mut centred = only(codes, &some);
        let mean = column_means(&centred);
        for r in 0..centred.rows() {
            centred.row_mut(r).iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        }
        let mut moments = if by_samples { centred.times_transposed(&centred) } else { gram(&centred, None) };
        let size = moments.rows();
        let trace: f64 = (0..size).map(|i| moments.at(i, i)).sum();
        // A source without any variation can not be regressed on.
        if trace <= 0.0 {
            return None;
        }
        for i in 0..size {
            *moments.at_mut(i, i) += lambda * trace / inputs as f64;
        }
        let solver = Cholesky::new(&moments)?;
        Some(Self { mean, some, centred, solver, by_samples })
    }

    /// Changes the outputs `own` of `map` (its rows) on the inputs `block` (its columns), whose codes are `codes`; their golden
    /// sums are those rows of `z`. The mean error goes to the bias.
    pub fn refit_block(
        &self,
        map: &mut RealMap,
        codes: &Matrix,
        block: Range<usize>,
        own: &[usize],
        z: &Matrix,
    ) {
        let mut part = RealMap {
            weights: Matrix::from_fn(own.len(), block.len(), |r, c| map.weights.at(own[r], block.start + c)),
            bias: own.iter().map(|&r| map.bias[r]).collect(),
        };
        let sums = Matrix::from_fn(codes.rows(), own.len(), |r, c| z.at(own[c], r));
        self.refit(&mut part, codes, &sums);
        for (at, &output) in own.iter().enumerate() {
            map.weights.row_mut(output)[block.clone()].copy_from_slice(part.weights.row(at));
            map.bias[output] = part.bias[at];
        }
    }

    /// Changes all outputs of `map`, whose codes are `codes` and golden sums `sums`, one row a sample.
    pub fn refit(&self, map: &mut RealMap, codes: &Matrix, sums: &Matrix) {
        let (codes, sums) = (only(codes, &self.some), only(sums, &self.some));
        let (n, inputs) = (codes.rows(), codes.cols());
        let given = map.apply(&codes);
        let mut error = Matrix::from_fn(n, sums.cols(), |r, c| sums.at(r, c) - given.at(r, c));
        let mean_error = column_means(&error);
        for r in 0..n {
            error.row_mut(r).iter_mut().zip(&mean_error).for_each(|(e, m)| *e -= m);
        }
        let solved = |right: &Matrix| {
            let mut out = Matrix::zeros(right.rows(), right.cols());
            let width = right.cols();
            parallel_rows(out.data_mut(), width, |first, rows| {
                for (at, row) in rows.chunks_exact_mut(width).enumerate() {
                    row.copy_from_slice(&self.solver.solve(right.row(first + at)));
                }
            });
            out
        };
        let change = if self.by_samples {
            solved(&error.transposed()).times_transposed(&self.centred.transposed())
        } else {
            solved(&error.transposed().times_transposed(&self.centred.transposed()))
        };
        debug_assert_eq!(change.cols(), inputs);
        for (output, bias) in map.bias.iter_mut().enumerate() {
            let delta = change.row(output);
            let shift: f64 = delta.iter().zip(&self.mean).map(|(d, m)| d * m).sum();
            *bias += mean_error[output] - shift;
            map.weights.row_mut(output).iter_mut().zip(delta).for_each(|(w, d)| *w += d);
        }
    }
}

/// `most` of the numbers below `count`, evenly spaced.
fn evenly(count: usize, most: usize) -> Vec<usize> {
    (0..most).map(|i| i * count / most).collect()
}

/// The rows `which`; all of them when none are named.
fn only(matrix: &Matrix, which: &[usize]) -> Matrix {
    if which.is_empty() {
        return matrix.clone();
    }
    Matrix::from_fn(which.len(), matrix.cols(), |r, c| matrix.at(which[r], c))
}

/// Mean of each column.
fn column_means(matrix: &Matrix) -> Vec<f64> {
    let mut mean = vec![0.0; matrix.cols()];
    for r in 0..matrix.rows() {
        mean.iter_mut().zip(matrix.row(r)).for_each(|(m, v)| *m += v);
    }
    mean.iter_mut().for_each(|m| *m /= matrix.rows().max(1) as f64);
    mean
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::Random;

    #[test]
    fn a_systematic_error_is_taken_out() {
        let mut random = Random::new(3, 1);
        let codes = Matrix::from_fn(300, 6, |_, _| libm::floor(random.unit() * 64.0));
        let truth = RealMap {
            weights: Matrix::from_fn(2, 6, |r, c| (r + c) as f64 * 0.1 - 0.2),
            bias: vec![1.0, -3.0],
        };
        let sums = truth.apply(&codes);
        let mut map = truth.clone();
        map.weights.data_mut().iter_mut().for_each(|w| *w *= 0.9);
        map.bias = vec![0.0, 0.0];
        let error = |map: &RealMap| {
            let z = map.apply(&codes);
            z.data().iter().zip(sums.data()).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
        };
        let before = error(&map);
        Ridge::new(&codes, 1e-3).unwrap().refit(&mut map, &codes, &sums);
        assert!(error(&map) < 1e-3 * before);
    }

    /// Solved for the samples, the change is the one that solving for the inputs gives.
    #[test]
    fn both_ways_agree() {
        let mut random = Random::new(5, 1);
        let codes = Matrix::from_fn(30, 50, |_, _| libm::floor(random.unit() * 64.0));
        let sums = Matrix::from_fn(30, 3, |_, _| random.unit() * 10.0);
        let start =
            RealMap { weights: Matrix::from_fn(3, 50, |r, c| (r * c) as f64 * 0.01), bias: vec![0.5; 3] };
        let by_inputs = Ridge::new(&codes, 0.01).unwrap();
        let mut moments = by_inputs.centred.times_transposed(&by_inputs.centred);
        let trace: f64 = (0..30).map(|i| moments.at(i, i)).sum();
        (0..30).for_each(|i| *moments.at_mut(i, i) += 0.01 * trace / 50.0);
        let solver = Cholesky::new(&moments).unwrap();
        let by_samples = Ridge { solver, by_samples: true, ..by_inputs.clone() };
        let (mut a, mut b) = (start.clone(), start);
        by_inputs.refit(&mut a, &codes, &sums);
        by_samples.refit(&mut b, &codes, &sums);
        for (a, b) in a.weights.data().iter().zip(b.weights.data()) {
            assert!((a - b).abs() < 1e-8, "{a} {b}");
        }
    }
}
