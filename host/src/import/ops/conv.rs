//! Convolution.

use super::window::window;
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Conv, Op};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[onnx("Conv", conv)];

/// The attributes of a convolution.
pub(super) const ATTRIBUTES: [&str; 6] =
    ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];

fn conv(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=3, &ATTRIBUTES)?;
    let (op, operands) = convolution(ctx)?;
    ctx.output(0, op, &operands.iter().collect::<Vec<_>>())
}

/// The convolution of operands 0 (x), 1 (weights) and 2 (bias, where it is given).
pub(super) fn convolution(ctx: &Context<'_, '_>) -> Result<(Op, Vec<Term>)> {
    let (x, w) = (ctx.input(0)?, ctx.input(1)?);
    let (shape, weights) = (ctx.shape(&x), ctx.shape(&w));
    if shape.len() < 3 || weights.len() != shape.len() {
        let rule = format!("a convolution of {shape:?} with weights {weights:?}");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let kernel = weights[2..].to_vec();
    if let Some(stated) = ctx.attributes().ints("kernel_shape")?
        && !stated.iter().copied().eq(kernel.iter().map(|&k| k as i64))
    {
        let rule = format!("kernel_shape is {stated:?}, the weights have the shape {weights:?}");
        return ctx.refuse("SP0106", rule, "export the model again");
    }
    let group = ctx.attributes().int("group", 1)?;
    let Some(groups) = usize::try_from(group).ok().filter(|&g| g >= 1) else {
        return ctx.refuse("SP0106", format!("group is {group}"), "it must be at least 1");
    };
    let window = window(ctx, kernel, &shape[2..])?;
    Ok((Op::Conv(Conv { window, groups }), [x, w].into_iter().chain(ctx.optional(2)).collect()))
}
