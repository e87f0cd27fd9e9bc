//! Channels moved into space and back, and triangles.

use super::orders::{self, Order};
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Op, Select};
use crate::import::context::Context;

pub(super) const OPERATORS: &[Operator] =
    &[onnx("DepthToSpace", depth_space), onnx("SpaceToDepth", depth_space), onnx("Trilu", trilu)];

/// DepthToSpace and SpaceToDepth: a reshaping to six axes, a transposition, and a reshaping back.
fn depth_space(ctx: &mut Context<'_, '_>) -> Result<()> {
    let to_space = ctx.operator() == "DepthToSpace";
    ctx.expect(1..=1, if to_space { &["blocksize", "mode"] } else { &["blocksize"] })?;
    let x = ctx.input(0)?;
    let attributes = ctx.attributes();
    let shape = ctx.shape(&x);
    let block = usize::try_from(attributes.int("blocksize", 0)?).ok().filter(|b| (1..1 << 12).contains(b));
    let (&[n, c, h, w], Some(b)) = (shape.as_slice(), block) else {
        return ctx.refuse(
            "SP0108",
            format!("{shape:?} in blocks"),
            "it takes [N, C, H, W] and a block size",
        );
    };
    let fits = if to_space { c.is_multiple_of(b * b) } else { h.is_multiple_of(b) && w.is_multiple_of(b) };
    if !fits {
        let rule = format!("{shape:?} is not a whole number of blocks of {b}");
        return ctx.refuse("SP0108", rule, "export the model again");
    }
    let mode = attributes.text("mode", "DCR")?;
    let (six, perm, result) = match (to_space, mode.as_str()) {
        (true, "DCR") => {
            (vec![n, b, b, c / b / b, h, w], [0, 3, 4, 1, 5, 2], vec![n, c / b / b, h * b, w * b])
        }
        (true, "CRD") => {
            (vec![n, c / b / b, b, b, h, w], [0, 1, 4, 2, 5, 3], vec![n, c / b / b, h * b, w * b])
        }
        (false, _) => (vec![n, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4], vec![n, c * b * b, h / b, w / b]),
        _ => {
            let rule = format!("the attribute \"mode\" is {mode:?}");
            return ctx.refuse("SP0106", rule, "it must be DCR or CRD");
        }
    };
    let blocks = ctx.part("blocks", Op::view(six), &[&x])?;
    let moved = ctx.part("moved", Op::transpose(perm), &[&blocks])?;
    ctx.output(0, Op::view(result), &[&moved])
}

/// Trilu.
fn trilu(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=2, &["upper"])?;
    let x = ctx.input(0)?;
    let upper = ctx.attributes().int("upper", 1)? != 0;
    let k = match ctx.ints(1, "diagonal")?.as_deref() {
        None => 0,
        Some(&[k]) => k,
        Some(_) => return ctx.refuse("SP0108", "the diagonal is not one number", "export the model again"),
    };
    match orders::triangle(&ctx.shape(&x), k, upper) {
        Some(Order { index, shape }) => {
            let order = Select::Order { order: index.into(), fill: 0.0, shape };
            ctx.output(0, Op::Select(order), &[&x])
        }
        None => ctx.refuse("SP0108", "the operand is not a matrix", "export the model again"),
    }
}
