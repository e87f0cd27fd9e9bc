//! Dot-like nodes: the network after graph reform, whatever operators it was written with.
//!
//! Only two kinds of node are left. A [`Dot`] computes `act(W x + b)` at every *position* of a grid, with the same
//! weights everywhere: a dense layer has one position, a convolution one for each pixel. A [`Body::Max`] takes the
//! largest of several elements. A node's value is a vector of `positions x channels` elements, the channel running
//! fastest, whatever axis order the model has; how a node reads its sources is said by [`Taps`], so
//! reshaping, slicing, transposing and concatenating leave no node behind.

use std::collections::BTreeMap;

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

/// A network of dot-like nodes in topological order.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DotGraph {
    /// The inputs.
    pub inputs: Vec<InputPort>,
    /// The nodes.
    pub nodes: Vec<DotNode>,
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

    /// The nodes that read node `node`, in order.
    pub fn readers(&self, node: usize) -> Vec<usize> {
        let reads = |later: &DotNode| later.body.reads().iter().any(|read| read.source == Source::Node(node));
        (node + 1..self.nodes.len()).filter(|&later| reads(&self.nodes[later])).collect()
    }

    /// Multiplications of all nodes for one sample.
    pub fn products(&self) -> u64 {
        self.nodes.iter().map(DotNode::products).sum()
    }
}
