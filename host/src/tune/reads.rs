//! Reads of an array on many samples at once: the tuner's own form of the crossbar's composed readout.
//!
//! The image that comes out is run, and its codes are compared with these on every calibration sample (see
//! [`crate::emit::check_codes`]), so a slip here can not go unnoticed.

use spandrel_core::arith::Rounding;

use super::digits::Partials;
use crate::target::Target;

/// The readout's parameters for one trial.
#[derive(Clone, Copy, Debug)]
pub struct ReadRule {
    passes: usize,
    slices: usize,
    dac_bits: u32,
    cell_bits: u32,
    limit: i32,
    floor: bool,
    bias_code: i32,
    shift: u32,
}

impl ReadRule {
    /// The rule of `target` at shift `shift`.
    pub fn new(target: &Target, shift: u8) -> Self {
        Self {
            passes: usize::from(target.passes()),
            slices: usize::from(target.slices),
            dac_bits: u32::from(target.dac_bits),
            cell_bits: u32::from(target.cell_bits),
            limit: target.code_max,
            floor: target.rounding == Rounding::Floor,
            bias_code: target.bias_code,
            shift: u32::from(shift),
        }
    }

    /// Largest magnitude of a read.
    pub fn limit(&self) -> i32 {
        self.limit
    }

    /// What one partial contributes when the bias rows hold `bias` in its slice.
    pub fn share(&self, partial: i32, bias: i32, slice: usize, pass: usize) -> i32 {
        let weight = pass as u32 * self.dac_bits + slice as u32 * self.cell_bits;
        let digit = spandrel_core::arith::digit(self.bias_code, pass as u8, self.dac_bits as u8);
        let v = partial + digit * bias;
        let limit = i64::from(self.limit);
        if self.shift >= weight {
            let by = (self.shift - weight).min(31);
            let mask = if self.floor { 0 } else { ((1i64 << by) - 1) as i32 };
            (((v + ((v >> 31) & mask)) >> by).clamp(-self.limit, self.limit)) as i32
        } else {
            let by = (weight - self.shift).min(31);
            ((i64::from(v).clamp(-limit, limit)) << by).clamp(-limit, limit) as i32
        }
    }

    /// Adds to `out` what the partials of `slice` contribute when the bias rows hold `bias` in that slice.
    fn slice(&self, partials: &Partials, slice: usize, bias: i32, out: &mut [i32]) {
        for pass in 0..self.passes {
            let weight = pass as u32 * self.dac_bits + slice as u32 * self.cell_bits;
            let digit = spandrel_core::arith::digit(self.bias_code, pass as u8, self.dac_bits as u8);
            let plus = digit * bias;
            let (lo, hi) = (-self.limit, self.limit);
            let run = partials.run(slice, pass);
            if self.shift >= weight {
                let by = (self.shift - weight).min(31);
                if self.floor {
                    for (out, &partial) in out.iter_mut().zip(run) {
                        *out += ((partial + plus) >> by).clamp(lo, hi);
                    }
                } else {
                    // Adding 2^by - 1 to negative values turns the floor into a truncation.
                    let mask = if by == 31 { i32::MAX } else { (1 << by) - 1 };
                    for (out, &partial) in out.iter_mut().zip(run) {
                        let v = partial + plus;
                        *out += ((v + ((v >> 31) & mask)) >> by).clamp(lo, hi);
                    }
                }
            } else {
                let by = weight - self.shift;
                // Beyond the limit before the shift is beyond it afterwards: clipping first keeps the shifted value within
                // 64 bits, for limits and shifts of up to 31 bits.
                let (lo, hi) = (i64::from(lo), i64::from(hi));
                for (out, &partial) in out.iter_mut().zip(run) {
                    let clipped = i64::from(partial + plus).clamp(lo, hi);
                    *out += (clipped << by.min(31)).clamp(lo, hi) as i32;
                }
            }
        }
    }

    /// Contribution of the high slice (of the only one, where a cell holds a whole weight).
    pub fn high(&self, partials: &Partials, bias: i32) -> Vec<i32> {
        let mut out = vec![0; partials.samples()];
        self.slice(partials, self.slices - 1, bias, &mut out);
        out
    }

    /// Contribution of the low slice; zero where there is none.
    pub fn low(&self, partials: &Partials, bias: i32) -> Vec<i32> {
        let mut out = vec![0; partials.samples()];
        if self.slices == 2 {
            self.slice(partials, 0, bias, &mut out);
        }
        out
    }

    /// The array's read: both contributions, clipped once.
    pub fn join(&self, high: &[i32], low: &[i32]) -> Vec<i32> {
        high.iter().zip(low).map(|(h, l)| (h + l).clamp(-self.limit, self.limit)).collect()
    }
}
