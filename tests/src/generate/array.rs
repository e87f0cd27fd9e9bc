//! Random arrays.

use super::{Source, extreme, number, once_in, pick};
use crate::images::{Packed, prime, weights};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Crossbar, Polarity, Readout, input_limit, weight_limit},
};

/// An array's parameters (blob 0) with packed weights.
#[derive(Clone, Debug)]
pub struct Array {
    /// The parameters, which obey the core's rules.
    pub crossbar: Crossbar,
    /// The weights.
    pub packed: Packed,
}

/// Parameters of any array with `columns` columns.
fn parameters(u: &mut Source<'_>, columns: u32) -> Crossbar {
    // Around the chunk of 32 rows that weights are decoded in.
    let rows = if once_in(u, 3) { pick(u, &[31, 32, 33, 63, 64, 65]) } else { number(u, 1, 20) };
    let bias_rows = if once_in(u, 3) { number(u, 1, 3) } else { 0 };
    let mut crossbar = prime(rows as u32, bias_rows as u32, columns, 0, number(u, 0, 18) as u8);
    if once_in(u, 3) {
        let Readout::Composed { shift, .. } = crossbar.readout else { return crossbar };
        crossbar.readout = Readout::Composed { shift, rounding: Rounding::Floor };
    }
    if once_in(u, 2) {
        return crossbar;
    }
    crossbar.dac_bits = number(u, 1, 8) as u8;
    let passes = number(u, 1, (16 / i64::from(crossbar.dac_bits)).max(1)) as u8;
    crossbar.input_bits = crossbar.dac_bits * passes;
    crossbar.cell_bits = number(u, 1, 8) as u8;
    crossbar.slices = number(u, 1, 16 / i64::from(crossbar.cell_bits)) as u8;
    crossbar.output_bits = if once_in(u, 4) { number(u, 1, 24) } else { number(u, 3, 10) } as u8;
    crossbar.bias_code = extreme(u, 0, i64::from(input_limit(&crossbar))) as u32;
    if once_in(u, 2) {
        crossbar.polarity = pick(u, &[Polarity::Differential, Polarity::Offset]);
        crossbar.readout = Readout::Exact { adc_bits: number(u, 1, 12) as u8 };
    } else {
        let rounding = pick(u, &[Rounding::TowardZero, Rounding::Floor]);
        let shift = if once_in(u, 4) { number(u, 0, 40) } else { number(u, 0, 16) };
        crossbar.readout = Readout::Composed { shift: shift as u8, rounding };
    }
    if crossbar.check().is_err() {
        // Too wide for 32-bit registers: narrower digits in fewer passes.
        (crossbar.input_bits, crossbar.dac_bits, crossbar.cell_bits, crossbar.slices) = (4, 2, 2, 3);
        crossbar.bias_code = crossbar.bias_code.min(15);
    }
    crossbar
}

/// An array with `columns` columns, which obeys the core's rules, and its weights in any encoding.
///
/// # Panics
/// When the generator itself is wrong.
pub fn array(u: &mut Source<'_>, columns: u32) -> Array {
    let crossbar = parameters(u, columns);
    crossbar.check().expect("generated parameters obey the rules");
    let rows = (crossbar.rows + crossbar.bias_rows) as usize;
    let packed = packed(u, i64::from(weight_limit(&crossbar)), rows, columns as usize);
    Array { crossbar, packed }
}

/// Weights of magnitudes up to `limit` (that of the lowest two's complement value is one more), in any encoding.
pub fn packed(u: &mut Source<'_>, limit: i64, rows: usize, columns: usize) -> Packed {
    // Bits of the largest magnitude.
    let width = (64 - limit.leading_zeros()) as i64;
    let matrix = |u: &mut Source<'_>, lo: i64, hi: i64| -> Vec<Vec<i32>> {
        // A column of one sign only is what saturates reads.
        let mut column = |_| {
            let (lo, hi) = if once_in(u, 4) { (0, hi) } else { (lo, hi) };
            (0..rows).map(|_| extreme(u, lo, hi) as i32).collect()
        };
        (0..columns).map(&mut column).collect()
    };
    match number(u, 0, 5) {
        0 | 1 => {
            let bits = if once_in(u, 2) { width + 1 } else { number(u, 1, width + 1) };
            weights::dense(bits as u8, &matrix(u, -(1 << (bits - 1)), (1 << (bits - 1)) - 1))
        }
        2 if width >= 1 => {
            let bits = if once_in(u, 2) { width } else { number(u, 1, width) };
            weights::sign_magnitude(bits as u8, &matrix(u, -((1 << bits) - 1), (1 << bits) - 1))
        }
        3 => {
            let bits = number(u, 1, 8);
            let books = if once_in(u, 2) { columns } else { 1 };
            let mut book = |_| (0..1 << bits).map(|_| extreme(u, -limit, limit) as i32).collect();
            let books: Vec<Vec<i32>> = (0..books).map(&mut book).collect();
            let mut indices = |_| (0..rows).map(|_| number(u, 0, (1 << bits) - 1) as u32).collect();
            let indices: Vec<Vec<u32>> = (0..columns).map(&mut indices).collect();
            weights::codebook(bits as u8, &books, &indices)
        }
        4 => {
            let kinds = number(u, 1, 4);
            let types: Vec<u32> = (0..rows).map(|_| number(u, 0, kinds - 1) as u32).collect();
            let mut values = |_| (0..kinds).map(|_| extreme(u, -limit, limit) as i32).collect();
            let values: Vec<Vec<i32>> = (0..columns).map(&mut values).collect();
            let mut synapses = |_| (0..rows).map(|_| once_in(u, 2)).collect();
            let synapses: Vec<Vec<bool>> = (0..columns).map(&mut synapses).collect();
            weights::axon_typed(&types, &values, &synapses)
        }
        _ => {
            let bits = number(u, 1, width + 1);
            let mut matrix = matrix(u, -(1 << (bits - 1)), (1 << (bits - 1)) - 1);
            for weight in matrix.iter_mut().flatten() {
                if !once_in(u, 3) {
                    *weight = 0;
                }
            }
            weights::sparse_blocks(bits as u8, number(u, 1, rows.min(7) as i64) as u16, &matrix)
        }
    }
}

/// Input codes for `rows` rows; some lie outside what the drivers can apply.
pub fn codes(u: &mut Source<'_>, crossbar: &Crossbar) -> Vec<i32> {
    let top = i64::from(input_limit(crossbar));
    let mode = number(u, 0, 3);
    let mut code = |_| match mode {
        0 => top as i32,
        1 if once_in(u, 4) => extreme(u, i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
        _ => extreme(u, 0, top) as i32,
    };
    (0..crossbar.rows).map(&mut code).collect()
}

/// A periphery: adder, shift, activation, pooling and output range. `tables` may gain one.
pub fn periphery(u: &mut Source<'_>, crossbar: &mut Crossbar, tables: &mut Vec<Vec<i32>>) {
    crossbar.adder_bits = if once_in(u, 3) { number(u, 2, 32) } else { 16 } as u8;
    crossbar.sum_shift = if once_in(u, 2) { number(u, 0, 4) } else { 0 } as u8;
    if once_in(u, 20) {
        crossbar.sum_shift = 31;
    }
    crossbar.activation = match number(u, 0, 3) {
        0 => Activation::None,
        1 | 2 => Activation::Relu,
        _ => {
            let entries = number(u, 1, 40);
            let lo =
                if once_in(u, 8) { extreme(u, i32::MIN.into(), i32::MAX.into()) } else { number(u, -30, 5) };
            tables.push((0..entries).map(|_| extreme(u, -300, 300) as i32).collect());
            Activation::Table { table: tables.len() as u32 - 1, lo: lo as i32 }
        }
    };
    let divisors: Vec<u8> =
        (1..=16).filter(|pool| crossbar.columns.is_multiple_of(u32::from(*pool))).collect();
    crossbar.pool = pick(u, &divisors);
    (crossbar.out_lo, crossbar.out_hi) = pick(u, &[(0, 63), (-32768, 32767), (-5, 20), (i32::MIN, i32::MAX)]);
}
