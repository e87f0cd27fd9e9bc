//! The encoded graph.

use std::fmt;

use super::input::InputCode;
use super::segments::Segment;
use crate::reform::DotGraph;

/// Where an encoded node's signals come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodedSource {
    /// The network's input.
    Input,
    /// The node with this number.
    Node(usize),
}

/// What a node's columns compute of their sum z.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// max(z, 0), copies staggered.
    Relu,
    /// z itself within +-c, on clipped ReLUs, copies staggered; c is chosen while tuning.
    Carrier,
    /// The clipped ReLU segments of a function, one column a segment, the same for every element.
    Segments(Vec<Segment>),
    /// The native sigmoid, one array.
    Sigmoid,
    /// The signed sum, to the host only, copies staggered.
    Sum,
}

impl Form {
    /// The name in text forms.
    pub fn name(&self) -> &'static str {
        match self {
            Form::Relu => "relu",
            Form::Carrier => "carrier",
            Form::Segments(_) => "segments",
            Form::Sigmoid => "sigmoid",
            Form::Sum => "sum",
        }
    }
}

/// A node with its signals chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedNode {
    /// Name: the dot node's, with `:carrier` or `:relay` where it became two.
    pub name: String,
    /// The dot node that it computes, or a part of.
    pub dot: usize,
    /// Whether it applies the function to the carried sum instead of the dot node's matrix.
    pub relay: bool,
    /// Its operand.
    pub source: EncodedSource,
    /// What its columns compute.
    pub form: Form,
    /// Signals per element.
    pub copies: Vec<u16>,
}

impl EncodedNode {
    /// Signals in all.
    pub fn signals(&self) -> usize {
        self.copies.iter().map(|&k| usize::from(k)).sum()
    }
}

/// A dot graph whose every value has its signals.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodedGraph {
    /// The dot graph.
    pub dot: DotGraph,
    /// How the input is coded.
    pub input: InputCode,
    /// The nodes in topological order.
    pub nodes: Vec<EncodedNode>,
    /// Remarks for the report: what was approximated, and by how much.
    pub remarks: Vec<String>,
}

impl EncodedGraph {
    /// Signals that `source` consists of.
    pub fn signals(&self, source: EncodedSource) -> usize {
        match source {
            EncodedSource::Input => self.dot.input_len * self.input.weights.len(),
            EncodedSource::Node(node) => self.nodes[node].signals(),
        }
    }
}

impl fmt::Display for EncodedGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "encoded-graph input [{}] raw {}..={} signals {:?}",
            self.dot.input_len, self.input.raw_lo, self.input.raw_hi, self.input.weights
        )?;
        for (number, node) in self.nodes.iter().enumerate() {
            let source = match node.source {
                EncodedSource::Input => "input".to_owned(),
                EncodedSource::Node(from) => format!("%{from}"),
            };
            let (least, most) =
                (node.copies.iter().min().unwrap_or(&0), node.copies.iter().max().unwrap_or(&0));
            writeln!(
                f,
                "%{number} = {} {source} [{} signals -> {} elements, {} signals, {least}..={most} each] {:?}",
                node.form.name(),
                self.signals(node.source),
                node.copies.len(),
                node.signals(),
                node.name
            )?;
        }
        for remark in &self.remarks {
            writeln!(f, "# {remark}")?;
        }
        Ok(())
    }
}
