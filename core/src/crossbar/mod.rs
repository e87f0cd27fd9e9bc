//! The processing-in-memory crossbar: word lines carry input codes, cells hold weights, bit
//! lines sum.
//!
//! One array (a pair for the two polarities) holds `columns` weights of `slices` cells on each
//! of `rows + bias_rows` word lines. Inputs reach the word lines in passes of `dac_bits`, the
//! most significant digit last in number but not in meaning: pass p carries digit p. The
//! analog *partial* of pass p and slice q is
//!
//! ```text
//! partial(p, q) = sum over rows of digit_p(x) * sign(w) * digit_q(|w|),   weight 2^(p dac_bits + q cell_bits)
//! ```
//!
//! [`compose`] turns partials into the array's read, [`finish`] turns the sum of reads into an
//! output code. Inputs outside 0..2^input_bits and weights beyond
//! [`weight_floor`]..=[`weight_limit`] saturate. Reads of several arrays add up in 32-bit sum registers that saturate, a
//! rule that no image with an adder of at most 31 bits can ever meet.

mod compose;
mod config;
mod finish;
mod partials;

pub use compose::{compose, exact};
pub use config::{
    Activation, Crossbar, PARTIALS_MAX, Polarity, Readout, input_limit, weight_floor, weight_limit,
};
pub use finish::finish;
pub use partials::{Partials, read_column};

#[cfg(test)]
mod tests {
    use super::{Activation, Crossbar, Partials, Polarity, Readout, compose, exact, finish};
    use crate::{
        arith::Rounding,
        image::{List, Tables},
    };

    fn prime(rows: u32, shift: u8, rounding: Rounding) -> Crossbar {
        Crossbar {
            rows,
            bias_rows: 0,
            columns: 1,
            blob: 0,
            input_bits: 6,
            dac_bits: 3,
            cell_bits: 4,
            slices: 2,
            output_bits: 6,
            polarity: Polarity::Differential,
            readout: Readout::Composed { shift, rounding },
            adder_bits: 16,
            sum_shift: 0,
            activation: Activation::Relu,
            pool: 1,
            bias_code: 63,
            out_lo: 0,
            out_hi: 63,
        }
    }

    fn read(shift: u8, rounding: Rounding, lines: &[(u32, i32, i32)]) -> i32 {
        let crossbar = prime(lines.iter().map(|(count, ..)| count).sum(), shift, rounding);
        let mut partials = Partials::zero();
        for &(count, input, weight) in lines {
            (0..count).for_each(|_| partials.add(&crossbar, input, weight));
        }
        compose(&crossbar, &partials, shift, rounding)
    }

    /// One line x = 45 = 5*8+5, w = 183 = 11*16+7: HH 55, LH 55, HL 35, LL 35; full = 7040+880+280+35 = 8235.
    #[test]
    fn one_line_at_several_shifts() {
        use Rounding::{Floor, TowardZero};
        // s = 8: 55>>1 + 55>>4 + 35>>5 + 35>>8 = 27 + 3 + 1 + 0 (target 32).
        assert_eq!(read(8, TowardZero, &[(1, 45, 183)]), 31);
        assert_eq!(read(8, TowardZero, &[(1, 45, -183)]), -31);
        // Floor: -28 - 4 - 2 - 1.
        assert_eq!(read(8, Floor, &[(1, 45, -183)]), -35);
        // s = 7: 55 + 55>>3 + 35>>4 + 35>>7 = 55 + 6 + 2 + 0, the register's limit to the digit.
        assert_eq!(read(7, TowardZero, &[(1, 45, 183)]), 63);
        // s = 6: HH 110 clips to 63, and the sum stays there.
        assert_eq!(read(6, TowardZero, &[(1, 45, 183)]), 63);
        // s = 0, a single small weight: x = 1, w = 1 gives LL = 1 exactly.
        assert_eq!(read(0, TowardZero, &[(1, 1, 1)]), 1);
    }

    /// 256 lines of 63 * 255 at s = 16: HH = 256*105 = 26880 >> 9 = 52, LH >> 12 = 6, HL >> 13 = 3, LL >> 16 = 0.
    #[test]
    fn the_full_range() {
        assert_eq!(read(16, Rounding::TowardZero, &[(256, 63, 255)]), 61);
        // Below zero a floor makes LL's share -1: -53 - 7 - 4 - 1 = -65 clips.
        assert_eq!(read(16, Rounding::Floor, &[(256, 63, -255)]), -63);
    }

    /// The documented wrong case at s = 10: x = 63, w = 16 on 128 lines, x = 7, w = -255 on 128. True -97.
    /// HH = 128*7 = 896 >> 3 = 112, clips to 63; LH = 896 - 13440 = -12544 >> 6 = -196, clips to -63;
    /// HL = 0; LL = -13440 >> 10 = -13. Sum -13.
    #[test]
    fn a_clipped_read_makes_the_sum_wrong() {
        assert_eq!(read(10, Rounding::TowardZero, &[(128, 63, 16), (128, 7, -255)]), -13);
    }

    /// Offset weights, exact readout: w = -3 and 2 held as 125 and 130 on x = 5 and 9; 5*125 + 9*130 - 128*14 = 3.
    #[test]
    fn offset_weights_are_corrected() {
        let crossbar = Crossbar {
            input_bits: 4,
            dac_bits: 1,
            cell_bits: 2,
            slices: 4,
            polarity: Polarity::Offset,
            readout: Readout::Exact { adc_bits: 8 },
            ..prime(2, 0, Rounding::TowardZero)
        };
        let mut partials = Partials::zero();
        partials.add(&crossbar, 5, -3);
        partials.add(&crossbar, 9, 2);
        assert_eq!(exact(&crossbar, &partials, 8), 3);
    }

    #[test]
    fn sums_are_shifted_toward_zero_activated_and_clipped() {
        let tables = Tables(List::empty());
        let crossbar = Crossbar { sum_shift: 2, ..prime(1, 8, Rounding::Floor) };
        for (sum, code) in [(7, 1), (-7, 0), (255, 63), (1000, 63), (i32::MIN, 0)] {
            assert_eq!(finish(&crossbar, &tables, sum), code, "{sum}");
        }
        let signed = Crossbar { activation: Activation::None, out_lo: -32768, out_hi: 32767, ..crossbar };
        // -7 / 4 goes to -1; the 16-bit adder saturates first.
        for (sum, code) in [(-7, -1), (7, 1), (100_000, 8191), (-100_000, -8192)] {
            assert_eq!(finish(&signed, &tables, sum), code, "{sum}");
        }
    }
}
