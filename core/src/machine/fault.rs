//! How a step ends, and why the machine refuses a call.

use core::fmt;

/// How far a step came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// The budget is spent; step again.
    Running,
    /// The program has ended; outputs are there.
    SampleDone,
    /// The machine has stopped.
    Fault(Fault),
}

/// Why the machine has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fault {
    /// Instruction number.
    pub at: u32,
    /// What happened.
    pub kind: FaultKind,
}

/// What can go wrong after parsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FaultKind {
    /// The weight store did not answer.
    WeightStore,
    /// The image's bytes or the lent words changed underneath.
    Corrupted,
}

/// Why the machine refuses a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RunError {
    /// Fewer words were lent than the image needs.
    MemoryTooSmall {
        /// Words that the image needs.
        needed: u32,
    },
    /// There is no such input.
    NoSuchInput(u32),
    /// More raw values than the input takes.
    SampleTooLong {
        /// Raw values that the input takes.
        length: u32,
    },
    /// Fewer raw values than the input takes.
    SampleTooShort {
        /// Raw values that the input takes.
        length: u32,
        /// Raw values that were given.
        fed: u32,
    },
    /// A raw value outside the encoder's raw type.
    RawOutOfRange {
        /// Number of the raw value in the sample.
        index: u32,
        /// The value.
        value: i32,
    },
    /// A sample is under way.
    Busy,
    /// The lent words hold no run of this image.
    NotThisImage,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemoryTooSmall { needed } => write!(f, "the machine needs {needed} words of memory"),
            Self::NoSuchInput(input) => write!(f, "the image has no input {input}"),
            Self::SampleTooLong { length } => write!(f, "a sample has {length} raw values, not more"),
            Self::SampleTooShort { length, fed } => {
                write!(f, "a sample has {length} raw values, {fed} were given")
            }
            Self::RawOutOfRange { index, value } => {
                write!(f, "raw value {index} is {value}, outside the input's raw type")
            }
            Self::Busy => f.write_str("a sample is under way: step until it is done, or reset"),
            Self::NotThisImage => f.write_str("the lent words hold no run of this image"),
        }
    }
}

impl core::error::Error for RunError {}
