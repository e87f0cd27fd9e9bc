//! The payload after tuning: integers only.

use std::fmt;

use crate::expand::{CoreOp, CoreOpGraph};

/// What follows the sum of a coded core-op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodedAct {
    /// Nothing: the signed sum.
    None,
    /// max(sum, 0)
    Relu,
    /// A table over the read -code_max..=code_max.
    Table(Vec<i32>),
}

impl CodedAct {
    /// The name in text forms.
    pub fn name(&self) -> &'static str {
        match self {
            CodedAct::None => "none",
            CodedAct::Relu => "relu",
            CodedAct::Table(_) => "table",
        }
    }
}

/// Weights and periphery of a core-op.
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    /// Shift s of every array of the sum.
    pub shift: u8,
    /// Right shift of the sum.
    pub sum_shift: u8,
    /// What follows.
    pub act: CodedAct,
    /// For each array the weights, column by column, a column's rows in the part's order.
    pub weights: Vec<Vec<i16>>,
    /// Bias rows of each array.
    pub bias_rows: usize,
    /// For each array the bias weights, column by column.
    pub bias: Vec<Vec<i16>>,
    /// What one step of each column's code counts in the value it helps to carry.
    pub coefficients: Vec<f64>,
    /// For each element of [`CoreOp::elements`] the value when all its codes are 0.
    pub zeros: Vec<f64>,
    /// Columns of which some read reaches the end of its range on a calibration sample that counts.
    pub clipped: usize,
}

impl CoreOpGraph<Coded> {
    /// The op that computes the network's output in the form the host decodes, last of the graph.
    pub fn outputs(&self) -> impl Iterator<Item = &CoreOp<Coded>> {
        let last = self.encoded.nodes.len().saturating_sub(1);
        self.ops.iter().filter(move |op| op.node == last)
    }
}

impl fmt::Display for CoreOpGraph<Coded> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "core-op-graph coded, {} ops on {} arrays", self.ops.len(), self.arrays())?;
        for (number, op) in self.ops.iter().enumerate() {
            self.write_op(number, f)?;
            let coded = &op.payload;
            let largest = coded.weights.iter().flatten().map(|w| w.unsigned_abs()).max().unwrap_or(0);
            writeln!(
                f,
                ", s={} sum-shift={} act={} bias-rows={} max|w|={largest} clipping-columns={}",
                coded.shift,
                coded.sum_shift,
                coded.act.name(),
                coded.bias_rows,
                coded.clipped
            )?;
        }
        Ok(())
    }
}
