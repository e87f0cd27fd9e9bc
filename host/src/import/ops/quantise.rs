//! Quantised arithmetic: whole-number codes are carried as f32, exactly.

use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Conv, Function, Grid, Op, ReduceKind, Rounding, Steps};
use crate::import::constant::Constant;
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;

use super::window::window;

pub(super) const OPERATORS: &[Operator] = &[
    onnx("ConvInteger", conv_integer),
    onnx("DequantizeLinear", dequantize),
    onnx("DynamicQuantizeLinear", dynamic),
    onnx("MatMulInteger", matmul_integer),
    onnx("QLinearConv", qlinear_conv),
    onnx("QLinearMatMul", qlinear_matmul),
    onnx("QuantizeLinear", quantize),
];

/// Least and greatest code of an element type that is read.
pub(super) fn range(ctx: &Context<'_, '_>, element: i32) -> Result<(f32, f32)> {
    match data_type::whole_range(element) {
        Some((lo, hi)) if element != data_type::BOOL && hi < 1 << 24 => Ok((lo as f32, hi as f32)),
        _ => {
            let rule = format!("codes of type {}", data_type::name(element));
            ctx.refuse("SP0105", rule, "quantise to whole numbers of 16 bits or less")
        }
    }
}

/// `parameter` (one number, one per element of axis `axis`, or one per block along it) under a shape that is broadcast
/// to `shape`.
fn aligned(
    ctx: &mut Context<'_, '_>,
    part: &str,
    parameter: &Term,
    shape: &[usize],
    axis: i64,
    block: usize,
) -> Result<Term> {
    let given = ctx.shape(parameter);
    if given.iter().product::<usize>() == 1 {
        return ctx.view(part, parameter, &[]);
    }
    let axis = ctx.axis(axis, shape.len(), "axis")?;
    if block == 0 && given == [shape[axis]] {
        let mut sizes = vec![1; shape.len()];
        sizes[axis] = shape[axis];
        return ctx.view(part, parameter, &sizes);
    }
    let mut blocked = shape.to_vec();
    blocked[axis] = shape[axis].div_ceil(block.max(1));
    if block == 0 || given != blocked {
        let rule = format!("a parameter of {given:?} for {shape:?}");
        return ctx.refuse("SP0108", rule, "give one number, one per element of the axis, or one per block");
    }
    let order = super::orders::Order::from_fn(shape.to_vec(), |position| {
        let mut source = position.to_vec();
        source[axis] /= block;
        u32::try_from(super::orders::offset(&blocked, &source)).ok()
    });
    match order {
        Some(order) => ctx.part(part, Op::Select(order.select(0.0)), &[parameter]),
        None => ctx.refuse("SP0115", format!("a parameter of {given:?}"), "use a smaller network"),
    }
}

/// The attribute `block_size`.
fn block(ctx: &Context<'_, '_>) -> Result<usize> {
    Ok(usize::try_from(ctx.attributes().int("block_size", 0)?).unwrap_or(0))
}

/// QuantizeLinear: clip(round(x / scale) + zero point).
pub(super) fn quantize(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=3, &["axis", "block_size", "output_dtype", "precision", "saturate"])?;
    let attributes = ctx.attributes();
    let (x, scale) = (ctx.input(0)?, ctx.input(1)?);
    let stated = i32::try_from(attributes.int("output_dtype", 0)?).unwrap_or(-1);
    let zero = ctx.optional(2);
    let element = match &zero {
        Some(zero) => zero.element(),
        None if stated != 0 => stated,
        None => data_type::UINT8,
    };
    let (axis, block) = (attributes.int("axis", 1)?, block(ctx)?);
    let shape = ctx.shape(&x);
    let (lo, hi) = range(ctx, element)?;
    let scale = aligned(ctx, "scale", &scale, &shape, axis, block)?;
    let zero = match zero {
        Some(zero) => aligned(ctx, "zero", &zero, &shape, axis, block)?,
        None => Term::number(0.0),
    };
    let codes = requantised(ctx, &x, &scale, &zero, (lo, hi))?;
    codes.finish(ctx, element)
}

/// The last step of a quantisation.
pub(super) enum Codes {
    Grid(Term, Grid),
    Clip(Term, f32, f32),
}

impl Codes {
    /// As an inner value.
    pub(super) fn part(self, ctx: &mut Context<'_, '_>, part: &str) -> Result<Term> {
        match self {
            Codes::Grid(x, grid) => ctx.map(part, Function::Quantize(grid), &x),
            Codes::Clip(x, lo, hi) => ctx.map(part, Function::Clip { lo, hi }, &x),
        }
    }

    pub(super) fn finish(self, ctx: &mut Context<'_, '_>, element: i32) -> Result<()> {
        match self {
            Codes::Grid(x, grid) => ctx.output_as(0, element, Op::Map(Function::Quantize(grid)), &[&x]),
            Codes::Clip(x, lo, hi) => ctx.output_as(0, element, Op::Map(Function::Clip { lo, hi }), &[&x]),
        }
    }
}

/// One number that both a constant and positive.
fn constant_number(term: &Term) -> Option<f32> {
    let tensor = term.constant()?.tensor()?;
    (tensor.data().len() == 1).then(|| tensor.data()[0])
}

/// The codes of `x`: in one step where scale and zero point are one constant number each.
pub(super) fn requantised(
    ctx: &mut Context<'_, '_>,
    x: &Term,
    scale: &Term,
    zero: &Term,
    (lo, hi): (f32, f32),
) -> Result<Codes> {
    if let (Some(scale), Some(zero_point)) = (constant_number(scale), constant_number(zero)) {
        if !(scale > 0.0 && scale.is_finite()) {
            let rule = format!("a scale of {scale}");
            return ctx.refuse("SP0106", rule, "a scale must be a positive number");
        }
        return Ok(Codes::Grid(x.clone(), Grid { scale, zero_point, lo, hi, rounding: Rounding::HalfEven }));
    }
    let x = x.clone().with_element(data_type::FLOAT);
    let quotient = ctx.binary("quotient", Binary::Div, &x, scale)?;
    let whole = ctx.map("whole", Function::Round(Rounding::HalfEven), &quotient)?;
    let zero = zero.clone().with_element(data_type::FLOAT);
    let shifted = ctx.binary("shifted", Binary::Add, &whole, &zero)?;
    Ok(Codes::Clip(shifted, lo, hi))
}

/// `x` without its zero point, as a number with fractions.
pub(super) fn centred(ctx: &mut Context<'_, '_>, part: &str, x: &Term, zero: Option<&Term>) -> Result<Term> {
    // The storage of constants follows their type.
    let x = x.clone().with_element(data_type::FLOAT);
    match zero {
        Some(zero) if constant_number(zero) != Some(0.0) => {
            let zero = zero.clone().with_element(data_type::FLOAT);
            ctx.binary(part, Binary::Sub, &x, &zero)
        }
        _ => Ok(x),
    }
}

/// DequantizeLinear: (x - zero point) * scale.
pub(super) fn dequantize(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=3, &["axis", "block_size", "output_dtype"])?;
    let attributes = ctx.attributes();
    let (x, scale) = (ctx.input(0)?, ctx.input(1)?);
    let (axis, block, shape) = (attributes.int("axis", 1)?, block(ctx)?, ctx.shape(&x));
    let element = scale.element();
    let zero = match ctx.optional(2) {
        Some(zero) => Some(aligned(ctx, "zero", &zero, &shape, axis, block)?),
        None => None,
    };
    let steps = scale.constant().and_then(Constant::tensor).filter(|_| block == 0);
    let scale = aligned(ctx, "scale", &scale, &shape, axis, block)?;
    let centred = centred(ctx, "centred", &x, zero.as_ref())?;
    if let (Some(steps), Some(_)) = (steps, x.constant()) {
        let axis = if steps.data().len() == 1 { 0 } else { ctx.axis(axis, shape.len(), "axis")? };
        let term = ctx.part("value", Op::Binary(Binary::Mul), &[&centred, &scale])?.with_element(element);
        ctx.pass(0, term.stepped(Steps { steps: steps.data().into(), axis }));
        return Ok(());
    }
    ctx.output_as(0, element, Op::Binary(Binary::Mul), &[&centred, &scale])
}

/// DynamicQuantizeLinear: to UINT8, over the range of the operand and 0.
fn dynamic(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &[])?;
    let x = ctx.input(0)?;
    let (codes, scale, zero) = dynamic_codes(ctx, &x)?;
    ctx.pass(1, scale);
    ctx.pass(2, zero.with_element(data_type::UINT8));
    codes.finish(ctx, data_type::UINT8)
}

/// The last step of the codes of `x` over its range and 0, their scale and their zero point.
pub(super) fn dynamic_codes(ctx: &mut Context<'_, '_>, x: &Term) -> Result<(Codes, Term, Term)> {
    let axes: Vec<usize> = (0..ctx.shape(x).len()).collect();
    let extreme = |kind| Op::Reduce { kind, axes: axes.clone(), keepdims: false };
    let most = ctx.part("largest", extreme(ReduceKind::Max), &[x])?;
    let least = ctx.part("least", extreme(ReduceKind::Min), &[x])?;
    let most = ctx.map("most", Function::Clip { lo: 0.0, hi: f32::INFINITY }, &most)?;
    let least = ctx.map("least_or_0", Function::Clip { lo: f32::NEG_INFINITY, hi: 0.0 }, &least)?;
    let span = ctx.binary("span", Binary::Sub, &most, &least)?;
    let scale = ctx.binary("scale", Binary::Div, &span, &Term::number(255.0))?;
    let below = ctx.map("below", Function::Neg, &least)?;
    let zero = ctx.binary("zero", Binary::Div, &below, &scale)?;
    let zero = ctx.map("zero_cut", Function::Clip { lo: 0.0, hi: 255.0 }, &zero)?;
    let zero = ctx.map("zero_point", Function::Round(Rounding::HalfEven), &zero)?;
    let codes = requantised(ctx, x, &scale, &zero, (0.0, 255.0))?;
    Ok((codes, scale, zero))
}

/// Operand `at` of a matrix product, its zero point (one number, one per row of the first matrix or per column of the
/// second) taken off.
pub(super) fn matrix(ctx: &mut Context<'_, '_>, at: usize, zero: usize, part: &str) -> Result<Term> {
    let x = ctx.input(at)?;
    let shape = ctx.shape(&x);
    let zero = match ctx.optional(zero) {
        Some(zero) => Some(per_line(ctx, &format!("{part}_zero"), &zero, &shape, at == 0 || part == "a")?),
        None => None,
    };
    centred(ctx, part, &x, zero.as_ref())
}

/// A parameter of a matrix of `shape`: one number, or one for every row (or column) as a vector.
fn per_line(
    ctx: &mut Context<'_, '_>,
    part: &str,
    parameter: &Term,
    shape: &[usize],
    rows: bool,
) -> Result<Term> {
    let given = ctx.shape(parameter);
    let rank = shape.len();
    if given.iter().product::<usize>() == 1 {
        return ctx.view(part, parameter, &[]);
    }
    if rows && rank >= 2 && given == [shape[rank - 2]] {
        return ctx.view(part, parameter, &[given[0], 1]);
    }
    Ok(parameter.clone())
}

/// MatMulInteger: (a - zero of a)(b - zero of b).
fn matmul_integer(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=4, &[])?;
    let a = matrix(ctx, 0, 2, "a")?;
    let b = matrix(ctx, 1, 3, "b")?;
    ctx.output_as(0, data_type::INT32, Op::MatMul, &[&a, &b])
}

/// QLinearMatMul: the product in real numbers, quantised again.
fn qlinear_matmul(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(8..=8, &[])?;
    let a = matrix(ctx, 0, 2, "a")?;
    let b = matrix(ctx, 3, 5, "b")?;
    let (shape_a, shape_b) = (ctx.shape(&a), ctx.shape(&b));
    let (scale_a, scale_b) = (ctx.input(1)?, ctx.input(4)?);
    let scale_a = per_line(ctx, "scale_a", &scale_a, &shape_a, true)?;
    let scale_b = per_line(ctx, "scale_b", &scale_b, &shape_b, false)?;
    let product = ctx.part("product", Op::MatMul, &[&a, &b])?;
    let factor = ctx.binary("factor", Binary::Mul, &scale_a, &scale_b)?;
    quantised_output(ctx, &product, &factor, 6, 7)
}

/// Output 0: `x` times `factor`, over the scale in operand `scale`, plus the zero point in operand `zero`.
fn quantised_output(
    ctx: &mut Context<'_, '_>,
    x: &Term,
    factor: &Term,
    scale: usize,
    zero: usize,
) -> Result<()> {
    let (scale, zero) = (ctx.input(scale)?, ctx.input(zero)?);
    let element = zero.element();
    let limits = range(ctx, element)?;
    let (scale, zero) = (ctx.view("out_scale", &scale, &[])?, ctx.view("out_zero", &zero, &[])?);
    let x = x.clone().with_element(data_type::FLOAT);
    let real = ctx.binary("real", Binary::Mul, &x, factor)?;
    let codes = requantised(ctx, &real, &scale, &zero, limits)?;
    codes.finish(ctx, element)
}

/// The convolution in whole numbers of operands `x` and `w` without their zero points.
fn convolution(ctx: &mut Context<'_, '_>, x: [usize; 2], w: [usize; 2]) -> Result<Option<(Op, Term, Term)>> {
    let (data, weights) = (ctx.input(x[0])?, ctx.input(w[0])?);
    let (shape, sizes) = (ctx.shape(&data), ctx.shape(&weights));
    let groups = usize::try_from(ctx.attributes().int("group", 1)?).unwrap_or(0);
    if shape.len() < 3 || sizes.len() != shape.len() || groups == 0 {
        return Ok(None);
    }
    let window = window(ctx, sizes[2..].to_vec(), &shape[2..])?;
    let zero = ctx.optional(x[1]);
    let data = centred(ctx, "x", &data, zero.as_ref())?;
    let zero = match ctx.optional(w[1]) {
        Some(zero) => Some(aligned(ctx, "w_zero", &zero, &sizes, 0, 0)?),
        None => None,
    };
    let weights = centred(ctx, "w", &weights, zero.as_ref())?;
    Ok(Some((Op::Conv(Conv { window, groups }), data, weights)))
}

const WINDOW: [&str; 6] = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];

/// ConvInteger. Padding is the zero point, which is 0 once it is taken off.
fn conv_integer(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=4, &WINDOW)?;
    match convolution(ctx, [0, 2], [1, 3])? {
        Some((op, x, w)) => ctx.output_as(0, data_type::INT32, op, &[&x, &w]),
        None => ctx.refuse("SP0108", "operands of wrong shapes", "export the model again"),
    }
}

/// QLinearConv: the convolution in real numbers, quantised again.
fn qlinear_conv(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(8..=9, &WINDOW)?;
    let Some((op, x, w)) = convolution(ctx, [0, 2], [3, 5])? else {
        return ctx.refuse("SP0108", "operands of wrong shapes", "export the model again");
    };
    let sum = match ctx.optional(8) {
        Some(bias) => {
            let bias = bias.with_element(data_type::FLOAT);
            ctx.part("sum", op, &[&x, &w, &bias])?
        }
        None => ctx.part("sum", op, &[&x, &w])?,
    };
    let shape = ctx.shape(&sum);
    let (scale_x, scale_w) = (ctx.input(1)?, ctx.input(4)?);
    let scale_x = ctx.view("scale_x", &scale_x, &[])?;
    let scale_w = aligned(ctx, "scale_w", &scale_w, &shape, 1, 0)?;
    let factor = ctx.binary("factor", Binary::Mul, &scale_x, &scale_w)?;
    quantised_output(ctx, &sum, &factor, 6, 7)
}
