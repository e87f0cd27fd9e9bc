//! Linear operators: weights that walk over a sum become a node without a function.

use super::field::Field;
use super::lowerer::{Lowerer, Outcome, refuse};
use super::pattern::Pattern;
use super::read::{Brought, positions, reads};
use super::value::{Addend, Sum};
use super::view::{Form, View};
use super::virtuals::{Term, Virtual, Weights, Work};
use crate::dots::{Act, Axis, Dim, Read, Source, Taps, Term as Moves, Window};
use crate::numeric::Matrix;

/// The most products spent on what constants contribute to a linear operator.
const MOST_CONSTANT_PRODUCTS: usize = 1 << 33;

/// The weights of a linear operator: element (group, row, tap).
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel<'a> {
    /// `data[group * per_group + row * per_row + tap * per_tap]`
    Given { data: &'a [f32], per_group: usize, per_row: usize, per_tap: usize },
    /// The same everywhere.
    Uniform(f64),
    /// Row r is tap r.
    Identity,
}

impl Kernel<'_> {
    fn at(&self, group: usize, row: usize, tap: usize) -> f64 {
        match *self {
            Kernel::Given { data, per_group, per_row, per_tap } => {
                f64::from(data[group * per_group + row * per_row + tap * per_tap])
            }
            Kernel::Uniform(weight) => weight,
            Kernel::Identity => f64::from(u8::from(row == tap)),
        }
    }
}

/// A linear operator over a sum.
#[derive(Clone, Debug)]
pub(super) struct Operator<'a> {
    pub(super) pattern: Pattern,
    /// Results of one group at one position.
    pub(super) width: usize,
    pub(super) kernel: Kernel<'a>,
    /// Added to each channel.
    pub(super) bias: Option<&'a [f32]>,
}

/// A node's value under a shape, and what is added to it.
pub(super) struct Applied {
    pub(super) node: usize,
    /// position x channel; `None`: nothing.
    pub(super) offset: Option<Vec<f64>>,
}

impl Lowerer<'_> {
    /// A node without a function that applies `operator` to `sum`.
    pub(super) fn linear(&mut self, sum: &Sum, mut operator: Operator<'_>, name: &str) -> Outcome<Applied> {
        let mut sum = sum.clone();
        if sum.addends.len() > 1 && operator.width > 1 {
            sum = self.single(&sum, name)?;
        }
        refine_sum(&mut sum, &mut operator.pattern);
        let Operator { pattern, width, kernel, bias } = &operator;
        let mut terms = Vec::new();
        for addend in &sum.addends {
            terms.extend(self.terms(addend, pattern, *width, kernel, name)?);
        }
        let channels = pattern.groups * width;
        let mut biases: Vec<f64> =
            bias.map_or(vec![0.0; channels], |b| b.iter().map(|&b| f64::from(b)).collect());
        let offset = if sum.offset.is(0.0) {
            None
        } else if (0..sum.shape.len()).any(|axis| sum.offset.varies(axis) && pattern.axes[axis].positions > 1)
        {
            Some(constants(&sum, &operator)?)
        } else {
            terms.extend(offsets(&sum.offset, &sum.shape, &operator, &mut biases));
            None
        };
        let node = self.push(Virtual {
            name: name.to_owned(),
            grid: operator.pattern.grid(),
            groups: operator.pattern.groups,
            width: *width,
            work: Work::Dot { terms, bias: biases, act: Act::None },
        });
        Ok(Applied { node, offset })
    }

    /// What one addend contributes.
    pub(super) fn terms(
        &mut self,
        addend: &Addend,
        pattern: &Pattern,
        width: usize,
        kernel: &Kernel<'_>,
        name: &str,
    ) -> Outcome<Vec<Term>> {
        let moves = |axis: usize| addend.scale.varies(axis) && pattern.axes[axis].positions > 1;
        if (0..addend.view.shape.len()).any(moves) {
            let view = self.diagonal(addend, None, Act::None, name)?;
            let scale = Field::uniform(view.shape.len(), 1.0);
            return self.terms(&Addend { view, scale }, pattern, width, kernel, name);
        }
        let brought = match reads(&addend.view, pattern) {
            Some(brought) => brought,
            None => {
                let view = self.copy(&addend.view, name);
                reads(&view, pattern)
                    .ok_or_else(|| refuse("its operand's elements lie too irregularly", ""))?
            }
        };
        if brought.is_empty() {
            return Ok(Vec::new());
        }
        let scales = factors(&addend.scale, pattern);
        let scale = |group: usize, tap: u32| {
            scales.as_ref().map_or(1.0, |s| s[group * pattern.taps() + tap as usize])
        };
        if matches!(kernel, Kernel::Identity) {
            let own = |Brought { read, columns }: Brought| {
                let values = (0..pattern.groups).flat_map(|g| columns.iter().map(move |&c| (g, c)));
                let values = values.map(|(g, c)| scale(g, c)).collect();
                Term::Own { reads: vec![read], weights: Weights::Sparse { rows: columns, values } }
            };
            return Ok(brought.into_iter().map(own).collect());
        }
        let columns: Vec<u32> = brought.iter().flat_map(|b| &b.columns).copied().collect();
        let matrix = |group: usize| {
            let mut out = Matrix::zeros(width, columns.len());
            // Blocks keep both sides in the cache: the matrix may be stored either way.
            for r0 in (0..width).step_by(64) {
                for (block, own) in columns.chunks(64).enumerate() {
                    for r in r0..width.min(r0 + 64) {
                        let row = &mut out.row_mut(r)[block * 64..][..own.len()];
                        row.iter_mut().zip(own).for_each(|(w, &tap)| {
                            *w = kernel.at(group, r, tap as usize) * scale(group, tap);
                        });
                    }
                }
            }
            out
        };
        let weights = Weights::Dense((0..pattern.groups).map(matrix).collect());
        Ok(vec![Term::Own { reads: brought.into_iter().map(|b| b.read).collect(), weights }])
    }
}

/// Splits axes of pure positions that are merged ones in the source, so that a window can follow them.
fn refine_sum(sum: &mut Sum, pattern: &mut Pattern) {
    if let [addend] = sum.addends.as_slice() {
        let mut view = addend.view.clone();
        refine(&mut view, pattern);
        if view.shape != sum.shape {
            let scale = addend.scale.reshaped(&sum.shape, &view.shape);
            sum.offset = sum.offset.reshaped(&sum.shape, &view.shape);
            sum.shape = view.shape.clone();
            sum.addends = vec![Addend { view, scale }];
        }
    }
}

/// As [`refine_sum`], for a view alone.
pub(super) fn refine(view: &mut View, pattern: &mut Pattern) {
    for axis in (0..pattern.axes.len()).rev() {
        let Some([piece]) = view.pieces() else { return };
        let (along, extents) = (pattern.axes[axis], &piece.strides[axis]);
        let plain = along.positions == view.shape[axis] && along.taps == 1 && along.pad == 0;
        if extents.len() > 1 && plain && along.coefficient == 1 && piece.spans(&view.shape, axis) {
            let extents: Vec<usize> = extents.iter().map(|&(n, _)| n).collect();
            let mut piece = piece.clone();
            let strides: Vec<Vec<(usize, i64)>> = piece.strides[axis].iter().map(|&s| vec![s]).collect();
            piece.strides.splice(axis..=axis, strides);
            piece.low.splice(axis..=axis, vec![0; extents.len()]);
            piece.size.splice(axis..=axis, extents.iter().copied());
            let mut shape = view.shape.clone();
            shape.splice(axis..=axis, extents.iter().copied());
            *view = View { shape, form: Form::Pieces(vec![piece]) };
            pattern.split(axis, &extents);
        }
    }
}

/// The factor of every (group, tap); `None`: 1. The field does not vary along axes with positions.
fn factors(scale: &Field, pattern: &Pattern) -> Option<Vec<f64>> {
    if scale.is(1.0) {
        return None;
    }
    let of = |group: usize, tap: usize| {
        let taps = pattern.tap_indices(tap);
        let coordinate = |axis: usize| {
            let c = pattern.coordinate(axis, taps[axis], group);
            if scale.varies(axis) {
                usize::try_from(c).ok().filter(|&c| c < scale.shape()[axis])
            } else {
                Some(0)
            }
        };
        let index: Option<Vec<usize>> = (0..pattern.axes.len()).map(coordinate).collect();
        index.map_or(0.0, |index| scale.at(&index))
    };
    Some(
        (0..pattern.groups)
            .flat_map(|g| (0..pattern.taps()).map(move |t| (g, t)))
            .map(|(g, t)| of(g, t))
            .collect(),
    )
}

/// What an offset that does not vary along positions contributes: a bias, and where windows reach over the edge reads of
/// [`Source::One`] that tell which taps lie inside.
fn offsets(offset: &Field, shape: &[usize], operator: &Operator<'_>, bias: &mut [f64]) -> Option<Term> {
    let Operator { pattern, width, kernel, .. } = operator;
    let moving: Vec<usize> = (0..shape.len()).filter(|&axis| pattern.axes[axis].positions > 1).collect();
    let edge = moving.iter().any(|&axis| !pattern.axes[axis].stays_inside(shape[axis], pattern.groups));
    let kernel_taps: usize = moving.iter().map(|&axis| pattern.axes[axis].taps).product();
    let mut weights: Vec<Matrix> = (0..pattern.groups).map(|_| Matrix::zeros(*width, kernel_taps)).collect();
    for tap in 0..pattern.taps() {
        let taps = pattern.tap_indices(tap);
        let window_tap = moving.iter().fold(0, |at, &axis| at * pattern.axes[axis].taps + taps[axis]);
        for (group, weights) in weights.iter_mut().enumerate() {
            let index: Option<Vec<usize>> = (0..shape.len())
                .map(|axis| {
                    let c = pattern.coordinate(axis, taps[axis], group);
                    let inside = usize::try_from(c).ok().filter(|&c| c < shape[axis]);
                    if moving.contains(&axis) { Some(0) } else { inside }
                })
                .collect();
            let Some(index) = index else { continue };
            let value = offset.at(&index);
            for row in 0..*width {
                *weights.at_mut(row, window_tap) += kernel.at(group, row, tap) * value;
            }
        }
    }
    if !edge {
        for (group, weights) in weights.iter().enumerate() {
            for row in 0..*width {
                bias[group * width + row] += weights.row(row).iter().sum::<f64>();
            }
        }
        return None;
    }
    let mut window = Window { first: 0, axes: Vec::new(), dims: Vec::new(), terms: Vec::new() };
    for (at, &axis) in moving.iter().enumerate() {
        let along = &pattern.axes[axis];
        window.axes.push(Axis { extent: shape[axis], pitch: 0, origin: -(along.pad as i64) });
        if along.taps > 1 {
            window.dims.push(Dim { count: along.taps, step: along.step as i64, axis: at });
        }
        window.terms.push(Moves { grid: at, coefficient: along.coefficient as i64, axis: at });
    }
    let read = Read { source: Source::One, taps: Taps::Window(window), group_step: 0 };
    Some(Term::Own { reads: vec![read], weights: Weights::Dense(weights) })
}

/// The operator applied to the constants of `sum`: position x channel.
fn constants(sum: &Sum, operator: &Operator<'_>) -> Outcome<Vec<f64>> {
    let Operator { pattern, width, kernel, .. } = operator;
    let (grid, channels) = (pattern.grid(), pattern.groups * width);
    let count: usize = grid.iter().product();
    if count.saturating_mul(channels).saturating_mul(pattern.taps()) > MOST_CONSTANT_PRODUCTS {
        let rule =
            "constants that differ from position to position are added in front of a large linear operator";
        return Err(refuse(
            rule,
            "add the same constant at every position, or normalise the samples outside the model",
        ));
    }
    let data = sum.offset.expand(&sum.shape);
    let mut out = vec![0.0; count * channels];
    for (position, indices) in positions(&grid).enumerate() {
        for tap in 0..pattern.taps() {
            let taps = pattern.tap_indices(tap);
            for group in 0..pattern.groups {
                let mut at = Some(0);
                for (axis, &size) in sum.shape.iter().enumerate() {
                    let moved =
                        pattern.grid_dim(axis).map_or(0, |dim| indices[dim] * pattern.axes[axis].coefficient);
                    let c = pattern.coordinate(axis, taps[axis], group) + moved as i64;
                    let c = usize::try_from(c).ok().filter(|&c| c < size);
                    at = at.zip(c).map(|(at, c)| at * size + c);
                }
                let Some(value) = at.map(|at| data[at]).filter(|&v| v != 0.0) else { continue };
                for row in 0..*width {
                    out[position * channels + group * width + row] += kernel.at(group, row, tap) * value;
                }
            }
        }
    }
    Ok(out)
}

/// What an axis of an operator's result is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Out {
    /// The positions of this axis of the operand.
    Positions(usize),
    /// All channels; the groups; the channels of one group.
    Channels,
    Groups,
    Rows,
    /// Nothing: size 1.
    One,
}

impl Pattern {
    /// The view of node `node` that walked by this pattern (before any axis was split) with `width` results a group.
    pub(super) fn result(&self, node: usize, width: usize, axes: &[Out]) -> View {
        let channels = self.groups * width;
        let grid = self.grid();
        let of = |out: &Out| match *out {
            Out::Positions(axis) => match self.grid_dim(axis) {
                Some(dim) => (grid[dim], grid[dim + 1..].iter().product::<usize>() * channels),
                None => (1, 0),
            },
            Out::Channels => (channels, 1),
            Out::Groups => (self.groups, width),
            Out::Rows => (width, 1),
            Out::One => (1, 0),
        };
        let (shape, strides): (Vec<usize>, Vec<usize>) = axes.iter().map(of).unzip();
        View::strided(&shape, super::view::of_node(node), 0, &strides)
    }
}
