//! Convolution.

use super::window::window;
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Conv, Op};
use crate::import::context::Context;

pub(super) const OPERATORS: &[Operator] = &[onnx("Conv", conv)];

fn conv(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=3, &["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"])?;
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
    let op = Op::Conv(Conv { window, groups });
    match ctx.optional(2) {
        Some(bias) => ctx.output(0, op, &[&x, &w, &bias]),
        None => ctx.output(0, op, &[&x, &w]),
    }
}
