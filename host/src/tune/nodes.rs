//! The coded core-op graph as an engine of named values, beside the golden model and the dot graph.
//!
//! This is how the error of each node can be measured on any samples: the same names, the same unit, but every value
//! decoded from the integer codes that the cores would give.

use super::coded::Coded;
use super::codes::Sources;
use super::forward::{forward, forward_steps};
use super::source::{Decoding, InputMap};
use crate::diagnostic::{Diagnostic, Result};
use crate::encode::CodeMap;
use crate::expand::{CoreOp, CoreOpGraph};
use crate::graph::{Batch, NodeEngine, Tensor2};
use crate::target::Target;

/// A coded graph with what it needs to take the model's own input.
#[derive(Clone, Copy, Debug)]
pub struct CodedNodes<'a> {
    /// The graph.
    pub graph: &'a CoreOpGraph<Coded>,
    /// What raw input values mean.
    pub input: &'a InputMap,
    /// The chip.
    pub target: &'a Target,
}

impl CodedNodes<'_> {
    /// The codes of every node on a batch of the model's own input, as tuning takes them to be.
    #[must_use]
    pub fn codes(&self, batch: &Batch) -> Vec<CodeMap> {
        let encoded = &self.graph.encoded;
        let mut held: Vec<CodeMap> = vec![CodeMap::default(); encoded.nodes.len()];
        let input = self.input_codes(batch);
        let ops = |number: usize| self.ops(number);
        for block in encoded.dot.blocks() {
            match encoded.dot.loop_of(block.start) {
                Some(own) => {
                    forward_steps(own, ops, (encoded, &input), &mut held, batch.rows(), self.target);
                }
                None => {
                    let (number, own) = (block.start, ops(block.start));
                    let sources = Sources { graph: encoded, input: &input, nodes: &held };
                    held[number] = forward(number, &own, sources, batch.rows(), self.target);
                }
            }
        }
        held
    }

    fn ops(&self, number: usize) -> Vec<(&CoreOp<Coded>, &Coded)> {
        self.graph.of_node(number).map(|op| (op, &op.payload)).collect()
    }

    /// The input's codes: the raw value nearest to each real one, encoded.
    fn input_codes(&self, batch: &Batch) -> CodeMap {
        self.graph.encoded.input.codes(batch.rows(), batch.cols(), |sample, element| {
            let real = f64::from(batch.row(sample)[element]);
            libm::round((real - self.input.offset[element]) / self.input.scale[element]) as i32
        })
    }
}

impl NodeEngine for CodedNodes<'_> {
    fn input_len(&self) -> usize {
        self.graph.encoded.dot.input_len()
    }

    fn output_name(&self) -> &str {
        self.graph.encoded.dot.outputs.first().map_or("", |port| &port.name)
    }

    /// Values of nodes by their names, in the nodes' own order of elements; a node that became a carrier and a relay has its value
    /// in the relay.
    fn values(&mut self, batch: &Batch, names: &[&str]) -> Result<Vec<Tensor2>> {
        let encoded = &self.graph.encoded;
        let mut found: Vec<Option<Tensor2>> = vec![None; names.len()];
        let held = self.codes(batch);
        let mut decoding = Decoding::new(encoded, self.input);
        for number in encoded.dot.blocks().into_iter().flatten() {
            decoding.push(number, self.ops(number).into_iter());
            let dot = &encoded.dot.nodes[number];
            for (slot, name) in found.iter_mut().zip(names) {
                if dot.name == **name || dot.name.strip_suffix(":relay") == Some(*name) {
                    let values = decoding.values(number, held[number].data());
                    *slot = Tensor2::new(batch.rows(), dot.len(), values);
                }
            }
        }
        found
            .into_iter()
            .zip(names)
            .map(|(found, name)| {
                found.ok_or_else(|| {
                    let known: Vec<&str> = encoded.dot.nodes.iter().map(|node| node.name.as_str()).collect();
                    let way_out = format!("the encoded nodes are {}", known.join(", "));
                    let rule = "no node of the coded graph has this name";
                    Diagnostic::error("SP0120", format!("value {name:?}"), rule, way_out).into()
                })
            })
            .collect()
    }
}
