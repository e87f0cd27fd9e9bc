//! One invocation of a crossbar for a block: partials as a product, then readout, sum and periphery on rows of lanes.

use super::{
    cells::Cells,
    drive::{Lines, Row, Scratch},
    memory::Registers,
    product::vectorised,
};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Crossbar, Polarity, Readout, input_limit},
};

/// A crossbar's configuration.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) crossbar: Crossbar,
    /// The activation table's entries.
    pub(super) table: Vec<i32>,
}

/// What a partial contributes to a composed read: rounded or multiplied, then clipped.
#[derive(Clone, Copy)]
enum Share {
    /// Divided by 2^bits, toward zero.
    TowardZero(u32),
    /// Divided by 2^bits, toward minus infinity.
    Floor(u32),
    /// Multiplied by 2^bits.
    Left(u32),
}

impl Share {
    fn new(shift: u8, weight: u32, rounding: Rounding) -> Self {
        match (u32::from(shift).checked_sub(weight), rounding) {
            (Some(bits), Rounding::TowardZero) => Self::TowardZero(bits),
            (Some(bits), Rounding::Floor) => Self::Floor(bits),
            (None, _) => Self::Left(weight - u32::from(shift)),
        }
    }

    /// Adds the shares of partials below 2^24 to `sum`, in 32 bits and without branches.
    #[inline(always)]
    fn add_narrow(self, sum: &mut [i32], partials: &[f32], limit: i32) {
        let lanes = sum.iter_mut().zip(partials);
        match self {
            Self::TowardZero(bits) => {
                // 24 bits are gone after 30 places; the addend keeps the sum below 2^31.
                let bits = bits.min(30);
                let up = (1 << bits) - 1;
                for (sum, partial) in lanes {
                    let partial = *partial as i32;
                    *sum += ((partial + ((partial >> 31) & up)) >> bits).clamp(-limit, limit);
                }
            }
            Self::Floor(bits) => {
                let bits = bits.min(30);
                for (sum, partial) in lanes {
                    *sum += (*partial as i32 >> bits).clamp(-limit, limit);
                }
            }
            Self::Left(bits) => {
                // Whatever reaches `top` is clipped anyway, and top * 2^bits < 2^24 + 2^30.
                let top = ((i64::from(limit) + (1 << bits) - 1) >> bits) as i32;
                for (sum, partial) in lanes {
                    *sum += ((*partial as i32).clamp(-top, top) << bits).clamp(-limit, limit);
                }
            }
        }
    }

    /// As [`Share::add_narrow`], for partials of any size.
    fn add_wide(self, sum: &mut [i32], partials: &[f64], limit: i32) {
        let limit = i64::from(limit);
        for (sum, partial) in sum.iter_mut().zip(partials) {
            let partial = *partial as i64;
            let share = match self {
                Self::TowardZero(bits) => partial / (1i64 << bits),
                Self::Floor(bits) => partial >> bits,
                Self::Left(bits) => partial << bits,
            };
            *sum += share.clamp(-limit, limit) as i32;
        }
    }
}

const fn mask(bits: u8) -> i32 {
    ((1i64 << bits) - 1) as i32
}

impl Array {
    /// How codes reach the word lines: digit by digit, or whole.
    fn lines(&self, whole: bool) -> Lines {
        let Crossbar { rows, bias_rows, bias_code, dac_bits, .. } = self.crossbar;
        Lines {
            rows: rows as usize,
            range: (0, input_limit(&self.crossbar)),
            zero: 0,
            bias_rows: bias_rows as usize,
            bias_code: bias_code as i32,
            passes: if whole { 1 } else { usize::from(self.crossbar.passes()) },
            dac_bits,
        }
    }

    /// Bytes of scratch that a lane takes.
    pub(super) fn lane_bytes(&self) -> u64 {
        let Crossbar { rows, bias_rows, columns, slices, .. } = self.crossbar;
        let lines = u64::from(rows) + u64::from(bias_rows);
        let partials = u64::from(columns) * u64::from(slices);
        4 * (lines + partials) * u64::from(self.crossbar.passes()) + 16
    }

    /// Runs the configuration on input and sum registers; `each` sees every column's read and, when it is finished, output.
    pub(super) fn invoke(
        &self,
        cells: Option<&Cells>,
        registers: &mut Registers,
        scratch: &mut Scratch,
        (accumulate, finish): (bool, bool),
        mut each: impl FnMut(u32, &[i32], Option<&[i32]>),
    ) {
        let width = registers.width;
        let Scratch { bench, codes, read, value, .. } = scratch;
        let sliced = cells.is_some_and(|cells| !cells.whole);
        if sliced && self.crossbar.polarity == Polarity::Offset {
            self.sum_codes(registers, codes);
        }
        let reads =
            cells.map(|cells| (cells.whole, bench.read_lines(cells, self.lines(cells.whole), registers)));
        read.resize(width, 0);
        value.resize(width, 0);
        for column in 0..self.crossbar.columns as usize {
            match reads {
                None => read.fill(0),
                Some((true, product)) => product.part(column * width, width).narrow(read),
                Some((false, partials)) => vectorised(|()| self.readout(read, column, partials, codes), ()),
            }
            let sum = &mut registers.sums[column * width..(column + 1) * width];
            if accumulate {
                for (sum, read) in sum.iter_mut().zip(read.iter()) {
                    *sum = sum.saturating_add(*read);
                }
            } else {
                sum.copy_from_slice(read);
            }
            if finish {
                vectorised(|()| self.finish(value, sum), ());
                registers.pool(column, self.crossbar.pool, value);
                each(column as u32, read, Some(value));
            } else {
                each(column as u32, read, None);
            }
        }
    }

    /// The sum of all input codes, bias rows included, of each lane.
    fn sum_codes(&self, registers: &Registers, codes: &mut Vec<i32>) {
        let Crossbar { rows, bias_rows, bias_code, .. } = self.crossbar;
        let limit = input_limit(&self.crossbar);
        codes.clear();
        // The machine's parser has shown that the sum fits 32 bits.
        codes.resize(registers.width, (bias_rows * bias_code) as i32);
        for inputs in registers.inputs.chunks_exact(registers.width).take(rows as usize) {
            for (code, input) in codes.iter_mut().zip(inputs) {
                *code += (*input).clamp(0, limit);
            }
        }
    }

    /// The reads of `column`.
    #[inline(always)]
    fn readout(&self, read: &mut [i32], column: usize, partials: Row<'_>, codes: &[i32]) {
        let Crossbar { columns, slices, dac_bits, cell_bits, .. } = self.crossbar;
        let passes = usize::from(self.crossbar.passes());
        let width = read.len();
        read.fill(0);
        for (pass, slice) in
            (0..passes).flat_map(|pass| (0..usize::from(slices)).map(move |slice| (pass, slice)))
        {
            let weight = pass as u32 * u32::from(dac_bits) + slice as u32 * u32::from(cell_bits);
            let at = ((slice * columns as usize + column) * passes + pass) * width;
            let row = partials.part(at, width);
            match self.crossbar.readout {
                Readout::Composed { shift, rounding } => {
                    let (share, limit) =
                        (Share::new(shift, weight, rounding), mask(self.crossbar.output_bits));
                    match row {
                        Row::Single(partials) => share.add_narrow(read, partials, limit),
                        Row::Double(partials) => share.add_wide(read, partials, limit),
                        // Partials have at most 31 bits.
                        Row::Integer(_) => {}
                    }
                }
                Readout::Exact { adc_bits } => {
                    let limit = mask(adc_bits);
                    // The machine's parser has shown that the sum of all converters' ranges fits 32 bits.
                    match row {
                        Row::Single(partials) => {
                            for (read, partial) in read.iter_mut().zip(partials) {
                                *read += (*partial as i32).clamp(-limit, limit) << weight;
                            }
                        }
                        Row::Double(partials) => {
                            for (read, partial) in read.iter_mut().zip(partials) {
                                *read += (*partial as i32).clamp(-limit, limit) << weight;
                            }
                        }
                        Row::Integer(_) => {}
                    }
                }
            }
        }
        match (self.crossbar.readout, self.crossbar.polarity) {
            (Readout::Composed { .. }, _) => {
                let limit = mask(self.crossbar.output_bits);
                for read in read {
                    *read = (*read).clamp(-limit, limit);
                }
            }
            (Readout::Exact { .. }, Polarity::Differential) => {}
            (Readout::Exact { .. }, Polarity::Offset) => {
                let shift = u32::from(cell_bits) * u32::from(slices) - 1;
                for (read, codes) in read.iter_mut().zip(codes) {
                    *read -= codes << shift;
                }
            }
        }
    }

    /// Adder, shift, activation and clipping.
    #[inline(always)]
    fn finish(&self, value: &mut [i32], sum: &[i32]) {
        let Crossbar { adder_bits, sum_shift, out_lo, out_hi, activation, .. } = self.crossbar;
        let hi = mask(adder_bits - 1);
        let lo = -hi - 1;
        let floor = if activation == Activation::Relu { 0 } else { i32::MIN };
        for (value, sum) in value.iter_mut().zip(sum) {
            let sum = (*sum).clamp(lo, hi);
            // On sign and magnitude; the magnitude of i32::MIN wraps to itself and back.
            let magnitude = (sum.unsigned_abs() >> sum_shift) as i32;
            let sign = sum >> 31;
            *value = (magnitude ^ sign).wrapping_sub(sign).max(floor);
        }
        if let Activation::Table { lo, .. } = activation {
            let last = self.table.len() as i64 - 1;
            for value in value.iter_mut() {
                let place = (i64::from(*value) - i64::from(lo)).clamp(0, last);
                *value = self.table[place as usize];
            }
        }
        for value in value {
            *value = (*value).clamp(out_lo, out_hi);
        }
    }
}
