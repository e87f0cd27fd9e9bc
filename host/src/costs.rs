//! What a network takes of a chip: cores by what they are for, invocations, and area, energy and time where the chip's
//! description has figures. A figure that the description has not got is absent, never zero.

use serde::Serialize;

use crate::encode::Role;
use crate::expand::CoreOpGraph;
use crate::target::Target;

/// Cores, invocations and costs of one node.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeCosts {
    /// Name of the node.
    pub node: String,
    /// `computation`, `reduce` or `transmission`.
    pub role: &'static str,
    /// Cores that hold a configuration of it.
    pub cores: usize,
    /// Invocations of all of them for one sample.
    pub invocations: u64,
    /// Area of its cores, in square micrometres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_um2: Option<f64>,
    /// Energy of its invocations for one sample, in picojoules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<f64>,
    /// Time that it takes, in nanoseconds: its cores work side by side as far as the chips have cores, its positions one after
    /// the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<f64>,
}

/// Cores, invocations and costs of a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Costs {
    /// Cores that hold weights of the network.
    pub computation: usize,
    /// Cores that add up partial sums.
    pub reduce: usize,
    /// Cores that copy signals.
    pub transmission: usize,
    /// Invocations for one sample.
    pub invocations: u64,
    /// Area of the cores in use, in square micrometres; cores that take turns count once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area_um2: Option<f64>,
    /// Energy of one sample, in picojoules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<f64>,
    /// Time of one sample, in nanoseconds: one node after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<f64>,
    /// Node by node, those without cores left out.
    pub nodes: Vec<NodeCosts>,
}

impl Costs {
    /// The costs of `graph` on the chip `target`.
    pub fn new<P>(graph: &CoreOpGraph<P>, target: &Target) -> Self {
        let cost = target.chip.cost();
        let mut all = Self::default();
        let mut rounds = 0u64;
        for (number, (node, dot)) in graph.encoded.nodes.iter().zip(&graph.encoded.dot.nodes).enumerate() {
            let cores: usize = graph.ops.iter().filter(|op| op.node == number).map(|op| op.parts.len()).sum();
            if cores == 0 {
                continue;
            }
            let (role, count) = match node.role {
                Role::Computation => ("computation", &mut all.computation),
                Role::Reduce => ("reduce", &mut all.reduce),
                Role::Transmission { .. } => ("transmission", &mut all.transmission),
            };
            *count += cores;
            let positions = (dot.positions() / graph.encoded.dot.runs()) as u64;
            let invocations = positions * cores as u64;
            let turns = positions * (cores as u64).div_ceil(target.cores.max(1));
            all.invocations += invocations;
            rounds += turns;
            all.nodes.push(NodeCosts {
                node: dot.name.clone(),
                role,
                cores,
                invocations,
                area_um2: cost.area_um2.map(|area| area * (cores as u64).min(target.cores) as f64),
                energy_pj: cost.energy_pj.map(|energy| energy * invocations as f64),
                latency_ns: cost.latency_ns.map(|latency| latency * turns as f64),
            });
        }
        let cores = (all.computation + all.reduce + all.transmission) as u64;
        all.area_um2 = cost.area_um2.map(|area| area * cores.min(target.cores) as f64);
        all.energy_pj = cost.energy_pj.map(|energy| energy * all.invocations as f64);
        all.latency_ns = cost.latency_ns.map(|latency| latency * rounds as f64);
        all
    }

    /// Cores by what they are for, in words.
    pub fn roles(&self) -> String {
        format!(
            "computation {}, reduce {}, transmission {}; {} invocations",
            self.computation, self.reduce, self.transmission, self.invocations
        )
    }

    /// Area, energy and time in words, those that are known; `None` when none is.
    pub fn figures(&self) -> Option<String> {
        let parts: Vec<String> = [
            self.area_um2.map(|area| format!("{area} square micrometres")),
            self.energy_pj.map(|energy| format!("{energy} pJ a sample")),
            self.latency_ns.map(|latency| format!("{latency} ns a sample")),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
