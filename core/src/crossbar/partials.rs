//! The analog part: one column's partials.

use super::{
    compose::{compose, exact},
    config::{Crossbar, PARTIALS_MAX, Polarity, Readout, input_limit, weight_floor, weight_limit},
};
use crate::{
    arith::{clip_i32, digit},
    blob::{CHUNK_ROWS, Column, StoreFault, WeightStore},
};

/// Partials of one column, pass by pass, slices within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partials {
    values: [i32; PARTIALS_MAX],
    /// Sum of all input codes, which offset weights are corrected by.
    pub(crate) inputs: i64,
}

impl Partials {
    /// No current on any bit line yet.
    #[must_use]
    pub const fn zero() -> Self {
        Self { values: [0; PARTIALS_MAX], inputs: 0 }
    }

    /// The partial of `pass` and `slice`.
    #[must_use]
    pub fn get(&self, crossbar: &Crossbar, pass: u8, slice: u8) -> i32 {
        let at = usize::from(pass) * usize::from(crossbar.slices) + usize::from(slice);
        self.values.get(at).copied().unwrap_or(0)
    }

    /// As [`Partials::add`] for many lines, with passes and slices known while compiling: several times faster, which
    /// matters on a microcontroller. Parsing has shown that no sum can pass 31 bits, so nothing wraps.
    fn add_lines<const P: usize, const S: usize>(
        &mut self,
        crossbar: &Crossbar,
        codes: &[i32],
        weights: &[i32],
    ) {
        let (limit, floor) = (weight_limit(crossbar), weight_floor(crossbar));
        let top = input_limit(crossbar);
        let offset = if crossbar.polarity == Polarity::Offset { limit + 1 } else { 0 };
        let (dac, cell) = (u32::from(crossbar.dac_bits), u32::from(crossbar.cell_bits));
        let dac_mask = crate::arith::digit_max(crossbar.dac_bits);
        let cell_mask = crate::arith::digit_max(crossbar.cell_bits);
        let mut sums = [[0i32; S]; P];
        let mut inputs = 0i32;
        for (code, weight) in codes.iter().zip(weights) {
            let code = clip_i32(*code, 0, top);
            let weight = clip_i32(*weight, floor, limit).wrapping_add(offset);
            let sign = weight >> 31;
            let magnitude = (weight ^ sign).wrapping_sub(sign);
            inputs = inputs.wrapping_add(code);
            let mut driven = code;
            for row in &mut sums {
                let line = ((driven & dac_mask) ^ sign).wrapping_sub(sign);
                driven >>= dac;
                let mut held = magnitude;
                for sum in row {
                    *sum = sum.wrapping_add(line.wrapping_mul(held & cell_mask));
                    held >>= cell;
                }
            }
        }
        self.inputs += i64::from(inputs);
        for (value, sum) in self.values.iter_mut().zip(sums.iter().flatten()) {
            *value = value.wrapping_add(*sum);
        }
    }

    /// Adds one word line's share: input code `input` through `weight`. Both saturate.
    pub fn add(&mut self, crossbar: &Crossbar, input: i32, weight: i32) {
        let limit = weight_limit(crossbar);
        let input = clip_i32(input, 0, input_limit(crossbar));
        let weight = clip_i32(weight, weight_floor(crossbar), limit);
        self.inputs += i64::from(input);
        let (magnitude, sign) = match crossbar.polarity {
            Polarity::Differential => (weight.abs(), if weight < 0 { -1 } else { 1 }),
            Polarity::Offset => (weight + limit + 1, 1),
        };
        if input == 0 || magnitude == 0 {
            return;
        }
        let mut partials = self.values.iter_mut();
        for pass in 0..crossbar.passes() {
            let driven = sign * digit(input, pass, crossbar.dac_bits);
            for slice in 0..crossbar.slices {
                if let Some(partial) = partials.next() {
                    *partial += driven * digit(magnitude, slice, crossbar.cell_bits);
                }
            }
        }
    }
}

/// Reads one column of an array: `input(row)` on the word lines, the bias code on the bias rows.
///
/// # Errors
/// The weight store failed.
pub fn read_column<W: WeightStore>(
    crossbar: &Crossbar,
    column: &Column<'_, W>,
    input: impl Fn(u32) -> i32,
) -> Result<i32, StoreFault> {
    let lines = crossbar.rows + crossbar.bias_rows;
    let mut partials = Partials::zero();
    let mut first = 0;
    while first < lines {
        let mut weights = [0i32; CHUNK_ROWS];
        let rows = (lines - first).min(CHUNK_ROWS as u32);
        let chunk = weights.get_mut(..rows as usize).unwrap_or(&mut []);
        column.read(first, chunk)?;
        let mut codes = [0i32; CHUNK_ROWS];
        for (line, code) in (first..first + rows).zip(codes.iter_mut()) {
            *code = if line < crossbar.rows { input(line) } else { crossbar.bias_code as i32 };
        }
        match (crossbar.passes(), crossbar.slices) {
            (2, 2) => partials.add_lines::<2, 2>(crossbar, &codes, chunk),
            _ => {
                for (code, weight) in codes.iter().zip(chunk.iter()) {
                    partials.add(crossbar, *code, *weight);
                }
            }
        }
        first += rows;
    }
    Ok(match crossbar.readout {
        Readout::Composed { shift, rounding } => compose(crossbar, &partials, shift, rounding),
        Readout::Exact { adc_bits } => exact(crossbar, &partials, adc_bits),
    })
}
