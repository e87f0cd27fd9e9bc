//! The validator of stage 4: nothing is lost, nothing is twice, everything fits.

use std::collections::BTreeMap;

use super::cut::weighs;
use super::ops::{CoreOpGraph, OpLine, Real};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::Body;
use crate::encode::{Copied, Line};
use crate::target::Target;

/// A core-op graph that has been checked: the evidence that stage 5 demands.
#[derive(Clone, Debug)]
pub struct Expanded(CoreOpGraph<Real>);

impl Expanded {
    /// The graph.
    pub fn graph(&self) -> &CoreOpGraph<Real> {
        &self.0
    }
}

/// Checks that every signal is computed once, every line of a sum lies on one row, and every core fits.
///
/// # Errors
/// SP0306: a rule is broken: an error of this compiler.
pub fn check(graph: CoreOpGraph<Real>, target: &Target) -> Result<Expanded> {
    let mut found = Diagnostics::default();
    let encoded = &graph.encoded;
    let mut fault = |node: &str, rule: &str| {
        let way_out = "this is a fault of the compiler: report it with the model";
        found.push(Diagnostic::error("SP0306", format!("node {node:?}"), rule, way_out));
    };
    let mut readers: BTreeMap<Copied, u32> = BTreeMap::new();
    let mut computed: Vec<Vec<u32>> = encoded.nodes.iter().map(|node| vec![0; node.width()]).collect();
    for op in &graph.ops {
        let Some((node, dot)) = encoded.nodes.get(op.node).zip(encoded.dot.nodes.get(op.node)) else {
            fault("?", "a core-op computes a node that is not there");
            continue;
        };
        let each = dot.channels / dot.groups().max(1);
        for (at, column) in op.columns.iter().enumerate() {
            let inside =
                column.channel < dot.channels && column.copy < usize::from(node.copies[column.channel]);
            if !inside || node.start(column.channel) + column.copy != op.first_signal + at {
                fault(&dot.name, "a column writes another signal than its own");
                continue;
            }
            computed[op.node][op.first_signal + at] += 1;
            if !op.groups.contains(&(column.channel / each)) {
                fault(&dot.name, "a column belongs to a group that its core-op has not got");
            }
        }
        if op.columns.len() > target.columns || op.parts.iter().any(|part| part.len() > target.rows) {
            fault(&dot.name, "an array is too small for its core-op");
        }
        if op.parts.is_empty() || op.parts.len() > target.max_parts {
            fault(&dot.name, "the sum has no array, or more than the adder holds");
        }
        let mut on_rows = vec![0u32; op.lines.len()];
        op.parts.iter().flatten().for_each(|&line| {
            if let Some(count) = on_rows.get_mut(line as usize) {
                *count += 1;
            }
        });
        if on_rows.iter().any(|&n| n != 1) || op.parts.iter().map(Vec::len).sum::<usize>() != op.lines.len() {
            fault(&dot.name, "an input is on no word line of the sum, or on two");
        }
        // Of copied signals one copy each.
        let mut copies: BTreeMap<(usize, usize), Copied> = BTreeMap::new();
        for copied in op.lines.iter().filter_map(|own| encoded.copied(op.node, &own.line)) {
            let known = *copies.entry((copied.node, copied.channel)).or_insert(copied);
            if known != copied {
                fault(&dot.name, "it reads two copies of a signal");
            }
        }
        copies.values().for_each(|copied| *readers.entry(*copied).or_default() += 1);
        let taken = |line: &Line| match encoded.copied(op.node, line) {
            Some(copied) => copies.get(&(copied.node, copied.channel)) == Some(&copied),
            None => true,
        };
        let wanted = op.groups.clone().flat_map(|group| {
            let lines = encoded.lines(op.node, group).into_iter();
            lines.map(move |line| OpLine { group: group as u32, line })
        });
        // Lines without a weight may be missing; all others are there, in order.
        let mut held = op.lines.iter().copied().peekable();
        let missing = wanted
            .filter(|own| taken(&own.line))
            .any(|own| held.next_if_eq(&own).is_none() && weighs(encoded, op.node, &own, &op.columns));
        if missing || held.next().is_some() {
            fault(&dot.name, "its lines are not those of its groups");
        }
    }
    for (counts, dot) in computed.iter().zip(&encoded.dot.nodes) {
        if matches!(dot.body, Body::Dot(_)) && counts.iter().any(|&n| n != 1) {
            fault(&dot.name, "a signal is not computed, or computed twice");
        }
    }
    for (copied, readers) in readers {
        if readers > copied.targets {
            fault(&encoded.dot.nodes[copied.node].name, "a copy of a signal reaches more cores than it may");
        }
    }
    if graph.arrays() as u64 > target.cores && !target.chip.fabric().has_room_for(graph.arrays() as u64) {
        let place = encoded.dot.outputs.first().map_or("", |port| &port.name);
        fault(place, "there are more arrays than the chips have cores");
    }
    found.into_result(Expanded(graph))
}
