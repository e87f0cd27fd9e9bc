//! Dense f64 matrices.

use super::parallel::parallel_rows;

/// A dense row-major matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    data: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// The matrix whose element (r, c) is `f(r, c)`.
    pub fn from_fn(rows: usize, cols: usize, mut f: impl FnMut(usize, usize) -> f64) -> Self {
        let mut data = Vec::with_capacity(rows * cols);
        for r in 0..rows {
            data.extend((0..cols).map(|c| f(r, c)));
        }
        Self { rows, cols, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Element (r, c). Panics outside.
    pub fn at(&self, r: usize, c: usize) -> f64 {
        self.data[r * self.cols + c]
    }

    /// Element (r, c), to be changed. Panics outside.
    pub fn at_mut(&mut self, r: usize, c: usize) -> &mut f64 {
        &mut self.data[r * self.cols + c]
    }

    /// Row r. Panics outside.
    pub fn row(&self, r: usize) -> &[f64] {
        &self.data[r * self.cols..(r + 1) * self.cols]
    }

    /// Row r, to be changed. Panics outside.
    pub fn row_mut(&mut self, r: usize) -> &mut [f64] {
        &mut self.data[r * self.cols..(r + 1) * self.cols]
    }

    /// All elements, row by row.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// All elements, row by row, to be changed.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// The columns `which` alone.
    #[must_use]
    pub fn columns(&self, which: std::ops::Range<usize>) -> Self {
        let data = (0..self.rows).flat_map(|r| self.row(r)[which.clone()].iter().copied()).collect();
        Self { rows: self.rows, cols: which.len(), data }
    }

    /// The transposed matrix.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut out = Self::zeros(self.cols, self.rows);
        // Blocks keep both sides in the cache.
        for r0 in (0..self.rows).step_by(32) {
            for c0 in (0..self.cols).step_by(32) {
                for r in r0..self.rows.min(r0 + 32) {
                    for c in c0..self.cols.min(c0 + 32) {
                        out.data[c * self.rows + r] = self.data[r * self.cols + c];
                    }
                }
            }
        }
        out
    }

    /// `self` (n x k) times the transpose of `other` (m x k): n x m. Each element is a dot product of two rows, summed
    /// in eight interleaved partial sums that are added pairwise: one fixed order. Panics when k differs.
    #[must_use]
    pub fn times_transposed(&self, other: &Matrix) -> Self {
        assert_eq!(self.cols, other.cols, "inner dimensions agree");
        let mut out = Self::zeros(self.rows, other.rows);
        let m = other.rows;
        parallel_rows(&mut out.data, m, |first, rows| {
            for (r, row) in rows.chunks_exact_mut(m).enumerate() {
                let a = self.row(first + r);
                for (c, y) in row.iter_mut().enumerate() {
                    *y = dot(a, other.row(c));
                }
            }
        });
        out
    }
}

/// The dot product of two equally long rows, in eight interleaved partial sums.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0f64; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += x * y;
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_equal_the_plain_sum_on_whole_numbers() {
        let a = Matrix::from_fn(5, 37, |r, c| ((r * 31 + c * 7) % 23) as f64 - 11.0);
        let b = Matrix::from_fn(9, 37, |r, c| ((r * 13 + c * 5) % 19) as f64 - 9.0);
        let product = a.times_transposed(&b);
        for r in 0..5 {
            for c in 0..9 {
                let plain: f64 = (0..37).map(|k| a.at(r, k) * b.at(c, k)).sum();
                assert_eq!(product.at(r, c), plain);
            }
        }
        assert_eq!(a.transposed().transposed(), a);
    }
}
