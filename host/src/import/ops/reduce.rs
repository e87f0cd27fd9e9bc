//! Reductions along axes, and what is defined through them: positions of extremes, running sums.

use super::views::same;
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, ReduceKind};
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;

pub(super) const OPERATORS: &[Operator] = &[
    onnx("ArgMax", arg),
    onnx("ArgMin", arg),
    onnx("CumSum", cumulative_sum),
    onnx("ReduceL1", reduce),
    onnx("ReduceL2", reduce),
    onnx("ReduceLogSum", reduce),
    onnx("ReduceLogSumExp", reduce),
    onnx("ReduceMax", reduce),
    onnx("ReduceMean", reduce),
    onnx("ReduceMin", reduce),
    onnx("ReduceProd", reduce),
    onnx("ReduceSum", reduce),
    onnx("ReduceSumSquare", reduce),
];

/// Reduce*: axes as an attribute, or as an operand from operator set 18 on (ReduceSum: 13).
fn reduce(ctx: &mut Context<'_, '_>) -> Result<()> {
    let as_operand = ctx.opset() >= if ctx.operator() == "ReduceSum" { 13 } else { 18 };
    let x = ctx.input(0)?;
    let rank = ctx.shape(&x).len();
    let given = if as_operand {
        ctx.expect(1..=2, &["keepdims", "noop_with_empty_axes"])?;
        ctx.ints(1, "axes")?
    } else {
        ctx.expect(1..=1, &["axes", "keepdims"])?;
        ctx.attributes().ints("axes")?.map(<[i64]>::to_vec)
    };
    let attributes = ctx.attributes();
    let keepdims = attributes.int("keepdims", 1)? != 0;
    let nothing = as_operand && attributes.int("noop_with_empty_axes", 0)? != 0;
    let axes = match given {
        Some(axes) if !axes.is_empty() => ctx.axes(&axes, rank, "axes")?,
        // The functions around the sum still apply.
        _ if nothing => Vec::new(),
        _ => (0..rank).collect(),
    };
    let operator = ctx.operator();
    if nothing && axes.is_empty() && !operator.starts_with("ReduceLog") {
        return unreduced(ctx, &x);
    }
    let sum = |kind| Op::Reduce { kind, axes: axes.clone(), keepdims };
    match operator {
        "ReduceSum" => ctx.output(0, sum(ReduceKind::Sum), &[&x]),
        "ReduceMean" => ctx.output(0, sum(ReduceKind::Mean), &[&x]),
        "ReduceMax" => ctx.output(0, sum(ReduceKind::Max), &[&x]),
        "ReduceMin" => ctx.output(0, sum(ReduceKind::Min), &[&x]),
        "ReduceProd" => ctx.output(0, sum(ReduceKind::Prod), &[&x]),
        "ReduceL1" => {
            let magnitude = ctx.map("magnitude", Function::Abs, &x)?;
            ctx.output(0, sum(ReduceKind::Sum), &[&magnitude])
        }
        "ReduceSumSquare" => {
            let square = ctx.map("square", Function::Square, &x)?;
            ctx.output(0, sum(ReduceKind::Sum), &[&square])
        }
        "ReduceL2" => {
            let square = ctx.map("square", Function::Square, &x)?;
            let total = ctx.part("sum", sum(ReduceKind::Sum), &[&square])?;
            ctx.output(0, Op::Map(Function::Sqrt), &[&total])
        }
        "ReduceLogSum" => {
            let total = ctx.part("sum", sum(ReduceKind::Sum), &[&x])?;
            ctx.output(0, Op::Map(Function::Log), &[&total])
        }
        _ => {
            // log sum exp(x) = m + log sum exp(x - m): no overflow.
            let most = Op::Reduce { kind: ReduceKind::Max, axes: axes.clone(), keepdims: true };
            let most = ctx.part("largest", most, &[&x])?;
            let shifted = ctx.binary("shifted", Binary::Sub, &x, &most)?;
            let exp = ctx.map("exp", Function::Exp, &shifted)?;
            let total = ctx.part("sum", sum(ReduceKind::Sum), &[&exp])?;
            let log = ctx.map("log", Function::Log, &total)?;
            let shape = ctx.shape(&log);
            let most = ctx.view("largest_there", &most, &shape)?;
            ctx.output(0, Op::Binary(Binary::Add), &[&log, &most])
        }
    }
}

/// Over no axis at all.
fn unreduced(ctx: &mut Context<'_, '_>, x: &Term) -> Result<()> {
    match ctx.operator() {
        "ReduceL1" | "ReduceL2" => ctx.output(0, Op::Map(Function::Abs), &[x]),
        "ReduceSumSquare" => ctx.output(0, Op::Map(Function::Square), &[x]),
        _ => same(ctx, x),
    }
}

/// ArgMax and ArgMin.
fn arg(ctx: &mut Context<'_, '_>) -> Result<()> {
    let known: &[&str] =
        if ctx.opset() >= 12 { &["axis", "keepdims", "select_last_index"] } else { &["axis", "keepdims"] };
    ctx.expect(1..=1, known)?;
    let attributes = ctx.attributes();
    let mut x = ctx.input(0)?;
    let axis = attributes.axis("axis", 0, ctx.shape(&x).len())?;
    let keepdims = attributes.int("keepdims", 1)? != 0;
    let select_last = attributes.int("select_last_index", 0)? != 0;
    if ctx.operator() == "ArgMin" {
        x = ctx.map("negated", Function::Neg, &x)?;
    }
    ctx.output_as(0, data_type::INT64, Op::ArgMax { axis, keepdims, select_last }, &[&x])
}

/// CumSum: the product with a triangle of ones.
fn cumulative_sum(ctx: &mut Context<'_, '_>) -> Result<()> {
    const LONGEST: usize = 1 << 12;
    ctx.expect(2..=2, &["exclusive", "reverse"])?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let Some(&[axis]) = ctx.ints(1, "axis")?.as_deref() else {
        return ctx.refuse("SP0108", "the axis is not one whole number", "export the model again");
    };
    let axis = ctx.axis(axis, shape.len(), "axis")?;
    let attributes = ctx.attributes();
    let exclusive = attributes.int("exclusive", 0)? != 0;
    let reverse = attributes.int("reverse", 0)? != 0;
    let n = shape[axis];
    if n > LONGEST {
        let rule = format!("a running sum over {n} elements");
        return ctx.refuse("SP0115", rule, "at most 4096 are supported");
    }
    let counted = |k: usize, i: usize| match (reverse, exclusive) {
        (false, false) => k <= i,
        (false, true) => k < i,
        (true, false) => k >= i,
        (true, true) => k > i,
    };
    let ones = (0..n * n).map(|at| f32::from(u8::from(counted(at / n, at % n)))).collect();
    let triangle = Term::floats(vec![n, n], ones);
    let mut perm: Vec<usize> = (0..shape.len()).collect();
    perm.swap(axis, shape.len() - 1);
    let element = x.element();
    let moved = ctx.transpose("moved", &x, &perm)?;
    let sums = ctx.part("sums", Op::MatMul, &[&moved, &triangle])?;
    ctx.output_as(0, element, Op::transpose(perm), &[&sums])
}
