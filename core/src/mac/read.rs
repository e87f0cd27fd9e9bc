//! The sum of one column.

use super::config::{Bias, Mac, Overflow, input_floor, input_limit};
use crate::{
    arith::clip_i32,
    blob::{CHUNK_ROWS, Column, StoreFault, WeightStore},
    image::Tables,
};

/// What is added to the sum of column `column`.
#[must_use]
pub fn bias(mac: &Mac, tables: &Tables<'_>, column: u32) -> i64 {
    // Parsing has shown that the entries exist.
    let entry = |table, at: usize| tables.get(table).and_then(|table| table.get(at)).unwrap_or(0);
    match mac.bias {
        Bias::None => 0,
        Bias::Words { table } => i64::from(entry(table, column as usize)),
        Bias::Pairs { table } => {
            let (high, low) = (entry(table, column as usize * 2), entry(table, column as usize * 2 + 1));
            i64::from(high) << 32 | i64::from(low as u32)
        }
    }
}

/// Reads column number `number`: the sum of weight * (input - zero point) over `input(row)`, exactly, plus the bias, in 64
/// bits. Inputs outside their range saturate.
///
/// # Errors
/// The weight store failed.
pub fn read_column<W: WeightStore>(
    mac: &Mac,
    tables: &Tables<'_>,
    column: &Column<'_, W>,
    number: u32,
    input: impl Fn(u32) -> i32,
) -> Result<i64, StoreFault> {
    let (floor, limit) = (input_floor(mac), input_limit(mac));
    let mut sum = 0i64;
    let mut first = 0;
    while first < mac.rows {
        let mut weights = [0i32; CHUNK_ROWS];
        let rows = (mac.rows - first).min(CHUNK_ROWS as u32);
        let chunk = weights.get_mut(..rows as usize).unwrap_or(&mut []);
        column.read(first, chunk)?;
        for (row, weight) in (first..).zip(chunk.iter()) {
            // At most 25 bits.
            let distance = clip_i32(input(row), floor, limit).wrapping_sub(mac.input_zero);
            // Parsing has shown that no sum passes 64 bits.
            sum = sum.wrapping_add(i64::from(distance) * i64::from(*weight));
        }
        first += rows;
    }
    let bias = bias(mac, tables, number);
    Ok(match mac.overflow {
        Overflow::Saturate => sum.saturating_add(bias),
        Overflow::Wrap => sum.wrapping_add(bias),
    })
}
