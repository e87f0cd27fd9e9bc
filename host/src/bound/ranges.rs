//! Where the sums and values of a network can lie, for inputs within given ranges.

use super::function::spread;
use super::interval::Interval;
use super::lines::taps;
use crate::dots::{Body, Dot, DotGraph, DotNode, PAD, Source};

/// Ranges of one node, over all positions.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRanges {
    /// Of each channel's sum.
    pub sums: Vec<Interval>,
    /// Of each channel's value.
    pub values: Vec<Interval>,
}

/// The ranges of every node of `dot`, where element e of the input lies in `inputs[e]`. Each node is judged as if its sources
/// could take all their values independently, so ranges are too wide rather than too narrow.
pub fn ranges(dot: &DotGraph, inputs: &[Interval]) -> Vec<NodeRanges> {
    let mut out: Vec<NodeRanges> = Vec::new();
    for node in &dot.nodes {
        let value = |source: Source, element: u32| match source {
            Source::Input => inputs[element as usize],
            Source::One => Interval::point(1.0),
            Source::Node(from) => out[from].values[element as usize % dot.nodes[from].channels],
        };
        let made = match &node.body {
            Body::Dot(body) => sums(node, body, value),
            Body::Max(_) => {
                let largest = |group: usize| {
                    taps(node, group, value).into_iter().reduce(Interval::hull).unwrap_or(Interval::ALL)
                };
                let sums: Vec<Interval> = (0..node.channels).map(largest).collect();
                NodeRanges { values: sums.clone(), sums }
            }
        };
        out.push(made);
    }
    out
}

fn sums(node: &DotNode, body: &Dot, value: impl Fn(Source, u32) -> Interval) -> NodeRanges {
    let each = node.channels / node.groups();
    let constants = constants(node, body);
    let mut made = NodeRanges { sums: Vec::new(), values: Vec::new() };
    for group in 0..node.groups() {
        let mut brought = taps(node, group, &value);
        let mut tap = 0;
        for read in &body.reads {
            // A tap that lies outside somewhere brings 0 there.
            let pads = read.taps.pads(&node.grid);
            for _ in 0..read.taps.len() {
                if read.source == Source::One {
                    brought[tap] = Interval::point(0.0);
                } else if pads {
                    brought[tap] = brought[tap].hull(Interval::point(0.0));
                }
                tap += 1;
            }
        }
        for row in 0..each {
            let channel = group * each + row;
            let weights = body.weights[group].row(row);
            let sum =
                weights.iter().zip(&brought).fold(constants[channel], |sum, (w, x)| sum.plus(x.scaled(*w)));
            made.values.push(spread(&body.act, sum));
            made.sums.push(sum);
        }
    }
    made
}

/// What biases and reads of [`Source::One`] add to each channel: the same at all positions, or different from one to the next.
fn constants(node: &DotNode, body: &Dot) -> Vec<Interval> {
    let mut out: Vec<Interval> = body.bias.iter().map(|&b| Interval::point(b)).collect();
    if body.reads.iter().all(|read| read.source != Source::One) {
        return out;
    }
    let each = node.channels / node.groups();
    let mut found: Vec<Option<Interval>> = vec![None; node.channels];
    let mut elements = Vec::new();
    for position in 0..node.positions() {
        elements.clear();
        node.bring(position, &mut elements);
        let mut lit = Vec::new();
        let mut tap = 0;
        for read in &body.reads {
            for _ in 0..read.taps.len() {
                if read.source == Source::One && elements[tap] != PAD {
                    lit.push(tap);
                }
                tap += 1;
            }
        }
        for (channel, found) in found.iter_mut().enumerate() {
            let row = body.weights[channel / each].row(channel % each);
            let own = Interval::point(lit.iter().map(|&tap| row[tap]).sum());
            *found = Some(found.map_or(own, |all| all.hull(own)));
        }
    }
    for (out, found) in out.iter_mut().zip(found) {
        *out = out.plus(found.unwrap_or(Interval::point(0.0)));
    }
    out
}
