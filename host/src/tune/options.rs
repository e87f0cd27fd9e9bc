//! The user's choices for stage 5.

use std::fmt;
use std::str::FromStr;

/// How weights and biases become whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Nearest weights, nearest biases, one gain for the whole node.
    NearestOneScale,
    /// Nearest weights, nearest biases, a gain for each element.
    Nearest,
    /// Everything this compiler can do.
    Full,
}

impl FromStr for Rounding {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "nearest-one-scale" => Ok(Self::NearestOneScale),
            "nearest" => Ok(Self::Nearest),
            "full" => Ok(Self::Full),
            _ => Err("full, nearest (a scale per column), or nearest-one-scale (one per layer)".into()),
        }
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NearestOneScale => "nearest-one-scale",
            Self::Nearest => "nearest",
            Self::Full => "full",
        })
    }
}

/// The finite set that weights come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightSet {
    /// Whole numbers of the chip's bits.
    #[default]
    Plain,
    /// A table of a few values.
    Codebook {
        /// Values.
        entries: usize,
        /// Whether each column has a table of its own, instead of each core.
        per_column: bool,
    },
}

impl FromStr for WeightSet {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "plain, codebook:N, or codebook:N:column, N from 2 to 256".to_owned();
        if text == "plain" {
            return Ok(Self::Plain);
        }
        let rest = text.strip_prefix("codebook:").ok_or_else(wrong)?;
        let (number, per_column) = match rest.strip_suffix(":column") {
            Some(number) => (number, true),
            None => (rest, false),
        };
        let entries = number.parse().ok().filter(|n| (2..=256).contains(n)).ok_or_else(wrong)?;
        Ok(Self::Codebook { entries, per_column })
    }
}

impl fmt::Display for WeightSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain"),
            Self::Codebook { entries, per_column: false } => write!(f, "codebook:{entries}"),
            Self::Codebook { entries, per_column: true } => write!(f, "codebook:{entries}:column"),
        }
    }
}

/// Choices for tuning.
#[derive(Clone, Debug, PartialEq)]
pub struct TuneOptions {
    /// How weights and biases become whole numbers.
    pub rounding: Rounding,
    /// The set that weights come from.
    pub weights: WeightSet,
    /// Seed of the phases that dither copies.
    pub seed: u64,
    /// How strongly the free phase is held to the golden weights; 0 switches it off.
    pub ridge: f64,
    /// Bias rows to use where they suffice.
    pub bias_rows: usize,
    /// A node with many positions is tuned on about so many of them, all samples together.
    pub rows: usize,
    /// Linear passes of the bias search.
    pub linear_passes: usize,
    /// Exact passes of the bias search.
    pub exact_passes: usize,
    /// On classifiers: how many standard deviations below the winner an output may lie and still count. 0: all count.
    pub margin: f64,
}

impl Default for TuneOptions {
    fn default() -> Self {
        Self {
            rounding: Rounding::Full,
            weights: WeightSet::Plain,
            seed: 1,
            ridge: 0.003,
            bias_rows: 2,
            rows: 4096,
            linear_passes: 1,
            exact_passes: 4,
            margin: 2.0,
        }
    }
}
