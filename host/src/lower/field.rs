//! Coefficients of a value's elements, stored no larger than they vary.

use std::sync::Arc;

use crate::graph::transpose_order;

/// A number for each element of a value: along axes where it does not vary the shape is 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    shape: Vec<usize>,
    data: Arc<Vec<f64>>,
}

impl Field {
    /// The same number everywhere.
    pub(super) fn uniform(rank: usize, value: f64) -> Self {
        Self { shape: vec![1; rank], data: Arc::new(vec![value]) }
    }

    /// The numbers `data` of `shape`; axes along which they do not vary shrink to 1.
    pub(super) fn of(shape: &[usize], mut data: Vec<f64>) -> Self {
        let mut shape = shape.to_vec();
        if data.is_empty() {
            return Self { shape, data: Arc::new(data) };
        }
        for axis in 0..shape.len() {
            let (count, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
            let constant = |block: &[f64]| block.chunks_exact(inner).all(|own| same(own, &block[..inner]));
            if count > 1 && data.chunks_exact(count * inner).all(constant) {
                data = data.chunks_exact(count * inner).flat_map(|block| &block[..inner]).copied().collect();
                shape[axis] = 1;
            }
        }
        Self { shape, data: Arc::new(data) }
    }

    /// Its own shape: 1 along axes where it does not vary.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whether it varies along `axis`.
    pub(super) fn varies(&self, axis: usize) -> bool {
        self.shape[axis] > 1
    }

    /// The number, when it is the same everywhere.
    pub(super) fn value(&self) -> Option<f64> {
        (self.data.len() == 1).then(|| self.data[0])
    }

    /// Whether it is `value` everywhere.
    pub(super) fn is(&self, value: f64) -> bool {
        self.value() == Some(value)
    }

    /// Whether every number passes `test`.
    pub(super) fn all(&self, test: impl Fn(f64) -> bool) -> bool {
        self.data.iter().all(|&v| test(v))
    }

    /// `f` of every number.
    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { shape: self.shape.clone(), data: Arc::new(self.data.iter().map(|&v| f(v)).collect()) }
    }

    /// `f` of the numbers of both, broadcast to each other; the ranks are equal.
    pub(super) fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        if let Some(b) = other.value() {
            return self.map(|a| f(a, b));
        }
        if let Some(a) = self.value() {
            return other.map(|b| f(a, b));
        }
        let shape: Vec<usize> = self.shape.iter().zip(&other.shape).map(|(a, b)| *a.max(b)).collect();
        let (a, b) = (self.expand(&shape), other.expand(&shape));
        let data = a.iter().zip(&b).map(|(&a, &b)| f(a, b)).collect();
        Self { shape, data: Arc::new(data) }
    }

    /// All numbers of a value of `shape`, row-major.
    pub(super) fn expand(&self, shape: &[usize]) -> Vec<f64> {
        if self.shape == shape {
            return self.data.to_vec();
        }
        if let Some(value) = self.value() {
            return vec![value; shape.iter().product()];
        }
        let mut out = self.data.to_vec();
        for axis in (0..shape.len()).rev() {
            if self.shape[axis] != shape[axis] {
                let inner: usize = shape[axis + 1..].iter().product();
                let repeat = |block: &[f64]| block.repeat(shape[axis]);
                out = out.chunks_exact(inner).flat_map(repeat).collect();
            }
        }
        out
    }

    /// The number at one index.
    pub(super) fn at(&self, index: &[usize]) -> f64 {
        let along = self.shape.iter().zip(index);
        self.data[along.fold(0, |at, (&n, &i)| at * n + if n == 1 { 0 } else { i })]
    }

    /// Axes of size 1 put in front until there are `rank`.
    pub(super) fn aligned(&self, rank: usize) -> Self {
        let mut shape = vec![1; rank - self.shape.len()];
        shape.extend(&self.shape);
        Self { shape, data: self.data.clone() }
    }

    /// Axis i of the result is axis `perm[i]`.
    pub(super) fn transposed(&self, perm: &[usize]) -> Self {
        let shape = perm.iter().map(|&axis| self.shape[axis]).collect();
        let order = transpose_order(&self.shape, perm).unwrap_or_default();
        Self { shape, data: Arc::new(order.iter().map(|&at| self.data[at as usize]).collect()) }
    }

    /// The field of a value of `shape` under the shape `to` with as many elements.
    pub(super) fn reshaped(&self, shape: &[usize], to: &[usize]) -> Self {
        match self.value() {
            Some(value) => Self::uniform(to.len(), value),
            None => Self::of(to, self.expand(shape)),
        }
    }
}

/// Equal, an infinity or not-a-number equal to itself.
fn same(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn fields_shrink_and_expand() {
        let field = Field::of(&[2, 3, 2], vec![1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        assert_eq!(field.shape(), [1, 3, 1]);
        assert_eq!(field.expand(&[1, 3, 2]), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        let sum = field.zip(&Field::of(&[2, 1, 1], vec![0.0, 10.0]), |a, b| a + b);
        assert_eq!((sum.shape(), sum.at(&[1, 2, 0])), (&[2, 3, 1][..], 13.0));
    }
}
