//! The order in which nodes are evaluated within a step, and the edges that wait for the next one.

use std::collections::BTreeSet;

use super::read::RawGraph;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// The order, and the edges (from, to) that hand on what their source gave one step before.
#[derive(Debug, Default)]
pub(crate) struct Order {
    pub(crate) nodes: Vec<usize>,
    pub(crate) delayed: BTreeSet<(usize, usize)>,
}

/// Nodes whose sources are known come first, in the file's order. Where a cycle stops that, a node that waits for states
/// alone reads them from the step before; without such a node the cycle has no state at all, which is refused.
pub(crate) fn order(graph: &RawGraph, inputs: &[Vec<usize>], found: &mut Diagnostics) -> Order {
    let count = graph.nodes.len();
    let mut order = Order::default();
    let mut done = vec![false; count];
    while order.nodes.len() < count {
        let waits = |node: usize, done: &[bool], delayed: &BTreeSet<(usize, usize)>| -> Vec<usize> {
            let open = inputs[node].iter().copied();
            open.filter(|&from| !done[from] && !delayed.contains(&(from, node))).collect()
        };
        let open: Vec<usize> = (0..count).filter(|&node| !done[node]).collect();
        if let Some(&next) = open.iter().find(|&&node| waits(node, &done, &order.delayed).is_empty()) {
            done[next] = true;
            order.nodes.push(next);
            continue;
        }
        // Nodes without state first: the recurrent weights, not the neurons that they lead to.
        let has_state = |node: usize| graph.nodes[node].op.has_state();
        let broken = open
            .iter()
            .filter(|&&node| on_cycle(node, inputs, &done))
            .filter(|&&node| waits(node, &done, &order.delayed).iter().all(|&from| has_state(from)))
            .min_by_key(|&&node| (has_state(node), node));
        match broken {
            Some(&node) => {
                for from in waits(node, &done, &order.delayed) {
                    order.delayed.insert((from, node));
                }
            }
            None => {
                let mut names: Vec<&str> = open
                    .iter()
                    .filter(|&&node| on_cycle(node, inputs, &done))
                    .map(|&node| graph.nodes[node].name.as_str())
                    .collect();
                names.truncate(12);
                found.push(Diagnostic::error(
                    "SP0112",
                    format!("nodes {}", names.join(", ")),
                    "the nodes are a cycle without a delay: each needs the others' result of the same step",
                    "lead the cycle through neurons or a Delay",
                ));
                return order;
            }
        }
    }
    order
}

/// Whether `node` reaches itself over nodes that are not evaluated yet.
fn on_cycle(node: usize, inputs: &[Vec<usize>], done: &[bool]) -> bool {
    let mut seen = vec![false; inputs.len()];
    let mut open = vec![node];
    while let Some(at) = open.pop() {
        for &from in inputs[at].iter().filter(|&&from| !done[from]) {
            if from == node {
                return true;
            }
            if !std::mem::replace(&mut seen[from], true) {
                open.push(from);
            }
        }
    }
    false
}
