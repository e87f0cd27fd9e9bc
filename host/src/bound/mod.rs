//! Error bounds known before anything is run: how far an image's outputs can lie from the network's, for any input within a
//! stated range.
//!
//! [`ranges`] walks the network with intervals: where every sum and every value can lie. [`Bounds::new`] walks the tuned
//! core-ops and takes together what rounds: the input's codes, weights, biases, the cut, tables or linear pieces, and what a
//! register or a code clips. The errors of sources go through a node's weights by their magnitudes, and through its function
//! by the interval that they open around each code, so no derivative is assumed and a step counts as a step. The result holds
//! for the worst input, not for a likely one: behind many nodes it is far wider than what is measured.
//!
//! What is left out: the rounding of the golden model's own f32 sums.

mod column;
mod function;
mod interval;
mod lines;
mod ranges;
mod window;

pub use function::{of_act, spread};
pub use interval::Interval;
pub use ranges::{NodeRanges, ranges};

use serde::Serialize;

use crate::dots::{Body, Source};
use crate::encode::EncodedGraph;
use crate::expand::{CoreOp, CoreOpGraph};
use crate::map::Program;
use crate::target::{Digital, Target};
use crate::tune::{Coded, Decoding, InputMap, Periphery};

use column::{Bench, Cells};
use lines::{Carried, taps};

/// The most codes that are looked at, all columns of all nodes together; networks beyond it get no bound.
const MOST_CODES: u64 = 1 << 30;
/// The most weights of such networks.
const MOST_WEIGHTS: u64 = 1 << 25;

/// The bounds of the outputs of an image, made of `graph` and `program`, for inputs whose raw values lie within the input's
/// ranges; `quantised` says whether raw values stand for floating-point ones. `None` as with [`Bounds::new`].
pub fn of_image(
    graph: &CoreOpGraph<Coded>,
    program: &Program,
    input: &InputMap,
    quantised: bool,
    target: &Target,
) -> Option<Vec<OutputBound>> {
    // What a loop carries on can grow from step to step.
    if !graph.encoded.dot.loops.is_empty() {
        return None;
    }
    let code = &graph.encoded.input;
    let raw = if quantised { 0.5 } else { 0.0 };
    let element = |(at, (scale, offset)): (usize, (&f64, &f64))| {
        let range = code.range(at);
        let error = (raw + 0.5 * code.step(at)) * scale.abs();
        let ends = Interval::between(range.lo * scale + offset, range.hi * scale + offset);
        (ends.widened(raw * scale.abs()), error)
    };
    let (inputs, errors): (Vec<Interval>, Vec<f64>) =
        input.scale.iter().zip(&input.offset).enumerate().map(element).unzip();
    let known = ranges(&graph.encoded.dot, &inputs);
    let bounds = Bounds::new(graph, input, &inputs, &errors, &known, target)?;
    Some(bounds.outputs(graph, &known, program))
}

/// The bound of one output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputBound {
    /// The output.
    pub output: String,
    /// Largest possible distance from the network's value, in the network's own unit.
    pub bound: f64,
    /// Where the network's values can lie: smallest and largest.
    pub range: (f64, f64),
}

/// Bounds of a node's value.
#[derive(Clone, Debug, PartialEq)]
struct NodeBound {
    /// Of each channel.
    errors: Vec<f64>,
    /// Smallest and largest level of each signal of a position.
    levels: Vec<(f64, f64)>,
    /// What a level of each signal counts.
    coefficients: Vec<f64>,
}

/// What is known of a tuned network.
#[derive(Clone, Debug)]
pub struct Bounds {
    nodes: Vec<NodeBound>,
}

impl Bounds {
    /// The bounds of the core-ops of `graph`. `inputs` are the ranges of the input's elements, `input_errors` how far what their
    /// codes stand for can lie from them, `known` the ranges of all nodes for such inputs. `None` for chips whose arithmetic
    /// is not followed (crossbars), forms that are not (functions made of ReLUs), and networks that are too large.
    pub fn new(
        graph: &CoreOpGraph<Coded>,
        input: &InputMap,
        inputs: &[Interval],
        input_errors: &[f64],
        known: &[NodeRanges],
        target: &Target,
    ) -> Option<Self> {
        let digital = target.digital.as_ref()?;
        let columns: u64 = graph.ops.iter().map(|op| op.columns.len() as u64).sum();
        let weights: u64 = graph.ops.iter().map(|op| (op.columns.len() * op.lines.len()) as u64).sum();
        if columns << digital.bits > MOST_CODES || weights > MOST_WEIGHTS {
            return None;
        }
        let encoded = &graph.encoded;
        let mut decoding = Decoding::new(encoded, input);
        let input_levels = input_levels(encoded, &decoding, inputs, input_errors);
        let mut walk =
            Walk { encoded, input_levels, input_errors, known, target, digital, nodes: Vec::new() };
        for (number, dot) in encoded.dot.nodes.iter().enumerate() {
            let ops: Vec<&CoreOp<Coded>> = graph.of_node(number).collect();
            let made = match &dot.body {
                Body::Max(reads) => walk.maximum(reads.first()?.source)?,
                Body::Dot(_) => walk.sums(number, &ops, &decoding)?,
            };
            walk.nodes.push(made);
            decoding.push(number, ops.iter().map(|op| (*op, &op.payload)));
        }
        Some(Self { nodes: walk.nodes })
    }

    /// The bounds of the outputs of `program`, made of `graph`, what decoders round included.
    pub fn outputs(
        &self,
        graph: &CoreOpGraph<Coded>,
        known: &[NodeRanges],
        program: &Program,
    ) -> Vec<OutputBound> {
        let encoded = &graph.encoded;
        let ports = encoded.dot.outputs.iter().enumerate();
        ports
            .map(|(number, port)| {
                let (own, ranges) = (&self.nodes[port.node], &known[port.node]);
                let worst = own.errors.iter().copied().fold(0.0, f64::max);
                let reach = own.levels.iter().fold(0.0f64, |m, &(lo, hi)| m.max(lo.abs()).max(hi.abs()));
                let all = ranges.values.iter().copied().reduce(Interval::hull).unwrap_or(Interval::ALL);
                OutputBound {
                    output: port.name.clone(),
                    bound: worst
                        + decoder_error(encoded, port.node, (program, number), &own.coefficients, reach),
                    range: (all.lo, all.hi),
                }
            })
            .collect()
    }
}

/// What a decoder's whole coefficients and offsets lose: half a unit each, of coefficients only where they are no multiples.
fn decoder_error(
    encoded: &EncodedGraph,
    node: usize,
    (program, output): (&Program, usize),
    coefficients: &[f64],
    reach: f64,
) -> f64 {
    let Some(decoder) = program.decoders.get(output) else { return f64::INFINITY };
    let unit: f64 = decoder.scale.to_num();
    let copies = encoded.nodes[node].copies.iter().copied().max().unwrap_or(1);
    let lost = |c: &f64| (libm::rint(c / unit) * unit - c).abs();
    let worst = coefficients.iter().map(lost).fold(0.0, f64::max);
    worst * reach * f64::from(copies) + 0.5 * unit
}

/// The levels that inputs within their ranges have, where one signal carries an element.
fn input_levels(
    encoded: &EncodedGraph,
    decoding: &Decoding<'_>,
    inputs: &[Interval],
    errors: &[f64],
) -> Vec<(f64, f64)> {
    let most = encoded.input.code_max.first().map_or(0.0, |&most| f64::from(most));
    let of = |(element, (range, error)): (usize, (&Interval, &f64))| {
        let element = element as u32;
        let step = decoding.coefficient(Source::Input, element, 0);
        let zero = decoding.zero(Source::Input, element);
        let own = range.widened(*error).minus(Interval::point(zero)).scaled(1.0 / step);
        (own.lo.clamp(0.0, most), own.hi.clamp(0.0, most))
    };
    inputs.iter().zip(errors).enumerate().map(of).collect()
}

struct Walk<'a> {
    encoded: &'a EncodedGraph,
    /// Element by element, where one signal carries it: smallest and largest level.
    input_levels: Vec<(f64, f64)>,
    input_errors: &'a [f64],
    known: &'a [NodeRanges],
    target: &'a Target,
    digital: &'a Digital,
    nodes: Vec<NodeBound>,
}

impl Walk<'_> {
    /// A maximum of codes is no further off than what it is taken of.
    fn maximum(&self, source: Source) -> Option<NodeBound> {
        match source {
            Source::Node(from) => Some(self.nodes[from].clone()),
            _ => None,
        }
    }

    /// What a line carries: smallest and largest level.
    fn levels(&self, source: Source, element: u32, copy: u16) -> (f64, f64) {
        match source {
            Source::Input if self.encoded.input.weights.len() == 1 => self.input_levels[element as usize],
            Source::Input => (0.0, f64::from(self.encoded.input.code_max[usize::from(copy)])),
            Source::One => (0.0, f64::from(self.encoded.one)),
            Source::Node(node) => {
                let channel = element as usize % self.encoded.dot.nodes[node].channels;
                let (lo, hi) =
                    self.nodes[node].levels[self.encoded.nodes[node].start(channel) + usize::from(copy)];
                (lo.min(0.0), hi.max(0.0))
            }
        }
    }

    /// The largest error of an element of a source.
    fn error(&self, source: Source, element: u32) -> f64 {
        match source {
            Source::Input => self.input_errors[element as usize],
            Source::One => 0.0,
            Source::Node(node) => {
                self.nodes[node].errors[element as usize % self.encoded.dot.nodes[node].channels]
            }
        }
    }

    fn sums(&self, number: usize, ops: &[&CoreOp<Coded>], decoding: &Decoding<'_>) -> Option<NodeBound> {
        let (node, dot) = (&self.encoded.nodes[number], &self.encoded.dot.nodes[number]);
        let Body::Dot(body) = &dot.body else { return None };
        let ranges = &self.known[number];
        let width = node.width();
        let mut made = NodeBound {
            errors: vec![0.0; dot.channels],
            levels: vec![(0.0, 0.0); width],
            coefficients: vec![0.0; width],
        };
        let each = dot.channels / dot.groups();
        for op in ops {
            let coded = &op.payload;
            let Periphery::Digital(own) = &coded.periphery else { return None };
            let map = decoding.map(op);
            let channels = op.channels();
            let carried = Carried::new(self, number, op, own.zero);
            let spread: Vec<f64> = channels
                .iter()
                .map(|&channel| {
                    let (group, row) = (channel / each, channel % each);
                    let errors = taps(dot, group, |source, element| self.error(source, element));
                    let weights = body.weights[group].row(row);
                    weights.iter().zip(errors).map(|(w, e)| if *w == 0.0 { 0.0 } else { w.abs() * e }).sum()
                })
                .collect();
            let bench = Bench::new(self.target, self.digital, coded, op, &map, &carried, &node.form)?;
            let all = channels.iter().map(|&c| ranges.sums[c]).reduce(Interval::hull)?;
            let cells = Cells::shared(&bench, all);
            for (at, column) in op.columns.iter().enumerate() {
                let place = channels.iter().position(|&c| c == column.channel)?;
                let found = bench.column(at, place, ranges.sums[column.channel], spread[place], &cells);
                let copies = op.columns.iter().filter(|c| c.channel == column.channel).count() as f64;
                made.errors[column.channel] += found.error / copies;
                made.levels[op.first_signal + at] = found.levels;
                made.coefficients[op.first_signal + at] = coded.coefficients[at];
            }
        }
        Some(made)
    }
}
