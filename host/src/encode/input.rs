//! How raw samples become the codes of the network's input.
//!
//! The bit-exact path begins at integer raw values. Raw bytes and narrow ranges go through a table; wider integers
//! through multiply, add, shift. The codes that tuning sees are computed with the very integers that go into the image.

use spandrel_core::arith::shift_floor;
use spandrel_core::image::Mapping;

use super::codes::CodeMap;
use crate::diagnostic::{Diagnostic, Result};
use crate::notes::RawType;
use crate::target::Target;

/// The longest encoder table that is made; wider raw ranges are multiplied and shifted.
const TABLE_MAX: i64 = 4096;

/// The most entries of all tables of an encoder together; more inputs than that allows are multiplied and shifted.
const ENTRIES_MAX: u64 = 1 << 16;

/// The raw values that are told apart in one input of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputRange {
    /// Elements of the input.
    pub len: usize,
    /// Smallest raw value.
    pub lo: f64,
    /// Largest raw value.
    pub hi: f64,
}

impl InputRange {
    /// Raw values of `len` elements from `lo` to `hi`; a constant input still gets a range.
    pub fn new(len: usize, (lo, hi): (i32, i32)) -> Self {
        Self { len, lo: f64::from(lo), hi: f64::from(hi.max(lo.saturating_add(1))) }
    }
}

/// Codes of a raw value, and what they mean: raw = smallest of its input + `step` * sum over signals of weight * code.
#[derive(Clone, Debug, PartialEq)]
pub struct InputCode {
    /// How raw values are held.
    pub raw: RawType,
    /// Of each input, one behind the other.
    pub ranges: Vec<InputRange>,
    /// Weight of each signal in units of the finest level: 1, or 4 and 1 for a radix pair.
    pub weights: Vec<u32>,
    /// Largest code of each signal.
    pub code_max: Vec<u32>,
    /// How the encoder computes.
    pub mapping: Mapping,
    /// Its parameters, as in the image format.
    pub params: Vec<i32>,
    /// Channels with parameters of their own.
    pub channels: u32,
    /// Neighbouring elements that share a channel.
    pub inner: u32,
}

impl InputCode {
    /// Codes on `signals` signals for the raw values of each input.
    ///
    /// # Errors
    /// SP0303 when two signals are asked for a range too wide for a table, or of a chip whose codes end below 3.
    pub fn new(raw: RawType, ranges: &[InputRange], signals: u8, target: &Target) -> Result<Self> {
        let most = target.input_max as u32;
        if signals >= 2 && most < 3 && target.input_bits > 1 {
            let rule = format!("the finer of two input signals has codes up to 3, the chip's end at {most}");
            let way_out = "use --set encode.input=1, or a chip with crossbar.input_bits of 2 or more";
            return Err(Diagnostic::error("SP0303", "setting encode.input", rule, way_out).into());
        }
        let (weights, code_max) = radix(signals, most);
        let (channels, inner) = sharing(ranges);
        let mut code = Self {
            raw,
            ranges: ranges.to_vec(),
            weights,
            code_max,
            mapping: Mapping::Affine { shift: 0 },
            params: Vec::new(),
            channels,
            inner,
        };
        if table_fits(ranges, code.weights.len()) {
            let (lo, hi) = span(ranges);
            code.mapping = Mapping::Table { lo: lo as i32 };
            for channel in 0..channels {
                for signal in 0..code.weights.len() {
                    let level = |raw| code.level_code((channel * inner) as usize, raw as i32, signal);
                    let entries: Vec<i32> = (lo..=hi).map(level).collect();
                    code.params.extend(entries);
                }
            }
            return Ok(code);
        }
        if code.weights.len() > 1 {
            let (lo, hi) = span(ranges);
            let rule = format!("raw values from {lo} to {hi} are too many for a table of two signals");
            let way_out = "use --set encode.input=1, or scale the samples to at most 4096 levels";
            return Err(Diagnostic::error("SP0303", "setting encode.input", rule, way_out).into());
        }
        // code = floor((raw * m + a) / 2^shift) with the largest shift that keeps every m within 31 bits.
        let per_raw: Vec<f64> =
            (0..channels).map(|channel| 1.0 / code.step((channel * inner) as usize)).collect();
        let finest = per_raw.iter().fold(0.0f64, |most, &own| most.max(own));
        let shift =
            (0..=46).rev().find(|&s| finest * libm::exp2(f64::from(s)) < libm::exp2(30.0)).unwrap_or(0);
        let power = libm::exp2(f64::from(shift));
        for (channel, per_raw) in per_raw.iter().enumerate() {
            let lo = code.range(channel * inner as usize).lo;
            let m = libm::rint(per_raw * power) as i64;
            let a = libm::rint((0.5 - lo * per_raw) * power) as i64;
            code.params.extend([m as i32, (a >> 32) as i32, a as u32 as i32]);
        }
        code.mapping = Mapping::Affine { shift: shift as u8 };
        Ok(code)
    }

    /// Codes by a table: `codes` for the raw values from `lo` on, on one signal of codes up to `top`; codes of 0 and `top` stand for
    /// the values `ends`, which take the place of raw values in what codes mean.
    pub(super) fn tabled(
        raw: RawType,
        len: usize,
        lo: i32,
        codes: Vec<i32>,
        ends: (f64, f64),
        top: u32,
    ) -> Self {
        Self {
            raw,
            ranges: vec![InputRange { len, lo: ends.0, hi: ends.1 }],
            weights: vec![1],
            code_max: vec![top],
            mapping: Mapping::Table { lo },
            params: codes,
            channels: 1,
            inner: 1,
        }
    }

    /// The range of the input that `element` belongs to. Behind the last one the inputs begin again: samples of a sequence.
    pub fn range(&self, element: usize) -> &InputRange {
        let element = element % self.ranges.iter().map(|range| range.len).sum::<usize>().max(1);
        let mut end = 0;
        let own = self.ranges.iter().find(|range| {
            end += range.len;
            element < end
        });
        own.or(self.ranges.last()).expect("a network has an input")
    }

    /// The encoder's parameters for codes that begin at `base` instead of 0.
    pub fn based(&self, base: i32) -> Vec<i32> {
        match self.mapping {
            Mapping::Table { .. } => self.params.iter().map(|level| level + base).collect(),
            Mapping::Affine { shift } => {
                let own = self.params.as_chunks::<3>().0.iter();
                let based = own.flat_map(|&[m, high, low]| {
                    let a = (i64::from(high) << 32 | i64::from(low as u32)) + (i64::from(base) << shift);
                    [m, (a >> 32) as i32, a as u32 as i32]
                });
                based.collect()
            }
        }
    }

    /// Number of levels, all signals together.
    pub fn levels(&self) -> u64 {
        self.weights.iter().zip(&self.code_max).map(|(&w, &m)| u64::from(w) * u64::from(m)).sum::<u64>() + 1
    }

    /// Raw units per finest level of `element`.
    pub fn step(&self, element: usize) -> f64 {
        let range = self.range(element);
        (range.hi - range.lo) / (self.levels() - 1) as f64
    }

    /// The nearest level of a raw value, ties upward, spread over the signals from the heaviest down.
    fn level_code(&self, element: usize, raw: i32, signal: usize) -> i32 {
        let top = (self.levels() - 1) as f64;
        let (lo, step) = (self.range(element).lo, self.step(element));
        let level = libm::floor((f64::from(raw) - lo) / step + 0.5).clamp(0.0, top);
        let mut rest = level as u64;
        let mut code = 0;
        for (&weight, &most) in self.weights.iter().zip(&self.code_max).take(signal + 1) {
            code = (rest / u64::from(weight)).min(u64::from(most));
            rest -= code * u64::from(weight);
        }
        code as i32
    }

    /// The code of `signal` of `element` for a raw value, computed as the image's encoder does.
    pub fn code(&self, element: usize, raw: i32, signal: usize) -> i32 {
        let most = i64::from(self.code_max[signal]);
        let row = (element / self.inner as usize % self.channels as usize) * self.weights.len() + signal;
        let code = match self.mapping {
            Mapping::Table { lo } => {
                let entries = self.params.len() / (self.weights.len() * self.channels as usize);
                let index = (i64::from(raw) - i64::from(lo)).clamp(0, entries as i64 - 1) as usize;
                i64::from(self.params[row * entries + index])
            }
            Mapping::Affine { shift } => {
                let [m, high, low] = [0, 1, 2].map(|at| self.params[3 * row + at]);
                let a = i64::from(high) << 32 | i64::from(low as u32);
                shift_floor(i64::from(m) * i64::from(raw) + a, u32::from(shift))
            }
        };
        code.clamp(0, most) as i32
    }

    /// Codes of samples, one row a sample, an element's signals next to each other. `raw(sample, element)` gives raw values.
    pub fn codes(&self, samples: usize, elements: usize, raw: impl Fn(usize, usize) -> i32) -> CodeMap {
        let signals = self.weights.len();
        let width = elements * signals;
        let code = |at: usize| {
            let element = at % width / signals;
            self.code(element, raw(at / width, element), at % signals)
        };
        CodeMap::new(width, (0..samples * width).map(code).collect())
    }
}

/// Channels of inputs with these ranges, and how many neighbours share one: a single input is one channel, several have as few as
/// their lengths allow.
fn sharing(ranges: &[InputRange]) -> (u32, u32) {
    if ranges.len() < 2 {
        return (1, 1);
    }
    let gcd = |mut a: usize, mut b: usize| {
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let inner = ranges.iter().fold(0, |inner, range| gcd(inner, range.len)).max(1);
    let len: usize = ranges.iter().map(|range| range.len).sum();
    ((len / inner) as u32, inner as u32)
}

/// Smallest and largest raw value of all inputs.
fn span(ranges: &[InputRange]) -> (i64, i64) {
    let ends = |(lo, hi): (i64, i64), range: &InputRange| (lo.min(range.lo as i64), hi.max(range.hi as i64));
    ranges.iter().fold((i64::MAX, i64::MIN), ends)
}

/// Whether the raw values of all inputs are few enough for tables.
pub(super) fn table_fits(ranges: &[InputRange], signals: usize) -> bool {
    let (lo, hi) = span(ranges);
    let (channels, _) = sharing(ranges);
    let entries = hi.saturating_sub(lo).saturating_add(1);
    let all = (entries.max(0) as u64).saturating_mul(u64::from(channels) * signals as u64);
    entries <= TABLE_MAX && (ranges.len() < 2 || all <= ENTRIES_MAX)
}

/// Bits of a raw byte: more than that no input signals can carry.
const BYTE_BITS: u32 = 8;

/// Weights and largest codes of `signals` radix signals whose codes end at `most`, the heaviest first: together they carry no more
/// than a byte, and of two signals the finer one carries two bits.
fn radix(signals: u8, most: u32) -> (Vec<u32>, Vec<u32>) {
    let bits = u32::BITS - most.leading_zeros();
    // Codes that fill no whole number of bits are not split.
    if signals < 2 || most != (1u32 << bits.min(31)) - 1 || bits >= BYTE_BITS {
        return (vec![1], vec![most]);
    }
    let mut widths = vec![bits];
    let mut left = BYTE_BITS - bits;
    while widths.len() < usize::from(signals) && left > 0 {
        let own = left.min(bits);
        widths.push(own);
        left -= own;
    }
    let mut weights = Vec::new();
    let mut shift: u32 = widths.iter().sum();
    for width in &widths {
        shift -= width;
        weights.push(1 << shift);
    }
    (weights, widths.iter().map(|width| (1 << width) - 1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prime() -> Target {
        Target::new(spandrel_hwdesc::builtin("prime").unwrap()).unwrap()
    }

    #[test]
    fn bytes_use_the_whole_range() {
        let code = InputCode::new(RawType::U8, &[InputRange::new(4, (0, 255))], 1, &prime()).unwrap();
        assert_eq!([0, 2, 3, 128, 255].map(|raw| code.code(0, raw, 0)), [0, 0, 1, 32, 63]);
    }

    #[test]
    fn a_radix_pair_carries_whole_bytes() {
        let code = InputCode::new(RawType::U8, &[InputRange::new(4, (0, 255))], 2, &prime()).unwrap();
        assert_eq!(code.levels(), 256);
        for raw in 0..=255 {
            assert_eq!(4 * code.code(0, raw, 0) + code.code(0, raw, 1), raw);
        }
    }

    #[test]
    fn wide_integers_agree_with_the_table_rule() {
        let code =
            InputCode::new(RawType::I32, &[InputRange::new(4, (-70_000, 1_000_000))], 1, &prime()).unwrap();
        assert!(matches!(code.mapping, Mapping::Affine { .. }));
        let mut differ = 0;
        for raw in (-80_000..1_010_000).step_by(97) {
            let table = code.level_code(0, raw, 0);
            differ += u32::from(table != code.code(0, raw, 0));
            assert!((table - code.code(0, raw, 0)).abs() <= 1);
        }
        // Only values on the edge between two levels may fall to the other side.
        assert!(differ <= 2, "{differ}");
    }

    #[test]
    fn every_input_uses_the_whole_range_of_its_own() {
        // In a table while it is small, multiplied and shifted when the lengths share no divisor and many channels result.
        for lens in [[4, 6], [4001, 4000]] {
            let ranges = [InputRange::new(lens[0], (0, 255)), InputRange::new(lens[1], (-2047, 100))];
            let code = InputCode::new(RawType::I16, &ranges, 1, &prime()).unwrap();
            assert_eq!(matches!(code.mapping, Mapping::Table { .. }), lens[0] == 4);
            for (element, range) in [(0, 0), (lens[0] - 1, 0), (lens[0], 1), (lens[0] + lens[1] - 1, 1)] {
                let InputRange { lo, hi, .. } = ranges[range];
                let codes = [lo, (lo + hi) / 2.0, hi].map(|raw| code.code(element, raw as i32, 0));
                assert_eq!((codes[0], codes[2]), (0, 63), "{element}");
                assert!((31..=32).contains(&codes[1]), "{element}: {codes:?}");
            }
        }
    }
}
