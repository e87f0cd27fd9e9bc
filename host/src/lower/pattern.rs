//! How a linear operator walks over its operand's axes.

/// What happens along one axis of the operand. Tap t at position p in group g has the coordinate
/// `p * coefficient + t * step + g * per_group - pad`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Along {
    /// Positions of the grid; 1: the axis has none.
    pub(super) positions: usize,
    /// Coordinates for one position.
    pub(super) coefficient: usize,
    /// Taps.
    pub(super) taps: usize,
    /// Coordinates between neighbouring taps.
    pub(super) step: usize,
    /// Coordinates in front of the axis.
    pub(super) pad: usize,
    /// Coordinates from group to group; 0: groups read the same.
    pub(super) per_group: usize,
}

impl Along {
    /// One position for each of `n` coordinates.
    pub(super) fn each(n: usize) -> Self {
        Self { positions: n, coefficient: 1, taps: 1, step: 1, pad: 0, per_group: 0 }
    }

    /// All of `n` coordinates are taps.
    pub(super) fn sum(n: usize) -> Self {
        Self { positions: 1, coefficient: 0, taps: n, step: 1, pad: 0, per_group: 0 }
    }

    /// Groups of `n` neighbouring coordinates.
    pub(super) fn group(n: usize) -> Self {
        Self { per_group: n, ..Self::sum(n) }
    }

    /// Whether every tap at every position of every group lies inside an axis of `n`.
    pub(super) fn stays_inside(&self, n: usize, groups: usize) -> bool {
        let last = (self.positions - 1) * self.coefficient
            + (self.taps - 1) * self.step
            + if self.per_group > 0 { (groups - 1) * self.per_group } else { 0 };
        self.pad == 0 && last < n
    }
}

/// A linear operator's walk: one entry per axis of the operand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    pub(super) axes: Vec<Along>,
    /// Groups; 1 when no axis has any.
    pub(super) groups: usize,
}

impl Pattern {
    /// The grid: the positions of the axes that have any.
    pub(super) fn grid(&self) -> Vec<usize> {
        self.axes.iter().map(|a| a.positions).filter(|&n| n > 1).collect()
    }

    /// The dimension of the grid that `axis` is, when it is one.
    pub(super) fn grid_dim(&self, axis: usize) -> Option<usize> {
        let before = self.axes[..axis].iter().filter(|a| a.positions > 1).count();
        (self.axes[axis].positions > 1).then_some(before)
    }

    /// Taps of one group at one position: K.
    pub(super) fn taps(&self) -> usize {
        self.axes.iter().map(|a| a.taps).product()
    }

    /// The indices of tap `tap` along all axes; taps count row-major.
    pub(super) fn tap_indices(&self, tap: usize) -> Vec<usize> {
        let mut rest = tap;
        let mut out = vec![0; self.axes.len()];
        for (index, along) in out.iter_mut().zip(&self.axes).rev() {
            *index = rest % along.taps;
            rest /= along.taps;
        }
        out
    }

    /// The coordinate of a tap of group `group` at position 0 along `axis`.
    pub(super) fn coordinate(&self, axis: usize, tap: usize, group: usize) -> i64 {
        let along = &self.axes[axis];
        (tap * along.step + group * along.per_group) as i64 - along.pad as i64
    }

    /// Splits `axis` of pure positions into `extents`, the slowest first: the same positions in the same order.
    pub(super) fn split(&mut self, axis: usize, extents: &[usize]) {
        self.axes.splice(axis..=axis, extents.iter().map(|&n| Along::each(n)));
    }
}
