//! Building a graph node by node; the only way to make one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::op::{Op, View};
use super::shape::{ShapeError, infer};
use super::tensor::{Tensor, element_count};
use super::{Graph, Node, NodeId, Origin, Value, ValueId};

/// Collects values and nodes; [`Builder::finish`] keeps what the output needs.
///
/// ```
/// use spandrel::graph::{Builder, Op, Tensor, Unary};
/// let mut b = Builder::new("x", vec![2]);
/// let w = b.constant("w", Tensor::new(vec![2, 1], vec![1.0, -1.0]).unwrap());
/// let z = b.node("product", Op::MatMul, &[b.input(), w], "z").unwrap();
/// let y = b.node("relu", Op::Unary(Unary::Relu), &[z], "y").unwrap();
/// assert_eq!(b.finish(y).unwrap().nodes().len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    nodes: Vec<Node>,
    values: Vec<Value>,
    node_names: BTreeSet<String>,
    value_names: BTreeSet<String>,
}

impl Builder {
    /// A graph with nothing but its input: `shape` is that of one sample. Panics when it has no element or more
    /// than [`MAX_SAMPLE_LEN`](super::MAX_SAMPLE_LEN).
    pub fn new(input: &str, shape: Vec<usize>) -> Self {
        let fits = element_count(&shape).is_some_and(|n| (1..=super::MAX_SAMPLE_LEN).contains(&n));
        assert!(fits, "the input shape {shape:?} is not usable");
        let value = Value { name: input.to_owned(), shape, origin: Origin::Input };
        Self {
            nodes: Vec::new(),
            values: vec![value],
            node_names: BTreeSet::new(),
            value_names: BTreeSet::from([input.to_owned()]),
        }
    }

    /// The network's input.
    pub fn input(&self) -> ValueId {
        ValueId(0)
    }

    /// One value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// Adds a constant. A name that is taken gets a number appended.
    pub fn constant(&mut self, name: &str, tensor: impl Into<Arc<Tensor>>) -> ValueId {
        let tensor = tensor.into();
        let shape = tensor.shape().to_vec();
        self.push(name, shape, Origin::Constant(tensor))
    }

    /// Adds a node that computes `output`. Names that are taken get a number appended.
    ///
    /// # Errors
    /// When the operator can not be applied to the operands, or none of them is batched.
    pub fn node(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[ValueId],
        output: &str,
    ) -> Result<ValueId, ShapeError> {
        self.add(name, op, inputs, output, None)
    }

    /// Adds a node that only changes the shape: `shape` is that of one sample.
    ///
    /// # Errors
    /// When the number of elements differs.
    pub fn view(
        &mut self,
        name: &str,
        view: View,
        input: ValueId,
        output: &str,
        shape: &[usize],
    ) -> Result<ValueId, ShapeError> {
        self.add(name, Op::View(view), &[input], output, Some(shape))
    }

    fn add(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[ValueId],
        output: &str,
        view: Option<&[usize]>,
    ) -> Result<ValueId, ShapeError> {
        let operands: Vec<&Value> = inputs.iter().map(|&id| self.value(id)).collect();
        if !operands.iter().any(|v| v.is_batched()) {
            return Err(super::shape::unsupported(
                format!("{} of constants only", op.name()),
                "compute the constant before adding it",
            ));
        }
        let shape = infer(&op, &operands, view)?;
        let node = NodeId(self.nodes.len() as u32);
        let output = self.push(output, shape, Origin::Node(node));
        let name = unique(&mut self.node_names, name);
        self.nodes.push(Node { name, op, inputs: inputs.to_vec(), output });
        Ok(output)
    }

    fn push(&mut self, name: &str, shape: Vec<usize>, origin: Origin) -> ValueId {
        let name = unique(&mut self.value_names, name);
        self.values.push(Value { name, shape, origin });
        ValueId(self.values.len() as u32 - 1)
    }

    /// The graph that computes `output`, without the nodes and constants it does not need. The order of nodes
    /// and values is kept.
    ///
    /// # Errors
    /// When `output` does not depend on the input.
    pub fn finish(self, output: ValueId) -> Result<Graph, ShapeError> {
        let mut needed = vec![false; self.values.len()];
        needed[output.index()] = true;
        for node in self.nodes.iter().rev() {
            if needed[node.output.index()] {
                node.inputs.iter().for_each(|i| needed[i.index()] = true);
            }
        }
        if !needed[0] {
            let rule = "the network's output does not depend on its input";
            return Err(super::shape::mismatch(rule));
        }
        let mut renamed = vec![ValueId(0); needed.len()];
        for (kept, (old, _)) in needed.iter().enumerate().filter(|(_, needed)| **needed).enumerate() {
            renamed[old] = ValueId(kept as u32);
        }
        let mut nodes = Vec::new();
        let mut renumbered = vec![NodeId(0); self.nodes.len()];
        for (i, mut node) in self.nodes.into_iter().enumerate() {
            if needed[node.output.index()] {
                renumbered[i] = NodeId(nodes.len() as u32);
                node.inputs.iter_mut().for_each(|v| *v = renamed[v.index()]);
                node.output = renamed[node.output.index()];
                nodes.push(node);
            }
        }
        let mut values: Vec<Value> =
            self.values.into_iter().zip(&needed).filter(|(_, needed)| **needed).map(|(v, _)| v).collect();
        for value in &mut values {
            if let Origin::Node(id) = &mut value.origin {
                *id = renumbered[id.index()];
            }
        }
        Ok(Graph { nodes, values, input: renamed[0], output: renamed[output.index()] })
    }
}

fn unique(taken: &mut BTreeSet<String>, name: &str) -> String {
    let mut unique = name.to_owned();
    let mut count = 1;
    while !taken.insert(unique.clone()) {
        count += 1;
        unique = format!("{name}#{count}");
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::super::Unary;
    use super::*;

    #[test]
    fn nodes_without_use_are_dropped() {
        let mut b = Builder::new("x", vec![1, 3]);
        let idle = b.constant("idle", Tensor::scalar(1.0));
        let dead = b.node("dead", Op::Binary(super::super::Binary::Add), &[b.input(), idle], "d").unwrap();
        b.node("dead", Op::Unary(Unary::Relu), &[dead], "e").unwrap();
        let y = b.node("alive", Op::Unary(Unary::Relu), &[b.input()], "y").unwrap();
        let graph = b.finish(y).unwrap();
        assert_eq!(graph.nodes().len(), 1);
        assert_eq!(graph.values().len(), 2);
        assert_eq!(graph.producer(graph.output()), Some(NodeId(0)));
        assert_eq!(graph.consumers(graph.input()), [NodeId(0)]);
    }

    #[test]
    fn taken_names_get_a_number() {
        let mut b = Builder::new("x", vec![3]);
        let a = b.node("n", Op::Unary(Unary::Relu), &[b.input()], "x").unwrap();
        let c = b.node("n", Op::Unary(Unary::Relu), &[a], "x").unwrap();
        let graph = b.finish(c).unwrap();
        let names: Vec<_> = graph.values().iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["x", "x#2", "x#3"]);
    }
}
