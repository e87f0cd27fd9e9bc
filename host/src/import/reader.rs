//! The walk over an ONNX graph: constants, then node by node, collecting every fault.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::constant;
use super::context::{Context, Term};
use super::external::External;
use super::onnx::{GraphProto, ModelProto, NodeProto};
use super::{Options, interface, names, ops};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::{Builder, Graph, ValueId};

/// What a name stands for while the graph is read.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// A value or a constant.
    Term(Term),
    /// The result of a node that was refused: users of it are not complained about.
    Refused,
}

/// The state of the walk.
pub(crate) struct Reader {
    pub(crate) opset: i64,
    pub(crate) builder: Builder,
    pub(crate) known: BTreeMap<String, Known>,
    /// The handles of the file's constants that nodes use.
    pub(crate) handles: BTreeMap<Arc<str>, ValueId>,
    /// The model's other files.
    pub(crate) files: Rc<External>,
    /// Elements that computing with constants may still produce.
    pub(crate) folding_budget: usize,
}

/// The graph of `model`, or everything that is wrong with it.
pub(crate) fn read(
    model: &ModelProto,
    graph: &GraphProto,
    options: &Options,
    files: External,
) -> Result<Graph> {
    let mut found = Diagnostics::default();
    let opset = interface::opset(model).map_err(|d| found.push(d)).ok();
    let mut reader = Reader {
        opset: opset.unwrap_or(*super::OPSETS.end()),
        builder: Builder::default(),
        known: BTreeMap::new(),
        handles: BTreeMap::new(),
        files: Rc::new(files),
        folding_budget: 1 << 28,
    };
    found.extend(names::check(graph, |_| false));
    refuse_operators(graph, &mut found);
    reader.constants(graph, &mut found);
    match interface::inputs(graph, options) {
        Ok(inputs) => {
            for input in inputs {
                // The sizes have been checked.
                let Ok(id) = reader.builder.add_input(input.name, input.shape) else { continue };
                reader.known.insert(input.name.to_owned(), Known::Term(Term::Value(id, input.element)));
            }
        }
        // With a wrong input the shapes mean nothing: what depends on it is not complained about.
        Err(faults) => {
            found.extend(faults);
            for input in interface::input_names(graph) {
                reader.known.insert(input.to_owned(), Known::Refused);
            }
        }
    }
    for (i, node) in graph.node.iter().enumerate() {
        reader.node(i, node, &mut found);
    }
    let outputs = reader.outputs(graph, &mut found);
    if found.has_errors() {
        return Err(found);
    }
    reader
        .builder
        .finish(&outputs)
        .map_err(|e| Diagnostic::error("SP0103", "graph", e.rule, e.way_out).into())
}

/// The domains of the standard operators.
fn domain(node: &NodeProto) -> &str {
    if node.domain == "ai.onnx" { "" } else { &node.domain }
}

/// One error per unknown operator, naming the nodes that use it.
pub(crate) fn refuse_operators(graph: &GraphProto, found: &mut Diagnostics) {
    const NAMED: usize = 4;
    let mut unknown: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (i, node) in graph.node.iter().enumerate() {
        if ops::find(domain(node), &node.op_type).is_none() {
            let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
            unknown.entry((domain, &node.op_type)).or_default().push(i);
        }
    }
    for ((domain, operator), nodes) in unknown {
        let mut named: Vec<String> =
            nodes.iter().take(NAMED).map(|&i| format!("{:?}", names::name(i, &graph.node[i]))).collect();
        if nodes.len() > NAMED {
            named.push(format!("{} more", nodes.len() - NAMED));
        }
        let place = format!("node{} {}", if nodes.len() == 1 { "" } else { "s" }, named.join(", "));
        let (rule, way_out) = match ops::beyond(domain, operator) {
            Some(beyond) => (format!("{operator} is {}", beyond.what), beyond.way_out),
            None => (
                format!("the operator {operator} of domain {domain} is not supported"),
                "export the model without it: docs/import.md lists the supported operators",
            ),
        };
        found.push(Diagnostic::error("SP0104", place, rule, way_out));
    }
}

impl Reader {
    /// What the name stands for; `None` when it was refused.
    pub(crate) fn term(&self, name: &str) -> Option<Term> {
        match self.known.get(name) {
            Some(Known::Term(term)) => Some(term.clone()),
            Some(Known::Refused) | None => None,
        }
    }

    /// Reads the constants of the file.
    pub(crate) fn constants(&mut self, graph: &GraphProto, found: &mut Diagnostics) {
        for sparse in &graph.sparse_initializer {
            let name = sparse.values.as_ref().map_or("", |v| v.name.as_str());
            let rule = "sparse tensors are not supported";
            found.push(Diagnostic::error("SP0109", format!("tensor {name:?}"), rule, "export dense weights"));
        }
        for tensor in &graph.initializer {
            let entry = match constant::read(tensor, &format!("tensor {:?}", tensor.name), &self.files) {
                Ok(constant) => Known::Term(Term::Constant(constant, Some(tensor.name.as_str().into()))),
                Err(fault) => {
                    found.push(fault);
                    Known::Refused
                }
            };
            self.known.insert(tensor.name.clone(), entry);
        }
    }

    /// Reads one node; its outputs become known, refused ones included.
    pub(crate) fn node(&mut self, index: usize, node: &NodeProto, found: &mut Diagnostics) {
        let place = names::place(index, node);
        let name = names::name(index, node);
        let usable = node.input.iter().all(|i| i.is_empty() || self.term(i).is_some());
        if let Some(translate) = ops::find(domain(node), &node.op_type) {
            let mut context = Context { reader: self, node, name: &name, place: &place };
            let result = if node.output.iter().all(String::is_empty) {
                context.refuse("SP0105", "the node has no output", "export the model again")
            } else if usable {
                translate(&mut context)
            } else {
                Ok(())
            };
            if let Err(faults) = result {
                found.extend(faults);
            }
        }
        for output in node.output.iter().filter(|o| !o.is_empty()) {
            self.known.entry(output.clone()).or_insert(Known::Refused);
        }
    }

    /// The values of the graph's outputs.
    pub(super) fn outputs(&mut self, graph: &GraphProto, found: &mut Diagnostics) -> Vec<ValueId> {
        let mut outputs = Vec::new();
        if graph.output.is_empty() {
            let rule = "the model has no output";
            found.push(Diagnostic::error("SP0103", "graph outputs", rule, "export the whole network"));
        }
        for output in &graph.output {
            let place = format!("output {:?}", output.name);
            match self.known.get(&output.name) {
                Some(Known::Term(Term::Value(id, _))) => outputs.push(*id),
                Some(Known::Term(Term::Constant(constant, _))) => match constant.tensor() {
                    // Refused at the end when no output depends on an input.
                    Some(tensor) => outputs.push(self.builder.constant(&output.name, tensor)),
                    None => {
                        let rule = "the output is a constant whose element type is not read";
                        found.push(Diagnostic::error("SP0109", place, rule, "export the model again"));
                    }
                },
                Some(Known::Refused) => {}
                None => {
                    let rule = "the output is never defined";
                    found.push(Diagnostic::error("SP0111", place, rule, "export the model again"));
                }
            }
        }
        outputs
    }
}
