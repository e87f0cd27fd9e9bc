//! Placement and routes.

use spandrel_core::image::{HOST, Placement, Route};

use crate::encode::EncodedSource;
use crate::expand::CoreOpGraph;
use crate::target::Target;
use crate::tune::Coded;

/// Configurations to cores: in order of execution, core by core and chip by chip. The fabric of this kind of chip is a
/// bus, every place as near as every other, so order is all that matters. When all cores are taken, the next phase
/// begins on the first.
pub(super) fn place(configs: usize, target: &Target) -> Vec<Placement> {
    let chips = u64::from(target.chip.fabric().chips.max(1));
    let per_chip = (target.cores / chips).max(1);
    (0..configs as u64)
        .map(|config| {
            let slot = config % (per_chip * chips);
            Placement {
                config: config as u32,
                chip: (slot / per_chip) as u32,
                core: (slot % per_chip) as u32,
                phase: (config / (per_chip * chips)) as u32,
            }
        })
        .collect()
}

/// Every bundle of signals: from the array that finishes a sum to each array that reads some of them, and to the host.
pub(super) fn routes(graph: &CoreOpGraph<Coded>, first_config: &[usize]) -> Vec<Route> {
    let mut routes = Vec::new();
    let last_config = |op: usize| (first_config[op] + graph.ops[op].parts.len() - 1) as u32;
    for (number, op) in graph.ops.iter().enumerate() {
        for (part, rows) in op.parts.iter().enumerate() {
            let to = (first_config[number] + part) as u32;
            match op.source {
                EncodedSource::Input => {
                    routes.push(Route { edge: 0, from: HOST, to, signals: rows.len() as u32 });
                }
                EncodedSource::Node(node) => {
                    for (from, source) in
                        graph.ops.iter().enumerate().filter(|(_, source)| source.node == node)
                    {
                        let range = source.first_signal..source.first_signal + source.columns.len();
                        let signals = rows.iter().filter(|&&row| range.contains(&(row as usize))).count();
                        if signals > 0 {
                            let (edge, from) = (node as u32 + 1, last_config(from));
                            routes.push(Route { edge, from, to, signals: signals as u32 });
                        }
                    }
                }
            }
        }
        if op.node + 1 == graph.encoded.nodes.len() {
            let (edge, from) = (op.node as u32 + 1, last_config(number));
            routes.push(Route { edge, from, to: HOST, signals: op.columns.len() as u32 });
        }
    }
    routes
}
