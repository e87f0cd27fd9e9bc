//! How continuous dynamics become steps. NIR leaves that open, and the simulators of the field choose differently: the
//! same file gives other spikes on each. A [`Scheme`] states every choice; presets are named after whom they follow.

use std::fmt;
use std::str::FromStr;

/// How a decay is integrated over one step of length dt, with the step's input held constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integration {
    /// Forward Euler: v += dt / tau (v_leak - v + r I). Norse, snnTorch, Lava, SpiNNaker2.
    Euler,
    /// The exact solution: v moves to v_leak + r I by the share 1 - exp(-dt / tau).
    Exponential,
    /// The exact decay, and an impulse of dt / tau r I on top of it: Rockpool, Sinabs.
    Impulse,
}

/// What a spike leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetRule {
    /// `v_reset` where the file states it; else 0 for neurons that leak, and subtraction for those that do not.
    File,
    /// 0.
    Zero,
    /// The threshold is subtracted.
    Subtract,
}

/// Every choice that NIR leaves open.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheme {
    /// Its name, as the user gave it.
    pub name: String,
    /// The length of a step in the file's unit of time.
    pub dt: f64,
    /// The integration of decays.
    pub integration: Integration,
    /// What a spike leaves behind.
    pub reset: ResetRule,
    /// Whether a potential equal to the threshold fires.
    pub fires_at_threshold: bool,
    /// Whether a neuron that subtracts may fire as often in a step as its potential holds thresholds.
    pub several: bool,
    /// Whether a spike falls where the potential crosses the threshold *within* the step, and the rest of the step
    /// counts from the reset: neurons without a current of their own, and at most one spike a step.
    pub within: bool,
    /// Steps by which the network's input comes late.
    pub input_delay: usize,
    /// The least potential, in thresholds below zero.
    pub floor: Option<f64>,
}

/// The step of networks with time constants unless another is given: 0.1 ms, which NIR's examples use.
pub const DEFAULT_DT: f64 = 1e-4;

/// The names of the presets, with what they stand for.
pub const PRESETS: &[(&str, &str)] = &[
    (
        "euler",
        "forward Euler, spike above the threshold, reset as the file says, else to zero (IF: by subtraction); Norse, snnTorch, Nengo",
    ),
    ("exponential", "as euler, with the exact solution of each step"),
    ("exact", "as exponential, and a spike falls where the potential crosses the threshold within the step"),
    ("impulse", "exact decay with impulses of dt / tau; Rockpool, Sinabs' leaky neurons"),
    ("lava", "as euler, and the input comes one step late: Lava, Loihi, Spyx"),
    ("sinabs", "integrate and fire by subtraction, at the threshold, several spikes a step"),
    ("speck", "as sinabs, with the potential floored one threshold below zero"),
];

impl Scheme {
    /// The preset called `name`, with steps of `dt`; `None` where there is none.
    pub fn preset(name: &str, dt: f64) -> Option<Self> {
        let euler = Self {
            name: name.to_owned(),
            dt,
            integration: Integration::Euler,
            reset: ResetRule::File,
            fires_at_threshold: false,
            several: false,
            within: false,
            input_delay: 0,
            floor: None,
        };
        let sinabs = Self {
            reset: ResetRule::Subtract,
            fires_at_threshold: true,
            several: true,
            integration: Integration::Impulse,
            ..euler.clone()
        };
        Some(match name {
            "euler" => euler,
            "exponential" => Self { integration: Integration::Exponential, ..euler },
            "exact" => Self { integration: Integration::Exponential, within: true, ..euler },
            "impulse" => Self { integration: Integration::Impulse, ..euler },
            "lava" => Self { input_delay: 1, ..euler },
            "sinabs" => sinabs,
            "speck" => Self { floor: Some(1.0), ..sinabs },
            _ => return None,
        })
    }
}

impl FromStr for ResetRule {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "file" => Ok(Self::File),
            "zero" => Ok(Self::Zero),
            "subtract" => Ok(Self::Subtract),
            _ => Err(()),
        }
    }
}

impl fmt::Display for ResetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Zero => "zero",
            Self::Subtract => "subtract",
        })
    }
}
