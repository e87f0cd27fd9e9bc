//! Shape inference: what an operator makes of its operands' shapes, or why it can not be applied.

use super::op::Op;
use super::tensor::{element_count, strides, walk};
use super::window::{Conv, Pool};

/// Why an operator can not be applied: the rule broken and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeError {
    /// Whether the form of use is unsupported (rather than the shapes contradictory).
    pub unsupported: bool,
    /// The rule, with the offending shapes.
    pub rule: String,
    /// What the user can do.
    pub way_out: String,
}

pub(crate) fn mismatch(rule: impl Into<String>) -> ShapeError {
    let way_out = "check the model in the tool that exported it, and export it again";
    ShapeError { unsupported: false, rule: rule.into(), way_out: way_out.into() }
}

pub(crate) fn unsupported(rule: impl Into<String>, way_out: impl Into<String>) -> ShapeError {
    ShapeError { unsupported: true, rule: rule.into(), way_out: way_out.into() }
}

type Shaped = Result<Vec<usize>, ShapeError>;

/// The shape of the result of `op` for operands of `shapes`. Dimensions of 0 are allowed; the number of elements is
/// not limited here.
pub(crate) fn infer(op: &Op, shapes: &[&[usize]]) -> Shaped {
    let wanted = match op {
        Op::Binary(_) | Op::MatMul => 2..=2,
        Op::Where => 3..=3,
        Op::Conv(_) => 2..=3,
        Op::Select(_) | Op::Scan(_) => 1..=usize::MAX,
        _ => 1..=1,
    };
    if !wanted.contains(&shapes.len()) {
        return Err(mismatch(format!("{} is given {} operands", op.name(), shapes.len())));
    }
    let x = shapes[0];
    match op {
        Op::Map(_) => Ok(x.to_vec()),
        Op::Binary(_) | Op::Where => {
            let mut shape = Vec::new();
            for other in shapes {
                shape = broadcast(&shape, other).ok_or_else(|| {
                    let all = shapes.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(" and ");
                    mismatch(format!("{} of {all}: the shapes can not be broadcast", op.name()))
                })?;
            }
            Ok(shape)
        }
        Op::MatMul => matmul(x, shapes[1]).map(|m| m.shape),
        Op::Conv(conv) => convolution(conv, x, shapes[1], shapes.get(2).copied()),
        Op::Pool(pool) => pooling(pool, x),
        Op::Reduce { axes, keepdims, .. } => {
            if !axes.windows(2).all(|w| w[0] < w[1]) || axes.last().is_some_and(|&a| a >= x.len()) {
                return Err(mismatch(format!("{} over the axes {axes:?} of {x:?}", op.name())));
            }
            Ok(reduced(x, axes, *keepdims))
        }
        Op::Softmax { first, last, .. } | Op::Hardmax { first, last } => {
            if first > last || *last >= x.len() {
                return Err(mismatch(format!("{} over axes {first}..={last} of {x:?}", op.name())));
            }
            Ok(x.to_vec())
        }
        Op::ArgMax { axis, keepdims, .. } => {
            if x.get(*axis).is_none_or(|&d| d == 0) {
                return Err(mismatch(format!("{} along axis {axis} of {x:?}", op.name())));
            }
            Ok(reduced(x, &[*axis], *keepdims))
        }
        Op::Select(select) => select.shape(shapes).map_err(mismatch),
        Op::Linear(sparse) => {
            if element_count(x) != Some(sparse.inputs()) {
                return Err(mismatch(format!("a linear map of {} elements of {x:?}", sparse.inputs())));
            }
            Ok(sparse.shape().to_vec())
        }
        Op::Scan(scan) => scanned(scan, shapes),
    }
}

fn reduced(x: &[usize], axes: &[usize], keepdims: bool) -> Vec<usize> {
    let dim = |(i, &d): (usize, &usize)| match (axes.contains(&i), keepdims) {
        (false, _) => Some(d),
        (true, true) => Some(1),
        (true, false) => None,
    };
    x.iter().enumerate().filter_map(dim).collect()
}

/// The sizes of a matrix product in NumPy's sense.
pub(crate) struct Product {
    /// Axes in front of the matrices, broadcast.
    pub(crate) batch: Vec<usize>,
    /// Rows of a, the common size, columns of b.
    pub(crate) sizes: [usize; 3],
    /// The result's shape.
    pub(crate) shape: Vec<usize>,
}

pub(crate) fn matmul(a: &[usize], b: &[usize]) -> Result<Product, ShapeError> {
    let complaint = |why: String| mismatch(format!("the matrix product of {a:?} and {b:?}: {why}"));
    if a.is_empty() || b.is_empty() {
        return Err(complaint("a number is not a matrix".into()));
    }
    let (fronts, [m, k]) = match a {
        [k] => (&[][..], [1, *k]),
        [front @ .., m, k] => (front, [*m, *k]),
        [] => (&[][..], [1, 1]),
    };
    let (front, [rows, n]) = match b {
        [k] => (&[][..], [*k, 1]),
        [front @ .., k, n] => (front, [*k, *n]),
        [] => (&[][..], [1, 1]),
    };
    if k != rows {
        return Err(complaint(format!("{k} is not {rows}")));
    }
    let batch =
        broadcast(fronts, front).ok_or_else(|| complaint("the axes in front can not be broadcast".into()))?;
    let mut shape = batch.clone();
    if a.len() > 1 {
        shape.push(m);
    }
    if b.len() > 1 {
        shape.push(n);
    }
    Ok(Product { batch, sizes: [m, k, n], shape })
}

fn convolution(conv: &Conv, x: &[usize], w: &[usize], bias: Option<&[usize]>) -> Shaped {
    let ([batch, channels, dims @ ..], [outputs, per_group, kernel @ ..]) = (x, w) else {
        return Err(mismatch(format!("a convolution of {x:?} with weights {w:?}")));
    };
    let groups = conv.groups;
    if groups == 0 || per_group.checked_mul(groups) != Some(*channels) || !outputs.is_multiple_of(groups) {
        let rule = format!("a convolution of {x:?} in {groups} groups with weights {w:?}");
        return Err(mismatch(rule));
    }
    if kernel != conv.window.kernel || bias.is_some_and(|b| b != [*outputs]) {
        let bias = bias.map_or(String::new(), |b| format!(" and bias {b:?}"));
        return Err(mismatch(format!("{conv} with weights {w:?}{bias}")));
    }
    let Some(positions) = conv.window.positions(dims) else {
        return Err(mismatch(format!("{conv} has no position on {x:?}")));
    };
    Ok([&[*batch, *outputs][..], &positions].concat())
}

fn pooling(pool: &Pool, x: &[usize]) -> Shaped {
    let window = &pool.window;
    let complaint = || mismatch(format!("{pool} with {:?} windows on {x:?}", pool.output));
    let [batch, channels, dims @ ..] = x else { return Err(complaint()) };
    if !window.is_consistent(dims.len()) || pool.output.len() != dims.len() {
        return Err(complaint());
    }
    for (axis, dim) in dims.iter().enumerate() {
        let begin = (pool.output[axis].max(1) - 1).checked_mul(window.strides[axis]);
        let padded =
            dim.checked_add(window.pads_begin[axis]).and_then(|d| d.checked_add(window.pads_end[axis]));
        // The last window begins inside the operand or its padding.
        if pool.output[axis] == 0 || begin.is_none() || padded.is_none() || begin >= padded {
            return Err(complaint());
        }
    }
    Ok([&[*batch, *channels][..], &pool.output].concat())
}

fn scanned(scan: &super::Scan, shapes: &[&[usize]]) -> Shaped {
    let body = &scan.body;
    let inputs: Vec<&[usize]> = body.inputs().iter().map(|&v| body.value(v).shape.as_slice()).collect();
    let outputs: Vec<&[usize]> = body.outputs().iter().map(|&v| body.value(v).shape.as_slice()).collect();
    let moving = scan.states.saturating_add(scan.sequences);
    if inputs.len() != shapes.len() || moving > inputs.len() || scan.states > outputs.len() || scan.steps == 0
    {
        let rule = format!("{scan} of {} values with a body of {} inputs", shapes.len(), inputs.len());
        return Err(mismatch(rule));
    }
    for (i, (&given, &wanted)) in shapes.iter().zip(&inputs).enumerate() {
        let sequence = (scan.states..moving).contains(&i);
        let fits =
            if sequence { given.split_first() == Some((&scan.steps, wanted)) } else { given == wanted };
        if !fits || (i < scan.states && outputs[i] != wanted) {
            return Err(mismatch(format!("{scan}: operand {i} of {given:?} for the body's {wanted:?}")));
        }
    }
    scan.shape().ok_or_else(|| mismatch(format!("{scan}: the body has no such output")))
}

/// The shape that `a` and `b` are broadcast to, aligned at the last axis; `None` when they can not be.
pub fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |s: &[usize], axis: usize| (axis + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
    (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// For every element of the shape `to`, row-major, the index of the element of `from` that it is broadcast from. `to`
/// must be what `from` can be broadcast to, without a dimension of 0.
pub fn broadcast_order(from: &[usize], to: &[usize]) -> Vec<u32> {
    let strides = strides(from);
    let steps: Vec<usize> = (0..to.len())
        .map(|axis| match (axis + from.len()).checked_sub(to.len()) {
            Some(i) if from[i] != 1 => strides[i],
            _ => 0,
        })
        .collect();
    walk(to, &steps)
}
