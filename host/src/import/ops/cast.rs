//! Casts. Floating-point types of 16 bits and more are all carried as f32.

use super::views::same;
use super::{Operator, onnx};
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Op, Rounding};
use crate::import::context::{Context, Term};
use crate::import::elements::rounded;
use crate::import::onnx::data_type;

pub(super) const OPERATORS: &[Operator] = &[onnx("Cast", cast), onnx("CastLike", cast_like)];

/// Cast.
fn cast(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(1..=1, &["to", "saturate", "round_mode"])?;
    let to = ctx.attributes().int("to", 0)?;
    let x = ctx.input(0)?;
    convert(ctx, x, i32::try_from(to).unwrap_or(-1))
}

/// CastLike: the second operand only lends its type.
fn cast_like(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &["saturate", "round_mode"])?;
    let (x, like) = (ctx.input(0)?, ctx.input(1)?);
    convert(ctx, x, like.element())
}

fn convert(ctx: &mut Context<'_, '_>, x: Term, to: i32) -> Result<()> {
    let from = x.element();
    let refuse = |ctx: &Context<'_, '_>, rule: String| {
        ctx.refuse("SP0106", rule, "export the network in 32-bit floating point")
    };
    let read = |kind: i32| data_type::is_float(kind) || data_type::is_whole(kind);
    let rounds = data_type::is_tiny_float(to) || to == data_type::BFLOAT16;
    if rounds
        && from != to
        && let Some(tensor) = x.constant().and_then(|constant| constant.tensor())
    {
        let saturate = ctx.attributes().int("saturate", 1)? != 0;
        let data: Option<Vec<f32>> = tensor.data().iter().map(|&v| rounded(to, v, saturate)).collect();
        if let Some(data) = data {
            ctx.pass(0, Term::floats(tensor.shape().to_vec(), data).with_element(to));
            return Ok(());
        }
    }
    if !read(from) || !read(to) || data_type::is_tiny_float(to) && from != to {
        let rule = format!("a cast from {} to {}", data_type::name(from), data_type::name(to));
        return refuse(ctx, rule);
    }
    if to == data_type::BFLOAT16 && from != to && from != data_type::BOOL {
        return refuse(ctx, "a cast to BFLOAT16 would keep only 8 bits of precision".into());
    }
    if to == data_type::BOOL && from != data_type::BOOL {
        let zero = ctx.map("is_zero", Function::Not, &x)?;
        return ctx.output(0, Op::Map(Function::Not), &[&zero]);
    }
    let narrow = matches!(to, data_type::INT4 | data_type::UINT4 | data_type::INT2 | data_type::UINT2);
    match (data_type::whole_range(from), data_type::whole_range(to)) {
        // What does not fit is undefined, but for the types that ONNX packs.
        (None, Some(wanted)) if narrow => {
            let whole = ctx.map("whole", Function::Round(Rounding::Trunc), &x)?;
            wrap(ctx, &whole, to, wanted)
        }
        (None, Some(_)) => ctx.output_as(0, to, Op::Map(Function::Round(Rounding::Trunc)), &[&x]),
        (Some(range), Some(wanted)) if !covers(wanted, range) && !wide(wanted) => wrap(ctx, &x, to, wanted),
        _ => {
            let x = x.with_element(to);
            same(ctx, &x)
        }
    }
}

/// Output 0: whole numbers brought into `range` by multiples of its width.
fn wrap(ctx: &mut Context<'_, '_>, x: &Term, to: i32, (lo, hi): (i64, i64)) -> Result<()> {
    let x = x.clone().with_element(data_type::FLOAT);
    let (least, width) = (Term::number(lo as f32), Term::number((hi - lo + 1) as f32));
    let above = ctx.binary("above", Binary::Sub, &x, &least)?;
    let rest = ctx.binary("rest", Binary::Mod { fmod: false }, &above, &width)?;
    ctx.output_as(0, to, Op::Binary(Binary::Add), &[&rest, &least])
}

fn covers(wide: (i64, i64), narrow: (i64, i64)) -> bool {
    wide.0 <= narrow.0 && narrow.1 <= wide.1
}

/// Whether the range exceeds what an f32 carries exactly, so that its ends are out of reach anyway.
fn wide(range: (i64, i64)) -> bool {
    range.1 > 1 << 24
}
