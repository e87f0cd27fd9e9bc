//! The validator of stage 3.

use super::graph::{EncodedGraph, EncodedSource, Form};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::target::Target;

/// An encoded graph that has been checked: the evidence that stage 4 demands.
#[derive(Clone, Debug)]
pub struct Encoded(EncodedGraph);

impl Encoded {
    /// The graph.
    pub fn graph(&self) -> &EncodedGraph {
        &self.0
    }
}

/// Checks that every value has signals and every form is legal where it stands.
///
/// # Errors
/// SP0304: a rule is broken: an error of this compiler.
pub fn check(graph: EncodedGraph, target: &Target) -> Result<Encoded> {
    let mut found = Diagnostics::default();
    let mut fault = |node: &str, rule: String| {
        let way_out = "this is a fault of the compiler: report it with the model";
        found.push(Diagnostic::error("SP0304", format!("node {node:?}"), rule, way_out));
    };
    for (number, node) in graph.nodes.iter().enumerate() {
        if let EncodedSource::Node(from) = node.source
            && from >= number
        {
            fault(&node.name, format!("it reads node {from}, which comes later"));
            continue;
        }
        if node.copies.len() != graph.dot.nodes[node.dot].outputs() || node.copies.contains(&0) {
            fault(&node.name, "an element has no signal".into());
        }
        match &node.form {
            Form::Sum if number + 1 != graph.nodes.len() => {
                fault(&node.name, "signed sums can only leave for the host".into());
            }
            Form::Sigmoid if !target.sigmoid => fault(&node.name, "the chip has no native sigmoid".into()),
            Form::Sigmoid if !node.relay && graph.signals(node.source) > target.rows => {
                fault(&node.name, "a native sigmoid needs the whole sum in one array".into());
            }
            Form::Segments(segments) if node.copies.iter().any(|&k| usize::from(k) != segments.len()) => {
                fault(&node.name, "there is not one signal per segment".into());
            }
            _ => {}
        }
    }
    let last_is_read_by_the_host =
        graph.nodes.last().is_some_and(|node| node.dot + 1 == graph.dot.nodes.len());
    if !last_is_read_by_the_host {
        fault(&graph.dot.output, "the last node does not compute the output".into());
    }
    found.into_result(Encoded(graph))
}
