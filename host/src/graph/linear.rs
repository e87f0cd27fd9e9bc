//! The matrix and bias of a dot-like node, whichever operator it was written with.

use super::op::Op;
use super::tensor::Tensor;
use super::{Graph, NodeId, ValueId};

/// `y = x W + b`, all factors and transpositions of the operator applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// The operand x.
    pub input: ValueId,
    /// W: \[inputs, outputs\], row-major.
    pub weights: Tensor,
    /// b: \[outputs\], when the node has one.
    pub bias: Option<Vec<f32>>,
}

impl Graph {
    /// The affine map that a MatMul or Gemm node computes over its last axis; `None` for other nodes.
    pub fn linear(&self, node: NodeId) -> Option<Linear> {
        let node = self.node(node);
        let tensor = |at: usize| node.inputs.get(at).and_then(|&id| self.value(id).constant());
        let input = *node.inputs.first()?;
        match node.op {
            Op::MatMul => Some(Linear { input, weights: tensor(1)?.as_ref().clone(), bias: None }),
            Op::Gemm { alpha, beta, trans_b } => {
                let w = tensor(1)?;
                let mut weights = if trans_b { w.transposed(&[1, 0])? } else { w.as_ref().clone() };
                if alpha != 1.0 {
                    let scaled = weights.data().iter().map(|v| alpha * v).collect();
                    weights = Tensor::new(weights.shape().to_vec(), scaled)?;
                }
                let outputs = weights.shape()[1];
                let bias =
                    tensor(2).map(|c| (0..outputs).map(|n| beta * c.data()[n % c.data().len()]).collect());
                Some(Linear { input, weights, bias })
            }
            _ => None,
        }
    }
}
