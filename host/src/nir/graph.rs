//! A spiking network, checked: shapes that fit, an order of evaluation, and a delay in every cycle.
//!
//! What arrives at a node is the sum over its edges. Within a step, nodes are evaluated in [`NirGraph::nodes`]' order. An
//! edge is *delayed* when it hands on what its source gave in the step before (zeros in the first one): every cycle has
//! such an edge, and it leaves neurons, so that a recurrent connection computes from the spikes of the step before. NIR
//! itself knows no such delay; all simulators we know put it there.

use std::fmt::{self, Write as _};

use super::op::NirOp;
use super::order;
use super::read::{RawGraph, RawNode};
use super::shapes;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// An edge into a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NirEdge {
    /// The position of the source.
    pub from: usize,
    /// Whether what arrives is what the source gave one step before.
    pub delayed: bool,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub struct NirNode {
    /// Its name in the file; nodes of nested graphs are called `graph.node`.
    pub name: String,
    /// What it computes.
    pub op: NirOp,
    /// The shape of what arrives.
    pub arrives: Vec<usize>,
    /// The shape of what it gives.
    pub shape: Vec<usize>,
    /// Where what arrives comes from; empty for the input alone.
    pub inputs: Vec<NirEdge>,
}

impl NirNode {
    /// The number of elements it gives.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it gives none; never so in a checked graph.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A checked network with one input and one output.
#[derive(Clone, Debug, PartialEq)]
pub struct NirGraph {
    nodes: Vec<NirNode>,
    input: usize,
    output: usize,
    warnings: Vec<Diagnostic>,
}

impl NirGraph {
    /// The nodes in the order of evaluation.
    pub fn nodes(&self) -> &[NirNode] {
        &self.nodes
    }

    /// The position of the input.
    pub fn input(&self) -> usize {
        self.input
    }

    /// The position of the output.
    pub fn output(&self) -> usize {
        self.output
    }

    /// Doubts about the file that do not stop the work.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The node called `name`.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// Whether it has time constants or delays: its parameters then fix a unit of time.
    pub fn has_time(&self) -> bool {
        self.nodes.iter().any(|node| match &node.op {
            NirOp::Neuron(neuron) => neuron.kind.leaks(),
            NirOp::Delay(_) => true,
            _ => false,
        })
    }

    /// Checks what was read.
    pub(crate) fn new(mut raw: RawGraph, mut found: Diagnostics) -> Result<Self> {
        // Exporters that flatten nested graphs leave the inner ends as Input and Output nodes between others.
        for at in 0..raw.nodes.len() {
            let node = &mut raw.nodes[at];
            if matches!(node.op, NirOp::Input) && raw.edges.iter().any(|&(_, to)| to == at) {
                node.op = NirOp::Pass;
            }
            node.is_output &= !raw.edges.iter().any(|&(from, _)| from == at);
        }
        let before = found.has_errors();
        let input = one(&raw.nodes, "Input", |node| matches!(node.op, NirOp::Input), &mut found);
        let output = one(&raw.nodes, "Output", |node| node.is_output, &mut found);
        let (Some(input), Some(output), false) = (input, output, before) else { return Err(found) };
        let mut inputs: Vec<Vec<usize>> = vec![Vec::new(); raw.nodes.len()];
        for &(from, to) in &raw.edges {
            inputs[to].push(from);
        }
        for (node, from) in raw.nodes.iter().zip(&inputs) {
            if from.is_empty() && !matches!(node.op, NirOp::Input) {
                let way_out = "connect the node or take it out of the file";
                let place = format!("node `{}`", node.name);
                found.push(Diagnostic::error("SP0132", place, "no edge leads to the node", way_out));
            }
        }
        let order = order::order(&raw, &inputs, &mut found);
        let shapes = shapes::infer(&raw, &inputs, input, &mut found);
        if found.has_errors() {
            return Err(found);
        }
        let mut place = vec![0; raw.nodes.len()];
        for (at, &node) in order.nodes.iter().enumerate() {
            place[node] = at;
        }
        let mut raw_nodes: Vec<Option<RawNode>> = raw.nodes.into_iter().map(Some).collect();
        let nodes = order.nodes.iter().filter_map(|&at| {
            let node = raw_nodes[at].take()?;
            let edge =
                |&from: &usize| NirEdge { from: place[from], delayed: order.delayed.contains(&(from, at)) };
            let shapes::Shapes { arrives, gives } = shapes[at].clone()?;
            let inputs = inputs[at].iter().map(edge).collect();
            Some(NirNode { name: node.name, op: node.op, arrives, shape: gives, inputs })
        });
        let nodes = nodes.collect();
        Ok(Self { nodes, input: place[input], output: place[output], warnings: found.0 })
    }
}

/// The only node of a kind.
fn one(
    nodes: &[RawNode],
    what: &str,
    is: impl Fn(&RawNode) -> bool,
    found: &mut Diagnostics,
) -> Option<usize> {
    let all: Vec<usize> = (0..nodes.len()).filter(|&i| is(&nodes[i])).collect();
    if let [only] = all.as_slice() {
        return Some(*only);
    }
    let names: Vec<&str> = all.iter().map(|&i| nodes[i].name.as_str()).collect();
    let rule = match names.as_slice() {
        [] => format!("there is no {what} node"),
        _ => format!("there are {} {what} nodes: {}", names.len(), names.join(", ")),
    };
    let way_out = format!("exactly one {what} node is wanted; add it to the file, or split the network");
    found.push(Diagnostic::error("SP0103", "graph", rule, way_out));
    None
}

/// One line a node: `name = Op [shape] <- a, b@-1`.
impl fmt::Display for NirGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            let mut from = String::new();
            for (i, edge) in node.inputs.iter().enumerate() {
                let late = if edge.delayed { "@-1" } else { "" };
                let comma = if i > 0 { ", " } else { "" };
                write!(from, "{comma}{}{late}", self.nodes[edge.from].name)?;
            }
            let arrow = if from.is_empty() { "" } else { " <- " };
            writeln!(f, "{} = {} {:?}{arrow}{from}", node.name, node.op.name(), node.shape)?;
        }
        Ok(())
    }
}
