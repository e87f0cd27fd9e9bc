//! Matrix products of the golden model, the same bits on every machine: sums run in a fixed order, multiplication and
//! addition round separately (Rust never fuses them).

/// Columns that one pass over the rows accumulates: two SSE or NEON registers of f32.
const COLUMNS: usize = 8;
/// Samples that share one pass over the weights.
const ROWS: usize = 4;

/// A weight matrix in panels of eight columns, so that the inner loop reads memory in order.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    inputs: usize,
    outputs: usize,
    panels: Vec<[f32; COLUMNS]>,
}

impl PackedMatrix {
    /// Packs the row-major matrix `weights` of `inputs` x `outputs`. Panics when the lengths differ.
    pub fn new(inputs: usize, outputs: usize, weights: &[f32]) -> Self {
        assert_eq!(weights.len(), inputs * outputs, "the matrix has {inputs} x {outputs} elements");
        let mut panels = Vec::with_capacity(inputs * outputs.div_ceil(COLUMNS));
        for first in (0..outputs).step_by(COLUMNS) {
            let width = COLUMNS.min(outputs - first);
            for k in 0..inputs {
                let mut row = [0.0; COLUMNS];
                row[..width].copy_from_slice(&weights[k * outputs + first..][..width]);
                panels.push(row);
            }
        }
        Self { inputs, outputs, panels }
    }

    /// The number of rows of the matrix: elements of an input vector.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of columns of the matrix: elements of a result vector.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Multiplies every row of `x` (row-major, `inputs` columns) by the matrix into the rows of `y` (`outputs`
    /// columns). Each element is the sum over k = 0, 1, .. of x\[k\] * w\[k\], begun at 0, in that order, each product and each sum
    /// rounded to f32: it depends on nothing but its row and its column. Panics when the lengths differ.
    pub fn multiply(&self, x: &[f32], y: &mut [f32]) {
        if self.inputs == 0 || self.outputs == 0 {
            y.fill(0.0);
            return;
        }
        assert_eq!(x.len() / self.inputs, y.len() / self.outputs, "one result row per input row");
        let mut block = vec![[0.0f32; ROWS]; self.inputs];
        let outputs = self.outputs;
        for (x, y) in x.chunks(ROWS * self.inputs).zip(y.chunks_mut(ROWS * outputs)) {
            // Interleave up to four samples; missing ones are zero and their results are not stored.
            block.fill([0.0; ROWS]);
            for (r, row) in x.chunks_exact(self.inputs).enumerate() {
                for (cell, &v) in block.iter_mut().zip(row) {
                    cell[r] = v;
                }
            }
            for (p, panel) in self.panels.chunks_exact(self.inputs).enumerate() {
                let mut sums = [[0.0f32; COLUMNS]; ROWS];
                for (w, samples) in panel.iter().zip(&block) {
                    for (sum, &s) in sums.iter_mut().zip(samples) {
                        for (sum, &w) in sum.iter_mut().zip(w) {
                            *sum += s * w;
                        }
                    }
                }
                let first = p * COLUMNS;
                let width = COLUMNS.min(outputs - first);
                for (row, sum) in y.chunks_exact_mut(outputs).zip(&sums) {
                    row[first..first + width].copy_from_slice(&sum[..width]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocked_product_equals_the_plain_one_bit_for_bit() {
        let number = |i: usize| ((i * 2_654_435_761) % 1_000) as f32 / 333.0 - 1.5;
        for (rows, k, n) in [(1, 1, 1), (3, 7, 5), (4, 8, 8), (5, 33, 17), (9, 100, 3)] {
            let x: Vec<f32> = (0..rows * k).map(number).collect();
            let w: Vec<f32> = (0..k * n).map(|i| number(i + 77)).collect();
            let mut y = vec![f32::NAN; rows * n];
            PackedMatrix::new(k, n, &w).multiply(&x, &mut y);
            for r in 0..rows {
                for c in 0..n {
                    let plain = (0..k).fold(0.0f32, |sum, i| sum + x[r * k + i] * w[i * n + c]);
                    assert_eq!(
                        y[r * n + c].to_bits(),
                        plain.to_bits(),
                        "{rows} {k} {n}: row {r}, column {c}"
                    );
                }
            }
        }
    }
}
