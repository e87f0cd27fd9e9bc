//! One step of a population of neurons in double precision: the golden model of spiking networks.

use super::op::{Neuron, Param};
use super::scheme::{Integration, ResetRule, Scheme};

/// The state of a population.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Soma {
    /// Potentials.
    pub v: Vec<f64>,
    /// Currents; empty where they are no state.
    pub i: Vec<f64>,
}

/// The factors of one decay over one step: x := keep x + gain input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decay {
    /// What remains of the state.
    pub keep: f64,
    /// What the input counts.
    pub gain: f64,
}

impl Decay {
    /// Of the time constant `tau`.
    pub fn new(integration: Integration, dt: f64, tau: f64) -> Self {
        let share = dt / tau;
        match integration {
            Integration::Euler => Self { keep: 1.0 - share, gain: share },
            Integration::Exponential => Self { keep: (-share).exp(), gain: -(-share).exp_m1() },
            Integration::Impulse => Self { keep: (-share).exp(), gain: share },
        }
    }
}

/// What a spike leaves behind in one neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reset {
    /// This potential.
    To(f64),
    /// The potential less the threshold.
    Subtract,
}

impl Reset {
    /// Of element `k`, by the scheme and the file.
    pub fn new(neuron: &Neuron, rule: ResetRule, k: usize) -> Self {
        match (rule, &neuron.v_reset) {
            (ResetRule::Subtract, _) => Self::Subtract,
            (ResetRule::Zero, _) => Self::To(0.0),
            (ResetRule::File, Some(value)) => Self::To(value.at(k)),
            (ResetRule::File, None) if neuron.kind.leaks() => Self::To(0.0),
            (ResetRule::File, None) => Self::Subtract,
        }
    }
}

impl Soma {
    /// `len` neurons at rest: potential 0, current 0.
    pub fn new(neuron: &Neuron, len: usize) -> Self {
        let i = if neuron.kind.has_current() { vec![0.0; len] } else { Vec::new() };
        Self { v: vec![0.0; len], i }
    }

    /// One step: current, potential, floor, spike, reset. `input` is what arrives; `out` takes the number of spikes of each
    /// neuron, or its potential where the kind does not fire.
    pub fn step(&mut self, neuron: &Neuron, scheme: &Scheme, input: &[f64], out: &mut [f64]) {
        let kind = neuron.kind;
        for (k, out) in out.iter_mut().enumerate() {
            let mut drive = input[k];
            if kind.has_current() {
                let decay = Decay::new(scheme.integration, scheme.dt, neuron.tau_syn.at(k));
                self.i[k] = decay.keep * self.i[k] + decay.gain * (neuron.w_in.at(k) * drive);
                drive = self.i[k];
            }
            let drive = neuron.r.at(k) * drive;
            let start = self.v[k];
            let mut v = if kind.leaks() {
                leak(scheme, &neuron.tau_mem, &neuron.v_leak, k, start, drive)
            } else {
                start + scheme.dt * drive
            };
            let threshold = neuron.v_threshold.at(k);
            if let Some(floor) = scheme.floor.filter(|_| kind.fires()) {
                v = v.max(-floor * threshold);
            }
            if !kind.fires() {
                *out = v;
            } else {
                let fires = v > threshold || (scheme.fires_at_threshold && v >= threshold);
                let reset = Reset::new(neuron, scheme.reset, k);
                *out = f64::from(u8::from(fires));
                v = match reset {
                    _ if !fires => v,
                    Reset::Subtract if scheme.several && threshold > 0.0 => {
                        // The most thresholds that the potential holds.
                        *out = (v / threshold).floor().max(1.0);
                        v - *out * threshold
                    }
                    Reset::Subtract => v - threshold,
                    Reset::To(value) if scheme.within => {
                        rest(scheme, neuron, k, [start, drive, threshold, value])
                    }
                    Reset::To(value) => value,
                };
            }
            self.v[k] = v;
        }
    }
}

fn leak(scheme: &Scheme, tau: &Param, v_leak: &Param, k: usize, v: f64, drive: f64) -> f64 {
    let decay = Decay::new(scheme.integration, scheme.dt, tau.at(k));
    let rest = v_leak.at(k);
    match scheme.integration {
        // As the simulators write it: the sum is rounded as theirs is.
        Integration::Euler => v + decay.gain * ((rest - v) + drive),
        Integration::Exponential => decay.keep * v + decay.gain * (rest + drive),
        Integration::Impulse => rest + decay.keep * (v - rest) + decay.gain * drive,
    }
}

/// The potential at the end of a step in which it crossed the threshold and went on from the reset.
fn rest(scheme: &Scheme, neuron: &Neuron, k: usize, [start, drive, threshold, reset]: [f64; 4]) -> f64 {
    if !neuron.kind.leaks() {
        // v = start + drive t crosses at t = (threshold - start) / drive.
        let crossed =
            if drive > 0.0 { ((threshold - start) / drive).clamp(0.0, scheme.dt) } else { scheme.dt };
        return reset + (scheme.dt - crossed) * drive;
    }
    let tau = neuron.tau_mem.at(k);
    let aim = neuron.v_leak.at(k) + drive;
    // v = aim + (start - aim) exp(-t / tau) crosses where exp(-t / tau) = (threshold - aim) / (start - aim).
    let share = (threshold - aim) / (start - aim);
    let crossed = if share > 0.0 && share < 1.0 { (-share.ln() * tau).min(scheme.dt) } else { 0.0 };
    aim + (reset - aim) * (-(scheme.dt - crossed) / tau).exp()
}
