//! Operators of the domain `com.microsoft` that optimisers and exporters write for several of ONNX's in one.

use super::conv::{ATTRIBUTES, convolution};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, ReduceKind};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    microsoft("BiasAdd", bias_add),
    microsoft("BiasGelu", |ctx| gelu(ctx, 2..=2, Function::Gelu { tanh: false })),
    microsoft("BiasSoftmax", bias_softmax),
    microsoft("FastGelu", |ctx| gelu(ctx, 1..=2, Function::Gelu { tanh: true })),
    microsoft("FusedConv", fused_conv),
    microsoft("FusedGemm", fused_gemm),
    microsoft("FusedMatMul", fused_matmul),
    microsoft("Gelu", |ctx| gelu(ctx, 1..=1, Function::Gelu { tanh: false })),
    microsoft("QuickGelu", quick_gelu),
    microsoft("SkipLayerNormalization", |ctx| skip_normalization(ctx, true)),
    microsoft("SkipSimplifiedLayerNormalization", |ctx| skip_normalization(ctx, false)),
    microsoft("TransposeMatMul", fused_matmul),
    onnx("SimplifiedLayerNormalization", simplified),
];

/// An operator of the domain `com.microsoft`.
pub(super) const fn microsoft(name: &'static str, translate: super::Translate) -> Operator {
    Operator { domain: "com.microsoft", name, translate }
}

/// A function of x, a bias being added before where there is one.
fn gelu(
    ctx: &mut Context<'_, '_>,
    operands: std::ops::RangeInclusive<usize>,
    function: Function,
) -> Result<()> {
    ctx.expect(operands, &[])?;
    let mut x = ctx.input(0)?;
    if let Some(bias) = ctx.optional(1) {
        x = ctx.binary("biased", Binary::Add, &x, &bias)?;
    }
    ctx.output(0, Op::Map(function), &[&x])
}

/// x sigmoid(alpha x).
fn quick_gelu(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["alpha"])?;
    let alpha = ctx.attributes().float("alpha", 1.702)?;
    let x = ctx.input(0)?;
    ctx.output(0, Op::Map(Function::Swish { alpha }), &[&x])
}

/// x + bias + skip.
fn bias_add(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &[])?;
    let (x, bias, skip) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let biased = ctx.binary("biased", Binary::Add, &x, &bias)?;
    ctx.output(0, Op::Binary(Binary::Add), &[&biased, &skip])
}

/// Softmax of x + bias over all axes from `axis` on.
fn bias_softmax(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["axis", "is_inner_broadcast"])?;
    let (x, bias) = (ctx.input(0)?, ctx.input(1)?);
    let shape = ctx.shape(&x);
    let first = ctx.attributes().axis("axis", 1, shape.len())?;
    if ctx.attributes().int("is_inner_broadcast", 1)? == 0 && ctx.shape(&bias) != shape {
        let rule = "a bias that is repeated over the outer axes";
        return ctx.refuse("SP0105", rule, "export the model without this fusion");
    }
    let biased = ctx.binary("biased", Binary::Add, &x, &bias)?;
    ctx.output(0, Op::Softmax { first, last: shape.len() - 1, log: false }, &[&biased])
}

/// The activation that `name` says, of which the numbers are given in order.
fn activation(ctx: &Context<'_, '_>, name: &str, numbers: &[f32]) -> Result<Option<Function>> {
    let number = |at: usize, usual: f32| numbers.get(at).copied().unwrap_or(usual);
    Ok(Some(match name {
        "" => return Ok(None),
        "Relu" => Function::Relu,
        "Sigmoid" => Function::Sigmoid,
        "Tanh" => Function::Tanh,
        "Softplus" => Function::Softplus,
        "Softsign" => Function::Softsign,
        "HardSwish" => Function::HardSwish,
        "LeakyRelu" => Function::LeakyRelu { alpha: number(0, 0.01) },
        "Elu" => Function::Elu { alpha: number(0, 1.0) },
        "ThresholdedRelu" => Function::ThresholdedRelu { alpha: number(0, 1.0) },
        "HardSigmoid" => Function::HardSigmoid { alpha: number(0, 0.2), beta: number(1, 0.5) },
        "Clip" => Function::Clip { lo: number(0, f32::NEG_INFINITY), hi: number(1, f32::INFINITY) },
        other => {
            let rule = format!("the activation {other:?} is not known");
            return ctx.refuse("SP0106", rule, "export the model without this fusion");
        }
    }))
}

/// A convolution, operand 3 being added, and an activation.
fn fused_conv(ctx: &mut Context<'_, '_>) -> Result<()> {
    let known: Vec<&str> = ATTRIBUTES.into_iter().chain(["activation", "activation_params"]).collect();
    ctx.expect(2..=4, &known)?;
    let name = ctx.attributes().text("activation", "")?;
    let numbers = ctx.attributes().floats("activation_params")?.unwrap_or_default();
    let act = activation(ctx, &name, numbers)?;
    let (op, operands) = convolution(ctx)?;
    let mut sum = ctx.part("sum", op, &operands.iter().collect::<Vec<_>>())?;
    if let Some(other) = ctx.optional(3) {
        sum = ctx.binary("joined", Binary::Add, &sum, &other)?;
    }
    last(ctx, &sum, act)
}

/// Output 0: the function of x, or x itself.
fn last(ctx: &mut Context<'_, '_>, x: &Term, act: Option<Function>) -> Result<()> {
    match act {
        Some(function) => ctx.output(0, Op::Map(function), &[x]),
        None => {
            let shape = ctx.shape(x);
            ctx.output(0, Op::view(shape), &[x])
        }
    }
}

/// alpha A B, each transposed in its last axes where asked for.
fn product(ctx: &mut Context<'_, '_>) -> Result<Term> {
    let attributes = ctx.attributes();
    let alpha = attributes.float("alpha", 1.0)?;
    let (mut a, mut b) = (ctx.input(0)?, ctx.input(1)?);
    for (operand, name, part) in [(&mut a, "transA", "a"), (&mut b, "transB", "b")] {
        let rank = ctx.shape(operand).len();
        if attributes.int(name, 0)? != 0 && rank >= 2 {
            let mut perm: Vec<usize> = (0..rank).collect();
            perm.swap(rank - 2, rank - 1);
            *operand = ctx.transpose(part, operand, &perm)?;
        }
    }
    if alpha != 1.0 {
        b = ctx.binary("weights", Binary::Mul, &Term::number(alpha), &b)?;
    }
    ctx.part("product", Op::MatMul, &[&a, &b])
}

fn fused_matmul(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["alpha", "transA", "transB", "transBatchA", "transBatchB"])?;
    for name in ["transBatchA", "transBatchB"] {
        if ctx.attributes().int(name, 0)? != 0 {
            return ctx.refuse("SP0106", format!("{name} is set"), "export the model without this fusion");
        }
    }
    let product = product(ctx)?;
    last(ctx, &product, None)
}

/// alpha A B + beta C and an activation.
fn fused_gemm(ctx: &mut Context<'_, '_>) -> Result<()> {
    let known = [
        "activation",
        "activation_alpha",
        "activation_beta",
        "activation_gamma",
        "alpha",
        "beta",
        "transA",
        "transB",
    ];
    ctx.expect(2..=3, &known)?;
    let attributes = ctx.attributes();
    let mut numbers = Vec::new();
    for name in ["activation_alpha", "activation_beta"] {
        if attributes.has(name) {
            numbers.push(attributes.float(name, 0.0)?);
        }
    }
    let act = activation(ctx, &attributes.text("activation", "")?, &numbers)?;
    let beta = attributes.float("beta", 1.0)?;
    let mut sum = product(ctx)?;
    if let Some(mut c) = ctx.optional(2) {
        if beta != 1.0 {
            c = ctx.binary("bias", Binary::Mul, &Term::number(beta), &c)?;
        }
        sum = ctx.binary("sum", Binary::Add, &sum, &c)?;
    }
    last(ctx, &sum, act)
}

/// x (less its mean) / sqrt(variance + epsilon), gain and bias, over the axes from `axis` on.
fn normalised(
    ctx: &mut Context<'_, '_>,
    x: &Term,
    axis: usize,
    epsilon: f32,
    centred: bool,
    (gain, bias): (&Term, Option<&Term>),
) -> Result<()> {
    let axes: Vec<usize> = (axis..ctx.shape(x).len()).collect();
    let mean = Op::Reduce { kind: ReduceKind::Mean, axes, keepdims: true };
    let mut inner = x.clone();
    if centred {
        let middle = ctx.part("mean", mean.clone(), &[x])?;
        inner = ctx.binary("centred", Binary::Sub, x, &middle)?;
    }
    let square = ctx.map("square", Function::Square, &inner)?;
    let variance = ctx.part("variance", mean, &[&square])?;
    let shifted = ctx.binary("shifted", Binary::Add, &variance, &Term::number(epsilon))?;
    let deviation = ctx.map("deviation", Function::Sqrt, &shifted)?;
    let inverse = ctx.map("inverse", Function::Reciprocal, &deviation)?;
    let normal = ctx.binary("normalised", Binary::Mul, &inner, &inverse)?;
    match bias {
        Some(bias) => {
            let scaled = ctx.binary("scaled", Binary::Mul, &normal, gain)?;
            ctx.output(0, Op::Binary(Binary::Add), &[&scaled, bias])
        }
        None => ctx.output(0, Op::Binary(Binary::Mul), &[&normal, gain]),
    }
}

/// Layer normalisation of the sum of operand and skip; with `centred` operands 3 and 4 are shift and bias, else operand 3 is the
/// bias.
fn skip_normalization(ctx: &mut Context<'_, '_>, centred: bool) -> Result<()> {
    ctx.expect(3..=if centred { 5 } else { 4 }, &["epsilon"])?;
    if ctx.wants(1) || ctx.wants(2) {
        let rule = "mean or inverse deviation are asked for";
        return ctx.refuse("SP0105", rule, "use only the normalised value and the sum");
    }
    let epsilon = ctx.attributes().float("epsilon", 1e-12)?;
    let (x, skip, gain) = (ctx.input(0)?, ctx.input(1)?, ctx.input(2)?);
    let mut sum = ctx.binary("sum", Binary::Add, &x, &skip)?;
    if let Some(bias) = ctx.optional(if centred { 4 } else { 3 }) {
        sum = ctx.binary("biased", Binary::Add, &sum, &bias)?;
    }
    let shift = if centred { ctx.optional(3) } else { None };
    let axis = ctx.shape(&sum).len().saturating_sub(1);
    normalised(ctx, &sum, axis, epsilon, centred, (&gain, shift.as_ref()))?;
    ctx.pass(3, sum);
    Ok(())
}

/// The root-mean-square normalisation that onnxruntime has in ONNX's own domain.
fn simplified(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["axis", "epsilon", "stash_type"])?;
    if ctx.wants(1) {
        return ctx.refuse("SP0105", "the inverse deviation is asked for", "use only the normalised value");
    }
    let (x, gain) = (ctx.input(0)?, ctx.input(1)?);
    let axis = ctx.attributes().axis("axis", -1, ctx.shape(&x).len())?;
    let epsilon = ctx.attributes().float("epsilon", 1e-5)?;
    normalised(ctx, &x, axis, epsilon, false, (&gain, None))
}
