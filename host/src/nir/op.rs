//! What NIR's nodes compute (Pedersen et al., "Neuromorphic intermediate representation", 2024), in the file's own units.

use super::window::{Convolution, Pooling};

/// A parameter: one number for all neurons, or one for each.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// The same everywhere: a scalar stays a scalar.
    Scalar(f64),
    /// One for each element, row-major.
    Each(Vec<f64>),
}

impl Param {
    /// The value of element `i`.
    pub fn at(&self, i: usize) -> f64 {
        match self {
            Self::Scalar(value) => *value,
            Self::Each(values) => values[i],
        }
    }

    /// All values that occur.
    pub fn values(&self) -> &[f64] {
        match self {
            Self::Scalar(value) => std::slice::from_ref(value),
            Self::Each(values) => values,
        }
    }

    /// The number of elements it is made for; `None` fits any.
    pub fn len(&self) -> Option<usize> {
        if let Self::Each(values) = self { Some(values.len()) } else { None }
    }

    /// Whether it is made for no element at all.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// The dynamics of neurons. Currents I are what arrives; S are the sums that arrive where a synapse has dynamics of its own.
///
/// | kind | equations | spikes |
/// |---|---|---|
/// | `I` | dv/dt = r I | no: gives v |
/// | `Li` | tau dv/dt = v_leak - v + r I | no: gives v |
/// | `If` | dv/dt = r I | where v exceeds v_threshold |
/// | `Lif` | tau dv/dt = v_leak - v + r I | likewise |
/// | `CubaLi` | tau_syn di/dt = -i + w_in S; tau_mem dv/dt = v_leak - v + r i | no: gives v |
/// | `CubaLif` | the same | where v exceeds v_threshold |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeuronKind {
    /// Integrator.
    I,
    /// Leaky integrator.
    Li,
    /// Integrate and fire.
    If,
    /// Leaky integrate and fire.
    Lif,
    /// Current-based leaky integrator.
    CubaLi,
    /// Current-based leaky integrate and fire.
    CubaLif,
}

impl NeuronKind {
    /// NIR's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::I => "I",
            Self::Li => "LI",
            Self::If => "IF",
            Self::Lif => "LIF",
            Self::CubaLi => "CubaLI",
            Self::CubaLif => "CubaLIF",
        }
    }

    /// Whether it fires.
    pub fn fires(self) -> bool {
        matches!(self, Self::If | Self::Lif | Self::CubaLif)
    }

    /// Whether the potential decays.
    pub fn leaks(self) -> bool {
        !matches!(self, Self::I | Self::If)
    }

    /// Whether the current is a state.
    pub fn has_current(self) -> bool {
        matches!(self, Self::CubaLi | Self::CubaLif)
    }
}

/// A population of neurons. Times are in the file's unit, seconds by NIR's convention.
#[derive(Clone, Debug, PartialEq)]
pub struct Neuron {
    /// The equations.
    pub kind: NeuronKind,
    /// Time constant of the current (1 where it has none).
    pub tau_syn: Param,
    /// Weight of what arrives at the current (1 where it has none).
    pub w_in: Param,
    /// Time constant of the potential (1 where it does not decay).
    pub tau_mem: Param,
    /// Resistance.
    pub r: Param,
    /// The potential without input.
    pub v_leak: Param,
    /// The threshold (infinite where it does not fire).
    pub v_threshold: Param,
    /// The potential after a spike, where the file states it.
    pub v_reset: Option<Param>,
}

impl Neuron {
    /// All parameters with NIR's names.
    pub fn params(&self) -> Vec<(&'static str, &Param)> {
        let tau = if self.kind.has_current() { "tau_mem" } else { "tau" };
        let mut all = vec![
            ("tau_syn", &self.tau_syn),
            ("w_in", &self.w_in),
            (tau, &self.tau_mem),
            ("r", &self.r),
            ("v_leak", &self.v_leak),
            ("v_threshold", &self.v_threshold),
        ];
        all.extend(self.v_reset.as_ref().map(|param| ("v_reset", param)));
        all
    }
}

/// What a node computes from the sum of what arrives.
#[derive(Clone, Debug, PartialEq)]
pub enum NirOp {
    /// The network's input.
    Input,
    /// Hands on what arrives: the network's output, and the ends of a nested graph.
    Pass,
    /// weight \[outputs, inputs\] times the last axis, plus a bias.
    Affine {
        /// Outputs.
        outputs: usize,
        /// Inputs.
        inputs: usize,
        /// Row-major.
        weight: Vec<f64>,
        /// One for each output; absent for Linear.
        bias: Option<Vec<f64>>,
    },
    /// Every element times a number.
    Scale(Param),
    /// Convolution over one or two axes.
    Conv(Convolution),
    /// Sums or means of windows over two axes.
    Pool(Pooling),
    /// Axes `start..=end` become one.
    Flatten,
    /// What arrived so long ago, in the file's unit of time.
    Delay(Param),
    /// 1 where what arrives exceeds the threshold, else 0; without memory.
    Threshold(Param),
    /// Neurons.
    Neuron(Neuron),
}

impl NirOp {
    /// NIR's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input => "Input",
            Self::Pass => "Output",
            Self::Affine { bias: Some(_), .. } => "Affine",
            Self::Affine { .. } => "Linear",
            Self::Scale(_) => "Scale",
            Self::Conv(conv) if conv.kernel[0] == 1 && conv.flat => "Conv1d",
            Self::Conv(_) => "Conv2d",
            Self::Pool(pool) if pool.mean => "AvgPool2d",
            Self::Pool(_) => "SumPool2d",
            Self::Flatten => "Flatten",
            Self::Delay(_) => "Delay",
            Self::Threshold(_) => "Threshold",
            Self::Neuron(neuron) => neuron.kind.name(),
        }
    }

    /// Whether its result depends on former steps.
    pub fn has_state(&self) -> bool {
        matches!(self, Self::Neuron(_) | Self::Delay(_))
    }
}
