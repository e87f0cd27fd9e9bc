//! Random digital cores.

use super::{Source, array::packed, extreme, number, once_in, pick};
use crate::images::ImageBuilder;
use spandrel_core::{
    image::NO_BLOB,
    mac::{Activation, Bias, Mac, Overflow, Param, Requant, Rounding, input_floor, input_limit},
};

/// A core of `columns` columns that obeys the core's rules, with its blob and tables in `b`.
///
/// # Panics
/// When the generator itself is wrong.
pub fn mac(u: &mut Source<'_>, b: &mut ImageBuilder, columns: u32) -> Mac {
    // Around the chunk of 32 rows that weights are decoded in.
    let rows = if once_in(u, 4) { pick(u, &[31, 32, 33, 65]) } else { number(u, 1, 12) };
    let rows = if once_in(u, 8) { 0 } else { rows as u32 };
    let mut core = Mac {
        rows,
        columns,
        blob: NO_BLOB,
        input_bits: if once_in(u, 3) { number(u, 1, 24) } else { 8 } as u8,
        input_signed: once_in(u, 2),
        input_zero: 0,
        accumulator_bits: 32,
        overflow: pick(u, &[Overflow::Saturate, Overflow::Wrap]),
        bias: Bias::None,
        requant: Requant::None,
        output_zero: 0,
        activation: Activation::Clamp,
        pool: 1,
        out_lo: 0,
        out_hi: 255,
    };
    if once_in(u, 2) {
        core.input_zero = extreme(u, input_floor(&core).into(), input_limit(&core).into()) as i32;
    }
    core.accumulator_bits = match number(u, 0, 5) {
        0 => number(u, 2, 31),
        1 => 24,
        2 | 3 if rows > 0 => number(u, 33, 64),
        _ => 32,
    } as u8;
    if rows > 0 {
        let weight_bits = if once_in(u, 4) { number(u, 1, 15) } else { 7 };
        let weights = packed(u, (1 << weight_bits) - 1, rows as usize, columns as usize);
        core.blob = b.blob(weights);
    }
    core.bias = match number(u, 0, 4) {
        0 => Bias::None,
        1..=3 => {
            let reach = if once_in(u, 4) { i64::from(i32::MAX) } else { 5000 };
            let entries: Vec<i32> = (0..columns).map(|_| extreme(u, -reach, reach) as i32).collect();
            Bias::Words { table: b.table(&entries) }
        }
        _ => {
            let reach = 1 << number(u, 20, 62);
            let entries: Vec<i32> = (0..columns)
                .map(|_| extreme(u, -reach, reach))
                .flat_map(|bias| [(bias >> 32) as i32, bias as i32])
                .collect();
            Bias::Pairs { table: b.table(&entries) }
        }
    };
    core.requant = requant(u, b, &core);
    periphery(u, b, &mut core);
    core.check().expect("generated parameters obey the rules");
    core
}

/// A parameter of the core, or of each column by a new table.
fn param<T>(
    u: &mut Source<'_>,
    b: &mut ImageBuilder,
    columns: u32,
    mut value: impl FnMut(&mut Source<'_>) -> T,
) -> Param<T>
where
    i32: From<T>,
{
    if once_in(u, 2) {
        return Param::Core(value(u));
    }
    let entries: Vec<i32> = (0..columns).map(|_| i32::from(value(u))).collect();
    Param::Column { table: b.table(&entries) }
}

fn requant(u: &mut Source<'_>, b: &mut ImageBuilder, core: &Mac) -> Requant {
    let plain = [Rounding::TowardZero, Rounding::Floor, Rounding::HalfUp, Rounding::HalfEven];
    let columns = core.columns;
    match number(u, 0, 8) {
        0 => Requant::None,
        1..=4 => {
            let most = if once_in(u, 5) { 63 } else { i64::from(core.accumulator_bits.min(12)) };
            let rounding = pick(u, &plain);
            Requant::Shift { shift: param(u, b, columns, |u| number(u, 0, most) as u8), rounding }
        }
        _ => {
            let gemmlowp = core.accumulator_bits <= 32 && once_in(u, 2);
            let rounding = if gemmlowp { Rounding::Gemmlowp } else { pick(u, &plain) };
            let bits = if once_in(u, 2) { 32 } else { number(u, 2, 31) };
            let reach = 1i64 << (bits - 1);
            // Normalised multipliers, as frameworks have them, and any.
            let least = if once_in(u, 2) { reach / 2 } else { -reach };
            // Scales around 2^-4 on the sum, and any.
            let (lo, hi) =
                if once_in(u, 4) { (0, if gemmlowp { 62 } else { 63 }) } else { (bits - 2, bits + 12) };
            let multiplier = param(u, b, columns, |u| extreme(u, least, reach - 1).max(least) as i32);
            let shift = param(u, b, columns, |u| number(u, lo, hi) as u8);
            Requant::Multiplier { bits: bits as u8, multiplier, shift, rounding }
        }
    }
}

/// Zero point, activation, pooling and output range.
fn periphery(u: &mut Source<'_>, b: &mut ImageBuilder, core: &mut Mac) {
    let divisors: Vec<u8> = (1..=6).filter(|pool| core.columns.is_multiple_of(u32::from(*pool))).collect();
    core.pool = pick(u, &divisors);
    (core.out_lo, core.out_hi) =
        pick(u, &[(0, 255), (-128, 127), (-32768, 32767), (-5, 20), (i32::MIN, i32::MAX)]);
    if core.requant == Requant::None {
        return;
    }
    if once_in(u, 2) {
        core.output_zero = extreme(u, -130, 130) as i32;
    }
    let bits = number(u, 1, 8);
    match number(u, 0, 5) {
        0 | 1 => {
            let entries: Vec<i32> = (0..1 << bits).map(|_| extreme(u, -300, 300) as i32).collect();
            core.activation = Activation::Table { table: b.table(&entries), bits: bits as u8 };
        }
        2 | 3 => {
            let bits = if once_in(u, 4) { number(u, 1, 24) } else { bits };
            let segments = number(u, 1, (1 << bits).min(20));
            let reach = if once_in(u, 8) { i64::from(i32::MAX) } else { 300 };
            let entries: Vec<i32> = (0..2 * segments).map(|_| extreme(u, -reach, reach) as i32).collect();
            let product_shift = if once_in(u, 8) { number(u, 0, 62) } else { number(u, 0, 8) } as u8;
            let table = b.table(&entries);
            core.activation = Activation::PiecewiseLinear { table, bits: bits as u8, product_shift };
        }
        _ => {}
    }
}
