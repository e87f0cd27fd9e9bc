//! The validator of stage 3.

use super::graph::{EncodedGraph, Form};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::{Act, Body};
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
    for (number, (node, dot)) in graph.nodes.iter().zip(&graph.dot.nodes).enumerate() {
        if !dot.body.reads().iter().all(|read| graph.dot.in_order(number, read)) {
            fault(&dot.name, "it reads a node that is not computed yet".into());
        }
        if node.copies.len() != dot.channels || node.copies.contains(&0) {
            fault(&dot.name, "a channel has no signal".into());
        }
        let read = !graph.dot.readers(number).is_empty();
        let allowed = match (&node.form, &dot.body) {
            (Form::Relu, Body::Dot(body)) => target.relu && body.act == Act::Relu,
            (Form::Clip(ramp), Body::Dot(body)) => target.relu && body.act == ramp.act,
            (Form::Carrier { .. }, Body::Dot(body)) => body.act == Act::None && read,
            (Form::Segments(segments), Body::Dot(body)) => {
                body.act == segments.act
                    && node.copies.iter().all(|&k| usize::from(k) == segments.pieces.len())
            }
            (Form::Mirror { act, .. }, Body::Dot(body)) => {
                target.relu && body.act == *act && node.copies.iter().all(|&k| k % 2 == 0)
            }
            // The clip of a digital core makes it.
            (Form::Table(act), Body::Dot(body)) if node.exact.is_some() => body.act == *act,
            (Form::Table(act), Body::Dot(body)) => target.has(act) && body.act == *act,
            (Form::Sum, Body::Dot(body)) => body.act == Act::None && !read,
            (Form::Max, Body::Max(_)) => target.maximum,
            _ => false,
        };
        // A function of the whole sum can not be applied to its parts.
        if matches!(node.form, Form::Table(_)) && !target.table && allowed {
            let lines = (0..dot.groups()).map(|group| graph.lines(number, group).len()).max().unwrap_or(0);
            if lines > target.rows {
                fault(&dot.name, "its function needs the whole sum in one array".into());
            }
        }
        if !allowed {
            fault(&dot.name, format!("the form {} is not legal where it stands", node.form.name()));
        }
    }
    for port in &graph.dot.outputs {
        if port.node >= graph.nodes.len() {
            fault(&port.name, "the output is computed by no node".into());
        }
    }
    found.into_result(Encoded(graph))
}
