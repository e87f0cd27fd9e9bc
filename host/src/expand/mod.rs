//! Stage 4, full expansion: every node becomes core-ops that fit one array.
//!
//! A node's columns are packed into blocks of at most an array's columns, an element's copies staying together; its rows
//! are dealt out over as many arrays as they need, every P-th row to the same one, so that neighbouring inputs, which
//! tend to be active together, spread over all parts and no part runs further than the others. The parts of a block add
//! up in the digital adder. Rows that have no weight in any column of a block are left out where that saves an array. On chips
//! without multicast further core-ops copy signals (`transmit`). Reduce ops are made before, with the signals.

mod check;
mod cut;
mod ops;
mod split;
mod transmit;

pub use check::{Expanded, check};
pub use ops::{CoreOp, CoreOpGraph, CoreOpId, OpColumn, OpLine, Real};
pub use split::{ExpandOptions, cores, expand};
