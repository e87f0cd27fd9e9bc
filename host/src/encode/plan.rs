//! Choosing the signals.

use std::fmt;
use std::str::FromStr;

use super::budget::allocate;
use super::graph::{EncodedGraph, EncodedNode, EncodedSource, Form};
use super::input::InputCode;
use super::segments::sigmoid_segments;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::numeric::Matrix;
use crate::reform::{DotAct, DotSource, Reformed};
use crate::target::Target;

/// How many signals a ReLU value or an output gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalBudget {
    /// As many as fit in columns and rows that would otherwise stay unused, the noisiest first.
    Auto,
    /// The same number for each value.
    Each(u16),
}

impl FromStr for SignalBudget {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => match number.parse() {
                Ok(k @ 1..=32) => Ok(Self::Each(k)),
                _ => Err("auto, or a number from 1 to 32".into()),
            },
        }
    }
}

impl fmt::Display for SignalBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Each(k) => write!(f, "{k}"),
        }
    }
}

/// How a sigmoid is made whose sum spans arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigmoidBy {
    /// Carrier and relay where the chip has a native sigmoid, clipped ReLUs elsewhere.
    Auto,
    /// The sum on clipped ReLUs, then the native sigmoid in a second array.
    Relay,
    /// So many clipped ReLUs per value approximate it.
    Relus(u16),
}

impl FromStr for SigmoidBy {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match (text, text.strip_prefix("relu:").map(str::parse)) {
            ("auto", _) => Ok(Self::Auto),
            ("relay", _) => Ok(Self::Relay),
            (_, Some(Ok(k @ 1..=32))) => Ok(Self::Relus(k)),
            _ => Err("auto, relay, or relu:K with K from 1 to 32".into()),
        }
    }
}

impl fmt::Display for SigmoidBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Relay => f.write_str("relay"),
            Self::Relus(k) => write!(f, "relu:{k}"),
        }
    }
}

/// The user's choices for this stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Signals per hidden value behind a ReLU.
    pub signals: SignalBudget,
    /// Signals per output.
    pub output_signals: SignalBudget,
    /// Signals per input value: 1, or 2 for a radix pair.
    pub input_signals: u8,
    /// Signals that carry a sum to its relay.
    pub carrier_signals: u16,
    /// How tall sigmoids are made.
    pub sigmoid: SigmoidBy,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            signals: SignalBudget::Auto,
            output_signals: SignalBudget::Auto,
            input_signals: 1,
            carrier_signals: 1,
            sigmoid: SigmoidBy::Auto,
        }
    }
}

/// The most copies of one column: beyond it, other noise dominates.
const COPIES_MAX: usize = 32;
/// An element that is silent on calibration still gets this share of its layer's largest range.
const SILENT_SHARE: f64 = 0.25;
/// Beyond +-8 the sigmoid is flat to 3.4e-4, a fiftieth of a 6-bit step.
const SIGMOID_REACH: f64 = 8.0;
/// Clipped ReLUs per value when a chip has no native sigmoid.
const RELUS_DEFAULT: u16 = 6;

/// Chooses signals for every value. `input` says how the input is coded, `sums` the golden sums of each dot node on
/// the calibration samples.
///
/// # Errors
/// SP0303 for options that can not be met on this chip.
pub fn encode(
    reformed: &Reformed,
    input: InputCode,
    sums: &[Matrix],
    target: &Target,
    options: &EncodeOptions,
) -> Result<EncodedGraph> {
    let dot = reformed.graph();
    let mut found = Diagnostics::default();
    let mut graph = EncodedGraph { dot: dot.clone(), input, nodes: Vec::new(), remarks: Vec::new() };
    // The encoded node that carries each dot node's value.
    let mut carries: Vec<usize> = Vec::new();
    for (number, node) in dot.nodes.iter().enumerate() {
        let last = number + 1 == dot.nodes.len();
        let source = match node.source {
            DotSource::Input => EncodedSource::Input,
            DotSource::Node(from) => EncodedSource::Node(carries[from]),
        };
        let (elements, rows) = (node.outputs(), graph.signals(source));
        let mut push = |name: String, relay, source, form, copies| {
            graph.nodes.push(EncodedNode { name, dot: number, relay, source, form, copies });
            graph.nodes.len() - 1
        };
        let made = match node.act {
            DotAct::None => {
                let k = each(options.output_signals, free(elements, target));
                push(node.name.clone(), false, source, Form::Sum, vec![k; elements])
            }
            DotAct::Relu => {
                let copies = match options.signals {
                    SignalBudget::Each(k) => vec![k; elements],
                    // The host decodes equally many signals per output.
                    SignalBudget::Auto if last => {
                        vec![each(SignalBudget::Auto, free(elements, target)); elements]
                    }
                    SignalBudget::Auto => {
                        let columns = elements.div_ceil(target.columns) * target.columns;
                        // Copies must not cost the next node further arrays.
                        let rows = elements.div_ceil(target.rows) * target.rows;
                        allocate(&noise(dot, number, &sums[number]), columns.min(rows), COPIES_MAX)
                    }
                };
                push(node.name.clone(), false, source, Form::Relu, copies)
            }
            DotAct::Sigmoid if rows <= target.rows && target.sigmoid => {
                push(node.name.clone(), false, source, Form::Sigmoid, vec![1; elements])
            }
            DotAct::Sigmoid => {
                let by = match options.sigmoid {
                    SigmoidBy::Auto if target.sigmoid => SigmoidBy::Relay,
                    SigmoidBy::Auto => SigmoidBy::Relus(RELUS_DEFAULT),
                    by => by,
                };
                if by == SigmoidBy::Relay && !target.sigmoid {
                    let place = format!("chip {:?}: crossbar.activations", target.chip.name());
                    let rule = format!("the relay of node {:?} needs a native sigmoid", node.name);
                    found.push(Diagnostic::error("SP0303", place, rule, "use --set sigmoid=relu:6"));
                }
                let spans = rows > target.rows;
                let carried = if spans {
                    // Parts of a tall sum run further than the sum and would clip on the steep pieces of a function, so
                    // the sum crosses on clipped ReLUs over its whole range first.
                    graph.remarks.push(format!(
                        "{:?}: the sum spans {} arrays, so a carrier brings it to a relay that applies the sigmoid",
                        node.name,
                        rows.div_ceil(target.rows)
                    ));
                    let copies = vec![options.carrier_signals; elements];
                    graph.nodes.push(EncodedNode {
                        name: format!("{}:carrier", node.name),
                        dot: number,
                        relay: false,
                        source,
                        form: Form::Carrier,
                        copies,
                    });
                    EncodedSource::Node(graph.nodes.len() - 1)
                } else {
                    source
                };
                let name = if spans { format!("{}:relay", node.name) } else { node.name.clone() };
                let (form, copies) = match by {
                    SigmoidBy::Relus(k) => {
                        let (segments, _, worst) = sigmoid_segments(usize::from(k), SIGMOID_REACH);
                        graph.remarks.push(format!(
                            "{:?}: sigmoid approximated by {k} clipped ReLUs, off by at most {:.5}",
                            node.name,
                            // A bound is rounded up.
                            libm::ceil(worst * 1e5) / 1e5
                        ));
                        (Form::Segments(segments), vec![k; elements])
                    }
                    SigmoidBy::Auto | SigmoidBy::Relay => (Form::Sigmoid, vec![1; elements]),
                };
                graph.nodes.push(EncodedNode {
                    name,
                    dot: number,
                    relay: spans,
                    source: carried,
                    form,
                    copies,
                });
                graph.nodes.len() - 1
            }
        };
        carries.push(made);
    }
    fits(&graph, target, &mut found);
    found.into_result(graph)
}

/// An element's signals stay together: its columns in one array, and what a relay reads of it on one array's rows.
fn fits(graph: &EncodedGraph, target: &Target, found: &mut Diagnostics) {
    for node in &graph.nodes {
        let setting = match node.form {
            Form::Carrier => "encode.carrier",
            Form::Segments(_) => "sigmoid",
            Form::Sum => "encode.output",
            Form::Relu | Form::Sigmoid => "encode.signals",
        };
        let most = node.copies.iter().copied().max().map_or(0, usize::from);
        let mut refuse = |room: usize, what: &str| {
            let place = format!("setting {setting}");
            let rule = format!(
                "node {:?} has {most} signals per value, an array of chip {:?} has {room} {what}",
                node.name,
                target.chip.name()
            );
            let way_out = format!("use at most {room} signals per value");
            found.push(Diagnostic::error("SP0303", place, rule, way_out));
        };
        if most > target.columns {
            refuse(target.columns, "columns");
        } else if node.form == Form::Carrier && most > target.rows {
            refuse(target.rows, "rows");
        }
    }
}

/// Signals per output that fit in the columns its arrays have anyway.
fn free(elements: usize, target: &Target) -> usize {
    (elements.div_ceil(target.columns) * target.columns / elements).min(COPIES_MAX)
}

fn each(budget: SignalBudget, free: usize) -> u16 {
    match budget {
        SignalBudget::Auto => free.max(1) as u16,
        SignalBudget::Each(k) => k,
    }
}

/// The quantisation noise that each element of a ReLU node hands on: its range, seen through the next nodes' weights.
fn noise(dot: &crate::reform::DotGraph, number: usize, sums: &Matrix) -> Vec<f64> {
    let elements = dot.nodes[number].outputs();
    let mut top = vec![0.0f64; elements];
    for r in 0..sums.rows() {
        top.iter_mut().zip(sums.row(r)).for_each(|(top, &z)| *top = top.max(z));
    }
    let largest = top.iter().copied().fold(0.0, f64::max);
    (0..elements)
        .map(|e| {
            let readers = dot.nodes.iter().filter(|later| later.source == DotSource::Node(number));
            let weight: f64 = readers
                .map(|later| {
                    (0..later.outputs()).map(|o| later.weights.at(o, e) * later.weights.at(o, e)).sum::<f64>()
                })
                .sum();
            let range = top[e].max(SILENT_SHARE * largest);
            // Silent elements only matter on data that calibration has not seen.
            range * range * weight * if top[e] > 0.0 { 1.0 } else { 1e-3 }
        })
        .collect()
}
