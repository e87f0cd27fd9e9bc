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
    /// Of a digital core: z plus the level that stands for zero, clipped to levels.
    Clamp {
        /// Level that is added to z.
        zero: i32,
        /// Least level.
        lo: i32,
        /// Greatest level.
        hi: i32,
    },
    /// A table over the read -code_max..=code_max; of a digital core over all codes of z, with levels as entries.
    Table(Vec<i32>),
    /// Linear pieces of equal width over all codes of z: slope and intercept of each.
    Pieces(Vec<(i32, i32)>),
}

impl CodedAct {
    /// The name in text forms.
    pub fn name(&self) -> &'static str {
        match self {
            CodedAct::None => "none",
            CodedAct::Relu => "relu",
            CodedAct::Clamp { .. } => "clamp",
            CodedAct::Table(_) => "table",
            CodedAct::Pieces(_) => "pieces",
        }
    }
}

/// What turns a core-op's sums into codes, beside its weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Periphery {
    /// A crossbar with a composed readout.
    Composed {
        /// Shift s of every array of the sum.
        shift: u8,
        /// Right shift of the sum.
        sum_shift: u8,
        /// Bias rows of each array.
        bias_rows: usize,
        /// For each array the bias weights, column by column.
        bias: Vec<Vec<i16>>,
    },
    /// A digital core.
    Digital(Requantised),
}

/// How a digital core's exact sums become levels.
#[derive(Clone, Debug, PartialEq)]
pub struct Requantised {
    /// Level of an input that stands for zero: sums are taken over level - zero, and what lies outside brings this level.
    pub zero: i32,
    /// For each column what is added to its sum.
    pub bias: Vec<i64>,
    /// Right shift: one for all columns, or one each.
    pub shifts: Vec<u8>,
    /// Multiplier: none where a shift is all, one for all columns, or one each.
    pub multipliers: Vec<i32>,
}

impl Requantised {
    /// The right shift of a column.
    pub fn shift(&self, column: usize) -> u8 {
        self.shifts.get(column).or(self.shifts.first()).copied().unwrap_or(0)
    }

    /// The multiplier of a column, where there is one.
    pub fn multiplier(&self, column: usize) -> Option<i32> {
        self.multipliers.get(column).or(self.multipliers.first()).copied()
    }
}

/// Weights and periphery of a core-op.
#[derive(Clone, Debug, PartialEq)]
pub struct Coded {
    /// What follows the sum.
    pub act: CodedAct,
    /// For each array the weights, column by column, a column's rows in the part's order.
    pub weights: Vec<Vec<i16>>,
    /// Biases, shifts and what else there is.
    pub periphery: Periphery,
    /// What one step of each column's code counts in the value it helps to carry.
    pub coefficients: Vec<f64>,
    /// For each channel of [`CoreOp::channels`] the value when all its codes are 0.
    pub zeros: Vec<f64>,
    /// Columns of which some read reaches the end of its range on a calibration sample that counts.
    pub clipped: usize,
}

impl CoreOpGraph<Coded> {
    /// The core-ops of one node, in the order of its channels.
    pub fn of_node(&self, node: usize) -> impl Iterator<Item = &CoreOp<Coded>> {
        self.ops.iter().filter(move |op| op.node == node)
    }
}

impl fmt::Display for CoreOpGraph<Coded> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "core-op-graph coded, {} ops on {} arrays", self.ops.len(), self.arrays())?;
        for (number, op) in self.ops.iter().enumerate() {
            self.write_op(number, f)?;
            let coded = &op.payload;
            let largest = coded.weights.iter().flatten().map(|w| w.unsigned_abs()).max().unwrap_or(0);
            match &coded.periphery {
                Periphery::Composed { shift, sum_shift, bias_rows, .. } => {
                    write!(f, ", s={shift} sum-shift={sum_shift} bias-rows={bias_rows}")?;
                }
                Periphery::Digital(own) => {
                    let (least, most) = (own.shifts.iter().min(), own.shifts.iter().max());
                    write!(f, ", shift {}..={}", least.unwrap_or(&0), most.unwrap_or(&0))?;
                }
            }
            writeln!(f, " act={} max|w|={largest} clipping-columns={}", coded.act.name(), coded.clipped)?;
        }
        Ok(())
    }
}
