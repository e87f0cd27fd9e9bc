//! Element-wise functions of one operand.

use super::views::same;
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Rounding};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("Abs", |ctx| plain(ctx, Function::Abs)),
    onnx("Acos", |ctx| plain(ctx, Function::Acos)),
    onnx("Acosh", |ctx| plain(ctx, Function::Acosh)),
    onnx("Asin", |ctx| plain(ctx, Function::Asin)),
    onnx("Asinh", |ctx| plain(ctx, Function::Asinh)),
    onnx("Atan", |ctx| plain(ctx, Function::Atan)),
    onnx("Atanh", |ctx| plain(ctx, Function::Atanh)),
    onnx("Ceil", |ctx| plain(ctx, Function::Round(Rounding::Ceil))),
    onnx("Celu", celu),
    onnx("Clip", clip),
    onnx("Cos", |ctx| plain(ctx, Function::Cos)),
    onnx("Cosh", |ctx| plain(ctx, Function::Cosh)),
    onnx("Elu", |ctx| with_alpha(ctx, 1.0, |alpha| Function::Elu { alpha })),
    onnx("Erf", |ctx| plain(ctx, Function::Erf)),
    onnx("Exp", |ctx| plain(ctx, Function::Exp)),
    onnx("Floor", |ctx| plain(ctx, Function::Round(Rounding::Floor))),
    onnx("Gelu", gelu),
    onnx("HardSigmoid", hard_sigmoid),
    onnx("HardSwish", |ctx| plain(ctx, Function::HardSwish)),
    onnx("IsInf", is_inf),
    onnx("IsNaN", |ctx| plain(ctx, Function::IsNan)),
    onnx("LeakyRelu", |ctx| with_alpha(ctx, 0.01, |alpha| Function::LeakyRelu { alpha })),
    onnx("Log", |ctx| plain(ctx, Function::Log)),
    onnx("Mish", |ctx| plain(ctx, Function::Mish)),
    onnx("Neg", |ctx| plain(ctx, Function::Neg)),
    onnx("Not", |ctx| plain(ctx, Function::Not)),
    onnx("Reciprocal", |ctx| plain(ctx, Function::Reciprocal)),
    onnx("Relu", |ctx| plain(ctx, Function::Relu)),
    onnx("Round", |ctx| plain(ctx, Function::Round(Rounding::HalfEven))),
    onnx("Selu", selu),
    onnx("Shrink", shrink),
    onnx("Sigmoid", |ctx| plain(ctx, Function::Sigmoid)),
    onnx("Sign", |ctx| plain(ctx, Function::Sign)),
    onnx("Sin", |ctx| plain(ctx, Function::Sin)),
    onnx("Sinh", |ctx| plain(ctx, Function::Sinh)),
    onnx("Softplus", |ctx| plain(ctx, Function::Softplus)),
    onnx("Softsign", |ctx| plain(ctx, Function::Softsign)),
    onnx("Sqrt", |ctx| plain(ctx, Function::Sqrt)),
    onnx("Swish", |ctx| with_alpha(ctx, 1.0, |alpha| Function::Swish { alpha })),
    onnx("Tan", |ctx| plain(ctx, Function::Tan)),
    onnx("Tanh", |ctx| plain(ctx, Function::Tanh)),
    onnx("ThresholdedRelu", |ctx| with_alpha(ctx, 1.0, |alpha| Function::ThresholdedRelu { alpha })),
];

/// The last step of every function here.
fn function(ctx: &mut Context<'_, '_>, function: Function) -> Result<()> {
    let x = ctx.input(0)?;
    ctx.output(0, Op::Map(function), &[&x])
}

/// A function without parameters.
fn plain(ctx: &mut Context<'_, '_>, known: Function) -> Result<()> {
    // Operator set 6 and older wrote down what may be computed in place.
    ctx.expect(1..=1, if ctx.opset() < 7 { &["consumed_inputs"] } else { &[] })?;
    function(ctx, known)
}

/// A function with the parameter `alpha`.
fn with_alpha(ctx: &mut Context<'_, '_>, default: f32, known: fn(f32) -> Function) -> Result<()> {
    ctx.expect(1..=1, if ctx.opset() < 7 { &["alpha", "consumed_inputs"] } else { &["alpha"] })?;
    let alpha = ctx.attributes().float("alpha", default)?;
    function(ctx, known(alpha))
}

/// Celu, which divides by its parameter.
fn celu(ctx: &mut Context<'_, '_>) -> Result<()> {
    if ctx.attributes().float("alpha", 1.0)? == 0.0 {
        return ctx.refuse("SP0106", "the attribute \"alpha\" is 0", "it must not be 0");
    }
    with_alpha(ctx, 1.0, |alpha| Function::Celu { alpha })
}

/// Selu.
fn selu(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["alpha", "gamma"])?;
    let attributes = ctx.attributes();
    let alpha = attributes.float("alpha", 1.673_263_2)?;
    let gamma = attributes.float("gamma", 1.050_701)?;
    function(ctx, Function::Selu { alpha, gamma })
}

/// Gelu.
fn gelu(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["approximate"])?;
    let approximate = ctx.attributes().text("approximate", "none")?;
    match approximate.as_str() {
        "none" => function(ctx, Function::Gelu { tanh: false }),
        "tanh" => function(ctx, Function::Gelu { tanh: true }),
        other => {
            let rule = format!("the attribute \"approximate\" is {other:?}");
            ctx.refuse("SP0106", rule, "it must be none or tanh")
        }
    }
}

/// HardSigmoid.
fn hard_sigmoid(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["alpha", "beta"])?;
    let attributes = ctx.attributes();
    let (alpha, beta) = (attributes.float("alpha", 0.2)?, attributes.float("beta", 0.5)?);
    function(ctx, Function::HardSigmoid { alpha, beta })
}

/// Shrink.
fn shrink(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["bias", "lambd"])?;
    let attributes = ctx.attributes();
    let (bias, lambd) = (attributes.float("bias", 0.0)?, attributes.float("lambd", 0.5)?);
    function(ctx, Function::Shrink { lambd, bias })
}

/// IsInf.
fn is_inf(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["detect_negative", "detect_positive"])?;
    let attributes = ctx.attributes();
    let negative = attributes.int("detect_negative", 1)? != 0;
    let positive = attributes.int("detect_positive", 1)? != 0;
    function(ctx, Function::IsInf { negative, positive })
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
        None => same(ctx, &raised),
    }
}
