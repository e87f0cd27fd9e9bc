//! Building a graph node by node; the only way to make one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::op::Op;
use super::shape::{ShapeError, infer, mismatch, unsupported};
use super::tensor::{Tensor, element_count};
use super::{Graph, MAX_SAMPLE_LEN, Node, NodeId, Origin, Value, ValueId};

/// Collects values and nodes; [`Builder::finish`] keeps what the outputs need.
///
/// ```
/// use spandrel::graph::{Builder, Function, Op, Tensor};
/// let mut b = Builder::new("x", vec![1, 2]);
/// let w = b.constant("w", Tensor::new(vec![2, 1], vec![1.0, -1.0]).unwrap());
/// let z = b.node("product", Op::MatMul, &[b.input(), w], "z").unwrap();
/// let y = b.node("relu", Op::Map(Function::Relu), &[z], "y").unwrap();
/// assert_eq!(b.finish(&[y]).unwrap().nodes().len(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Builder {
    nodes: Vec<Node>,
    values: Vec<Value>,
    inputs: Vec<ValueId>,
    node_names: BTreeSet<String>,
    value_names: BTreeSet<String>,
    origin: Option<String>,
}

impl Builder {
    /// A graph with nothing but its first input, of `shape`. Panics where [`Builder::add_input`] fails.
    pub fn new(input: &str, shape: Vec<usize>) -> Self {
        let mut builder = Self::default();
        let added = builder.add_input(input, shape.clone());
        assert!(added.is_ok(), "the input shape {shape:?} is not usable");
        builder
    }

    /// Adds an input of the network.
    ///
    /// # Errors
    /// When it has no element or more than [`MAX_SAMPLE_LEN`].
    pub fn add_input(&mut self, name: &str, shape: Vec<usize>) -> Result<ValueId, ShapeError> {
        limited(&shape, "the input")?;
        let at = self.inputs.len();
        let id = self.push(name, shape, Origin::Input(at));
        self.inputs.push(id);
        Ok(id)
    }

    /// The network's first input. Panics when there is none yet.
    pub fn input(&self) -> ValueId {
        self.inputs[0]
    }

    /// The network's inputs.
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// One value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.index()]
    }

    /// Sets what [`Node::origin`] of the nodes to come says; `None`: the primitive's own name.
    pub fn set_origin(&mut self, operator: Option<&str>) {
        self.origin = operator.map(str::to_owned);
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
    /// When the operator can not be applied to the operands, all of them are constants, or the result has no element or
    /// more than [`MAX_SAMPLE_LEN`].
    pub fn node(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[ValueId],
        output: &str,
    ) -> Result<ValueId, ShapeError> {
        let shapes: Vec<&[usize]> = inputs.iter().map(|&id| self.value(id).shape.as_slice()).collect();
        if !inputs.iter().any(|&id| self.value(id).is_computed()) {
            return Err(unsupported(
                format!("{} of constants only", op.name()),
                "compute the constant before adding it",
            ));
        }
        let shape = infer(&op, &shapes)?;
        limited(&shape, "the result")?;
        let node = NodeId(self.nodes.len() as u32);
        let output = self.push(output, shape, Origin::Node(node));
        let name = unique(&mut self.node_names, name);
        let origin = self.origin.clone().unwrap_or_else(|| op.name().to_owned());
        self.nodes.push(Node { name, op, inputs: inputs.to_vec(), output, origin });
        Ok(output)
    }

    fn push(&mut self, name: &str, shape: Vec<usize>, origin: Origin) -> ValueId {
        let name = unique(&mut self.value_names, name);
        self.values.push(Value { name, shape, origin });
        ValueId(self.values.len() as u32 - 1)
    }

    /// The graph that computes `outputs`, without the nodes and constants that they do not need. Inputs stay, used or not:
    /// they are part of a sample. The order of nodes and values is kept.
    ///
    /// # Errors
    /// When there is no output, or none depends on an input.
    pub fn finish(self, outputs: &[ValueId]) -> Result<Graph, ShapeError> {
        let graph = self.finish_body(outputs)?;
        let mut depends = vec![false; graph.values.len()];
        graph.inputs.iter().for_each(|v| depends[v.index()] = true);
        for node in &graph.nodes {
            depends[node.output.index()] = node.inputs.iter().any(|v| depends[v.index()]);
        }
        if graph.outputs.iter().any(|v| depends[v.index()]) {
            return Ok(graph);
        }
        Err(mismatch("the network's output does not depend on its input"))
    }

    /// As [`Builder::finish`], for the body of a loop: outputs may be constants or inputs.
    ///
    /// # Errors
    /// When there is no output.
    pub fn finish_body(self, outputs: &[ValueId]) -> Result<Graph, ShapeError> {
        if outputs.is_empty() {
            return Err(mismatch("there is no output"));
        }
        let mut needed = vec![false; self.values.len()];
        outputs.iter().chain(&self.inputs).for_each(|v| needed[v.index()] = true);
        for node in self.nodes.iter().rev() {
            if needed[node.output.index()] {
                node.inputs.iter().for_each(|i| needed[i.index()] = true);
            }
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
        let rename = |list: &[ValueId]| list.iter().map(|v| renamed[v.index()]).collect();
        Ok(Graph { nodes, values, inputs: rename(&self.inputs), outputs: rename(outputs) })
    }
}

fn limited(shape: &[usize], what: &str) -> Result<(), ShapeError> {
    match element_count(shape) {
        Some(0) => Err(mismatch(format!("{what} {shape:?} has no elements"))),
        Some(count) if count <= MAX_SAMPLE_LEN => Ok(()),
        _ => {
            let rule = format!("one sample of {what} {shape:?} has more than 2^24 elements");
            Err(unsupported(rule, "use a smaller network"))
        }
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
    use super::super::{Binary, Function};
    use super::*;

    #[test]
    fn nodes_without_use_are_dropped() {
        let mut b = Builder::new("x", vec![1, 3]);
        let idle = b.constant("idle", Tensor::scalar(1.0));
        let dead = b.node("dead", Op::Binary(Binary::Add), &[b.input(), idle], "d").unwrap();
        b.node("dead", Op::Map(Function::Relu), &[dead], "e").unwrap();
        let y = b.node("alive", Op::Map(Function::Relu), &[b.input()], "y").unwrap();
        let unused = b.add_input("z", vec![2]).unwrap();
        let graph = b.finish(&[y]).unwrap();
        assert_eq!(graph.nodes().len(), 1);
        assert_eq!(graph.values().len(), 3);
        assert_eq!(graph.producer(graph.output()), Some(NodeId(0)));
        assert_eq!(graph.consumers(graph.input()), [NodeId(0)]);
        assert_eq!(graph.inputs().len(), 2, "{unused:?}");
    }

    #[test]
    fn taken_names_get_a_number() {
        let mut b = Builder::new("x", vec![3]);
        let a = b.node("n", Op::Map(Function::Relu), &[b.input()], "x").unwrap();
        let c = b.node("n", Op::Map(Function::Relu), &[a], "x").unwrap();
        let graph = b.finish(&[c]).unwrap();
        let names: Vec<_> = graph.values().iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["x", "x#2", "x#3"]);
    }
}
