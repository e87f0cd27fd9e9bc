//! The validator of stage 4: nothing is lost, nothing is twice, everything fits.

use super::ops::{CoreOpGraph, Real};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
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
    for (number, node) in graph.encoded.nodes.iter().enumerate() {
        let mut computed = vec![0u32; node.signals()];
        let starts: Vec<usize> = node
            .copies
            .iter()
            .scan(0, |at, &k| {
                let start = *at;
                *at += usize::from(k);
                Some(start)
            })
            .collect();
        for op in graph.ops.iter().filter(|op| op.node == number) {
            for (at, column) in op.columns.iter().enumerate() {
                let signal = starts[column.element] + column.copy;
                if signal != op.first_signal + at {
                    fault(&node.name, "a column writes another signal than its own");
                } else {
                    computed[signal] += 1;
                }
            }
            if op.columns.len() > target.columns || op.parts.iter().any(|part| part.len() > target.rows) {
                fault(&node.name, "an array is too small for its core-op");
            }
            let mut read = vec![0u32; graph.encoded.signals(op.source)];
            op.parts.iter().flatten().for_each(|&signal| read[signal as usize] += 1);
            let whole = if node.relay { read.iter().all(|&n| n <= 1) } else { read.iter().all(|&n| n == 1) };
            if !whole {
                fault(&node.name, "an input is on no word line of the sum, or on two");
            }
        }
        if computed.iter().any(|&n| n != 1) {
            fault(&node.name, "a signal is not computed, or computed twice");
        }
    }
    found.into_result(Expanded(graph))
}
