//! One node.

use std::sync::Arc;

use super::act::Act;
use super::taps::{PAD, Taps};
use crate::numeric::Matrix;

/// Where a read finds its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The network's input vector.
    Input,
    /// A single element that is always 1. Elements outside read 0 as everywhere, so a window over it tells which taps of a
    /// padded convolution lie inside.
    One,
    /// The value of the node with this number.
    Node(usize),
}

/// Elements of one source that a node reads at each position.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The source.
    pub source: Source,
    /// Which elements, for group 0.
    pub taps: Taps,
    /// Group g reads the elements that lie `g * group_step` further on.
    pub group_step: usize,
}

/// `act(W x + b)` at each position.
///
/// x is the concatenation of what the reads bring, K elements; each of the groups has its own W of M x K and its own M
/// biases, and reads its own elements. The channels of the value are the groups' outputs one after the other: channel
/// `g * M + m`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// Where x comes from.
    pub reads: Vec<Read>,
    /// W of each group: M rows, K columns. Shared between the stages' graphs: the weights of a large network are held once.
    pub weights: Vec<Arc<Matrix>>,
    /// Biases of all channels.
    pub bias: Vec<f64>,
    /// act.
    pub act: Act,
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A sum of products and a function.
    Dot(Dot),
    /// For channel c the largest of the elements that the reads bring, moved on by `c * group_step`; elements outside do
    /// not take part.
    Max(Vec<Read>),
}

impl Body {
    /// The reads.
    pub fn reads(&self) -> &[Read] {
        match self {
            Body::Dot(dot) => &dot.reads,
            Body::Max(reads) => reads,
        }
    }

    /// The reads, to be changed.
    pub fn reads_mut(&mut self) -> &mut [Read] {
        match self {
            Body::Dot(dot) => &mut dot.reads,
            Body::Max(reads) => reads,
        }
    }
}

/// A node and the shape of its value.
#[derive(Clone, Debug, PartialEq)]
pub struct DotNode {
    /// Name of the graph's value that it computes; unique.
    pub name: String,
    /// The grid of positions, the last dimension running fastest; `[]` or `[1]` for one position.
    pub grid: Vec<usize>,
    /// Channels.
    pub channels: usize,
    /// What it computes.
    pub body: Body,
}

impl DotNode {
    /// Number of positions.
    pub fn positions(&self) -> usize {
        self.grid.iter().product()
    }

    /// The positions of step `step` where dimension 0 of the grid counts the steps of a loop.
    pub fn step(&self, step: usize) -> std::ops::Range<usize> {
        let each = self.grid.iter().skip(1).product::<usize>();
        step * each..(step + 1) * each
    }

    /// Elements of its value: element `position * channels + channel`.
    pub fn len(&self) -> usize {
        self.positions() * self.channels
    }

    /// Never true for a valid node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Groups of channels with elements of their own.
    pub fn groups(&self) -> usize {
        match &self.body {
            Body::Dot(dot) => dot.weights.len(),
            Body::Max(_) => self.channels,
        }
    }

    /// Elements that one group reads at one position: K.
    pub fn taps(&self) -> usize {
        self.body.reads().iter().map(|read| read.taps.len()).sum()
    }

    /// The grid indices of position `position`.
    pub fn indices(&self, position: usize) -> Vec<usize> {
        let mut rest = position;
        let mut out = vec![0; self.grid.len()];
        for (index, &extent) in out.iter_mut().zip(&self.grid).rev() {
            *index = rest % extent;
            rest /= extent;
        }
        out
    }

    /// For each tap some element that group 0 reads there at some position, or [`PAD`] for a tap that always lies outside: what
    /// channel a tap reads is the same at all positions.
    pub fn representatives(&self) -> Vec<u32> {
        let mut elements: Vec<u32> = vec![PAD; self.taps()];
        let positions = self.positions();
        let mut brought = Vec::new();
        // The middle of the grid sees every tap inside, but of networks that are nearly all border.
        for position in std::iter::once(positions / 2).chain(0..positions) {
            brought.clear();
            self.bring(position, &mut brought);
            elements.iter_mut().zip(&brought).filter(|(known, _)| **known == PAD).for_each(|(k, e)| *k = *e);
            if !elements.contains(&PAD) {
                break;
            }
        }
        elements
    }

    /// Appends what all reads bring for group 0 at one position.
    pub fn bring(&self, position: usize, out: &mut Vec<u32>) {
        let indices = self.indices(position);
        self.body.reads().iter().for_each(|read| read.taps.bring(position, &indices, out));
    }

    /// Multiplications for one sample.
    pub fn products(&self) -> u64 {
        match &self.body {
            Body::Dot(dot) => {
                let each: usize = dot.weights.iter().map(|w| w.rows() * w.cols()).sum();
                each as u64 * self.positions() as u64
            }
            Body::Max(_) => 0,
        }
    }
}
