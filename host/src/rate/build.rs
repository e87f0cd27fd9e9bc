//! From dot-like nodes to layers of neurons.

use super::layer::{From, Layer, Role, Variant};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::{Act, Body, Dot, DotGraph, DotNode, PAD, Read, Source, Step};
use crate::encode::NodeSurvey;
use crate::graph::Function;

/// Copies of an output's channel at most: the more there are, the finer their counts together.
const COPIES_MAX: usize = 16;
/// The same where chips reset to zero, and every neuron had better fire once or twice.
const COPIES_MAX_ZERO: usize = 32;
/// Neurons that carry a part together at most.
const PARTS_MAX: usize = 8;
/// A core has room for so many neurons of each channel of a narrow sum.
const NARROW: usize = 8;

/// What layers are limited by.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Taps of a neuron with weights of its own.
    pub taps: usize,
    /// Taps of a neuron whose weights are alike but for their sign.
    pub alike: usize,
    /// Neurons of a core.
    pub columns: usize,
    /// Copies of each neuron of a part of a sum, and of other neurons.
    pub copies: (usize, usize),
    /// Neurons of a layer that is copied at most, with their copies.
    pub neurons: usize,
    /// Octaves over which copies' thresholds are spread.
    pub spread: f64,
}

/// An output of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// The layer.
    pub layer: usize,
    /// Copies of each value.
    pub copies: usize,
    /// Whether values can lie below zero: then all are shifted up.
    pub signed: bool,
    /// The layer's values in the order of the output.
    pub order: Vec<u32>,
}

/// Layers in topological order, and what leaves them.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Layers {
    /// The layers.
    pub layers: Vec<Layer>,
    /// The outputs.
    pub outputs: Vec<Told>,
    /// What was done that a reader may not expect.
    pub remarks: Vec<String>,
}

/// Where a node's value is: element e is the sum of `factors` times neurons `e * factors.len() ..`.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) from: From,
    pub(super) factors: Vec<f64>,
    /// Copies, each with all of its signs: `factors` are those of the first one, of the second one and so on.
    pub(super) copies: usize,
}

pub(super) struct Builder<'d> {
    pub(super) dot: &'d DotGraph,
    pub(super) survey: &'d [NodeSurvey],
    pub(super) limits: Limits,
    pub(super) out: Layers,
    values: Vec<Value>,
    found: Diagnostics,
}

/// The layers of `dot`, whose nodes have these ranges on the samples.
///
/// # Errors
/// SP0301 for what is no layer of rectified sums, SP0305 for sums beyond what cores can add up in two steps; all at once.
pub fn build(dot: &DotGraph, survey: &[NodeSurvey], limits: Limits) -> Result<Layers> {
    let mut builder = Builder {
        dot,
        survey,
        limits,
        out: Layers::default(),
        values: Vec::new(),
        found: Diagnostics::default(),
    };
    if !dot.loops.is_empty() {
        let rule = "a loop over time, and rate codes hold one value over a window";
        builder.refuse(
            "SP0301",
            "model",
            rule.into(),
            "unroll it by --set loops=unroll, or choose another chip",
        );
        return builder.found.into_result(Layers::default());
    }
    for (number, node) in dot.nodes.iter().enumerate() {
        let told = dot.outputs.iter().any(|port| port.node == number);
        if !told && dot.readers(number).is_empty() {
            // It was merged into another one.
            builder.values.push(Value { from: From::Input, factors: Vec::new(), copies: 1 });
            continue;
        }
        let value = match &node.body {
            Body::Dot(own) => builder.dot_node(number, node, own),
            Body::Max(reads) => builder.maximum(number, node, reads),
        };
        builder.values.push(value);
    }
    builder.found.into_result(builder.out)
}

impl Builder<'_> {
    pub(super) fn refuse(&mut self, code: &'static str, name: &str, rule: String, way_out: &str) {
        self.found.push(Diagnostic::error(code, format!("node {name:?}"), rule, way_out));
    }

    pub(super) fn value(&self, source: Source) -> Option<Value> {
        match source {
            Source::Input => Some(Value { from: From::Input, factors: vec![1.0], copies: 1 }),
            Source::One => None,
            Source::Node(number) => Some(self.values[number].clone()),
        }
    }

    /// The neurons of each channel, and what they count in its value.
    fn carried(&mut self, number: usize, node: &DotNode, act: &Act) -> (Vec<Variant>, Vec<f64>) {
        let told = self.dot.outputs.iter().any(|port| port.node == number);
        let signed = match act {
            Act::Relu => false,
            Act::None => self.survey[number].bottom() < 0.0,
            Act::Curve(steps) => match **steps {
                [Step::Map(Function::LeakyRelu { alpha })] if !told => {
                    return self.copied(number, &[Variant::PLUS, Variant::MINUS], &[1.0, -f64::from(alpha)]);
                }
                _ => {
                    let rule =
                        format!("its function {act} is no rectification, and spike counts have none else");
                    let way_out = "train it with ReLU, or choose a chip with that function or with tables";
                    self.refuse("SP0301", &node.name, rule, way_out);
                    false
                }
            },
        };
        if told {
            let copies = self.limits.columns / node.channels.max(1);
            let copies = copies.clamp(1, if self.limits.spread > 0.0 { COPIES_MAX_ZERO } else { COPIES_MAX });
            if !self.dot.readers(number).is_empty() {
                let rule = "it is an output, and another node reads it".to_owned();
                self.refuse("SP0301", &node.name, rule, "cut the model behind its last output");
            }
            for port in self.dot.outputs.iter().filter(|port| port.node == number) {
                let order = port.order.clone().unwrap_or_else(|| (0..node.len() as u32).collect());
                // The layer is not there yet.
                let layer = usize::MAX;
                self.out.outputs.push(Told { name: port.name.clone(), layer, copies, signed, order });
            }
            return (Variant::staggered(copies, 0.0), vec![1.0 / copies as f64; copies]);
        }
        if signed {
            self.copied(number, &[Variant::PLUS, Variant::MINUS], &[1.0, -1.0])
        } else {
            self.copied(number, &[Variant::PLUS], &[1.0])
        }
    }

    /// As many copies of a value's neurons as are asked for and as its readers have axons for, each of which counts its share.
    fn copied(&self, number: usize, variants: &[Variant], factors: &[f64]) -> (Vec<Variant>, Vec<f64>) {
        let count = self.copies(number, variants.len());
        let shares = factors.iter().map(|factor| factor / count as f64).collect::<Vec<_>>();
        (Variant::copies(variants, count, self.limits.spread), shares.repeat(count))
    }

    /// Copies of the neurons of node `number`, of which each element has `signs`: no wide sum is cut in parts for their sake.
    fn copies(&self, number: usize, signs: usize) -> usize {
        let room = self.limits.neurons / self.dot.nodes[number].len().max(1) / signs;
        let most = self.limits.copies.1.min(room).max(1);
        let fits = |reader: &usize| {
            let node = &self.dot.nodes[*reader];
            // A maximum's neurons carry it together as its sources' do.
            let Body::Dot(dot) = &node.body else { return self.copies(*reader, signs).min(most) };
            // A sum of few channels is cheaply cut, and a core then has neurons to spare for its parts.
            if node.positions() == 1 && node.channels * NARROW <= self.limits.columns {
                return most;
            }
            let (mut own, mut others) = (0, 0);
            for read in &dot.reads {
                match read.source {
                    Source::Node(from) if from == number => own += signs * read.taps.len(),
                    Source::Node(from) => {
                        let act = |dot: &Dot| dot.act == Act::None && self.survey[from].bottom() < 0.0;
                        let both = matches!(&self.dot.nodes[from].body, Body::Dot(dot) if act(dot));
                        own += read.taps.len() * (1 + usize::from(both));
                    }
                    _ => others += read.taps.len(),
                }
            }
            self.limits.taps.saturating_sub(others) / own.max(1)
        };
        self.dot.readers(number).iter().map(fits).min().unwrap_or(1).clamp(1, most)
    }

    fn dot_node(&mut self, number: usize, node: &DotNode, dot: &Dot) -> Value {
        let (variants, factors) = self.carried(number, node, &dot.act);
        let groups = dot.weights.len();
        let per = node.channels / groups.max(1);
        let (positions, count) = (node.positions(), variants.len());
        let copies = variants.iter().filter(|own| own.sign > 0.0).count();
        let told = self.dot.outputs.iter().any(|port| port.node == number);
        let outputs = per * count;
        let mut from = Vec::new();
        // Of each new tap the old one and its factor; old taps of the constant go into the biases.
        let mut origin: Vec<(usize, f64, usize)> = Vec::new();
        let mut steps = Vec::new();
        let mut at = 0;
        for read in &dot.reads {
            let value = self.value(read.source);
            for tap in at..at + read.taps.len() {
                steps.push((read.group_step, value.is_none()));
                for (which, factor) in value.iter().flat_map(|value| value.factors.iter().enumerate()) {
                    from.extend(value.as_ref().map(|value| value.from));
                    origin.push((tap, *factor, which));
                }
            }
            at += read.taps.len();
        }
        let widths: Vec<usize> = {
            let width = |read: &Read| self.value(read.source).map_or(1, |value| value.factors.len());
            dot.reads.iter().flat_map(|read| std::iter::repeat_n(width(read), read.taps.len())).collect()
        };
        let mut taps = Vec::with_capacity(groups * positions * from.len());
        let mut bias = vec![0.0; positions * groups * outputs];
        let mut brought = Vec::new();
        for group in 0..groups {
            for position in 0..positions {
                brought.clear();
                node.bring(position, &mut brought);
                for &(tap, _, which) in &origin {
                    let element = brought[tap];
                    taps.push(if element == PAD {
                        PAD
                    } else {
                        (element + (group * steps[tap].0) as u32) * widths[tap] as u32 + which as u32
                    });
                }
                for m in 0..per {
                    let constant = brought.iter().enumerate().filter(|(tap, e)| steps[*tap].1 && **e != PAD);
                    let sum: f64 = constant.map(|(tap, _)| dot.weights[group].at(m, tap)).sum();
                    for (v, variant) in variants.iter().enumerate() {
                        let neuron = (position * groups + group) * outputs + m * count + v;
                        bias[neuron] = variant.sign * (dot.bias[group * per + m] + sum);
                    }
                }
            }
        }
        let mut weights = Vec::with_capacity(groups * from.len() * outputs);
        for matrix in &dot.weights {
            for &(tap, factor, _) in &origin {
                for m in 0..per {
                    weights.extend(variants.iter().map(|variant| variant.sign * factor * matrix.at(m, tap)));
                }
            }
        }
        let layer = Layer {
            name: node.name.clone(),
            role: Role::Computation,
            positions,
            groups,
            outputs,
            variants,
            from,
            taps,
            weights,
            bias,
            follows: false,
            told,
        };
        let made = self.push(layer);
        for told in self.out.outputs.iter_mut().filter(|told| told.layer == usize::MAX) {
            told.layer = made;
        }
        let copies = if told { 1 } else { copies };
        Value { from: From::Layer(made), factors, copies }
    }

    /// Adds a layer; one with more taps than a core has axons in parts that a second one adds up.
    pub(super) fn push(&mut self, layer: Layer) -> usize {
        let all = layer.from.len();
        if all <= self.limits.taps || (layer.role == Role::Maximum && all <= self.limits.alike) {
            self.out.layers.push(layer);
            return self.out.layers.len() - 1;
        }
        let blocks = all.div_ceil(self.limits.taps);
        let count = layer.variants.len();
        let per = layer.outputs / count;
        // Where channels are few a core has neurons to spare.
        let free = match self.limits.copies.0 {
            1 => 1,
            copies => (self.limits.columns / (2 * per)).clamp(copies, copies.max(PARTS_MAX)),
        };
        let free = free.min(self.limits.alike / (2 * blocks)).max(self.limits.copies.0);
        let pair = Variant::copies(&[Variant::PLUS, Variant::MINUS], free, self.limits.spread);
        let wide = pair.len();
        if wide * blocks > self.limits.alike {
            let most = self.limits.alike / wide * self.limits.taps;
            let rule = format!("a sum of {all} values; cores of this chip can add up {most} in two steps");
            self.refuse("SP0305", &layer.name, rule, "choose a chip with more axons");
        }
        self.out.remarks.push(format!(
            "{:?}: sums of {all} values exceed {} axons, so {blocks} parts cross as spikes, above and below zero apart",
            layer.name, self.limits.taps
        ));
        let first = self.out.layers.len();
        for block in 0..blocks {
            // Every so many-th tap: neighbours have much in common, so that parts are small where the sum is.
            let own = || (block..all).step_by(blocks);
            let mut taps = Vec::with_capacity(layer.groups * layer.positions * own().len());
            layer.taps.chunks_exact(all).for_each(|row| taps.extend(own().map(|tap| row[tap])));
            let mut weights = Vec::with_capacity(layer.groups * own().len() * per * wide);
            for rows in layer.weights.chunks_exact(all * layer.outputs) {
                for row in own().map(|tap| &rows[tap * layer.outputs..][..layer.outputs]) {
                    // All variants have the same weights but for their sign.
                    let sign = layer.variants[0].sign;
                    let channels = row.iter().step_by(count);
                    weights.extend(channels.flat_map(|w| pair.iter().map(move |v| v.sign * sign * w)));
                }
            }
            self.out.layers.push(Layer {
                name: format!("{}:part{block}", layer.name),
                role: Role::Part,
                outputs: per * wide,
                variants: pair.clone(),
                from: own().map(|tap| layer.from[tap]).collect(),
                taps,
                weights,
                bias: vec![0.0; layer.positions * layer.groups * per * wide],
                follows: false,
                told: false,
                ..layer
            });
        }
        let groups = layer.groups * per;
        let mut taps = Vec::with_capacity(groups * layer.positions * blocks * wide);
        for channel in 0..groups {
            for position in 0..layer.positions {
                let neuron = ((position * groups + channel) * wide) as u32;
                (0..blocks).for_each(|_| taps.extend(neuron..neuron + wide as u32));
            }
        }
        let share = 2.0 / wide as f64;
        let signs = (0..blocks).flat_map(|_| pair.iter().map(|part| part.sign * share));
        let one: Vec<f64> =
            signs.flat_map(|sign| layer.variants.iter().map(move |v| v.sign * sign)).collect();
        self.out.layers.push(Layer {
            role: Role::Reduce,
            groups,
            outputs: count,
            from: (first..first + blocks).flat_map(|part| vec![From::Layer(part); wide]).collect(),
            taps,
            weights: one.repeat(groups),
            ..layer
        });
        first + blocks
    }
}
