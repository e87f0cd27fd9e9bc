//! Pooling.

use super::window::{positions, window};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Op, Pool, PoolKind, Window};
use crate::import::context::Context;

pub(super) const OPERATORS: &[Operator] = &[
    onnx("AveragePool", average_pool),
    onnx("GlobalAveragePool", |ctx| global(ctx, PoolKind::Average { count_include_pad: false })),
    onnx("GlobalMaxPool", |ctx| global(ctx, PoolKind::Max)),
    onnx("MaxPool", max_pool),
];

fn max_pool(ctx: &mut Context<'_, '_>) -> Result<()> {
    let known = ["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"];
    ctx.expect(1..=1, &known)?;
    if ctx.wants(1) {
        return ctx.refuse("SP0105", "the positions of the largest are asked for", "use only the values");
    }
    pool(ctx, PoolKind::Max)
}

fn average_pool(ctx: &mut Context<'_, '_>) -> Result<()> {
    let known =
        ["auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"];
    ctx.expect(1..=1, &known)?;
    let count_include_pad = ctx.attributes().int("count_include_pad", 0)? != 0;
    pool(ctx, PoolKind::Average { count_include_pad })
}

fn pool(ctx: &mut Context<'_, '_>, kind: PoolKind) -> Result<()> {
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let kernel = ctx.attributes().ints("kernel_shape")?.unwrap_or_default();
    let kernel: Vec<usize> = kernel.iter().map(|&k| usize::try_from(k).unwrap_or(0)).collect();
    if shape.len() < 3 {
        let rule = format!("{} of {shape:?}, which has no spatial axes", ctx.operator());
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let window = window(ctx, kernel, &shape[2..])?;
    let ceil = ctx.attributes().int("ceil_mode", 0)? != 0;
    let Some(output) = positions(&window, &shape[2..], ceil) else {
        let rule = format!("no window {window} fits into {shape:?}");
        return ctx.refuse("SP0108", rule, "export the model again");
    };
    ctx.output(0, Op::Pool(Pool { kind, window, output }), &[&x])
}

/// One window that takes everything.
fn global(ctx: &mut Context<'_, '_>, kind: PoolKind) -> Result<()> {
    ctx.expect(1..=1, &[])?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    if shape.len() < 3 {
        let rule = format!("{} of {shape:?}, which has no spatial axes", ctx.operator());
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let window = Window::new(shape[2..].to_vec());
    let output = vec![1; shape.len() - 2];
    ctx.output(0, Op::Pool(Pool { kind, window, output }), &[&x])
}
