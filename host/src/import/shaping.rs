//! The target shapes of Reshape, Flatten, Squeeze and Unsqueeze, and the rule that the batch dimension stays first.

use super::attributes::resolve_axis;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::element_count;

type Shaped = Result<Vec<usize>, Diagnostics>;

fn mismatch(place: &str, rule: String) -> Diagnostics {
    Diagnostic::error("SP0108", place, rule, "export the model again").into()
}

fn merges_batch(place: &str, what: &str) -> Diagnostics {
    let way_out = "every sample must be computed on its own, the batch as the first dimension";
    Diagnostic::error("SP0105", place, format!("{what} changes the batch dimension"), way_out).into()
}

/// The shape (of one sample, if `batched`) that Reshape to `target` makes of a value of shape `from`.
pub(crate) fn reshape(
    from: &[usize],
    batched: bool,
    target: &[i64],
    allow_zero: bool,
    place: &str,
) -> Shaped {
    let count = element_count(from).unwrap_or(0);
    let complaint = || format!("the elements of {from:?} can not take the shape {target:?}");
    let (dims, offset) = match (batched, target) {
        // A batch of one that the exporter wrote down, the batch copied, or the batch computed from the rest.
        (true, [-1..=1, dims @ ..]) => (dims, 1),
        (true, _) => return Err(merges_batch(place, &format!("reshaping to {target:?}"))),
        (false, dims) => (dims, 0),
    };
    let mut shape = Vec::with_capacity(dims.len());
    let mut open = None;
    for (i, &dim) in dims.iter().enumerate() {
        let dim = match dim {
            -1 if open.is_none() && !(offset == 1 && target[0] == -1) => {
                open = Some(i);
                1
            }
            0 if !allow_zero => match from.get(i) {
                Some(&dim) => dim,
                None => return Err(mismatch(place, complaint())),
            },
            dim => match usize::try_from(dim) {
                Ok(dim) => dim,
                Err(_) => return Err(mismatch(place, complaint())),
            },
        };
        shape.push(dim);
    }
    let product = element_count(&shape).filter(|&p| p > 0);
    if let (Some(i), Some(product)) = (open, product) {
        shape[i] = count / product;
    }
    if element_count(&shape) == Some(count) {
        return Ok(shape);
    }
    let batch_open = offset == 1
        && target[0] == -1
        && product.is_some_and(|p| p.is_multiple_of(count.max(1)) || count.is_multiple_of(p));
    Err(if batch_open {
        merges_batch(place, &format!("reshaping samples of {from:?} to {target:?}"))
    } else {
        mismatch(place, complaint())
    })
}

/// The shape that Flatten at `axis` (of the whole tensor) makes of a value of shape `from`.
pub(crate) fn flatten(from: &[usize], batched: bool, axis: i64, place: &str) -> Shaped {
    let rank = from.len() + usize::from(batched);
    // Unlike elsewhere, the rank itself is allowed.
    let axis = if axis == rank as i64 { rank } else { resolve_axis(axis, rank, "axis", place)? };
    if !batched {
        let (outer, inner) = from.split_at(axis);
        return Ok(vec![outer.iter().product(), inner.iter().product()]);
    }
    match axis.checked_sub(1).map(|at| from.split_at(at)) {
        Some((outer, inner)) if outer.iter().all(|&d| d == 1) => Ok(vec![inner.iter().product()]),
        _ => Err(merges_batch(place, &format!("flattening at axis {axis}"))),
    }
}

/// The shape that Squeeze of `axes` (of the whole tensor; `None`: all of size 1) makes of a value of shape `from`.
pub(crate) fn squeeze(from: &[usize], batched: bool, axes: Option<&[i64]>, place: &str) -> Shaped {
    let offset = usize::from(batched);
    let Some(axes) = axes else {
        if batched {
            return Err(merges_batch(place, "squeezing all dimensions of size 1"));
        }
        return Ok(from.iter().copied().filter(|&d| d != 1).collect());
    };
    let mut removed = vec![false; from.len()];
    for &axis in axes {
        let axis = resolve_axis(axis, from.len() + offset, "axes", place)?;
        match axis.checked_sub(offset) {
            Some(at) if from[at] == 1 => removed[at] = true,
            Some(at) => return Err(mismatch(place, format!("axis {axis} has the size {}, not 1", from[at]))),
            None => return Err(merges_batch(place, "squeezing axis 0")),
        }
    }
    Ok(from.iter().zip(&removed).filter(|(_, removed)| !**removed).map(|(&d, _)| d).collect())
}

/// The shape that Unsqueeze at `axes` (of the resulting tensor) makes of a value of shape `from`.
pub(crate) fn unsqueeze(from: &[usize], batched: bool, axes: &[i64], place: &str) -> Shaped {
    const MOST_DIMENSIONS: usize = 64;
    let offset = usize::from(batched);
    let rank = from.len() + offset + axes.len();
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
    if batched && added[0] {
        return Err(merges_batch(place, "inserting an axis in front"));
    }
    let mut rest = from.iter();
    let dims = added.iter().skip(offset).map(|&added| if added { Some(1) } else { rest.next().copied() });
    Ok(dims.map(|d| d.unwrap_or(1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_stays_in_front() {
        let sample = [28, 28, 1];
        for target in [[-1, 784], [1, 784], [0, 784], [0, -1], [1, -1]] {
            assert_eq!(reshape(&sample, true, &target, false, "").unwrap(), [784]);
        }
        for target in [[-1, 392], [-1, 1568], [2, 784]] {
            let found = reshape(&sample, true, &target, false, "").unwrap_err();
            assert_eq!(found.0[0].code, "SP0105", "{target:?}");
        }
        assert_eq!(reshape(&sample, true, &[-1, 5], false, "").unwrap_err().0[0].code, "SP0108");
        assert!(reshape(&sample, true, &[-1, -1], false, "").is_err());
        assert!(reshape(&sample, true, &[], false, "").is_err());
        assert!(reshape(&[2, 3], false, &[i64::MIN, i64::MAX], false, "").is_err());
        assert!(reshape(&[2, 3], false, &[-1, 0], true, "").is_err());
        assert_eq!(flatten(&[1, 28, 28], true, 1, "").unwrap(), [784]);
        assert_eq!(flatten(&[1, 28, 28], true, -2, "").unwrap(), [784]);
        assert!(flatten(&[2, 28], true, 2, "").is_err());
        assert!(flatten(&[2, 28], true, 0, "").is_err());
        assert_eq!(squeeze(&[1, 5, 1], true, Some(&[1, -1]), "").unwrap(), [5]);
        assert!(squeeze(&[1, 5], true, Some(&[0]), "").is_err());
        assert!(squeeze(&[1, 5], true, Some(&[2]), "").is_err());
        assert_eq!(unsqueeze(&[5], true, &[1, -1], "").unwrap(), [1, 5, 1]);
        assert!(unsqueeze(&[5], true, &[0], "").is_err());
        assert!(unsqueeze(&[5], true, &[1, 1], "").is_err());
    }
}
