//! Quantised operators of the domain `com.microsoft`: what onnxruntime's quantiser writes beside ONNX's own. Operands are
//! codes with scale and zero point; the result is computed in real numbers and quantised again.

use super::Operator;
use super::fused::microsoft;
use super::quantise::{centred, dequantize, dynamic_codes, matrix, quantize, range, requantised};
use super::window::{positions, window};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Pool, PoolKind, ReduceKind, Select};
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;

pub(super) const OPERATORS: &[Operator] = &[
    microsoft("DequantizeLinear", dequantize),
    microsoft("DynamicQuantizeMatMul", dynamic_matmul),
    microsoft("MatMulIntegerToFloat", integer_to_float),
    microsoft("QGemm", gemm),
    microsoft("QLinearAdd", |ctx| two(ctx, Binary::Add)),
    microsoft("QLinearAveragePool", average_pool),
    microsoft("QLinearConcat", concat),
    microsoft("QLinearGlobalAveragePool", global_average),
    microsoft("QLinearLeakyRelu", leaky_relu),
    microsoft("QLinearMul", |ctx| two(ctx, Binary::Mul)),
    microsoft("QLinearReduceMean", reduce_mean),
    microsoft("QLinearSigmoid", sigmoid),
    microsoft("QLinearSoftmax", softmax),
    microsoft("QuantizeLinear", quantize),
];

/// The real number behind operand `at`, whose scale and zero point (0 where it is left out) follow it.
fn real(ctx: &mut Context<'_, '_>, part: &str, at: usize) -> Result<Term> {
    let (x, scale) = (ctx.input(at)?, single(ctx, &format!("{part}_scale"), at + 1)?);
    let zero = match ctx.optional(at + 2) {
        Some(_) => Some(single(ctx, &format!("{part}_zero"), at + 2)?),
        None => None,
    };
    let centred = centred(ctx, &format!("{part}_centred"), &x, zero.as_ref())?;
    ctx.binary(part, Binary::Mul, &centred, &scale)
}

/// Operand `at`, one number.
fn single(ctx: &mut Context<'_, '_>, part: &str, at: usize) -> Result<Term> {
    let term = ctx.input(at)?;
    if ctx.shape(&term).iter().product::<usize>() != 1 {
        let rule = format!("input {at} has the shape {:?}, not one number", ctx.shape(&term));
        return ctx.refuse("SP0105", rule, "quantise each tensor with one scale");
    }
    ctx.view(part, &term, &[])
}

/// Output 0: `x` as codes of the scale in operand `at` and the zero point behind it, of the type of `like` where that is left
/// out.
fn quantised(ctx: &mut Context<'_, '_>, x: &Term, at: usize, like: i32) -> Result<()> {
    let scale = single(ctx, "out_scale", at)?;
    let (zero, element) = match ctx.optional(at + 1) {
        Some(zero) => (single(ctx, "out_zero", at + 1)?, zero.element()),
        None => (Term::number(0.0), like),
    };
    let limits = range(ctx, element)?;
    requantised(ctx, x, &scale, &zero, limits)?.finish(ctx, element)
}

/// QLinearAdd and QLinearMul.
fn two(ctx: &mut Context<'_, '_>, op: Binary) -> Result<()> {
    ctx.expect(7..=8, &[])?;
    let element = ctx.input(0)?.element();
    let (a, b) = (real(ctx, "a", 0)?, real(ctx, "b", 3)?);
    let result = ctx.binary("real", op, &a, &b)?;
    quantised(ctx, &result, 6, element)
}

/// An element-wise function.
fn mapped(ctx: &mut Context<'_, '_>, function: Function) -> Result<()> {
    let element = ctx.input(0)?.element();
    let x = real(ctx, "x", 0)?;
    let y = ctx.map("real", function, &x)?;
    quantised(ctx, &y, 3, element)
}

fn leaky_relu(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(4..=5, &["alpha"])?;
    let alpha = ctx.attributes().float("alpha", 0.01)?;
    mapped(ctx, Function::LeakyRelu { alpha })
}

fn sigmoid(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(4..=5, &[])?;
    mapped(ctx, Function::Sigmoid)
}

/// QLinearSoftmax: over one axis from operator set 13 on, else over all axes from one on; the attribute `opset` tells.
fn softmax(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(4..=5, &["axis", "opset"])?;
    let element = ctx.input(0)?.element();
    let x = real(ctx, "x", 0)?;
    let rank = ctx.shape(&x).len();
    let newer = ctx.attributes().int("opset", 13)? >= 13;
    let first = ctx.attributes().axis("axis", -1, rank)?;
    let last = if newer { first } else { rank - 1 };
    let y = ctx.part("real", Op::Softmax { first, last, log: false }, &[&x])?;
    quantised(ctx, &y, 3, element)
}

/// QLinearConcat: scale and zero point of the result come first.
fn concat(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=usize::MAX, &["axis"])?;
    let count = ctx.inputs().saturating_sub(2).div_ceil(3);
    let mut parts = Vec::with_capacity(count);
    for number in 0..count {
        parts.push(real(ctx, &format!("x{number}"), 2 + 3 * number)?);
    }
    let Some(first) = parts.first() else {
        return ctx.refuse("SP0105", "there is nothing to join", "export the model again");
    };
    let axis = ctx.attributes().axis("axis", 0, ctx.shape(first).len())?;
    let element = ctx.input(2)?.element();
    let joined = ctx.part("real", Op::Select(Select::Concat { axis }), &parts.iter().collect::<Vec<_>>())?;
    quantised(ctx, &joined, 0, element)
}

fn reduce_mean(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(4..=5, &["axes", "keepdims"])?;
    let element = ctx.input(0)?.element();
    let x = real(ctx, "x", 0)?;
    let rank = ctx.shape(&x).len();
    let axes = match ctx.attributes().ints("axes")? {
        Some(axes) => ctx.axes(axes, rank, "axes")?,
        None => (0..rank).collect(),
    };
    let keepdims = ctx.attributes().int("keepdims", 1)? != 0;
    let y = ctx.part("real", Op::Reduce { kind: ReduceKind::Mean, axes, keepdims }, &[&x])?;
    quantised(ctx, &y, 3, element)
}

/// The channels of `x` in front (or back behind) the spatial axes.
fn channels(ctx: &mut Context<'_, '_>, part: &str, x: &Term, first: bool) -> Result<Term> {
    let rank = ctx.shape(x).len();
    let mut perm: Vec<usize> = (0..rank).collect();
    if rank > 2 && first {
        perm[1..].rotate_right(1);
    } else if rank > 2 {
        perm[1..].rotate_left(1);
    }
    ctx.transpose(part, x, &perm)
}

/// A pooling of the real numbers, channels first or last.
fn pooled(
    ctx: &mut Context<'_, '_>,
    pool: impl Fn(&Context<'_, '_>, &[usize]) -> Result<Pool>,
) -> Result<()> {
    let element = ctx.input(0)?.element();
    let last = ctx.attributes().int("channels_last", 0)? != 0;
    let mut x = real(ctx, "x", 0)?;
    if last {
        x = channels(ctx, "first", &x, true)?;
    }
    let shape = ctx.shape(&x);
    if shape.len() < 3 {
        let rule = format!("{} of {shape:?}, which has no spatial axes", ctx.operator());
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let pool = pool(ctx, &shape[2..])?;
    let mut y = ctx.part("real", Op::Pool(pool), &[&x])?;
    if last {
        y = channels(ctx, "last", &y, false)?;
    }
    quantised(ctx, &y, 3, element)
}

fn global_average(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(4..=5, &["channels_last"])?;
    pooled(ctx, |_, dims| {
        let kind = PoolKind::Average { count_include_pad: false };
        Ok(Pool { kind, window: crate::graph::Window::new(dims.to_vec()), output: vec![1; dims.len()] })
    })
}

fn average_pool(ctx: &mut Context<'_, '_>) -> Result<()> {
    let known =
        ["auto_pad", "ceil_mode", "channels_last", "count_include_pad", "kernel_shape", "pads", "strides"];
    ctx.expect(4..=5, &known)?;
    pooled(ctx, |ctx, dims| {
        let attributes = ctx.attributes();
        let kernel = attributes.ints("kernel_shape")?.unwrap_or_default();
        let kernel = kernel.iter().map(|&k| usize::try_from(k).unwrap_or(0)).collect();
        let window = window(ctx, kernel, dims)?;
        let Some(output) = positions(&window, dims, attributes.int("ceil_mode", 0)? != 0) else {
            let rule = format!("no window {window} fits into {dims:?}");
            return ctx.refuse("SP0108", rule, "export the model again");
        };
        let count_include_pad = attributes.int("count_include_pad", 0)? != 0;
        Ok(Pool { kind: PoolKind::Average { count_include_pad }, window, output })
    })
}

/// Output 0: `product`, a sum of products of whole numbers, times both scales, plus the bias in operand `bias`.
fn scaled(ctx: &mut Context<'_, '_>, product: &Term, scales: (&Term, &Term), bias: usize) -> Result<()> {
    let factor = ctx.binary("factor", Binary::Mul, scales.0, scales.1)?;
    match ctx.optional(bias) {
        Some(bias) => {
            let real = ctx.binary("real", Binary::Mul, product, &factor)?;
            ctx.output_as(0, data_type::FLOAT, Op::Binary(Binary::Add), &[&real, &bias])
        }
        None => ctx.output_as(0, data_type::FLOAT, Op::Binary(Binary::Mul), &[product, &factor]),
    }
}

/// MatMulIntegerToFloat: a, b, scale of a, scale of b, zero point of a, zero point of b, bias.
fn integer_to_float(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(4..=7, &[])?;
    let (a, b) = (matrix(ctx, 0, 4, "a")?, matrix(ctx, 1, 5, "b")?);
    let (scale_a, scale_b) = (single(ctx, "a_scale", 2)?, ctx.input(3)?);
    let product = ctx.part("product", Op::MatMul, &[&a, &b])?;
    scaled(ctx, &product, (&scale_a, &scale_b), 6)
}

/// DynamicQuantizeMatMul: a in real numbers, b, scale of b, zero point of b, bias.
fn dynamic_matmul(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=5, &[])?;
    let a = ctx.input(0)?;
    let (codes, scale, zero) = dynamic_codes(ctx, &a)?;
    let codes = codes.part(ctx, "codes")?;
    let a = ctx.binary("a", Binary::Sub, &codes, &zero)?;
    let b = matrix(ctx, 1, 3, "b")?;
    let scale_b = ctx.input(2)?;
    let product = ctx.part("product", Op::MatMul, &[&a, &b])?;
    scaled(ctx, &product, (&scale, &scale_b), 4)
}

/// QGemm: a, scale, zero point, b, scale, zero point, bias in steps of both scales and alpha, scale and zero point of the result;
/// without them the result is real.
fn gemm(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(6..=9, &["alpha", "transA", "transB"])?;
    let attributes = ctx.attributes();
    let (mut a, mut b) = (matrix(ctx, 0, 2, "a")?, matrix(ctx, 3, 5, "b")?);
    for (operand, name, part) in [(&mut a, "transA", "at"), (&mut b, "transB", "bt")] {
        if attributes.int(name, 0)? != 0 {
            if ctx.shape(operand).len() != 2
                || ctx.optional(5).is_some_and(|z| ctx.shape(&z).iter().product::<usize>() > 1)
            {
                let rule = "a transposed operand with a zero point for each column";
                return ctx.refuse("SP0105", rule, "export the model again");
            }
            *operand = ctx.transpose(part, operand, &[1, 0])?;
        }
    }
    let mut sum = ctx.part("product", Op::MatMul, &[&a, &b])?;
    if let Some(bias) = ctx.optional(6) {
        let bias = bias.with_element(data_type::FLOAT);
        sum = ctx.binary("sum", Binary::Add, &sum, &bias)?;
    }
    let alpha = Term::number(attributes.float("alpha", 1.0)?);
    let (scale_a, scale_b) = (single(ctx, "a_scale", 1)?, ctx.input(4)?);
    let scale_a = ctx.binary("a_factor", Binary::Mul, &scale_a, &alpha)?;
    if ctx.optional(7).is_none() {
        return scaled(ctx, &sum, (&scale_a, &scale_b), usize::MAX);
    }
    let factor = ctx.binary("factor", Binary::Mul, &scale_a, &scale_b)?;
    let real = ctx.binary("real", Binary::Mul, &sum, &factor)?;
    let element = ctx.input(0)?.element();
    quantised(ctx, &real, 7, element)
}
