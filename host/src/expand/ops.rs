//! Core-ops: one sum of one block of columns over one or several arrays.

use std::fmt;

use crate::encode::{EncodedGraph, EncodedSource};

/// Number of a core-op in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CoreOpId(pub usize);

/// What one column computes: copy `copy` of element `element` of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpColumn {
    /// Element of the node's value.
    pub element: usize,
    /// Copy (or segment) of the element.
    pub copy: usize,
}

/// A block of columns of one node with the arrays that hold its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreOp<P> {
    /// The encoded node.
    pub node: usize,
    /// Where its inputs come from.
    pub source: EncodedSource,
    /// For each array the signals of the source on its word lines.
    pub parts: Vec<Vec<u32>>,
    /// Its columns, an element's copies next to each other.
    pub columns: Vec<OpColumn>,
    /// First signal of the node's value that the columns write; the others follow.
    pub first_signal: usize,
    /// Weights and periphery: nothing yet ([`Real`]), or integers.
    pub payload: P,
}

impl<P> CoreOp<P> {
    /// The elements of its columns, in order, each once.
    pub fn elements(&self) -> Vec<usize> {
        let mut elements: Vec<usize> = self.columns.iter().map(|column| column.element).collect();
        elements.dedup();
        elements
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
    /// Arrays in all.
    pub fn arrays(&self) -> usize {
        self.ops.iter().map(|op| op.parts.len()).sum()
    }

    pub(crate) fn write_op(&self, number: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = &self.ops[number];
        let source = match op.source {
            EncodedSource::Input => "input".to_owned(),
            EncodedSource::Node(from) => format!("{:?}", self.encoded.nodes[from].name),
        };
        let rows: Vec<String> = op.parts.iter().map(|part| part.len().to_string()).collect();
        write!(
            f,
            "op{number} {:?} <- {source}: {} columns, rows {}, signals {}..",
            self.encoded.nodes[op.node].name,
            op.columns.len(),
            rows.join("+"),
            op.first_signal
        )
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
