//! Cutting nodes into core-ops.

use spandrel_hwdesc::Limit;

use super::cut::Cutter;
use super::ops::{CoreOp, CoreOpGraph, Real};
use super::transmit::transmitted;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::Body;
use crate::encode::{Encoded, EncodedGraph, Role};
use crate::target::Target;

/// The user's choices for this stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpandOptions {
    /// So many times the least number of arrays hold the rows of a sum.
    pub row_arrays: u16,
    /// Whether cores copy signals on chips without multicast.
    pub transmission: bool,
}

impl Default for ExpandOptions {
    fn default() -> Self {
        Self { row_arrays: 1, transmission: true }
    }
}

/// How many cores a signal may reach; `None`: any number, or nobody counts.
fn targets(target: &Target, options: ExpandOptions) -> Option<u32> {
    let fan_out = target.chip.fan_out();
    match fan_out.targets {
        // An array's read of a whole code is no identity in every shift: transmission is made of digital cores.
        Limit::AtMost(most) if options.transmission && !fan_out.multicast && target.digital.is_some() => {
            Some(most)
        }
        _ => None,
    }
}

/// Cuts every node into core-ops, and puts transmission core-ops between them where the chip has no multicast.
///
/// # Errors
/// SP0305 when a sum needs more parts than the adder can hold, a signal more copies than a core makes, or all ops more cores than
/// the chip has.
pub fn expand(encoded: &Encoded, target: &Target, options: ExpandOptions) -> Result<CoreOpGraph<Real>> {
    let mut graph = encoded.graph().clone();
    graph.targets = targets(target, options);
    if graph.targets.is_some() && !graph.dot.loops.is_empty() {
        // What loops hand on is read before it is made: no node behind it could copy it.
        graph.targets = None;
        graph.remarks.push("the chip has no multicast; of a network with loops no copies are made".into());
    }
    let mut ops = cut(&graph, target, options)?;
    if let Some(targets) = graph.targets
        && let Some(with) = transmitted(&graph, &ops, targets, target)?
    {
        graph = with;
        ops = cut(&graph, target, options)?;
        let copying = |op: &&CoreOp<Real>| matches!(graph.nodes[op.node].role, Role::Transmission { .. });
        let copies: usize = ops.iter().filter(copying).map(|op| op.columns.len()).sum();
        let cores = ops.iter().filter(copying).count();
        graph.remarks.push(format!(
            "the chip has no multicast and {targets} target{} a unit, so {cores} cores make {copies} copies of signals",
            if targets == 1 { "" } else { "s" }
        ));
    }
    let graph = CoreOpGraph { encoded: graph, ops };
    let cores = graph.arrays() as u64;
    if !target.chip.fabric().has_room_for(cores) {
        let place = format!("chip {:?}: fabric", target.chip.name());
        let rule = format!("the network takes {cores} cores, the chips have {}", target.cores);
        let way_out = format!("raise fabric.chips, fabric.banks or fabric.cores to {cores} cores in all");
        return Err(Diagnostic::error("SP0305", place, rule, way_out).into());
    }
    Ok(graph)
}

fn cut(graph: &EncodedGraph, target: &Target, options: ExpandOptions) -> Result<Vec<CoreOp<Real>>> {
    let mut found = Diagnostics::default();
    let mut ops = Vec::new();
    let mut cutter = Cutter::new(graph, target, options);
    for (number, node) in graph.dot.nodes.iter().enumerate() {
        if matches!(node.body, Body::Max(_)) {
            continue;
        }
        let made = cutter.node(number);
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
    found.into_result(ops)
}

/// Cores that `graph` takes.
///
/// # Errors
/// SP0305 as [`expand`], but for the number of cores.
pub fn cores(graph: &EncodedGraph, target: &Target, options: ExpandOptions) -> Result<u64> {
    let count = |ops: &[CoreOp<Real>]| ops.iter().map(|op| op.parts.len() as u64).sum();
    // Networks with loops get no transmission.
    let most = targets(target, options).filter(|_| graph.dot.loops.is_empty());
    let Some(most) = most else { return Ok(count(&cut(graph, target, options)?)) };
    let graph = EncodedGraph { targets: Some(most), ..graph.clone() };
    let ops = cut(&graph, target, options)?;
    match transmitted(&graph, &ops, most, target)? {
        Some(with) => Ok(count(&cut(&with, target, options)?)),
        None => Ok(count(&ops)),
    }
}
