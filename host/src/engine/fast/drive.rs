//! Codes on word lines, and the products of weights with them.

use super::{
    cells::{Cells, Precision},
    memory::Registers,
    product,
};

/// How codes are put on the word lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lines {
    /// Lines driven by input registers.
    pub(super) rows: usize,
    /// Ends that input codes saturate at.
    pub(super) range: (i32, i32),
    /// The code that stands for zero: its distance is driven.
    pub(super) zero: i32,
    /// Lines behind them, all driven by one code.
    pub(super) bias_rows: usize,
    pub(super) bias_code: i32,
    /// Passes, and the bits of a code that each drives; one pass drives it whole.
    pub(super) passes: usize,
    pub(super) dac_bits: u8,
}

/// Room that one invocation uses and the next one uses again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Counts contents of input registers.
    pub(super) clock: u64,
    pub(super) bench: Bench,
    /// Sum of the input codes of each lane.
    pub(super) codes: Vec<i32>,
    pub(super) read: Vec<i32>,
    pub(super) value: Vec<i32>,
    pub(super) wide: Vec<i64>,
}

/// Where weights meet codes.
#[derive(Debug, Default)]
pub(super) struct Bench {
    /// What lies in the drive of each precision: contents of input registers, put on lines.
    driven: [Option<(u64, Lines)>; 3],
    single: Operands<f32>,
    double: Operands<f64>,
    integer: Operands<i64>,
}

/// A product's operands and its result.
#[derive(Debug, Default)]
struct Operands<T> {
    /// Weights that are not kept ready.
    weights: Vec<T>,
    /// Line by line, pass by pass, lanes fastest.
    drive: Vec<T>,
    /// Bit line by bit line, pass by pass, lanes fastest.
    out: Vec<T>,
}

/// Lanes of a bit line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Row<'s> {
    /// Below 2^24.
    Single(&'s [f32]),
    /// Below 2^53.
    Double(&'s [f64]),
    /// Any.
    Integer(&'s [i64]),
}

trait Number: Copy {
    const ZERO: Self;
    fn of(value: i32) -> Self;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
    #[inline]
    fn of(value: i32) -> Self {
        value as Self
    }
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    #[inline]
    fn of(value: i32) -> Self {
        Self::from(value)
    }
}

impl Number for i64 {
    const ZERO: Self = 0;
    #[inline]
    fn of(value: i32) -> Self {
        Self::from(value)
    }
}

impl Lines {
    /// Fills `drive`: every line, pass by pass, `width` lanes each.
    #[inline(always)]
    fn put<T: Number>((lines, inputs, width, drive): (&Self, &[i32], usize, &mut Vec<T>)) {
        let (lo, hi) = lines.range;
        let digit = ((1u64 << lines.dac_bits) - 1) as i32;
        let whole = lines.passes == 1;
        let line = lines.passes * width;
        // Everything is overwritten below: what an earlier invocation left needs no clearing.
        drive.resize((lines.rows + lines.bias_rows) * line, T::ZERO);
        let (driven, bias) = drive.split_at_mut(lines.rows * line);
        for (line, inputs) in driven.chunks_exact_mut(line).zip(inputs.chunks_exact(width)) {
            if whole {
                for (driven, input) in line.iter_mut().zip(inputs) {
                    *driven = T::of((*input).clamp(lo, hi) - lines.zero);
                }
                continue;
            }
            for (pass, line) in line.chunks_exact_mut(width).enumerate() {
                let shift = pass as u32 * u32::from(lines.dac_bits);
                for (driven, input) in line.iter_mut().zip(inputs) {
                    *driven = T::of(((*input).clamp(lo, hi) >> shift) & digit);
                }
            }
        }
        for line in bias.chunks_exact_mut(line) {
            for (pass, line) in line.chunks_exact_mut(width).enumerate() {
                let shift = pass as u32 * u32::from(lines.dac_bits);
                line.fill(T::of(if whole { lines.bias_code } else { (lines.bias_code >> shift) & digit }));
            }
        }
    }
}

impl Bench {
    /// The sums of codes times weights on all bit lines, for all passes and lanes.
    pub(super) fn read_lines(&mut self, cells: &Cells, lines: Lines, registers: &Registers) -> Row<'_> {
        let width = registers.width;
        let key = Some((registers.version, lines));
        let driven = &mut self.driven[cells.precision as usize];
        let fresh = *driven != key;
        *driven = key;
        let shape = [cells.bit_lines, cells.lines, lines.passes * width];
        macro_rules! multiply {
            ($operands:expr, $ready:ident, $product:path, $row:path) => {{
                let Operands { weights, drive, out } = &mut $operands;
                if fresh {
                    product::vectorised(Lines::put, (&lines, &*registers.inputs, width, drive));
                }
                out.resize(shape[0] * shape[2], Number::ZERO);
                $product(cells.store.$ready(weights), drive, out, shape);
                $row(out)
            }};
        }
        match cells.precision {
            Precision::Single => multiply!(self.single, single, product::float, Row::Single),
            Precision::Double => multiply!(self.double, double, product::double, Row::Double),
            Precision::Integer => multiply!(self.integer, integer, product::integer, Row::Integer),
        }
    }
}

impl<'s> Row<'s> {
    /// Lanes `at`.. of the result.
    #[inline]
    pub(super) fn part(self, at: usize, count: usize) -> Self {
        match self {
            Self::Single(values) => Self::Single(&values[at..at + count]),
            Self::Double(values) => Self::Double(&values[at..at + count]),
            Self::Integer(values) => Self::Integer(&values[at..at + count]),
        }
    }

    /// Puts results that fit 32 bits into `out`.
    pub(super) fn narrow(self, out: &mut [i32]) {
        match self {
            Self::Single(values) => out.iter_mut().zip(values).for_each(|(out, value)| *out = *value as i32),
            Self::Double(values) => out.iter_mut().zip(values).for_each(|(out, value)| *out = *value as i32),
            Self::Integer(values) => out.iter_mut().zip(values).for_each(|(out, value)| *out = *value as i32),
        }
    }

    /// Puts results into `out`.
    pub(super) fn wide(self, out: &mut [i64]) {
        match self {
            Self::Single(values) => {
                out.iter_mut().zip(values).for_each(|(out, value)| *out = i64::from(*value as i32));
            }
            Self::Double(values) => out.iter_mut().zip(values).for_each(|(out, value)| *out = *value as i64),
            Self::Integer(values) => out.copy_from_slice(values),
        }
    }
}
