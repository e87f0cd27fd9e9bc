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
pub(super) const TABLE_MAX: i64 = 4096;

/// Codes of a raw value, and what they mean: raw = `raw_lo` + `step` * sum over signals of weight * code.
#[derive(Clone, Debug, PartialEq)]
pub struct InputCode {
    /// How raw values are held.
    pub raw: RawType,
    /// Smallest raw value that is told apart.
    pub raw_lo: f64,
    /// Largest raw value that is told apart.
    pub raw_hi: f64,
    /// Weight of each signal in units of the finest level: 1, or 4 and 1 for a radix pair.
    pub weights: Vec<u32>,
    /// Largest code of each signal.
    pub code_max: Vec<u32>,
    /// How the encoder computes.
    pub mapping: Mapping,
    /// Its parameters, as in the image format.
    pub params: Vec<i32>,
}

impl InputCode {
    /// Codes for raw values from `lo` to `hi` on `signals` signals.
    ///
    /// # Errors
    /// SP0303 when two signals are asked for a range too wide for a table, or of a chip whose codes end below 3.
    pub fn new(raw: RawType, (lo, hi): (i32, i32), signals: u8, target: &Target) -> Result<Self> {
        let most = target.input_max as u32;
        if signals >= 2 && most < 3 && target.input_bits > 1 {
            let rule = format!("the finer of two input signals has codes up to 3, the chip's end at {most}");
            let way_out = "use --set encode.input=1, or a chip with crossbar.input_bits of 2 or more";
            return Err(Diagnostic::error("SP0303", "setting encode.input", rule, way_out).into());
        }
        let (weights, code_max) = radix(signals, most);
        // A constant input still needs a range.
        let hi = hi.max(lo.saturating_add(1));
        let mut code = Self {
            raw,
            raw_lo: f64::from(lo),
            raw_hi: f64::from(hi),
            weights,
            code_max,
            mapping: Mapping::Table { lo },
            params: Vec::new(),
        };
        let span = i64::from(hi) - i64::from(lo) + 1;
        if span <= TABLE_MAX {
            for signal in 0..code.weights.len() {
                let entries: Vec<i32> = (lo..=hi).map(|raw| code.level_code(raw, signal)).collect();
                code.params.extend(entries);
            }
            return Ok(code);
        }
        if code.weights.len() > 1 {
            let rule = format!("raw values from {lo} to {hi} are too many for a table of two signals");
            let way_out = "use --set encode.input=1, or scale the samples to at most 4096 levels";
            return Err(Diagnostic::error("SP0303", "setting encode.input", rule, way_out).into());
        }
        // code = floor((raw * m + a) / 2^shift) with the largest shift that keeps m within 31 bits.
        let per_raw = 1.0 / code.step();
        let shift =
            (0..=46).rev().find(|&s| per_raw * libm::exp2(f64::from(s)) < libm::exp2(30.0)).unwrap_or(0);
        let power = libm::exp2(f64::from(shift));
        let m = libm::rint(per_raw * power) as i64;
        let a = libm::rint((0.5 - code.raw_lo * per_raw) * power) as i64;
        code.mapping = Mapping::Affine { shift: shift as u8 };
        code.params = vec![m as i32, (a >> 32) as i32, a as u32 as i32];
        Ok(code)
    }

    /// The encoder's parameters for codes that begin at `base` instead of 0.
    pub fn based(&self, base: i32) -> Vec<i32> {
        match self.mapping {
            Mapping::Table { .. } => self.params.iter().map(|level| level + base).collect(),
            Mapping::Affine { shift } => {
                let a = i64::from(self.params[1]) << 32 | i64::from(self.params[2] as u32);
                let a = a + (i64::from(base) << shift);
                vec![self.params[0], (a >> 32) as i32, a as u32 as i32]
            }
        }
    }

    /// Number of levels, all signals together.
    pub fn levels(&self) -> u64 {
        self.weights.iter().zip(&self.code_max).map(|(&w, &m)| u64::from(w) * u64::from(m)).sum::<u64>() + 1
    }

    /// Raw units per finest level.
    pub fn step(&self) -> f64 {
        (self.raw_hi - self.raw_lo) / (self.levels() - 1) as f64
    }

    /// The nearest level of a raw value, ties upward, spread over the signals from the heaviest down.
    fn level_code(&self, raw: i32, signal: usize) -> i32 {
        let top = (self.levels() - 1) as f64;
        let level = libm::floor((f64::from(raw) - self.raw_lo) / self.step() + 0.5).clamp(0.0, top);
        let mut rest = level as u64;
        let mut code = 0;
        for (&weight, &most) in self.weights.iter().zip(&self.code_max).take(signal + 1) {
            code = (rest / u64::from(weight)).min(u64::from(most));
            rest -= code * u64::from(weight);
        }
        code as i32
    }

    /// The code of `signal` for a raw value, computed as the image's encoder does.
    pub fn code(&self, raw: i32, signal: usize) -> i32 {
        let most = i64::from(self.code_max[signal]);
        let code = match self.mapping {
            Mapping::Table { lo } => {
                let entries = self.params.len() / self.weights.len();
                let index = (i64::from(raw) - i64::from(lo)).clamp(0, entries as i64 - 1) as usize;
                i64::from(self.params[signal * entries + index])
            }
            Mapping::Affine { shift } => {
                let a = i64::from(self.params[1]) << 32 | i64::from(self.params[2] as u32);
                shift_floor(i64::from(self.params[0]) * i64::from(raw) + a, u32::from(shift))
            }
        };
        code.clamp(0, most) as i32
    }

    /// Codes of samples, one row a sample, an element's signals next to each other. `raw(sample, element)` gives raw values.
    pub fn codes(&self, samples: usize, elements: usize, raw: impl Fn(usize, usize) -> i32) -> CodeMap {
        let signals = self.weights.len();
        let width = elements * signals;
        let code = |at: usize| self.code(raw(at / width, at % width / signals), at % signals);
        CodeMap::new(width, (0..samples * width).map(code).collect())
    }
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
        let code = InputCode::new(RawType::U8, (0, 255), 1, &prime()).unwrap();
        assert_eq!([0, 2, 3, 128, 255].map(|raw| code.code(raw, 0)), [0, 0, 1, 32, 63]);
    }

    #[test]
    fn a_radix_pair_carries_whole_bytes() {
        let code = InputCode::new(RawType::U8, (0, 255), 2, &prime()).unwrap();
        assert_eq!(code.levels(), 256);
        for raw in 0..=255 {
            assert_eq!(4 * code.code(raw, 0) + code.code(raw, 1), raw);
        }
    }

    #[test]
    fn wide_integers_agree_with_the_table_rule() {
        let code = InputCode::new(RawType::I32, (-70_000, 1_000_000), 1, &prime()).unwrap();
        assert!(matches!(code.mapping, Mapping::Affine { .. }));
        let mut differ = 0;
        for raw in (-80_000..1_010_000).step_by(97) {
            let table = code.level_code(raw, 0);
            differ += u32::from(table != code.code(raw, 0));
            assert!((table - code.code(raw, 0)).abs() <= 1);
        }
        // Only values on the edge between two levels may fall to the other side.
        assert!(differ <= 2, "{differ}");
    }
}
