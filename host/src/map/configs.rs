//! Configurations and weights of core-ops.

use spandrel_core::crossbar::{Activation, Crossbar, Readout};
use spandrel_core::image::Config;
use spandrel_core::mac::{self, Bias, Mac, Param, Requant};

use super::program::{BlobData, BlobForm, Program};
use super::records::table;
use crate::expand::CoreOp;
use crate::target::{Curve, Digital, Target};
use crate::tune::{Coded, CodedAct, Periphery, Requantised};

/// One array of a core-op: its configuration; its blob is added to the program.
pub(super) fn crossbar(program: &mut Program, op: &CoreOp<Coded>, part: usize, target: &Target) -> Config {
    let coded = &op.payload;
    let activation = match &coded.act {
        CodedAct::None | CodedAct::Pieces(_) | CodedAct::Clamp { .. } => Activation::None,
        CodedAct::Relu => Activation::Relu,
        CodedAct::Table(entries) => {
            Activation::Table { table: table(program, entries.clone()), lo: -target.code_max }
        }
    };
    let adder = 1i64 << (target.adder_bits - 1);
    let (out_lo, out_hi) = match coded.act {
        CodedAct::None => ((-adder) as i32, (adder - 1) as i32),
        _ => (0, target.input_max),
    };
    let (shift, sum_shift, bias_rows, bias): (u8, u8, usize, &[i16]) = match &coded.periphery {
        Periphery::Composed { shift, sum_shift, bias_rows, bias } => {
            (*shift, *sum_shift, *bias_rows, &bias[part])
        }
        Periphery::Digital(_) => (0, 0, 0, &[]),
    };
    let (rows, columns) = (op.parts[part].len(), op.columns.len());
    let config = Config::Crossbar(Crossbar {
        rows: rows as u32,
        bias_rows: bias_rows as u32,
        columns: columns as u32,
        blob: program.blobs.len() as u32,
        input_bits: target.input_bits,
        dac_bits: target.cells.dac_bits,
        cell_bits: target.cells.bits,
        slices: target.cells.slices,
        output_bits: target.output_bits,
        polarity: target.polarity,
        readout: match target.adc_bits {
            Some(adc_bits) => Readout::Exact { adc_bits },
            None => Readout::Composed { shift, rounding: target.rounding },
        },
        adder_bits: target.adder_bits,
        sum_shift,
        activation,
        pool: 1,
        bias_code: target.bias_code as u32,
        out_lo,
        out_hi,
    });
    let mut weights = Vec::with_capacity((rows + bias_rows) * columns);
    for column in 0..columns {
        weights.extend_from_slice(&coded.weights[part][column * rows..(column + 1) * rows]);
        weights.extend_from_slice(&bias[column * bias_rows..(column + 1) * bias_rows]);
    }
    let form = BlobForm::SignMagnitude(target.cell_bits * target.slices);
    program.blobs.push(BlobData { rows: rows + bias_rows, columns, weights, form });
    config
}

/// One digital core of a core-op. The bias enters with the first core, and only the last one finishes, but all of them are told how.
pub(super) fn mac(
    program: &mut Program,
    op: &CoreOp<Coded>,
    own: &Requantised,
    part: usize,
    target: &Target,
    digital: &Digital,
) -> Config {
    let coded = &op.payload;
    let (rows, columns) = (op.parts[part].len(), op.columns.len());
    let bias = if part > 0 || own.bias.iter().all(|&b| b == 0) {
        Bias::None
    } else if own.bias.iter().all(|&b| i32::try_from(b).is_ok()) {
        Bias::Words { table: table(program, own.bias.iter().map(|&b| b as i32).collect()) }
    } else {
        let words = own.bias.iter().flat_map(|&b| [(b >> 32) as i32, b as u32 as i32]);
        Bias::Pairs { table: table(program, words.collect()) }
    };
    let shift = match own.shifts.as_slice() {
        [one] => Param::Core(*one),
        all => Param::Column { table: table(program, all.iter().map(|&s| i32::from(s)).collect()) },
    };
    let requant = match (&coded.act, own.multipliers.as_slice()) {
        (CodedAct::None, _) => Requant::None,
        (_, []) => Requant::Shift { shift, rounding: digital.rounding },
        (_, multipliers) => Requant::Multiplier {
            bits: digital.multiplier_bits.unwrap_or(32),
            multiplier: match multipliers {
                [one] => Param::Core(*one),
                all => Param::Column { table: table(program, all.to_vec()) },
            },
            shift,
            rounding: digital.rounding,
        },
    };
    let base = digital.base;
    let (activation, output_zero) = match &coded.act {
        CodedAct::None => (mac::Activation::Clamp, 0),
        CodedAct::Relu => (mac::Activation::Clamp, base),
        CodedAct::Clamp { zero, .. } => (mac::Activation::Clamp, base + zero),
        CodedAct::Table(levels) => {
            let codes = levels.iter().map(|level| level + base).collect();
            (mac::Activation::Table { table: table(program, codes), bits: digital.bits }, 0)
        }
        CodedAct::Pieces(pieces) => {
            let words = pieces.iter().flat_map(|&(slope, intercept)| [slope, intercept + base]).collect();
            let product_shift = match digital.curve {
                Curve::Pieces { product_shift, .. } => product_shift,
                _ => 0,
            };
            let table = table(program, words);
            (mac::Activation::PiecewiseLinear { table, bits: digital.bits, product_shift }, 0)
        }
    };
    let (out_lo, out_hi) = match coded.act {
        CodedAct::None => (i32::MIN, i32::MAX),
        CodedAct::Clamp { lo, hi, .. } => (base + lo, base + hi),
        _ => (base, base + target.input_max),
    };
    let config = Config::Mac(Mac {
        rows: rows as u32,
        columns: columns as u32,
        blob: program.blobs.len() as u32,
        input_bits: digital.bits,
        input_signed: digital.signed,
        input_zero: base + own.zero,
        accumulator_bits: digital.accumulator_bits,
        overflow: digital.overflow,
        bias,
        requant,
        output_zero,
        activation,
        pool: 1,
        out_lo,
        out_hi,
    });
    let weights = coded.weights[part].clone();
    let form = held(program, &weights, rows, digital);
    program.blobs.push(BlobData { rows, columns, weights, form });
    config
}

/// The narrowest form that holds `weights`: a codebook where the chip has one and few values occur, else two's complement.
fn held(program: &mut Program, weights: &[i16], rows: usize, digital: &Digital) -> BlobForm {
    let widest =
        weights.iter().map(|&w| 17 - (if w < 0 { !w } else { w }).leading_zeros() as u8).max().unwrap_or(1);
    let distinct = |all: &[i16]| {
        let mut values = all.to_vec();
        values.sort_unstable();
        values.dedup();
        values
    };
    let bits_for = |n: usize| (usize::BITS - n.saturating_sub(1).leading_zeros()).max(1) as u8;
    // Sorting all weights of a large network takes a while: only where it may serve.
    let all = if digital.codebook.is_some() { distinct(weights) } else { Vec::new() };
    if digital.codebook.is_some() && all.len() <= 256 && bits_for(all.len()) < widest {
        let bits = bits_for(all.len());
        let mut values: Vec<i32> = all.iter().map(|&v| i32::from(v)).collect();
        values.resize(1 << bits, 0);
        return BlobForm::Codebook { bits, table: table(program, values), per_column: false };
    }
    if digital.codebook.is_some_and(|(_, own)| own) && rows > 0 {
        let columns: Vec<Vec<i16>> = weights.chunks_exact(rows).map(distinct).collect();
        let most = columns.iter().map(Vec::len).max().unwrap_or(1);
        let bits = bits_for(most);
        if most <= 256 && bits < widest {
            let values = columns
                .iter()
                .flat_map(|own| (0..1usize << bits).map(|i| own.get(i).map_or(0, |&v| i32::from(v))));
            return BlobForm::Codebook { bits, table: table(program, values.collect()), per_column: true };
        }
    }
    BlobForm::Dense(widest)
}
