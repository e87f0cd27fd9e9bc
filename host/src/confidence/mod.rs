//! What a count on finitely many samples says of the share behind it.
//!
//! | question | answer | method |
//! |---|---|---|
//! | how large is the share, given k of n? | [`clopper_pearson`] | exact tails of the binomial distribution (Clopper and Pearson 1934) |
//! | by how much do two shares of the *same* samples differ? | [`tango`] | score interval of paired proportions (Tango 1998) |
//! | how many samples does a wanted bound take? | [`samples_for`] | the first interval inverted |
//!
//! Samples are taken to be independent draws from what the network will meet. Calibration samples are not.

mod binomial;
mod paired;
mod shares;

pub use binomial::clopper_pearson;
pub use paired::tango;
pub use shares::{Interval, LEVEL, Shares, WANTED, samples_for};
