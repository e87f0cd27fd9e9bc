//! QONNX's quantisers (Pappalardo et al. 2022, <https://arxiv.org/abs/2206.07527>): values on a grid, carried as real numbers.

use super::Operator;
use crate::diagnostic::Result;
use crate::graph::{Binary, Function, Grid, Op, Relation, Rounding};
use crate::import::context::{Context, Term};

pub(super) const OPERATORS: &[Operator] = &[
    Operator { domain: "finn.custom_op.general", name: "BipolarQuant", translate: bipolar },
    Operator { domain: "finn.custom_op.general", name: "Quant", translate: quant },
    Operator { domain: "onnx.brevitas", name: "BipolarQuant", translate: bipolar },
    Operator { domain: "onnx.brevitas", name: "Quant", translate: quant },
    Operator { domain: "qonnx.custom_op.general", name: "BipolarQuant", translate: bipolar },
    Operator { domain: "qonnx.custom_op.general", name: "IntQuant", translate: quant },
    Operator { domain: "qonnx.custom_op.general", name: "Quant", translate: quant },
];

/// Quant: (round(clip(x / scale + zero point)) - zero point) * scale.
fn quant(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(4..=4, &["narrow", "rounding_mode", "signed"])?;
    let attributes = ctx.attributes();
    let (signed, narrow) = (attributes.int("signed", 1)? != 0, attributes.int("narrow", 0)? != 0);
    let mode = attributes.text("rounding_mode", "ROUND")?.to_ascii_uppercase();
    let rounding = match mode.as_str() {
        "ROUND" | "HALF_EVEN" => Rounding::HalfEven,
        "CEIL" => Rounding::Ceil,
        "FLOOR" => Rounding::Floor,
        "ROUND_TO_ZERO" | "DOWN" => Rounding::Trunc,
        "UP" => Rounding::Up,
        other => {
            let rule = format!("the attribute \"rounding_mode\" is {other:?}");
            return ctx.refuse("SP0106", rule, "it must be ROUND, CEIL, FLOOR, ROUND_TO_ZERO, UP or DOWN");
        }
    };
    let bits = ctx.number(3, "bit width")?.filter(|bits| (1.0..=24.0).contains(bits) && bits.fract() == 0.0);
    let Some(bits) = bits else {
        return ctx.refuse("SP0106", "the bit width is not a whole number of 1 to 24", "use such a width");
    };
    let zero = ctx.input(2)?;
    if bits == 1.0 && signed && zero.constant().and_then(|c| c.tensor()).is_some_and(|t| t.data() == [0.0]) {
        // One signed bit stands for -1 and 1.
        return signs(ctx);
    }
    let narrow = f32::from(u8::from(narrow));
    let (lo, hi) = match signed {
        true => (narrow - libm::ldexpf(1.0, bits as i32 - 1), libm::ldexpf(1.0, bits as i32 - 1) - 1.0),
        false => (0.0, libm::ldexpf(1.0, bits as i32) - 1.0 - narrow),
    };
    let (x, scale) = (ctx.input(0)?, ctx.input(1)?);
    let one = |term: &Term| term.constant().and_then(|c| c.tensor()).filter(|t| t.data().len() == 1);
    if let (Some(scale), Some(zero)) = (one(&scale), one(&zero)) {
        let (scale, zero_point) = (scale.data()[0], zero.data()[0]);
        // With another zero point a half would be rounded after it is added.
        if zero_point == 0.0 && scale > 0.0 && scale.is_finite() {
            let grid = Grid { scale, zero_point, lo, hi, rounding };
            return ctx.output(0, Op::Map(Function::FakeQuant(grid)), &[&x]);
        }
    }
    let quotient = ctx.binary("quotient", Binary::Div, &x, &scale)?;
    let shifted = ctx.binary("shifted", Binary::Add, &quotient, &zero)?;
    let clipped = ctx.map("clipped", Function::Clip { lo, hi }, &shifted)?;
    let whole = ctx.map("code", Function::Round(rounding), &clipped)?;
    let centred = ctx.binary("centred", Binary::Sub, &whole, &zero)?;
    ctx.output(0, Op::Binary(Binary::Mul), &[&centred, &scale])
}

/// BipolarQuant: the scale where x / scale is not negative, else minus the scale.
fn bipolar(ctx: &mut Context<'_, '_>) -> Result<()> {
    ctx.expect(2..=2, &[])?;
    signs(ctx)
}

/// The scale where x is not negative, else minus the scale.
fn signs(ctx: &mut Context<'_, '_>) -> Result<()> {
    let (x, scale) = (ctx.input(0)?, ctx.input(1)?);
    let positive =
        scale.constant().and_then(|c| c.tensor()).is_some_and(|t| t.data().iter().all(|&s| s > 0.0));
    if !positive {
        return ctx.refuse("SP0105", "the scale is not a positive constant", "export the model again");
    }
    let above = Function::Compare { relation: Relation::GreaterOrEqual, with: 0.0 };
    let above = ctx.map("above", above, &x)?.with_element(x.element());
    let double = ctx.binary("double", Binary::Mul, &above, &Term::number(2.0))?;
    let sign = ctx.binary("sign", Binary::Sub, &double, &Term::number(1.0))?;
    ctx.output(0, Op::Binary(Binary::Mul), &[&sign, &scale])
}
