//! What is wrong with a call, with the place, the rule and the allowed range.

use std::fmt;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A number of a description lies outside the range the oracle covers, or two contradict each other.
    Description(String),
    /// A column of weights does not have one weight for each input.
    Height {
        /// Which column.
        column: usize,
        /// Weights in the column.
        found: usize,
        /// Inputs, and so weights wanted.
        wanted: usize,
    },
    /// A weight that the cells cannot hold.
    Weight {
        /// Which column.
        column: usize,
        /// Which row.
        row: usize,
        /// The weight.
        value: i128,
        /// Least legal weight.
        lo: i128,
        /// Greatest legal weight.
        hi: i128,
    },
    /// An input that the drivers cannot apply.
    Input {
        /// Which row.
        row: usize,
        /// The input.
        value: i128,
        /// Least legal input.
        lo: i128,
        /// Greatest legal input.
        hi: i128,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Description(rule) => write!(f, "{rule}"),
            Fault::Height { column, found, wanted } => {
                write!(f, "column {column} has {found} weights for {wanted} inputs; give one per input")
            }
            Fault::Weight { column, row, value, lo, hi } => {
                write!(f, "weight {value} at column {column}, row {row} lies outside {lo}..={hi}")
            }
            Fault::Input { row, value, lo, hi } => {
                write!(f, "input {value} at row {row} lies outside {lo}..={hi}")
            }
        }
    }
}

/// Every broken rule of one call, in the order found; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OracleError {
    /// The faults.
    pub faults: Vec<Fault>,
}

impl OracleError {
    /// `Ok` when there is no fault, otherwise all of them.
    pub(crate) fn unless_empty(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self { faults }) }
    }
}

impl fmt::Display for OracleError {
    /// The first eight faults and a count of the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        for (i, fault) in self.faults.iter().take(SHOWN).enumerate() {
            if i > 0 {
                write!(f, "; ")?;
            }
            write!(f, "{fault}")?;
        }
        if self.faults.len() > SHOWN {
            write!(f, "; and {} more", self.faults.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for OracleError {}
