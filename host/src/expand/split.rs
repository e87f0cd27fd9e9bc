//! Cutting nodes into core-ops.

use std::ops::Range;
use std::sync::Arc;

use super::ops::{CoreOp, CoreOpGraph, OpColumn, OpLine, Real};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::Body;
use crate::encode::{Encoded, EncodedGraph};
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
    for (number, node) in graph.dot.nodes.iter().enumerate() {
        if matches!(node.body, Body::Max(_)) {
            continue;
        }
        let made = cut(graph, number, target, options);
        let tallest = made.iter().max_by_key(|op| op.parts.len());
        if let Some(op) = tallest.filter(|op| op.parts.len() > target.max_parts) {
            let rule = format!(
                "a sum of {} signals takes {} arrays, the adder of {} bits holds {}",
                op.lines.len(),
                op.parts.len(),
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

fn cut(graph: &EncodedGraph, number: usize, target: &Target, options: ExpandOptions) -> Vec<CoreOp<Real>> {
    let node = &graph.dot.nodes[number];
    let groups = node.groups();
    let lines = |group: usize| -> Vec<OpLine> {
        graph.lines(number, group).into_iter().map(|line| OpLine { group: group as u32, line }).collect()
    };
    let mut ops = Vec::new();
    let mut group = 0;
    while group < groups {
        let mut own = lines(group);
        let mut last = group + 1;
        // As many groups as fit one array, all of them evenly filled.
        if own.len() <= target.rows {
            let width = |groups: Range<usize>| columns_of(graph, number, groups).len();
            let fit = (target.rows / own.len().max(1)).max(1).min(target.columns / width(group..last).max(1));
            let blocks = (groups - group).div_ceil(fit.max(1));
            let share = (groups - group).div_ceil(blocks.max(1));
            while last < groups && last - group < share {
                let next = lines(last);
                if own.len() + next.len() > target.rows || width(group..last + 1) > target.columns {
                    break;
                }
                own.extend(next);
                last += 1;
            }
        }
        let least = own.len().div_ceil(target.rows).max(1);
        // A function of the whole sum must stay in one array.
        let arrays =
            if least == 1 { 1 } else { (least * usize::from(options.row_arrays.max(1))).min(own.len()) };
        let parts = parts(own.len(), arrays, node.positions() > 1);
        let own: Arc<[OpLine]> = own.into();
        for columns in blocks(columns_of(graph, number, group..last), target.columns) {
            let Some(first) = columns.first() else { continue };
            let first_signal = graph.nodes[number].start(first.channel) + first.copy;
            ops.push(CoreOp {
                node: number,
                groups: group..last,
                lines: own.clone(),
                parts: parts.clone(),
                columns,
                first_signal,
                payload: Real,
            });
        }
        group = last;
    }
    ops
}

/// Lines dealt out over `arrays`. Of a dense layer every n-th one, so that neighbouring inputs, which tend to be active
/// together, spread over all parts and no part runs further than the others; of a convolution runs of neighbours, so
/// that a part is a piece of the window and can be fetched as one.
fn parts(lines: usize, arrays: usize, moving: bool) -> Vec<Vec<u32>> {
    (0..arrays)
        .map(|part| {
            if moving {
                (lines * part / arrays..lines * (part + 1) / arrays).map(|line| line as u32).collect()
            } else {
                (part as u32..lines as u32).step_by(arrays).collect()
            }
        })
        .collect()
}

fn columns_of(graph: &EncodedGraph, number: usize, groups: Range<usize>) -> Vec<OpColumn> {
    let node = &graph.dot.nodes[number];
    let each = node.channels / node.groups().max(1);
    let copies = &graph.nodes[number].copies;
    (groups.start * each..groups.end * each)
        .flat_map(|channel| (0..usize::from(copies[channel])).map(move |copy| OpColumn { channel, copy }))
        .collect()
}

/// Columns packed greedily, in order, into blocks of at most `width`; a channel's copies are parted only when they alone exceed
/// a block.
fn blocks(columns: Vec<OpColumn>, width: usize) -> Vec<Vec<OpColumn>> {
    let mut out: Vec<Vec<OpColumn>> = vec![Vec::new()];
    for channel in columns.chunk_by(|a, b| a.channel == b.channel) {
        let full = out.last().is_some_and(|block| !block.is_empty() && block.len() + channel.len() > width);
        if full {
            out.push(Vec::new());
        }
        for column in channel {
            if out.last().is_some_and(|block| block.len() == width) {
                out.push(Vec::new());
            }
            if let Some(block) = out.last_mut() {
                block.push(*column);
            }
        }
    }
    out
}
