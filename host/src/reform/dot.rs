//! Dot-like nodes.

use crate::diagnostic::{Diagnostic, Result};
use crate::graph::{Batch, Function, NodeEngine, Tensor2};
use crate::numeric::{Matrix, sigmoid};

/// The function after the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DotAct {
    /// None: only the last node.
    None,
    /// max(z, 0)
    Relu,
    /// 1 / (1 + exp(-z))
    Sigmoid,
}

impl DotAct {
    /// The function's value.
    pub fn apply(self, z: f64) -> f64 {
        match self {
            DotAct::None => z,
            DotAct::Relu => z.max(0.0),
            DotAct::Sigmoid => sigmoid(z),
        }
    }

    /// The name in text forms.
    pub fn name(self) -> &'static str {
        match self {
            DotAct::None => "none",
            DotAct::Relu => "relu",
            DotAct::Sigmoid => "sigmoid",
        }
    }

    /// The function of a graph's node; `None` where there is none of these.
    pub(super) fn from_function(function: Function) -> Option<Self> {
        match function {
            Function::Relu => Some(DotAct::Relu),
            Function::Sigmoid => Some(DotAct::Sigmoid),
            _ => None,
        }
    }
}

/// Where a node's operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DotSource {
    /// The network's input.
    Input,
    /// The node with this number.
    Node(usize),
}

/// act(W x + b).
#[derive(Clone, Debug, PartialEq)]
pub struct DotNode {
    /// Name of the graph's value that it computes.
    pub name: String,
    /// Its operand.
    pub source: DotSource,
    /// W: one row an output.
    pub weights: Matrix,
    /// b: one an output.
    pub bias: Vec<f64>,
    /// act.
    pub act: DotAct,
}

impl DotNode {
    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.weights.rows()
    }

    /// W x + b for every sample of `x` (one row a sample).
    pub fn sums(&self, x: &Matrix) -> Matrix {
        let mut z = x.times_transposed(&self.weights);
        for r in 0..z.rows() {
            z.row_mut(r).iter_mut().zip(&self.bias).for_each(|(z, b)| *z += b);
        }
        z
    }
}

/// A network of dot-like nodes in topological order; the last one is the output.
#[derive(Clone, Debug, PartialEq)]
pub struct DotGraph {
    /// Name of the input value.
    pub input: String,
    /// Elements of the input.
    pub input_len: usize,
    /// The nodes.
    pub nodes: Vec<DotNode>,
    /// Name of the graph's output value.
    pub output: String,
    /// Whether the largest output is the decision (a softmax was dropped, or there are several outputs).
    pub decision: bool,
    /// What was done, in the order it was done.
    pub rewrites: Vec<String>,
}

impl DotGraph {
    /// All nodes' sums and values in f64 for samples `x` (one row a sample), handed to `see(node, sums, values)` in
    /// order. Values are dropped as soon as no later node needs them.
    pub fn run(&self, x: &Matrix, mut see: impl FnMut(usize, &Matrix, &Matrix)) -> Matrix {
        let mut held: Vec<Option<Matrix>> = vec![None; self.nodes.len()];
        for (number, node) in self.nodes.iter().enumerate() {
            let z = match node.source {
                DotSource::Input => node.sums(x),
                DotSource::Node(from) => node.sums(held[from].as_ref().unwrap_or(x)),
            };
            let mut y = z.clone();
            y.data_mut().iter_mut().for_each(|v| *v = node.act.apply(*v));
            see(number, &z, &y);
            held[number] = Some(y);
            for (from, value) in held.iter_mut().enumerate().take(number) {
                let used = self.nodes[number + 1..].iter().any(|later| later.source == DotSource::Node(from));
                if !used {
                    *value = None;
                }
            }
        }
        held.pop().flatten().unwrap_or_default()
    }
}

/// A batch as an f64 matrix.
pub(crate) fn widen(batch: &Batch) -> Matrix {
    Matrix::from_fn(batch.rows(), batch.cols(), |r, c| f64::from(batch.row(r)[c]))
}

/// A matrix rounded to f32.
pub(crate) fn narrow(matrix: &Matrix) -> Tensor2 {
    let data = matrix.data().iter().map(|&v| v as f32).collect();
    Tensor2::new(matrix.rows(), matrix.cols(), data).unwrap_or_default()
}

impl NodeEngine for DotGraph {
    fn input_len(&self) -> usize {
        self.input_len
    }

    fn output_name(&self) -> &str {
        self.nodes.last().map_or("", |node| &node.name)
    }

    fn values(&mut self, batch: &Batch, names: &[&str]) -> Result<Vec<Tensor2>> {
        let mut found: Vec<Option<Tensor2>> = vec![None; names.len()];
        self.run(&widen(batch), |number, _, y| {
            for (slot, name) in found.iter_mut().zip(names) {
                if *name == self.nodes[number].name {
                    *slot = Some(narrow(y));
                }
            }
        });
        found
            .into_iter()
            .zip(names)
            .map(|(found, name)| {
                found.ok_or_else(|| {
                    let known: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
                    let way_out = format!("the dot-like nodes are {}", known.join(", "));
                    let rule = "no dot-like node has this name";
                    Diagnostic::error("SP0120", format!("value {name:?}"), rule, way_out).into()
                })
            })
            .collect()
    }
}
