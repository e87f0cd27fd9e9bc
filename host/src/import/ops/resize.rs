//! Resize and Upsample: nearest neighbours are a rearrangement, everything else a sparse linear map.

use std::sync::Arc;

use super::taps::{Axis, Coordinates, Mode, Nearest};
use super::views::same;
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, MAX_SAMPLE_LEN, Op, Select, Sparse, element_count};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[onnx("Resize", resize), onnx("Upsample", upsample)];

/// The largest ratio of sizes.
const LARGEST: f64 = 65_536.0;

/// Upsample: scales as an attribute, or as an operand in operator set 9.
fn upsample(ctx: &mut Context<'_, '_>) -> Result<()> {
    let scales = if ctx.opset() < 9 {
        ctx.expect(1..=1, &["mode", "scales"])?;
        ctx.attributes().floats("scales")?.map(<[f32]>::to_vec)
    } else {
        ctx.expect(2..=2, &["mode"])?;
        ctx.tensor(1, "list of scales")?.map(|t| t.data().to_vec())
    };
    let mode = plain_mode(ctx)?;
    let x = ctx.input(0)?;
    let scales: Vec<f64> = scales.unwrap_or_default().iter().map(|&s| f64::from(s)).collect();
    let shape = ctx.shape(&x);
    let sizes = scaled(ctx, &shape, &scales)?;
    let axes: Vec<Axis> = (0..shape.len())
        .map(|i| Axis {
            from: shape[i],
            to: sizes[i],
            scale: scales[i],
            coordinates: Coordinates::Asymmetric,
            mode,
            antialias: false,
            exclude_outside: false,
        })
        .collect();
    interpolate(ctx, &x, &axes, 0.0)
}

/// The attribute `mode` where nothing else is said: operator sets before 11.
fn plain_mode(ctx: &Context<'_, '_>) -> Result<Mode> {
    match ctx.attributes().text("mode", "nearest")?.as_str() {
        "nearest" => Ok(Mode::Nearest(Nearest::Floor)),
        "linear" | "bilinear" => Ok(Mode::Linear),
        other => {
            let rule = format!("the attribute \"mode\" is {other:?}");
            ctx.refuse("SP0106", rule, "it must be nearest or linear")
        }
    }
}

/// The sizes of the result: operand sizes times scales, rounded down.
fn scaled(ctx: &Context<'_, '_>, shape: &[usize], scales: &[f64]) -> Result<Vec<usize>> {
    let in_range = |scale: &f64| *scale > 0.0 && *scale <= LARGEST;
    if scales.len() != shape.len() || !scales.iter().all(in_range) {
        let rule = format!("scales {scales:?} for an operand of {shape:?}");
        return ctx.refuse("SP0108", rule, "give one positive scale for every axis");
    }
    Ok(shape.iter().zip(scales).map(|(&dim, scale)| libm::floor(dim as f64 * scale) as usize).collect())
}

/// Resize.
fn resize(ctx: &mut Context<'_, '_>) -> Result<()> {
    if ctx.opset() < 11 {
        ctx.expect(2..=2, &["mode"])?;
        let mode = plain_mode(ctx)?;
        let scales = ctx.tensor(1, "list of scales")?.map(|t| t.data().to_vec()).unwrap_or_default();
        let scales: Vec<f64> = scales.iter().map(|&s| f64::from(s)).collect();
        let x = ctx.input(0)?;
        let shape = ctx.shape(&x);
        let sizes = scaled(ctx, &shape, &scales)?;
        let axis = |i: usize| Axis {
            from: shape[i],
            to: sizes[i],
            scale: scales[i],
            coordinates: Coordinates::Asymmetric,
            // The definition leaves it open; its test vectors and onnxruntime round up where the size shrinks.
            mode: match mode {
                Mode::Nearest(_) if scales[i] < 1.0 => Mode::Nearest(Nearest::Ceil),
                mode => mode,
            },
            antialias: false,
            exclude_outside: false,
        };
        let axes: Vec<Axis> = (0..shape.len()).map(axis).collect();
        return interpolate(ctx, &x, &axes, 0.0);
    }
    let mut known = vec![
        "coordinate_transformation_mode",
        "cubic_coeff_a",
        "exclude_outside",
        "extrapolation_value",
        "mode",
        "nearest_mode",
    ];
    if ctx.opset() >= 18 {
        known.extend(["antialias", "axes", "keep_aspect_ratio_policy"]);
    }
    ctx.expect(1..=4, &known)?;
    let x = ctx.input(0)?;
    let shape = ctx.shape(&x);
    let mode = mode(ctx)?;
    let which: Vec<usize> = match ctx.attributes().ints("axes")? {
        Some(axes) => {
            ctx.axes(axes, shape.len(), "axes")?;
            axes.iter().map(|&axis| ctx.axis(axis, shape.len(), "axes")).collect::<Result<_>>()?
        }
        None => (0..shape.len()).collect(),
    };
    let (sizes, scales) = sizes_and_scales(ctx, &shape, &which)?;
    let attributes = ctx.attributes();
    let kind = attributes.text("coordinate_transformation_mode", "half_pixel")?;
    let antialias = attributes.int("antialias", 0)? != 0;
    let exclude_outside = attributes.int("exclude_outside", 0)? != 0;
    let roi = if kind == "tf_crop_and_resize" { ctx.tensor(1, "region")? } else { None };
    let mut axes = Vec::with_capacity(shape.len());
    for i in 0..shape.len() {
        let coordinates = match kind.as_str() {
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_crop_and_resize" => {
                let data = roi.as_ref().map_or(&[][..], |t| t.data());
                if data.len() != 2 * which.len() {
                    let rule = format!("a region of {} numbers for {} axes", data.len(), which.len());
                    return ctx.refuse("SP0108", rule, "export the model again");
                }
                match which.iter().position(|&axis| axis == i) {
                    Some(at) => Coordinates::Crop {
                        start: f64::from(data[at]),
                        end: f64::from(data[at + which.len()]),
                    },
                    None => Coordinates::Asymmetric,
                }
            }
            other => {
                let rule = format!("the attribute \"coordinate_transformation_mode\" is {other:?}");
                return ctx.refuse("SP0106", rule, "it must be one of operator set 19");
            }
        };
        let axis = Axis {
            from: shape[i],
            to: sizes[i],
            scale: scales[i],
            coordinates,
            mode,
            antialias,
            exclude_outside,
        };
        axes.push(axis);
    }
    let fill = attributes.float("extrapolation_value", 0.0)?;
    interpolate(ctx, &x, &axes, fill)
}

fn mode(ctx: &Context<'_, '_>) -> Result<Mode> {
    let attributes = ctx.attributes();
    let nearest = match attributes.text("nearest_mode", "round_prefer_floor")?.as_str() {
        "round_prefer_floor" => Nearest::RoundPreferFloor,
        "round_prefer_ceil" => Nearest::RoundPreferCeil,
        "floor" => Nearest::Floor,
        "ceil" => Nearest::Ceil,
        other => {
            let rule = format!("the attribute \"nearest_mode\" is {other:?}");
            return ctx.refuse(
                "SP0106",
                rule,
                "it must be round_prefer_floor, round_prefer_ceil, floor or ceil",
            );
        }
    };
    match attributes.text("mode", "nearest")?.as_str() {
        "nearest" => Ok(Mode::Nearest(nearest)),
        "linear" => Ok(Mode::Linear),
        "cubic" => Ok(Mode::Cubic { a: f64::from(attributes.float("cubic_coeff_a", -0.75)?) }),
        other => {
            let rule = format!("the attribute \"mode\" is {other:?}");
            ctx.refuse("SP0106", rule, "it must be nearest, linear or cubic")
        }
    }
}

/// Sizes and scales of all axes from whichever operand states them; axes not in `which` keep their size.
fn sizes_and_scales(
    ctx: &Context<'_, '_>,
    shape: &[usize],
    which: &[usize],
) -> Result<(Vec<usize>, Vec<f64>)> {
    let mut scales = vec![1.0; shape.len()];
    let stated = ctx.tensor(2, "list of scales")?.filter(|t| !t.data().is_empty());
    let wanted = ctx.ints(3, "list of sizes")?.filter(|sizes| !sizes.is_empty());
    let count = stated.as_ref().map_or(0, |t| t.data().len()) + wanted.as_ref().map_or(0, Vec::len);
    if stated.is_some() == wanted.is_some() || count != which.len() {
        let rule = format!("{count} scales or sizes for {} axes", which.len());
        return ctx.refuse("SP0108", rule, "give either scales or sizes, one for every axis");
    }
    if let Some(stated) = stated {
        which.iter().zip(stated.data()).for_each(|(&axis, &scale)| scales[axis] = f64::from(scale));
        return Ok((scaled(ctx, shape, &scales)?, scales));
    }
    let mut sizes = shape.to_vec();
    for (&axis, &size) in which.iter().zip(wanted.iter().flatten()) {
        let Some(size) = usize::try_from(size).ok().filter(|s| (1..=MAX_SAMPLE_LEN).contains(s)) else {
            let rule = format!("the size {size} of axis {axis}");
            return ctx.refuse("SP0108", rule, "sizes must be positive");
        };
        sizes[axis] = size;
        scales[axis] = size as f64 / shape[axis] as f64;
    }
    let of = |i: &usize| scales[*i];
    let common = match ctx.attributes().text("keep_aspect_ratio_policy", "stretch")?.as_str() {
        "stretch" => return Ok((sizes, scales)),
        "not_larger" => which.iter().map(of).fold(f64::INFINITY, f64::min),
        "not_smaller" => which.iter().map(of).fold(0.0, f64::max),
        other => {
            let rule = format!("the attribute \"keep_aspect_ratio_policy\" is {other:?}");
            return ctx.refuse("SP0106", rule, "it must be stretch, not_larger or not_smaller");
        }
    };
    for &axis in which {
        scales[axis] = common;
        sizes[axis] = libm::floor(common * shape[axis] as f64 + 0.5) as usize;
    }
    Ok((sizes, scales))
}

/// The elements and weights of every element of the result along one axis.
type Taps = Vec<Option<Vec<(usize, f64)>>>;

fn interpolate(ctx: &mut Context<'_, '_>, x: &Term, axes: &[Axis], fill: f32) -> Result<()> {
    let from: Vec<usize> = axes.iter().map(|a| a.from).collect();
    let to: Vec<usize> = axes.iter().map(|a| a.to).collect();
    if element_count(&to).is_none_or(|count| count == 0 || count > MAX_SAMPLE_LEN) || from.contains(&0) {
        return ctx.refuse("SP0115", format!("{from:?} resized to {to:?}"), "use 1 to 2^24 elements");
    }
    let moves =
        |a: &Axis| a.from != a.to || a.scale != 1.0 || matches!(a.coordinates, Coordinates::Crop { .. });
    if !axes.iter().any(moves) {
        return same(ctx, x);
    }
    let still = |at: usize| Some(vec![(at, 1.0)]);
    let taps: Vec<Taps> = axes
        .iter()
        .map(|a| (0..a.to).map(|at| if moves(a) { a.taps(at) } else { still(at) }).collect())
        .collect();
    if axes.iter().all(|a| matches!(a.mode, Mode::Nearest(_))) {
        let order = super::orders::Order::from_fn(to, |position| {
            let mut at = 0;
            for ((&p, taps), &dim) in position.iter().zip(&taps).zip(&from) {
                match &taps[p] {
                    Some(taps) => at = at * dim + taps[0].0,
                    None => return Some(Select::FILL),
                }
            }
            u32::try_from(at).ok()
        });
        return match order {
            Some(order) => ctx.output(0, Op::Select(order.select(fill)), &[x]),
            None => ctx.refuse("SP0115", "the result is too large", "use a smaller size"),
        };
    }
    let per_row: usize = taps.iter().map(|t| t.iter().flatten().map(Vec::len).max().unwrap_or(1)).product();
    if per_row.saturating_mul(to.iter().product()) > Sparse::MAX_TERMS {
        return ctx.refuse("SP0115", format!("{from:?} interpolated to {to:?}"), "use a smaller size");
    }
    let (rows, outside) = rows(&from, &to, &taps);
    let Some(map) = Sparse::new(from.iter().product(), to.clone(), rows) else {
        return ctx.refuse("SP0106", "a weight of the interpolation is not finite", "export the model again");
    };
    if fill == 0.0 || !outside.contains(&1.0) {
        return ctx.output(0, Op::Linear(Arc::new(map)), &[x]);
    }
    let inside = ctx.part("inside", Op::Linear(Arc::new(map)), &[x])?;
    let outside = Term::floats(to, outside.iter().map(|o| o * fill).collect());
    ctx.output(0, Op::Binary(Binary::Add), &[&inside, &outside])
}

/// The terms of every element of the result, and 1 where it lies outside the operand.
fn rows(from: &[usize], to: &[usize], taps: &[Taps]) -> (Vec<Vec<(u32, f32)>>, Vec<f32>) {
    let count = to.iter().product();
    let (mut rows, mut outside) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for number in 0..count {
        let (mut rest, mut stride) = (number, 1);
        let mut terms: Option<Vec<(usize, f64)>> = Some(vec![(0, 1.0)]);
        for axis in (0..to.len()).rev() {
            let own = &taps[axis][rest % to[axis]];
            rest /= to[axis];
            terms = match (terms, own) {
                (Some(terms), Some(own)) => {
                    let times = |&(i, w): &(usize, f64)| {
                        terms.iter().map(move |&(j, v)| (i * stride + j, w * v)).collect::<Vec<_>>()
                    };
                    Some(own.iter().flat_map(times).collect())
                }
                _ => None,
            };
            stride *= from[axis];
        }
        outside.push(f32::from(u8::from(terms.is_none())));
        rows.push(terms.unwrap_or_default().into_iter().map(|(i, w)| (i as u32, w as f32)).collect());
    }
    (rows, outside)
}
