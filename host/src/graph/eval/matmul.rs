//! Matrix products in NumPy's sense.

use super::kernel::{Known, Operand};
use super::matrix::PackedMatrix;
use crate::graph::broadcast_order;
use crate::graph::shape::matmul;

#[derive(Clone, Debug)]
pub(crate) struct MatMulKernel {
    /// Rows of a, the common size, columns of b.
    sizes: [usize; 3],
    /// For every matrix of the result the matrices of a and b.
    pairs: Vec<(u32, u32)>,
    /// The matrices of b, when it is a constant.
    packed: Vec<PackedMatrix>,
}

impl MatMulKernel {
    pub(super) fn new(operands: &[Known<'_>]) -> Self {
        let (a, b) = (operands[0].shape, operands[1].shape);
        let (mut pairs, mut packed, mut sizes) = (Vec::new(), Vec::new(), [0; 3]);
        if let Ok(product) = matmul(a, b) {
            sizes = product.sizes;
            let front =
                |shape: &[usize]| broadcast_order(&shape[..shape.len().saturating_sub(2)], &product.batch);
            pairs = front(a).into_iter().zip(front(b)).collect();
            let [_, k, n] = sizes;
            if let Some(tensor) = operands[1].constant {
                let matrices = tensor.data().chunks_exact((k * n).max(1));
                packed = matrices.map(|m| PackedMatrix::new(k, n, m)).collect();
            }
        }
        Self { sizes, pairs, packed }
    }

    pub(super) fn run(&self, operands: &[Operand<'_>], rows: usize, out: &mut [f32]) {
        let ([m, k, n], [a, b]) = (self.sizes, [operands[0], operands[1]]);
        let len = out.len() / rows.max(1);
        // A weight matrix: the rows of all samples at once.
        if let ([matrix], false) = (self.packed.as_slice(), a.constant)
            && self.pairs.iter().enumerate().all(|(i, p)| p.0 as usize == i)
        {
            return matrix.multiply(a.data, out);
        }
        for (row, out) in out.chunks_exact_mut(len).enumerate() {
            let (a, b) = (a.sample(row), b.sample(row));
            let mut last: Option<(u32, PackedMatrix)> = None;
            for (&(i, j), out) in self.pairs.iter().zip(out.chunks_exact_mut(m * n)) {
                let x = &a[i as usize * m * k..][..m * k];
                if let Some(matrix) = self.packed.get(j as usize) {
                    matrix.multiply(x, out);
                    continue;
                }
                let (_, matrix) = match last.take() {
                    Some(held) if held.0 == j => last.insert(held),
                    _ => last.insert((j, PackedMatrix::new(k, n, &b[j as usize * k * n..][..k * n]))),
                };
                matrix.multiply(x, out);
            }
        }
    }
}
