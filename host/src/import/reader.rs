//! The walk over an ONNX graph: constants, then node by node, collecting every fault.

use std::collections::BTreeMap;

use super::constant::{self, Constant};
use super::onnx::{GraphProto, ModelProto, NodeProto};
use super::{OPERATORS, interface, names};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::{Builder, Graph, ValueId};

/// What a name stands for while the graph is read.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// A value that depends on the input.
    Computed(ValueId),
    /// A constant, and its handle once a node of the graph uses it.
    Constant(Constant, Option<ValueId>),
    /// The result of a node that was refused: users of it are not complained about.
    Refused,
}

/// The state of the walk.
pub(crate) struct Reader {
    pub(crate) opset: i64,
    pub(crate) builder: Builder,
    pub(crate) known: BTreeMap<String, Known>,
    /// Elements that constant folding may still produce.
    pub(crate) folding_budget: usize,
}

/// The graph of `model`, or everything that is wrong with it.
pub(crate) fn read(model: &ModelProto, graph: &GraphProto) -> Result<Graph> {
    let mut found = Diagnostics::default();
    let opset = interface::opset(model).map_err(|d| found.push(d)).ok();
    let input = interface::input(graph).map_err(|d| found.extend(d)).ok();
    let output = interface::output(graph).map_err(|d| found.push(d)).ok();
    found.extend(names::check(graph));
    refuse_operators(graph, &mut found);
    for sparse in &graph.sparse_initializer {
        let name = sparse.values.as_ref().map_or("", |v| v.name.as_str());
        let rule = "sparse tensors are not supported";
        found.push(Diagnostic::error("SP0109", format!("tensor {name:?}"), rule, "export dense weights"));
    }
    let mut known = BTreeMap::new();
    for tensor in &graph.initializer {
        let entry = match constant::read(tensor, &format!("tensor {:?}", tensor.name)) {
            Ok(constant) => Known::Constant(constant, None),
            Err(fault) => {
                found.push(fault);
                Known::Refused
            }
        };
        known.insert(tensor.name.clone(), entry);
    }
    // With a wrong input the shapes mean nothing, but attributes and forms of use can still be checked.
    let usable = input.is_some();
    let (input_name, shape) = input.unwrap_or(("", vec![1]));
    let builder = Builder::new(input_name, shape);
    let entry = if usable { Known::Computed(builder.input()) } else { Known::Refused };
    if usable {
        known.insert(input_name.to_owned(), entry);
    }
    let mut reader =
        Reader { opset: opset.unwrap_or(*super::OPSETS.end()), builder, known, folding_budget: 1 << 28 };
    for (i, node) in graph.node.iter().enumerate() {
        reader.node(i, node, &mut found);
    }
    let result = output.and_then(|name| match reader.known.get(name) {
        Some(Known::Computed(value)) => Some(*value),
        Some(Known::Constant(..)) => {
            let rule = "the output does not depend on the input";
            let place = format!("output {name:?}");
            found.push(Diagnostic::error("SP0103", place, rule, "export the whole network"));
            None
        }
        Some(Known::Refused) => None,
        None => {
            let way_out = "export the model again";
            let place = format!("output {name:?}");
            found.push(Diagnostic::error("SP0111", place, "the output is never defined", way_out));
            None
        }
    });
    match result {
        Some(output) if !found.has_errors() => reader
            .builder
            .finish(output)
            .map_err(|e| Diagnostic::error("SP0103", "graph", e.rule, e.way_out).into()),
        _ if found.has_errors() => Err(found),
        _ => {
            let rule = "the network could not be built";
            Err(Diagnostic::error("SP0105", "graph", rule, "export the model again").into())
        }
    }
}

fn is_supported(node: &NodeProto) -> bool {
    matches!(node.domain.as_str(), "" | "ai.onnx") && OPERATORS.contains(&node.op_type.as_str())
}

/// One error per unknown operator, naming the nodes that use it.
fn refuse_operators(graph: &GraphProto, found: &mut Diagnostics) {
    const NAMED: usize = 4;
    let mut unknown: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (i, node) in graph.node.iter().enumerate().filter(|(_, node)| !is_supported(node)) {
        let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
        unknown.entry((domain, &node.op_type)).or_default().push(i);
    }
    for ((domain, operator), nodes) in unknown {
        let mut named: Vec<String> =
            nodes.iter().take(NAMED).map(|&i| format!("{:?}", names::name(i, &graph.node[i]))).collect();
        if nodes.len() > NAMED {
            named.push(format!("{} more", nodes.len() - NAMED));
        }
        let place = format!("node{} {}", if nodes.len() == 1 { "" } else { "s" }, named.join(", "));
        let rule = format!("the operator {operator} of domain {domain} is not supported");
        let way_out = format!("use only {}", OPERATORS.join(", "));
        found.push(Diagnostic::error("SP0104", place, rule, way_out));
    }
}

impl Reader {
    /// Reads one node; its outputs become known, refused ones included.
    fn node(&mut self, index: usize, node: &NodeProto, found: &mut Diagnostics) {
        let place = names::place(index, node);
        let name = names::name(index, node);
        let mut result = Known::Refused;
        if is_supported(node) {
            match self.convert(node, &name, &place) {
                Ok(known) => result = known,
                Err(faults) => found.extend(faults),
            }
            // Only the first result of an operator is supported (Dropout's mask and the like are not).
            for extra in node.output.iter().skip(1).filter(|o| !o.is_empty()) {
                self.known.entry(extra.clone()).or_insert(Known::Refused);
            }
        }
        for (i, output) in node.output.iter().filter(|o| !o.is_empty()).enumerate() {
            let entry = if i == 0 { result.clone() } else { Known::Refused };
            self.known.insert(output.clone(), entry);
        }
    }

    /// The handle of a constant of floating-point numbers, added to the graph at its first use.
    pub(crate) fn handle(&mut self, name: &str, place: &str) -> Result<Option<ValueId>> {
        match self.known.get_mut(name) {
            Some(Known::Computed(value)) => Ok(Some(*value)),
            Some(Known::Constant(Constant::Float(tensor), slot)) => {
                let builder = &mut self.builder;
                Ok(Some(*slot.get_or_insert_with(|| builder.constant(name, tensor.clone()))))
            }
            Some(Known::Constant(constant, _)) => {
                let kind = match constant {
                    Constant::Other(name) => name.as_str(),
                    _ => "a whole number",
                };
                let rule = format!("the operand {name:?} has elements of type {kind}, not FLOAT");
                let way_out =
                    "export the network in 32-bit floating point, without quantised or integer arithmetic";
                Err(Diagnostic::error("SP0109", place, rule, way_out).into())
            }
            Some(Known::Refused) | None => Ok(None),
        }
    }
}
