//! The user's choices for stage 5.

use std::fmt;
use std::str::FromStr;

use crate::diagnostic::{Diagnostic, Result};
use crate::target::Target;

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
    fn from_str(text: &str) -> std::result::Result<Self, String> {
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

/// How the results of a network are rounded that is integer already, where a chip can take its integers as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntegerRounding {
    /// As the model's own operators say: once, to the nearest.
    #[default]
    Model,
    /// As the reference kernels of int8 frameworks do: convolutions twice.
    Kernels,
}

impl IntegerRounding {
    const NAMES: [(&'static str, Self); 2] = [("model", Self::Model), ("kernels", Self::Kernels)];
}

impl FromStr for IntegerRounding {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, rounding)| *rounding).ok_or_else(|| "model or kernels".into())
    }
}

impl fmt::Display for IntegerRounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(_, rounding)| rounding == self).map_or("", |(name, _)| name))
    }
}

/// The finite set that weights come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightSet {
    /// Whole numbers of the chip's bits.
    #[default]
    Plain,
    /// Whole numbers divided by a whole threshold, one for each core.
    Fraction,
    /// A table of a few values.
    Codebook {
        /// Values.
        entries: usize,
        /// Whether each column has a table of its own, instead of each core.
        per_column: bool,
    },
}

impl WeightSet {
    /// Checks that the chip's weights can come from this set.
    ///
    /// # Errors
    /// SP0303: the chip has no table in front of its weights, a smaller one, or one for each core only; or no threshold.
    pub fn check(self, target: &Target) -> Result<()> {
        let chip = target.chip.name();
        let refused = |rule: String, way_out: &str| {
            Err(Diagnostic::error("SP0303", format!("setting weights = {self}"), rule, way_out).into())
        };
        let digital = target.digital.as_ref();
        match self {
            Self::Plain => Ok(()),
            Self::Fraction if digital.is_some_and(|own| own.thresholds.is_some()) => Ok(()),
            Self::Fraction => refused(
                format!("chip {chip:?} divides by no threshold: its weights have no kind \"fraction\""),
                "use weights=plain, or add { kind = \"fraction\", … } to the weights of a chip that multiplies",
            ),
            Self::Codebook { entries, per_column } => match digital.and_then(|own| own.codebook) {
                None => refused(
                    format!(
                        "chip {chip:?} has no table in front of its weights: they have no kind \"shared\""
                    ),
                    "use weights=plain, or add { kind = \"shared\", … } to the weights of a chip of digital cores",
                ),
                Some((most, _)) if entries > most => refused(
                    format!("a table of chip {chip:?} has {most} entries"),
                    "use fewer entries, or raise index_bits of the weights of kind \"shared\"",
                ),
                Some((_, false)) if per_column => refused(
                    format!("chip {chip:?} has one table for a core, not one for a column"),
                    "use weights=codebook:N, or set per = \"neuron\" in the weights of kind \"shared\"",
                ),
                Some(_) => Ok(()),
            },
        }
    }
}

impl FromStr for WeightSet {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || "plain, fraction, codebook:N, or codebook:N:column, N from 2 to 256".to_owned();
        if text == "plain" {
            return Ok(Self::Plain);
        }
        if text == "fraction" {
            return Ok(Self::Fraction);
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
            Self::Fraction => f.write_str("fraction"),
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
    /// Of networks that are integer already: how their results are rounded.
    pub integers: IntegerRounding,
    /// On classifiers: how many standard deviations below the winner an output may lie and still count. 0: all count.
    pub margin: f64,
    /// Signal-to-noise ratio in decibels that what a loop hands on must reach on the calibration samples; `None`: any.
    pub state: Option<f64>,
    /// Takes the ranges of sums as they are given, without headroom, and gives none of them up to clipping: for ranges that no
    /// input leaves.
    pub whole_ranges: bool,
}

/// See [`TuneOptions::state`]: an error of two fifths of the state. The keyword LSTM of docs/networks.md agrees with the network on
/// 97 % of the samples at 26 dB, on 89 % at 16 dB and on 71 % at 7 dB.
const STATE_DB: f64 = 8.0;

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
            integers: IntegerRounding::Model,
            state: Some(STATE_DB),
            whole_ranges: false,
        }
    }
}
