//! Names of signals, and which of them the core-op graph wants where.
//!
//! Every signal of the encoded graph has a number of its own: those of the input first, then those of each node,
//! position by position. What else a word line can carry has numbers at the end.

use std::sync::Arc;

use crate::{
    dots::{PAD, Source},
    expand::{CoreOpGraph, OpLine},
    tune::Coded,
};

/// The name of a signal.
pub(super) type Name = u32;

/// Outside of a source: the code that stands for zero.
pub(super) const PADDED: Name = u32::MAX;
/// Outside of a source, and another code.
pub(super) const PADDED_WRONG: Name = u32::MAX - 1;
/// The constant 1.
pub(super) const ONE: Name = u32::MAX - 2;
/// A place that nothing was written to.
pub(super) const NOTHING: Name = u32::MAX - 3;
/// A sum that is not finished.
pub(super) const UNFINISHED: Name = u32::MAX - 4;
/// Names below this one are signals.
pub(super) const SPECIAL: Name = UNFINISHED;

/// The numbering of all signals of a graph.
pub(super) struct Names<'g> {
    graph: &'g CoreOpGraph<Coded>,
    /// First name of the input and of each node, and behind them the number of names.
    first: Vec<u32>,
}

impl<'g> Names<'g> {
    /// Numbers the signals; `None` when there are too many.
    pub(super) fn new(graph: &'g CoreOpGraph<Coded>) -> Option<Self> {
        let encoded = &graph.encoded;
        let sources = (0..encoded.nodes.len()).map(Source::Node);
        let mut first = vec![0];
        let mut at = 0u64;
        for source in std::iter::once(Source::Input).chain(sources) {
            at += encoded.signals(source) as u64;
            if at >= u64::from(SPECIAL) {
                return None;
            }
            first.push(at as u32);
        }
        Some(Self { graph, first })
    }

    /// The name of the first signal of the input (0) or of node n (n + 1).
    pub(super) fn first(&self, source: usize) -> Name {
        self.first[source]
    }

    /// Signal `signal` of the source with the name; the source is 0 for the input, n + 1 for node n. `None` for what is no
    /// signal.
    pub(super) fn split(&self, name: Name) -> Option<(usize, u32)> {
        let after = self.first.partition_point(|&first| first <= name);
        (after < self.first.len()).then(|| (after - 1, name - self.first[after - 1]))
    }

    /// Node, position, channel and copy of a node's signal.
    pub(super) fn part(&self, node: usize, signal: u32) -> (usize, usize, usize) {
        let own = &self.graph.encoded.nodes[node];
        let (position, within) = (signal as usize / own.width(), signal as usize % own.width());
        let channels: Vec<usize> = (0..own.copies.len()).collect();
        let channel = channels.partition_point(|&channel| own.start(channel) <= within) - 1;
        (position, channel, within - own.start(channel))
    }

    /// The name in words.
    pub(super) fn describe(&self, name: Name) -> String {
        let encoded = &self.graph.encoded;
        match (name, self.split(name)) {
            (PADDED, _) => "nothing (outside, zero)".into(),
            (PADDED_WRONG, _) => "outside with another code than that of zero".into(),
            (ONE, _) => "the constant 1".into(),
            (UNFINISHED, _) => "a sum that is not finished".into(),
            (_, Some((0, signal))) => {
                let signals = encoded.input.weights.len() as u32;
                format!("input element {} signal {}", signal / signals, signal % signals)
            }
            (_, Some((source, signal))) => {
                let (position, channel, copy) = self.part(source - 1, signal);
                let node = &encoded.dot.nodes[source - 1].name;
                format!("node {node:?} position {position} channel {channel} signal {copy}")
            }
            (_, None) => "a signal that was never written".into(),
        }
    }

    /// The names on `lines` of node `node` at one position.
    fn lines(
        &self,
        node: usize,
        lines: &[OpLine],
        position: usize,
        elements: &mut Vec<u32>,
        out: &mut Vec<Name>,
    ) {
        let encoded = &self.graph.encoded;
        let dot = &encoded.dot.nodes[node];
        let reads = dot.body.reads();
        elements.clear();
        dot.bring(position, elements);
        out.clear();
        out.extend(lines.iter().map(|own| {
            let line = &own.line;
            let (Some(read), Some(&element)) =
                (reads.get(line.read as usize), elements.get(line.column as usize))
            else {
                return NOTHING;
            };
            if element == PAD {
                return PADDED;
            }
            let element = u64::from(element) + u64::from(own.group) * read.group_step as u64;
            self.element(read.source, element, line.copy)
        }));
    }

    /// The name of signal `copy` of an element.
    pub(super) fn element(&self, source: Source, element: u64, copy: u16) -> Name {
        let encoded = &self.graph.encoded;
        if element >= encoded.dot.len(source) as u64 {
            return NOTHING;
        }
        let (copies, signal) = encoded.carried(source, element as u32);
        match source {
            _ if copy >= copies => NOTHING,
            Source::Input => self.first[0] + signal + u32::from(copy),
            Source::Node(node) => self.first[node + 1] + signal + u32::from(copy),
            Source::One => ONE,
        }
    }

    /// Whether `taps` are what a maximum compares at a position, tap by tap in the graph's order.
    pub(super) fn in_order(&self, node: usize, position: usize, taps: &[Vec<Name>]) -> bool {
        let encoded = &self.graph.encoded;
        let (dot, own) = (&encoded.dot.nodes[node], &encoded.nodes[node]);
        let mut elements = Vec::new();
        dot.bring(position, &mut elements);
        let steps = dot.body.reads().iter().flat_map(|read| (0..read.taps.len()).map(move |_| read));
        let same = |((read, &element), tap): ((&crate::dots::Read, &u32), &Vec<Name>)| {
            let wanted = (0..dot.channels).flat_map(|channel| {
                let element = u64::from(element) + (channel * read.group_step) as u64;
                (0..own.copies[channel]).map(move |copy| (element, copy))
            });
            let pad = element == PAD;
            let name = |(element, copy)| if pad { PADDED } else { self.element(read.source, element, copy) };
            wanted.map(name).eq(tap.iter().copied())
        };
        elements.len() == taps.len() && steps.zip(&elements).zip(taps).all(same)
    }

    /// For each signal of one position of a maximum the names that it is the largest of, in order; those outside left out.
    pub(super) fn window(&self, node: usize, position: usize) -> Vec<Vec<Name>> {
        let encoded = &self.graph.encoded;
        let dot = &encoded.dot.nodes[node];
        let mut elements = Vec::new();
        dot.bring(position, &mut elements);
        let mut out = Vec::with_capacity(encoded.nodes[node].width());
        for channel in 0..dot.channels {
            for copy in 0..encoded.nodes[node].copies[channel] {
                let mut names = Vec::with_capacity(elements.len());
                let mut column = 0;
                for read in dot.body.reads() {
                    for &element in &elements[column..column + read.taps.len()] {
                        if element != PAD {
                            let element = u64::from(element) + (channel * read.group_step) as u64;
                            names.push(self.element(read.source, element, copy));
                        }
                    }
                    column += read.taps.len();
                }
                names.sort_unstable();
                names.dedup();
                out.push(names);
            }
        }
        out
    }
}

/// A node and lines of it, the position that is known, and the names there.
type List = (usize, Arc<[OpLine]>, Option<usize>, Vec<Name>);

/// What core-ops want on their lines, remembered as long as the position stays.
pub(super) struct Wanted {
    /// For each core-op its list of lines.
    list: Vec<usize>,
    /// For each list its node and lines, the position that is known, and its names.
    lists: Vec<List>,
    elements: Vec<u32>,
}

impl Wanted {
    /// Core-ops that share their lines share a list.
    pub(super) fn new(graph: &CoreOpGraph<Coded>) -> Self {
        let mut lists: Vec<List> = Vec::new();
        let mut list = Vec::new();
        for op in &graph.ops {
            let same = |(node, lines, ..): &List| *node == op.node && Arc::ptr_eq(lines, &op.lines);
            // Sharing core-ops follow each other.
            if !lists.last().is_some_and(same) {
                lists.push((op.node, op.lines.clone(), None, Vec::new()));
            }
            list.push(lists.len() - 1);
        }
        Self { list, lists, elements: Vec::new() }
    }

    /// The names on all lines of core-op `op` at `position`.
    pub(super) fn at(&mut self, names: &Names<'_>, op: usize, position: usize) -> &[Name] {
        let (node, lines, known, found) = &mut self.lists[self.list[op]];
        if *known != Some(position) {
            names.lines(*node, lines, position, &mut self.elements, found);
            *known = Some(position);
        }
        found
    }
}

/// Lines that the whole program delivers: what following it costs.
pub(super) fn delivered(graph: &CoreOpGraph<Coded>) -> u64 {
    let positions = |node: usize| graph.encoded.dot.nodes[node].positions() as u64;
    graph.ops.iter().map(|op| positions(op.node) * op.lines.len() as u64).sum()
}
