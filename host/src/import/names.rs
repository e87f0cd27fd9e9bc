//! Names: every value is defined once, before it is used; nodes get a name where they have none.

use std::collections::{BTreeMap, BTreeSet};

use super::onnx::{GraphProto, NodeProto};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// `node "fc1" (Gemm)`, with the position for nodes without a name.
pub(crate) fn place(index: usize, node: &NodeProto) -> String {
    format!("node {:?} ({})", name(index, node), node.op_type)
}

/// The node's name, or one made from operator and position.
pub(crate) fn name(index: usize, node: &NodeProto) -> String {
    if node.name.is_empty() { format!("{}_{index}", node.op_type) } else { node.name.clone() }
}

/// Reports names that are defined twice, used but never defined, or used before their definition; `outer` knows the
/// names that a graph inside another one may use.
pub(crate) fn check(graph: &GraphProto, outer: impl Fn(&str) -> bool) -> Diagnostics {
    let mut found = Diagnostics::default();
    let again = "export the model again";
    let initializers: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    if initializers.len() != graph.initializer.len() {
        let mut seen = BTreeSet::new();
        for tensor in &graph.initializer {
            if !seen.insert(tensor.name.as_str()) {
                let place = format!("tensor {:?}", tensor.name);
                found.push(Diagnostic::error("SP0113", place, "the tensor is defined twice", again));
            }
        }
    }
    let mut defined = initializers.clone();
    for input in &graph.input {
        // Up to IR version 3 initialisers are listed among the inputs.
        if !defined.insert(&input.name) && !initializers.contains(input.name.as_str()) {
            let place = format!("input {:?}", input.name);
            found.push(Diagnostic::error("SP0113", place, "the input is defined twice", again));
        }
    }
    let mut producer: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|o| !o.is_empty()) {
            if defined.contains(output.as_str()) || producer.insert(output, i).is_some() {
                let rule = format!("the value {output:?} is defined twice");
                found.push(Diagnostic::error("SP0113", place(i, node), rule, again));
            }
        }
    }
    let cyclic = nodes_in_cycles(graph, &producer);
    for (i, node) in graph.node.iter().enumerate() {
        for input in node.input.iter().filter(|n| !n.is_empty() && !defined.contains(n.as_str())) {
            let fault = match producer.get(input.as_str()) {
                None if outer(input) => continue,
                None => {
                    let rule = format!("the value {input:?} is used but never defined");
                    let way_out = "export the model again, with its weights (initialisers) inside";
                    Diagnostic::error("SP0111", place(i, node), rule, way_out)
                }
                Some(&other) if other < i => continue,
                Some(&other) if cyclic[i] && cyclic[other] => {
                    let rule = format!("the value {input:?} lies on a cycle: it depends on this node itself");
                    let way_out = "a feed-forward graph has no cycle; export the model again";
                    Diagnostic::error("SP0112", place(i, node), rule, way_out)
                }
                Some(&other) => {
                    let by = place(other, &graph.node[other]);
                    let rule = format!("the value {input:?} is used before {by} defines it");
                    Diagnostic::error("SP0112", place(i, node), rule, "nodes must be in topological order")
                }
            };
            found.push(fault);
        }
    }
    found
}

/// The nodes left when nodes without unfinished predecessors, then nodes without unfinished successors, are taken
/// away: those on cycles and between cycles.
fn nodes_in_cycles(graph: &GraphProto, producer: &BTreeMap<&str, usize>) -> Vec<bool> {
    let count = graph.node.len();
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (i, node) in graph.node.iter().enumerate() {
        for other in node.input.iter().filter_map(|n| producer.get(n.as_str())) {
            after[*other].push(i);
            before[i].push(*other);
        }
    }
    let mut left = vec![true; count];
    for (from, to) in [(&before, &after), (&after, &before)] {
        let mut waiting: Vec<usize> =
            from.iter().map(|list| list.iter().filter(|&&n| left[n]).count()).collect();
        let mut ready: Vec<usize> = (0..count).filter(|&i| left[i] && waiting[i] == 0).collect();
        while let Some(i) = ready.pop() {
            left[i] = false;
            for &next in &to[i] {
                waiting[next] -= 1;
                if waiting[next] == 0 && left[next] {
                    ready.push(next);
                }
            }
        }
    }
    left
}
