//! Layers of neurons: what a trained network becomes before any number is whole.
//!
//! A layer computes max(W x + b, 0) at every position of a grid, one neuron a result; x are values of neurons of earlier layers, or of
//! the input. A signed value is carried by two neurons, one for what lies above zero and one for what lies below.

use std::fmt;

use crate::dots::PAD;

/// Where a tap's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum From {
    /// The network's input.
    Input,
    /// The neurons of a layer.
    Layer(usize),
}

/// What a layer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The network's own weights.
    Computation,
    /// A part of sums that no core holds.
    Part,
    /// The sum of such parts.
    Reduce,
    /// A step of a maximum.
    Maximum,
}

impl Role {
    /// Whether weights are the same but for their sign.
    pub fn alike(self) -> bool {
        matches!(self, Self::Reduce | Self::Maximum)
    }
}

/// One of the neurons that carry a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variant {
    /// 1, or -1: what lies below zero.
    pub sign: f64,
    /// What is added to a count before it is rounded down: 0.5 rounds to the nearest. Copies of an output are staggered.
    pub share: f64,
    /// What a spike counts more than one of the first copy does: where a reset loses what is above the threshold, copies that fire
    /// at other thresholds lose at other times.
    pub stretch: f64,
}

impl Variant {
    /// What lies above zero, to the nearest count.
    pub const PLUS: Self = Self { sign: 1.0, share: 0.5, stretch: 1.0 };
    /// What lies below zero, to the nearest count.
    pub const MINUS: Self = Self { sign: -1.0, share: 0.5, stretch: 1.0 };

    /// `count` copies of each of `variants`: what is added before rounding is staggered, and thresholds spread over `octaves`.
    pub fn copies(variants: &[Self], count: usize, octaves: f64) -> Vec<Self> {
        let copies = Self::staggered(count.max(1), octaves);
        let copy = |copy: Self| variants.iter().map(move |own| Self { sign: own.sign, ..copy });
        copies.into_iter().flat_map(copy).collect()
    }

    /// `count` copies of what lies above zero.
    pub fn staggered(count: usize, octaves: f64) -> Vec<Self> {
        let copy = |copy: usize| Self {
            share: (copy as f64 + 0.5) / count as f64,
            stretch: libm::exp2(octaves * copy as f64 / count as f64),
            ..Self::PLUS
        };
        (0..count).map(copy).collect()
    }
}

/// A layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Its name: the node's, and what of it.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Positions.
    pub positions: usize,
    /// Groups of channels with taps of their own.
    pub groups: usize,
    /// Neurons of a group at a position: its channels, each with all its variants.
    pub outputs: usize,
    /// The neurons of a channel.
    pub variants: Vec<Variant>,
    /// Source of each tap.
    pub from: Vec<From>,
    /// Elements or neurons of the sources, \[group\]\[position\]\[tap\]; [`PAD`] is 0.
    pub taps: Vec<u32>,
    /// \[group\]\[tap\]\[output\]
    pub weights: Vec<f64>,
    /// Of each neuron.
    pub bias: Vec<f64>,
    /// Whether a spike stands for what one of the first tap's source does.
    pub follows: bool,
    /// Whether it is an output: spikes of all copies of a channel count the same, whatever their thresholds.
    pub told: bool,
}

impl Layer {
    /// Neurons: number `(position * groups + group) * outputs + output`.
    pub fn len(&self) -> usize {
        self.positions * self.groups * self.outputs
    }

    /// Never true for a layer of a network.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Neurons of a position: all channels with their variants.
    pub fn width(&self) -> usize {
        self.groups * self.outputs
    }

    /// The variant of a neuron.
    pub fn variant(&self, neuron: usize) -> Variant {
        self.variants[neuron % self.variants.len()]
    }

    /// Which neurons of a position carry a value together: (first one's number, what a spike of this one counts in the value's unit).
    pub fn team(&self, at: usize, unit: &[f64]) -> (usize, f64) {
        let count = self.variants.len();
        let first = at / count * count;
        let sign = self.variants[at % count].sign;
        let mates = || (first..first + count).filter(|mate| self.variants[mate % count].sign == sign);
        let size = mates().count().max(1) as f64;
        let own =
            if self.told { 1.0 / mates().map(|mate| 1.0 / unit[mate]).sum::<f64>() } else { unit[at] / size };
        (mates().next().unwrap_or(at), own)
    }

    /// The taps of a group at a position.
    pub fn taps_at(&self, group: usize, position: usize) -> &[u32] {
        let count = self.from.len();
        &self.taps[(group * self.positions + position) * count..][..count]
    }

    /// The sums in front of the rectification for one sample; `value` gives all values of a source.
    pub fn sums<'v>(&self, value: impl Fn(From) -> &'v [f32], out: &mut [f32]) {
        let (count, outputs) = (self.from.len(), self.outputs);
        let sources: Vec<&[f32]> = self.from.iter().map(|from| value(*from)).collect();
        for (out, bias) in out.iter_mut().zip(&self.bias) {
            *out = *bias as f32;
        }
        for group in 0..self.groups {
            for position in 0..self.positions {
                let first = (position * self.groups + group) * outputs;
                let sums = &mut out[first..first + outputs];
                for (tap, (&element, source)) in
                    self.taps_at(group, position).iter().zip(&sources).enumerate()
                {
                    if element == PAD {
                        continue;
                    }
                    let x = source[element as usize];
                    if x != 0.0 {
                        let weights = &self.weights[(group * count + tap) * outputs..][..outputs];
                        sums.iter_mut().zip(weights).for_each(|(sum, w)| *sum += *w as f32 * x);
                    }
                }
            }
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, positions, groups, outputs, from, .. } = self;
        let taps = from.len();
        write!(
            f,
            "{role:?} {name:?}: {positions} positions x {groups} groups x {outputs} neurons, {taps} taps"
        )
    }
}
