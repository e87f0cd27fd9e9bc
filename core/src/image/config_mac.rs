//! CONFIGS, kind 2: a digital core, 64 bytes.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 2 | kind, 2 |
//! | 2 | 2 | reserved, 0 |
//! | 4 | 4 | rows: inputs taken from the input registers (0: no weights, the sum alone is finished) |
//! | 8 | 4 | columns: outputs |
//! | 12 | 4 | blob, or 0xFFFF_FFFF without rows |
//! | 16 | 1 | input bits, 1..=24, the sign included |
//! | 17 | 1 | flags: bit 0 inputs are two's complement, bit 1 the accumulator wraps (else it saturates) |
//! | 18 | 1 | accumulator bits, 2..=64; at most 32 without rows |
//! | 19 | 1 | requantisation: 0 none, 1 shift, 2 multiplier |
//! | 20 | 1 | rounding: 0 toward zero, 1 floor, 2 half up, 3 half even, 4 gemmlowp |
//! | 21 | 1 | multiplier bits, 2..=32, else 0 |
//! | 22 | 1 | shift of all columns, 0..=63 (gemmlowp: 0..=62), else 0 |
//! | 23 | 1 | activation: 0 clamp, 1 table, 2 piecewise linear |
//! | 24 | 1 | z bits of a table or of linear pieces, 1..=24, else 0 |
//! | 25 | 1 | product shift of linear pieces, 0..=62, else 0 |
//! | 26 | 1 | outputs of which the maximum is kept, at least 1 |
//! | 27 | 1 | words of a bias: 0 none, 1, or 2 (high, low) |
//! | 28 | 4 | i32 input zero point, an input code |
//! | 32 | 4 | i32 output zero point |
//! | 36 | 4 | bias table: words of a bias a column, or 0xFFFF_FFFF |
//! | 40 | 4 | i32 multiplier of all columns, else 0 |
//! | 44 | 4 | multiplier table: an entry a column, or 0xFFFF_FFFF |
//! | 48 | 4 | shift table: an entry a column, or 0xFFFF_FFFF |
//! | 52 | 4 | activation table: 2^z bits entries, or slope and intercept a segment; else 0xFFFF_FFFF |
//! | 56 | 4 | i32 smallest output code |
//! | 60 | 4 | i32 largest output code |

use super::{
    config::CONFIG_BYTES,
    error::{ImageError, Rule},
    table::NO_TABLE,
    tag::Tag,
};
use crate::{
    bytes::{Fields, Sink},
    mac::{Activation, Bias, Mac, Overflow, Param, Requant, Rounding},
};

pub(super) const KIND_MAC: u16 = 2;

const ROUNDINGS: [Rounding; 5] =
    [Rounding::TowardZero, Rounding::Floor, Rounding::HalfUp, Rounding::HalfEven, Rounding::Gemmlowp];

pub(super) fn parse_mac(bytes: &[u8], record: u32) -> Result<Mac, ImageError> {
    let error = |field, rule| ImageError::new(Tag::CONFIGS, record, field, rule);
    let byte = |at: usize, field| bytes.u8_at(at).ok_or(error(field, Rule::TooShort));
    let word = |at: usize, field| bytes.u32_at(at).ok_or(error(field, Rule::TooShort));
    let unknown = |field, code: u8| error(field, Rule::UnknownCode(u32::from(code)));
    let flags = byte(17, "flags")?;
    let code = byte(20, "rounding")?;
    let rounding = *ROUNDINGS.get(usize::from(code)).ok_or(unknown("rounding", code))?;
    let shift = match word(48, "shift_table")? {
        NO_TABLE => Param::Core(byte(22, "shift")?),
        table => Param::Column { table },
    };
    let requant = match byte(19, "requantise")? {
        0 => Requant::None,
        1 => Requant::Shift { shift, rounding },
        2 => Requant::Multiplier {
            bits: byte(21, "multiplier_bits")?,
            multiplier: match word(44, "multiplier_table")? {
                NO_TABLE => Param::Core(word(40, "multiplier")? as i32),
                table => Param::Column { table },
            },
            shift,
            rounding,
        },
        code => return Err(unknown("requantise", code)),
    };
    let (table, bits) = (word(52, "table")?, byte(24, "z_bits")?);
    let activation = match byte(23, "activation")? {
        0 => Activation::Clamp,
        1 => Activation::Table { table, bits },
        2 => Activation::PiecewiseLinear { table, bits, product_shift: byte(25, "product_shift")? },
        code => return Err(unknown("activation", code)),
    };
    let bias = word(36, "bias_table")?;
    let bias = match byte(27, "bias_words")? {
        0 => Bias::None,
        1 => Bias::Words { table: bias },
        2 => Bias::Pairs { table: bias },
        code => return Err(unknown("bias_words", code)),
    };
    let mac = Mac {
        rows: word(4, "rows")?,
        columns: word(8, "columns")?,
        blob: word(12, "blob")?,
        input_bits: byte(16, "input_bits")?,
        input_signed: flags & 1 != 0,
        input_zero: word(28, "input_zero")? as i32,
        accumulator_bits: byte(18, "accumulator_bits")?,
        overflow: if flags & 2 != 0 { Overflow::Wrap } else { Overflow::Saturate },
        bias,
        requant,
        output_zero: word(32, "output_zero")? as i32,
        activation,
        pool: byte(26, "pool")?,
        out_lo: word(56, "out_lo")? as i32,
        out_hi: word(60, "out_hi")? as i32,
    };
    mac.check().map_err(|(field, rule)| error(field, rule))?;
    // Whatever the configuration does not carry must be as it is written: writing it again shows that.
    let mut again = [0u8; CONFIG_BYTES];
    let mut at = 0;
    emit_mac(&mac, &mut |part: &[u8]| {
        if let Some(target) = again.get_mut(at..at + part.len()) {
            target.copy_from_slice(part);
        }
        at += part.len();
    });
    if bytes == again { Ok(mac) } else { Err(error("reserved", Rule::NotZero)) }
}

pub(super) fn emit_mac(mac: &Mac, sink: &mut impl Sink) {
    let (requantise, rounding, multiplier_bits, multiplier, shift) = match mac.requant {
        Requant::None => (0, Rounding::TowardZero, 0, Param::Core(0), Param::Core(0)),
        Requant::Shift { shift, rounding } => (1, rounding, 0, Param::Core(0), shift),
        Requant::Multiplier { bits, multiplier, shift, rounding } => (2, rounding, bits, multiplier, shift),
    };
    let rounding = ROUNDINGS.iter().position(|known| *known == rounding).unwrap_or(0) as u8;
    let (multiplier, multiplier_table) = split(multiplier, 0);
    let (shift, shift_table) = split(shift, 0);
    let (activation, table, z_bits, product_shift) = match mac.activation {
        Activation::Clamp => (0, NO_TABLE, 0, 0),
        Activation::Table { table, bits } => (1, table, bits, 0),
        Activation::PiecewiseLinear { table, bits, product_shift } => (2, table, bits, product_shift),
    };
    let (bias_words, bias) = match mac.bias {
        Bias::None => (0, NO_TABLE),
        Bias::Words { table } => (1, table),
        Bias::Pairs { table } => (2, table),
    };
    let flags = u8::from(mac.input_signed) | u8::from(mac.overflow == Overflow::Wrap) << 1;
    sink.put_u16(KIND_MAC);
    sink.put_u16(0);
    sink.put_u32(mac.rows);
    sink.put_u32(mac.columns);
    sink.put_u32(mac.blob);
    sink.put(&[mac.input_bits, flags, mac.accumulator_bits, requantise]);
    sink.put(&[rounding, multiplier_bits, shift, activation]);
    sink.put(&[z_bits, product_shift, mac.pool, bias_words]);
    sink.put_i32(mac.input_zero);
    sink.put_i32(mac.output_zero);
    sink.put_u32(bias);
    sink.put_i32(multiplier);
    sink.put_u32(multiplier_table);
    sink.put_u32(shift_table);
    sink.put_u32(table);
    sink.put_i32(mac.out_lo);
    sink.put_i32(mac.out_hi);
}

/// The value of all columns, or `unused` and the table.
fn split<T>(param: Param<T>, unused: T) -> (T, u32) {
    match param {
        Param::Core(value) => (value, NO_TABLE),
        Param::Column { table } => (unused, table),
    }
}
