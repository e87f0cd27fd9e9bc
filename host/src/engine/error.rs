//! Why an engine stops: the sample, the rule that is broken, and the way out.

use std::fmt;

use crate::diagnostic::{Diagnostic, Diagnostics};
use spandrel_core::machine::{Fault, FaultKind, RunError};

/// Why a batch could not be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineError {
    /// The image has no input.
    NoInput,
    /// The raw values are no whole number of samples.
    Uneven {
        /// Raw values given.
        values: usize,
        /// Raw values per sample.
        length: usize,
    },
    /// The samples are no whole number of sequences.
    Sequence {
        /// Samples given.
        samples: usize,
        /// Samples of a sequence.
        sequence: usize,
    },
    /// Samples are longer or shorter than the input takes.
    SampleLength {
        /// Raw values of a sample given.
        found: usize,
        /// Raw values that the input takes.
        needed: u32,
    },
    /// The machine refused a sample.
    Refused {
        /// Sample number.
        sample: usize,
        /// Why.
        error: RunError,
    },
    /// The machine stopped within a sample.
    Stopped {
        /// Sample number.
        sample: usize,
        /// Where and why.
        fault: Fault,
    },
    /// A configuration is of a kind that the engine does not lower.
    NotLowered {
        /// Configuration number.
        config: u32,
    },
    /// Running takes more memory than [`super::Options`] allow.
    TooLarge {
        /// What takes it.
        what: &'static str,
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
}

impl EngineError {
    /// What the reader of the error can do about it.
    #[must_use]
    pub const fn way_out(&self) -> &'static str {
        match self {
            Self::NoInput => "compile the image again: it must have an input",
            Self::Sequence { .. } => "give whole sequences, or another --sequence",
            Self::Uneven { .. } | Self::SampleLength { .. } => {
                "give samples with as many values as the image's input takes"
            }
            Self::Refused { error: RunError::RawOutOfRange { .. }, .. } => {
                "give raw samples of the type that the image was compiled for"
            }
            Self::Refused { .. } => "give samples that the image's input takes",
            Self::Stopped { fault, .. } => match fault.kind {
                FaultKind::WeightStore | FaultKind::Corrupted => {
                    "the image changed while it was running: load it again"
                }
            },
            Self::NotLowered { .. } => "run the image on the core engine",
            Self::TooLarge { .. } => "run fewer samples at once or allow more memory",
        }
    }

    /// The number of the sample at fault, when it is one sample's fault.
    #[must_use]
    pub const fn sample(&self) -> Option<usize> {
        match self {
            Self::Refused { sample, .. } | Self::Stopped { sample, .. } => Some(*sample),
            _ => None,
        }
    }

    /// The same error when the batch at hand begins at sample `first` of a larger one.
    pub(super) const fn shifted(mut self, first: usize) -> Self {
        if let Self::Refused { sample, .. } | Self::Stopped { sample, .. } = &mut self {
            *sample += first;
        }
        self
    }

    /// The same error of a block whose lane l is sample `first + l * sequence` of all.
    pub(super) const fn in_lane(mut self, first: usize, sequence: usize) -> Self {
        if let Self::Refused { sample, .. } | Self::Stopped { sample, .. } = &mut self {
            *sample = first + *sample * sequence;
        }
        self
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInput => f.write_str("the image has no input"),
            Self::Uneven { values, length } => {
                write!(f, "{values} raw values are no whole number of samples of {length}")
            }
            Self::Sequence { samples, sequence } => {
                write!(f, "{samples} samples are no whole number of sequences of {sequence}")
            }
            Self::SampleLength { found, needed } => {
                write!(f, "a sample has {found} raw values, the image's input takes {needed}")
            }
            Self::Refused { sample, error } => write!(f, "sample {sample}: {error}"),
            Self::Stopped { sample, fault } => {
                let why = match fault.kind {
                    FaultKind::WeightStore => "the weights can not be read",
                    FaultKind::Corrupted => "the image or the machine's memory is damaged",
                };
                write!(f, "sample {sample}: the machine stopped at instruction {}: {why}", fault.at)
            }
            Self::NotLowered { config } => {
                write!(f, "the fast engine does not know the kind of configuration {config}")
            }
            Self::TooLarge { what, needed, limit } => {
                write!(f, "{what} would take {needed} bytes of memory, {limit} are allowed")
            }
        }
    }
}

impl std::error::Error for EngineError {}

impl From<EngineError> for Diagnostic {
    fn from(error: EngineError) -> Self {
        let code = match error {
            EngineError::NoInput => "SP0601",
            EngineError::Uneven { .. } | EngineError::Sequence { .. } | EngineError::SampleLength { .. } => {
                "SP0602"
            }
            EngineError::Refused { .. } => "SP0603",
            EngineError::Stopped { .. } => "SP0604",
            EngineError::TooLarge { .. } => "SP0605",
            EngineError::NotLowered { .. } => "SP0606",
        };
        let place = match error.sample() {
            Some(sample) => format!("sample {sample}"),
            None => "running the image".to_owned(),
        };
        Diagnostic::error(code, place, error.to_string(), error.way_out())
    }
}

impl From<EngineError> for Diagnostics {
    fn from(error: EngineError) -> Self {
        Diagnostic::from(error).into()
    }
}
