//! Element-wise operators.

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Rounding};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Add", |ctx| binary(ctx, Binary::Add)),
    onnx("Clip", clip),
    onnx("Div", divide),
    onnx("LeakyRelu", leaky_relu),
    onnx("Mul", |ctx| binary(ctx, Binary::Mul)),
    onnx("Relu", |ctx| function(ctx, Function::Relu)),
    onnx("Sigmoid", |ctx| function(ctx, Function::Sigmoid)),
    onnx("Sub", |ctx| binary(ctx, Binary::Sub)),
    onnx("Tanh", |ctx| function(ctx, Function::Tanh)),
];

/// A function without attributes.
fn function(ctx: &mut Context<'_, '_>, function: Function) -> Result<()> {
    ctx.expect(1..=1, &[])?;
    let x = ctx.input(0)?;
    ctx.output(0, Op::Map(function), &[&x])
}

/// An operator of two operands without attributes.
fn binary(ctx: &mut Context<'_, '_>, op: Binary) -> Result<()> {
    ctx.expect(2..=2, &[])?;
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    ctx.output(0, Op::Binary(op), &[&a, &b])
}

/// Whole numbers are divided towards zero.
fn divide(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &[])?;
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    if !a.is_whole() {
        return ctx.output(0, Op::Binary(Binary::Div), &[&a, &b]);
    }
    let quotient = ctx.binary("quotient", Binary::Div, &a, &b)?;
    ctx.output(0, Op::Map(Function::Round(Rounding::Trunc)), &[&quotient])
}

fn leaky_relu(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["alpha"])?;
    let (x, alpha) = (ctx.input(0)?, ctx.attributes().float("alpha", 0.01)?);
    ctx.output(0, Op::Map(Function::LeakyRelu { alpha }), &[&x])
}

/// Bounds are attributes before operator set 11, then operands; computed ones become Max and Min.
fn clip(ctx: &mut Context<'_, '_>) -> Result<()> {
    let (lo, hi): (Option<Term>, Option<Term>);
    if ctx.opset() < 11 {
        ctx.expect(1..=1, &["min", "max"])?;
        let a = ctx.attributes();
        lo = if a.has("min") { Some(Term::number(a.float("min", 0.0)?)) } else { None };
        hi = if a.has("max") { Some(Term::number(a.float("max", 0.0)?)) } else { None };
    } else {
        ctx.expect(1..=3, &[])?;
        (lo, hi) = (ctx.optional(1), ctx.optional(2));
    }
    let x = ctx.input(0)?;
    let bound = |term: &Option<Term>, open: f32| match term {
        None => Some(open),
        Some(term) => {
            let tensor = term.constant().and_then(|c| c.tensor())?;
            (tensor.data().len() == 1).then(|| tensor.data()[0])
        }
    };
    if let (Some(lo), Some(hi)) = (bound(&lo, f32::NEG_INFINITY), bound(&hi, f32::INFINITY)) {
        if lo.is_nan() || hi.is_nan() {
            return ctx.refuse("SP0110", "a bound is not a number", "export the model again");
        }
        return ctx.output(0, Op::Map(Function::Clip { lo, hi }), &[&x]);
    }
    let raised = match &lo {
        Some(lo) => ctx.binary("raised", Binary::Max, &x, lo)?,
        None => x,
    };
    match &hi {
        Some(hi) => ctx.output(0, Op::Binary(Binary::Min), &[&raised, hi]),
        None => {
            let shape = ctx.shape(&raised);
            ctx.output(0, Op::view(shape), &[&raised])
        }
    }
}
