//! Normalisations.

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("BatchNormalization", batch_normalization),
    onnx("Hardmax", |ctx| softmax(ctx, |first, last| Op::Hardmax { first, last })),
    onnx("LogSoftmax", |ctx| softmax(ctx, |first, last| Op::Softmax { first, last, log: true })),
    onnx("Softmax", |ctx| softmax(ctx, |first, last| Op::Softmax { first, last, log: false })),
];

/// x * scale + shift with one scale and one shift per channel.
fn batch_normalization(ctx: &mut Context<'_, '_>) -> Result<()> {
    let known: &[&str] = match ctx.opset() {
        ..7 => &["epsilon", "momentum", "spatial", "is_test", "consumed_inputs"],
        7..9 => &["epsilon", "momentum", "spatial"],
        9..14 => &["epsilon", "momentum"],
        14.. => &["epsilon", "momentum", "training_mode"],
    };
    ctx.expect(5..=5, known)?;
    let attributes = ctx.attributes();
    let training = if ctx.opset() < 7 {
        attributes.int("is_test", 0)? == 0
    } else {
        attributes.int("training_mode", 0)? != 0
    };
    if training || (1..5).any(|output| ctx.wants(output)) {
        return ctx.refuse("SP0106", "the training mode is on", "export the model for inference");
    }
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    if attributes.int("spatial", 1)? != 1 && shape.len() > 2 {
        return ctx.refuse("SP0106", "spatial is not 1", "export the model with a newer operator set");
    }
    let Some(&channels) = shape.get(1) else {
        let rule = format!("batch normalisation of {shape:?}, which has no channels");
        return ctx.refuse("SP0108", rule, "export the model again");
    };
    let mut aligned = vec![1; shape.len() - 1];
    aligned[0] = channels;
    for at in 1..5 {
        let given = ctx.shape(&ctx.input(at)?);
        if given != [channels] {
            let rule = format!("batch normalisation of {shape:?} with a parameter of {given:?}");
            return ctx.refuse("SP0108", rule, "export the model again");
        }
    }
    let (gain, bias, mean, variance) = (ctx.input(1)?, ctx.input(2)?, ctx.input(3)?, ctx.input(4)?);
    let epsilon = Term::number(attributes.float("epsilon", 1e-5)?);
    let sum = ctx.binary("variance", Binary::Add, &variance, &epsilon)?;
    let deviation = ctx.map("deviation", Function::Sqrt, &sum)?;
    let scale = ctx.binary("gain", Binary::Div, &gain, &deviation)?;
    let centre = ctx.binary("centre", Binary::Mul, &mean, &scale)?;
    let shift = ctx.binary("offset", Binary::Sub, &bias, &centre)?;
    let scale = ctx.view("scale", &scale, &aligned)?;
    let shift = ctx.view("shift", &shift, &aligned)?;
    let scaled = ctx.binary("scaled", Binary::Mul, &x, &scale)?;
    ctx.output(0, Op::Binary(Binary::Add), &[&scaled, &shift])
}

/// Before operator set 13 all axes from `axis` on are normalised together.
fn softmax(ctx: &mut Context<'_, '_>, op: fn(usize, usize) -> Op) -> Result<()> {
    ctx.expect(1..=1, &["axis"])?;
    let x = ctx.input(0)?;
    let rank = ctx.shape(&x).len();
    let together = ctx.opset() < 13;
    let first = ctx.attributes().axis("axis", if together { 1 } else { -1 }, rank)?;
    let last = if together { rank - 1 } else { first };
    ctx.output(0, op(first, last), &[&x])
}
