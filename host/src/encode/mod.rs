//! Stage 3, data re-encoding: how many signals carry each value, and in which form.
//!
//! * A value behind a ReLU travels on k copies of its column whose biases are staggered by 1/k of a step: their sum
//!   has k times as many levels (a thermometer code). The decoder, a weighted sum, merges into the rows of the next node.
//! * A sigmoid whose sum spans arrays can not be native, and its steep pieces would clip the parts of the sum. So the sum
//!   itself travels on clipped ReLUs over its whole range (a *carrier*), and a second node of one array, the *relay*, applies
//!   the function: natively where the chip has a sigmoid, else approximated by clipped ReLUs, segment by segment.
//! * The last node's signed sums leave for the host on as many copies as there are free columns.

mod budget;
mod check;
mod graph;
mod input;
mod plan;
mod segments;

pub use budget::allocate;
pub use check::{Encoded, check};
pub use graph::{EncodedGraph, EncodedNode, EncodedSource, Form};
pub use input::InputCode;
pub use plan::{EncodeOptions, SigmoidBy, SignalBudget, encode};
pub use segments::{Segment, sigmoid_segments};
