//! Dense f32 tensors: constants of any rank, and matrices of samples.

use std::sync::Arc;

/// A dense constant in row-major order, at most [`Tensor::MAX_LEN`] elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
    steps: Option<Steps>,
}

/// What the elements of a dequantised constant are whole multiples of, before they were rounded to f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// One step for all elements, or one for each index of `axis`.
    pub steps: Arc<[f32]>,
    /// The axis.
    pub axis: usize,
}

impl Tensor {
    /// The largest number of elements of one constant: 2^28 (1 GiB of f32), so that no arithmetic on
    /// element counts of a few tensors can overflow.
    pub const MAX_LEN: usize = 1 << 28;

    /// A tensor of `shape` holding `data`; `None` when the number of elements differs or exceeds
    /// [`Tensor::MAX_LEN`].
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Option<Self> {
        (element_count(&shape)? == data.len()).then_some(Self { shape, data, steps: None })
    }

    /// Nothing but zeros.
    pub(crate) fn zeros(shape: Vec<usize>) -> Self {
        let data = vec![0.0; shape.iter().product()];
        Self { shape, data, steps: None }
    }

    /// A tensor without dimensions.
    pub fn scalar(value: f32) -> Self {
        Self { shape: Vec::new(), data: vec![value], steps: None }
    }

    /// The same elements, known to be whole multiples of `steps`.
    #[must_use]
    pub fn stepped(self, steps: Steps) -> Self {
        Self { steps: Some(steps), ..self }
    }

    /// What its elements are whole multiples of, where the file says so; rearranging the elements loses it.
    pub fn steps(&self) -> Option<&Steps> {
        self.steps.as_ref()
    }

    /// The dimensions, slowest first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements in row-major order.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The same elements under another shape; `None` when the number of elements differs.
    pub fn reshaped(&self, shape: Vec<usize>) -> Option<Self> {
        Self::new(shape, self.data.clone())
    }

    /// The tensor with its axes permuted: axis `i` of the result is axis `perm[i]` of `self`.
    /// `None` when `perm` is not a permutation of the axes.
    pub fn transposed(&self, perm: &[usize]) -> Option<Self> {
        let order = transpose_order(&self.shape, perm)?;
        let shape = perm.iter().map(|&axis| self.shape[axis]).collect();
        let data = order.iter().map(|&at| self.data[at as usize]).collect();
        Self::new(shape, data)
    }
}

/// The number of elements of `shape`, `None` when it exceeds [`Tensor::MAX_LEN`].
pub fn element_count(shape: &[usize]) -> Option<usize> {
    // A zero anywhere makes the tensor empty, whatever the other dimensions are.
    if shape.contains(&0) {
        return Some(0);
    }
    let count = shape.iter().try_fold(1usize, |product, &d| product.checked_mul(d))?;
    (count <= Tensor::MAX_LEN).then_some(count)
}

/// For every element of the transposed tensor the index of the element of the tensor of `shape` it comes
/// from: axis `i` of the result is axis `perm[i]` of the original. `None` when `perm` is not a permutation of
/// the axes or the tensor is too large.
pub fn transpose_order(shape: &[usize], perm: &[usize]) -> Option<Vec<u32>> {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..shape.len()) {
        return None;
    }
    let count = element_count(shape)?;
    if count == 0 {
        return Some(Vec::new());
    }
    let strides = strides(shape);
    let dims: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = perm.iter().map(|&axis| strides[axis]).collect();
    Some(walk(&dims, &steps))
}

/// Row-major strides of `shape`, in elements.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The offsets that a row-major walk over `dims` visits when axis `i` advances by `steps[i]` elements.
/// No dimension may be zero and the product must have been checked.
pub(crate) fn walk(dims: &[usize], steps: &[usize]) -> Vec<u32> {
    let mut offsets = vec![0u32];
    for (&dim, &step) in dims.iter().zip(steps) {
        let mut next = Vec::with_capacity(offsets.len() * dim);
        for &base in &offsets {
            next.extend((0..dim).map(|i| base + (i * step) as u32));
        }
        offsets = next;
    }
    offsets
}

/// A matrix of samples: one row per sample, row-major f32.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor2 {
    rows: usize,
    cols: usize,
    data: Vec<f32>,
}

/// A batch of network inputs: one row per sample, as many columns as the input has elements.
pub type Batch = Tensor2;

impl Tensor2 {
    /// The first `rows` rows, or all of them where there are fewer.
    #[must_use]
    pub fn first(&self, rows: usize) -> Self {
        let rows = rows.min(self.rows);
        Self { rows, cols: self.cols, data: self.data[..rows * self.cols].to_vec() }
    }

    /// A matrix of `rows` x `cols` holding `data` row by row; `None` when the number of elements differs.
    pub fn new(rows: usize, cols: usize, data: Vec<f32>) -> Option<Self> {
        (rows.checked_mul(cols)? == data.len()).then_some(Self { rows, cols, data })
    }

    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// The number of samples.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of elements of one sample.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All elements, row by row.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All elements, row by row, to be changed.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The elements, taken out.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// One sample. Panics when there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.cols..(row + 1) * self.cols]
    }

    /// The samples `range` as a matrix of their own. Panics when the range reaches outside.
    pub fn rows_range(&self, range: std::ops::Range<usize>) -> Self {
        let data = self.data[range.start * self.cols..range.end * self.cols].to_vec();
        Self { rows: range.len(), cols: self.cols, data }
    }

    /// For every sample the column of its largest element, the first of equals; NaN never wins.
    /// A sample without columns, or with NaN only, yields 0.
    pub fn argmax(&self) -> Vec<u32> {
        let best = |row: &[f32]| {
            let mut best = 0;
            for (i, &v) in row.iter().enumerate() {
                if v > row[best] || (row[best].is_nan() && !v.is_nan()) {
                    best = i;
                }
            }
            best as u32
        };
        (0..self.rows).map(|r| best(self.row(r))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_matrix_reads_down_the_columns() {
        let t = Tensor::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let t = t.transposed(&[1, 0]).unwrap();
        assert_eq!((t.shape(), t.data()), (&[3, 2][..], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0][..]));
        assert!(t.transposed(&[1, 1]).is_none());
    }

    #[test]
    fn absurd_shapes_have_no_count() {
        assert_eq!(element_count(&[usize::MAX, 2]), None);
        assert_eq!(element_count(&[1 << 14, 1 << 14]), Some(1 << 28));
        assert_eq!(element_count(&[(1 << 28) + 1]), None);
        assert_eq!(element_count(&[usize::MAX, 2, 0]), Some(0));
    }

    #[test]
    fn argmax_takes_the_first_of_equals_and_ignores_nan() {
        let t = Tensor2::new(3, 3, vec![1.0, 7.0, 7.0, f32::NAN, -1.0, -2.0, 0.0, 0.0, f32::NAN]).unwrap();
        assert_eq!(t.argmax(), [1, 1, 0]);
    }
}
