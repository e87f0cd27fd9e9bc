//! What the columns of one element must compute, and how their codes are read.

use crate::target::Target;

/// What follows the sum.
#[derive(Clone, Debug, PartialEq)]
pub enum Post {
    /// The signed sum leaves.
    Sum,
    /// Shifted right, cut at 0 and at the largest code.
    Relu {
        /// Right shift of the sum.
        sum_shift: u8,
    },
    /// Looked up.
    Table(Vec<i32>),
}

impl Post {
    /// The output code of `sum`.
    pub fn code(&self, sum: i32, target: &Target) -> i32 {
        match self {
            Post::Sum => sum,
            // What is below 0 is cut, so the way it rounds does not matter.
            Post::Relu { sum_shift } => (sum.max(0) >> u32::from(*sum_shift).min(31)).min(target.input_max),
            Post::Table(table) => table[(sum + target.code_max).clamp(0, 2 * target.code_max) as usize],
        }
    }

    /// Right shift of the sum.
    pub fn sum_shift(&self) -> u8 {
        match self {
            Post::Relu { sum_shift } => *sum_shift,
            _ => 0,
        }
    }
}

/// One element of a node: its copies aim at `gain * z + offset` as sums, and what their codes should add up to is known
/// for every sample.
#[derive(Clone, Debug)]
pub struct Aim {
    /// Steps of the sum per unit of z, for each copy.
    pub gains: Vec<f64>,
    /// Steps added, for each copy.
    pub offsets: Vec<f64>,
    /// What a step of each copy's code counts.
    pub coefficients: Vec<f64>,
    /// The value when all codes are 0.
    pub zero: f64,
    /// What follows the sum.
    pub post: Post,
    /// Runs of equally many copies: those of one side carry the same thing, so that one can make good another's error.
    pub sides: usize,
    /// Whether only differences between samples count: a constant error is taken out by the decoder.
    pub centred: bool,
    /// The golden sum z on every sample.
    pub z: Vec<f64>,
    /// Samples that count in the linear passes, for each side.
    pub active: Vec<Vec<u32>>,
    /// What codes should be on every sample, unrounded: for each side its copies' total.
    pub wanted: Vec<Vec<f64>>,
}

impl Aim {
    /// Number of copies.
    pub fn copies(&self) -> usize {
        self.gains.len()
    }

    /// The side that `copy` is on.
    pub fn side(&self, copy: usize) -> usize {
        copy * self.sides / self.copies().max(1)
    }

    /// The copies of a side.
    pub fn of_side(&self, side: usize) -> std::ops::Range<usize> {
        let each = self.copies() / self.sides.max(1);
        side * each..(side + 1) * each
    }

    /// The samples that count for `copy`.
    pub fn active(&self, copy: usize) -> &[u32] {
        self.active.get(self.side(copy)).or(self.active.first()).map_or(&[], Vec::as_slice)
    }
}
