//! The rewriting itself: one walk in topological order.

use std::collections::BTreeMap;

use super::dot::{DotAct, DotGraph, DotNode, DotSource};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::{Binary, Graph, Node, NodeId, Op, Select, ValueId};
use crate::numeric::Matrix;

/// What a value of the graph is, in terms of dot-like nodes already made.
#[derive(Clone)]
enum Form {
    /// scale * source + offset, element by element.
    Scaled { source: DotSource, scale: Vec<f64>, offset: Vec<f64> },
    /// W source + b, not yet activated.
    Sum { source: DotSource, weights: Matrix, bias: Vec<f64> },
}

/// Reforms `graph` into dot-like nodes.
///
/// # Errors
/// SP0301 for every node that can not be reformed, SP0103 for a network with several inputs or outputs.
pub fn reform(graph: &Graph) -> Result<DotGraph> {
    if graph.inputs().len() != 1 || graph.outputs().len() != 1 {
        let names = |list: &[ValueId]| {
            list.iter().map(|&v| format!("{:?}", graph.value(v).name)).collect::<Vec<_>>().join(", ")
        };
        let (inputs, outputs) = (names(graph.inputs()), names(graph.outputs()));
        let rule = format!("the model has the inputs {inputs} and the outputs {outputs}");
        let way_out = "only networks with one input and one output are compiled yet";
        return Err(Diagnostic::error("SP0103", "graph", rule, way_out).into());
    }
    let input = graph.value(graph.input());
    let mut walk = Walk {
        graph,
        forms: BTreeMap::new(),
        nodes: Vec::new(),
        decision: false,
        rewrites: Vec::new(),
        found: Diagnostics::default(),
    };
    walk.forms.insert(graph.input(), unit(DotSource::Input, input.len()));
    for (id, node) in graph.iter() {
        walk.node(id, node);
    }
    let mut out = DotGraph {
        input: input.name.clone(),
        input_len: input.len(),
        nodes: Vec::new(),
        output: graph.value(graph.output()).name.clone(),
        decision: false,
        rewrites: Vec::new(),
    };
    if walk.found.is_empty() {
        walk.finish();
    }
    (out.nodes, out.rewrites, out.decision) = (walk.nodes, walk.rewrites, walk.decision);
    out.decision |= out.nodes.last().is_some_and(|node| node.outputs() > 1);
    walk.found.into_result(out)
}

fn unit(source: DotSource, len: usize) -> Form {
    Form::Scaled { source, scale: vec![1.0; len], offset: vec![0.0; len] }
}

struct Walk<'g> {
    graph: &'g Graph,
    forms: BTreeMap<ValueId, Form>,
    nodes: Vec<DotNode>,
    decision: bool,
    rewrites: Vec<String>,
    found: Diagnostics,
}

impl Walk<'_> {
    fn refuse(&mut self, node: &Node, rule: impl Into<String>, way_out: &str) {
        let place = format!("node {:?} ({})", node.name, node.origin);
        self.found.push(Diagnostic::error("SP0301", place, rule, way_out));
    }

    fn node(&mut self, id: NodeId, node: &Node) {
        let form = match &node.op {
            Op::Select(Select::View { .. }) => {
                self.rewrites
                    .push(format!("{:?}: {} moves no element and disappears", node.name, node.origin));
                self.form(node, 0)
            }
            Op::MatMul => self.dense(id, node),
            Op::Binary(op) => self.binary(node, *op),
            Op::Map(function) => match DotAct::from_function(*function) {
                Some(act) => self.activate(node, act),
                None => self.unknown(node),
            },
            Op::Softmax { first, last, .. } => self.softmax(node, *first, *last),
            _ => self.unknown(node),
        };
        if let Some(form) = form {
            self.forms.insert(node.output, form);
        }
    }

    /// The form of operand `at`; `None` when it could not be reformed, which has been reported.
    fn form(&self, node: &Node, at: usize) -> Option<Form> {
        self.forms.get(node.inputs.get(at)?).cloned()
    }

    fn unknown(&mut self, node: &Node) -> Option<Form> {
        self.form(node, 0)?;
        let rule = format!("the primitive {} is not compiled yet", node.op.name());
        self.refuse(node, rule, "train without it");
        None
    }

    fn dense(&mut self, id: NodeId, node: &Node) -> Option<Form> {
        let Some(linear) = self.graph.linear(id) else {
            let rule = "only the product of a computed value and a constant matrix is compiled yet";
            self.refuse(node, rule, "train without it");
            return None;
        };
        let form = self.form(node, 0)?;
        let (inputs, outputs) = (linear.weights.shape()[0], linear.weights.shape()[1]);
        let operand = self.graph.value(linear.input);
        if operand.len() != inputs {
            let rule = format!(
                "the matrix is applied at {} positions of shape {:?}; only one is compiled",
                operand.len() / inputs.max(1),
                operand.shape
            );
            self.refuse(node, rule, "flatten the value in front of it, or use one position");
            return None;
        }
        let w = linear.weights.data();
        let weights = Matrix::from_fn(outputs, inputs, |o, i| f64::from(w[i * outputs + o]));
        let bias = linear.bias.map_or(vec![0.0; outputs], |b| b.iter().map(|&b| f64::from(b)).collect());
        Some(self.compose(node, form, weights, bias))
    }

    /// W form + b.
    fn compose(&mut self, node: &Node, form: Form, mut weights: Matrix, mut bias: Vec<f64>) -> Form {
        match form {
            Form::Scaled { source, scale, offset } => {
                if offset.iter().any(|&v| v != 0.0) || scale.iter().any(|&v| v != 1.0) {
                    self.rewrites.push(format!("{:?}: takes in the scale and offset before it", node.name));
                }
                for (o, bias) in bias.iter_mut().enumerate() {
                    let row = weights.row_mut(o);
                    *bias += row.iter().zip(&offset).map(|(w, v)| w * v).sum::<f64>();
                    row.iter_mut().zip(&scale).for_each(|(w, s)| *w *= s);
                }
                Form::Sum { source, weights, bias }
            }
            Form::Sum { source, weights: inner, bias: inner_bias } => {
                self.rewrites.push(format!("{:?}: merged with the matrix before it", node.name));
                for (o, bias) in bias.iter_mut().enumerate() {
                    *bias += weights.row(o).iter().zip(&inner_bias).map(|(w, v)| w * v).sum::<f64>();
                }
                let weights = weights.times_transposed(&inner.transposed());
                Form::Sum { source, weights, bias }
            }
        }
    }

    fn binary(&mut self, node: &Node, op: Binary) -> Option<Form> {
        let constant = |at: usize| self.graph.value(node.inputs[at]).constant().cloned();
        let shape = &self.graph.value(node.output).shape;
        let len: usize = shape.iter().product();
        let (at, tensor) = match (constant(0), constant(1)) {
            (None, Some(tensor)) => (0, tensor),
            (Some(tensor), None) => (1, tensor),
            _ => return self.both_computed(node, op),
        };
        let form = self.form(node, at)?;
        if self.graph.value(node.inputs[at]).len() != len {
            self.refuse(node, "the computed operand is broadcast", "expand it in the model");
            return None;
        }
        let values = broadcast(tensor.shape(), tensor.data(), shape);
        let first_is_constant = at == 1;
        let (scale, offset): (Vec<f64>, Vec<f64>) = match op {
            Binary::Add => (vec![1.0; len], values),
            Binary::Sub if first_is_constant => (vec![-1.0; len], values),
            Binary::Sub => (vec![1.0; len], values.iter().map(|v| -v).collect()),
            Binary::Mul => (values, vec![0.0; len]),
            Binary::Div if first_is_constant => {
                self.refuse(
                    node,
                    "a constant divided by a computed value is not a linear map",
                    "train without it",
                );
                return None;
            }
            Binary::Div => (values.iter().map(|v| 1.0 / v).collect(), vec![0.0; len]),
            _ => return self.unknown(node),
        };
        if scale.iter().chain(&offset).any(|v| !v.is_finite()) {
            self.refuse(node, "a constant is zero or not finite", "repair the model's constant");
            return None;
        }
        Some(rescale(form, &scale, &offset))
    }

    /// a + b or a - b of two sums over the same operand.
    fn both_computed(&mut self, node: &Node, op: Binary) -> Option<Form> {
        let (a, b) = (self.form(node, 0)?, self.form(node, 1)?);
        let sign = match op {
            Binary::Add => 1.0,
            Binary::Sub => -1.0,
            _ => {
                self.refuse(
                    node,
                    format!("{} of two computed values is not compiled yet", op.name()),
                    "train without it",
                );
                return None;
            }
        };
        let (a, b) = (as_sum(a), as_sum(b));
        let (Form::Sum { source, weights, bias }, Form::Sum { source: other, weights: w2, bias: b2 }) =
            (a, b)
        else {
            return None;
        };
        if source != other || weights.rows() != w2.rows() {
            self.refuse(
                node,
                "the sum of values of different nodes (a skip connection) is not compiled yet",
                "train without it",
            );
            return None;
        }
        self.rewrites.push(format!("{:?}: two sums over the same operand become one", node.name));
        let weights =
            Matrix::from_fn(weights.rows(), weights.cols(), |r, c| weights.at(r, c) + sign * w2.at(r, c));
        let bias = bias.iter().zip(&b2).map(|(a, b)| a + sign * b).collect();
        Some(Form::Sum { source, weights, bias })
    }

    fn activate(&mut self, node: &Node, act: DotAct) -> Option<Form> {
        let form = self.form(node, 0)?;
        let Form::Sum { source, weights, bias } = as_sum(form) else { return None };
        let name = self.graph.value(node.output).name.clone();
        let outputs = weights.rows();
        self.nodes.push(DotNode { name, source, weights, bias, act });
        Some(unit(DotSource::Node(self.nodes.len() - 1), outputs))
    }

    fn softmax(&mut self, node: &Node, first: usize, last: usize) -> Option<Form> {
        let operand = self.graph.value(node.inputs[0]);
        let spans: usize = operand.shape[first..=last].iter().product();
        if node.output != self.graph.output() || spans != operand.len() {
            self.refuse(
                node,
                "a softmax inside the network, or over a part of its values, is not compiled yet",
                "use it only as the last operator, over all outputs",
            );
            return None;
        }
        self.rewrites.push(format!("{:?}: dropped, the largest output stays the largest", node.name));
        self.decision = true;
        self.form(node, 0)
    }

    /// Makes the output a node of its own where it is not one yet.
    fn finish(&mut self) {
        let Some(form) = self.forms.get(&self.graph.output()).cloned() else { return };
        let name = self.output_name();
        let last = self.nodes.len().checked_sub(1);
        if let (Form::Scaled { source: DotSource::Node(from), scale, offset }, Some(last)) = (&form, last)
            && *from == last
            && scale.iter().all(|&s| s == 1.0)
            && offset.iter().all(|&o| o == 0.0)
        {
            return;
        }
        if let Form::Sum { source, weights, bias } = as_sum(form) {
            self.nodes.push(DotNode { name, source, weights, bias, act: DotAct::None });
        }
    }

    /// The graph's output, or the value in front of a dropped softmax.
    fn output_name(&self) -> String {
        let output = self.graph.output();
        let dropped = self.graph.producer(output).map(|id| self.graph.node(id));
        let value = match dropped {
            Some(node) if matches!(node.op, Op::Softmax { .. }) => node.inputs[0],
            _ => output,
        };
        self.graph.value(value).name.clone()
    }
}

/// `data` of `shape`, broadcast to `to`.
fn broadcast(shape: &[usize], data: &[f32], to: &[usize]) -> Vec<f64> {
    let len: usize = to.iter().product();
    let mut out = Vec::with_capacity(len);
    for flat in 0..len {
        let (mut rest, mut at, mut pitch) = (flat, 0, 1);
        for axis in 0..to.len() {
            let dim = to[to.len() - 1 - axis];
            let index = rest % dim;
            rest /= dim;
            if let Some(own) = shape.len().checked_sub(1 + axis).map(|i| shape[i]) {
                at += if own == 1 { 0 } else { index * pitch };
                pitch *= own;
            }
        }
        out.push(f64::from(data[at]));
    }
    out
}

fn rescale(form: Form, by: &[f64], plus: &[f64]) -> Form {
    match form {
        Form::Scaled { source, scale, offset } => Form::Scaled {
            source,
            scale: scale.iter().zip(by).map(|(s, b)| s * b).collect(),
            offset: offset.iter().zip(by).zip(plus).map(|((o, b), p)| o * b + p).collect(),
        },
        Form::Sum { source, mut weights, bias } => {
            for (o, by) in by.iter().enumerate() {
                weights.row_mut(o).iter_mut().for_each(|w| *w *= by);
            }
            let bias = bias.iter().zip(by).zip(plus).map(|((v, b), p)| v * b + p).collect();
            Form::Sum { source, weights, bias }
        }
    }
}

/// A scaled value as a diagonal matrix.
fn as_sum(form: Form) -> Form {
    match form {
        Form::Scaled { source, scale, offset } => {
            let n = scale.len();
            let weights = Matrix::from_fn(n, n, |r, c| if r == c { scale[r] } else { 0.0 });
            Form::Sum { source, weights, bias: offset }
        }
        sum @ Form::Sum { .. } => sum,
    }
}
