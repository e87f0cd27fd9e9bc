//! Formulas over machine words, with two meanings: a value, for given operands, and a bit-vector, for all of them.
//!
//! 1. [`term`]: the formulas, and their value.
//! 2. [`solve`]: the question whether two are the same for all operands, put to Z3.
//!
//! What is proved stands in `tests/`: each formula is written in the terms of the code it speaks of, is compared with that code on values, and is then
//! proved equal to the formula of the specification.

pub mod solve;
pub mod term;

pub use solve::{Answer, equal, holds};
pub use term::Term;
