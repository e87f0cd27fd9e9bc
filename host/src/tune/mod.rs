//! Stage 5, weight tuning: from real weights to whole ones, one node after the other, each fed with the codes that the
//! already transformed nodes really give, so that later nodes correct earlier errors.
//!
//! For each node: *free* (ridge regression towards the golden weights on the real inputs), then for each block of
//! columns trials over the shift s, the sum shift and the reach, judged by measured output error; in each trial per-column
//! gains, rounding with error feedback (or dithered copies), and a search of the biases slice by slice; the two best
//! trials are refined through the exact integer chain and the better one kept. `docs/tuning.md` tells why and how much each
//! step gains.

mod aims;
mod bias;
mod check;
mod coded;
mod column;
mod digits;
mod free;
mod node;
mod nodes;
mod options;
mod reads;
mod round;
mod score;
mod source;
mod trials;
mod unit;

pub use check::{Tuned, check};
pub use coded::{Coded, CodedAct};
pub use nodes::CodedNodes;
pub use options::{Rounding, TuneOptions};
pub use source::InputMap;

use aims::Golden;
use node::NodeBench;
use round::ErrorFeedback;
use source::Decoded;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::{EncodedSource, Form};
use crate::expand::{CoreOp, CoreOpGraph, Expanded};
use crate::numeric::{Matrix, gram};
use crate::reform::DotSource;
use crate::target::Target;

/// What tuning learnt about a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeError {
    /// Name of the encoded node.
    pub name: String,
    /// Mean square of the golden values over mean square of the error, in decibels, on the calibration samples. A carrier is judged
    /// by the function of what it carries, a classifier's outputs on the samples on which they could be the decision.
    pub snr_db: f64,
    /// Shift and sum shift of each of its core-ops.
    pub shifts: Vec<(u8, u8)>,
    /// Columns of which a read reaches the end of its range on a calibration sample that counts, and all columns.
    pub clipped: (usize, usize),
}

/// The result of tuning, not yet checked.
#[derive(Clone, Debug)]
pub struct TuneResult {
    /// The integers.
    pub graph: CoreOpGraph<Coded>,
    /// What was learnt about each node.
    pub errors: Vec<NodeError>,
    /// The codes that each encoded node gives on the calibration samples, one row a sample.
    pub codes: Vec<Matrix>,
}

/// Tunes every node. `input_codes` are the codes of the calibration samples (one row a sample), `sums` the golden sums of
/// each dot node; `progress(done, all)` is called after each core-op.
///
/// # Errors
/// SP0307 when no shift of the chip can hold a node's weights and biases.
pub fn tune(
    expanded: &Expanded,
    input: &InputMap,
    input_codes: &Matrix,
    sums: &[Matrix],
    target: &Target,
    options: &TuneOptions,
    mut progress: impl FnMut(usize, usize),
) -> Result<TuneResult> {
    let real = expanded.graph();
    let encoded = &real.encoded;
    let mut found = Diagnostics::default();
    let mut ops: Vec<CoreOp<Coded>> = Vec::new();
    let mut errors = Vec::new();
    let mut codes: Vec<Matrix> = Vec::new();
    let mut values: Vec<Decoded> = Vec::new();
    let mut reaches: Vec<f64> = Vec::new();
    for (number, node) in encoded.nodes.iter().enumerate() {
        let (source_codes, source) = match node.source {
            EncodedSource::Input => (input_codes, input.decoded(encoded)),
            EncodedSource::Node(from) => (&codes[from], values[from].clone()),
        };
        let dot = &encoded.dot.nodes[node.dot];
        let mut map = if node.relay { source.identity(node.copies.len()) } else { source.through(dot) };
        let refits = options.ridge > 0.0 && options.rounding == Rounding::Full;
        if refits && !node.relay && node.source != EncodedSource::Input {
            map.refit(source_codes, &sums[node.dot], options.ridge);
        }
        let z = sums[node.dot].transposed();
        let classifies = encoded.dot.decision && node.form == Form::Sum && options.margin > 0.0;
        let golden = Golden::new(&z, classifies.then_some(options.margin));
        let single = node.copies.iter().all(|&k| k == 1) && !node.relay;
        let feedback = (single && options.rounding == Rounding::Full)
            .then(|| ErrorFeedback::new(&gram(source_codes, None)))
            .flatten();
        let relay_reach = match node.source {
            EncodedSource::Node(from) if node.relay => Some(reaches[from]),
            _ => None,
        };
        let importance = importance(encoded, node.dot);
        let bench = NodeBench {
            node,
            codes: source_codes,
            map: &map,
            golden: &golden,
            importance: &importance,
            feedback: feedback.as_ref(),
            relay_reach,
            target,
            options,
        };
        let mut made = Decoded::empty(node.copies.len());
        let mut node_codes = Matrix::zeros(source_codes.rows(), node.signals());
        let mut error =
            NodeError { name: node.name.clone(), snr_db: 0.0, shifts: Vec::new(), clipped: (0, 0) };
        let (mut signal_power, mut error_power, mut reach) = (0.0f64, 0.0f64, 0.0f64);
        for op in real.ops.iter().filter(|op| op.node == number) {
            let Some(tuned) = bench.tune(op) else {
                let rule = format!(
                    "no shift from {} to {} and no {} bias rows can hold its weights and biases",
                    target.shifts.start(),
                    target.shifts.end(),
                    target.bias_rows
                );
                let way_out = "widen crossbar.shift_min..shift_max, or add bias rows (crossbar.bias_rows)";
                found.push(Diagnostic::error("SP0307", format!("node {:?}", node.name), rule, way_out));
                return Err(found);
            };
            for (at, column) in tuned.codes.iter().enumerate() {
                for (sample, &code) in column.iter().enumerate() {
                    *node_codes.at_mut(sample, op.first_signal + at) = f64::from(code);
                }
            }
            for (values, &element) in tuned.decoded.iter().zip(&op.elements()) {
                let z = golden.z.row(element);
                // Of a classifier's outputs only those that could be the decision are aimed at, so only those count.
                let counted = match &golden.contested {
                    Some(contested) => contested[element].clone(),
                    None => (0..z.len() as u32).collect(),
                };
                for at in counted {
                    let (signal, noise) = score::compared(&node.form, values[at as usize], z[at as usize]);
                    signal_power += signal * signal;
                    error_power += noise * noise;
                }
            }
            reach = reach.max(tuned.reach.c);
            error.shifts.push((tuned.coded.shift, tuned.coded.sum_shift));
            error.clipped.0 += tuned.coded.clipped;
            error.clipped.1 += op.columns.len();
            made.add(op, &tuned.coded);
            ops.push(CoreOp {
                node: op.node,
                source: op.source,
                parts: op.parts.clone(),
                columns: op.columns.clone(),
                first_signal: op.first_signal,
                payload: tuned.coded,
            });
            progress(ops.len(), real.ops.len());
        }
        error.snr_db = decibels(signal_power, error_power);
        errors.push(error);
        codes.push(node_codes);
        values.push(made);
        reaches.push(reach);
    }
    Ok(TuneResult { graph: CoreOpGraph { encoded: encoded.clone(), ops }, errors, codes })
}

/// The ratio of two powers in decibels, within +-300: finite also when one of them is zero.
fn decibels(signal: f64, error: f64) -> f64 {
    let level = |power: f64| if power > 0.0 { 10.0 * libm::log10(power) } else { f64::NEG_INFINITY };
    if error <= 0.0 { 300.0 } else { (level(signal) - level(error)).clamp(-300.0, 300.0) }
}

/// How much an error of each element of dot node `number` matters: the squared weights of whoever reads it.
fn importance(encoded: &crate::encode::EncodedGraph, number: usize) -> Vec<f64> {
    let elements = encoded.dot.nodes[number].outputs();
    let mut out = vec![0.0; elements];
    let mut read = false;
    for later in encoded.dot.nodes.iter().filter(|later| later.source == DotSource::Node(number)) {
        read = true;
        for o in 0..later.outputs() {
            out.iter_mut().zip(later.weights.row(o)).for_each(|(v, w)| *v += w * w);
        }
    }
    if read { out } else { vec![1.0; elements] }
}
