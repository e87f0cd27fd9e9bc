//! Which values are sums of integers: read off the primitives before they are rewritten, because f32 constants have lost it.

use std::collections::BTreeMap;

use crate::dots::Quantised;
use crate::graph::{Binary, Function, Graph, Op, Select, ValueId};

/// For every quantised sum the scales of what is summed, under the names of its codes and of everything made of them by
/// rearranging and dequantising: one of these names will be the dot-like node's.
pub(super) fn find(graph: &Graph) -> BTreeMap<String, Quantised> {
    let mut out = BTreeMap::new();
    for (_, node) in graph.iter() {
        if let Op::Map(Function::Quantize(_)) = node.op
            && let Some(found) = product(graph, node.inputs[0])
        {
            spread(graph, node.output, &found, &mut out);
        }
    }
    out
}

/// The codes that `value` is dequantised from; `value` itself where it is not. The order of its elements by size is the same.
pub(super) fn codes(graph: &Graph, value: ValueId) -> ValueId {
    let mut at = value;
    loop {
        let Some(node) = graph.producer(at).map(|id| graph.node(id)) else { return value };
        at = match (&node.op, node.inputs.as_slice()) {
            (Op::Map(Function::Quantize(_)), _) => return at,
            (Op::Binary(Binary::Mul), &[x, by]) if single(graph, by).is_some_and(|by| by > 0.0) => x,
            (Op::Binary(Binary::Sub), &[x, by]) if single(graph, by).is_some() => x,
            _ => return value,
        };
    }
}

/// The only number of a constant.
fn single(graph: &Graph, value: ValueId) -> Option<f32> {
    let tensor = graph.value(value).constant()?;
    (tensor.data().len() == 1).then(|| tensor.data()[0])
}

/// The scales of a product that bias and function separate from its quantisation.
fn product(graph: &Graph, value: ValueId) -> Option<Quantised> {
    let node = graph.node(graph.producer(value)?);
    match (&node.op, node.inputs.as_slice()) {
        (Op::Map(Function::Relu | Function::Clip { .. }) | Op::Select(Select::View { .. }), &[x]) => {
            product(graph, x)
        }
        (Op::Binary(Binary::Add), &[x, b]) if !graph.value(b).is_computed() => product(graph, x),
        (Op::Binary(Binary::Add), &[b, x]) if !graph.value(b).is_computed() => product(graph, x),
        (Op::Conv(_), &[x, w, ..]) => scales(graph, x, w, 0, false),
        (Op::MatMul, &[x, w]) => scales(graph, x, w, graph.value(w).shape.len().checked_sub(1)?, true),
        _ => None,
    }
}

/// The scale of `x` times those of `w`, whose axis `channels` counts the results.
fn scales(graph: &Graph, x: ValueId, w: ValueId, channels: usize, once: bool) -> Option<Quantised> {
    let own = graph.value(w).constant()?.steps()?;
    if own.steps.len() > 1 && own.axis != channels {
        return None;
    }
    let mut at = x;
    let step = loop {
        let node = graph.node(graph.producer(at)?);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Binary(Binary::Mul), &[_, by]) => break single(graph, by)?,
            (Op::Select(Select::View { .. } | Select::Transpose { .. }), &[x]) => at = x,
            _ => return None,
        }
    };
    Some(Quantised { steps: own.steps.iter().map(|&w| f64::from(step) * f64::from(w)).collect(), once })
}

/// Notes `found` under the name of `value` and of what is rearranged or dequantised from it.
fn spread(graph: &Graph, value: ValueId, found: &Quantised, out: &mut BTreeMap<String, Quantised>) {
    if out.insert(graph.value(value).name.clone(), found.clone()).is_some() {
        return;
    }
    for id in graph.consumers(value) {
        let node = graph.node(id);
        let onward = match (&node.op, node.inputs.as_slice()) {
            (Op::Select(Select::View { .. } | Select::Transpose { .. }), _) => true,
            (Op::Binary(Binary::Sub | Binary::Mul), &[x, by]) => x == value && !graph.value(by).is_computed(),
            _ => false,
        };
        if onward {
            spread(graph, node.output, found, out);
        }
    }
}
