//! Placement and routes.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_core::image::{HOST, Placement, Route};

use crate::dots::{Body, PAD, Source};
use crate::encode::EncodedGraph;
use crate::expand::{CoreOp, CoreOpGraph, OpLine};
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

/// Every bundle of signals: from the core that finishes a sum to each core that reads some of them, and to the host. Counted are
/// lines; a line that takes other channels at other positions counts for each core that it comes from.
pub(super) fn routes(graph: &CoreOpGraph<Coded>, first_config: &[usize]) -> Vec<Route> {
    let encoded = &graph.encoded;
    let mut routes = Vec::new();
    let last_config = |op: usize| (first_config[op] + graph.ops[op].parts.len() - 1) as u32;
    // The core-op that computes a signal of a node: of a maximum the one that computes what it takes in.
    let maker = |node: usize, channel: usize| {
        let mut node = node;
        while let Body::Max(reads) = &encoded.dot.nodes[node].body
            && let Some(Source::Node(from)) = reads.first().map(|read| read.source)
        {
            node = from;
        }
        graph.ops.iter().position(|op| op.node == node && op.columns.iter().any(|c| c.channel == channel))
    };
    let mut makers: BTreeMap<(usize, usize), Option<usize>> = BTreeMap::new();
    let mut made_by =
        |node: usize, channel: usize| *makers.entry((node, channel)).or_insert_with(|| maker(node, channel));
    for (number, op) in graph.ops.iter().enumerate() {
        let moving = moving_channels(encoded, op);
        for (part, rows) in op.parts.iter().enumerate() {
            let to = (first_config[number] + part) as u32;
            let mut counts: BTreeMap<(u32, u32), u32> = BTreeMap::new();
            for &row in rows {
                let line = &op.lines[row as usize].line;
                match encoded.source(op.node, line) {
                    Source::Input => *counts.entry((0, HOST)).or_default() += 1,
                    Source::One => {}
                    Source::Node(node) => {
                        let own = line.element as usize % encoded.dot.nodes[node].channels;
                        let own = BTreeSet::from([own]);
                        let channels = moving.get(&row).unwrap_or(&own);
                        let makers: BTreeSet<usize> =
                            channels.iter().filter_map(|&channel| made_by(node, channel)).collect();
                        for from in makers {
                            *counts.entry((node as u32 + 1, last_config(from))).or_default() += 1;
                        }
                    }
                }
            }
            routes.extend(counts.into_iter().map(|((edge, from), signals)| Route {
                edge,
                from,
                to,
                signals,
            }));
        }
    }
    for port in &encoded.dot.outputs {
        let node = &encoded.dot.nodes[port.node];
        let of_a_run = |len: usize| len / encoded.dot.runs();
        let elements: BTreeSet<u32> = match &port.order {
            Some(order) => order[..of_a_run(order.len())].iter().copied().collect(),
            None => (0..of_a_run(node.len()) as u32).collect(),
        };
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for element in elements {
            let channel = element as usize % node.channels;
            if let Some(from) = made_by(port.node, channel) {
                *counts.entry(last_config(from)).or_default() +=
                    u32::from(encoded.nodes[port.node].copies[channel]);
            }
        }
        let edge = port.node as u32 + 1;
        routes.extend(counts.into_iter().map(|(from, signals)| Route { edge, from, to: HOST, signals }));
    }
    routes
}

/// Of the lines of `op` whose channel changes from position to position all the channels.
fn moving_channels(encoded: &EncodedGraph, op: &CoreOp<Coded>) -> BTreeMap<u32, BTreeSet<usize>> {
    let moved = encoded.moved(op.node);
    let dot = &encoded.dot.nodes[op.node];
    let lines: Vec<(u32, usize, &OpLine)> = (0..)
        .zip(op.lines.iter())
        .filter_map(|(row, own)| match encoded.source(op.node, &own.line) {
            Source::Node(node) if moved.contains(&node) => Some((row, node, own)),
            _ => None,
        })
        .collect();
    let mut found: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    if lines.is_empty() {
        return found;
    }
    let reads = dot.body.reads();
    let mut elements = Vec::new();
    for position in 0..dot.positions() {
        elements.clear();
        dot.bring(position, &mut elements);
        for &(row, node, own) in &lines {
            let element = elements[own.line.column as usize];
            if element != PAD {
                let step = reads[own.line.read as usize].group_step as u32;
                let channel = (element + own.group * step) as usize % encoded.dot.nodes[node].channels;
                found.entry(row).or_default().insert(channel);
            }
        }
    }
    found
}
