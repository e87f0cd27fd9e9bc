//! One neuron of a spiking core, through one tick: the phases in the order in which they are described, on exact integers.

use crate::{
    error::{Fault, OracleError},
    mac::wrap,
};

/// What happens when a register is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Values come round at the other end, two's complement.
    Wrap,
    /// Values stop at -2^(bits - 1) and at 2^(bits - 1) - 1.
    Clip,
    /// Values stop at -(2^(bits - 1) - 1) and at 2^(bits - 1) - 1.
    ClipEvenly,
}

/// A register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register {
    /// Its bits.
    pub bits: u32,
    /// What it does with what it can not hold.
    pub ends: Ends,
}

/// What is left of a value after a tick: value * keep / of, the fraction cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decay {
    /// 0..=of.
    pub keep: i128,
    /// Above 0.
    pub of: i128,
}

/// Where the potential goes after a spike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpikeReset {
    /// To this value.
    To(i128),
    /// Down by the threshold.
    By,
}

/// A neuron's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neuron {
    /// Most spikes that an axon brings.
    pub spikes_in: i128,
    /// What the weights are multiplied by.
    pub weight_unit: i128,
    /// The current's decay and register; without them it is the sum alone.
    pub current: Option<(Decay, Register)>,
    /// The potential's decay.
    pub decay: Decay,
    /// Added in every tick.
    pub leak: i128,
    /// Least potential.
    pub floor: Option<i128>,
    /// The potential's register.
    pub potential: Register,
    /// In the potential's unit.
    pub threshold: i128,
    /// Whether reaching the threshold is not enough.
    pub above: bool,
    /// Where the potential goes.
    pub reset: SpikeReset,
    /// Most spikes in one tick.
    pub spikes_out: i128,
    /// Ticks of rest after a spike.
    pub refractory: i128,
    /// Whether the current collects during them.
    pub refractory_collects: bool,
    /// The potential when a window begins.
    pub v_init: i128,
    /// Ticks of a window, if it ends.
    pub window: Option<i128>,
}

/// What a neuron remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Soma {
    /// V.
    pub v: i128,
    /// U, where it is remembered.
    pub u: i128,
    /// Ticks of rest to come.
    pub rest: i128,
}

impl Register {
    /// What the register holds when `value` is put into it.
    #[must_use]
    pub fn hold(&self, value: i128) -> i128 {
        let most = 2i128.pow(self.bits - 1) - 1;
        match self.ends {
            Ends::Wrap => wrap(value, self.bits),
            Ends::Clip => value.clamp(-most - 1, most),
            Ends::ClipEvenly => value.clamp(-most, most),
        }
    }
}

impl Decay {
    /// What is left of `value`.
    #[must_use]
    pub fn of(&self, value: i128) -> i128 {
        // The division of integers cuts toward zero.
        value * self.keep / self.of
    }
}

/// Checks a neuron's parameters.
///
/// # Errors
/// A width or a number outside its range.
pub fn check_neuron(neuron: &Neuron) -> Result<(), OracleError> {
    let mut faults = Vec::new();
    let mut range = |name: &str, value: i128, lo: i128, hi: i128| {
        if value < lo || value > hi {
            faults.push(Fault::Description(format!("{name} is {value}; it must lie in {lo}..={hi}")));
        }
    };
    let decays = neuron.current.map(|(decay, _)| decay).into_iter().chain([neuron.decay]);
    for decay in decays {
        range("a decay's whole", decay.of, 1, 1 << 16);
        range("what a decay leaves", decay.keep, 0, decay.of);
    }
    let registers = neuron.current.map(|(_, register)| register).into_iter().chain([neuron.potential]);
    for register in registers {
        range("bits", register.bits.into(), 2, 64);
    }
    range("spikes_in", neuron.spikes_in, 1, 65_535);
    range("spikes_out", neuron.spikes_out, 1, 65_535);
    range("threshold", neuron.threshold, i128::from(neuron.spikes_out > 1), (1 << 31) - 1);
    OracleError::unless_empty(faults)
}

/// Collect: what arrives on the axons, weighted. `spikes` may be any numbers: none below zero, no more than an axon brings.
///
/// # Panics
/// When [`check_neuron`] refuses the parameters, or there is not one weight an axon.
#[must_use]
pub fn synapses(neuron: &Neuron, spikes: &[i128], weights: &[i128]) -> i128 {
    check_neuron(neuron).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(spikes.len(), weights.len(), "one weight an axon");
    let mut sum = 0;
    for (x, w) in spikes.iter().zip(weights) {
        let x = if *x < 0 { 0 } else { *x };
        sum += w * neuron.weight_unit * if x > neuron.spikes_in { neuron.spikes_in } else { x };
    }
    sum
}

/// One tick at `clock` ticks since the window began: what the neuron remembers afterwards, and how many spikes it sent.
///
/// # Panics
/// When [`check_neuron`] refuses the parameters.
#[must_use]
pub fn tick(neuron: &Neuron, clock: i128, before: Soma, sum: i128) -> (Soma, i128) {
    check_neuron(neuron).unwrap_or_else(|error| panic!("{error}"));
    // Outside its window a core neither leaks nor fires.
    if clock < 0 || neuron.window.is_some_and(|window| clock >= window) {
        return (before, 0);
    }
    let mut soma = if clock == 0 { Soma { v: neuron.v_init, u: 0, rest: 0 } } else { before };
    let resting = soma.rest > 0;
    let sum = if resting && !neuron.refractory_collects { 0 } else { sum };
    // Current.
    let u = match neuron.current {
        None => sum,
        Some((decay, register)) => {
            soma.u = register.hold(decay.of(soma.u) + sum);
            soma.u
        }
    };
    if resting {
        soma.rest -= 1;
        return (soma, 0);
    }
    // Potential.
    let mut v = neuron.decay.of(soma.v) + u + neuron.leak;
    // Floor, then the register.
    if let Some(floor) = neuron.floor
        && v < floor
    {
        v = floor;
    }
    v = neuron.potential.hold(v);
    // Fire: again and again while the threshold can still be taken away.
    let mut spikes = 0;
    let mut left = v;
    while spikes < neuron.spikes_out
        && (left > neuron.threshold || (left == neuron.threshold && !neuron.above))
    {
        spikes += 1;
        left -= neuron.threshold;
    }
    // Reset.
    if spikes > 0 {
        v = match neuron.reset {
            SpikeReset::To(value) => value,
            SpikeReset::By => left,
        };
        soma.rest = neuron.refractory;
    }
    soma.v = v;
    (soma, spikes)
}

/// Whether the n-bit code `code` has a spike at tick `t` of a window of `window` ticks: floor((t + 1) c / w) > floor(t c / w).
#[must_use]
pub fn rate_code(code: i128, t: i128, window: i128) -> bool {
    ((t + 1) * code).div_euclid(window) > (t * code).div_euclid(window)
}
