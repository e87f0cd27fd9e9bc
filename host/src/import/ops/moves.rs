//! Operators that move elements: Transpose, Concat, Slice, Split, Pad.

use std::sync::Arc;

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Op, Select, element_count};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Concat", concat),
    onnx("Pad", pad),
    onnx("Slice", slice),
    onnx("Split", split),
    onnx("Transpose", transpose),
];

fn transpose(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["perm"])?;
    let x = ctx.input(0)?;
    let rank = ctx.shape(&x).len();
    let perm: Vec<usize> = match ctx.attributes().ints("perm")? {
        Some(perm) => perm.iter().map(|&p| usize::try_from(p).unwrap_or(usize::MAX)).collect(),
        None => (0..rank).rev().collect(),
    };
    ctx.output(0, Op::transpose(perm), &[&x])
}

fn concat(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=usize::MAX, &["axis"])?;
    let operands = (0..ctx.inputs()).map(|i| ctx.input(i)).collect::<Result<Vec<Term>>>()?;
    if !ctx.attributes().has("axis") {
        return ctx.refuse("SP0106", "the attribute \"axis\" is missing", "export the model again");
    }
    let rank = ctx.shape(&operands[0]).len();
    let axis = ctx.attributes().axis("axis", 0, rank)?;
    ctx.output(0, Op::Select(Select::Concat { axis }), &operands.iter().collect::<Vec<_>>())
}

/// Along one axis of `dim` elements: first, step and number of the elements from `start` to `end` (exclusive), cut at the
/// ends as ONNX says.
fn along(dim: usize, start: i64, end: i64, step: i64) -> (usize, isize, usize) {
    let size = dim as i64;
    let place = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
    let (start, end) = if step > 0 {
        (place(start).clamp(0, size), place(end).clamp(0, size))
    } else {
        (place(start).clamp(0, size - 1), place(end).clamp(-1, size - 1))
    };
    let distance = if step > 0 { end - start } else { start - end };
    let count = if dim == 0 || distance <= 0 { 0 } else { (distance as u64).div_ceil(step.unsigned_abs()) };
    // A step beyond the axis is never taken.
    let step = step.clamp(-size.max(1), size.max(1));
    (start.max(0) as usize, step as isize, count as usize)
}

/// Attributes before operator set 10, then operands.
fn slice(ctx: &mut Context<'_, '_>) -> Result<()> {
    let (starts, ends, axes, steps);
    if ctx.opset() < 10 {
        ctx.expect(1..=1, &["starts", "ends", "axes"])?;
        let a = ctx.attributes();
        let list = |name: &str| -> Result<Option<Vec<i64>>> { Ok(a.ints(name)?.map(<[i64]>::to_vec)) };
        (starts, ends, axes, steps) = (list("starts")?, list("ends")?, list("axes")?, None);
    } else {
        ctx.expect(3..=5, &[])?;
        (starts, ends) = (ctx.ints(1, "list of starts")?, ctx.ints(2, "list of ends")?);
        (axes, steps) = (ctx.ints(3, "list of axes")?, ctx.ints(4, "list of steps")?);
    }
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let (starts, ends) = (starts.unwrap_or_default(), ends.unwrap_or_default());
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    let complaint = || {
        format!("starts {starts:?}, ends {ends:?}, axes {axes:?} and steps {steps:?} do not fit {shape:?}")
    };
    if [ends.len(), axes.len(), steps.len()].iter().any(|&n| n != starts.len()) || steps.contains(&0) {
        return ctx.refuse("SP0106", complaint(), "export the model again");
    }
    ctx.axes(&axes, shape.len(), "axes")?;
    let rank = shape.len();
    let (mut first, mut step, mut size) = (vec![0; rank], vec![1; rank], shape.clone());
    for (i, &axis) in axes.iter().enumerate() {
        let axis = ctx.axis(axis, rank, "axes")?;
        (first[axis], step[axis], size[axis]) = along(shape[axis], starts[i], ends[i], steps[i]);
    }
    ctx.output(0, Op::Select(Select::Slice { starts: first, steps: step, sizes: size }), &[&x])
}

/// Sizes are an attribute before operator set 13, then an operand, or follow from the number of outputs.
fn split(ctx: &mut Context<'_, '_>) -> Result<()> {
    let sizes = if ctx.opset() < 13 {
        ctx.expect(1..=1, &["axis", "split"])?;
        ctx.attributes().ints("split")?.map(<[i64]>::to_vec)
    } else {
        ctx.expect(1..=2, if ctx.opset() < 18 { &["axis"] } else { &["axis", "num_outputs"] })?;
        ctx.ints(1, "list of sizes")?
    };
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let axis = ctx.attributes().axis("axis", 0, shape.len())?;
    let outputs = ctx.outputs();
    let sizes: Vec<usize> = match sizes {
        Some(sizes) => sizes.iter().map(|&s| usize::try_from(s).unwrap_or(usize::MAX)).collect(),
        None => {
            // The last part is smaller where the number does not divide the axis.
            let part = shape[axis].div_ceil(outputs);
            (0..outputs).map(|i| part.min(shape[axis].saturating_sub(i * part))).collect()
        }
    };
    let total = sizes.iter().try_fold(0usize, |sum, &s| sum.checked_add(s));
    if total != Some(shape[axis]) || sizes.len() != outputs {
        let rule =
            format!("the sizes {sizes:?} do not split axis {axis} of {shape:?} into {outputs} outputs");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let mut start = 0;
    for (output, size) in sizes.into_iter().enumerate() {
        let (mut starts, mut all) = (vec![0; shape.len()], shape.clone());
        (starts[axis], all[axis]) = (start, size);
        start += size;
        let part = Select::Slice { starts, steps: vec![1; shape.len()], sizes: all };
        ctx.output(output, Op::Select(part), &[&x])?;
    }
    Ok(())
}

/// Amounts are an attribute before operator set 11, then an operand. Negative ones cut.
fn pad(ctx: &mut Context<'_, '_>) -> Result<()> {
    let (pads, fill, axes);
    if ctx.opset() < 11 {
        ctx.expect(1..=1, &["mode", "pads", "value"])?;
        pads = ctx.attributes().ints("pads")?.map(<[i64]>::to_vec);
        (fill, axes) = (ctx.attributes().float("value", 0.0)?, None);
    } else {
        ctx.expect(2..=4, &["mode"])?;
        pads = ctx.ints(1, "list of pads")?;
        fill = ctx.number(2, "fill")?.unwrap_or(0.0);
        axes = ctx.ints(3, "list of axes")?;
    }
    let x = ctx.input(0)?;
    let (shape, pads) = (ctx.shape(&x), pads.unwrap_or_default());
    let rank = shape.len();
    let axes = match axes {
        Some(axes) => axes.iter().map(|&a| ctx.axis(a, rank, "axes")).collect::<Result<Vec<_>>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() || pads.iter().any(|p| p.unsigned_abs() > 1 << 28) {
        let rule = format!("the pads {pads:?} do not fit the axes {axes:?} of {shape:?}");
        return ctx.refuse("SP0106", rule, "export the model again");
    }
    let (mut begin, mut end) = (vec![0i64; rank], vec![0i64; rank]);
    for (i, &axis) in axes.iter().enumerate() {
        (begin[axis], end[axis]) = (pads[i], pads[axes.len() + i]);
    }
    let mode = ctx.attributes().text("mode", "constant")?;
    if mode != "constant" {
        return mirrored(ctx, &x, &mode, &begin, &end);
    }
    // What is cut is cut first.
    let cut = |v: &i64| usize::try_from(-v).unwrap_or(0);
    let (starts, ends): (Vec<usize>, Vec<usize>) =
        (begin.iter().map(cut).collect(), end.iter().map(cut).collect());
    let sizes: Vec<usize> =
        (0..rank).map(|i| shape[i].saturating_sub(starts[i].saturating_add(ends[i]))).collect();
    let inner = if sizes == shape {
        x
    } else {
        ctx.part("cut", Op::Select(Select::Slice { starts, steps: vec![1; rank], sizes }), &[&x])?
    };
    let amount = |v: &i64| usize::try_from(*v).unwrap_or(0);
    let (begin, end) = (begin.iter().map(amount).collect(), end.iter().map(amount).collect());
    ctx.output(0, Op::Select(Select::Pad { begin, end, fill }), &[&inner])
}

/// Padding with elements of the operand itself.
fn mirrored(ctx: &mut Context<'_, '_>, x: &Term, mode: &str, begin: &[i64], end: &[i64]) -> Result<()> {
    let from = ctx.shape(x);
    let size = |i: usize| usize::try_from(from[i] as i64 + begin[i] + end[i]).unwrap_or(0);
    let shape: Vec<usize> = (0..from.len()).map(size).collect();
    let refused = || format!("padding {from:?} by {begin:?} and {end:?} in the mode {mode:?}");
    if element_count(&shape).is_none_or(|n| n > crate::graph::MAX_SAMPLE_LEN || n == 0) || from.contains(&0) {
        return ctx.refuse("SP0105", refused(), "use a smaller network");
    }
    let mut order = vec![0u32];
    for (axis, &dim) in from.iter().enumerate() {
        let n = dim as i64;
        let source = |i: i64| match mode {
            "edge" => Some(i.clamp(0, n - 1)),
            "wrap" => Some(i.rem_euclid(n)),
            "reflect" if n == 1 => Some(0),
            "reflect" => {
                let turn = i.rem_euclid(2 * (n - 1));
                Some(turn.min(2 * (n - 1) - turn))
            }
            _ => None,
        };
        let places: Option<Vec<i64>> = (0..shape[axis] as i64).map(|i| source(i - begin[axis])).collect();
        let Some(places) = places else {
            return ctx.refuse("SP0106", refused(), "the modes are constant, reflect, edge and wrap");
        };
        order =
            order.iter().flat_map(|&at| places.iter().map(move |&p| at * dim as u32 + p as u32)).collect();
    }
    ctx.output(0, Op::Select(Select::Order { order: Arc::from(order), fill: 0.0, shape }), &[x])
}
