//! Fourier transforms, which are matrix products, and overlapping windows put back together.

use super::orders::{Order, offset};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, MAX_SAMPLE_LEN, Op, Select, Sparse};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] =
    &[onnx("Col2Im", windows_to_image), onnx("DFT", transform), onnx("STFT", short_time)];

/// The matrix of a Fourier transform of `n` numbers (pairs of real and imaginary part where `complex`) to `wanted` pairs.
fn matrix(n: usize, complex: bool, wanted: usize, inverse: bool) -> Option<Term> {
    let parts = if complex { 2 } else { 1 };
    let count = n.checked_mul(parts)?.checked_mul(wanted)?.checked_mul(2)?;
    if n == 0 || count > MAX_SAMPLE_LEN {
        return None;
    }
    let (sign, scale) = if inverse { (1.0, 1.0 / n as f64) } else { (-1.0, 1.0) };
    let mut data = Vec::with_capacity(count);
    for row in 0..n * parts {
        let (time, imaginary) = (row / parts, row % parts == 1);
        for frequency in 0..wanted {
            // The remainder is exact, so that large products lose nothing.
            let turn = (time * frequency % n) as f64 / n as f64;
            let angle = sign * 2.0 * std::f64::consts::PI * turn;
            let (sin, cos) = (libm::sin(angle) * scale, libm::cos(angle) * scale);
            let pair = if imaginary { [-sin, cos] } else { [cos, sin] };
            data.extend(pair.map(|value| value as f32));
        }
    }
    Some(Term::floats(vec![n * parts, wanted * 2], data))
}

/// DFT along one axis; the last one holds real numbers or pairs.
fn transform(ctx: &mut Context<'_, '_>) -> Result<()> {
    let newer = ctx.opset() >= 20;
    let known: &[&str] = if newer { &["inverse", "onesided"] } else { &["axis", "inverse", "onesided"] };
    ctx.expect(if newer { 1..=3 } else { 1..=2 }, known)?;
    let attributes = ctx.attributes();
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let rank = shape.len();
    let axis = match (newer, ctx.ints(2, "axis")?.as_deref()) {
        (true, Some(&[axis])) => ctx.axis(axis, rank, "axis")?,
        (true, Some(_)) => return ctx.refuse("SP0108", "the axis is not one number", "export it again"),
        (true, None) => ctx.axis(-2, rank, "axis")?,
        (false, _) => attributes.axis("axis", 1, rank)?,
    };
    let (inverse, onesided) = (attributes.int("inverse", 0)? != 0, attributes.int("onesided", 0)? != 0);
    if rank < 2 || axis == rank - 1 || !matches!(shape[rank - 1], 1 | 2) {
        let rule = format!("a transform of {shape:?} along axis {axis}");
        return ctx.refuse("SP0108", rule, "the last axis holds real numbers or pairs of them");
    }
    if onesided && (inverse || shape[rank - 1] == 2) {
        let rule = "a one-sided transform that is inverse, or of complex numbers";
        return ctx.refuse("SP0105", rule, "use the two-sided one");
    }
    let length = match ctx.ints(1, "length")?.as_deref() {
        None => shape[axis],
        Some(&[length]) => usize::try_from(length).unwrap_or(0),
        Some(_) => 0,
    };
    let wanted = if onesided { length / 2 + 1 } else { length };
    let Some(matrix) = matrix(length, shape[rank - 1] == 2, wanted, inverse) else {
        return ctx.refuse("SP0115", format!("a transform of length {length}"), "use a shorter one");
    };
    // The axis goes before the last, cut or filled with zeros to the length.
    let mut perm: Vec<usize> = (0..rank - 1).collect();
    perm.remove(axis);
    perm.extend([axis, rank - 1]);
    let mut moved = ctx.transpose("moved", &x, &perm)?;
    let mut sizes = ctx.shape(&moved);
    let have = sizes[rank - 2];
    if have > length {
        sizes[rank - 2] = length;
        let slice = Select::Slice { starts: vec![0; rank], steps: vec![1; rank], sizes: sizes.clone() };
        moved = ctx.part("cut", Op::Select(slice), &[&moved])?;
    } else if have < length {
        let mut end = vec![0; rank];
        end[rank - 2] = length - have;
        sizes[rank - 2] = length;
        let pad = Select::Pad { begin: vec![0; rank], end, fill: 0.0 };
        moved = ctx.part("filled", Op::Select(pad), &[&moved])?;
    }
    let outer = sizes[..rank - 2].to_vec();
    let rows = ctx.view("rows", &moved, &[&outer[..], &[length * sizes[rank - 1]]].concat())?;
    let product = ctx.part("product", Op::MatMul, &[&rows, &matrix])?;
    let pairs = ctx.view("pairs", &product, &[&outer[..], &[wanted, 2]].concat())?;
    let mut back: Vec<usize> = (0..rank - 2).collect();
    back.insert(axis, rank - 2);
    back.push(rank - 1);
    ctx.output(0, Op::transpose(back), &[&pairs])
}

/// STFT of real signals, \[batch, length\] or \[batch, length, 1\].
fn short_time(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=4, &["onesided"])?;
    let onesided = ctx.attributes().int("onesided", 1)? != 0;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let (batch, length) = match shape[..] {
        [batch, length] | [batch, length, 1] => (batch, length),
        _ => {
            let rule = format!("a signal of {shape:?}");
            return ctx.refuse("SP0105", rule, "give real signals: [batch, length, 1]");
        }
    };
    let one = |at: usize, what: &str| -> Result<Option<usize>> {
        match ctx.ints(at, what)?.as_deref() {
            None => Ok(None),
            Some(&[value]) => Ok(usize::try_from(value).ok()),
            Some(_) => {
                ctx.refuse("SP0108", format!("the {what} is not one number"), "export the model again")
            }
        }
    };
    let window = ctx.optional(2);
    let own = window.as_ref().map(|window| ctx.shape(window).iter().product());
    let (step, frame) = (one(1, "frame step")?.unwrap_or(0), one(3, "frame length")?.or(own).unwrap_or(0));
    if step == 0 || frame == 0 || frame > length || own.is_some_and(|own| own != frame) {
        let rule = format!("frames of {frame} every {step} of {length}, a window of {own:?}");
        return ctx.refuse("SP0108", rule, "give frames that fit the signal, and a window of their length");
    }
    let frames = (length - frame) / step + 1;
    let wanted = if onesided { frame / 2 + 1 } else { frame };
    let order = Order::from_fn(vec![batch, frames, frame], |p| {
        u32::try_from(offset(&[batch, length], &[p[0], p[1] * step + p[2]])).ok()
    });
    let (Some(order), Some(matrix)) = (order, matrix(frame, false, wanted, false)) else {
        return ctx.refuse("SP0115", format!("{frames} frames of {frame}"), "use fewer");
    };
    let mut cut = ctx.part("frames", Op::Select(order.select(0.0)), &[&x])?;
    if let Some(window) = window {
        let window = ctx.view("window", &window, &[frame])?;
        cut = ctx.binary("windowed", Binary::Mul, &cut, &window)?;
    }
    let product = ctx.part("product", Op::MatMul, &[&cut, &matrix])?;
    ctx.output(0, Op::view([batch, frames, wanted, 2]), &[&product])
}

/// Col2Im: each element of each window is added to the place of the image that it came from.
fn windows_to_image(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(3..=3, &["dilations", "pads", "strides"])?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let positive = |at: usize, what: &str| -> Result<Vec<usize>> {
        let given = ctx.ints(at, what)?.unwrap_or_default();
        Ok(given.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect())
    };
    let (image, block) = (positive(1, "image's shape")?, positive(2, "block's shape")?);
    let rank = image.len();
    let fault = |ctx: &Context<'_, '_>| {
        let rule = format!("blocks of {block:?} from {shape:?} for an image of {image:?}");
        ctx.refuse("SP0108", rule, "export the model again")
    };
    let elements = crate::graph::element_count(&block).unwrap_or(0);
    let [batch, rows, columns] = shape[..] else { return fault(ctx) };
    if rank == 0 || block.len() != rank || elements == 0 || rows % elements != 0 {
        return fault(ctx);
    }
    let window = super::window::window(ctx, block.clone(), &image)?;
    let Some(positions) = window.positions(&image).filter(|p| p.iter().product::<usize>() == columns) else {
        return fault(ctx);
    };
    let channels = rows / elements;
    let result = [&[batch, channels][..], &image].concat();
    let count = crate::graph::element_count(&result).filter(|count| *count <= MAX_SAMPLE_LEN);
    let Some(count) = count else { return fault(ctx) };
    let mut terms: Vec<Vec<(u32, f32)>> = vec![Vec::new(); count];
    let digits = |mut number: usize, sizes: &[usize]| {
        let mut all = vec![0; sizes.len()];
        for (digit, &size) in all.iter_mut().zip(sizes).rev() {
            *digit = number % size;
            number /= size;
        }
        all
    };
    for at in 0..batch * rows * columns {
        let (outer, column) = (at / columns, at % columns);
        let (place, tap) = (digits(column, &positions), digits(outer % elements, &block));
        let pixel: Option<Vec<usize>> = (0..rank)
            .map(|axis| {
                let padded = place[axis] * window.strides[axis] + tap[axis] * window.dilations[axis];
                padded.checked_sub(window.pads_begin[axis]).filter(|p| *p < image[axis])
            })
            .collect();
        if let Some(pixel) = pixel {
            let to = outer / elements * (count / (batch * channels)) + offset(&image, &pixel);
            terms[to].push((at as u32, 1.0));
        }
    }
    match Sparse::new(batch * rows * columns, result, terms) {
        Some(sparse) => ctx.output(0, Op::Linear(std::sync::Arc::new(sparse)), &[&x]),
        None => ctx.refuse("SP0115", format!("an image of {image:?}"), "use a smaller one"),
    }
}
