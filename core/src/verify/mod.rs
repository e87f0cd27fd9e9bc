//! Checks that a device can make of an image by itself.

mod known;

pub use known::{Checked, KnownAnswers, Mismatch, MismatchKind};
