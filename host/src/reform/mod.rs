//! Stage 2, graph reform: from any supported graph to dot-like nodes, act(W x + b), of any size and precision.
//!
//! Everything here is exact up to floating-point rounding: views disappear, constants fold into the neighbouring
//! matrix, matrices without a function between them merge, a softmax in front of the decision is dropped because it
//! does not move the largest element. [`check`] measures that against the golden model.

mod build;
mod check;
mod dot;
mod text;

pub use build::reform;
pub use check::{Reformed, check};
pub use dot::{DotAct, DotGraph, DotNode, DotSource};
pub(crate) use dot::{narrow, widen};
