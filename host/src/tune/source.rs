//! What codes mean, and a node's real map in terms of them.

use super::coded::Coded;
use super::free::RealMap;
use crate::dots::{Body, PAD, Source};
use crate::encode::{EncodedGraph, InputCode};
use crate::expand::CoreOp;
use crate::numeric::Matrix;

/// How raw input values become the model's: element e of the model's input is `scale[e] * raw + offset[e]`.
#[derive(Clone, Debug, PartialEq)]
pub struct InputMap {
    /// Factor for each element.
    pub scale: Vec<f64>,
    /// Offset for each element.
    pub offset: Vec<f64>,
}

impl InputMap {
    /// The map of `count` samples one behind the other.
    pub(crate) fn repeated(&self, count: usize) -> Self {
        Self { scale: self.scale.repeat(count), offset: self.offset.repeat(count) }
    }

    /// Whether code 0 stands for 0 in every element.
    pub fn starts_at_zero(&self, code: &InputCode) -> bool {
        let zero = |(element, (scale, offset))| code.range(element).lo * scale + offset == 0.0;
        self.scale.iter().zip(&self.offset).enumerate().all(zero)
    }
}

/// The value of channel c is `zeros[c]` plus, for each of its signals, the coefficient times the code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelCodes {
    /// For each signal of a position its coefficient.
    pub coefficients: Vec<f64>,
    /// For each channel its value when all codes are 0.
    pub zeros: Vec<f64>,
}

/// What the codes of all nodes tuned so far mean.
#[derive(Clone, Debug)]
pub struct Decoding<'a> {
    graph: &'a EncodedGraph,
    input: &'a InputMap,
    nodes: Vec<ChannelCodes>,
}

impl<'a> Decoding<'a> {
    /// No node is known yet.
    pub fn new(graph: &'a EncodedGraph, input: &'a InputMap) -> Self {
        Self { graph, input, nodes: vec![ChannelCodes::default(); graph.nodes.len()] }
    }

    /// What the codes of node `node` mean.
    pub fn node(&self, node: usize) -> &ChannelCodes {
        &self.nodes[node]
    }

    /// Takes in node `number`: its core-ops in the order of their channels, or nothing for a maximum, which means what its source means.
    pub fn push<'o, P: 'o>(&mut self, number: usize, ops: impl Iterator<Item = (&'o CoreOp<P>, &'o Coded)>) {
        let mut made = ChannelCodes::default();
        if let Body::Max(reads) = &self.graph.dot.nodes[number].body
            && let Some(Source::Node(from)) = reads.first().map(|read| read.source)
        {
            made = self.nodes[from].clone();
        }
        for (_, coded) in ops {
            made.coefficients.extend(&coded.coefficients);
            made.zeros.extend(&coded.zeros);
        }
        self.nodes[number] = made;
    }

    /// Supposes that the codes of node `number`, which is not tuned yet, mean `codes`.
    pub fn suppose(&mut self, number: usize, codes: ChannelCodes) {
        self.nodes[number] = codes;
    }

    /// What one step of a signal's code counts.
    pub fn coefficient(&self, source: Source, element: u32, copy: u16) -> f64 {
        match source {
            Source::Input => {
                let (code, at) = (&self.graph.input, element as usize);
                code.step(at) * f64::from(code.weights[usize::from(copy)]) * self.input.scale[at]
            }
            Source::One => 1.0 / f64::from(self.graph.one),
            Source::Node(node) => {
                let channel = element as usize % self.graph.dot.nodes[node].channels;
                self.nodes[node].coefficients[self.graph.nodes[node].start(channel) + usize::from(copy)]
            }
        }
    }

    /// The value of an element when all its codes are 0.
    pub fn zero(&self, source: Source, element: u32) -> f64 {
        match source {
            Source::Input => {
                let at = element as usize;
                self.graph.input.range(at).lo * self.input.scale[at] + self.input.offset[at]
            }
            Source::One => 0.0,
            Source::Node(node) => {
                self.nodes[node].zeros[element as usize % self.graph.dot.nodes[node].channels]
            }
        }
    }

    /// The map from the codes on a core-op's lines to the sums of its channels.
    pub fn map<P>(&self, op: &CoreOp<P>) -> RealMap {
        let node = &self.graph.dot.nodes[op.node];
        let Body::Dot(dot) = &node.body else {
            return RealMap { weights: Matrix::default(), bias: Vec::new() };
        };
        let each = node.channels / node.groups();
        let channels = op.channels();
        let representatives = node.representatives();
        let zeros: Vec<Vec<f64>> =
            op.groups.clone().map(|group| self.zeros(op.node, group, &representatives)).collect();
        // For each column of W the read it belongs to, and the tap within it.
        let taps: Vec<(usize, usize)> = dot
            .reads
            .iter()
            .enumerate()
            .flat_map(|(read, own)| (0..own.taps.len()).map(move |tap| (read, tap)))
            .collect();
        let inside = &self.graph.nodes[op.node].inside;
        let told = |read: usize| inside.iter().find(|inside| inside.read == read);
        let weights = Matrix::from_fn(channels.len(), op.lines.len(), |at, line| {
            let (group, row) = (channels[at] / each, channels[at] % each);
            let own = &op.lines[line];
            if own.group as usize != group {
                return 0.0;
            }
            let line = &own.line;
            let w = &dot.weights[group];
            let source = dot.reads[line.read as usize].source;
            let mut weight = w.at(row, line.column as usize);
            if let Some(inside) = inside.iter().find(|inside| inside.told_by(line.read as usize)) {
                // What the taps that this line speaks for add when they lie inside.
                weight += (0..taps.len())
                    .filter(|&column| taps[column].0 == inside.read && inside.tap[taps[column].1] == line.tap)
                    .map(|column| w.at(row, column) * zeros[group - op.groups.start][column])
                    .sum::<f64>()
                    / inside.ones as f64;
            }
            weight * self.coefficient(source, line.element, line.copy)
        });
        let bias = channels
            .iter()
            .map(|&channel| {
                let (group, row) = (channel / each, channel % each);
                let always = (0..taps.len()).filter(|&column| told(taps[column].0).is_none());
                let add = |column: usize| {
                    dot.weights[group].at(row, column) * zeros[group - op.groups.start][column]
                };
                dot.bias[channel] + always.map(add).sum::<f64>()
            })
            .collect();
        RealMap { weights, bias }
    }

    /// For each tap of a group the value of what it reads when all codes are 0; 0 for taps that always lie outside.
    fn zeros(&self, number: usize, group: usize, representatives: &[u32]) -> Vec<f64> {
        let node = &self.graph.dot.nodes[number];
        let mut out = Vec::with_capacity(representatives.len());
        for read in node.body.reads() {
            for _ in 0..read.taps.len() {
                let element = representatives[out.len()];
                out.push(if element == PAD {
                    0.0
                } else {
                    self.zero(read.source, element + (group * read.group_step) as u32)
                });
            }
        }
        out
    }

    /// Values of node `number`, one row a sample, from its codes.
    pub fn values(&self, number: usize, codes: &[i32]) -> Vec<f32> {
        let (node, dot) = (&self.graph.nodes[number], &self.graph.dot.nodes[number]);
        let own = &self.nodes[number];
        let mut out = Vec::with_capacity(codes.len() / node.width().max(1) * dot.channels);
        for position in codes.chunks_exact(node.width().max(1)) {
            for channel in 0..dot.channels {
                let signals = node.start(channel)..node.start(channel) + usize::from(node.copies[channel]);
                let sum: f64 = position[signals.clone()]
                    .iter()
                    .zip(&own.coefficients[signals])
                    .map(|(&code, coefficient)| f64::from(code) * coefficient)
                    .sum();
                out.push((own.zeros[channel] + sum) as f32);
            }
        }
        out
    }
}
