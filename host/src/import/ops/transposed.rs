//! Transposed convolution: an ordinary one of the operand with zeros between its elements, the kernel mirrored.

use super::orders::{Order, offset};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Conv, Op, Select, Window};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[onnx("ConvTranspose", conv_transpose)];

/// The largest size, stride or padding that is meant seriously.
const LARGEST: i64 = 1 << 24;

fn conv_transpose(ctx: &mut Context<'_, '_>) -> Result<()> {
    let known = [
        "auto_pad",
        "dilations",
        "group",
        "kernel_shape",
        "output_padding",
        "output_shape",
        "pads",
        "strides",
    ];
    ctx.expect(2..=3, &known)?;
    let (x, w) = (ctx.input(0)?, ctx.input(1)?);
    let (shape, weights) = (ctx.shape(&x), ctx.shape(&w));
    let groups = usize::try_from(ctx.attributes().int("group", 1)?).unwrap_or(0);
    let fits = shape.len() >= 3
        && weights.len() == shape.len()
        && groups >= 1
        && shape[1] == weights[0]
        && weights[0].is_multiple_of(groups)
        && shape.iter().chain(&weights).all(|&d| d >= 1);
    if !fits {
        let rule = format!("{shape:?} with weights {weights:?} in {groups} groups");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let (dims, kernel) = (&shape[2..], &weights[2..]);
    let geometry = Geometry::read(ctx, dims, kernel)?;
    let Some(spread) = spread(&shape, &geometry) else {
        let rule = format!("{shape:?} spread by strides {:?}", geometry.strides);
        return ctx.refuse("SP0115", rule, "use a smaller network");
    };
    let Some(mirrored) = mirrored(&weights, groups) else {
        return ctx.refuse("SP0115", format!("weights {weights:?}"), "use a smaller network");
    };
    let x = ctx.part("spread", Op::Select(spread), &[&x])?;
    let w = ctx.part("mirrored", Op::Select(mirrored), &[&w])?;
    let mut window = Window::new(kernel.to_vec());
    window.dilations = geometry.dilations;
    let op = Op::Conv(Conv { window, groups });
    let operands: Vec<&Term> = [&x, &w].into_iter().collect();
    match ctx.optional(2) {
        Some(bias) => ctx.output(0, op, &[operands, vec![&bias]].concat()),
        None => ctx.output(0, op, &operands),
    }
}

/// What the attributes say.
struct Geometry {
    strides: Vec<usize>,
    dilations: Vec<usize>,
    /// Elements added in front and behind (negative: taken away) after zeros were put between neighbours.
    margins: Vec<(i64, i64)>,
}

impl Geometry {
    fn read(ctx: &Context<'_, '_>, dims: &[usize], kernel: &[usize]) -> Result<Self> {
        let rank = dims.len();
        let attributes = ctx.attributes();
        let list = |name: &str, count: usize, least: i64| -> Result<Option<Vec<i64>>> {
            let Some(given) = attributes.ints(name)? else { return Ok(None) };
            if given.len() != count || !given.iter().all(|v| (least..=LARGEST).contains(v)) {
                let rule = format!("{name} is {given:?}: {count} numbers of at least {least} are needed");
                return ctx.refuse("SP0106", rule, "export the model again");
            }
            Ok(Some(given.to_vec()))
        };
        if let Some(stated) = list("kernel_shape", rank, 1)?
            && !stated.iter().copied().eq(kernel.iter().map(|&k| k as i64))
        {
            let rule = format!("kernel_shape is {stated:?}, the weights say {kernel:?}");
            return ctx.refuse("SP0106", rule, "export the model again");
        }
        let strides = list("strides", rank, 1)?.unwrap_or_else(|| vec![1; rank]);
        let dilations = list("dilations", rank, 1)?.unwrap_or_else(|| vec![1; rank]);
        let extra = list("output_padding", rank, 0)?.unwrap_or_else(|| vec![0; rank]);
        let output = list("output_shape", rank, 1)?;
        let pads = list("pads", 2 * rank, 0)?;
        let mode = attributes.text("auto_pad", "NOTSET")?;
        let upper = mode == "SAME_UPPER";
        let mut margins = Vec::with_capacity(rank);
        for axis in 0..rank {
            let reach = (kernel[axis] as i64 - 1) * dilations[axis];
            let full = (dims[axis] as i64 - 1) * strides[axis] + reach + 1 + extra[axis];
            let wanted = match (&output, mode.as_str()) {
                (Some(output), _) => Some(output[axis]),
                (None, "SAME_UPPER" | "SAME_LOWER") => Some(dims[axis] as i64 * strides[axis]),
                (None, "VALID" | "NOTSET" | "") => None,
                _ => {
                    let rule = format!("auto_pad is {mode:?}");
                    return ctx.refuse("SP0106", rule, "it must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
                }
            };
            let (begin, end) = match (wanted, &pads) {
                (Some(wanted), _) => {
                    // More than the windows cover is added behind.
                    let total = full - wanted;
                    let less = total.max(0) / 2;
                    match upper {
                        _ if total < 0 => (0, total),
                        true => (less, total - less),
                        false => (total - less, less),
                    }
                }
                (None, Some(pads)) if mode != "VALID" => (pads[axis], pads[axis + rank]),
                _ => (0, 0),
            };
            margins.push((reach - begin, reach - end + extra[axis]));
        }
        let sizes = |list: Vec<i64>| list.into_iter().map(|v| v as usize).collect();
        Ok(Self { strides: sizes(strides), dilations: sizes(dilations), margins })
    }
}

/// The operand of `shape` with `stride - 1` zeros between neighbours and the margins around.
fn spread(shape: &[usize], geometry: &Geometry) -> Option<Select> {
    let mut sizes = shape[..2].to_vec();
    for (axis, &dim) in shape[2..].iter().enumerate() {
        let inner = (dim as i64 - 1) * geometry.strides[axis] as i64 + 1;
        let (begin, end) = geometry.margins[axis];
        sizes.push(usize::try_from(inner + begin + end).ok().filter(|&size| size >= 1)?);
    }
    let order = Order::from_fn(sizes, |position| {
        let mut source = position[..2].to_vec();
        for (axis, &p) in position[2..].iter().enumerate() {
            let (at, stride) = (p as i64 - geometry.margins[axis].0, geometry.strides[axis] as i64);
            if at < 0 || at % stride != 0 || at / stride >= shape[axis + 2] as i64 {
                return Some(Select::FILL);
            }
            source.push((at / stride) as usize);
        }
        u32::try_from(offset(shape, &source)).ok()
    })?;
    Some(order.select(0.0))
}

/// The weights \[C, M / groups, ..\] as \[M, C / groups, ..\], mirrored along every spatial axis.
fn mirrored(weights: &[usize], groups: usize) -> Option<Select> {
    let (inputs, outputs) = (weights[0] / groups, weights[1]);
    let shape = [&[outputs.checked_mul(groups)?, inputs], &weights[2..]].concat();
    let order = Order::from_fn(shape, |position| {
        let (group, output) = (position[0] / outputs, position[0] % outputs);
        let mut source = vec![group * inputs + position[1], output];
        source.extend(position[2..].iter().zip(&weights[2..]).map(|(&p, &k)| k - 1 - p));
        u32::try_from(offset(weights, &source)).ok()
    })?;
    Some(order.select(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(select: Select) -> Vec<u32> {
        let Select::Order { order, .. } = select else { panic!("an order") };
        order.to_vec()
    }

    #[test]
    fn zeros_lie_between_and_margins_around() {
        const F: u32 = Select::FILL;
        let geometry = |margins| Geometry { strides: vec![2], dilations: vec![1], margins: vec![margins] };
        let spread = |margins| index(spread(&[1, 1, 2], &geometry(margins)).expect("small"));
        assert_eq!(spread((1, 2)), [F, 0, F, 1, F, F]);
        assert_eq!(spread((-1, 0)), [F, 1]);
    }

    #[test]
    fn weights_are_mirrored_within_their_group() {
        // Two groups of one input and two outputs each, kernel of two.
        let mirrored = index(mirrored(&[2, 2, 2], 2).expect("small"));
        assert_eq!(mirrored, [1, 0, 3, 2, 5, 4, 7, 6]);
    }
}
