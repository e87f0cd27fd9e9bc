//! Which elements of a source a node reads at each position.

use std::sync::Arc;

/// An element outside its source: it reads 0 in a sum and takes no part in a maximum.
pub const PAD: u32 = u32::MAX;

/// An axis of a source's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Coordinates `0..extent` lie inside.
    pub extent: usize,
    /// Elements between neighbouring coordinates.
    pub pitch: usize,
    /// Coordinate of the first tap at the first position.
    pub origin: i64,
}

/// A dimension along which the taps of one position lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dim {
    /// Number of taps.
    pub count: usize,
    /// Coordinates between neighbouring taps.
    pub step: i64,
    /// The axis.
    pub axis: usize,
}

/// How far a step of the grid moves the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Dimension of the node's grid.
    pub grid: usize,
    /// Coordinates for one step of it.
    pub coefficient: i64,
    /// The axis.
    pub axis: usize,
}

/// A regular pattern: the one that the image's access records can hold.
///
/// Tap (i0, i1, ..), the last dimension running fastest, at grid position (g0, g1, ..) has on axis a the coordinate
/// `origin + sum of step * i over the dims on a + sum of coefficient * g over the terms on a`. It lies inside when all
/// coordinates do; its element is then `first + sum of coordinate * pitch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Element that all-zero coordinates stand for.
    pub first: usize,
    /// The axes, 1 to 4.
    pub axes: Vec<Axis>,
    /// The taps' dimensions, 0 to 4; none is one tap.
    pub dims: Vec<Dim>,
    /// How the grid moves it.
    pub terms: Vec<Term>,
}

/// The elements a read brings.
#[derive(Clone, Debug, PartialEq)]
pub enum Taps {
    /// A regular pattern.
    Window(Window),
    /// Any elements: position by position, tap by tap.
    Table {
        /// Taps of one position.
        taps: usize,
        /// Elements, or [`PAD`].
        elements: Arc<[u32]>,
    },
}

impl Window {
    /// `count` neighbouring elements from `first` on, of a source of `len`, the same at every position.
    pub fn run(len: usize, first: usize, count: usize) -> Self {
        Self {
            first: 0,
            axes: vec![Axis { extent: len, pitch: 1, origin: first as i64 }],
            dims: vec![Dim { count, step: 1, axis: 0 }],
            terms: Vec::new(),
        }
    }

    /// Whether a coordinate of `axis` lies outside for some tap at some position.
    pub fn leaves(&self, axis: usize, grid: &[usize]) -> bool {
        let (mut least, mut most) = (self.axes[axis].origin, self.axes[axis].origin);
        let mut widen = |span: i64| {
            least += span.min(0);
            most += span.max(0);
        };
        self.dims.iter().filter(|d| d.axis == axis).for_each(|d| widen(d.step * (d.count as i64 - 1)));
        for term in self.terms.iter().filter(|t| t.axis == axis) {
            widen(term.coefficient * (grid.get(term.grid).copied().unwrap_or(1) as i64 - 1));
        }
        least < 0 || most >= self.axes[axis].extent as i64
    }

    fn len(&self) -> usize {
        self.dims.iter().map(|dim| dim.count).product()
    }

    fn bring(&self, indices: &[usize], out: &mut Vec<u32>) {
        // On the stack: this runs for every tap of every position.
        let mut base = [0i64; 4];
        base.iter_mut().zip(&self.axes).for_each(|(base, axis)| *base = axis.origin);
        for term in &self.terms {
            base[term.axis] += term.coefficient * indices[term.grid] as i64;
        }
        let mut at = [0usize; 4];
        for _ in 0..self.len() {
            let mut place = base;
            for (dim, &i) in self.dims.iter().zip(&at) {
                place[dim.axis] += dim.step * i as i64;
            }
            let inside = place.iter().zip(&self.axes).all(|(&c, axis)| c >= 0 && c < axis.extent as i64);
            out.push(if inside {
                let offset: usize =
                    place.iter().zip(&self.axes).map(|(&c, axis)| c as usize * axis.pitch).sum();
                (self.first + offset) as u32
            } else {
                PAD
            });
            for (i, dim) in at[..self.dims.len()].iter_mut().zip(&self.dims).rev() {
                *i += 1;
                if *i < dim.count {
                    break;
                }
                *i = 0;
            }
        }
    }
}

impl Taps {
    /// Elements at one position.
    pub fn len(&self) -> usize {
        match self {
            Taps::Window(window) => window.len(),
            Taps::Table { taps, .. } => *taps,
        }
    }

    /// Whether nothing is read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether some tap lies outside at some position of a grid of these extents.
    pub fn pads(&self, grid: &[usize]) -> bool {
        match self {
            Taps::Table { elements, .. } => elements.contains(&PAD),
            Taps::Window(window) => (0..window.axes.len()).any(|axis| window.leaves(axis, grid)),
        }
    }

    /// Appends the elements of one position to `out`: `indices` are its grid indices, `position` its number.
    pub fn bring(&self, position: usize, indices: &[usize], out: &mut Vec<u32>) {
        match self {
            Taps::Window(window) => window.bring(indices, out),
            Taps::Table { taps, elements } => {
                out.extend_from_slice(&elements[position * taps..(position + 1) * taps]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_convolution_reads_its_pixels() {
        // 3 x 3 pixels of 2 channels, kernel 2 x 2, padded by one in front, stride 2: a grid of 2 x 2.
        let axis = |extent, pitch, origin| Axis { extent, pitch, origin };
        let dim = |count, axis| Dim { count, step: 1, axis };
        let term = |grid| Term { grid, coefficient: 2, axis: grid };
        let window = Window {
            first: 0,
            axes: vec![axis(3, 6, -1), axis(3, 2, -1), axis(2, 1, 0)],
            dims: vec![dim(2, 0), dim(2, 1), dim(2, 2)],
            terms: vec![term(0), term(1)],
        };
        let mut out = Vec::new();
        window.bring(&[0, 1], &mut out);
        assert_eq!(out, [PAD, PAD, PAD, PAD, 2, 3, 4, 5]);
        out.clear();
        window.bring(&[1, 1], &mut out);
        assert_eq!(out, [8, 9, 10, 11, 14, 15, 16, 17]);
    }
}
