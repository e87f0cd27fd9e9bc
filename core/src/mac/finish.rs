//! From the sum to an output code: accumulator, requantisation, zero point, activation, clip.

use super::{
    config::{Activation, Mac, Rounding},
    requant::{requantise, round_shift, saturate_z},
};
use crate::{
    arith::{clip, saturate_i32},
    image::Tables,
};

/// The output code of column `column`, whose sum is `sum`.
#[must_use]
#[inline]
pub fn finish(mac: &Mac, tables: &Tables<'_>, column: u32, sum: i64) -> i32 {
    let scaled = requantise(mac, tables, column, mac.accumulator(sum));
    let z = scaled.saturating_add(i64::from(mac.output_zero));
    let active = match mac.activation {
        Activation::Clamp => z,
        Activation::Table { table, bits } => {
            let key = saturate_z(z, bits) + (1i64 << (bits - 1));
            // Parsing has shown that the table has 2^bits entries.
            i64::from(tables.get(table).and_then(|table| table.get(key as usize)).unwrap_or(0))
        }
        Activation::PiecewiseLinear { table, bits, product_shift } => {
            piecewise(tables, table, saturate_z(z, bits), bits, product_shift)
        }
    };
    saturate_i32(clip(active, i64::from(mac.out_lo), i64::from(mac.out_hi)))
}

/// The line of z's segment at z, a number of `bits` bits.
fn piecewise(tables: &Tables<'_>, table: u32, z: i64, bits: u8, product_shift: u8) -> i64 {
    // Parsing has shown that the table exists and holds pairs.
    let Some(table) = tables.get(table) else { return 0 };
    let segments = (table.len() / 2) as i64;
    let segment = ((z + (1i64 << (bits - 1))) * segments) >> bits;
    let slope = table.get(segment as usize * 2).unwrap_or(0);
    let intercept = table.get(segment as usize * 2 + 1).unwrap_or(0);
    let product = i128::from(slope) * i128::from(z);
    // At most 31 + 24 bits.
    round_shift(product, u32::from(product_shift), Rounding::HalfUp) as i64 + i64::from(intercept)
}
