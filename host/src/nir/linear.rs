//! A linear map, stored by input: what a spike of input i adds to which outputs.

use super::op::NirOp;
use super::window::Convolution;

/// A sparse matrix by columns, and a bias. Sums run over inputs in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// Where column i begins in `rows` and `weights`; one more than there are inputs.
    pub starts: Vec<usize>,
    /// Outputs.
    pub rows: Vec<u32>,
    /// Weights.
    pub weights: Vec<f64>,
    /// The number of outputs.
    pub outputs: usize,
    /// One for each output; empty for none.
    pub bias: Vec<f64>,
}

impl Columns {
    /// The map of a node that takes `arrives`; `None` where the node is no linear map with weights of its own.
    pub fn of(op: &NirOp, arrives: &[usize]) -> Option<Self> {
        match op {
            NirOp::Affine { outputs, inputs, weight, bias } => {
                let rows: Vec<u32> = (0..*inputs).flat_map(|_| 0..*outputs as u32).collect();
                let by_column = |i: usize| (0..*outputs).map(move |o| weight[o * inputs + i]);
                Some(Self {
                    starts: (0..=*inputs).map(|i| i * outputs).collect(),
                    rows,
                    weights: (0..*inputs).flat_map(by_column).collect(),
                    outputs: *outputs,
                    bias: bias.clone().unwrap_or_default(),
                })
            }
            NirOp::Conv(conv) if conv.flat => Self::convolution(conv, [arrives[0], 1, arrives[1]]),
            NirOp::Conv(conv) => Self::convolution(conv, [arrives[0], arrives[1], arrives[2]]),
            NirOp::Pool(pool) => {
                let shape = [arrives[0], arrives[1], arrives[2]];
                Self::convolution(&pool.as_convolution(arrives[0]), shape)
            }
            NirOp::Scale(scale) => {
                let len = arrives.iter().product::<usize>();
                Some(Self {
                    starts: (0..=len).collect(),
                    rows: (0..len as u32).collect(),
                    weights: (0..len).map(|i| scale.at(i)).collect(),
                    outputs: len,
                    bias: Vec::new(),
                })
            }
            _ => None,
        }
    }

    fn convolution(conv: &Convolution, from: [usize; 3]) -> Option<Self> {
        let to = conv.shape(from)?;
        let (inputs, outputs) = (from.iter().product::<usize>(), to.iter().product());
        let mut starts = vec![0; inputs + 1];
        conv.for_each(from, |_, i, _| starts[i + 1] += 1);
        for i in 0..inputs {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; starts[inputs]];
        let mut weights = vec![0.0; starts[inputs]];
        conv.for_each(from, |o, i, weight| {
            rows[next[i]] = o as u32;
            weights[next[i]] = weight;
            next[i] += 1;
        });
        let area = to[1] * to[2];
        let bias = conv.bias.as_ref().map(|b| b.iter().flat_map(|&x| std::iter::repeat_n(x, area)).collect());
        Some(Self { starts, rows, weights, outputs, bias: bias.unwrap_or_default() })
    }

    /// The number of inputs.
    pub fn inputs(&self) -> usize {
        self.starts.len() - 1
    }

    /// The outputs that input `i` reaches, with their weights.
    pub fn column(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.starts[i]..self.starts[i + 1];
        self.rows[range.clone()].iter().map(|&o| o as usize).zip(self.weights[range].iter().copied())
    }

    /// Replaces `out` by the map of `x`.
    pub fn apply(&self, x: &[f64], out: &mut [f64]) {
        if self.bias.is_empty() {
            out.fill(0.0)
        } else {
            out.copy_from_slice(&self.bias)
        }
        for (i, &value) in x.iter().enumerate().filter(|&(_, &value)| value != 0.0) {
            for (o, weight) in self.column(i) {
                out[o] += weight * value;
            }
        }
    }
}
