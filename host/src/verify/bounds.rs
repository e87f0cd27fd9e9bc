//! The least and greatest value of everything within an array, over all inputs, from the weights it holds.
//!
//! An input is a free choice of a code in 0..2^input_bits on every word line, so each digit of each line is free in
//! 0..=2^dac_bits - 1. A partial is a sum of independent terms: its bounds are the sums of its negative and of its positive
//! cells times the largest digit, plus what the bias rows add, exactly. With a differential pair all cells of a weight
//! carry its sign; the input that drives just the positive lines attains the upper bounds of all partials at once. The
//! readout is monotone in each partial, so the bounds of a composed read are attained too.

use spandrel_core::crossbar::{Crossbar, Polarity, Readout};
use spandrel_oracle as oracle;

use super::decode::{Array, largest};

/// A closed range of integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Least value.
    pub lo: i64,
    /// Greatest value.
    pub hi: i64,
}

impl Span {
    /// The range `lo..=hi`.
    #[must_use]
    pub const fn new(lo: i64, hi: i64) -> Self {
        Self { lo, hi }
    }

    /// One value.
    #[must_use]
    pub const fn only(value: i64) -> Self {
        Self { lo: value, hi: value }
    }

    /// Sums of a value of each.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { lo: self.lo.saturating_add(other.lo), hi: self.hi.saturating_add(other.hi) }
    }

    /// The least range that holds both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// Whether `other` lies inside.
    #[must_use]
    pub const fn holds(&self, other: Self) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// Every value moved into `range`.
    #[must_use]
    pub fn within(self, range: Self) -> Self {
        Self { lo: self.lo.clamp(range.lo, range.hi), hi: self.hi.clamp(range.lo, range.hi) }
    }

    /// The values of a two's complement register of `bits` bits (1..=63).
    #[must_use]
    pub const fn register(bits: u8) -> Self {
        let end = 1i64 << (bits - 1);
        Self { lo: -end, hi: end - 1 }
    }

    /// The range through a monotone function.
    #[must_use]
    pub fn map(self, f: impl Fn(i64) -> i64) -> Self {
        Self { lo: f(self.lo), hi: f(self.hi) }
    }
}

/// What one column can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnBounds {
    /// Partials, pass by pass, slices within.
    pub partials: Vec<Span>,
    /// The largest sum of magnitudes of products on one bit line in one pass: what a sum in any order stays below.
    pub gross: i64,
    /// The array's read.
    pub read: Span,
    /// Whether a conversion (a composed share, or an exact partial) can clip.
    pub share_clips: bool,
    /// Whether the register that adds a composed array's shares can clip.
    pub register_clips: bool,
    /// Whether `read` is attained by an input.
    pub attained: bool,
}

/// Digit `index` of `value` in digits of `bits` bits.
fn digit(value: i64, index: u32, bits: u32) -> i64 {
    (value >> (index * bits)) & ((1i64 << bits) - 1)
}

/// What slice `slice` of the cells of `weight` counts, its sign included.
fn cell(crossbar: &Crossbar, weight: i64, slice: u32) -> i64 {
    let bits = u32::from(crossbar.cell_bits);
    match crossbar.polarity {
        Polarity::Differential => weight.signum() * digit(weight.abs(), slice, bits),
        Polarity::Offset => digit(weight + largest(crossbar) + 1, slice, bits),
    }
}

/// The conversion of a partial of weight 2^`place`: its value in the read, and whether it was clipped.
#[must_use]
pub fn converted(crossbar: &Crossbar, partial: i64, place: u32) -> (i64, bool) {
    let (value, limit, left) = match crossbar.readout {
        Readout::Composed { shift, rounding } => {
            let shift = u32::from(shift);
            let value = if shift >= place {
                let by = 1i64 << (shift - place);
                match rounding {
                    spandrel_core::arith::Rounding::TowardZero => partial / by,
                    spandrel_core::arith::Rounding::Floor => partial.div_euclid(by),
                }
            } else {
                partial << (place - shift)
            };
            (value, (1i64 << crossbar.output_bits) - 1, 0)
        }
        Readout::Exact { adc_bits } => (partial, (1i64 << adc_bits) - 1, place),
    };
    let clipped = value.clamp(-limit, limit);
    (clipped << left, clipped != value)
}

/// Place of the partial of `pass` and `slice`.
#[must_use]
pub fn place(crossbar: &Crossbar, pass: u32, slice: u32) -> u32 {
    pass * u32::from(crossbar.dac_bits) + slice * u32::from(crossbar.cell_bits)
}

/// The bounds of column `column` of `array`.
#[must_use]
pub fn column(array: &Array, column: usize) -> ColumnBounds {
    let crossbar = &array.crossbar;
    let mut out = ColumnBounds {
        partials: Vec::new(),
        gross: 0,
        read: Span::only(0),
        share_clips: false,
        register_clips: false,
        attained: crossbar.polarity == Polarity::Differential,
    };
    if array.lines() == 0 {
        return out;
    }
    let (passes, slices) = (u32::from(crossbar.passes()), u32::from(crossbar.slices));
    let top = (1i64 << crossbar.dac_bits) - 1;
    let bias = i64::from(crossbar.bias_code);
    let (inputs, biases) = array.weights[column].split_at(crossbar.rows as usize);
    let mut sum = Span::only(0);
    for pass in 0..passes {
        let driven = digit(bias, pass, u32::from(crossbar.dac_bits));
        for slice in 0..slices {
            let mut span = Span::only(0);
            let mut gross = 0;
            for weight in inputs {
                let cell = cell(crossbar, i64::from(*weight), slice);
                span.lo += cell.min(0) * top;
                span.hi += cell.max(0) * top;
                gross += cell.abs() * top;
            }
            for weight in biases {
                let product = cell(crossbar, i64::from(*weight), slice) * driven;
                span = span.plus(Span::only(product));
                gross += product.abs();
            }
            let place = place(crossbar, pass, slice);
            let (lo, lo_clips) = converted(crossbar, span.lo, place);
            let (hi, hi_clips) = converted(crossbar, span.hi, place);
            out.share_clips |= lo_clips || hi_clips;
            out.gross = out.gross.max(gross);
            sum = sum.plus(Span::new(lo, hi));
            out.partials.push(span);
        }
    }
    out.read = match (crossbar.readout, crossbar.polarity) {
        (Readout::Composed { .. }, _) => {
            let limit = (1i64 << crossbar.output_bits) - 1;
            let read = sum.within(Span::new(-limit, limit));
            out.register_clips = read != sum;
            read
        }
        (Readout::Exact { .. }, Polarity::Differential) => sum,
        (Readout::Exact { .. }, Polarity::Offset) => offset_read(array, column, sum, &mut out),
    };
    out
}

/// An exact read of offset weights: when no converter can clip it is sum(w x), whose bounds are attained; else the
/// correction is bounded on its own.
fn offset_read(array: &Array, column: usize, sum: Span, out: &mut ColumnBounds) -> Span {
    let crossbar = &array.crossbar;
    let top = (1i64 << crossbar.input_bits) - 1;
    let bias = i64::from(crossbar.bias_code);
    let (inputs, biases) = array.weights[column].split_at(crossbar.rows as usize);
    if out.share_clips {
        let offset = largest(crossbar) + 1;
        let fixed = biases.len() as i64 * bias;
        return Span::new(sum.lo - offset * (inputs.len() as i64 * top + fixed), sum.hi - offset * fixed);
    }
    out.attained = true;
    let fixed: i64 = biases.iter().map(|weight| i64::from(*weight) * bias).sum();
    let lo: i64 = inputs.iter().map(|weight| i64::from(*weight).min(0) * top).sum();
    let hi: i64 = inputs.iter().map(|weight| i64::from(*weight).max(0) * top).sum();
    Span::new(lo + fixed, hi + fixed)
}

/// Whether any conversion of `column` clips for the input codes `inputs`, and whether the register does.
#[must_use]
pub fn clips(array: &Array, column: usize, inputs: &[i32]) -> (bool, bool) {
    let crossbar = &array.crossbar;
    let (slices, dac) = (usize::from(crossbar.slices), u32::from(crossbar.dac_bits));
    let passes = usize::from(crossbar.passes());
    let mut partials = vec![0i64; passes * slices];
    let bias = crossbar.bias_code as i32;
    let codes = inputs.iter().copied().chain(std::iter::repeat_n(bias, crossbar.bias_rows as usize));
    for (weight, code) in array.weights[column].iter().zip(codes) {
        if code == 0 {
            continue;
        }
        for slice in 0..slices {
            let cell = cell(crossbar, i64::from(*weight), slice as u32);
            if cell != 0 {
                for pass in 0..passes {
                    partials[pass * slices + slice] += cell * digit(i64::from(code), pass as u32, dac);
                }
            }
        }
    }
    let mut sum = 0;
    let mut share = false;
    for (at, partial) in partials.iter().enumerate() {
        let place = place(crossbar, (at / slices) as u32, (at % slices) as u32);
        let (value, clipped) = converted(crossbar, *partial, place);
        sum += value;
        share |= clipped;
    }
    let limit = (1i64 << crossbar.output_bits) - 1;
    let composed = matches!(crossbar.readout, Readout::Composed { .. });
    (share, composed && sum.abs() > limit)
}

/// The sums `sum` after shift and activation: monotone, unless a table is in the way, whose entries are looked through.
pub(super) fn activated(adder: &oracle::Adder, sum: Span) -> Option<Span> {
    let end = |value: i64| i64::try_from(oracle::finish(adder, &[i128::from(value)])).ok();
    let oracle::Activation::Table { lo, entries } = &adder.activation else {
        return Some(Span::new(end(sum.lo)?, end(sum.hi)?));
    };
    let straight = oracle::Adder { activation: oracle::Activation::None, ..adder.clone() };
    let key = |value: i64| oracle::finish(&straight, &[i128::from(value)]) - lo;
    let last = entries.len() as i128 - 1;
    let (from, to) = (key(sum.lo).clamp(0, last) as usize, key(sum.hi).clamp(0, last) as usize);
    let reached = entries.get(from..=to)?;
    Some(Span::new(i64::try_from(*reached.iter().min()?).ok()?, i64::try_from(*reached.iter().max()?).ok()?))
}
