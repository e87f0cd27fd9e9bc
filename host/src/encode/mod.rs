//! Stage 3, data re-encoding: how many signals carry each value, and what replaces what a chip lacks.
//!
//! A value that needs more precision than one signal has is carried by several *copies* of its column whose biases are
//! staggered (a thermometer code: k copies have about k times the levels). Signed values cross on codes that begin at the
//! lower end of their range. A function that the chip lacks becomes a sum of clipped ReLUs, each on a signal of its own.

mod budget;
mod check;
mod codes;
mod copies;
mod cost;
mod disturb;
mod graph;
mod input;
mod inside;
mod lacks;
mod legal;
mod lines;
mod maxima;
mod native;
mod options;
mod plan;
mod products;
mod quantiser;
mod ramp;
mod room;
mod segments;
mod shared;
mod spend;
mod survey;

pub use budget::{Levels, input_signals};
pub use check::{Encoded, check};
pub use codes::CodeMap;
pub use copies::Copied;
pub use disturb::{Disturbance, disturb};
pub use graph::{EncodedGraph, EncodedNode, Form, Inside, Role};
pub use input::{InputCode, InputRange};
pub(crate) use legal::{mixed, same};
pub use lines::Line;
pub use native::native;
pub use options::{CoreBudget, EncodeOptions, SigmoidBy, SignalBudget};
pub use plan::Plan;
pub use products::balanced;
pub use quantiser::InputQuantiser;
pub use ramp::Ramp;
pub use room::influence;
pub use segments::{Segment, Segments};
pub use shared::shared;
pub use spend::{Spending, Spent};
pub use survey::{BLOCK, NodeSurvey, survey};
