//! Graphs inside a node: the bodies of loops.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, Term};
use super::names;
use super::onnx::{GraphProto, NodeProto};
use super::reader::{Known, Reader, refuse_operators};
use crate::diagnostic::{Diagnostics, Result};
use crate::graph::{Builder, Graph};

/// A graph inside a node, read.
pub(crate) struct Body {
    /// Its inputs are those that the node gives it, then the captured values.
    pub(crate) graph: Arc<Graph>,
    /// Computed values of the outer graph that it uses.
    pub(crate) captured: Vec<Term>,
    /// The ONNX element types of its outputs.
    pub(crate) elements: Vec<i32>,
}

impl Context<'_, '_> {
    /// Reads `graph` with inputs of the given shapes and element types, in the order of its own list. Constants of the
    /// outer graph are known inside; computed values that it uses become inputs behind the others.
    pub(crate) fn body(&mut self, graph: &GraphProto, inputs: &[(Vec<usize>, i32)]) -> Result<Body> {
        if graph.input.len() != inputs.len() {
            let rule = format!("the body has {} inputs, {} are needed", graph.input.len(), inputs.len());
            return self.refuse("SP0105", rule, "export the model again");
        }
        let outer = &self.reader.known;
        let mut found = names::check(graph, |name| outer.contains_key(name));
        refuse_operators(graph, &mut found);
        let mut inner = Reader {
            opset: self.reader.opset,
            builder: Builder::default(),
            known: BTreeMap::new(),
            handles: BTreeMap::new(),
            files: self.reader.files.clone(),
            folding_budget: self.reader.folding_budget,
        };
        for (input, (shape, element)) in graph.input.iter().zip(inputs) {
            let added = inner.builder.add_input(&input.name, shape.clone());
            let id = added.map_err(|e| self.fault("SP0105", e.rule, &e.way_out))?;
            inner.known.insert(input.name.clone(), Known::Term(Term::Value(id, *element)));
        }
        let mut captured = Vec::new();
        let mut used = Vec::new();
        uses(&graph.node, &mut used);
        used.extend(graph.output.iter().map(|o| o.name.as_str()));
        for name in used {
            let Some(known) = self.reader.known.get(name) else { continue };
            if inner.known.contains_key(name) {
                continue;
            }
            let known = match known {
                Known::Term(term @ Term::Value(_, element)) => {
                    let added = inner.builder.add_input(name, self.shape(term));
                    let id = added.map_err(|e| self.fault("SP0105", e.rule, &e.way_out))?;
                    captured.push(term.clone());
                    Known::Term(Term::Value(id, *element))
                }
                other => other.clone(),
            };
            inner.known.insert(name.to_owned(), known);
        }
        inner.constants(graph, &mut found);
        for (i, node) in graph.node.iter().enumerate() {
            inner.node(i, node, &mut found);
        }
        self.reader.folding_budget = inner.folding_budget;
        let outputs = inner.outputs(graph, &mut found);
        if found.is_empty() && outputs.len() != graph.output.len() {
            // What the body needs was refused outside: there is nothing to add.
            return Err(Diagnostics::default());
        }
        if found.has_errors() {
            return Err(found.within(self.place));
        }
        let element = |name: &str| inner.term(name).map_or(0, |term| term.element());
        let elements = graph.output.iter().map(|o| element(&o.name)).collect();
        let graph = inner.builder.finish_body(&outputs);
        let graph = graph.map_err(|e| self.fault("SP0105", e.rule, &e.way_out))?;
        Ok(Body { graph: Arc::new(graph), captured, elements })
    }
}

/// The names that nodes use, those of graphs inside them included.
fn uses<'a>(nodes: &'a [NodeProto], used: &mut Vec<&'a str>) {
    for node in nodes {
        used.extend(node.input.iter().filter(|n| !n.is_empty()).map(String::as_str));
        for graph in node.attribute.iter().filter_map(|a| a.g.as_deref()) {
            uses(&graph.node, used);
            used.extend(graph.output.iter().map(|o| o.name.as_str()));
        }
    }
}
