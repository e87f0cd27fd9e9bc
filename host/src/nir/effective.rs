//! One step of a population as a core computes it: V := keep V + sum of weights + leak, with every factor of the dynamics folded
//! into weights, leaks and decays. Still real numbers.

use super::graph::NirNode;
use super::linear::Columns;
use super::op::{Neuron, NirOp};
use super::paths::{Arrival, Origin};
use super::scheme::{Integration, Scheme};
use super::soma::{Decay, Reset};

/// A population in real numbers, in the units of the file's potential.
#[derive(Clone, Debug)]
pub(super) struct Effective {
    /// The node.
    pub(super) node: usize,
    pub(super) size: usize,
    /// What a spike of each origin adds.
    pub(super) maps: Vec<(Origin, Columns)>,
    /// What every step adds to the potential.
    pub(super) leak: Vec<f64>,
    /// What every step adds to the current; empty for nothing.
    pub(super) drive: Vec<f64>,
    /// What remains of the current; `None` where it is no state.
    pub(super) current_keep: Option<Vec<f64>>,
    /// What remains of the potential.
    pub(super) keep: Vec<f64>,
    /// Infinite where the population does not fire.
    pub(super) threshold: Vec<f64>,
    pub(super) reset: Vec<Reset>,
    /// The least potential.
    pub(super) floor: Option<Vec<f64>>,
}

/// A population without memory or firing limits other than its own: what [`NirOp::Threshold`] is.
fn comparator(node: &NirNode) -> Option<Vec<f64>> {
    let NirOp::Threshold(threshold) = &node.op else { return None };
    Some((0..node.len()).map(|k| threshold.at(k)).collect())
}

/// The population of `node`, which fires or integrates; `None` for other nodes.
pub(super) fn effective(at: usize, node: &NirNode, arrival: &Arrival, scheme: &Scheme) -> Option<Effective> {
    let size = node.len();
    let constant = |k: usize| arrival.constant.get(k).copied().unwrap_or(0.0);
    if let Some(threshold) = comparator(node) {
        return Some(Effective {
            node: at,
            size,
            maps: scaled(arrival, size, |_| 1.0),
            leak: (0..size).map(constant).collect(),
            drive: Vec::new(),
            current_keep: None,
            keep: vec![0.0; size],
            threshold,
            reset: vec![Reset::To(0.0); size],
            floor: None,
        });
    }
    let NirOp::Neuron(neuron) = &node.op else { return None };
    let potential = |k| decay_of(neuron, scheme, k);
    let r = |k| neuron.r.at(k);
    let current = |k| Decay::new(scheme.integration, scheme.dt, neuron.tau_syn.at(k));
    let gain = |k: usize| {
        let own = potential(k).gain * r(k);
        if neuron.kind.has_current() { own * current(k).gain * neuron.w_in.at(k) } else { own }
    };
    // Under impulses the rest is where the decay ends; otherwise it is driven like a current.
    let rest = |k: usize| {
        let decay = potential(k);
        let share = if scheme.integration == Integration::Impulse { 1.0 - decay.keep } else { decay.gain };
        if neuron.kind.leaks() { share * neuron.v_leak.at(k) } else { 0.0 }
    };
    let each = |f: &dyn Fn(usize) -> f64| (0..size).map(f).collect::<Vec<f64>>();
    let with_current = neuron.kind.has_current();
    let drives = with_current && arrival.constant.iter().any(|&x| x != 0.0);
    Some(Effective {
        node: at,
        size,
        maps: scaled(arrival, size, gain),
        leak: if with_current { each(&rest) } else { each(&|k| rest(k) + gain(k) * constant(k)) },
        drive: if drives { each(&|k| gain(k) * constant(k)) } else { Vec::new() },
        current_keep: with_current.then(|| each(&|k| current(k).keep)),
        keep: each(&|k| potential(k).keep),
        threshold: each(&|k| neuron.v_threshold.at(k)),
        reset: (0..size).map(|k| Reset::new(neuron, scheme.reset, k)).collect(),
        floor: scheme
            .floor
            .filter(|_| neuron.kind.fires())
            .map(|floor| each(&|k| -floor * neuron.v_threshold.at(k))),
    })
}

fn decay_of(neuron: &Neuron, scheme: &Scheme, k: usize) -> Decay {
    if neuron.kind.leaks() {
        Decay::new(scheme.integration, scheme.dt, neuron.tau_mem.at(k))
    } else {
        Decay { keep: 1.0, gain: scheme.dt }
    }
}

fn scaled(arrival: &Arrival, size: usize, gain: impl Fn(usize) -> f64) -> Vec<(Origin, Columns)> {
    let maps = arrival.maps.iter().map(|(origin, map)| {
        let mut map = map.clone().unwrap_or_else(|| Columns {
            starts: (0..=size).collect(),
            rows: (0..size as u32).collect(),
            weights: vec![1.0; size],
            outputs: size,
            bias: Vec::new(),
        });
        for (weight, &row) in map.weights.iter_mut().zip(&map.rows) {
            *weight *= gain(row as usize);
        }
        (*origin, map)
    });
    maps.collect()
}
