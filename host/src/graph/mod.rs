//! The computational graph: named nodes and values with shapes, floating point, any size.
//!
//! A value is either *batched* (computed from the network's input: its shape is that of one sample, the batch
//! dimension is implied in front) or a constant (its shape is complete). Nodes are stored in topological order:
//! [`Builder`] only accepts inputs that exist already. A finished [`Graph`] has one input and one output, unique
//! names, consistent shapes, and no node that the output does not need.

mod builder;
mod eval;
mod kernel;
mod linear;
mod op;
mod shape;
mod tensor;
mod text;

use std::sync::Arc;

pub use builder::Builder;
pub use eval::{Golden, NodeEngine};
pub use kernel::PackedMatrix;
pub use linear::Linear;
pub use op::{Binary, Op, Unary, View};
pub use shape::ShapeError;
pub(crate) use shape::binary_of_constants as fold_binary;
pub use tensor::{Batch, Tensor, Tensor2, element_count, transpose_order};

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
    /// The network's input.
    Input,
    /// A constant.
    Constant(Arc<Tensor>),
    /// The output of a node.
    Node(NodeId),
}

/// One value: the input, a constant, or what a node computes.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Unique among the graph's values; the tensor name of the ONNX file.
    pub name: String,
    /// The shape of one sample (batched values) or the whole shape (constants).
    pub shape: Vec<usize>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Value {
    /// Whether there is one per sample; constants are not batched.
    pub fn is_batched(&self) -> bool {
        !matches!(self.origin, Origin::Constant(_))
    }

    /// The constant, when it is one.
    pub fn constant(&self) -> Option<&Arc<Tensor>> {
        if let Origin::Constant(tensor) = &self.origin { Some(tensor) } else { None }
    }

    /// The number of elements (of one sample).
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements; never true in a finished graph.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }
}

/// One node: an operator applied to values.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique among the graph's nodes; the node name of the ONNX file, or made from operator and position.
    pub name: String,
    /// What it computes.
    pub op: Op,
    /// Its operands, as listed with [`Op`].
    pub inputs: Vec<ValueId>,
    /// Its only result.
    pub output: ValueId,
}

/// A network: see the module's description for what is guaranteed.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    nodes: Vec<Node>,
    values: Vec<Value>,
    input: ValueId,
    output: ValueId,
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

    /// The network's input.
    pub fn input(&self) -> ValueId {
        self.input
    }

    /// The network's output.
    pub fn output(&self) -> ValueId {
        self.output
    }

    /// The node that computes `value`; `None` for the input and for constants.
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
        self.values.iter().filter(|v| !v.is_batched()).map(Value::len).sum()
    }
}
