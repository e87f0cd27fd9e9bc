//! One walk over the nodes: which lines and columns each core-op has.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::ops::{CoreOp, OpColumn, OpLine, Real};
use super::split::ExpandOptions;
use crate::dots::{Body, Source};
use crate::encode::EncodedGraph;
use crate::target::Target;

/// Cuts node after node; remembers which copies of signals are taken.
pub(super) struct Cutter<'a> {
    graph: &'a EncodedGraph,
    target: &'a Target,
    options: ExpandOptions,
    /// Core-ops so far that read a channel of a transmission node.
    readers: BTreeMap<(usize, usize), u32>,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(graph: &'a EncodedGraph, target: &'a Target, options: ExpandOptions) -> Self {
        Self { graph, target, options, readers: BTreeMap::new() }
    }

    /// The lines of a group; of copied signals those of the copy that the next core-op takes.
    fn lines(&self, number: usize, group: usize) -> Vec<OpLine> {
        let own = |line: &crate::encode::Line| match self.graph.copied(number, line) {
            None => true,
            Some(copied) => {
                let readers = self.readers.get(&(copied.node, copied.channel)).copied().unwrap_or(0);
                copied.copy == readers / copied.targets
            }
        };
        let lines = self.graph.lines(number, group).into_iter().filter(own);
        lines.map(|line| OpLine { group: group as u32, line }).collect()
    }

    /// A core-op has taken its lines. Whether any of them brings a copy.
    fn take(&mut self, number: usize, lines: &[OpLine]) -> bool {
        let copied = lines.iter().filter_map(|own| self.graph.copied(number, &own.line));
        let taken: BTreeSet<(usize, usize)> = copied.map(|copied| (copied.node, copied.channel)).collect();
        taken.iter().for_each(|&channel| *self.readers.entry(channel).or_default() += 1);
        !taken.is_empty()
    }

    pub(super) fn node(&mut self, number: usize) -> Vec<CoreOp<Real>> {
        let graph = self.graph;
        let target = self.target;
        let node = &graph.dot.nodes[number];
        let groups = node.groups();
        let mut ops = Vec::new();
        let mut group = 0;
        while group < groups {
            let mut own = self.lines(number, group);
            let mut last = group + 1;
            // As many groups as fit one array, all of them evenly filled.
            if own.len() <= target.rows {
                let width = |groups: Range<usize>| columns_of(graph, number, groups).len();
                let fit =
                    (target.rows / own.len().max(1)).max(1).min(target.columns / width(group..last).max(1));
                let blocks = (groups - group).div_ceil(fit.max(1));
                let share = (groups - group).div_ceil(blocks.max(1));
                while last < groups && last - group < share {
                    let next = self.lines(number, last);
                    if own.len() + next.len() > target.rows || width(group..last + 1) > target.columns {
                        break;
                    }
                    own.extend(next);
                    last += 1;
                }
            }
            let mut all: Arc<[OpLine]> = own.into();
            let mut moved = false;
            for columns in blocks(columns_of(graph, number, group..last), target.columns) {
                let Some(first) = columns.first() else { continue };
                let first_signal = graph.nodes[number].start(first.channel) + first.copy;
                if moved {
                    // The copies that the block before has taken are not there any more.
                    all = (group..last).flat_map(|group| self.lines(number, group)).collect();
                }
                moved = self.take(number, &all);
                let lines = self.live(number, &all, &columns).unwrap_or_else(|| all.clone());
                let parts = parts(lines.len(), self.arrays(lines.len()), node.positions() > 1);
                ops.push(CoreOp {
                    node: number,
                    groups: group..last,
                    lines,
                    parts,
                    columns,
                    first_signal,
                    payload: Real,
                });
            }
            group = last;
        }
        ops
    }

    /// Arrays for so many lines.
    fn arrays(&self, lines: usize) -> usize {
        let least = lines.div_ceil(self.target.rows).max(1);
        // A function of the whole sum must stay in one array.
        if least == 1 { 1 } else { (least * usize::from(self.options.row_arrays.max(1))).min(lines) }
    }

    /// The lines that have a weight in some column, where leaving out the others saves an array: blocks of zeros are no
    /// cores.
    fn live(&self, number: usize, lines: &[OpLine], columns: &[OpColumn]) -> Option<Arc<[OpLine]>> {
        let least = lines.len().div_ceil(self.target.rows);
        let node = &self.graph.dot.nodes[number];
        let Body::Dot(_) = &node.body else { return None };
        if least <= 1 {
            return None;
        }
        let live: Vec<OpLine> =
            lines.iter().copied().filter(|own| weighs(self.graph, number, own, columns)).collect();
        let needed = live.len().div_ceil(self.target.rows).max(1);
        if needed >= least {
            return None;
        }
        // Without any weight the columns are constants; a core still makes them.
        Some(if live.is_empty() { lines[..1].into() } else { live.into() })
    }
}

/// Whether a line has a weight in one of `columns`, or may get one: what tells which taps lie inside.
pub(super) fn weighs(graph: &EncodedGraph, number: usize, own: &OpLine, columns: &[OpColumn]) -> bool {
    let node = &graph.dot.nodes[number];
    let Body::Dot(dot) = &node.body else { return true };
    let each = node.channels / node.groups().max(1);
    let told = graph.source(number, &own.line) == Source::One;
    told || columns.iter().any(|column| {
        let group = column.channel / each;
        group == own.group as usize
            && dot.weights[group].at(column.channel % each, own.line.column as usize) != 0.0
    })
}

/// Lines dealt out over `arrays`. Of a dense layer every n-th one, so that neighbouring inputs, which tend to be active
/// together, spread over all parts and no part runs further than the others; of a convolution runs of neighbours, so
/// that a part is a piece of the window and can be fetched as one.
fn parts(lines: usize, arrays: usize, moving: bool) -> Vec<Vec<u32>> {
    (0..arrays)
        .map(|part| {
            if moving {
                (lines * part / arrays..lines * (part + 1) / arrays).map(|line| line as u32).collect()
            } else {
                (part as u32..lines as u32).step_by(arrays).collect()
            }
        })
        .collect()
}

fn columns_of(graph: &EncodedGraph, number: usize, groups: Range<usize>) -> Vec<OpColumn> {
    let node = &graph.dot.nodes[number];
    let each = node.channels / node.groups().max(1);
    let copies = &graph.nodes[number].copies;
    (groups.start * each..groups.end * each)
        .flat_map(|channel| (0..usize::from(copies[channel])).map(move |copy| OpColumn { channel, copy }))
        .collect()
}

/// Columns packed greedily, in order, into blocks of at most `width`; a channel's copies are parted only when they alone exceed
/// a block.
fn blocks(columns: Vec<OpColumn>, width: usize) -> Vec<Vec<OpColumn>> {
    let mut out: Vec<Vec<OpColumn>> = vec![Vec::new()];
    for channel in columns.chunk_by(|a, b| a.channel == b.channel) {
        let full = out.last().is_some_and(|block| !block.is_empty() && block.len() + channel.len() > width);
        if full {
            out.push(Vec::new());
        }
        for column in channel {
            if out.last().is_some_and(|block| block.len() == width) {
                out.push(Vec::new());
            }
            if let Some(block) = out.last_mut() {
                block.push(*column);
            }
        }
    }
    out
}
