//! Shape inference: what an operator makes of its operands' shapes, or why it can not.

use super::op::{Op, View};
use super::tensor::{Tensor, element_count};
use super::{MAX_SAMPLE_LEN, Value};

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

/// `[N, 1, 28, 28]` for batched values, where N stands for the batch, `[10]` for constants.
pub(crate) fn shape_text(shape: &[usize], batched: bool) -> String {
    let mut dims: Vec<String> = shape.iter().map(usize::to_string).collect();
    if batched {
        dims.insert(0, "N".to_owned());
    }
    format!("[{}]", dims.join(", "))
}

pub(crate) fn text(value: &Value) -> String {
    shape_text(&value.shape, value.is_batched())
}

/// The shape of the result of `op`, of which at least one operand is batched; a [`Op::View`]'s new shape is given
/// as `view` (already resolved to one sample).
pub(crate) fn infer(op: &Op, inputs: &[&Value], view: Option<&[usize]>) -> Result<Vec<usize>, ShapeError> {
    let (least, most) = match op {
        Op::MatMul | Op::Binary(_) => (2, 2),
        Op::Gemm { .. } => (2, 3),
        Op::Unary(_) | Op::Softmax { .. } | Op::View(_) => (1, 1),
        Op::BatchNormalization { .. } => (5, 5),
    };
    if inputs.len() < least || inputs.len() > most {
        return Err(mismatch(format!(
            "{} takes {least} to {most} inputs, here are {}",
            op.name(),
            inputs.len()
        )));
    }
    let x = inputs[0];
    let shape = match op {
        Op::Binary(_) => binary(op, x, inputs[1]),
        _ if !x.is_batched() => Err(unsupported(
            format!("the first operand of {} is a constant, another one depends on the input", op.name()),
            "export the model with the weights as the later operands",
        )),
        _ if inputs[1..].iter().any(|v| v.is_batched()) => Err(unsupported(
            format!("{} has several operands that depend on the input", op.name()),
            "only weights, biases and parameters known in advance are supported beside the first operand",
        )),
        Op::MatMul => matmul(x, inputs[1]),
        Op::Gemm { trans_b, .. } => gemm(x, inputs[1], inputs.get(2).copied(), *trans_b),
        Op::Unary(_) => Ok(x.shape.clone()),
        Op::Softmax { first, last, .. } => {
            if first <= last && *last < x.shape.len() {
                Ok(x.shape.clone())
            } else {
                Err(mismatch(format!("{} over axes {first}..={last} of {}", op.name(), text(x))))
            }
        }
        Op::BatchNormalization { .. } => batch_normalization(x, &inputs[1..]),
        Op::View(kind) => viewed(*kind, x, view.unwrap_or(&x.shape)),
    }?;
    match element_count(&shape) {
        Some(0) => Err(mismatch(format!("the result {} has no elements", shape_text(&shape, true)))),
        Some(count) if count <= MAX_SAMPLE_LEN => Ok(shape),
        _ => Err(unsupported(
            format!("one sample of the result {} has more than 2^24 elements", shape_text(&shape, true)),
            "use a smaller network",
        )),
    }
}

fn matmul(x: &Value, w: &Value) -> Result<Vec<usize>, ShapeError> {
    let (Some((&k, outer)), [rows, n]) = (x.shape.split_last(), w.shape.as_slice()) else {
        return Err(unsupported(
            format!("the matrix product of {} and {} is not one of rows and a matrix", text(x), text(w)),
            "the second operand must have two dimensions",
        ));
    };
    if k != *rows {
        return Err(mismatch(format!(
            "the matrix product of {} and {}: {k} is not {rows}",
            text(x),
            text(w)
        )));
    }
    Ok([outer, &[*n]].concat())
}

fn gemm(x: &Value, w: &Value, c: Option<&Value>, trans_b: bool) -> Result<Vec<usize>, ShapeError> {
    let ([k], [d0, d1]) = (x.shape.as_slice(), w.shape.as_slice()) else {
        return Err(mismatch(format!("Gemm takes matrices, here are {} and {}", text(x), text(w))));
    };
    let (rows, n) = if trans_b { (*d1, *d0) } else { (*d0, *d1) };
    if *k != rows {
        let note = if trans_b { " transposed" } else { "" };
        return Err(mismatch(format!("Gemm of {} and {}{note}: {k} is not {rows}", text(x), text(w))));
    }
    if let Some(c) = c {
        let fits = match c.shape.as_slice() {
            [] => true,
            [m] | [1, m] => *m == 1 || *m == n,
            _ => false,
        };
        if !fits {
            return Err(mismatch(format!("Gemm's third operand {} is not broadcast to [N, {n}]", text(c))));
        }
    }
    Ok(vec![n])
}

fn batch_normalization(x: &Value, parameters: &[&Value]) -> Result<Vec<usize>, ShapeError> {
    let channels = x.shape.first();
    for p in parameters {
        if p.shape.len() != 1 || p.shape.first() != channels {
            return Err(mismatch(format!(
                "batch normalisation of {} with a parameter of {}",
                text(x),
                text(p)
            )));
        }
    }
    Ok(x.shape.clone())
}

fn viewed(kind: View, x: &Value, to: &[usize]) -> Result<Vec<usize>, ShapeError> {
    if element_count(to) != Some(x.len()) {
        let to = shape_text(to, true);
        return Err(mismatch(format!(
            "{} of {} to {to} changes the number of elements",
            Op::View(kind),
            text(x)
        )));
    }
    Ok(to.to_vec())
}

/// The dimensions of a binary operator's operand as seen by one sample: constants may carry a leading batch
/// dimension of 1.
pub(crate) fn sample_dims(value: &Value, rank: usize) -> Option<&[usize]> {
    match value.shape.as_slice() {
        dims if dims.len() <= rank => Some(dims),
        [1, dims @ ..] if !value.is_batched() && dims.len() == rank => Some(dims),
        _ => None,
    }
}

fn binary(op: &Op, a: &Value, b: &Value) -> Result<Vec<usize>, ShapeError> {
    let complaint = || format!("{} of {} and {}", op.name(), text(a), text(b));
    let rank = match (a.is_batched(), b.is_batched()) {
        (true, true) if a.shape.len() == b.shape.len() => a.shape.len(),
        (true, true) => return Err(mismatch(format!("{}: the ranks differ", complaint()))),
        (true, false) => a.shape.len(),
        (false, _) => b.shape.len(),
    };
    let (Some(da), Some(db)) = (sample_dims(a, rank), sample_dims(b, rank)) else {
        return Err(unsupported(
            format!("{}: the constant has dimensions beyond those of one sample", complaint()),
            "a constant may have at most the dimensions of the other operand, and 1 in place of the batch",
        ));
    };
    broadcast(da, db).ok_or_else(|| mismatch(format!("{}: the shapes can not be broadcast", complaint())))
}

/// The shape that `a` and `b` are broadcast to, aligned at the last axis; `None` when they can not be.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
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

/// For every element of the shape `to` the index of the element of `from` it is broadcast from.
pub(crate) fn broadcast_order(from: &[usize], to: &[usize]) -> Vec<u32> {
    let strides = super::tensor::strides(from);
    let steps: Vec<usize> = (0..to.len())
        .map(|axis| match (axis + from.len()).checked_sub(to.len()) {
            Some(i) if from[i] != 1 => strides[i],
            _ => 0,
        })
        .collect();
    super::tensor::walk(to, &steps)
}

/// The element-wise `op` of two constants, broadcast; `None` when they can not be broadcast, the result is empty
/// or too large.
pub(crate) fn binary_of_constants(op: super::Binary, a: &Tensor, b: &Tensor) -> Option<Tensor> {
    let shape = broadcast(a.shape(), b.shape())?;
    if element_count(&shape)? == 0 {
        return None;
    }
    let (ia, ib) = (broadcast_order(a.shape(), &shape), broadcast_order(b.shape(), &shape));
    let data =
        ia.iter().zip(&ib).map(|(&i, &j)| op.apply(a.data()[i as usize], b.data()[j as usize])).collect();
    Tensor::new(shape, data)
}
