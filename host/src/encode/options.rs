//! The user's choices for stage 3.

use std::fmt;
use std::str::FromStr;

/// How many signals a ReLU value or an output gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalBudget {
    /// As many as the budget of cores allows where they help most, and on top of them as many as fit in columns and rows that would
    /// otherwise stay unused, the noisiest first.
    Auto,
    /// The same number for each value.
    Each(u16),
}

impl FromStr for SignalBudget {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => match number.parse() {
                Ok(k @ 1..=32) => Ok(Self::Each(k)),
                _ => Err("auto, or a number from 1 to 32".into()),
            },
        }
    }
}

impl fmt::Display for SignalBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Each(k) => write!(f, "{k}"),
        }
    }
}

/// How many cores may be spent on signals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CoreBudget {
    /// Up to [`CoreBudget::AUTO`] times the least number and the cores of the chips, and no more than promises to help.
    Auto,
    /// So many.
    Cores(u64),
    /// So many times the least number, rounded down.
    Times(f64),
}

impl CoreBudget {
    /// The most that is spent unasked, as a multiple of the least number of cores.
    pub const AUTO: f64 = 4.0;
}

impl FromStr for CoreBudget {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let times = text.strip_prefix('x').map(str::parse::<f64>);
        match (text, times, text.parse()) {
            ("auto", ..) => Ok(Self::Auto),
            (_, Some(Ok(factor)), _) if (1.0..=1e6).contains(&factor) => Ok(Self::Times(factor)),
            (_, None, Ok(cores @ 1..)) => Ok(Self::Cores(cores)),
            _ => Err("auto, a number of cores, or xF: F times the least number, F from 1".into()),
        }
    }
}

impl fmt::Display for CoreBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cores(cores) => write!(f, "{cores}"),
            Self::Times(factor) => write!(f, "x{factor}"),
        }
    }
}

/// How a sigmoid is made whose sum spans arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigmoidBy {
    /// Carrier and relay where the chip has a native sigmoid, clipped ReLUs elsewhere.
    Auto,
    /// The sum on clipped ReLUs, then the native sigmoid in a second array.
    Relay,
    /// So many clipped ReLUs per value approximate it.
    Relus(u16),
}

impl FromStr for SigmoidBy {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match (text, text.strip_prefix("relu:").map(str::parse)) {
            ("auto", _) => Ok(Self::Auto),
            ("relay", _) => Ok(Self::Relay),
            (_, Some(Ok(k @ 1..=32))) => Ok(Self::Relus(k)),
            _ => Err("auto, relay, or relu:K with K from 1 to 32".into()),
        }
    }
}

impl fmt::Display for SigmoidBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Relay => f.write_str("relay"),
            Self::Relus(k) => write!(f, "relu:{k}"),
        }
    }
}

/// The user's choices for this stage.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodeOptions {
    /// Cores that signals may take, where their number is left open.
    pub budget: CoreBudget,
    /// Signals per hidden value behind a ReLU.
    pub signals: SignalBudget,
    /// Signals per output.
    pub output_signals: SignalBudget,
    /// Signals per input value: 1, 2 for a radix pair, or 0: 2 where that takes no further array.
    pub input_signals: u8,
    /// Signals that carry a sum to its relay.
    pub carrier_signals: u16,
    /// Signals that carry a partial sum where the chip adds none, or 0: as many as its precision and the signals of values ask
    /// for, and more in columns that are there anyway.
    pub part_signals: u16,
    /// How tall sigmoids are made.
    pub sigmoid: SigmoidBy,
    /// Signals per sum that a loop hands from step to step.
    pub state_signals: SignalBudget,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            budget: CoreBudget::Auto,
            signals: SignalBudget::Auto,
            output_signals: SignalBudget::Auto,
            input_signals: 0,
            carrier_signals: 1,
            part_signals: 0,
            sigmoid: SigmoidBy::Auto,
            state_signals: SignalBudget::Auto,
        }
    }
}
