//! The attributes of windows: kernel, strides, dilations, padding, rounding up.

use crate::diagnostic::Result;
use crate::graph::Window;
use crate::import::context::Context;

/// The window of a convolution or pooling over the spatial sizes `dims`.
pub(super) fn window(ctx: &Context<'_, '_>, kernel: Vec<usize>, dims: &[usize]) -> Result<Window> {
    let rank = dims.len();
    let attributes = ctx.attributes();
    let list = |name: &str, count: usize, default: usize, least: i64| -> Result<Vec<usize>> {
        let Some(given) = attributes.ints(name)? else { return Ok(vec![default; count]) };
        // More than this is no padding of anything that is accepted.
        if given.len() != count || given.iter().any(|&v| v < least || v > 1 << 28) {
            let rule = format!("{name} is {given:?}: {count} numbers of at least {least} are needed");
            return ctx.refuse("SP0106", rule, "export the model again");
        }
        Ok(given.iter().map(|&v| v as usize).collect())
    };
    let strides = list("strides", rank, 1, 1)?;
    let dilations = list("dilations", rank, 1, 1)?;
    let pads = list("pads", 2 * rank, 0, 0)?;
    let (pads_begin, pads_end) = (pads[..rank].to_vec(), pads[rank..].to_vec());
    let mut window = Window { kernel, strides, pads_begin, pads_end, dilations };
    if window.kernel.len() != rank || window.kernel.iter().any(|&k| k == 0 || k > 1 << 28) {
        let rule = format!("the kernel {:?} does not fit the spatial sizes {dims:?}", window.kernel);
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let mode = attributes.text("auto_pad", "NOTSET")?;
    match mode.as_str() {
        "NOTSET" | "" => {}
        "VALID" => (window.pads_begin, window.pads_end) = (vec![0; rank], vec![0; rank]),
        "SAME_UPPER" | "SAME_LOWER" => {
            for (axis, &dim) in dims.iter().enumerate() {
                let stride = window.strides[axis];
                let positions = dim.div_ceil(stride);
                let needed = (positions.saturating_sub(1) * stride).saturating_add(window.extent(axis));
                let total = needed.saturating_sub(dim);
                let less = total / 2;
                let upper = mode == "SAME_UPPER";
                window.pads_begin[axis] = if upper { less } else { total - less };
                window.pads_end[axis] = if upper { total - less } else { less };
            }
        }
        _ => {
            let rule = format!("auto_pad is {mode:?}");
            return ctx.refuse("SP0106", rule, "it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
        }
    }
    Ok(window)
}

/// The number of windows, rounded up where `ceil` says so; `None` where none fits.
pub(super) fn positions(window: &Window, dims: &[usize], ceil: bool) -> Option<Vec<usize>> {
    let down = window.positions(dims)?;
    if !ceil {
        return Some(down);
    }
    let up = |axis: usize| {
        let padded = dims[axis] + window.pads_begin[axis] + window.pads_end[axis];
        let count = (padded - window.extent(axis)).div_ceil(window.strides[axis]) + 1;
        // A window that begins behind the operand and the padding in front is left out.
        let begins_inside = (count - 1) * window.strides[axis] < dims[axis] + window.pads_begin[axis];
        if begins_inside { count } else { count - 1 }
    };
    Some((0..dims.len()).map(up).collect())
}
