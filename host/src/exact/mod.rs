//! Networks that are integer already: nodes whose own integers a digital core can take as they are.
//!
//! Such a node reads levels that stand for evenly spaced values, weighs them with whole multiples of one step per channel, and
//! ends on evenly spaced values again, or leaves its sum to the host. Two kinds are told apart. Where the file gives the
//! integers (dequantised operands, a quantised result), weights, biases, zero points and multipliers are the file's and the
//! arithmetic is that of int8 frameworks: the scale as a multiplier of the chip's bits and a shift, rounded twice behind a
//! convolution and once behind a matrix product (where the chip can; so are TFLite's reference outputs). Elsewhere (QONNX,
//! average pooling, thresholds behind a normalisation) bias and multiplier are sought so that every sum the node can
//! see gives the very level that its function asks for, and that is checked at each step of the function.
//!
//! A third kind is whole-numbered but for a ratio: values of different steps are added (residual connections), and whole weights in nearly
//! that ratio give nearly every sum its level (`near.rs`).
//!
//! Everything else is tuned as any network is, beginning at the first node that is not of this kind.

mod gain;
mod grid;
mod near;
mod node;
mod softmax;
mod stairs;
mod zero;

pub(crate) use near::with_lines;
pub use softmax::int8_softmax;

use std::sync::Arc;

use crate::dots::{Body, DotGraph, DotNode, PAD, Read, Source};
use crate::notes::RawType;
use crate::target::{Digital, Target};
use crate::tune::{CodedAct, InputMap, IntegerRounding, Requantised};

/// The integers of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Integers {
    /// Taps of a group.
    pub taps: usize,
    /// For each group its weights, one row of all taps a channel; what tells which taps lie inside counts 0 here.
    pub weights: Vec<Vec<i16>>,
    /// Bias, shift and multiplier of every channel, and the level of an input that stands for zero.
    pub requantised: Requantised,
    /// What follows.
    pub act: CodedAct,
    /// What a level (or a step of the sum) of each channel counts.
    pub coefficients: Vec<f64>,
    /// The value of level (or sum) 0 of each channel.
    pub zeros: Vec<f64>,
    /// How many lines read each value, so that weights of few bits meet a ratio more closely; the taps are then the reads' one after the
    /// other, all of them so many times.
    pub lines: usize,
    /// How far a sum can lie from the network's own, in levels; 0 where the integers are its own.
    pub distance: f64,
}

impl Integers {
    /// The weight of a channel on a tap of its group.
    pub fn weight(&self, channel: usize, tap: usize) -> i16 {
        let each = self.coefficients.len() / self.weights.len().max(1);
        let (group, row) = (channel / each.max(1), channel % each.max(1));
        self.weights[group][row * self.taps + tap]
    }
}

/// The nodes of a network whose integers are taken as they are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exact {
    /// Node by node; empty when there is none.
    pub nodes: Vec<Option<Arc<Integers>>>,
    /// Whether one of them reads the input: its codes must then be the raw values.
    pub reads_input: bool,
}

impl Exact {
    /// The integers of a node.
    pub fn of(&self, node: usize) -> Option<&Arc<Integers>> {
        self.nodes.get(node)?.as_ref()
    }

    /// Finds the nodes of `dot` whose integers `target` can hold; `input` and `raw` say what raw samples mean.
    pub fn find(
        dot: &DotGraph,
        input: &InputMap,
        raw: RawType,
        target: &Target,
        rounding: IntegerRounding,
    ) -> Self {
        // What loops hand on has no integers in the file.
        if !dot.loops.is_empty() {
            return Self::default();
        }
        let Some(digital) = target.digital.as_ref().filter(|digital| takes(digital)) else {
            return Self::default();
        };
        let input = of_input(input, raw, target);
        let mut search = Search { dot, target, digital, rounding, input, levels: Vec::new() };
        let mut found = Self::default();
        for (number, node) in dot.nodes.iter().enumerate() {
            let (integers, levels) = match &node.body {
                Body::Max(reads) => (None, search.largest(node, reads)),
                Body::Dot(_) => match search.node(number) {
                    Some((integers, levels)) => (Some(Arc::new(integers)), levels),
                    None => (None, None),
                },
            };
            let from_input = node.body.reads().iter().any(|read| read.source == Source::Input);
            found.reads_input |= integers.is_some() && from_input;
            found.nodes.push(integers);
            search.levels.push(levels);
        }
        if found.nodes.iter().all(Option::is_none) { Self::default() } else { found }
    }

    /// Smallest and largest raw value of a type whose values are the input's codes.
    pub fn raw_range(raw: RawType) -> Option<(i32, i32)> {
        match raw {
            RawType::U8 => Some((0, 255)),
            RawType::I8 => Some((-128, 127)),
            RawType::I16 | RawType::I32 => None,
        }
    }
}

/// What levels stand for, of all channels: value = `step` * level + `zero`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Levels {
    step: f64,
    zero: f64,
}

struct Search<'a> {
    dot: &'a DotGraph,
    target: &'a Target,
    digital: &'a Digital,
    rounding: IntegerRounding,
    /// Of the input, where codes can be raw values.
    input: Option<Levels>,
    /// Of the nodes so far.
    levels: Vec<Option<Levels>>,
}

/// Whether a chip's cores have what it takes: a multiplier for each column and a clip.
fn takes(digital: &Digital) -> bool {
    digital.multiplier_bits.is_some() && digital.per_column && digital.clamp && digital.codebook.is_none()
}

fn of_input(input: &InputMap, raw: RawType, target: &Target) -> Option<Levels> {
    let (lo, hi) = Exact::raw_range(raw)?;
    let (&step, &offset) = (input.scale.first()?, input.offset.first()?);
    let same = input.scale.iter().all(|&s| s == step) && input.offset.iter().all(|&o| o == offset);
    (same && step > 0.0 && hi - lo == target.input_max)
        .then(|| Levels { step, zero: offset + f64::from(lo) * step })
}

impl Search<'_> {
    fn source(&self, source: Source) -> Option<Levels> {
        match source {
            Source::Input => self.input,
            Source::One => None,
            Source::Node(node) => self.levels[node],
        }
    }

    /// The levels of a maximum that the chip takes over codes.
    fn largest(&self, node: &DotNode, reads: &[Read]) -> Option<Levels> {
        let [Read { source: Source::Node(from), group_step: 1, .. }] = reads else { return None };
        let channels = self.dot.nodes[*from].channels as u32;
        let aligned = node.representatives().iter().all(|e| *e == PAD || e % channels == 0);
        (aligned && channels as usize == node.channels && self.target.maximum).then(|| self.levels[*from])?
    }
}
