//! Cutting nodes into core-ops.

use super::ops::{CoreOp, CoreOpGraph, OpColumn, Real};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::{Encoded, EncodedGraph, EncodedNode, EncodedSource};
use crate::target::Target;

/// The user's choices for this stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpandOptions {
    /// So many times the least number of arrays hold the rows of a sum.
    pub row_arrays: u16,
}

impl Default for ExpandOptions {
    fn default() -> Self {
        Self { row_arrays: 1 }
    }
}

/// Cuts every node into core-ops.
///
/// # Errors
/// SP0305 when a sum needs more parts than the adder can hold, or all ops more cores than the chip has.
pub fn expand(encoded: &Encoded, target: &Target, options: ExpandOptions) -> Result<CoreOpGraph<Real>> {
    let graph = encoded.graph();
    let mut found = Diagnostics::default();
    let mut ops = Vec::new();
    for (number, node) in graph.nodes.iter().enumerate() {
        let made = if node.relay {
            relay(graph, number, node, target)
        } else {
            dense(graph, number, node, target, options)
        };
        let parts = made.iter().map(|op| op.parts.len()).max().unwrap_or(0);
        if parts > target.max_parts {
            let rule = format!(
                "a sum of {} signals takes {parts} arrays, the adder of {} bits holds {}",
                graph.signals(node.source),
                target.adder_bits,
                target.max_parts
            );
            let way_out =
                "give the chip a wider adder (crossbar.adder_bits) or taller arrays (crossbar.rows)";
            found.push(Diagnostic::error("SP0305", format!("node {:?}", node.name), rule, way_out));
        }
        ops.extend(made);
    }
    let graph = CoreOpGraph { encoded: graph.clone(), ops };
    let cores = graph.arrays() as u64;
    if !target.chip.fabric().has_room_for(cores) {
        let place = format!("chip {:?}: fabric", target.chip.name());
        let rule = format!("the network takes {cores} cores, the chips have {}", target.cores);
        let way_out = format!("raise fabric.chips, fabric.banks or fabric.cores to {cores} cores in all");
        found.push(Diagnostic::error("SP0305", place, rule, way_out));
    }
    found.into_result(graph)
}

/// Columns of `elements` packed greedily, in order, into blocks of at most `width`; an element's copies are parted only
/// when they alone exceed a block.
fn blocks(node: &EncodedNode, width: usize) -> Vec<Vec<OpColumn>> {
    let mut out: Vec<Vec<OpColumn>> = vec![Vec::new()];
    for (element, &copies) in node.copies.iter().enumerate() {
        let full =
            out.last().is_some_and(|block| !block.is_empty() && block.len() + usize::from(copies) > width);
        if full {
            out.push(Vec::new());
        }
        for copy in 0..usize::from(copies) {
            if out.last().is_some_and(|block| block.len() == width) {
                out.push(Vec::new());
            }
            if let Some(block) = out.last_mut() {
                block.push(OpColumn { element, copy });
            }
        }
    }
    out
}

fn dense(
    graph: &EncodedGraph,
    number: usize,
    node: &EncodedNode,
    target: &Target,
    options: ExpandOptions,
) -> Vec<CoreOp<Real>> {
    let rows = graph.signals(node.source);
    let least = rows.div_ceil(target.rows).max(1);
    // A native sigmoid must stay in one array.
    let arrays = if least == 1 { 1 } else { (least * usize::from(options.row_arrays.max(1))).min(rows) };
    let parts: Vec<Vec<u32>> =
        (0..arrays).map(|part| (part as u32..rows as u32).step_by(arrays).collect()).collect();
    let mut first_signal = 0;
    blocks(node, target.columns)
        .into_iter()
        .map(|columns| {
            let first = first_signal;
            first_signal += columns.len();
            let (source, parts) = (node.source, parts.clone());
            CoreOp { node: number, source, parts, columns, first_signal: first, payload: Real }
        })
        .collect()
}

/// A relay reads only the signals of its own elements, so a block is as large as rows and columns allow.
fn relay(graph: &EncodedGraph, number: usize, node: &EncodedNode, target: &Target) -> Vec<CoreOp<Real>> {
    let EncodedSource::Node(from) = node.source else { return Vec::new() };
    let carried = &graph.nodes[from].copies;
    let mut ops: Vec<CoreOp<Real>> = Vec::new();
    let (mut next_input, mut next_signal) = (0u32, 0);
    for (element, (&inputs, &copies)) in carried.iter().zip(&node.copies).enumerate() {
        let (inputs, copies) = (u32::from(inputs), usize::from(copies));
        let fits = ops.last().is_some_and(|op| {
            op.columns.len() + copies <= target.columns && op.parts[0].len() + inputs as usize <= target.rows
        });
        if !fits {
            ops.push(CoreOp {
                node: number,
                source: node.source,
                parts: vec![Vec::new()],
                columns: Vec::new(),
                first_signal: next_signal,
                payload: Real,
            });
        }
        if let Some(op) = ops.last_mut() {
            op.columns.extend((0..copies).map(|copy| OpColumn { element, copy }));
            op.parts[0].extend(next_input..next_input + inputs);
        }
        next_input += inputs;
        next_signal += copies;
    }
    ops
}
