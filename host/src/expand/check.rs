//! The validator of stage 4: nothing is lost, nothing is twice, everything fits.

use super::ops::{CoreOp, CoreOpGraph, Real};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::{EncodedGraph, EncodedNode, EncodedSource};
use crate::target::Target;

/// A core-op graph that has been checked: the evidence that stage 5 demands.
#[derive(Clone, Debug)]
pub struct Expanded(CoreOpGraph<Real>);

impl Expanded {
    /// The graph.
    pub fn graph(&self) -> &CoreOpGraph<Real> {
        &self.0
    }
}

/// Checks that every signal is computed once, every input of a sum lies on one word line, and every array fits.
///
/// # Errors
/// SP0306: a rule is broken: an error of this compiler.
pub fn check(graph: CoreOpGraph<Real>, target: &Target) -> Result<Expanded> {
    let mut found = Diagnostics::default();
    let mut fault = |node: &str, rule: &str| {
        let way_out = "this is a fault of the compiler: report it with the model";
        found.push(Diagnostic::error("SP0306", format!("node {node:?}"), rule, way_out));
    };
    for op in &graph.ops {
        if op.node >= graph.encoded.nodes.len() {
            fault(&graph.encoded.dot.output, "a core-op computes a node that is not there");
        }
    }
    for (number, node) in graph.encoded.nodes.iter().enumerate() {
        let mut computed = vec![0u32; node.signals()];
        let starts = starts(&node.copies);
        for op in graph.ops.iter().filter(|op| op.node == number) {
            for (at, column) in op.columns.iter().enumerate() {
                let copies = node.copies.get(column.element).map_or(0, |&k| usize::from(k));
                let signal = starts.get(column.element).map_or(0, |start| start + column.copy);
                if column.copy >= copies || signal != op.first_signal + at {
                    fault(&node.name, "a column writes another signal than its own");
                } else {
                    computed[signal] += 1;
                }
            }
            if op.columns.len() > target.columns || op.parts.iter().any(|part| part.len() > target.rows) {
                fault(&node.name, "an array is too small for its core-op");
            }
            if op.parts.is_empty() || op.parts.len() > target.max_parts {
                fault(&node.name, "the sum has no array, or more than the adder holds");
            }
            if op.source != node.source {
                fault(&node.name, "a core-op reads another value than its node");
            } else if !reads_its_inputs(&graph.encoded, node, op) {
                fault(&node.name, "an input is on no word line of the sum, or on two");
            }
        }
        if computed.iter().any(|&n| n != 1) {
            fault(&node.name, "a signal is not computed, or computed twice");
        }
    }
    if graph.arrays() as u64 > target.cores && !target.chip.fabric().has_room_for(graph.arrays() as u64) {
        fault(&graph.encoded.dot.output, "there are more arrays than the chips have cores");
    }
    found.into_result(Expanded(graph))
}

/// The first signal of each element.
fn starts(copies: &[u16]) -> Vec<usize> {
    let next = |at: &mut usize, &k: &u16| {
        let start = *at;
        *at += usize::from(k);
        Some(start)
    };
    copies.iter().scan(0, next).collect()
}

/// Whether each input of the sum lies on one word line: of a relay's sum the signals of its own elements, of another all.
fn reads_its_inputs(graph: &EncodedGraph, node: &EncodedNode, op: &CoreOp<Real>) -> bool {
    let mut read = vec![0u32; graph.signals(op.source)];
    for &signal in op.parts.iter().flatten() {
        match read.get_mut(signal as usize) {
            Some(count) => *count += 1,
            None => return false,
        }
    }
    let mut wanted = vec![1u32; read.len()];
    if let (true, EncodedSource::Node(from)) = (node.relay, op.source) {
        let elements = op.elements();
        let own = graph.nodes[from].copies.iter().enumerate();
        wanted = own.flat_map(|(e, &k)| vec![u32::from(elements.contains(&e)); usize::from(k)]).collect();
    }
    read == wanted
}
