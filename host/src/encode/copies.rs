//! Copies of signals: which node's signals a transmission node repeats, and which of them a line brings.

use std::collections::BTreeSet;

use super::graph::{EncodedGraph, Role};
use super::lines::Line;
use crate::dots::{PAD, Source, Taps};

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

    /// The sources of which a line of node `number` brings other channels at other positions.
    pub fn moved(&self, number: usize) -> BTreeSet<usize> {
        let dot = &self.dot.nodes[number];
        let moves = |taps: &Taps, channels: usize| match taps {
            Taps::Window(window) => window.terms.iter().any(|term| {
                let step = term.coefficient * window.axes[term.axis].pitch as i64;
                dot.grid.get(term.grid).is_some_and(|&positions| positions > 1) && step % channels as i64 != 0
            }),
            Taps::Table { taps, elements } => {
                let mut of = vec![None; *taps];
                elements.chunks_exact((*taps).max(1)).any(|position| {
                    of.iter_mut().zip(position).any(|(of, element)| {
                        let channel = (*element != PAD).then(|| *element as usize % channels);
                        channel.is_some_and(|channel| *of.get_or_insert(channel) != channel)
                    })
                })
            }
        };
        let sources = dot.body.reads().iter().filter_map(|read| match read.source {
            Source::Node(from) => Some((from, read)),
            _ => None,
        });
        sources
            .filter(|(from, read)| moves(&read.taps, self.dot.nodes[*from].channels))
            .map(|(from, _)| from)
            .collect()
    }
}
