//! Rearrangements and constants that depend on shapes and constants alone.

use super::orders::{Order, gather, offset};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Op, Select};
use crate::import::context::{Context, Term};
use crate::import::onnx::data_type;

pub(super) const OPERATORS: &[Operator] = &[
    onnx("BlackmanWindow", |ctx| window(ctx, [0.42, 0.5, 0.08])),
    onnx("CenterCropPad", centre),
    onnx("Compress", compress),
    onnx("HammingWindow", |ctx| window(ctx, [25.0 / 46.0, 21.0 / 46.0, 0.0])),
    onnx("HannWindow", |ctx| window(ctx, [0.5, 0.5, 0.0])),
    onnx("NonZero", non_zero),
    onnx("ReverseSequence", reverse),
];

/// ReverseSequence: the first elements of each sequence in the opposite order.
fn reverse(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["batch_axis", "time_axis"])?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let attributes = ctx.attributes();
    let batch = attributes.axis("batch_axis", 1, shape.len())?;
    let time = attributes.axis("time_axis", 0, shape.len())?;
    let lens = ctx.ints(1, "sequence lengths")?.unwrap_or_default();
    let lens: Vec<usize> = lens.iter().map(|&len| usize::try_from(len).unwrap_or(usize::MAX)).collect();
    if batch == time || lens.len() != shape[batch] || lens.iter().any(|&len| len > shape[time]) {
        let rule = format!("sequences of {lens:?} along axis {time} of {shape:?}, batch axis {batch}");
        return ctx.refuse("SP0108", rule, "give one length for each sequence, no longer than the axis");
    }
    let order = Order::from_fn(shape.clone(), |position| {
        let mut from = position.to_vec();
        let len = lens[position[batch]];
        if from[time] < len {
            from[time] = len - 1 - from[time];
        }
        u32::try_from(offset(&shape, &from)).ok()
    });
    match order {
        Some(order) => ctx.output(0, Op::Select(order.select(0.0)), &[&x]),
        None => ctx.refuse("SP0115", format!("{shape:?} is too large"), "use a smaller network"),
    }
}

/// CenterCropPad: the middle of every axis, zeros around where the axis is too short.
fn centre(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["axes"])?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let rank = shape.len();
    let axes = match ctx.attributes().ints("axes")? {
        Some(axes) => {
            axes.iter().map(|&axis| ctx.axis(axis, rank, "axes")).collect::<Result<Vec<usize>>>()?
        }
        None => (0..rank).collect(),
    };
    let wanted = ctx.ints(1, "shape")?.unwrap_or_default();
    let wanted: Option<Vec<usize>> =
        wanted.iter().map(|&size| usize::try_from(size).ok().filter(|s| (1..1 << 24).contains(s))).collect();
    let Some(wanted) = wanted.filter(|wanted| wanted.len() == axes.len()) else {
        return ctx.refuse("SP0108", "not one size of 1 or more for each axis", "export the model again");
    };
    let (mut starts, mut sizes) = (vec![0; rank], shape.clone());
    let (mut begin, mut end) = (vec![0; rank], vec![0; rank]);
    for (&axis, &size) in axes.iter().zip(&wanted) {
        let have = shape[axis];
        if size < have {
            (starts[axis], sizes[axis]) = ((have - size) / 2, size);
        } else {
            begin[axis] = (size - have) / 2;
            end[axis] = size - have - begin[axis];
        }
    }
    let steps = vec![1; rank];
    let middle = ctx.part("middle", Op::Select(Select::Slice { starts, steps, sizes }), &[&x])?;
    ctx.output(0, Op::Select(Select::Pad { begin, end, fill: 0.0 }), &[&middle])
}

/// Compress with a constant condition: the elements along the axis (or of everything, in a row) that it chooses.
fn compress(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["axis"])?;
    let mut x = ctx.input(0)?;
    let mut axis = 0;
    let shape = ctx.shape(&x);
    if ctx.attributes().has("axis") {
        axis = ctx.attributes().axis("axis", 0, shape.len())?;
    } else {
        x = ctx.view("row", &x, &[shape.iter().product()])?;
    }
    let shape = ctx.shape(&x);
    let chosen = ctx.ints(1, "condition")?.unwrap_or_default();
    let chosen: Vec<i64> = (0..).zip(&chosen).filter(|(_, truth)| **truth != 0).map(|(at, _)| at).collect();
    match gather(&shape, axis, &[chosen.len()], &chosen) {
        Some(order) if !chosen.is_empty() => ctx.output(0, Op::Select(order.select(0.0)), &[&x]),
        _ => ctx.refuse(
            "SP0108",
            format!("elements {chosen:?} of {shape:?}"),
            "choose elements that are there",
        ),
    }
}

/// NonZero of a constant: the positions of what is not 0, an axis a row.
fn non_zero(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &[])?;
    let Some(tensor) = ctx.tensor(0, "operand")? else {
        return ctx.refuse("SP0105", "the operand is left out", "export the model again");
    };
    let shape = tensor.shape().to_vec();
    let places: Vec<usize> =
        tensor.data().iter().enumerate().filter(|(_, value)| **value != 0.0).map(|(at, _)| at).collect();
    let mut rows = Vec::with_capacity(shape.len() * places.len());
    for axis in 0..shape.len() {
        let inner: usize = shape[axis + 1..].iter().product();
        rows.extend(places.iter().map(|place| (place / inner.max(1) % shape[axis]) as i64));
    }
    ctx.pass(0, Term::ints(vec![shape.len(), places.len()], rows));
    Ok(())
}

/// A window of cosines: a\[0\] - a\[1\] cos(2 pi n / N) + a\[2\] cos(4 pi n / N).
fn window(ctx: &mut Context<'_, '_>, a: [f64; 3]) -> Result<()> {
    ctx.expect(1..=1, &["output_datatype", "periodic"])?;
    let attributes = ctx.attributes();
    let size = match ctx.ints(0, "size")?.as_deref() {
        Some(&[size]) => usize::try_from(size).ok().filter(|size| (1..=1 << 24).contains(size)),
        _ => None,
    };
    let Some(size) = size else {
        return ctx.refuse("SP0108", "the size is not one number from 1 to 2^24", "export the model again");
    };
    let periodic = attributes.int("periodic", 1)? != 0;
    let turn = if periodic { size } else { (size - 1).max(1) } as f64;
    let value = |n: usize| {
        let angle = 2.0 * std::f64::consts::PI * n as f64 / turn;
        (a[0] - a[1] * libm::cos(angle) + a[2] * libm::cos(2.0 * angle)) as f32
    };
    let element = i32::try_from(attributes.int("output_datatype", 1)?).unwrap_or(-1);
    if !data_type::is_float(element) || data_type::is_tiny_float(element) {
        let rule = format!("a window of {}", data_type::name(element));
        return ctx.refuse("SP0106", rule, "use floating-point numbers of 16 bits or more");
    }
    ctx.pass(0, Term::floats(vec![size], (0..size).map(value).collect()).with_element(element));
    Ok(())
}
