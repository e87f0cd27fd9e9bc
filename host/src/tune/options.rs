//! The user's choices for stage 5.

use std::fmt;
use std::str::FromStr;

/// How far tuning goes. The phases build on each other: each does all that the ones before it do, so the order of the
/// variants is that of the work.
///
/// An image holds whole numbers only, so a phase that comes before rounding is followed by rounding to the nearest: what it
/// gains is what survives that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rounding {
    /// Nearest weights, nearest biases, one gain for the whole node.
    NearestOneScale,
    /// Nearest weights, nearest biases, a gain for each element.
    Nearest,
    /// Real weights and biases are first refitted to the codes that the predecessors really give.
    Free,
    /// Ranges that give up the largest values are tried as well.
    Range,
    /// Weights are rounded with error feedback, copies dithered, biases searched through the exact chain: everything.
    Round,
}

impl Rounding {
    /// The phases in their order, by name.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("nearest-one-scale", Self::NearestOneScale),
        ("nearest", Self::Nearest),
        ("free", Self::Free),
        ("range", Self::Range),
        ("round", Self::Round),
    ];
}

impl FromStr for Rounding {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let name = if text == "full" { "round" } else { text };
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, phase)| *phase).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!("{}, or full (the same as round)", names.join(", "))
        })
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(_, phase)| phase == self).map_or("", |(name, _)| name))
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
    /// How far tuning goes.
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
            rounding: Rounding::Round,
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
