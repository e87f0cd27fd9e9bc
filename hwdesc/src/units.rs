//! Counts, sizes and widths as types of their own, so that a number of rows
//! can not be handed over where a number of bit lines is meant.

use std::fmt;

use serde::Serialize;

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($repr:ty), $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name($repr);

        impl $name {
            /// Wraps a plain number.
            pub const fn new(value: $repr) -> Self {
                Self(value)
            }

            /// The plain number.
            pub const fn get(self) -> $repr {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $word), self.0)
            }
        }
    };
}

unit!(
    /// A width in bits.
    Bits(u32), "bits");
unit!(
    /// A number of inputs of a core: word lines, axons, rows of a MAC array.
    Rows(u32), "rows");
unit!(
    /// A number of outputs of a core: logical columns, neurons, columns of a MAC array.
    Columns(u32), "columns");
unit!(
    /// A number of physical bit lines of one crossbar array. Several of them
    /// (as many as there are slices) make one logical column.
    Bitlines(u32), "bit lines");
unit!(
    /// A number of cores. A core of a crossbar with a differential pair is two arrays.
    Cores(u64), "cores");
unit!(
    /// A number of physical crossbar arrays.
    Arrays(u64), "arrays");
unit!(
    /// A time in ticks of a spiking chip.
    Ticks(u32), "ticks");

/// A capacity that may have no bound of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// At most this many, at least 1.
    AtMost(u32),
    /// No bound worth checking. Written `"unlimited"`.
    Unlimited,
}

impl Limit {
    /// Does `count` fit?
    pub fn allows(self, count: u64) -> bool {
        match self {
            Limit::AtMost(most) => count <= u64::from(most),
            Limit::Unlimited => true,
        }
    }

    /// The bound, if there is one.
    pub fn at_most(self) -> Option<u32> {
        match self {
            Limit::AtMost(most) => Some(most),
            Limit::Unlimited => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::AtMost(most) => write!(f, "{most}"),
            Limit::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl Serialize for Limit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Limit::AtMost(most) => serializer.serialize_u32(*most),
            Limit::Unlimited => serializer.serialize_str("unlimited"),
        }
    }
}

/// Rounded-up base-2 logarithm; 0 for 0 and 1.
pub(crate) fn ceil_log2(value: u32) -> u32 {
    if value <= 1 { 0 } else { 32 - (value - 1).leading_zeros() }
}
