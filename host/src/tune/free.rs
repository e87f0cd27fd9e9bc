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

    /// Ridge regression towards this map, of the outputs `own` (its rows) on the inputs `block` (its columns), whose codes are
    /// `codes`: the change that brings the sums closest to the golden ones (`z`, one row an output), held back in proportion
    /// `lambda` of the inputs' mean second moment. The mean error goes to the bias.
    pub fn refit_block(
        &mut self,
        codes: &Matrix,
        block: Range<usize>,
        own: &[usize],
        z: &Matrix,
        lambda: f64,
    ) {
        let mut part = RealMap {
            weights: Matrix::from_fn(own.len(), block.len(), |r, c| self.weights.at(own[r], block.start + c)),
            bias: own.iter().map(|&r| self.bias[r]).collect(),
        };
        let sums = Matrix::from_fn(codes.rows(), own.len(), |r, c| z.at(own[c], r));
        part.refit(codes, &sums, lambda);
        for (at, &output) in own.iter().enumerate() {
            self.weights.row_mut(output)[block.clone()].copy_from_slice(part.weights.row(at));
            self.bias[output] = part.bias[at];
        }
    }

    /// Ridge regression towards this map: the change that brings its sums on the transformed `codes` closest to the
    /// golden `sums`, held back in proportion `lambda` of the inputs' mean second moment. The mean error goes to the bias.
    pub fn refit(&mut self, codes: &Matrix, sums: &Matrix, lambda: f64) {
        let (n, inputs) = (codes.rows(), codes.cols());
        if n == 0 || inputs == 0 {
            return;
        }
        let mean = column_means(codes);
        let mut centred = codes.clone();
        for r in 0..n {
            centred.row_mut(r).iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        }
        let mut moments = gram(&centred, None);
        let trace: f64 = (0..inputs).map(|i| moments.at(i, i)).sum();
        // A source without any variation can not be regressed on.
        if trace <= 0.0 {
            return;
        }
        for i in 0..inputs {
            *moments.at_mut(i, i) += lambda * trace / inputs as f64;
        }
        let Some(solver) = Cholesky::new(&moments) else { return };
        let given = self.apply(codes);
        let mut error = Matrix::from_fn(n, sums.cols(), |r, c| sums.at(r, c) - given.at(r, c));
        let mean_error = column_means(&error);
        for r in 0..n {
            error.row_mut(r).iter_mut().zip(&mean_error).for_each(|(e, m)| *e -= m);
        }
        let right = error.transposed().times_transposed(&centred.transposed());
        let mut change = Matrix::zeros(right.rows(), inputs);
        parallel_rows(change.data_mut(), inputs, |first, rows| {
            for (at, row) in rows.chunks_exact_mut(inputs).enumerate() {
                row.copy_from_slice(&solver.solve(right.row(first + at)));
            }
        });
        for (output, bias) in self.bias.iter_mut().enumerate() {
            let delta = change.row(output);
            let shift: f64 = delta.iter().zip(&mean).map(|(d, m)| d * m).sum();
            *bias += mean_error[output] - shift;
            self.weights.row_mut(output).iter_mut().zip(delta).for_each(|(w, d)| *w += d);
        }
    }
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
        map.refit(&codes, &sums, 1e-3);
        assert!(error(&map) < 1e-3 * before);
    }
}
