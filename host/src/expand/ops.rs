//! Core-ops: one sum of one block of columns over one or several cores, at every position of its node's grid.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::encode::{EncodedGraph, Line};

/// Number of a core-op in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoreOpId(pub usize);

/// What one column computes: copy `copy` of channel `channel` of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpColumn {
    /// Channel of the node's value.
    pub channel: usize,
    /// Copy (or segment) of the channel.
    pub copy: usize,
}

/// A line of one of the groups that share a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpLine {
    /// The group.
    pub group: u32,
    /// Its line.
    pub line: Line,
}

/// A block of columns of one node with the cores that hold its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreOp<P> {
    /// The encoded node.
    pub node: usize,
    /// The groups whose columns it holds; a group's columns read that group's lines only.
    pub groups: Range<usize>,
    /// All lines of the sum, group by group.
    pub lines: Arc<[OpLine]>,
    /// For each core the lines on its rows, by their numbers in `lines`.
    pub parts: Vec<Vec<u32>>,
    /// Its columns, a channel's copies next to each other.
    pub columns: Vec<OpColumn>,
    /// Signal within a position that the first column writes; the others follow.
    pub first_signal: usize,
    /// Weights and periphery: nothing yet ([`Real`]), or integers.
    pub payload: P,
}

impl<P> CoreOp<P> {
    /// The channels of its columns, in order, each once.
    pub fn channels(&self) -> Vec<usize> {
        let mut channels: Vec<usize> = self.columns.iter().map(|column| column.channel).collect();
        channels.dedup();
        channels
    }

    /// The same core-op with another payload.
    pub fn with<Q>(&self, payload: Q) -> CoreOp<Q> {
        CoreOp {
            node: self.node,
            groups: self.groups.clone(),
            lines: self.lines.clone(),
            parts: self.parts.clone(),
            columns: self.columns.clone(),
            first_signal: self.first_signal,
            payload,
        }
    }
}

/// The payload before tuning: weights are still the dot graph's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Real;

/// All core-ops in the order in which they can run.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreOpGraph<P> {
    /// The encoded graph.
    pub encoded: EncodedGraph,
    /// The core-ops.
    pub ops: Vec<CoreOp<P>>,
}

impl<P> CoreOpGraph<P> {
    /// Cores in all.
    pub fn arrays(&self) -> usize {
        self.ops.iter().map(|op| op.parts.len()).sum()
    }

    pub(crate) fn write_op(&self, number: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = &self.ops[number];
        let rows: Vec<String> = op.parts.iter().map(|part| part.len().to_string()).collect();
        let node = &self.encoded.dot.nodes[op.node];
        write!(
            f,
            "op{number} {:?}: {} columns, rows {}, {} positions, signals {}..",
            node.name,
            op.columns.len(),
            rows.join("+"),
            node.positions(),
            op.first_signal
        )?;
        if node.groups() > 1 {
            write!(f, ", groups {}..{}", op.groups.start, op.groups.end)?;
        }
        Ok(())
    }
}

impl fmt::Display for CoreOpGraph<Real> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "core-op-graph real, {} ops on {} arrays", self.ops.len(), self.arrays())?;
        for number in 0..self.ops.len() {
            self.write_op(number, f)?;
            writeln!(f)?;
        }
        Ok(())
    }
}
