//! Copies of signals: which node's signals a transmission node repeats, and which of them a line brings.

use super::graph::{EncodedGraph, Role};
use super::lines::Line;
use crate::dots::Source;

/// One copy of a channel's signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Copied {
    /// The transmission node.
    pub node: usize,
    /// The channel; 0 stands for all where a core takes the same copy of each.
    pub channel: usize,
    /// Which copy, from 0.
    pub copy: u32,
    /// How many cores one copy may reach.
    pub targets: u32,
}

impl EncodedGraph {
    /// The node whose signals the transmission node `node` repeats; `None` for all others.
    pub fn repeats(&self, node: usize) -> Option<usize> {
        match (self.nodes.get(node)?.role, self.dot.nodes.get(node)?.body.reads()) {
            (Role::Transmission { .. }, [read]) => match read.source {
                Source::Node(from) => Some(from),
                _ => None,
            },
            _ => None,
        }
    }

    /// The node that a value comes from, transmission aside.
    pub fn origin(&self, node: usize) -> usize {
        self.repeats(node).unwrap_or(node)
    }

    /// Which copy a line of node `number` brings, where it reads a transmission node.
    pub fn copied(&self, number: usize, line: &Line) -> Option<Copied> {
        let Source::Node(node) = self.source(number, line) else { return None };
        let from = self.repeats(node)?;
        let Role::Transmission { targets, whole } = self.nodes[node].role else { return None };
        let channel = line.element as usize % self.dot.nodes[node].channels;
        // Copy 0 of all signals of the channel first, then copy 1.
        let copy = u32::from(line.copy) / u32::from(self.nodes[from].copies[channel].max(1));
        Some(Copied { node, channel: if whole { 0 } else { channel }, copy, targets })
    }
}
