//! How far loading is, and why it stopped.

use super::policy::Refusal;
use crate::image::{Digest32, ImageError};
use core::fmt;

/// Why loading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadError<E> {
    /// The bytes break a rule of the format.
    Image(ImageError),
    /// The image is whole as far as it went, and this board does not take it.
    Refused(Refusal),
    /// The target failed.
    Target(E),
    /// Loading had stopped before; start again with a new loader.
    Stopped,
}

impl<E: fmt::Debug> fmt::Display for LoadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => write!(f, "{error}"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Target(error) => write!(f, "target: {error:?}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for LoadError<E> {}

/// How far loading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are wanted.
    Wanted,
    /// The image was whole, is accepted, and runs or may run.
    Loaded(Digest32),
}
