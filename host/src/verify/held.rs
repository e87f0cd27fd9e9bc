//! What one configuration holds: the weights of an array of a core-op, and the core-op's readout and periphery.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_core::{
    crossbar::{Activation, Crossbar, Readout},
    image::Image,
};

use super::{bounds::Span, decode::Array, report::Failure};
use crate::{
    encode::EncodedSource,
    expand::CoreOp,
    tune::{Coded, CodedAct},
};

/// The name of a signal: its source (0 the input, n + 1 node n) and its number there.
pub(super) type Name = (usize, u32);

fn part_source(source: EncodedSource) -> usize {
    match source {
        EncodedSource::Input => 0,
        EncodedSource::Node(node) => node + 1,
    }
}

/// Whether `array`, its word lines driven by `names`, holds array `part` of `op`: the number of its weights, or the first
/// weight that differs when everything else fits.
pub(super) fn holds(
    op: &CoreOp<Coded>,
    part: usize,
    array: &Array,
    names: &[Option<Name>],
) -> Result<u64, Option<Box<Failure>>> {
    let (coded, wanted) = (&op.payload, &op.parts[part]);
    let crossbar = &array.crossbar;
    let source = part_source(op.source);
    let shape = (wanted.len(), coded.bias_rows, op.columns.len());
    if shape != (names.len(), crossbar.bias_rows as usize, crossbar.columns as usize) {
        return Err(None);
    }
    let place: BTreeMap<u32, usize> = wanted.iter().enumerate().map(|(at, signal)| (*signal, at)).collect();
    // For each word line its place among the op's rows; each place once.
    let mut order = Vec::with_capacity(names.len());
    let mut taken = BTreeSet::new();
    for name in names {
        let at = name.filter(|name| name.0 == source).and_then(|name| place.get(&name.1).copied());
        match at {
            Some(at) if taken.insert(at) => order.push(at),
            _ => return Err(None),
        }
    }
    let (rows, biases) = (wanted.len(), coded.bias_rows);
    let (mut wrong, mut first) = (0u64, None);
    for (unit, column) in array.weights.iter().enumerate() {
        let weights = &coded.weights[part][unit * rows..(unit + 1) * rows];
        let bias = &coded.bias[part][unit * biases..(unit + 1) * biases];
        let expected = order.iter().map(|at| weights[*at]).chain(bias.iter().copied()).map(i32::from);
        for (row, (expected, found)) in expected.zip(column).enumerate() {
            if expected != *found {
                wrong += 1;
                first.get_or_insert((unit as u32, row as u32, expected, *found));
            }
        }
    }
    let weights = (rows + biases) as u64 * op.columns.len() as u64;
    match first {
        None => Ok(weights),
        // A few wrong weights: this is the array that was meant. Otherwise it is another one.
        Some((unit, row, expected, found)) if wrong * 4 <= weights => {
            let what = if (row as usize) < rows { "a weight" } else { "the weight of a bias row" };
            let failure = Failure::new(what, expected, found);
            Err(Some(Box::new(Failure { unit: Some(unit), row: Some(row), ..failure })))
        }
        Some(_) => Err(None),
    }
}

/// What of the readout and the digital periphery differs from the core-op's.
pub(super) fn periphery(image: &Image<'_>, crossbar: &Crossbar, coded: &Coded) -> Vec<Failure> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, expected: String, found: String| {
        if expected != found {
            wrong.push(Failure::new(what, expected, found));
        }
    };
    if let Readout::Composed { shift, .. } = crossbar.readout {
        same("the shift", coded.shift.to_string(), shift.to_string());
    }
    same("the sum shift", coded.sum_shift.to_string(), crossbar.sum_shift.to_string());
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
