//! From the loop over a sequence, as it was tuned, to the runs of a program.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dots::{DotGraph, Source, Taps};
use crate::encode::CodeMap;
use crate::expand::{CoreOpGraph, OpLine};
use crate::tune::Coded;

/// `graph`, whose nodes are those of one loop, with `steps` of the loop's steps, each of which is a run of the program. Weights and signals stay the
/// same: of everything that lies step by step the first steps are kept.
#[must_use]
pub fn shortened(graph: &CoreOpGraph<Coded>, steps: usize) -> CoreOpGraph<Coded> {
    let mut out = graph.clone();
    let before = graph.encoded.dot.loops.first().map_or(1, |own| own.steps);
    let less = before.saturating_sub(steps);
    let dot = &mut out.encoded.dot;
    dot.held = true;
    dot.loops.iter_mut().for_each(|own| own.steps = steps);
    dot.inputs.iter_mut().for_each(|port| port.len = port.len / before * steps);
    for order in dot.outputs.iter_mut().filter_map(|port| port.order.as_mut()) {
        order.truncate(order.len() / before * steps);
    }
    for node in &mut dot.nodes {
        if let Some(extent) = node.grid.first_mut() {
            *extent = steps;
        }
        let positions = node.positions();
        for read in node.body.reads_mut() {
            match &mut read.taps {
                Taps::Window(window) => {
                    for term in window.terms.iter().filter(|term| term.grid == 0) {
                        let axis = &mut window.axes[term.axis];
                        axis.extent =
                            axis.extent.saturating_sub(less * term.coefficient.max(0) as usize).max(1);
                    }
                }
                Taps::Table { taps, elements } => *elements = elements[..*taps * positions].into(),
            }
        }
    }
    // A line names an element that it carries at some position: now one of the first step.
    let each = lens(&graph.encoded.dot, before);
    let mut known: BTreeMap<*const OpLine, Arc<[OpLine]>> = BTreeMap::new();
    for op in &mut out.ops {
        let reads = graph.encoded.dot.nodes[op.node].body.reads();
        let made = known.entry(op.lines.as_ptr()).or_insert_with(|| {
            let moved = |own: &OpLine| {
                let mut own = *own;
                let source = reads[own.line.read as usize].source;
                own.line.element %= each(source).max(1) as u32;
                own
            };
            op.lines.iter().map(moved).collect()
        });
        op.lines = made.clone();
    }
    out
}

/// Elements of a source at one of `steps` steps.
fn lens(dot: &DotGraph, steps: usize) -> impl Fn(Source) -> usize + '_ {
    move |source| match source {
        Source::One => 1,
        source => dot.len(source) / steps,
    }
}

/// Codes of sequences of `sequence` samples, one row a sequence, as one row a sample.
#[must_use]
pub fn by_sample(codes: Vec<CodeMap>, sequence: usize) -> Vec<CodeMap> {
    codes.into_iter().map(|map| CodeMap::new(map.width() / sequence, map.data().to_vec())).collect()
}
