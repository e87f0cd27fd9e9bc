//! Operators that move no element, and constants.

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Op, Tensor};
use crate::import::constant::{self, Constant};
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;
use crate::import::shaping;

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Constant", constant),
    onnx("Dropout", dropout),
    onnx("Flatten", flatten),
    onnx("Identity", identity),
    onnx("Reshape", reshape),
    onnx("Squeeze", squeeze),
    onnx("Unsqueeze", unsqueeze),
];

/// Output 0 is `x` as it is, under the output's name.
pub(super) fn same(ctx: &mut Context<'_, '_>, x: &Term) -> Result<()> {
    if x.constant().is_some() {
        ctx.pass(0, x.clone());
        return Ok(());
    }
    let shape = ctx.shape(x);
    ctx.output(0, Op::view(shape), &[x])
}

fn identity(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &[])?;
    let x = ctx.input(0)?;
    same(ctx, &x)
}

fn flatten(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["axis"])?;
    let x = ctx.input(0)?;
    let shape = shaping::flatten(&ctx.shape(&x), ctx.attributes().int("axis", 1)?, ctx.place)?;
    ctx.output(0, Op::view(shape), &[&x])
}

fn reshape(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, if ctx.opset() >= 14 { &["allowzero"] } else { &[] })?;
    let x = ctx.input(0)?;
    let target = ctx.ints(1, "shape")?.unwrap_or_default();
    let allow_zero = ctx.attributes().int("allowzero", 0)? != 0;
    let shape = shaping::reshape(&ctx.shape(&x), &target, allow_zero, ctx.place)?;
    ctx.output(0, Op::view(shape), &[&x])
}

/// The axes of Squeeze and Unsqueeze: an attribute before operator set 13, then an operand.
fn listed_axes(ctx: &Context<'_, '_>, least: usize) -> Result<Option<Vec<i64>>> {
    if ctx.opset() < 13 {
        ctx.expect(1..=1, &["axes"])?;
        return Ok(ctx.attributes().ints("axes")?.map(<[i64]>::to_vec));
    }
    ctx.expect(least..=2, &[])?;
    ctx.ints(1, "list of axes")
}

fn squeeze(ctx: &mut Context<'_, '_>) -> Result<()> {
    let axes = listed_axes(ctx, 1)?;
    let x = ctx.input(0)?;
    let shape = shaping::squeeze(&ctx.shape(&x), axes.as_deref(), ctx.place)?;
    ctx.output(0, Op::view(shape), &[&x])
}

fn unsqueeze(ctx: &mut Context<'_, '_>) -> Result<()> {
    let Some(axes) = listed_axes(ctx, 2)? else {
        return ctx.refuse("SP0106", "the attribute \"axes\" is missing", "export the model again");
    };
    let x = ctx.input(0)?;
    let shape = shaping::unsqueeze(&ctx.shape(&x), &axes, ctx.place)?;
    ctx.output(0, Op::view(shape), &[&x])
}

/// Dropout: nothing at inference; the mask is true everywhere.
fn dropout(ctx: &mut Context<'_, '_>) -> Result<()> {
    let training = if ctx.opset() < 12 {
        ctx.expect(
            1..=1,
            if ctx.opset() < 7 { &["ratio", "is_test", "consumed_inputs"] } else { &["ratio"] },
        )?;
        ctx.opset() < 7 && ctx.attributes().int("is_test", 0)? == 0
    } else {
        ctx.expect(1..=3, &["seed"])?;
        // A ratio of 0 drops nothing, training or not.
        ctx.number(2, "training mode")?.is_some_and(|mode| mode != 0.0)
            && ctx.number(1, "ratio")?.is_none_or(|ratio| ratio != 0.0)
    };
    if training {
        return ctx.refuse("SP0106", "the training mode is on", "export the model for inference");
    }
    let x = ctx.input(0)?;
    if ctx.wants(1) {
        let shape = ctx.shape(&x);
        let count = shape.iter().product();
        // Before operator set 10 the mask had the type of the operand.
        let element = if ctx.opset() < 10 { x.element() } else { data_type::BOOL };
        ctx.pass(1, Term::ints(shape, vec![1; count]).with_element(element));
    }
    same(ctx, &x)
}

fn constant(ctx: &mut Context<'_, '_>) -> Result<()> {
    const NAMES: [&str; 5] = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    let way_out = "give exactly one of value, value_float(s), value_int(s)";
    ctx.expect(0..=0, &NAMES)?;
    let attributes = ctx.attributes();
    if NAMES.iter().filter(|n| attributes.has(n)).count() != 1 {
        return ctx.refuse("SP0106", "the constant has no single value", way_out);
    }
    let floats = |shape: Vec<usize>, data: Vec<f32>| -> Result<Constant> {
        constant::finite(&data, &shape, ctx.place)?;
        let tensor = Tensor::new(shape, data);
        tensor.map(Constant::float).ok_or_else(|| ctx.fault("SP0106", "the constant is too large", way_out))
    };
    let value = if let Some(tensor) = attributes.tensor("value")? {
        constant::read(tensor, ctx.place, &ctx.reader.files)?
    } else if attributes.has("value_float") {
        floats(Vec::new(), vec![attributes.float("value_float", 0.0)?])?
    } else if let Some(list) = attributes.floats("value_floats")? {
        floats(vec![list.len()], list.to_vec())?
    } else if attributes.has("value_int") {
        Constant::int(Vec::new(), vec![attributes.int("value_int", 0)?])
    } else if let Some(list) = attributes.ints("value_ints")? {
        Constant::int(vec![list.len()], list.to_vec())
    } else {
        return ctx.refuse("SP0106", "the constant has no value", way_out);
    };
    ctx.pass_named(value);
    Ok(())
}
