//! Rearrangements: every element of the result is an element of the operands or a constant fill.

use std::fmt;
use std::sync::Arc;

use super::tensor::{element_count, strides, transpose_order, walk};

/// A rearrangement. The readable forms keep the structure that later stages need; everything else is an [`Select::Order`].
#[derive(Clone, Debug, PartialEq)]
pub enum Select {
    /// Input x: the same elements in the same order under `shape` (Reshape, Flatten, Squeeze, Identity, ..).
    View {
        /// The result's shape.
        shape: Vec<usize>,
    },
    /// Input x: axis i of the result is axis `perm[i]` of x.
    Transpose {
        /// A permutation of the axes.
        perm: Vec<usize>,
    },
    /// Input x: along axis i the elements `starts[i] + k * steps[i]`, k = 0 to `sizes[i]` - 1. All axes are listed.
    Slice {
        /// The first element of every axis.
        starts: Vec<usize>,
        /// The distance of neighbours; not 0, negative steps go backwards.
        steps: Vec<isize>,
        /// The number of elements of every axis.
        sizes: Vec<usize>,
    },
    /// One input or more, of equal shapes but for `axis`, one behind the other.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Input x with constant elements around it.
    Pad {
        /// Elements added in front of every axis.
        begin: Vec<usize>,
        /// Elements added behind every axis.
        end: Vec<usize>,
        /// Their value.
        fill: f32,
    },
    /// Any number of inputs: element i of the result is element `order[i]` of the inputs, each flattened, one behind the
    /// other; [`Select::FILL`] stands for `fill`. (Gather with constant indices, DepthToSpace, nearest Resize, Expand, Tile,
    /// zero insertion, reflected padding, ..)
    Order {
        /// One index per element of the result, row-major.
        order: Arc<[u32]>,
        /// The value of elements that come from nowhere.
        fill: f32,
        /// The result's shape.
        shape: Vec<usize>,
    },
}

impl Select {
    /// The index that stands for the fill.
    pub const FILL: u32 = u32::MAX;

    /// The ONNX operator, or the closest name.
    pub fn name(&self) -> &'static str {
        match self {
            Select::View { .. } => "Reshape",
            Select::Transpose { .. } => "Transpose",
            Select::Slice { .. } => "Slice",
            Select::Concat { .. } => "Concat",
            Select::Pad { .. } => "Pad",
            Select::Order { .. } => "Order",
        }
    }

    /// The value of elements that come from nowhere; 0 where there are none.
    pub fn fill(&self) -> f32 {
        match self {
            Select::Pad { fill, .. } | Select::Order { fill, .. } => *fill,
            _ => 0.0,
        }
    }

    /// The shape of the result for operands of `shapes`, or the rule that is broken.
    pub(crate) fn shape(&self, shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [first, ..] = shapes else { return Err(format!("{} of nothing", self.name())) };
        if shapes.len() > 1 && !matches!(self, Select::Concat { .. } | Select::Order { .. }) {
            return Err(format!("{} takes one operand, here are {}", self.name(), shapes.len()));
        }
        match self {
            Select::View { shape } => {
                let fits = element_count(shape).is_some() && element_count(shape) == element_count(first);
                fits.then(|| shape.clone())
                    .ok_or_else(|| format!("the elements of {first:?} can not take the shape {shape:?}"))
            }
            Select::Transpose { perm } => {
                let mut sorted = perm.clone();
                sorted.sort_unstable();
                if !sorted.iter().copied().eq(0..first.len()) {
                    return Err(format!("{perm:?} is not a permutation of the axes of {first:?}"));
                }
                Ok(perm.iter().map(|&axis| first[axis]).collect())
            }
            Select::Slice { starts, steps, sizes } => {
                let complaint =
                    || format!("a slice from {starts:?} by {steps:?}, {sizes:?} elements, of {first:?}");
                if [starts.len(), steps.len(), sizes.len()].iter().any(|&n| n != first.len()) {
                    return Err(complaint());
                }
                for (axis, &dim) in first.iter().enumerate() {
                    let Some(more) = sizes[axis].checked_sub(1) else { continue };
                    let last = isize::try_from(more)
                        .ok()
                        .and_then(|n| n.checked_mul(steps[axis]))
                        .and_then(|n| starts[axis].checked_add_signed(n));
                    if steps[axis] == 0 || starts[axis] >= dim || last.is_none_or(|last| last >= dim) {
                        return Err(complaint());
                    }
                }
                Ok(sizes.clone())
            }
            Select::Concat { axis } => {
                let mut shape = first.to_vec();
                for other in &shapes[1..] {
                    let fits = other.len() == shape.len()
                        && other.iter().zip(&shape).enumerate().all(|(i, (a, b))| i == *axis || a == b);
                    if !fits {
                        return Err(format!("{other:?} can not be appended to {first:?} along axis {axis}"));
                    }
                    if let Some(size) = shape.get_mut(*axis) {
                        *size = size.saturating_add(other[*axis]);
                    }
                }
                if *axis >= shape.len() { Err(format!("axis {axis} of {first:?}")) } else { Ok(shape) }
            }
            Select::Pad { begin, end, .. } => {
                if begin.len() != first.len() || end.len() != first.len() {
                    return Err(format!("padding {begin:?} and {end:?} of {first:?}"));
                }
                let dims = first.iter().zip(begin).zip(end);
                Ok(dims.map(|((d, b), e)| d.saturating_add(*b).saturating_add(*e)).collect())
            }
            Select::Order { order, shape, .. } => {
                let counts = shapes.iter().try_fold(0usize, |sum, s| sum.checked_add(element_count(s)?));
                let in_range = |count: usize| order.iter().all(|&i| i == Self::FILL || (i as usize) < count);
                if element_count(shape) != Some(order.len()) || !counts.is_some_and(in_range) {
                    return Err(format!("an order of {} elements for {shape:?} of {shapes:?}", order.len()));
                }
                Ok(shape.clone())
            }
        }
    }

    /// For every element of the result the index into the operands, each flattened, one behind the other, or
    /// [`Select::FILL`]. The shapes must have been accepted.
    pub fn order(&self, shapes: &[&[usize]]) -> Vec<u32> {
        let first = shapes.first().copied().unwrap_or_default();
        let Ok(shape) = self.shape(shapes) else { return Vec::new() };
        let count = element_count(&shape).unwrap_or(0);
        if count == 0 {
            return Vec::new();
        }
        match self {
            Select::View { .. } => (0..count as u32).collect(),
            Select::Transpose { perm } => transpose_order(first, perm).unwrap_or_default(),
            Select::Slice { starts, steps, sizes } => {
                let strides = strides(first);
                let mut offsets = vec![0u32];
                for axis in 0..sizes.len() {
                    let at = |k: usize| {
                        let along = starts[axis].wrapping_add_signed(k as isize * steps[axis]);
                        (along * strides[axis]) as u32
                    };
                    offsets = offsets
                        .iter()
                        .flat_map(|&base| (0..sizes[axis]).map(move |k| base + at(k)))
                        .collect();
                }
                offsets
            }
            Select::Concat { axis } => {
                let mut order = vec![0u32; count];
                let outer: usize = shape[..*axis].iter().product();
                let inner: usize = shape[axis + 1..].iter().product();
                let (mut first_index, mut along) = (0u32, 0);
                for operand in shapes {
                    let run = operand[*axis] * inner;
                    for o in 0..outer {
                        let to = (o * shape[*axis] + along) * inner;
                        for (i, slot) in order[to..to + run].iter_mut().enumerate() {
                            *slot = first_index + (o * run + i) as u32;
                        }
                    }
                    first_index += (outer * run) as u32;
                    along += operand[*axis];
                }
                order
            }
            Select::Pad { begin, .. } => {
                let mut order = vec![Self::FILL; count];
                if element_count(first) != Some(0) {
                    let to = strides(&shape);
                    let offset: usize = begin.iter().zip(&to).map(|(b, s)| b * s).sum();
                    for (i, at) in walk(first, &to).into_iter().enumerate() {
                        order[offset + at as usize] = i as u32;
                    }
                }
                order
            }
            Select::Order { order, .. } => order.to_vec(),
        }
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Select::View { .. } => Ok(()),
            Select::Transpose { perm } => write!(f, " {{perm={perm:?}}}"),
            Select::Slice { starts, steps, .. } if steps.iter().all(|&s| s == 1) => {
                write!(f, " {{starts={starts:?}}}")
            }
            Select::Slice { starts, steps, .. } => write!(f, " {{starts={starts:?} steps={steps:?}}}"),
            Select::Concat { axis } => write!(f, " {{axis={axis}}}"),
            Select::Pad { begin, end, fill } => write!(f, " {{begin={begin:?} end={end:?} fill={fill}}}"),
            Select::Order { fill, .. } => write!(f, " {{fill={fill}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_move_elements_as_described() {
        let slice = Select::Slice { starts: vec![1, 2], steps: vec![1, -2], sizes: vec![1, 2] };
        assert_eq!(slice.order(&[&[2, 3]]), [5, 3]);
        let concat = Select::Concat { axis: 1 };
        assert_eq!(concat.order(&[&[2, 1], &[2, 2]]), [0, 2, 3, 1, 4, 5]);
        let pad = Select::Pad { begin: vec![1, 0], end: vec![0, 1], fill: 7.0 };
        const F: u32 = Select::FILL;
        assert_eq!(pad.order(&[&[1, 2]]), [F, F, F, 0, 1, F]);
        assert_eq!(Select::Transpose { perm: vec![1, 0] }.order(&[&[2, 2]]), [0, 2, 1, 3]);
    }

    #[test]
    fn what_reaches_outside_is_refused() {
        let slice = |starts, steps, sizes| Select::Slice { starts, steps, sizes }.shape(&[&[4]]);
        assert_eq!(slice(vec![3], vec![-1], vec![4]), Ok(vec![4]));
        assert!(slice(vec![3], vec![-1], vec![5]).is_err());
        assert!(slice(vec![0], vec![isize::MAX], vec![usize::MAX]).is_err());
        assert!(slice(vec![0], vec![0], vec![2]).is_err());
        assert!(Select::Concat { axis: 0 }.shape(&[&[], &[]]).is_err());
        let order =
            |i| Select::Order { order: Arc::new([i]), fill: 0.0, shape: vec![1] }.shape(&[&[2], &[1]]);
        assert!(order(2).is_ok() && order(Select::FILL).is_ok() && order(3).is_err());
    }
}
