//! Dot-like nodes: the network after graph reform, whatever operators it was written with.
//!
//! Only two kinds of node are left. A [`Dot`] computes `act(W x + b)` at every *position* of a grid, with the same
//! weights everywhere: a dense layer has one position, a convolution one for each pixel. A [`Body::Max`] takes the
//! largest of several elements. A node's value is a vector of `positions x channels` elements, the channel running
//! fastest, whatever axis order the model has; how a node reads its sources is said by [`Taps`], so
//! reshaping, slicing, transposing and concatenating leave no node behind.

use std::collections::BTreeMap;
use std::ops::Range;

mod act;
mod eval;
mod node;
mod taps;
mod text;

pub use act::{Act, Step};
pub use eval::{DotEngine, Values};
pub use node::{Body, Dot, DotNode, Read, Source};
pub use taps::{Axis, Dim, PAD, Taps, Term, Window};

/// One of the network's inputs. All inputs together form one vector, in this order.
#[derive(Clone, Debug, PartialEq)]
pub struct InputPort {
    /// Name of the graph's value.
    pub name: String,
    /// Number of elements.
    pub len: usize,
}

/// One of the network's outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputPort {
    /// Name of the graph's value, or of the one in front of a dropped softmax.
    pub name: String,
    /// The node that holds it.
    pub node: usize,
    /// For each element of the graph's value, in its own order, the element of the node's value; `None`: the same order.
    pub order: Option<Vec<u32>>,
}

/// A function that was replaced by something near to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Approximation {
    /// The graph's node.
    pub node: String,
    /// What was done.
    pub what: String,
    /// Largest possible error of the node's value, in its own unit, known before anything is run.
    pub bound: f64,
}

/// Nodes that are computed together, step by step: a recurrent cell.
///
/// Dimension 0 of each node's grid counts the steps. At step t the nodes are computed in their order at the positions of that step. A
/// node may read what stands before it at steps up to t, and every node of the loop, itself included, at steps before t.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The nodes.
    pub nodes: Range<usize>,
    /// The number of steps.
    pub steps: usize,
}

/// A network of dot-like nodes in topological order, but for what loops hand from step to step.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DotGraph {
    /// The inputs.
    pub inputs: Vec<InputPort>,
    /// The nodes.
    pub nodes: Vec<DotNode>,
    /// Its loops, in order, apart from each other.
    pub loops: Vec<Loop>,
    /// Whether each step of the only loop, which holds all nodes, is a run of the program of its own: what is handed from step to step is then
    /// held between runs.
    pub held: bool,
    /// The outputs.
    pub outputs: Vec<OutputPort>,
    /// Whether the largest element of the first output is the decision.
    pub decision: bool,
    /// What was rewritten exactly, in the order it was done.
    pub rewrites: Vec<String>,
    /// What was approximated.
    pub approximations: Vec<Approximation>,
    /// Node by name, where the file gives its integers.
    pub quantised: BTreeMap<String, Quantised>,
}

/// What the file says of a node between quantised values: a convolution or matrix product of dequantised operands that is
/// quantised again.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// What a product of whole numbers counts: the source's scale times the weights', one for all channels or one each. Both
    /// are f32 in the file, so that this is exact.
    pub steps: Vec<f64>,
    /// Whether the result is rounded once, as reference kernels of int8 frameworks do with matrix products; they round
    /// convolutions twice.
    pub once: bool,
}

impl DotGraph {
    /// Elements of the input vector.
    pub fn input_len(&self) -> usize {
        self.inputs.iter().map(|port| port.len).sum()
    }

    /// Elements of what `source` holds.
    pub fn len(&self, source: Source) -> usize {
        match source {
            Source::Input => self.input_len(),
            Source::One => 1,
            Source::Node(node) => self.nodes[node].len(),
        }
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes that read node `node`, in order; in a loop also earlier ones, and itself.
    pub fn readers(&self, node: usize) -> Vec<usize> {
        let reads = |other: &DotNode| other.body.reads().iter().any(|read| read.source == Source::Node(node));
        let first = self.loop_of(node).map_or(node + 1, |own| own.nodes.start);
        (first..self.nodes.len()).filter(|&other| reads(&self.nodes[other])).collect()
    }

    /// Runs of the program that the graph describes: the steps of a loop that is held between them, else one.
    pub fn runs(&self) -> usize {
        if self.held { self.loops.first().map_or(1, |own| own.steps) } else { 1 }
    }

    /// The loop that node `node` belongs to.
    pub fn loop_of(&self, node: usize) -> Option<&Loop> {
        self.loops.iter().find(|own| own.nodes.contains(&node))
    }

    /// Whether what `read` of node `number` brings is computed before it: by an earlier node, and in a loop at the same step or an
    /// earlier one; or by any node of its loop at earlier steps.
    pub fn in_order(&self, number: usize, read: &Read) -> bool {
        let Source::Node(from) = read.source else { return true };
        let own = self.loop_of(number).filter(|own| own.nodes.contains(&from));
        let (Some(own), Some(source)) = (own, self.nodes.get(from)) else { return from < number };
        let (node, each) = (&self.nodes[number], source.len() / own.steps);
        let group = (node.groups() - 1) * read.group_step;
        let now = usize::from(from < number);
        let mut elements = Vec::new();
        (0..own.steps).all(|step| {
            node.step(step).all(|position| {
                elements.clear();
                read.taps.bring(position, &node.indices(position), &mut elements);
                elements.iter().all(|&e| e == PAD || (e as usize + group) < (step + now) * each)
            })
        })
    }

    /// The nodes that some node reads before they are computed: what loops hand from step to step, in order.
    pub fn carried(&self) -> Vec<usize> {
        let early = |&node: &usize| {
            self.loop_of(node).is_some() && self.readers(node).first().is_some_and(|&first| first <= node)
        };
        (0..self.nodes.len()).filter(early).collect()
    }

    /// What is computed one after the other: a loop with all its steps, or a single node.
    pub fn blocks(&self) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < self.nodes.len() {
            let own = self.loop_of(at).map_or(at..at + 1, |own| own.nodes.clone());
            at = own.end;
            out.push(own);
        }
        out
    }

    /// The number of the last node that has to be computed before node `node` is needed no more.
    pub fn last_use(&self, node: usize) -> usize {
        let last = self.readers(node).last().copied().unwrap_or(node).max(node);
        self.loop_of(last).map_or(last, |own| own.nodes.end - 1)
    }

    /// Multiplications of all nodes for one sample.
    pub fn products(&self) -> u64 {
        self.nodes.iter().map(DotNode::products).sum()
    }
}
