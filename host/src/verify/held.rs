//! What one configuration holds: the weights of an array of a core-op, and the core-op's readout and periphery.

use spandrel_core::{
    crossbar::{Activation, Crossbar, Readout},
    image::Image,
};

use super::{
    bounds::Span,
    decode::Core,
    digital::held::{self as digital, Common},
    report::Failure,
};
use crate::{
    expand::CoreOp,
    tune::{Coded, CodedAct, Periphery},
};

/// How the weights of a configuration compare with those of an array of a core-op.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    /// Weights, bias rows included.
    pub weights: u64,
    /// How many of them differ.
    pub wrong: u64,
    /// The first of these.
    pub first: Option<Failure>,
}

/// Compares `core` with array `part` of `op`, whose rows lie on the word lines in the part's order; `None` when even the
/// shapes differ. Stops behind `most` differences.
pub(super) fn compare(op: &CoreOp<Coded>, part: usize, core: &Core, most: u64) -> Option<Compared> {
    let (coded, rows) = (&op.payload, op.parts[part].len());
    let (bias_rows, bias): (usize, &[i16]) = match (&coded.periphery, core) {
        (Periphery::Composed { bias_rows, bias, .. }, Core::Crossbar(_)) => (*bias_rows, bias.get(part)?),
        (Periphery::Digital(_), Core::Digital(_)) => (0, &[]),
        _ => return None,
    };
    let held = (core.rows(), core.lines() - core.rows(), core.columns());
    let weights = coded.weights.get(part)?;
    let whole = weights.len() == rows * op.columns.len() && bias.len() == bias_rows * op.columns.len();
    if held != (rows, bias_rows, op.columns.len()) || !whole {
        return None;
    }
    let mut out = Compared { weights: ((rows + bias_rows) * op.columns.len()) as u64, wrong: 0, first: None };
    for (unit, column) in core.weights().iter().enumerate() {
        let expected = weights[unit * rows..(unit + 1) * rows]
            .iter()
            .chain(&bias[unit * bias_rows..(unit + 1) * bias_rows]);
        for (row, (expected, found)) in expected.zip(column).enumerate() {
            if i32::from(*expected) != *found {
                out.wrong += 1;
                out.first.get_or_insert_with(|| {
                    let what = if row < rows { "a weight" } else { "the weight of a bias row" };
                    let failure = Failure::new(what, expected, found);
                    Failure { unit: Some(unit as u32), row: Some(row as u32), ..failure }
                });
                if out.wrong > most {
                    return Some(out);
                }
            }
        }
    }
    Some(out)
}

/// The level that stands for zero on the lines of a core-op.
pub(super) fn zero(coded: &Coded) -> i32 {
    match &coded.periphery {
        Periphery::Composed { .. } => 0,
        Periphery::Digital(own) => own.zero,
    }
}

/// What of readout, requantisation and activation differs from the core-op's, whose part `part` the core holds.
pub(super) fn periphery(
    image: &Image<'_>,
    core: &Core,
    coded: &Coded,
    part: usize,
    common: &Common,
) -> Vec<Failure> {
    match core {
        Core::Crossbar(array) => crossbar(image, &array.crossbar, coded),
        Core::Digital(core) => digital::periphery(image, core, coded, part, common),
    }
}

fn crossbar(image: &Image<'_>, crossbar: &Crossbar, coded: &Coded) -> Vec<Failure> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, expected: String, found: String| {
        if expected != found {
            wrong.push(Failure::new(what, expected, found));
        }
    };
    match (&coded.periphery, crossbar.readout) {
        (Periphery::Composed { shift, sum_shift, .. }, Readout::Composed { shift: found, .. }) => {
            same("the shift", shift.to_string(), found.to_string());
            same("the sum shift", sum_shift.to_string(), crossbar.sum_shift.to_string());
        }
        // An exact read is not shifted; that the readout is the chip's own, the machine's codes on the calibration samples tell.
        (Periphery::Composed { shift: 0, sum_shift, .. }, Readout::Exact { .. }) => {
            same("the sum shift", sum_shift.to_string(), crossbar.sum_shift.to_string());
        }
        (Periphery::Digital(_), _) => same("the kind of core", "digital".into(), "crossbar".into()),
        (Periphery::Composed { .. }, other) => same("the readout", "composed".into(), format!("{other:?}")),
    }
    let entries = |table: u32| -> Option<Vec<i32>> {
        let table = image.tables().get(table)?;
        (0..table.len()).map(|at| table.get(at)).collect()
    };
    let (found, lo) = match crossbar.activation {
        Activation::None => (CodedAct::None, None),
        Activation::Relu => (CodedAct::Relu, None),
        Activation::Table { table, lo } => (CodedAct::Table(entries(table).unwrap_or_default()), Some(lo)),
    };
    if found != coded.act {
        same("the activation", format!("{:?}", coded.act), format!("{found:?}"));
    }
    if let (CodedAct::Table(_), Some(lo)) = (&coded.act, lo) {
        // The table stands for the reads from the least to the greatest.
        let least = -((1i64 << crossbar.output_bits) - 1);
        same("the first key of the table", least.to_string(), lo.to_string());
    }
    let output = match coded.act {
        CodedAct::None => Span::register(crossbar.adder_bits),
        _ => Span::new(0, (1i64 << crossbar.input_bits) - 1),
    };
    same("the least output", output.lo.to_string(), crossbar.out_lo.to_string());
    same("the greatest output", output.hi.to_string(), crossbar.out_hi.to_string());
    same("the outputs of which one is kept", "1".into(), crossbar.pool.to_string());
    wrong
}
