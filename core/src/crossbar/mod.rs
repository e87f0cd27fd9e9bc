//! The processing-in-memory crossbar: word lines carry input codes, cells hold weights, bit
//! lines sum.
//!
//! One array (a pair for the two polarities) holds `columns` weights of `slices` cells on each
//! of `rows + bias_rows` word lines. Inputs reach the word lines in passes of `dac_bits`, the
//! most significant digit last in number but not in meaning: pass p carries digit p. The
//! analog *partial* of pass p and slice q is
//!
//! ```text
//! partial(p, q) = sum over rows of digit_p(x) * sign(w) * digit_q(|w|),   weight 2^(p dac_bits + q cell_bits)
//! ```
//!
//! [`compose`] turns partials into the array's read, [`finish`] turns the sum of reads into an
//! output code. Inputs outside 0..2^input_bits and weights beyond
//! [`weight_floor`]..=[`weight_limit`] saturate. Reads of several arrays add up in 32-bit sum registers that saturate, a
//! rule that no image with an adder of at most 31 bits can ever meet.

mod compose;
mod config;
mod finish;
mod partials;

pub use compose::{compose, exact};
pub use config::{
    Activation, Crossbar, PARTIALS_MAX, Polarity, Readout, input_limit, weight_floor, weight_limit,
};
pub use finish::finish;
pub use partials::{Partials, read_column};
