//! The whole stage: inputs, the walk, outputs.

use super::compose::compose;
use super::lowerer::{Lowerer, Outcome, filled};
use super::quantised;
use super::value::{Sum, Value};
use super::view::{View, of_node, source};
use super::virtuals::{Term, Virtual, Weights, Work};
use super::walk::walk;
use super::{LoopForm, LowerOptions};
use crate::diagnostic::{Diagnostic, Result};
use crate::dots::{Act, DotGraph, DotNode, InputPort, Loop, OutputPort, Read, Source, Taps, Window};
use crate::graph::{Graph, Op, Select, ValueId};
use crate::numeric::Matrix;
use crate::sequence::Model;

/// Rewrites `graph` into dot-like nodes.
///
/// # Errors
/// SP0301 for every node that can not be rewritten.
pub fn lower(graph: &Graph, options: &LowerOptions) -> Result<DotGraph> {
    let mut lowerer = Lowerer::new(options);
    let mut out = DotGraph::default();
    let mut inputs = Vec::new();
    for &id in graph.inputs() {
        let value = graph.value(id);
        inputs.push(Value::of(View::plain(&value.shape, 0, lowerer.input_len)));
        lowerer.input_len += value.len();
        out.inputs.push(InputPort { name: value.name.clone(), len: value.len() });
    }
    let mut wanted = graph.outputs().to_vec();
    if !options.keep_decision
        && let Some((before, node)) = decided(graph, wanted[0])
    {
        let remark = format!("{node:?}: dropped, the largest output stays the largest");
        lowerer.rewrites.push(remark);
        wanted[0] = before;
        out.decision = true;
    }
    out.quantised = quantised::find(graph);
    out.decision |= classifies(graph, wanted[0]);
    let values = walk(&mut lowerer, graph, inputs, &wanted, "");
    let mut ports = Vec::new();
    for (&id, value) in wanted.iter().zip(values) {
        let Some(value) = value else { continue };
        let name = &graph.value(id).name;
        match output(&mut lowerer, &value.sum, name) {
            Ok((node, order)) => ports.push(OutputPort { name: name.clone(), node, order }),
            Err(refusal) => {
                let place = format!("output {name:?}");
                lowerer.found.push(Diagnostic::error("SP0301", place, refusal.rule, refusal.way_out));
            }
        }
    }
    if !lowerer.found.is_empty() {
        return Err(lowerer.found);
    }
    let cells = std::mem::take(&mut lowerer.cells);
    let mut roots: Vec<usize> = ports.iter().map(|port| port.node).collect();
    roots.extend(cells.iter().flat_map(|cell| &cell.states));
    let (mut nodes, numbers) = lowerer.emit(&roots);
    ports.iter_mut().for_each(|port| port.node = numbers[port.node].unwrap_or(0));
    let kept: Vec<usize> = roots.iter().map(|&root| numbers[root].unwrap_or(0)).collect();
    let needed = compose(&mut nodes, &kept);
    let mut next = 0;
    let mut number = |&needed: &bool| {
        next += usize::from(needed);
        next - usize::from(needed)
    };
    let place: Vec<usize> = needed.iter().map(&mut number).collect();
    let mut nodes: Vec<DotNode> =
        nodes.into_iter().zip(&needed).filter(|(_, needed)| **needed).map(|(node, _)| node).collect();
    for read in nodes.iter_mut().flat_map(|node| node.body.reads_mut()) {
        if let Source::Node(from) = &mut read.source {
            *from = place[*from];
        }
    }
    ports.iter_mut().for_each(|port| port.node = place[port.node]);
    for cell in cells {
        // What is left of its nodes lies together, as they were made.
        let own = cell.nodes.filter_map(|node| numbers[node]).filter(|&node| needed[node]);
        let own: Vec<usize> = own.map(|node| place[node]).collect();
        if let (Some(&first), Some(&last)) = (own.first(), own.last()) {
            out.loops.push(Loop { nodes: first..last + 1, steps: cell.steps });
        }
    }
    (out.nodes, out.outputs, out.rewrites) = (nodes, ports, lowerer.rewrites);
    Ok(out)
}

/// A model over a sequence of samples, with what is fed back between them.
#[derive(Clone, Debug)]
pub struct OverSequence {
    /// The network over the sequence: what the golden model is asked with.
    pub network: Graph,
    /// One loop of all nodes, whose steps are the samples.
    pub dot: DotGraph,
    /// Whether the largest element of the first output of a sample is the decision.
    pub decision: bool,
}

/// Rewrites the model `fed` over `steps` samples in a row, at least 2, into the nodes of one cell.
///
/// # Errors
/// SP0301 for every node that can not be rewritten, and for what is no cell as a whole.
pub fn lower_sequence(fed: &Model<'_>, steps: usize, options: &LowerOptions) -> Result<OverSequence> {
    let mut outputs = fed.outputs();
    let first = fed.graph.value(outputs[0]);
    let mut decision = outputs.len() == 1
        && first.shape.iter().filter(|&&d| d > 1).count() == 1
        && first.len() != fed.sample_len();
    let mut remark = None;
    if let Some((before, node)) = decided(fed.graph, outputs[0]) {
        remark = Some(format!("{node:?}: dropped, the largest output stays the largest"));
        (outputs[0], decision) = (before, true);
    }
    let network = fed.stretched(steps, &outputs)?;
    let options = LowerOptions { keep_decision: true, loops: LoopForm::Cell, ..options.clone() };
    let mut dot = lower(&network, &options)?;
    // What decides is an element of one sample, not of the sequence.
    dot.decision = false;
    let whole = dot.loops.len() == 1 && dot.loops[0].nodes == (0..dot.nodes.len());
    if !whole {
        let why = dot.rewrites.iter().find_map(|text| text.split("no cell is stepped, since ").nth(1));
        let rule = match why {
            Some(why) => format!("with state between samples the model must be one cell, but {why}"),
            None => {
                "with state between samples the model must be one cell, but a part of it is not".to_owned()
            }
        };
        let way_out = "compile the part of the model that is fed back on its own";
        return Err(Diagnostic::error("SP0301", "--state", rule, way_out).into());
    }
    dot.rewrites.extend(remark);
    Ok(OverSequence { network, dot, decision })
}

/// The value in front of a softmax over everything, or of the position of the largest of everything, that only views and
/// functions that never decrease separate from the output; and the name of that node. Where that value is dequantised, its
/// codes.
fn decided(graph: &Graph, output: ValueId) -> Option<(ValueId, String)> {
    let mut at = output;
    loop {
        let node = graph.node(graph.producer(at)?);
        let operand = graph.value(node.inputs[0]);
        let spans = |first: usize, last: usize| {
            operand.shape[first..=last].iter().product::<usize>() == operand.len()
        };
        match node.op {
            Op::Select(Select::View { .. }) if node.inputs.len() == 1 => at = node.inputs[0],
            Op::Map(function) if function.monotone() == Some(true) => at = node.inputs[0],
            Op::Softmax { first, last, .. } if spans(first, last) && operand.len() > 1 => {
                return Some((quantised::codes(graph, node.inputs[0]), node.name.clone()));
            }
            Op::ArgMax { axis, select_last: false, .. } if spans(axis, axis) && operand.len() > 1 => {
                return Some((node.inputs[0], node.name.clone()));
            }
            _ => return None,
        }
    }
}

/// Whether the output looks like a classifier's: one axis of several elements, not as many as the input has.
fn classifies(graph: &Graph, output: ValueId) -> bool {
    let value = graph.value(output);
    graph.outputs().len() == 1
        && value.len() > 1
        && value.shape.iter().filter(|&&d| d > 1).count() == 1
        && value.len() != graph.sample_len()
}

/// The node that holds an output, and where its elements lie in it.
fn output(lowerer: &mut Lowerer<'_>, sum: &Sum, name: &str) -> Outcome<(usize, Option<Vec<u32>>)> {
    filled(&sum.shape)?;
    if sum.addends.is_empty() {
        return Ok((constant(lowerer, &sum.offset.expand(&sum.shape), name), None));
    }
    let mut view = lowerer.bare(sum, name)?;
    let one = |view: &View| {
        let refs = view.refs();
        let first = refs[0].source;
        refs.iter().all(|r| r.source == first).then(|| source(first)).filter(|s| matches!(s, Source::Node(_)))
    };
    if one(&view).is_none() {
        view = lowerer.copy(&view, name);
    }
    let Some(Source::Node(node)) = one(&view) else { unreachable!("a copy is one node") };
    let order: Vec<u32> = view.refs().iter().map(|r| r.element).collect();
    let all = &lowerer.nodes[node];
    let same = order.len() == all.channels() * all.positions()
        && order.iter().enumerate().all(|(i, &element)| i == element as usize);
    debug_assert_eq!(view.refs()[0].source, of_node(node));
    Ok((node, (!same).then_some(order)))
}

/// An output that does not depend on the input.
fn constant(lowerer: &mut Lowerer<'_>, data: &[f64], name: &str) -> usize {
    let read = Read { source: Source::One, taps: Taps::Window(Window::run(1, 0, 1)), group_step: 0 };
    let weights = Weights::Dense(vec![Matrix::from_fn(data.len(), 1, |r, _| data[r])]);
    let term = Term::Own { reads: vec![read], weights };
    let work = Work::Dot { terms: vec![term], bias: vec![0.0; data.len()], act: Act::None };
    lowerer.push(Virtual { name: name.to_owned(), grid: Vec::new(), groups: 1, width: data.len(), work })
}
