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

pub use check::{Tuned, check};
pub use coded::{Coded, CodedAct, Periphery, Requantised};
pub use codes::{Pick, Sources, picks};

pub use crate::encode::CodeMap;
pub use golden::{GoldenSums, NodeSums};
pub use nodes::CodedNodes;
pub use options::{Rounding, TuneOptions, WeightSet};
pub use source::{ChannelCodes, Decoding, InputMap};

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use aims::Golden;
use digital::DigitalBench;
use node::{NodeBench, TunedOp};
use prepared::Prepared;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::{Body, Source};
use crate::encode::{Form, Line, influence};
use crate::expand::{CoreOp, CoreOpGraph, Expanded, OpLine, Real};
use crate::numeric::Matrix;
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

impl Tuner<'_> {
    /// Tunes every node; `progress(done, all)` is called after each core-op.
    ///
    /// # Errors
    /// SP0307 when no shift of the chip can hold a node's weights and biases.
    pub fn tune(&self, mut progress: impl FnMut(usize, usize)) -> Result<TuneResult> {
        let real = self.expanded.graph();
        let encoded = &real.encoded;
        let samples = self.input_codes.samples();
        let signals: usize = (0..encoded.nodes.len()).map(|node| encoded.signals(Source::Node(node))).sum();
        let few = (KEPT_CODES / signals.max(1)).clamp(1, KEPT);
        let mut ops: Vec<CoreOp<Coded>> = Vec::new();
        let mut errors = Vec::new();
        let mut codes: Vec<CodeMap> = Vec::new();
        let mut kept: Vec<CodeMap> = Vec::new();
        let mut decoding = Decoding::new(encoded, self.input);
        let mut reaches: Vec<f64> = Vec::new();
        let mut remarks: Vec<String> = Vec::new();
        for (number, dot) in encoded.dot.nodes.iter().enumerate() {
            let sources = Sources { graph: encoded, input: self.input_codes, nodes: &codes };
            let own: Vec<&CoreOp<Real>> = real.ops.iter().filter(|op| op.node == number).collect();
            let mut error =
                NodeError { name: dot.name.clone(), snr_db: 300.0, shifts: Vec::new(), clipped: (0, 0) };
            let mut power = (0.0f64, 0.0f64);
            let mut reach = 0.0f64;
            let first = ops.len();
            if let Some(from) = encoded.repeats(number) {
                for op in own {
                    let Some(coded) = transmit::copied(op, encoded, decoding.node(from), self.target) else {
                        return Err(self.unheld(&dot.name));
                    };
                    ops.push(op.with(coded));
                }
            } else if let Body::Dot(_) = dot.body {
                let node = NodeWork::new(self, number, &reaches);
                let lines = own.iter().map(|op| op.lines.len()).max().unwrap_or(0);
                if self.options.rounding >= Rounding::Free && encoded.nodes[number].exact.is_none() {
                    remarks.extend(prepared::remark(&dot.name, lines, node.sums.picks.len()));
                }
                for op in own {
                    let Some(tuned) = node.op(op, sources, &decoding) else {
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
                    ops.push(op.with(tuned.coded));
                    progress(ops.len(), real.ops.len());
                }
                error.snr_db = decibels(power.0, power.1);
            }
            let made: Vec<(&CoreOp<Coded>, &Coded)> =
                ops[first..].iter().map(|op| (op, &op.payload)).collect();
            decoding.push(number, made.iter().copied());
            let given = forward::forward(number, &made, sources, samples, self.target);
            let some = given.width() * samples.min(few);
            kept.push(CodeMap::new(given.width(), given.data()[..some].to_vec()));
            codes.push(given);
            errors.push(error);
            reaches.push(reach);
            // What no later node reads is dropped at once.
            for (from, held) in codes.iter_mut().enumerate() {
                if encoded.dot.readers(from).last().is_none_or(|&last| last <= number) {
                    *held = CodeMap::default();
                }
            }
        }
        Ok(TuneResult { graph: CoreOpGraph { encoded: encoded.clone(), ops }, errors, codes: kept, remarks })
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

/// One node while it is tuned.
struct NodeWork<'a> {
    tuner: Tuner<'a>,
    number: usize,
    golden: Golden<'a>,
    sums: &'a NodeSums,
    importance: Vec<f64>,
    relay_reach: Option<f64>,
    last: RefCell<Option<Rc<Prepared>>>,
}

impl<'a> NodeWork<'a> {
    fn new(tuner: &Tuner<'a>, number: usize, reaches: &[f64]) -> Self {
        let encoded = &tuner.expanded.graph().encoded;
        let (node, dot) = (&encoded.nodes[number], &encoded.dot.nodes[number]);
        let sums = &tuner.golden.nodes[number];
        let classifies = encoded.dot.decision && node.form == Form::Sum && tuner.options.margin > 0.0;
        let mut golden = Golden::new(&sums.z, classifies.then_some(tuner.options.margin));
        golden.widen(&sums.survey.least, &sums.survey.most);
        let relay_reach = match dot.body.reads() {
            [read] => match read.source {
                Source::Node(from) => {
                    let from = encoded.origin(from);
                    let judged = matches!(encoded.nodes[from].form, Form::Carrier { judged: Some(_) });
                    judged.then(|| reaches[from])
                }
                _ => None,
            },
            _ => None,
        };
        let importance = influence(&encoded.dot, number);
        Self { tuner: *tuner, number, golden, sums, importance, relay_reach, last: RefCell::default() }
    }

    /// What `op` has in common with others that read the same lines: most of the time the core-op before it.
    fn prepared(&self, op: &CoreOp<Real>, sources: Sources<'_>) -> Rc<Prepared> {
        let mut last = self.last.borrow_mut();
        // Copies carry the same codes.
        let encoded = sources.graph;
        let plain = |own: &OpLine| match encoded.copied(self.number, &own.line) {
            Some(copied) => {
                let own_copies = encoded.nodes[encoded.origin(copied.node)].copies[copied.channel];
                OpLine { line: Line { copy: own.line.copy % own_copies.max(1), ..own.line }, ..*own }
            }
            None => *own,
        };
        let alike = |known: &&Rc<Prepared>| {
            Arc::ptr_eq(&known.lines, &op.lines)
                || encoded.targets.is_some() && known.lines.iter().map(plain).eq(op.lines.iter().map(plain))
        };
        if let Some(known) = last.as_ref().filter(alike) {
            return known.clone();
        }
        // Two nodes' worth of codes and moments would be held otherwise.
        *last = None;
        let made = Rc::new(Prepared::new(sources, self.number, &op.lines, &self.sums.picks));
        *last = Some(made.clone());
        made
    }

    fn op(&self, op: &CoreOp<Real>, sources: Sources<'_>, decoding: &Decoding<'_>) -> Option<TunedOp> {
        let options = self.tuner.options;
        let encoded = sources.graph;
        if let Some(integers) = &encoded.nodes[self.number].exact {
            return Some(exact::taken(op, integers, sources, &self.sums.picks, self.tuner.target));
        }
        let (node, dot) = (&encoded.nodes[self.number], &encoded.dot.nodes[self.number]);
        let channels = op.channels();
        let prepared = self.prepared(op, sources);
        let codes = &prepared.codes;
        let z = Matrix::from_fn(channels.len(), self.sums.picks.len(), |c, i| self.sums.z.at(channels[c], i));
        let golden = self.golden.select(&z, &channels);
        let mut map = decoding.map(op);
        let each = dot.channels / dot.groups();
        let blocks = &prepared.blocks;
        let group: Vec<usize> = channels.iter().map(|channel| channel / each - op.groups.start).collect();
        let (free, rounds) = (options.rounding >= Rounding::Free, options.rounding >= Rounding::Round);
        let relays = self.relay_reach.is_some();
        let from_input = dot.body.reads().iter().all(|read| read.source == Source::Input);
        // Error feedback also serves shared weights, whatever the copies.
        let shared = options.weights != WeightSet::Plain;
        let apart = matches!(node.form, Form::Segments(_) | Form::Mirror { .. });
        let single =
            (shared || apart || channels.iter().all(|&channel| node.copies[channel] == 1)) && !relays;
        if options.ridge > 0.0 && free && !relays && !from_input {
            for number in 0..blocks.len() {
                let own: Vec<usize> = (0..channels.len()).filter(|&c| group[c] == number).collect();
                prepared.refit(&mut map, number, &own, &z, options.ridge);
            }
        }
        let feedback = if single && rounds { prepared.feedback() } else { &[] };
        let copies: Vec<u16> = channels.iter().map(|&channel| node.copies[channel]).collect();
        let importance: Vec<f64> = channels.iter().map(|&channel| self.importance[channel]).collect();
        let item = (self.number as u64) << 20 | channels.first().map_or(0, |&c| c as u64);
        if let Some(digital) = &self.tuner.target.digital {
            let bench = DigitalBench {
                form: &node.form,
                copies: &copies,
                item,
                codes,
                map: &map,
                golden: &golden,
                importance: &importance,
                feedback,
                blocks,
                group: &group,
                target: self.tuner.target,
                digital,
                options,
            };
            return bench.tune(op);
        }
        let bench = NodeBench {
            form: &node.form,
            copies: &copies,
            item,
            codes,
            map: &map,
            golden: &golden,
            importance: &importance,
            feedback,
            group: &group,
            relay_reach: self.relay_reach,
            target: self.tuner.target,
            options,
        };
        bench.tune(op)
    }

    /// Adds the power of signal and error of a tuned core-op.
    fn measure(&self, op: &CoreOp<Real>, tuned: &TunedOp, power: &mut (f64, f64)) {
        let form = &self.tuner.expanded.graph().encoded.nodes[self.number].form;
        for (values, &channel) in tuned.decoded.iter().zip(&op.channels()) {
            let z = self.golden.z.row(channel);
            // Of a classifier's outputs only those that could be the decision are aimed at, so only those count.
            let counted = match &self.golden.contested {
                Some(contested) => contested[channel].clone(),
                None => (0..z.len() as u32).collect(),
            };
            for at in counted {
                let (signal, noise) = score::compared(form, values[at as usize], z[at as usize]);
                power.0 += signal * signal;
                power.1 += noise * noise;
            }
        }
    }
}

/// The ratio of two powers in decibels, within +-300: finite also when one of them is zero.
fn decibels(signal: f64, error: f64) -> f64 {
    let level = |power: f64| if power > 0.0 { 10.0 * libm::log10(power) } else { f64::NEG_INFINITY };
    if error <= 0.0 { 300.0 } else { (level(signal) - level(error)).clamp(-300.0, 300.0) }
}
