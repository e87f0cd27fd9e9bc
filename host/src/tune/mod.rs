//! Stage 5, weight tuning: from real weights to whole ones, one node after the other, each fed with the codes that the
//! already transformed nodes really give, so that later nodes correct earlier errors.
//!
//! For each node: *free* (ridge regression towards the golden weights on the real inputs), then for each block of
//! columns trials over the shift s, the sum shift and the reach, judged by measured output error; in each trial per-column
//! gains, rounding with error feedback (or dithered copies), and a search of the biases slice by slice; the two best
//! trials are refined through the exact integer chain and the better one kept. A node with many positions is tuned on some of
//! them, drawn with a seed. `docs/tuning.md` tells why and how much each step gains.

mod aims;
mod bias;
mod check;
mod coded;
mod codes;
mod column;
pub mod digital;
mod digits;
mod exact;
mod forward;
mod free;
mod golden;
mod loops;
mod node;
mod nodes;
mod options;
mod prepared;
mod reads;
mod round;
mod score;
mod source;
mod transmit;
mod trials;
mod unit;
mod work;

pub use check::{Tuned, check};
pub use coded::{Coded, CodedAct, Periphery, Requantised};
pub use codes::{Pick, Sources, picks};

pub use crate::encode::CodeMap;
pub use free::RealMap;
pub use golden::{GoldenSums, NodeSums};
pub use nodes::CodedNodes;
pub use options::{IntegerRounding, Rounding, TuneOptions, WeightSet};
pub use round::ErrorFeedback;
pub use source::{ChannelCodes, Decoding, InputMap};

use aims::Reach;
use work::NodeWork;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::{Body, Source};
use crate::expand::{CoreOp, CoreOpGraph, Expanded};
use crate::target::Target;

/// What tuning learnt about a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeError {
    /// Name of the node.
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
    /// The codes that each node gives on the first calibration samples.
    pub codes: Vec<CodeMap>,
    /// What was done otherwise because a sum has very many inputs.
    pub remarks: Vec<String>,
}

/// Samples of which all nodes' codes are kept, to be compared with the machine's.
const KEPT: usize = 32;
/// Codes that are kept at most, but for one sample.
const KEPT_CODES: usize = 1 << 26;

/// Everything that tuning goes by.
#[derive(Clone, Copy, Debug)]
pub struct Tuner<'a> {
    /// The core-ops.
    pub expanded: &'a Expanded,
    /// What raw input values mean.
    pub input: &'a InputMap,
    /// Codes of the calibration samples.
    pub input_codes: &'a CodeMap,
    /// Golden sums of every node.
    pub golden: &'a GoldenSums,
    /// The chip.
    pub target: &'a Target,
    /// The user's choices.
    pub options: &'a TuneOptions,
}

/// Everything that is known while nodes are tuned one after the other.
struct Progress<'a> {
    /// The core-ops of each node.
    ops: Vec<Vec<CoreOp<Coded>>>,
    errors: Vec<NodeError>,
    /// Codes of all calibration samples, as long as somebody reads them.
    codes: Vec<CodeMap>,
    /// Codes of the first ones.
    kept: Vec<CodeMap>,
    decoding: Decoding<'a>,
    reaches: Vec<f64>,
    remarks: Vec<String>,
    /// Core-ops that are done, and all that there are to do.
    done: (usize, usize),
}

/// A tuned node.
struct TunedNode {
    ops: Vec<CoreOp<Coded>>,
    /// Gains and reach of each core-op.
    pins: Vec<(Vec<f64>, Reach)>,
    error: NodeError,
}

impl Tuner<'_> {
    /// Tunes every node; `progress(done, all)` is called after each core-op.
    ///
    /// # Errors
    /// SP0307 when no shift of the chip can hold a node's weights and biases.
    pub fn tune(&self, mut progress: impl FnMut(usize, usize)) -> Result<TuneResult> {
        let real = self.expanded.graph();
        let encoded = &real.encoded;
        let count = encoded.nodes.len();
        let samples = self.input_codes.samples();
        let signals: usize = (0..count).map(|node| encoded.signals(Source::Node(node))).sum();
        let few = (KEPT_CODES / signals.max(1)).clamp(1, KEPT);
        let looped = real.ops.iter().filter(|op| encoded.dot.loop_of(op.node).is_some()).count();
        let mut known = Progress {
            ops: vec![Vec::new(); count],
            errors: Vec::new(),
            codes: vec![CodeMap::default(); count],
            kept: vec![CodeMap::default(); count],
            decoding: Decoding::new(encoded, self.input),
            reaches: vec![0.0; count],
            remarks: Vec::new(),
            done: (0, real.ops.len() + looped * (loops::PASSES - 1)),
        };
        for block in encoded.dot.blocks() {
            match encoded.dot.loop_of(block.start) {
                Some(own) => self.cell(own, &mut known, &mut progress)?,
                None => {
                    let number = block.start;
                    let made = self.node(number, &mut known, None, &mut progress)?;
                    known.errors.push(made.error);
                    known.ops[number] = made.ops;
                    known.learn(number);
                    known.codes[number] = self.forward(number, &known, samples);
                }
            }
            for number in block.clone() {
                let given = &known.codes[number];
                let some = given.width() * samples.min(few);
                known.kept[number] = CodeMap::new(given.width(), given.data()[..some].to_vec());
            }
            // What no later node reads is dropped at once.
            for from in 0..block.end {
                if encoded.dot.last_use(from) < block.end {
                    known.codes[from] = CodeMap::default();
                }
            }
        }
        let ops = known.ops.into_iter().flatten().collect();
        Ok(TuneResult {
            graph: CoreOpGraph { encoded: encoded.clone(), ops },
            errors: known.errors,
            codes: known.kept,
            remarks: known.remarks,
        })
    }

    /// Codes of a tuned node on all calibration samples.
    fn forward(&self, number: usize, known: &Progress<'_>, samples: usize) -> CodeMap {
        let encoded = &self.expanded.graph().encoded;
        let sources = Sources { graph: encoded, input: self.input_codes, nodes: &known.codes };
        forward::forward(number, &with_payload(&known.ops[number]), sources, samples, self.target)
    }

    /// Tunes one node; with `pins` its codes keep their meaning.
    fn node(
        &self,
        number: usize,
        known: &mut Progress<'_>,
        pins: Option<&[(Vec<f64>, Reach)]>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<TunedNode> {
        let real = self.expanded.graph();
        let dot = &real.encoded.dot.nodes[number];
        let mut error =
            NodeError { name: dot.name.clone(), snr_db: 300.0, shifts: Vec::new(), clipped: (0, 0) };
        let mut made = (Vec::new(), Vec::new());
        if let Some(from) = real.encoded.repeats(number) {
            for op in real.ops.iter().filter(|op| op.node == number) {
                let source = known.decoding.node(from);
                let Some(coded) = transmit::copied(op, &real.encoded, source, self.target) else {
                    return Err(self.unheld(&dot.name));
                };
                made.0.push(op.with(coded));
            }
        } else if let Body::Dot(_) = dot.body {
            let mut power = (0.0f64, 0.0f64);
            let mut reach = 0.0f64;
            let node = NodeWork::new(self, number, &known.reaches);
            let lines = real.ops.iter().filter(|op| op.node == number).map(|op| op.lines.len()).max();
            let free = self.options.rounding >= Rounding::Free && real.encoded.nodes[number].exact.is_none();
            let remark = prepared::remark(&dot.name, lines.unwrap_or(0), node.sums.picks.len());
            if let Some(remark) = remark.filter(|text| free && !known.remarks.contains(text)) {
                known.remarks.push(remark);
            }
            let sources = Sources { graph: &real.encoded, input: self.input_codes, nodes: &known.codes };
            for (at, op) in real.ops.iter().filter(|op| op.node == number).enumerate() {
                let pin = pins.and_then(|pins| pins.get(at));
                let tuned = node.op(op, sources, &known.decoding, pin);
                let Some(tuned) = tuned.or_else(|| node.op(op, sources, &known.decoding, None)) else {
                    return Err(self.unheld(&dot.name));
                };
                node.measure(op, &tuned, &mut power);
                reach = reach.max(tuned.reach.c);
                error.shifts.push(match &tuned.coded.periphery {
                    Periphery::Composed { shift, sum_shift, .. } => (*shift, *sum_shift),
                    Periphery::Digital(own) => (own.shift(0), 0),
                });
                error.clipped.0 += tuned.coded.clipped;
                error.clipped.1 += op.columns.len();
                made.0.push(op.with(tuned.coded));
                made.1.push((tuned.gains, tuned.reach));
                known.done.0 += 1;
                progress(known.done.0, known.done.1);
            }
            error.snr_db = decibels(power.0, power.1);
            known.reaches[number] = reach;
        }
        Ok(TunedNode { ops: made.0, pins: made.1, error })
    }

    fn unheld(&self, name: &str) -> Diagnostics {
        let target = self.target;
        let rule = format!(
            "no shift from {} to {} and no {} bias rows can hold its weights and biases",
            target.shifts.start(),
            target.shifts.end(),
            target.bias_rows
        );
        let way_out = "widen crossbar.shift_min..shift_max, or add bias rows (crossbar.bias_rows)";
        Diagnostic::error("SP0307", format!("node {name:?}"), rule, way_out).into()
    }
}

impl Progress<'_> {
    /// Takes in what the codes of a node mean.
    fn learn(&mut self, number: usize) {
        self.decoding.push(number, with_payload(&self.ops[number]).into_iter());
    }
}

fn with_payload(ops: &[CoreOp<Coded>]) -> Vec<(&CoreOp<Coded>, &Coded)> {
    ops.iter().map(|op| (op, &op.payload)).collect()
}

/// The ratio of two powers in decibels, within +-300: finite also when one of them is zero.
fn decibels(signal: f64, error: f64) -> f64 {
    let level = |power: f64| if power > 0.0 { 10.0 * libm::log10(power) } else { f64::NEG_INFINITY };
    if error <= 0.0 { 300.0 } else { (level(signal) - level(error)).clamp(-300.0, 300.0) }
}
