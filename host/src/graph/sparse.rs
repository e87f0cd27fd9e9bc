//! A sparse linear map in compressed rows.

/// out\[i\] = the sum of `coefficient * x[index]` over the terms of row i, in their order, begun at 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse {
    shape: Vec<usize>,
    inputs: usize,
    ends: Vec<u32>,
    index: Vec<u32>,
    coefficient: Vec<f32>,
}

impl Sparse {
    /// The most terms of one map: 2^26.
    pub const MAX_TERMS: usize = 1 << 26;

    /// A map from `inputs` elements (the operand, flattened) to `shape`, one list of (index, coefficient) per element of the
    /// result in row-major order; `None` when the number of rows is not that of `shape`, an index is out of range, a coefficient
    /// is not finite or there are more than [`Sparse::MAX_TERMS`] terms.
    pub fn new(
        inputs: usize,
        shape: Vec<usize>,
        rows: impl IntoIterator<Item = Vec<(u32, f32)>>,
    ) -> Option<Self> {
        let count = super::element_count(&shape)?;
        let (mut ends, mut index, mut coefficient) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            if ends.len() == count || index.len() + row.len() > Self::MAX_TERMS {
                return None;
            }
            for (i, c) in row {
                if i as usize >= inputs || !c.is_finite() {
                    return None;
                }
                index.push(i);
                coefficient.push(c);
            }
            ends.push(index.len() as u32);
        }
        (ends.len() == count).then_some(Self { shape, inputs, ends, index, coefficient })
    }

    /// The result's shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements of the operand.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The number of terms of all rows.
    pub fn terms(&self) -> usize {
        self.index.len()
    }

    /// The terms of one element of the result: (index, coefficient).
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f32)> {
        let begin = row.checked_sub(1).map_or(0, |r| self.ends[r] as usize);
        let range = begin..self.ends[row] as usize;
        self.index[range.clone()].iter().zip(&self.coefficient[range]).map(|(&i, &c)| (i as usize, c))
    }

    /// Applies the map to `x` ([`Sparse::inputs`] elements) into `out`. Panics when an element is missing.
    pub fn apply(&self, x: &[f32], out: &mut [f32]) {
        for (row, out) in out.iter_mut().enumerate() {
            *out = self.row(row).fold(0.0, |sum, (i, c)| sum + c * x[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sums_and_faults_are_refused() {
        let rows = || vec![vec![(0, 0.5), (2, 2.0)], vec![], vec![(1, -1.0)]];
        let map = Sparse::new(3, vec![3], rows()).unwrap();
        let mut y = [f32::NAN; 3];
        map.apply(&[2.0, 3.0, 5.0], &mut y);
        assert_eq!((y, map.terms()), ([11.0, 0.0, -3.0], 3));
        assert!(Sparse::new(2, vec![3], rows()).is_none());
        assert!(Sparse::new(3, vec![2], rows()).is_none());
        assert!(Sparse::new(3, vec![4], rows()).is_none());
        assert!(Sparse::new(3, vec![1], [vec![(0, f32::NAN)]]).is_none());
    }
}
