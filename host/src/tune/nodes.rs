//! The coded core-op graph as an engine of named values, beside the golden model and the dot graph.
//!
//! This is how the error of each node can be measured on any samples: the same names, the same unit, but every value
//! decoded from the integer codes that the arrays would give.

use spandrel_core::arith::digit;

use super::coded::{Coded, CodedAct};
use super::column::Post;
use super::digits::Digits;
use super::reads::ReadRule;
use super::source::{Decoded, InputMap};
use crate::diagnostic::{Diagnostic, Result};
use crate::encode::EncodedSource;
use crate::expand::{CoreOp, CoreOpGraph};
use crate::graph::{Batch, NodeEngine, Tensor2};
use crate::numeric::{Matrix, parallel_map};
use crate::reform::narrow;
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
    /// The input's codes: the raw value nearest to each real one, encoded.
    fn input_codes(&self, batch: &Batch) -> Matrix {
        let code = &self.graph.encoded.input;
        code.codes(batch.rows(), batch.cols(), |sample, element| {
            let real = f64::from(batch.row(sample)[element]);
            libm::round((real - self.input.offset[element]) / self.input.scale[element]) as i32
        })
    }

    /// Codes of a core-op's columns on all samples, column by column.
    fn op_codes(&self, op: &CoreOp<Coded>, codes: &Matrix) -> Vec<Vec<i32>> {
        let target = self.target;
        let coded = &op.payload;
        let digits = Digits::new(codes, &(0..codes.rows()).collect::<Vec<_>>(), target);
        let rule = ReadRule::new(target, coded.shift);
        let post = match &coded.act {
            CodedAct::None => Post::Sum,
            CodedAct::Relu => Post::Relu { sum_shift: coded.sum_shift },
            CodedAct::Table(table) => Post::Table(table.clone()),
        };
        // The bias rows' digits of a slice, with their signs, all driven by the bias code.
        let slice_sum = |bias: &[i16], slice: u8| -> i32 {
            bias.iter()
                .map(|&w| i32::from(w.signum()) * digit(i32::from(w).abs(), slice, target.cell_bits))
                .sum()
        };
        parallel_map(op.columns.len(), |column| {
            let mut sums = vec![0i32; codes.rows()];
            for (part, rows) in op.parts.iter().enumerate() {
                let weights = &coded.weights[part][column * rows.len()..(column + 1) * rows.len()];
                let bias = &coded.bias[part][column * coded.bias_rows..(column + 1) * coded.bias_rows];
                let partials = digits.partials(rows, weights, target);
                let high = rule.high(&partials, slice_sum(bias, target.slices - 1));
                let low = rule.low(&partials, slice_sum(bias, 0));
                sums.iter_mut().zip(rule.join(&high, &low)).for_each(|(sum, read)| *sum += read);
            }
            sums.into_iter().map(|sum| post.code(sum, target)).collect()
        })
    }
}

impl NodeEngine for CodedNodes<'_> {
    fn input_len(&self) -> usize {
        self.graph.encoded.dot.input_len
    }

    fn output_name(&self) -> &str {
        self.graph.encoded.dot.nodes.last().map_or("", |node| &node.name)
    }

    /// Values of encoded nodes by their names, and of dot nodes by the node that carries their value.
    fn values(&mut self, batch: &Batch, names: &[&str]) -> Result<Vec<Tensor2>> {
        let encoded = &self.graph.encoded;
        let mut found: Vec<Option<Tensor2>> = vec![None; names.len()];
        let mut held: Vec<Matrix> = Vec::new();
        let input = self.input_codes(batch);
        for (number, node) in encoded.nodes.iter().enumerate() {
            let mut codes = Matrix::zeros(batch.rows(), node.signals());
            let mut decoded = Decoded::empty(node.copies.len());
            for op in self.graph.ops.iter().filter(|op| op.node == number) {
                let source = match op.source {
                    EncodedSource::Input => &input,
                    EncodedSource::Node(from) => &held[from],
                };
                for (at, column) in self.op_codes(op, source).into_iter().enumerate() {
                    for (sample, code) in column.into_iter().enumerate() {
                        *codes.at_mut(sample, op.first_signal + at) = f64::from(code);
                    }
                }
                decoded.add(op, &op.payload);
            }
            // A dot node that became carrier and relay has its value in the relay.
            let carries = !encoded.nodes[number + 1..].iter().any(|later| later.dot == node.dot);
            for (slot, name) in found.iter_mut().zip(names) {
                if *name == node.name || carries && *name == encoded.dot.nodes[node.dot].name {
                    *slot = Some(narrow(&decoded.identity(node.copies.len()).apply(&codes)));
                }
            }
            held.push(codes);
        }
        found
            .into_iter()
            .zip(names)
            .map(|(found, name)| {
                found.ok_or_else(|| {
                    let known: Vec<&str> = encoded.nodes.iter().map(|node| node.name.as_str()).collect();
                    let way_out = format!("the encoded nodes are {}", known.join(", "));
                    let rule = "no node of the coded graph has this name";
                    Diagnostic::error("SP0120", format!("value {name:?}"), rule, way_out).into()
                })
            })
            .collect()
    }
}
