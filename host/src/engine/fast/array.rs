//! One invocation for a block: partials as a product, then readout, sum and periphery on rows of lanes.

use super::{
    cells::Cells,
    memory::Memory,
    product::{self, EXACT},
};
use spandrel_core::{
    arith::Rounding,
    crossbar::{Activation, Crossbar, Polarity, Readout},
};

/// Room that one invocation uses and the next one uses again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Digits on the word lines: line by line, pass by pass, lanes fastest.
    drive: Vec<f32>,
    /// Partials: slice by slice, column by column, pass by pass, lanes fastest.
    partials: Vec<f32>,
    /// The same, where f32 does not suffice.
    wide: Vec<i32>,
    /// Sum of the input codes of each lane.
    codes: Vec<i32>,
    read: Vec<i32>,
    value: Vec<i32>,
}

/// A configuration.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) crossbar: Crossbar,
    /// Number of its decoded cells; none without an array.
    pub(super) cells: Option<usize>,
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
    fn add_wide(self, sum: &mut [i32], partials: &[i32], limit: i32) {
        let limit = i64::from(limit);
        for (sum, partial) in sum.iter_mut().zip(partials) {
            let partial = i64::from(*partial);
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
        memory: &mut Memory,
        scratch: &mut Scratch,
        (accumulate, finish): (bool, bool),
        mut each: impl FnMut(u32, &[i32], Option<&[i32]>),
    ) {
        let lanes = memory.lanes;
        let wide = cells.is_some_and(|cells| self.read_lines(cells, memory, scratch));
        let Scratch { partials, wide: wide_partials, codes, read, value, .. } = scratch;
        read.resize(lanes, 0);
        value.resize(lanes, 0);
        for column in 0..self.crossbar.columns as usize {
            read.fill(0);
            if cells.is_some() {
                if wide {
                    self.readout(read, column, lanes, wide_partials, codes, Share::add_wide, |partial| {
                        partial
                    });
                } else {
                    self.readout(read, column, lanes, partials, codes, Share::add_narrow, |partial| {
                        partial as i32
                    });
                }
            }
            let sum = &mut memory.sums[column * lanes..(column + 1) * lanes];
            if accumulate {
                for (sum, read) in sum.iter_mut().zip(read.iter()) {
                    *sum = sum.saturating_add(*read);
                }
            } else {
                sum.copy_from_slice(read);
            }
            if finish {
                self.finish(value, sum);
                self.pool(memory, column, value);
                each(column as u32, read, Some(value));
            } else {
                each(column as u32, read, None);
            }
        }
    }

    /// Drives the word lines and reads every bit line; says whether the partials are in `wide`.
    fn read_lines(&self, cells: &Cells, memory: &Memory, scratch: &mut Scratch) -> bool {
        let Crossbar { rows, columns, slices, dac_bits, .. } = self.crossbar;
        let (lanes, passes) = (memory.lanes, usize::from(self.crossbar.passes()));
        let width = passes * lanes;
        let Scratch { drive, partials, wide, codes, .. } = scratch;
        // Everything is overwritten below: what an earlier invocation left needs no clearing.
        drive.resize(cells.lines * width, 0.0);
        codes.clear();
        codes.resize(lanes, 0);
        let (limit, digit) = (mask(self.crossbar.input_bits), mask(dac_bits));
        let offset = self.crossbar.polarity == Polarity::Offset;
        let (driven, bias) = drive.split_at_mut(rows as usize * width);
        for (line, inputs) in driven.chunks_exact_mut(width.max(1)).zip(memory.inputs.chunks_exact(lanes)) {
            for (pass, line) in line.chunks_exact_mut(lanes).enumerate() {
                let shift = pass as u32 * u32::from(dac_bits);
                for (driven, input) in line.iter_mut().zip(inputs) {
                    *driven = ((input.clamp(&0, &limit) >> shift) & digit) as f32;
                }
            }
            if offset {
                for (code, input) in codes.iter_mut().zip(inputs) {
                    *code += input.clamp(&0, &limit);
                }
            }
        }
        let bias_code = self.crossbar.bias_code as i32;
        for line in bias.chunks_exact_mut(width.max(1)) {
            for (pass, line) in line.chunks_exact_mut(lanes).enumerate() {
                line.fill(((bias_code >> (pass as u32 * u32::from(dac_bits))) & digit) as f32);
            }
            if offset {
                for code in codes.iter_mut() {
                    *code += bias_code;
                }
            }
        }
        let bit_lines = columns as usize * usize::from(slices);
        let shape = [bit_lines, cells.lines, width];
        if cells.heaviest.saturating_mul(u64::from(digit.unsigned_abs())) < EXACT {
            partials.resize(bit_lines * width, 0.0);
            product::float(&cells.digits, drive, partials, shape);
            false
        } else {
            wide.resize(bit_lines * width, 0);
            product::integer(&cells.digits, drive, wide, shape);
            true
        }
    }

    /// The reads of `column` into `read`, which is zero before.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "narrow and wide partials share the walk and nothing else")]
    fn readout<P: Copy>(
        &self,
        read: &mut [i32],
        column: usize,
        lanes: usize,
        partials: &[P],
        codes: &[i32],
        add: impl Fn(Share, &mut [i32], &[P], i32),
        integer: impl Fn(P) -> i32,
    ) {
        let Crossbar { columns, slices, dac_bits, cell_bits, .. } = self.crossbar;
        let passes = usize::from(self.crossbar.passes());
        let walk = (0..passes).flat_map(|pass| (0..usize::from(slices)).map(move |slice| (pass, slice)));
        for (pass, slice) in walk {
            let weight = pass as u32 * u32::from(dac_bits) + slice as u32 * u32::from(cell_bits);
            let at = ((slice * columns as usize + column) * passes + pass) * lanes;
            let row = &partials[at..at + lanes];
            match self.crossbar.readout {
                Readout::Composed { shift, rounding } => {
                    add(Share::new(shift, weight, rounding), read, row, mask(self.crossbar.output_bits));
                }
                Readout::Exact { adc_bits } => {
                    let limit = mask(adc_bits);
                    // The machine's parser has shown that the sum of all converters' ranges fits 32 bits.
                    for (read, partial) in read.iter_mut().zip(row) {
                        *read += integer(*partial).clamp(-limit, limit) << weight;
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

    /// Keeps the largest output of a group. Groups move together; sum registers behind them keep their sums.
    fn pool(&self, memory: &mut Memory, column: usize, value: &[i32]) {
        let (lanes, pool) = (memory.lanes, usize::from(self.crossbar.pool));
        let kept = &mut memory.sums[column / pool * lanes..(column / pool + 1) * lanes];
        if column.is_multiple_of(pool) {
            kept.copy_from_slice(value);
        } else {
            for (kept, value) in kept.iter_mut().zip(value) {
                *kept = (*kept).max(*value);
            }
        }
    }
}
