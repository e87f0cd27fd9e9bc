//! What the codes of a source mean, and a node's real map in terms of them.

use super::coded::Coded;
use super::free::RealMap;
use crate::encode::EncodedGraph;
use crate::expand::CoreOp;
use crate::numeric::Matrix;
use crate::reform::DotNode;

/// How raw input values become the model's: element e of the model's input is `scale[e] * raw + offset[e]`.
#[derive(Clone, Debug, PartialEq)]
pub struct InputMap {
    /// Factor for each element.
    pub scale: Vec<f64>,
    /// Offset for each element.
    pub offset: Vec<f64>,
}

impl InputMap {
    /// What the input's codes mean.
    pub(super) fn decoded(&self, graph: &EncodedGraph) -> Decoded {
        let code = &graph.input;
        let mut out = Decoded::empty(self.scale.len());
        for (element, (&scale, &offset)) in self.scale.iter().zip(&self.offset).enumerate() {
            out.zeros[element] = code.raw_lo * scale + offset;
            for &weight in &code.weights {
                out.signals.push((element, code.step() * f64::from(weight) * scale));
            }
        }
        out
    }
}

/// The value of element e is `zeros[e]` plus, for each of its signals, the coefficient times the code.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decoded {
    /// For each signal its element and its coefficient.
    pub(super) signals: Vec<(usize, f64)>,
    pub(super) zeros: Vec<f64>,
}

impl Decoded {
    pub(super) fn empty(elements: usize) -> Self {
        Self { signals: Vec::new(), zeros: vec![0.0; elements] }
    }

    /// Adds the signals of a tuned core-op, in order.
    pub(super) fn add<P>(&mut self, op: &CoreOp<P>, coded: &Coded) {
        for (column, &coefficient) in op.columns.iter().zip(&coded.coefficients) {
            self.signals.push((column.element, coefficient));
        }
        for (&element, &zero) in op.elements().iter().zip(&coded.zeros) {
            self.zeros[element] = zero;
        }
    }

    /// The map from codes to the sums of `dot`.
    pub(super) fn through(&self, dot: &DotNode) -> RealMap {
        let weights = Matrix::from_fn(dot.outputs(), self.signals.len(), |o, s| {
            let (element, coefficient) = self.signals[s];
            dot.weights.at(o, element) * coefficient
        });
        let bias = (0..dot.outputs())
            .map(|o| {
                dot.bias[o] + dot.weights.row(o).iter().zip(&self.zeros).map(|(w, z)| w * z).sum::<f64>()
            })
            .collect();
        RealMap { weights, bias }
    }

    /// The map from codes to the values themselves.
    pub(super) fn identity(&self, elements: usize) -> RealMap {
        let weights = Matrix::from_fn(elements, self.signals.len(), |e, s| {
            let (element, coefficient) = self.signals[s];
            if element == e { coefficient } else { 0.0 }
        });
        RealMap { weights, bias: self.zeros.clone() }
    }
}
