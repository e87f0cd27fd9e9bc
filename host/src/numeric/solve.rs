//! Second moments and symmetric systems.

use super::matrix::{Matrix, dot};
use super::parallel::parallel_rows;

/// X'X of the samples `x` (one row a sample), each row weighted by `weights` when given (not negative).
///
/// Element (i, j) is a dot product over the samples in the fixed order of [`Matrix::times_transposed`].
pub fn gram(x: &Matrix, weights: Option<&[f64]>) -> Matrix {
    let columns = x.transposed();
    let scaled = weights.map(|weights| {
        let mut scaled = columns.clone();
        for r in 0..scaled.rows() {
            scaled.row_mut(r).iter_mut().zip(weights).for_each(|(v, w)| *v *= w);
        }
        scaled
    });
    let left = scaled.as_ref().unwrap_or(&columns);
    let n = columns.rows();
    let mut out = Matrix::zeros(n, n);
    parallel_rows(out.data_mut(), n, |first, rows| {
        for (r, row) in rows.chunks_exact_mut(n).enumerate() {
            let i = first + r;
            for (j, y) in row.iter_mut().enumerate().take(i + 1) {
                *y = dot(left.row(i), columns.row(j));
            }
        }
    });
    for i in 0..n {
        for j in 0..i {
            *out.at_mut(j, i) = out.at(i, j);
        }
    }
    out
}

/// The lower Cholesky factor L of a symmetric positive definite matrix A = L L'.
#[derive(Clone, Debug)]
pub struct Cholesky {
    factor: Matrix,
}

impl Cholesky {
    /// Factors `a`, reading its lower triangle; `None` when it is not positive definite.
    pub fn new(a: &Matrix) -> Option<Self> {
        let n = a.rows();
        let mut factor = Matrix::zeros(n, n);
        for i in 0..n {
            for j in 0..=i {
                let known = dot(&factor.row(i)[..j], &factor.row(j)[..j]);
                let value = a.at(i, j) - known;
                if i == j {
                    if value.is_nan() || value <= 0.0 {
                        return None;
                    }
                    *factor.at_mut(i, i) = libm::sqrt(value);
                } else {
                    *factor.at_mut(i, j) = value / factor.at(j, j);
                }
            }
        }
        Some(Self { factor })
    }

    /// The factor L.
    pub fn factor(&self) -> &Matrix {
        &self.factor
    }

    /// x with A x = b.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.factor.rows();
        let mut y = vec![0.0; n];
        for i in 0..n {
            y[i] = (b[i] - dot(&self.factor.row(i)[..i], &y[..i])) / self.factor.at(i, i);
        }
        for i in (0..n).rev() {
            let x = y[i] / self.factor.at(i, i);
            y[i] = x;
            // Take x out of the remaining equations row by row: L' is L read by rows.
            for (k, v) in y[..i].iter_mut().enumerate() {
                *v -= self.factor.at(i, k) * x;
            }
        }
        y
    }

    /// The inverse of A.
    pub fn inverse(&self) -> Matrix {
        let n = self.factor.rows();
        let mut out = Matrix::zeros(n, n);
        parallel_rows(out.data_mut(), n, |first, rows| {
            for (r, row) in rows.chunks_exact_mut(n).enumerate() {
                let mut unit = vec![0.0; n];
                unit[first + r] = 1.0;
                row.copy_from_slice(&self.solve(&unit));
            }
        });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_inverts() {
        let x = Matrix::from_fn(40, 7, |r, c| (((r * 17 + c * 29) % 31) as f64 - 15.0) / 7.0);
        let mut a = gram(&x, None);
        for i in 0..7 {
            *a.at_mut(i, i) += 0.5;
        }
        let inverse = Cholesky::new(&a).unwrap().inverse();
        let product = a.times_transposed(&inverse);
        for i in 0..7 {
            for j in 0..7 {
                let unit = if i == j { 1.0 } else { 0.0 };
                assert!((product.at(i, j) - unit).abs() < 1e-9);
            }
        }
        assert!(Cholesky::new(&Matrix::from_fn(2, 2, |_, _| 1.0)).is_none());
    }
}
