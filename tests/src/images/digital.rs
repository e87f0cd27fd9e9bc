//! A network of digital cores, 3 - 4, pooled to 2 - 3, whose second layer adds two cores in a 40-bit accumulator.
//!
//! Worked by hand for the raw sample 200 100 0, with the input zero point 10: distances 190 90 -10.
//!
//! ```text
//! layer 1, column 0   12*190 - 7*90 + 100*-10 + 1000         = 1650
//!          column 1   -128*190 + 3*90 + 500 - 2000           = -25550
//!          column 2   5*190 + 5*90 - 50                      = 1350
//!          column 3   127*190 - 90 + 900 + 70000             = 94940
//! gemmlowp, and the zero point -3:
//!          column 0   1650 * 0.5 = 825, / 2^5 = 25.8, 26;  23
//!          column 1   -25550 * 0.75 = -19162.5, up to -19162, / 2^6 = -299.4, -299;  -302, clips to -128
//!          column 2   1350 * 2, * 0.9313226 = 2514.6, 2515;  2512, clips to 127
//!          column 3   94940 * 0.5748904 = 54580.1, 54580, / 2^9 = 106.6, 107;  104
//! pooled in pairs     23 127                                 distances from -3: 26 130
//! layer 2, core A     100*26 + 1*130 + 5000000000 = 5000002730; -7*26 - 3*130 - 5000000000 = -5000000572;
//!                     -128*26 + 0*130 + 7 = -3321
//!          core B     1000*200 - 2000*100 - 4999999999 = -4999999999; 32767*200 - 32768*100 + 5000000002 = 5003276602; 500
//!          sums       2731, 3276030, -2821: the parts do not fit 32 bits, the sums do, and leave as they are
//! ```

use super::{ImageBuilder, Pattern, weights};
use spandrel_core::{
    image::{ChipLimits, Codec, Combine, Decoder, NO_TABLE, Reading},
    mac::{Activation, Bias, Mac, Overflow, Param, Requant, Rounding},
};

/// Two raw samples.
pub const SAMPLES: [[i32; 3]; 2] = [[200, 100, 0], [10, 255, 11]];
/// What they emit.
pub const OUTPUTS: [[i32; 3]; 2] = [[2731, 3_276_030, -2821], [-500_539, -8_028_477, 2507]];

/// A 64-bit number as the two words of a bias.
fn pair(bias: i64) -> [i32; 2] {
    [(bias >> 32) as i32, bias as i32]
}

/// The network without known answers.
#[must_use]
pub fn image() -> ImageBuilder {
    let mut b = ImageBuilder::new("digital");
    b.limits = ChipLimits { kind: 2, rows: 16, columns: 16, cores: 4 };
    let x = b.edge(Codec::U8, 3);
    let hidden = b.edge(Codec::I8, 2);
    let y = b.edge(Codec::I32, 3);
    b.scale_input(x, 3, 1, 0, 255);

    let first = [[12, -7, 100], [-128, 3, -50], [5, 5, 5], [127, -1, -90]].map(|column| column.to_vec());
    let first = b.blob(weights::dense(8, &first));
    let layer_1 = Mac {
        rows: 3,
        columns: 4,
        blob: first,
        input_bits: 8,
        input_signed: false,
        input_zero: 10,
        accumulator_bits: 24,
        overflow: Overflow::Saturate,
        bias: Bias::Words { table: b.table(&[1000, -2000, 0, 70_000]) },
        requant: Requant::Multiplier {
            bits: 32,
            multiplier: Param::Column { table: b.table(&[1 << 30, 3 << 29, 2_000_000_000, 1_234_567_890]) },
            shift: Param::Column { table: b.table(&[36, 37, 30, 40]) },
            rounding: Rounding::Gemmlowp,
        },
        output_zero: -3,
        activation: Activation::Clamp,
        pool: 2,
        out_lo: -128,
        out_hi: 127,
    };
    let layer_1 = b.mac(layer_1);

    let books = [vec![0, 1, -1, 100], vec![-7, 7, 3, -3], vec![127, -128, 0, 50]];
    let held = b.blob(weights::codebook(2, &books, &[vec![3, 1], vec![0, 3], vec![1, 2]]));
    let biases = [5_000_000_000, -5_000_000_000, 7].map(pair).concat();
    let part_a = Mac {
        rows: 2,
        columns: 3,
        blob: held,
        input_bits: 8,
        input_signed: true,
        input_zero: -3,
        accumulator_bits: 40,
        overflow: Overflow::Wrap,
        bias: Bias::Pairs { table: b.table(&biases) },
        requant: Requant::None,
        output_zero: 0,
        activation: Activation::Clamp,
        pool: 1,
        out_lo: i32::MIN,
        out_hi: i32::MAX,
    };
    let direct = [[1000, -2000, 30], [32_767, -32_768, 1], [0, 5, -5]].map(|column| column.to_vec());
    let direct = b.blob(weights::dense(16, &direct));
    let biases = [-4_999_999_999, 5_000_000_002, 0].map(pair).concat();
    let bias = Bias::Pairs { table: b.table(&biases) };
    let part_b = Mac { rows: 3, blob: direct, input_signed: false, input_zero: 0, bias, ..part_a };
    let (part_a, part_b) = (b.mac(part_a), b.mac(part_b));

    b.gather(Pattern::run(x, 3, 0, 3), 0);
    b.invoke(layer_1, false, true);
    b.scatter(Combine::Set, Pattern::run(hidden, 2, 0, 2), 0);
    b.gather(Pattern::run(hidden, 2, 0, 2), 0);
    b.invoke(part_a, false, false);
    b.gather(Pattern::run(x, 3, 0, 3), 0);
    b.invoke(part_b, true, true);
    b.scatter(Combine::Set, Pattern::run(y, 3, 0, 3), 0);
    b.emit(0, Pattern::run(y, 3, 0, 3));
    b.decoder(Decoder {
        output: 0,
        reading: Reading::Class,
        signals: 1,
        values: 3,
        coefficients: NO_TABLE,
        offsets: NO_TABLE,
        scale: fixed::types::I32F32::ONE,
    });
    b
}
