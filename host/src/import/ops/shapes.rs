//! Operators that repeat elements, and those that are computed from shapes alone.

use super::views::same;
use super::{Operator, onnx, orders};
use crate::diagnostic::Result;
use crate::graph::{Op, Select, broadcast, broadcast_order, element_count};
use crate::import::constant::{self, Constant};
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;

pub(super) const OPERATORS: &[Operator] = &[
    onnx("ConstantOfShape", constant_of_shape),
    onnx("Expand", expand),
    onnx("EyeLike", eye_like),
    onnx("Range", range),
    onnx("Shape", shape),
    onnx("Size", size),
    onnx("Tile", tile),
];

/// The most elements of a constant that Range or ConstantOfShape makes.
const MOST: usize = 1 << 24;

/// Expand: broadcast to a shape, which is broadcast to the operand's in turn.
fn expand(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &[])?;
    let x = ctx.input(0)?;
    let target = ctx.ints(1, "shape")?.unwrap_or_default();
    let from = ctx.shape(&x);
    let wanted: Option<Vec<usize>> = target.iter().map(|&d| usize::try_from(d).ok()).collect();
    let shape = wanted.and_then(|wanted| broadcast(&from, &wanted));
    let Some(shape) = shape.filter(|s| element_count(s).is_some_and(|count| (1..=MOST).contains(&count)))
    else {
        let rule = format!("{from:?} can not be expanded to {target:?}");
        return ctx.refuse("SP0108", rule, "export the model again");
    };
    if shape == from {
        return same(ctx, &x);
    }
    let order = broadcast_order(&from, &shape);
    ctx.output(0, Op::Select(Select::Order { order: order.into(), fill: 0.0, shape }), &[&x])
}

/// Tile.
fn tile(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &[])?;
    let x = ctx.input(0)?;
    let repeats = ctx.ints(1, "repeats")?.unwrap_or_default();
    let from = ctx.shape(&x);
    let counts: Option<Vec<usize>> = repeats.iter().map(|&r| usize::try_from(r).ok()).collect();
    let order = counts.filter(|r| r.len() == from.len()).and_then(|r| orders::tile(&from, &r));
    match order {
        Some(order) => ctx.output(0, Op::Select(order.select(0.0)), &[&x]),
        None => {
            let rule = format!("{from:?} can not be repeated {repeats:?} times");
            ctx.refuse("SP0108", rule, "give one repetition for every axis, and at most 2^24 elements")
        }
    }
}

/// Shape, in part from operator set 15 on; known whatever the operand is.
fn shape(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, if ctx.opset() >= 15 { &["start", "end"] } else { &[] })?;
    let x = ctx.input(0)?;
    let dims: Vec<i64> = ctx.shape(&x).iter().map(|&d| d as i64).collect();
    let rank = dims.len() as i64;
    let place = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let attributes = ctx.attributes();
    let (start, end) = (place(attributes.int("start", 0)?), place(attributes.int("end", rank)?));
    let part = dims.get(start..end).unwrap_or_default().to_vec();
    ctx.pass(0, Term::ints(vec![part.len()], part));
    Ok(())
}

/// Size.
fn size(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &[])?;
    let x = ctx.input(0)?;
    let count = element_count(&ctx.shape(&x)).unwrap_or(0) as i64;
    ctx.pass(0, Term::ints(Vec::new(), vec![count]));
    Ok(())
}

/// ConstantOfShape.
fn constant_of_shape(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["value"])?;
    let target = ctx.ints(0, "shape")?.unwrap_or_default();
    let shape: Option<Vec<usize>> = target.iter().map(|&d| usize::try_from(d).ok()).collect();
    let count = shape.as_deref().and_then(element_count).filter(|&count| count <= MOST);
    let (Some(shape), Some(count)) = (shape, count) else {
        return ctx.refuse("SP0115", format!("a constant of shape {target:?}"), "use at most 2^24 elements");
    };
    let value = match ctx.attributes().tensor("value")? {
        Some(tensor) => constant::read(tensor, ctx.place, &ctx.reader.files)?,
        None => Constant::float(crate::graph::Tensor::scalar(0.0)),
    };
    let term = match (value.ints(), value.tensor()) {
        (Some(&[v]), _) => Term::ints(shape, vec![v; count]).with_element(value.element),
        (None, Some(tensor)) if tensor.data().len() == 1 => {
            Term::floats(shape, vec![tensor.data()[0]; count]).with_element(value.element)
        }
        _ => return ctx.refuse("SP0106", "the value is not one number", "export the model again"),
    };
    ctx.pass(0, term);
    Ok(())
}

/// Range, of constants.
fn range(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &[])?;
    let element = ctx.input(0)?.element();
    let too_large = |ctx: &Context<'_, '_>| {
        ctx.refuse("SP0115", "a range without end or of more than 2^24 numbers", "use a shorter one")
    };
    if data_type::is_whole(element) {
        let mut all = [0i64; 3];
        for (at, (value, what)) in all.iter_mut().zip(["start", "limit", "step"]).enumerate() {
            match ctx.ints(at, what)?.as_deref() {
                Some(&[v]) => *value = v,
                _ => {
                    return ctx.refuse(
                        "SP0108",
                        format!("the {what} is not one number"),
                        "export the model again",
                    );
                }
            }
        }
        let [start, limit, step] = all.map(i128::from);
        if step == 0 {
            return too_large(ctx);
        }
        let span = limit - start;
        let count =
            if span.signum() == step.signum() { (span.abs() + step.abs() - 1) / step.abs() } else { 0 };
        let Some(count) = usize::try_from(count).ok().filter(|&count| count <= MOST) else {
            return too_large(ctx);
        };
        let numbers = (0..count).map(|i| (start + step * i as i128) as i64).collect();
        ctx.pass(0, Term::ints(vec![count], numbers).with_element(element));
        return Ok(());
    }
    let mut all = [0f64; 3];
    for (at, (value, what)) in all.iter_mut().zip(["start", "limit", "step"]).enumerate() {
        *value = ctx.number(at, what)?.map_or(f64::NAN, f64::from);
    }
    let [start, limit, step] = all;
    let count = libm::ceil((limit - start) / step);
    if count.is_nan() || count > MOST as f64 {
        return too_large(ctx);
    }
    let numbers: Vec<f32> = (0..count.max(0.0) as usize).map(|i| (start + step * i as f64) as f32).collect();
    ctx.pass(0, Term::floats(vec![numbers.len()], numbers).with_element(element));
    Ok(())
}

/// EyeLike.
fn eye_like(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["dtype", "k"])?;
    let x = ctx.input(0)?;
    let attributes = ctx.attributes();
    let element = attributes.int("dtype", i64::from(x.element()))? as i32;
    let k = attributes.int("k", 0)?;
    let &[rows, columns] = ctx.shape(&x).as_slice() else {
        return ctx.refuse("SP0108", "the operand is not a matrix", "export the model again");
    };
    if !data_type::is_float(element) && !data_type::is_whole(element) {
        let rule = format!("a matrix of type {}", data_type::name(element));
        return ctx.refuse("SP0109", rule, "export the network in 32-bit floating point");
    }
    let on = |at: usize| (at % columns) as i64 - (at / columns) as i64 == k;
    let ones = (0..rows * columns).map(|at| i64::from(on(at))).collect();
    ctx.pass(0, Term::ints(vec![rows, columns], ones).with_element(element));
    Ok(())
}
