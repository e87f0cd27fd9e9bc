//! The matrix and bias of a dot-like node.

use super::binary::Binary;
use super::op::Op;
use super::tensor::Tensor;
use super::{Graph, NodeId, ValueId};

/// `y = x W + b` over the last axis of x.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// The operand x.
    pub input: ValueId,
    /// W: \[inputs, outputs\], row-major.
    pub weights: Tensor,
    /// b: \[outputs\], when the node adds one.
    pub bias: Option<Vec<f32>>,
}

impl Graph {
    /// The affine map over the last axis that a node computes: a MatMul by a constant matrix, or an Add of a constant row to
    /// the result of one; `None` for other nodes.
    pub fn linear(&self, node: NodeId) -> Option<Linear> {
        let node = self.node(node);
        let [a, b] = *node.inputs.as_slice() else { return None };
        match node.op {
            Op::MatMul => {
                let weights = self.value(b).constant()?.as_ref();
                (self.value(a).is_computed() && weights.shape().len() == 2).then_some(())?;
                Some(Linear { input: a, weights: weights.clone(), bias: None })
            }
            Op::Binary(Binary::Add) => {
                let (x, bias) = match (self.value(a).constant(), self.value(b).constant()) {
                    (None, Some(bias)) => (a, bias),
                    (Some(bias), None) => (b, bias),
                    _ => return None,
                };
                let product = self.producer(x)?;
                matches!(self.node(product).op, Op::MatMul).then_some(())?;
                let linear = self.linear(product)?;
                let outputs = linear.weights.shape()[1];
                let row = bias.shape().split_last().is_none_or(|(_, front)| front.iter().all(|&d| d == 1));
                let length = bias.data().len();
                (row && (length == 1 || length == outputs)).then_some(())?;
                Some(Linear { bias: Some((0..outputs).map(|n| bias.data()[n % length]).collect()), ..linear })
            }
            _ => None,
        }
    }
}
