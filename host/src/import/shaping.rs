//! The target shapes of Reshape, Flatten, Squeeze and Unsqueeze.

use super::attributes::resolve_axis;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::element_count;

type Shaped = Result<Vec<usize>, Diagnostics>;

fn mismatch(place: &str, rule: String) -> Diagnostics {
    Diagnostic::error("SP0108", place, rule, "export the model again").into()
}

/// The shape that Reshape to `target` makes of a value of shape `from`.
pub(crate) fn reshape(from: &[usize], target: &[i64], allow_zero: bool, place: &str) -> Shaped {
    let count = element_count(from).unwrap_or(0);
    let complaint = || mismatch(place, format!("the elements of {from:?} can not take the shape {target:?}"));
    let mut shape = Vec::with_capacity(target.len());
    let mut open = None;
    for (i, &dim) in target.iter().enumerate() {
        shape.push(match dim {
            -1 if open.is_none() => {
                open = Some(i);
                1
            }
            0 if !allow_zero => *from.get(i).ok_or_else(complaint)?,
            dim => usize::try_from(dim).map_err(|_| complaint())?,
        });
    }
    if let (Some(i), Some(product)) = (open, element_count(&shape).filter(|&p| p > 0)) {
        shape[i] = count / product;
    }
    if element_count(&shape) == Some(count) { Ok(shape) } else { Err(complaint()) }
}

/// The shape that Flatten at `axis` makes of a value of shape `from`.
pub(crate) fn flatten(from: &[usize], axis: i64, place: &str) -> Shaped {
    let rank = from.len();
    // Unlike elsewhere, the rank itself is allowed.
    let axis = if axis == rank as i64 { rank } else { resolve_axis(axis, rank, "axis", place)? };
    let (outer, inner) = from.split_at(axis);
    Ok(vec![outer.iter().product(), inner.iter().product()])
}

/// The shape that Squeeze of `axes` (`None`: all of size 1) makes of a value of shape `from`.
pub(crate) fn squeeze(from: &[usize], axes: Option<&[i64]>, place: &str) -> Shaped {
    let Some(axes) = axes else { return Ok(from.iter().copied().filter(|&d| d != 1).collect()) };
    let mut removed = vec![false; from.len()];
    for &axis in axes {
        let axis = resolve_axis(axis, from.len(), "axes", place)?;
        if from[axis] != 1 {
            return Err(mismatch(place, format!("axis {axis} has the size {}, not 1", from[axis])));
        }
        removed[axis] = true;
    }
    Ok(from.iter().zip(&removed).filter(|(_, removed)| !**removed).map(|(&d, _)| d).collect())
}

/// The shape that Unsqueeze at `axes` (of the result) makes of a value of shape `from`.
pub(crate) fn unsqueeze(from: &[usize], axes: &[i64], place: &str) -> Shaped {
    const MOST_DIMENSIONS: usize = 64;
    let rank = from.len() + axes.len();
    if rank > MOST_DIMENSIONS {
        return Err(mismatch(place, format!("the result has {rank} dimensions")));
    }
    let mut added = vec![false; rank];
    for &axis in axes {
        let axis = resolve_axis(axis, rank, "axes", place)?;
        if std::mem::replace(&mut added[axis], true) {
            return Err(mismatch(place, format!("axis {axis} is given twice")));
        }
    }
    let mut rest = from.iter();
    Ok(added.iter().map(|&added| if added { 1 } else { rest.next().copied().unwrap_or(1) }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_resolved() {
        let from = [1, 28, 28, 1];
        for target in [[-1, 784], [1, 784], [0, 784], [0, -1], [1, -1]] {
            assert_eq!(reshape(&from, &target, false, "").unwrap(), [1, 784]);
        }
        assert_eq!(reshape(&from, &[-1, 392], false, "").unwrap(), [2, 392]);
        assert_eq!(reshape(&[1], &[], false, "").unwrap(), [0usize; 0]);
        for target in [&[-1, 5][..], &[-1, -1], &[], &[2, 784], &[i64::MIN], &[i64::MAX, i64::MAX], &[0; 5]] {
            assert_eq!(reshape(&from, target, false, "").unwrap_err().0[0].code, "SP0108", "{target:?}");
        }
        assert!(reshape(&[2, 3], &[-1, 0], true, "").is_err());
        assert_eq!(flatten(&from, 1, "").unwrap(), [1, 784]);
        assert_eq!(flatten(&from, -2, "").unwrap(), [28, 28]);
        assert_eq!(flatten(&from, 4, "").unwrap(), [784, 1]);
        assert!(flatten(&from, 5, "").is_err());
        assert_eq!(squeeze(&[1, 5, 1], Some(&[0, -1]), "").unwrap(), [5]);
        assert_eq!(squeeze(&[1, 5, 1], None, "").unwrap(), [5]);
        assert!(squeeze(&[1, 5], Some(&[1]), "").is_err());
        assert_eq!(unsqueeze(&[5], &[0, -1], "").unwrap(), [1, 5, 1]);
        assert!(unsqueeze(&[5], &[1, 1], "").is_err());
    }
}
