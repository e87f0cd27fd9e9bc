//! Stage 2, graph reform: primitives become dot-like nodes, by exact rewriting only.
//!
//! Every value is held symbolically: a sum of *views* (which element of which node or input lies where, times a factor) and
//! constants, perhaps under a function of one number. Rearrangements change views and leave no node. Factors and summands wait
//! until a node needs them and become part of its weights. A linear operator makes a node without a function; what
//! is added to its sums and the function that follows are merged into it when no one else needs the sums. So convolution,
//! normalisation, residual addition and activation end as one node, whatever the order of axes in the model is.
//!
//! What is not linear and not a function of one sum is rewritten exactly: products by squares, quotients by reciprocals,
//! softmax by exp and a logarithm. A loop becomes one cell whose nodes are stepped, or is unrolled where that can not be. What can not be is refused, all of it at once.

mod arithmetic;
mod cell;
mod check;
mod compose;
mod compound;
mod emit;
mod field;
mod finish;
mod fit;
mod linear;
mod lowerer;
mod pattern;
mod quantised;
mod read;
mod realise;
mod spread;
mod sweep;
mod value;
mod view;
mod virtuals;
mod walk;

pub use cell::LoopForm;
pub use check::{Reformed, check};
pub use finish::{OverSequence, lower, lower_sequence};

/// Choices and limits of graph reform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowerOptions {
    /// Keeps a softmax (or the position of the largest) in front of the first output, which is dropped otherwise: the largest
    /// element stays the largest.
    pub keep_decision: bool,
    /// What loops over time become.
    pub loops: LoopForm,
    /// The most nodes that one loop may be unrolled to, counted before they are merged.
    pub most_unrolled: usize,
    /// The most products of two computed values that one operator may take.
    pub most_products: usize,
    /// The most elements with a factor or summand of their own each.
    pub most_diagonal: usize,
}

impl Default for LowerOptions {
    fn default() -> Self {
        Self {
            keep_decision: false,
            loops: LoopForm::Cell,
            most_unrolled: 4_096,
            most_products: 1 << 22,
            most_diagonal: 1 << 20,
        }
    }
}
