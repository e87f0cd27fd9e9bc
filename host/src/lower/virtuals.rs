//! Nodes that may become nodes: which of them are merged into their users is decided at the end.

use super::pattern::Pattern;
use super::view::View;
use crate::dots::{Act, Read};
use crate::numeric::Matrix;

/// The weights of reads, one column per tap.
#[derive(Clone, Debug)]
pub(super) enum Weights {
    /// One matrix per group.
    Dense(Vec<Matrix>),
    /// Tap t only feeds row `rows[t]` of its group; values group by group.
    Sparse { rows: Vec<u32>, values: Vec<f64> },
}

/// The sums of another node in place of its value.
#[derive(Clone, Debug)]
pub(super) struct Inline {
    /// The node; it has no function.
    pub(super) node: usize,
    /// One of its positions; `None`: all of them, the grids are equal.
    pub(super) position: Option<usize>,
    /// Which channels, in their new order; `None`: all.
    pub(super) channels: Option<Vec<u32>>,
    /// Factor of each channel.
    pub(super) scale: Vec<f64>,
}

/// A part of a sum of products.
#[derive(Clone, Debug)]
pub(super) enum Term {
    /// Reads with weights; `Source::Node` is a virtual node's number.
    Own { reads: Vec<Read>, weights: Weights },
    /// Another node's sums.
    Inline(Inline),
}

/// What a maximum is taken of.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) view: View,
    pub(super) pattern: Pattern,
}

/// What a virtual node computes.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// `act(terms + bias)`
    Dot { terms: Vec<Term>, bias: Vec<f64>, act: Act },
    /// The largest element; where it came from, while that can still be changed.
    Max(Vec<Read>, Option<Box<Taken>>),
}

/// A node of which it is not yet sure whether it will be one.
#[derive(Clone, Debug)]
pub(super) struct Virtual {
    pub(super) name: String,
    pub(super) grid: Vec<usize>,
    pub(super) groups: usize,
    /// Channels of one group.
    pub(super) width: usize,
    pub(super) work: Work,
}

impl Virtual {
    pub(super) fn channels(&self) -> usize {
        self.groups * self.width
    }

    pub(super) fn positions(&self) -> usize {
        self.grid.iter().product()
    }

    /// Whether its value is its sum: only then can it be merged into a user.
    pub(super) fn is_raw(&self) -> bool {
        matches!(&self.work, Work::Dot { act: Act::None, .. })
    }
}
