//! Configurations in the oracle's words.

use spandrel_core::{
    crossbar::{Activation, Crossbar},
    mac::{self, Bias, Mac, Overflow, Param, Requant},
};
use spandrel_oracle as oracle;

/// The oracle's description of a configuration's array.
#[must_use]
pub fn oracle_array(crossbar: &Crossbar) -> oracle::Crossbar {
    use spandrel_core::{arith::Rounding, crossbar::Polarity, crossbar::Readout};
    oracle::Crossbar {
        input_bits: crossbar.input_bits.into(),
        dac_bits: crossbar.dac_bits.into(),
        cell_bits: crossbar.cell_bits.into(),
        slices: crossbar.slices.into(),
        output_bits: crossbar.output_bits.into(),
        polarity: match crossbar.polarity {
            Polarity::Differential => oracle::Polarity::Differential,
            Polarity::Offset => oracle::Polarity::Offset,
        },
        readout: match crossbar.readout {
            Readout::Composed { shift, rounding } => oracle::Readout::Composed {
                shift: shift.into(),
                rounding: match rounding {
                    Rounding::TowardZero => oracle::Rounding::TowardZero,
                    Rounding::Floor => oracle::Rounding::Floor,
                },
            },
            Readout::Exact { adc_bits } => oracle::Readout::Exact { adc_bits: adc_bits.into() },
        },
    }
}

/// The oracle's description of a configuration's adder; `table` holds the activation table.
#[must_use]
pub fn oracle_adder(crossbar: &Crossbar, tables: &[Vec<i32>]) -> oracle::Adder {
    oracle::Adder {
        adder_bits: crossbar.adder_bits.into(),
        sum_shift: crossbar.sum_shift.into(),
        activation: match crossbar.activation {
            Activation::None => oracle::Activation::None,
            Activation::Relu => oracle::Activation::Relu,
            Activation::Table { table, lo } => oracle::Activation::Table {
                lo: lo.into(),
                entries: tables[table as usize].iter().map(|entry| i128::from(*entry)).collect(),
            },
        },
        out_lo: crossbar.out_lo.into(),
        out_hi: crossbar.out_hi.into(),
    }
}

/// What each column of `matrix` (`[column][row]`, bias rows last) reads for the codes `x` of the
/// other rows. Codes and weights outside the array's range saturate to it first.
#[must_use]
pub fn oracle_reads(crossbar: &Crossbar, x: &[i128], matrix: &[Vec<i32>]) -> Vec<oracle::Read> {
    let array = oracle_array(crossbar);
    let (lo, hi) = oracle::input_range(&array);
    let mut x: Vec<i128> = x.iter().map(|code| *code.clamp(&lo, &hi)).collect();
    x.extend(std::iter::repeat_n(i128::from(crossbar.bias_code), crossbar.bias_rows as usize));
    let (floor, top) = oracle::weight_range(&array);
    let weights: Vec<Vec<i128>> = matrix
        .iter()
        .map(|column| column.iter().map(|w| i128::from(*w).clamp(floor, top)).collect())
        .collect();
    oracle::read_array(&array, &x, &weights).unwrap_or_else(|error| panic!("{error}"))
}

/// The oracle's description of column `column` of a digital core; `tables` are the image's.
#[must_use]
pub fn oracle_mac(mac: &Mac, tables: &[Vec<i32>], column: usize) -> oracle::Mac {
    let entry = |table: u32, at: usize| i128::from(tables[table as usize][at]);
    let rounding = |rounding| match rounding {
        mac::Rounding::Floor => oracle::MacRounding::Floor,
        mac::Rounding::HalfUp => oracle::MacRounding::HalfUp,
        mac::Rounding::HalfEven => oracle::MacRounding::HalfEven,
        mac::Rounding::TowardZero => oracle::MacRounding::TowardZero,
        mac::Rounding::Gemmlowp => oracle::MacRounding::Gemmlowp,
    };
    let shift = |shift| match shift {
        Param::Core(shift) => u32::from(shift),
        Param::Column { table } => entry(table, column) as u32,
    };
    oracle::Mac {
        input_bits: mac.input_bits.into(),
        input_signed: mac.input_signed,
        input_zero: mac.input_zero.into(),
        bias: match mac.bias {
            Bias::None => 0,
            Bias::Words { table } => entry(table, column),
            // A high word, and a low word without a sign.
            Bias::Pairs { table } => {
                entry(table, 2 * column) * (1 << 32) + entry(table, 2 * column + 1).rem_euclid(1 << 32)
            }
        },
        accumulator_bits: mac.accumulator_bits.into(),
        wraps: mac.overflow == Overflow::Wrap,
        requant: match mac.requant {
            Requant::None => oracle::Requant::None,
            Requant::Shift { shift: s, rounding: r } => {
                oracle::Requant::Shift { shift: shift(s), rounding: rounding(r) }
            }
            Requant::Multiplier { multiplier, shift: s, rounding: r, .. } => oracle::Requant::Multiplier {
                multiplier: match multiplier {
                    Param::Core(multiplier) => multiplier.into(),
                    Param::Column { table } => entry(table, column),
                },
                shift: shift(s),
                rounding: rounding(r),
            },
        },
        output_zero: mac.output_zero.into(),
        activation: match mac.activation {
            mac::Activation::Clamp => oracle::MacActivation::Clamp,
            mac::Activation::Table { table, bits } => oracle::MacActivation::Table {
                bits: bits.into(),
                entries: tables[table as usize].iter().map(|entry| i128::from(*entry)).collect(),
            },
            mac::Activation::PiecewiseLinear { table, bits, product_shift } => {
                oracle::MacActivation::PiecewiseLinear {
                    bits: bits.into(),
                    pieces: tables[table as usize]
                        .chunks(2)
                        .map(|piece| (piece[0].into(), piece[1].into()))
                        .collect(),
                    product_shift: product_shift.into(),
                }
            }
        },
        out_lo: mac.out_lo.into(),
        out_hi: mac.out_hi.into(),
    }
}
