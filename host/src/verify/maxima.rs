//! Maxima: chains of ADDs whose sum registers hold the largest of several signals.
//!
//! Which window of the graph a chain stands for is told by what it compares; the n-th run of one SCATTER behind a chain
//! stands for the n-th position of the same maximum. Codes begin at 0, so what lies outside (the code 0) takes no part.

use std::collections::BTreeMap;

use super::{
    names::{NOTHING, Name, Names, PADDED},
    report::{Evidence, Failure},
};
use crate::{dots::Body, expand::CoreOpGraph, tune::Coded};

/// A chain of ADDs that is not stored yet.
struct Pending {
    first: usize,
    /// What has been brought so far, row by row: several ADDs for neighbouring registers fill a row.
    taps: Vec<Vec<Name>>,
}

/// What a chain turned out to be.
pub(super) struct Found {
    /// First sum register.
    pub first: usize,
    /// Number of sum registers.
    pub width: usize,
    /// The maximum, if it is one of the graph's.
    pub node: Option<usize>,
    /// The position of its grid.
    pub position: usize,
    /// The first register that compares something else: which, a signal it should compare and one it does.
    pub wrong: Option<(usize, Name, Name)>,
    /// Signals compared with the graph's.
    pub compared: u64,
}

/// All maxima of a graph.
pub(super) struct Maxima {
    pending: Option<Pending>,
    /// SCATTER to node.
    bound: BTreeMap<u32, usize>,
    /// For each maximum the positions done.
    count: BTreeMap<usize, usize>,
}

impl Maxima {
    pub(super) fn new(graph: &CoreOpGraph<Coded>) -> Self {
        let nodes = graph.encoded.dot.nodes.iter().enumerate();
        let count =
            nodes.filter(|(_, node)| matches!(node.body, Body::Max(_))).map(|(at, _)| (at, 0)).collect();
        Self { pending: None, bound: BTreeMap::new(), count }
    }

    /// An ADD brought `names` for sum registers from `first` on: alone, or to be compared with what they hold.
    pub(super) fn take(&mut self, alone: bool, first: usize, names: Vec<Name>) {
        if let Some(Pending { first: begin, taps }) = &mut self.pending {
            let count = taps.len();
            let full = taps.first().map_or(0, Vec::len);
            if let Some(row) = taps.last_mut()
                && *begin + row.len() == first
                && (if count == 1 { alone } else { !alone && row.len() + names.len() <= full })
            {
                return row.extend(names);
            }
            if !alone && *begin == first && taps.last().is_some_and(|row| row.len() == full) {
                return taps.push(names);
            }
        }
        // What is not alone is compared with registers of which nobody knows what they hold.
        let unknown = (!alone).then(|| vec![NOTHING; names.len()]);
        self.pending = Some(Pending { first, taps: unknown.into_iter().chain([names]).collect() });
    }

    /// The registers are overwritten.
    pub(super) fn forget(&mut self) {
        self.pending = None;
    }

    /// Settles what the chain in front of the SCATTER `at` is; `None` when there is none.
    pub(super) fn resolve(
        &mut self,
        at: u32,
        names: &Names<'_>,
        graph: &CoreOpGraph<Coded>,
    ) -> Option<Found> {
        let Pending { first, mut taps } = self.pending.take()?;
        let width = taps.first().map_or(0, Vec::len);
        taps.iter_mut().for_each(|row| row.resize(width, NOTHING));
        let compared = (width * taps.len()) as u64;
        let bound = self.bound.get(&at).copied();
        let mut found = Found { first, width, node: None, position: 0, wrong: None, compared };
        for (&node, &count) in self.count.iter().filter(|(node, _)| bound.is_none_or(|bound| bound == **node))
        {
            let fitting = graph.encoded.nodes[node].width() == width
                && count < graph.encoded.dot.nodes[node].positions();
            if !fitting {
                continue;
            }
            let wrong = differs(names, node, count, &taps);
            if wrong.is_none() || found.node.is_none() {
                let right = wrong.is_none();
                found = Found { node: Some(node), position: count, wrong, ..found };
                if right {
                    break;
                }
            }
        }
        if let Some(node) = found.node {
            self.bound.insert(at, node);
            *self.count.entry(node).or_default() += 1;
        }
        Some(found)
    }

    /// For each signal of a maximum some signal that it is the largest of.
    pub(super) fn inputs(&self, node: usize, names: &Names<'_>) -> Vec<Name> {
        let window = names.window(node, 0);
        window.into_iter().map(|names| names.first().copied().unwrap_or(NOTHING)).collect()
    }

    /// Every maximum is there, at every position.
    pub(super) fn finish(&self, graph: &CoreOpGraph<Coded>, evidence: &mut Evidence) {
        for (&node, &count) in &self.count {
            let node = &graph.encoded.dot.nodes[node];
            if count != node.positions() {
                let failure =
                    Failure::new("the positions of a maximum that are computed", node.positions(), count);
                evidence.fail(Failure { node: Some(node.name.clone()), ..failure });
            }
        }
    }
}

/// The first register that compares something else than the window at `position`.
fn differs(
    names: &Names<'_>,
    node: usize,
    position: usize,
    taps: &[Vec<Name>],
) -> Option<(usize, Name, Name)> {
    if names.in_order(node, position, taps) {
        return None;
    }
    // In another order, or twice, or wrong.
    for (register, wanted) in names.window(node, position).into_iter().enumerate() {
        let mut have: Vec<Name> =
            taps.iter().map(|tap| tap[register]).filter(|name| *name != PADDED).collect();
        have.sort_unstable();
        have.dedup();
        if have != wanted {
            let missing = wanted.iter().find(|name| !have.contains(name));
            let more = have.iter().find(|name| !wanted.contains(name));
            return Some((register, *missing.unwrap_or(&PADDED), *more.unwrap_or(&PADDED)));
        }
    }
    None
}
