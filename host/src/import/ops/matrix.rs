//! Matrix products.

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Op};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[onnx("Gemm", gemm), onnx("MatMul", matmul)];

fn matmul(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &[])?;
    let (a, b) = (ctx.input(0)?, ctx.input(1)?);
    ctx.output(0, Op::MatMul, &[&a, &b])
}

/// alpha A B + beta C: factors and transpositions of constants vanish in the constants.
fn gemm(ctx: &mut Context<'_, '_>) -> Result<()> {
    // Before operator set 7 broadcasting had to be asked for.
    let known = ["alpha", "beta", "transA", "transB", "broadcast"];
    let known = if ctx.opset() < 7 { &known[..] } else { &known[..4] };
    ctx.expect(if ctx.opset() < 11 { 3..=3 } else { 2..=3 }, known)?;
    let attributes = ctx.attributes();
    let (alpha, beta) = (attributes.float("alpha", 1.0)?, attributes.float("beta", 1.0)?);
    let (mut a, mut b, c) = (ctx.input(0)?, ctx.input(1)?, ctx.optional(2));
    for (operand, name, part) in [(&mut a, "transA", "a"), (&mut b, "transB", "b")] {
        let shape = ctx.shape(operand);
        if shape.len() != 2 {
            return ctx.refuse("SP0108", format!("Gemm takes matrices, here is {shape:?}"), "use MatMul");
        }
        if attributes.int(name, 0)? != 0 {
            *operand = ctx.transpose(part, operand, &[1, 0])?;
        }
    }
    // A factor goes where it costs nothing.
    let factor = Term::number(alpha);
    let mut late = None;
    if alpha != 1.0 {
        if b.constant().is_some() {
            b = ctx.binary("weights", Binary::Mul, &factor, &b)?;
        } else if a.constant().is_some() {
            a = ctx.binary("weights", Binary::Mul, &factor, &a)?;
        } else {
            late = Some(factor);
        }
    }
    let (m, n) = (ctx.shape(&a)[0], ctx.shape(&b)[1]);
    let Some(mut c) = c else {
        return match late {
            None => ctx.output(0, Op::MatMul, &[&a, &b]),
            Some(factor) => {
                let product = ctx.part("product", Op::MatMul, &[&a, &b])?;
                ctx.output(0, Op::Binary(Binary::Mul), &[&product, &factor])
            }
        };
    };
    let given = ctx.shape(&c);
    if crate::graph::broadcast(&given, &[m, n]) != Some(vec![m, n]) {
        let rule = format!("Gemm's third operand {given:?} is not broadcast to [{m}, {n}]");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    if beta != 1.0 {
        c = ctx.binary("bias", Binary::Mul, &Term::number(beta), &c)?;
    }
    let mut product = ctx.part("product", Op::MatMul, &[&a, &b])?;
    if let Some(factor) = late {
        product = ctx.binary("scaled", Binary::Mul, &product, &factor)?;
    }
    ctx.output(0, Op::Binary(Binary::Add), &[&product, &c])
}
