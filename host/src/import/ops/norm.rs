//! Normalisations by statistics of the sample itself.

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Pool, PoolKind, ReduceKind, Window};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    onnx("GroupNormalization", group),
    onnx("InstanceNormalization", instance),
    onnx("LRN", lrn),
    onnx("LayerNormalization", layer),
    onnx("MeanVarianceNormalization", mean_variance),
    onnx("RMSNormalization", root_mean_square),
];

/// What normalisation makes: the centred operand times the inverse deviation, and both parts.
struct Normalised {
    result: Term,
    mean: Option<Term>,
    inverse: Term,
}

fn mean(ctx: &mut Context<'_, '_>, part: &str, x: &Term, axes: &[usize]) -> Result<Term> {
    ctx.part(part, Op::Reduce { kind: ReduceKind::Mean, axes: axes.to_vec(), keepdims: true }, &[x])
}

/// (x - mean) / sqrt(variance + epsilon) over `axes`; without `centred` the mean is taken as 0.
fn normalised(
    ctx: &mut Context<'_, '_>,
    x: &Term,
    axes: &[usize],
    epsilon: f32,
    centred: bool,
) -> Result<Normalised> {
    let (mut inner, mut middle) = (x.clone(), None);
    if centred {
        let average = mean(ctx, "mean", x, axes)?;
        inner = ctx.binary("centred", Binary::Sub, x, &average)?;
        middle = Some(average);
    }
    let square = ctx.map("square", Function::Square, &inner)?;
    let variance = mean(ctx, "variance", &square, axes)?;
    let shifted = ctx.binary("shifted", Binary::Add, &variance, &Term::number(epsilon))?;
    let deviation = ctx.map("deviation", Function::Sqrt, &shifted)?;
    let inverse = ctx.map("inverse", Function::Reciprocal, &deviation)?;
    let result = ctx.binary("normalised", Binary::Mul, &inner, &inverse)?;
    Ok(Normalised { result, mean: middle, inverse })
}

/// Output 0: `x` times operand `at`, plus operand `at + 1` when it is given, both under the shape `aligned` if there is one.
fn scaled(ctx: &mut Context<'_, '_>, x: &Term, at: usize, aligned: Option<&[usize]>) -> Result<()> {
    let shape = ctx.shape(x);
    let mut operands = Vec::new();
    for (operand, part) in [(ctx.optional(at), "gain"), (ctx.optional(at + 1), "bias")] {
        let Some(operand) = operand else { continue };
        let operand = match aligned {
            Some(aligned)
                if aligned.iter().product::<usize>() == ctx.shape(&operand).iter().product::<usize>() =>
            {
                ctx.view(part, &operand, aligned)?
            }
            _ => operand,
        };
        let given = ctx.shape(&operand);
        if crate::graph::broadcast(&shape, &given).as_ref() != Some(&shape) {
            let rule = format!("the {part} {given:?} is not broadcast to {shape:?}");
            return ctx.refuse("SP0108", rule, "export the model again");
        }
        operands.push(operand);
    }
    match operands.as_slice() {
        [gain] => ctx.output(0, Op::Binary(Binary::Mul), &[x, gain]),
        [gain, bias] => {
            let product = ctx.binary("scaled", Binary::Mul, x, gain)?;
            ctx.output(0, Op::Binary(Binary::Add), &[&product, bias])
        }
        _ => ctx.refuse("SP0105", "the scale is left out", "export the model again"),
    }
}

/// \[C, 1, ..\] for an operand of \[N, C, ..\].
fn per_channel(shape: &[usize]) -> Vec<usize> {
    let mut aligned = vec![1; shape.len().saturating_sub(1)];
    if let (Some(first), Some(&channels)) = (aligned.first_mut(), shape.get(1)) {
        *first = channels;
    }
    aligned
}

fn instance(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, if ctx.opset() < 6 { &["consumed_inputs", "epsilon"] } else { &["epsilon"] })?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    if shape.len() < 3 || (1..3).any(|at| ctx.optional(at).is_none_or(|t| ctx.shape(&t) != shape[1..2])) {
        let rule = format!("instance normalisation of {shape:?} with parameters of another shape");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let axes: Vec<usize> = (2..shape.len()).collect();
    let epsilon = ctx.attributes().float("epsilon", 1e-5)?;
    let normalised = normalised(ctx, &x, &axes, epsilon, true)?;
    scaled(ctx, &normalised.result, 1, Some(&per_channel(&shape)))
}

/// Groups of channels are normalised together; scale and bias are per group before operator set 21, then per channel.
fn group(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &["epsilon", "num_groups", "stash_type"])?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let groups = usize::try_from(ctx.attributes().int("num_groups", 0)?).unwrap_or(0);
    if shape.len() < 2 || groups == 0 || !shape[1].is_multiple_of(groups) {
        let rule = format!("{shape:?} in {groups} groups of channels");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let epsilon = ctx.attributes().float("epsilon", 1e-5)?;
    let rest: usize = shape[2..].iter().product();
    let by_group = [shape[0], groups, shape[1] / groups * rest];
    let grouped = ctx.view("grouped", &x, &by_group)?;
    let normalised = normalised(ctx, &grouped, &[2], epsilon, true)?;
    let parameters = if ctx.opset() < 21 { groups } else { shape[1] };
    if (1..3).any(|at| ctx.optional(at).is_none_or(|t| ctx.shape(&t) != [parameters])) {
        let rule = format!("scale and bias must be {parameters} numbers each");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    if ctx.opset() >= 21 {
        let back = ctx.view("back", &normalised.result, &shape)?;
        return scaled(ctx, &back, 1, Some(&per_channel(&shape)));
    }
    let (gain, bias) = (ctx.input(1)?, ctx.input(2)?);
    let gain = ctx.view("gain", &gain, &[groups, 1])?;
    let bias = ctx.view("bias", &bias, &[groups, 1])?;
    let product = ctx.binary("scaled", Binary::Mul, &normalised.result, &gain)?;
    let sum = ctx.binary("moved", Binary::Add, &product, &bias)?;
    ctx.output(0, Op::view(shape), &[&sum])
}

/// Over all axes from `axis` on.
fn layer(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=3, &["axis", "epsilon", "stash_type"])?;
    let x = ctx.input(0)?;
    let rank = ctx.shape(&x).len();
    let first = ctx.attributes().axis("axis", -1, rank)?;
    let axes: Vec<usize> = (first..rank).collect();
    let epsilon = ctx.attributes().float("epsilon", 1e-5)?;
    let Normalised { result, mean, inverse } = normalised(ctx, &x, &axes, epsilon, true)?;
    if let Some(mean) = mean {
        ctx.pass(1, mean);
    }
    ctx.pass(2, inverse);
    scaled(ctx, &result, 1, None)
}

fn root_mean_square(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["axis", "epsilon", "stash_type"])?;
    let x = ctx.input(0)?;
    let rank = ctx.shape(&x).len();
    let first = ctx.attributes().axis("axis", -1, rank)?;
    let axes: Vec<usize> = (first..rank).collect();
    let epsilon = ctx.attributes().float("epsilon", 1e-5)?;
    let normalised = normalised(ctx, &x, &axes, epsilon, false)?;
    scaled(ctx, &normalised.result, 1, None)
}

/// (x - mean) / (deviation + 1e-9), the constant being the one of the operator's definition.
fn mean_variance(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["axes"])?;
    let x = ctx.input(0)?;
    let axes = ctx.attributes().ints("axes")?.unwrap_or(&[0, 2, 3]);
    let axes = ctx.axes(axes, ctx.shape(&x).len(), "axes")?;
    let average = mean(ctx, "mean", &x, &axes)?;
    let centred = ctx.binary("centred", Binary::Sub, &x, &average)?;
    let square = ctx.map("square", Function::Square, &centred)?;
    let variance = mean(ctx, "variance", &square, &axes)?;
    let deviation = ctx.map("deviation", Function::Sqrt, &variance)?;
    let divisor = ctx.binary("divisor", Binary::Add, &deviation, &Term::number(1e-9))?;
    ctx.output(0, Op::Binary(Binary::Div), &[&centred, &divisor])
}

/// x / (bias + alpha / size * sum of the squares of `size` neighbouring channels) ^ beta.
fn lrn(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["alpha", "beta", "bias", "size"])?;
    let x = ctx.input(0)?;
    let attributes = ctx.attributes();
    let (alpha, beta) = (attributes.float("alpha", 1e-4)?, attributes.float("beta", 0.75)?);
    let (bias, size) = (attributes.float("bias", 1.0)?, attributes.int("size", 0)?);
    let shape = ctx.shape(&x);
    let size = usize::try_from(size).ok().filter(|s| (1..=1 << 16).contains(s));
    let (Some(size), true) = (size, shape.len() >= 2) else {
        return ctx.refuse(
            "SP0106",
            format!("a neighbourhood of channels in {shape:?}"),
            "size must be positive",
        );
    };
    // The channels as the only spatial axis but one.
    let (n, channels) = (shape[0], shape[1]);
    let rest: usize = shape[2..].iter().product();
    let square = ctx.map("square", Function::Square, &x)?;
    let plane = ctx.view("plane", &square, &[n, 1, channels, rest])?;
    let mut window = Window::new(vec![size, 1]);
    window.pads_begin[0] = (size - 1) / 2;
    window.pads_end[0] = size / 2;
    let pool = Pool { kind: PoolKind::Sum, window, output: vec![channels, rest] };
    let sums = ctx.part("sums", Op::Pool(pool), &[&plane])?;
    let weighted = ctx.binary("weighted", Binary::Mul, &sums, &Term::number(alpha / size as f32))?;
    let base = ctx.binary("base", Binary::Add, &weighted, &Term::number(bias))?;
    let power = ctx.map("power", Function::Pow { exponent: -beta }, &base)?;
    let factor = ctx.view("factor", &power, &shape)?;
    ctx.output(0, Op::Binary(Binary::Mul), &[&x, &factor])
}
