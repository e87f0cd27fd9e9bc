//! Norms of windows and vectors: LpPool, GlobalLpPool, LpNormalization.

use super::window::{positions, window};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Pool, PoolKind, ReduceKind, Window};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("GlobalLpPool", global_lp_pool),
    onnx("LpNormalization", lp_normalization),
    onnx("LpPool", lp_pool),
];

/// |x| to the power of p.
fn raised(ctx: &mut Context<'_, '_>, x: &Term, p: f32) -> Result<Term> {
    if p == 2.0 {
        return ctx.map("square", Function::Square, x);
    }
    let magnitude = ctx.map("magnitude", Function::Abs, x)?;
    if p == 1.0 { Ok(magnitude) } else { ctx.map("power", Function::Pow { exponent: p }, &magnitude) }
}

/// Output 0: the p-th root of what `op` makes of `x`.
fn rooted(ctx: &mut Context<'_, '_>, op: Op, x: &Term, p: f32) -> Result<()> {
    if p == 1.0 {
        return ctx.output(0, op, &[x]);
    }
    let sum = ctx.part("sum", op, &[x])?;
    let root = if p == 2.0 { Function::Sqrt } else { Function::Pow { exponent: 1.0 / p } };
    ctx.output(0, Op::Map(root), &[&sum])
}

/// The attribute `p`.
fn exponent(ctx: &Context<'_, '_>) -> Result<f32> {
    let p = ctx.attributes().int("p", 2)?;
    if (1..=64).contains(&p) {
        return Ok(p as f32);
    }
    ctx.refuse("SP0106", format!("the attribute \"p\" is {p}"), "it must be 1 to 64")
}

fn lp_pool(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "p", "pads", "strides"])?;
    let (x, p) = (ctx.input(0)?, exponent(ctx)?);
    let shape = ctx.shape(&x);
    let kernel = ctx.attributes().ints("kernel_shape")?.unwrap_or_default();
    let kernel: Vec<usize> = kernel.iter().map(|&k| usize::try_from(k).unwrap_or(0)).collect();
    if shape.len() < 3 {
        return ctx.refuse("SP0108", format!("LpPool of {shape:?}"), "it needs spatial axes");
    }
    let window = window(ctx, kernel, &shape[2..])?;
    let ceil = ctx.attributes().int("ceil_mode", 0)? != 0;
    let Some(output) = positions(&window, &shape[2..], ceil) else {
        let rule = format!("no window {window} fits into {shape:?}");
        return ctx.refuse("SP0108", rule, "export the model again");
    };
    let powers = raised(ctx, &x, p)?;
    rooted(ctx, Op::Pool(Pool { kind: PoolKind::Sum, window, output }), &powers, p)
}

fn global_lp_pool(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["p"])?;
    let (x, p) = (ctx.input(0)?, exponent(ctx)?);
    let shape = ctx.shape(&x);
    if shape.len() < 3 {
        return ctx.refuse("SP0108", format!("GlobalLpPool of {shape:?}"), "it needs spatial axes");
    }
    let powers = raised(ctx, &x, p)?;
    let (window, output) = (Window::new(shape[2..].to_vec()), vec![1; shape.len() - 2]);
    rooted(ctx, Op::Pool(Pool { kind: PoolKind::Sum, window, output }), &powers, p)
}

/// x / its norm along one axis; 0 where the norm is 0.
fn lp_normalization(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["axis", "p"])?;
    let (x, p) = (ctx.input(0)?, exponent(ctx)?);
    let axis = ctx.attributes().axis("axis", -1, ctx.shape(&x).len())?;
    let powers = raised(ctx, &x, p)?;
    let sum = Op::Reduce { kind: ReduceKind::Sum, axes: vec![axis], keepdims: true };
    let mut norm = ctx.part("sum", sum, &[&powers])?;
    if p != 1.0 {
        let root = if p == 2.0 { Function::Sqrt } else { Function::Pow { exponent: 1.0 / p } };
        norm = ctx.map("norm", root, &norm)?;
    }
    // 0 / 1 instead of 0 / 0.
    let zero = ctx.map("zero", Function::Not, &norm)?;
    let divisor = ctx.binary("divisor", Binary::Add, &norm, &zero)?;
    ctx.output(0, Op::Binary(Binary::Div), &[&x, &divisor])
}
