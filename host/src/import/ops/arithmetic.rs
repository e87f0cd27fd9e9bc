//! Element-wise operators of two operands or more.
//!
//! Whole numbers are carried as f32: exact up to 2^24, and results beyond the range of their ONNX type do not wrap round.

use super::views::same;
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Relation, Rounding};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Add", |ctx| binary(ctx, Binary::Add)),
    onnx("And", |ctx| binary(ctx, Binary::And)),
    onnx("Div", divide),
    onnx("Equal", |ctx| binary(ctx, Binary::Compare(Relation::Equal))),
    onnx("Greater", |ctx| binary(ctx, Binary::Compare(Relation::Greater))),
    onnx("GreaterOrEqual", |ctx| binary(ctx, Binary::Compare(Relation::GreaterOrEqual))),
    onnx("Less", |ctx| binary(ctx, Binary::Compare(Relation::Less))),
    onnx("LessOrEqual", |ctx| binary(ctx, Binary::Compare(Relation::LessOrEqual))),
    onnx("Max", |ctx| variadic(ctx, Binary::Max)),
    onnx("Mean", |ctx| variadic(ctx, Binary::Add)),
    onnx("Min", |ctx| variadic(ctx, Binary::Min)),
    onnx("Mod", modulo),
    onnx("Mul", |ctx| binary(ctx, Binary::Mul)),
    onnx("Or", |ctx| binary(ctx, Binary::Or)),
    onnx("PRelu", prelu),
    onnx("Pow", pow),
    onnx("Sub", |ctx| binary(ctx, Binary::Sub)),
    onnx("Sum", |ctx| variadic(ctx, Binary::Add)),
    onnx("Where", choose),
    onnx("Xor", |ctx| binary(ctx, Binary::Xor)),
];

/// The operands; operator set 6 broadcast only on demand and along a named axis.
fn operands(ctx: &mut Context<'_, '_>, attributes: &[&str]) -> Result<(Term, Term)> {
    if ctx.opset() >= 7 {
        ctx.expect(2..=2, attributes)?;
        return Ok((ctx.input(0)?, ctx.input(1)?));
    }
    let old = [attributes, &["axis", "broadcast", "consumed_inputs"]].concat();
    ctx.expect(2..=2, &old)?;
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    let (wide, narrow) = (ctx.shape(&a), ctx.shape(&b));
    let demanded = ctx.attributes().int("broadcast", 0)? != 0;
    if !demanded && wide != narrow {
        let rule = format!("operands of {wide:?} and {narrow:?} without the attribute \"broadcast\"");
        return ctx.refuse("SP0108", rule, "export the model with operator set 7 or newer");
    }
    if !demanded || !ctx.attributes().has("axis") {
        return Ok((a, b));
    }
    let axis = ctx.attributes().axis("axis", 0, wide.len())?;
    if axis + narrow.len() > wide.len() {
        let rule = format!("{narrow:?} does not fit into {wide:?} from axis {axis} on");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let aligned = [narrow.as_slice(), &vec![1; wide.len() - axis - narrow.len()]].concat();
    let b = ctx.view("aligned", &b, &aligned)?;
    Ok((a, b))
}

/// An operator of two operands without attributes.
fn binary(ctx: &mut Context<'_, '_>, op: Binary) -> Result<()> {
    let (a, b) = operands(ctx, &[])?;
    ctx.output(0, Op::Binary(op), &[&a, &b])
}

/// Div: whole numbers are divided towards zero.
fn divide(ctx: &mut Context<'_, '_>) -> Result<()> {
    let (a, b) = operands(ctx, &[])?;
    if !a.is_whole() {
        return ctx.output(0, Op::Binary(Binary::Div), &[&a, &b]);
    }
    // Below 2^24 a quotient in single precision is never rounded up to a whole number.
    let quotient = ctx.binary("quotient", Binary::Div, &a, &b)?;
    ctx.output(0, Op::Map(Function::Round(Rounding::Trunc)), &[&quotient])
}

/// Mod.
fn modulo(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["fmod"])?;
    let fmod = ctx.attributes().int("fmod", 0)? != 0;
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    ctx.output(0, Op::Binary(Binary::Mod { fmod }), &[&a, &b])
}

/// PRelu: the slope is broadcast to the operand; before operator set 7 it was one per channel.
fn prelu(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, if ctx.opset() < 7 { &["consumed_inputs"] } else { &[] })?;
    let (x, mut slope) = (ctx.input(0)?, ctx.input(1)?);
    let (shape, sizes) = (ctx.shape(&x), ctx.shape(&slope));
    if ctx.opset() < 7 && sizes.len() == 1 && shape.len() > 2 {
        let per_channel = [&sizes[..], &vec![1; shape.len() - 2]].concat();
        slope = ctx.view("slope", &slope, &per_channel)?;
    }
    if crate::graph::broadcast(&shape, &ctx.shape(&slope)).as_deref() != Some(&shape) {
        let rule = format!("the slope {sizes:?} can not be broadcast to {shape:?}");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    ctx.output(0, Op::Binary(Binary::PRelu), &[&x, &slope])
}

/// Pow. The result has the type of the base.
fn pow(ctx: &mut Context<'_, '_>) -> Result<()> {
    let (x, y) = operands(ctx, &[])?;
    let element = x.element();
    let single = y.constant().and_then(|c| c.tensor()).filter(|t| t.data().len() == 1);
    let fits = single.as_ref().is_some_and(|t| t.shape().len() <= ctx.shape(&x).len());
    let (op, operands): (Op, &[&Term]) = match single.filter(|_| fits).map(|t| t.data()[0]) {
        Some(1.0) => return same(ctx, &x),
        Some(2.0) => (Op::Map(Function::Square), &[&x]),
        Some(0.5) => (Op::Map(Function::Sqrt), &[&x]),
        Some(exponent) if exponent.is_finite() => (Op::Map(Function::Pow { exponent }), &[&x]),
        _ => (Op::Binary(Binary::Pow), &[&x, &y]),
    };
    if !x.is_whole() || x.constant().is_some() && y.is_whole() {
        return ctx.output(0, op, operands);
    }
    let power = ctx.part("power", op, operands)?;
    ctx.output_as(0, element, Op::Map(Function::Round(Rounding::Trunc)), &[&power])
}

/// Max, Min, Sum, Mean of any number of operands.
fn variadic(ctx: &mut Context<'_, '_>, op: Binary) -> Result<()> {
    ctx.expect(1..=usize::MAX, if ctx.opset() < 7 { &["consumed_inputs"] } else { &[] })?;
    let count = ctx.inputs();
    let mut all = ctx.input(0)?;
    if count == 1 {
        return same(ctx, &all);
    }
    let mean = ctx.operator() == "Mean";
    for at in 1..count {
        let next = ctx.input(at)?;
        if at + 1 == count && !mean {
            return ctx.output(0, Op::Binary(op), &[&all, &next]);
        }
        all = ctx.binary(&format!("first_{}", at + 1), op, &all, &next)?;
    }
    let count = Term::number(count as f32);
    ctx.output(0, Op::Binary(Binary::Div), &[&all, &count])
}

/// Where.
fn choose(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &[])?;
    let (c, a, b) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    ctx.output(0, Op::Where, &[&c, &a, &b])
}
