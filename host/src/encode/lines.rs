//! The input lines of a node's sums: what a core's rows carry.
//!
//! A tap of a read is one element, and an element is carried by one or more signals: each is a line. The lines of a group are
//! the same at every position, only the signals on them move.

use super::graph::EncodedGraph;
use crate::dots::{DotNode, PAD, Source};

/// One input line of a group's sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The read.
    pub read: u32,
    /// Tap of the read.
    pub tap: u32,
    /// Column of the weight matrix: the tap's place among all taps of the node.
    pub column: u32,
    /// Some element that the tap brings at some position: which channel it is, is the same at all of them.
    pub element: u32,
    /// Which of the element's signals.
    pub copy: u16,
}

impl EncodedGraph {
    /// The lines of group `group` of node `number`. Taps that lie outside at every position have none, nor have
    /// those that tell an exact node what lies inside.
    pub fn lines(&self, number: usize, group: usize) -> Vec<Line> {
        let node = &self.dot.nodes[number];
        let elements = node.representatives();
        let mut lines = Vec::new();
        let mut column = 0;
        for (at, read) in node.body.reads().iter().enumerate() {
            for tap in 0..read.taps.len() {
                let element = elements[column];
                let told = read.source == Source::One && self.nodes[number].exact.is_some();
                if element != PAD && !told {
                    let element = element + (group * read.group_step) as u32;
                    for copy in 0..self.carried(read.source, element).0 {
                        let (read, tap, column) = (at as u32, tap as u32, column as u32);
                        lines.push(Line { read, tap, column, element, copy });
                    }
                }
                column += 1;
            }
        }
        lines
    }

    /// Lines of group 0 of a node whose sources have their signals.
    pub(super) fn line_count(&self, node: &DotNode) -> usize {
        let elements = node.representatives();
        let sources =
            node.body.reads().iter().flat_map(|read| std::iter::repeat_n(read.source, read.taps.len()));
        let carried = |(source, &element): (Source, &u32)| {
            if element == PAD { 0 } else { usize::from(self.carried(source, element).0) }
        };
        sources.zip(&elements).map(carried).sum()
    }

    /// The signals on `lines` at one position: read number and signal of its source, or [`PAD`].
    pub fn signals_at(
        &self,
        number: usize,
        group: usize,
        lines: &[Line],
        position: usize,
        scratch: &mut Vec<u32>,
        out: &mut Vec<u32>,
    ) {
        let node = &self.dot.nodes[number];
        scratch.clear();
        node.bring(position, scratch);
        for line in lines {
            let read = &node.body.reads()[line.read as usize];
            let element = scratch[line.column as usize];
            out.push(if element == PAD {
                PAD
            } else {
                let element = element + (group * read.group_step) as u32;
                self.carried(read.source, element).1 + u32::from(line.copy)
            });
        }
    }

    /// The source that a line reads.
    pub fn source(&self, number: usize, line: &Line) -> Source {
        self.dot.nodes[number].body.reads()[line.read as usize].source
    }
}
