//! Transmission: copies of signals on chips without multicast.
//!
//! An output of such a chip reaches so many cores and no more (`fan_out.targets`). Where more core-ops read a signal, a core that
//! holds an identity copies it: one word line, as many columns as copies are needed. In the graph that is a node of its own
//! behind the one whose signals it repeats, with more signals a channel; each core-op that reads it takes the lines of one
//! copy. What the host feeds is not counted: it sends as often as it likes. Nor are the maxima that the chip takes on the way.

use std::collections::{BTreeMap, BTreeSet};

use super::ops::{CoreOp, Real};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::{Act, Body, Source};
use crate::encode::{EncodedGraph, EncodedNode, Form, Role, mixed, same};
use crate::target::Target;

/// How many core-ops read a node's signals.
pub(super) struct Readers {
    /// Of each channel. The same number for all where `whole`.
    pub(super) channels: Vec<u32>,
    /// Whether some core-op reads other channels at other positions, so that it needs the same copy of all.
    pub(super) whole: bool,
}

/// The readers of each node whose signals core-ops read.
pub(super) fn fan_out(graph: &EncodedGraph, ops: &[CoreOp<Real>]) -> BTreeMap<usize, Readers> {
    let mut found: BTreeMap<usize, Readers> = BTreeMap::new();
    // Core-ops that read any channel of a node.
    let mut any: BTreeMap<usize, u32> = BTreeMap::new();
    let mut moving: BTreeSet<usize> = BTreeSet::new();
    let mut last = None;
    for op in ops {
        if last.replace(op.node) != Some(op.node) {
            moving.extend(graph.moved(op.node));
        }
        let mut seen = BTreeSet::new();
        for own in op.lines.iter() {
            if let Source::Node(from) = graph.source(op.node, &own.line) {
                let channels = graph.dot.nodes[from].channels;
                seen.insert((from, own.line.element as usize % channels));
            }
        }
        let nodes: BTreeSet<usize> = seen.iter().map(|(from, _)| *from).collect();
        nodes.into_iter().for_each(|from| *any.entry(from).or_default() += 1);
        for (from, channel) in seen {
            let none = || Readers { channels: vec![0; graph.dot.nodes[from].channels], whole: false };
            found.entry(from).or_insert_with(none).channels[channel] += 1;
        }
    }
    for (from, readers) in &mut found {
        readers.whole = moving.contains(from);
        if readers.whole {
            readers.channels.fill(any.get(from).copied().unwrap_or(0));
        }
    }
    found
}

/// The graph with a transmission node behind every node of which `ops` read a signal more than `targets` times; `None` where there
/// is none.
///
/// # Errors
/// SP0305 when a signal needs more copies than one core makes.
pub(super) fn transmitted(
    graph: &EncodedGraph,
    ops: &[CoreOp<Real>],
    targets: u32,
    target: &Target,
) -> Result<Option<EncodedGraph>> {
    let mut wide = fan_out(graph, ops);
    wide.retain(|_, readers| readers.channels.iter().any(|&n| n > targets));
    if wide.is_empty() {
        return Ok(None);
    }
    let mut found = Diagnostics::default();
    let mut out = graph.clone();
    (out.dot.nodes, out.nodes) = (Vec::new(), Vec::new());
    let mut made = Made { at: Vec::new(), carries: Vec::new() };
    for (number, (dot, node)) in graph.dot.nodes.iter().zip(&graph.nodes).enumerate() {
        let mut dot = dot.clone();
        let maximum = matches!(dot.body, Body::Max(_));
        for read in dot.body.reads_mut() {
            if let Source::Node(from) = read.source {
                read.source = Source::Node(if maximum { made.at[from] } else { made.carries[from] });
            }
        }
        made.at.push(out.nodes.len());
        out.dot.nodes.push(dot);
        out.nodes.push(node.clone());
        if let Some(readers) = wide.get(&number) {
            let copies: Vec<u32> = readers
                .channels
                .iter()
                .zip(&node.copies)
                .map(|(n, k)| n.div_ceil(targets).max(1) * u32::from(*k))
                .collect();
            let most = copies.iter().copied().max().unwrap_or(0);
            if most as usize > target.columns {
                let place = format!("node {:?}", graph.dot.nodes[number].name);
                let rule = format!(
                    "copying a channel to {} cores takes {most} outputs of one core, the chip's cores have {}",
                    readers.channels.iter().max().unwrap_or(&0),
                    target.columns
                );
                let way_out = "use a chip with multicast (fan_out.multicast), more targets (fan_out.targets) or wider \
                               cores (mac.columns), or --set expand.transmission=off";
                found.push(Diagnostic::error("SP0305", place, rule, way_out));
            }
            push_copies(&mut out, &copies, Role::Transmission { targets, whole: readers.whole });
        }
        made.carries.push(out.nodes.len() - 1);
    }
    for port in &mut out.dot.outputs {
        port.node = made.at[port.node];
    }
    found.into_result(Some(out))
}

/// Where the nodes of the old graph are in the new one, and the nodes that core-ops read instead.
struct Made {
    at: Vec<usize>,
    carries: Vec<usize>,
}

/// A node behind the last one that repeats its signals.
fn push_copies(out: &mut EncodedGraph, copies: &[u32], role: Role) {
    let from = out.nodes.len() - 1;
    let source = &out.dot.nodes[from];
    let (name, grid, channels) = (format!("{}:copies", source.name), source.grid.clone(), source.channels);
    let read = same(&out.dot, from);
    let node = mixed(name, &grid, channels, vec![(1.0, read)], vec![0.0; channels], Act::None);
    let copies = copies.iter().map(|&k| k.min(u32::from(u16::MAX)) as u16).collect();
    let mut encoded = EncodedNode::new(Form::Carrier { judged: None }, copies, Vec::new());
    encoded.role = role;
    out.dot.nodes.push(node);
    out.nodes.push(encoded);
}
