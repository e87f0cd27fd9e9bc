//! The computational graph: named nodes and values with shapes, floating point, any size.
//!
//! A sample is one complete set of the model's inputs. Shapes are those of the ONNX file, complete, with an open batch
//! dimension set to 1: nothing implies a batch, and axes are the file's own. Many samples are a matrix outside the graph
//! ([`Tensor2`]): one row per sample, the inputs flattened one behind the other.
//!
//! A value is an input, a constant, or what a node computes. Nodes are [primitives](Op) with one result each, stored in
//! topological order: [`Builder`] only accepts inputs that exist already. A finished [`Graph`] has unique names, consistent
//! shapes, and no node that no output needs.

mod apply;
mod binary;
mod builder;
mod eval;
mod fold;
mod function;
mod linear;
mod op;
mod scan;
mod select;
mod shape;
mod sparse;
mod tensor;
mod text;
mod window;

use std::sync::Arc;

pub use binary::Binary;
pub use builder::Builder;
pub use eval::{Golden, NodeEngine, PackedMatrix};
pub use fold::evaluate;
pub use function::{Function, Grid, Relation, Rounding};
pub use linear::Linear;
pub use op::{Op, ReduceKind};
pub use scan::{Scan, ScanResult};
pub use select::Select;
pub use shape::{ShapeError, broadcast, broadcast_order};
pub use sparse::Sparse;
pub use tensor::{Batch, Steps, Tensor, Tensor2, element_count, transpose_order};
pub use window::{Conv, Pool, PoolKind, Window};

/// The largest number of elements of one sample of one value: 2^24.
pub const MAX_SAMPLE_LEN: usize = 1 << 24;

/// A node of one [`Graph`]; nodes are numbered in topological order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// A value (edge) of one [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(u32);

impl NodeId {
    /// The position in [`Graph::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ValueId {
    /// The position in [`Graph::values`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The input of the network with this number.
    Input(usize),
    /// A constant.
    Constant(Arc<Tensor>),
    /// The output of a node.
    Node(NodeId),
}

/// One value: the input, a constant, or what a node computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Unique among the graph's values; the tensor name of the ONNX file, or `node/part` inside a decomposed operator.
    pub name: String,
    /// The complete shape; empty for a single number.
    pub shape: Vec<usize>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Value {
    /// Whether there is one per sample: inputs and results of nodes, not constants.
    pub fn is_computed(&self) -> bool {
        !matches!(self.origin, Origin::Constant(_))
    }

    /// The constant, when it is one.
    pub fn constant(&self) -> Option<&Arc<Tensor>> {
        if let Origin::Constant(tensor) = &self.origin { Some(tensor) } else { None }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements; only constants can be empty.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }
}

/// One node: an operator applied to values.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique among the graph's nodes; the node name of the ONNX file, or made from operator and position. The inner
    /// primitives of a decomposed operator are called `node/part`.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Its operands, as listed with [`Op`].
    pub inputs: Vec<ValueId>,
    /// Its only result.
    pub output: ValueId,
    /// The ONNX operator it was made from: for messages.
    pub origin: String,
}

/// A network: see the module's description for what is guaranteed.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    values: Vec<Value>,
    inputs: Vec<ValueId>,
    outputs: Vec<ValueId>,
}

impl Graph {
    /// The nodes in topological order; a [`NodeId`] is an index into them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The values; a [`ValueId`] is an index into them.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The nodes with their handles, in topological order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> {
        self.nodes.iter().enumerate().map(|(i, node)| (NodeId(i as u32), node))
    }

    /// One node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// One value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// The network's inputs: a sample is all of them, flattened, in this order.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// The names of the network's inputs.
    pub fn input_names(&self) -> Vec<&str> {
        self.inputs.iter().map(|&input| self.value(input).name.as_str()).collect()
    }

    /// The network's outputs; at least one.
    pub fn outputs(&self) -> &[ValueId] {
        &self.outputs
    }

    /// The network's first input. Panics for a loop body without inputs.
    pub fn input(&self) -> ValueId {
        self.inputs[0]
    }

    /// The network's first output.
    pub fn output(&self) -> ValueId {
        self.outputs[0]
    }

    /// The number of elements of one sample: of all inputs together.
    pub fn sample_len(&self) -> usize {
        self.inputs.iter().map(|&v| self.value(v).len()).sum()
    }

    /// The node that computes `value`; `None` for inputs and constants.
    pub fn producer(&self, value: ValueId) -> Option<NodeId> {
        if let Origin::Node(node) = self.value(value).origin { Some(node) } else { None }
    }

    /// The nodes that use `value`, in topological order.
    pub fn consumers(&self, value: ValueId) -> Vec<NodeId> {
        self.iter().filter(|(_, node)| node.inputs.contains(&value)).map(|(id, _)| id).collect()
    }

    /// The value called `name`.
    pub fn value_by_name(&self, name: &str) -> Option<ValueId> {
        self.values.iter().position(|v| v.name == name).map(|i| ValueId(i as u32))
    }

    /// The number of trained or otherwise constant elements.
    pub fn parameters(&self) -> usize {
        self.values.iter().filter(|v| !v.is_computed()).map(Value::len).sum()
    }
}
