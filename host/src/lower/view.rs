//! Where the elements of a value lie: all rearrangements change only this.

use std::sync::Arc;

use super::fit::fit;
use crate::dots::Source;

/// One element of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ref {
    /// 0: the network's input; n + 1: virtual node n.
    pub(super) source: u32,
    /// Which element of it.
    pub(super) element: u32,
}

impl Ref {
    /// No element of a source: a constant.
    pub(super) const NONE: Self = Self { source: u32::MAX, element: 0 };
}

/// The source with a [`Ref`]'s number.
pub(super) fn source(number: u32) -> Source {
    match number.checked_sub(1) {
        None => Source::Input,
        Some(node) => Source::Node(node as usize),
    }
}

/// The number of virtual node `node` in a [`Ref`].
pub(super) fn of_node(node: usize) -> u32 {
    node as u32 + 1
}

/// A box of the value whose elements lie regularly in one source.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    /// The box's first index along every axis.
    pub(super) low: Vec<usize>,
    /// Its size along every axis.
    pub(super) size: Vec<usize>,
    /// The source.
    pub(super) source: u32,
    /// The element at the box's first index.
    pub(super) first: i64,
    /// Along every axis (extent, stride in elements), the slowest first; several where an axis is a merged one, none where the
    /// size is 1.
    pub(super) strides: Vec<Vec<(usize, i64)>>,
}

impl Piece {
    /// The offset in elements for each index of the box along `axis`.
    pub(super) fn along(&self, axis: usize) -> Vec<i64> {
        let mut out = vec![0];
        for &(extent, stride) in &self.strides[axis] {
            out = out.iter().flat_map(|&at| (0..extent).map(move |i| at + i as i64 * stride)).collect();
        }
        out
    }

    /// The only stride along `axis`; `None` when it is a merged axis.
    pub(super) fn stride(&self, axis: usize) -> Option<i64> {
        match self.strides[axis].as_slice() {
            [] => Some(0),
            [(_, stride)] => Some(*stride),
            _ => None,
        }
    }

    /// Whether it holds all of `axis` of a value of `shape`.
    pub(super) fn spans(&self, shape: &[usize], axis: usize) -> bool {
        self.size[axis] == shape[axis]
    }
}

/// The elements of a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// Regular boxes; what lies in none of them is constant.
    Pieces(Vec<Piece>),
    /// All of them, row-major.
    Table(Arc<[Ref]>),
}

/// A value's shape and elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) shape: Vec<usize>,
    pub(super) form: Form,
}

/// Row-major strides.
pub(super) fn pitches(shape: &[usize]) -> Vec<usize> {
    let mut out = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        out[axis - 1] = out[axis] * shape[axis];
    }
    out
}

impl View {
    /// A view whose axis i advances by `strides[i]` elements of `source`.
    pub(super) fn strided(shape: &[usize], source: u32, first: usize, strides: &[usize]) -> Self {
        let along = |(&n, &s): (&usize, &usize)| if n == 1 { vec![] } else { vec![(n, s as i64)] };
        let piece = Piece {
            low: vec![0; shape.len()],
            size: shape.to_vec(),
            source,
            first: first as i64,
            strides: shape.iter().zip(strides).map(along).collect(),
        };
        Self { shape: shape.to_vec(), form: Form::Pieces(vec![piece]) }
    }

    /// All elements of a source from `first` on, row-major.
    pub(super) fn plain(shape: &[usize], source: u32, first: usize) -> Self {
        Self::strided(shape, source, first, &pitches(shape))
    }

    /// The elements `refs`, in the most regular form that describes them.
    pub(super) fn of(shape: Vec<usize>, refs: Vec<Ref>) -> Self {
        let form = match fit(&shape, &refs) {
            Some(pieces) => Form::Pieces(pieces),
            None => Form::Table(refs.into()),
        };
        Self { shape, form }
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The pieces, when it is regular.
    pub(super) fn pieces(&self) -> Option<&[Piece]> {
        if let Form::Pieces(pieces) = &self.form { Some(pieces) } else { None }
    }

    /// All elements, row-major.
    pub(super) fn refs(&self) -> Vec<Ref> {
        let pieces = match &self.form {
            Form::Table(refs) => return refs.to_vec(),
            Form::Pieces(pieces) => pieces,
        };
        let mut out = vec![Ref::NONE; self.len()];
        pieces.iter().for_each(|piece| expand(&self.shape, piece, &mut out));
        out
    }

    /// The same elements, element `order[i]` of the views (one behind the other) at i; `u32::MAX` for constants.
    pub(super) fn ordered(views: &[&View], order: &[u32], shape: &[usize]) -> Self {
        let all: Vec<Ref> = views.iter().flat_map(|view| view.refs()).collect();
        let refs = order.iter().map(|&at| all.get(at as usize).copied().unwrap_or(Ref::NONE)).collect();
        Self::of(shape.to_vec(), refs)
    }

    /// The same elements in the same order under another shape.
    pub(super) fn reshaped(&self, shape: &[usize]) -> Self {
        if self.shape == shape { self.clone() } else { Self::of(shape.to_vec(), self.refs()) }
    }

    /// Axis i of the result is axis `perm[i]`.
    pub(super) fn transposed(&self, perm: &[usize]) -> Self {
        let shape: Vec<usize> = perm.iter().map(|&axis| self.shape[axis]).collect();
        match &self.form {
            Form::Pieces(pieces) => {
                let moved = |piece: &Piece| Piece {
                    low: perm.iter().map(|&axis| piece.low[axis]).collect(),
                    size: perm.iter().map(|&axis| piece.size[axis]).collect(),
                    strides: perm.iter().map(|&axis| piece.strides[axis].clone()).collect(),
                    ..piece.clone()
                };
                Self { shape, form: Form::Pieces(pieces.iter().map(moved).collect()) }
            }
            Form::Table(_) => {
                let order = crate::graph::transpose_order(&self.shape, perm).unwrap_or_default();
                Self::ordered(&[self], &order, &shape)
            }
        }
    }

    /// The view broadcast to `shape`, aligned at the last axis.
    pub(super) fn broadcast(&self, shape: &[usize]) -> Self {
        if self.shape == shape {
            return self.clone();
        }
        let front = shape.len() - self.shape.len();
        let Form::Pieces(pieces) = &self.form else {
            let order = crate::graph::broadcast_order(&self.shape, shape);
            return Self::ordered(&[self], &order, shape);
        };
        let stretched = |piece: &Piece| {
            let mut out =
                Piece { low: vec![0; front], size: vec![1; front], strides: vec![vec![]; front], ..*piece };
            out.low.extend(&piece.low);
            out.size.extend(&piece.size);
            out.strides.extend(piece.strides.iter().cloned());
            for (axis, &size) in shape.iter().enumerate() {
                if size > 1 && axis.checked_sub(front).is_none_or(|own| self.shape[own] == 1) {
                    out.size[axis] = size;
                    out.strides[axis] = vec![(size, 0)];
                }
            }
            out
        };
        Self { shape: shape.to_vec(), form: Form::Pieces(pieces.iter().map(stretched).collect()) }
    }
}

/// Writes the elements of `piece` to their places in a value of `shape`.
pub(super) fn expand(shape: &[usize], piece: &Piece, out: &mut [Ref]) {
    let pitches = pitches(shape);
    let Some((last, outer)) = pitches.split_last().map(|(&last, outer)| (last, outer.len())) else {
        out[0] = Ref { source: piece.source, element: piece.first as u32 };
        return;
    };
    let mut rows = vec![(0usize, piece.first)];
    for (axis, &pitch) in pitches[..outer].iter().enumerate() {
        let along = piece.along(axis);
        let step = |(at, element): (usize, i64)| {
            let low = at + piece.low[axis] * pitch;
            along.iter().enumerate().map(move |(i, offset)| (low + i * pitch, element + offset))
        };
        rows = rows.into_iter().flat_map(step).collect();
    }
    let along = piece.along(outer);
    for (at, element) in rows {
        let at = at + piece.low[outer] * last;
        for (slot, offset) in out[at..].iter_mut().zip(&along) {
            *slot = Ref { source: piece.source, element: (element + offset) as u32 };
        }
    }
}
