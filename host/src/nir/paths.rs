//! What reaches neurons: the linear nodes between two populations composed into one map, their delays added up.

use std::collections::BTreeMap;

use super::graph::NirGraph;
use super::linear::Columns;
use super::op::NirOp;
use super::simulate::steps;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// The most synapses that composing may make.
const MAX_SYNAPSES: usize = 1 << 26;

/// Where spikes start: a node of the graph that is its input, neurons, or a threshold, and how many steps they are late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) node: usize,
    pub(super) late: usize,
}

/// What arrives somewhere: a map from each origin (`None`: every element as it is), and a constant.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrival {
    pub(super) maps: BTreeMap<Origin, Option<Columns>>,
    /// Empty for zeros.
    pub(super) constant: Vec<f64>,
}

/// Whether spikes start at a node.
pub(super) fn starts(op: &NirOp) -> bool {
    matches!(op, NirOp::Input | NirOp::Neuron(_) | NirOp::Threshold(_))
}

/// What arrives at every node of the graph, in steps of `dt`.
///
/// # Errors
/// SP0134 for delays that differ within a node or are no whole number of steps, SP0115 for too many synapses.
pub(super) fn arrivals(graph: &NirGraph, dt: f64) -> Result<Vec<Arrival>> {
    let mut found = Diagnostics::default();
    let mut arrive: Vec<Arrival> = Vec::new();
    let mut gives: Vec<Arrival> = Vec::new();
    for node in graph.nodes() {
        let len: usize = node.arrives.iter().product();
        let mut own = Arrival::default();
        for edge in &node.inputs {
            let late = usize::from(edge.delayed);
            // Delayed edges leave nodes with a state: neurons give their own spikes, whatever the order.
            let from = if starts(&graph.nodes()[edge.from].op) {
                Arrival { maps: [(Origin { node: edge.from, late: 0 }, None)].into(), constant: Vec::new() }
            } else if let Some(from) = gives.get(edge.from) {
                from.clone()
            } else {
                let place = format!("node `{}`", graph.nodes()[edge.from].name);
                let rule = "a loop is closed by a Delay, not by neurons";
                found.push(Diagnostic::error("SP0134", place, rule, "lead the loop through neurons"));
                continue;
            };
            own.add(from, late, len);
        }
        let result = match through(&own, &node.op, &node.arrives, dt) {
            Ok(result) => result,
            Err((code, rule, way_out)) => {
                let place = format!("node `{}` ({})", node.name, node.op.name());
                found.push(Diagnostic::error(code, place, rule, way_out));
                Arrival::default()
            }
        };
        arrive.push(own);
        gives.push(result);
    }
    found.into_result(arrive)
}

impl Arrival {
    fn add(&mut self, other: Self, late: usize, len: usize) {
        for (origin, map) in other.maps {
            let origin = Origin { late: origin.late + late, ..origin };
            let sum = match self.maps.remove(&origin) {
                None => map,
                Some(before) => {
                    let whole = |map: Option<Columns>| map.unwrap_or_else(|| identity(len));
                    Some(sum(&whole(before), &whole(map)))
                }
            };
            self.maps.insert(origin, sum);
        }
        if !other.constant.is_empty() {
            self.constant.resize(len, 0.0);
            self.constant.iter_mut().zip(&other.constant).for_each(|(own, x)| *own += x);
        }
    }
}

fn identity(len: usize) -> Columns {
    Columns {
        starts: (0..=len).collect(),
        rows: (0..len as u32).collect(),
        weights: vec![1.0; len],
        outputs: len,
        bias: Vec::new(),
    }
}

fn sum(a: &Columns, b: &Columns) -> Columns {
    gather(a.inputs(), a.outputs, |i, add| {
        for (o, weight) in a.column(i).chain(b.column(i)) {
            add(o, weight);
        }
    })
}

/// Columns of `outputs` rows, each made by adding terms in order.
fn gather(
    inputs: usize,
    outputs: usize,
    mut column: impl FnMut(usize, &mut dyn FnMut(usize, f64)),
) -> Columns {
    let mut made =
        Columns { starts: vec![0], rows: Vec::new(), weights: Vec::new(), outputs, bias: Vec::new() };
    let mut values = vec![0.0; outputs];
    let mut used: Vec<usize> = Vec::new();
    let mut seen = vec![false; outputs];
    for i in 0..inputs {
        column(i, &mut |o, weight| {
            values[o] += weight;
            if !std::mem::replace(&mut seen[o], true) {
                used.push(o);
            }
        });
        used.sort_unstable();
        for o in used.drain(..) {
            seen[o] = false;
            let weight = std::mem::take(&mut values[o]);
            if weight != 0.0 {
                made.rows.push(o as u32);
                made.weights.push(weight);
            }
        }
        made.starts.push(made.rows.len());
    }
    made
}

type Fault = (&'static str, String, &'static str);

/// What a node without memory gives for what arrives; neurons give spikes of their own.
fn through(own: &Arrival, op: &NirOp, arrives: &[usize], dt: f64) -> std::result::Result<Arrival, Fault> {
    let Some(map) = Columns::of(op, arrives) else {
        return match op {
            NirOp::Delay(delay) => {
                let first = delay.at(0);
                let late = steps(first, dt).filter(|_| delay.values().iter().all(|&x| x == first));
                let late = late.ok_or_else(|| {
                    let rule = format!(
                        "delays {:?} in steps of {dt}",
                        &delay.values()[..delay.values().len().min(4)]
                    );
                    ("SP0134", rule, "one delay for a node, a whole number of steps, is what cores have")
                })?;
                let mut result = Arrival { maps: BTreeMap::new(), constant: own.constant.clone() };
                for (origin, map) in &own.maps {
                    result.maps.insert(Origin { late: origin.late + late, ..*origin }, map.clone());
                }
                Ok(result)
            }
            // Spikes start anew there.
            _ if starts(op) => Ok(Arrival::default()),
            _ => Ok(own.clone()),
        };
    };
    let mut result = Arrival::default();
    let mut room = MAX_SYNAPSES;
    for (origin, before) in &own.maps {
        let composed = match before {
            None => Columns { bias: Vec::new(), ..map.clone() },
            Some(before) => {
                let count: usize =
                    before.rows.iter().map(|&m| map.starts[m as usize + 1] - map.starts[m as usize]).sum();
                if count > room {
                    let rule =
                        format!("the layers between two populations have more than {MAX_SYNAPSES} ways");
                    return Err(("SP0115", rule, "put neurons between the layers"));
                }
                gather(before.inputs(), map.outputs, |i, add| {
                    for (m, first) in before.column(i) {
                        for (o, second) in map.column(m) {
                            add(o, first * second);
                        }
                    }
                })
            }
        };
        room = room.saturating_sub(composed.rows.len());
        result.maps.insert(*origin, Some(composed));
    }
    if !own.constant.is_empty() || !map.bias.is_empty() {
        result.constant = vec![0.0; map.outputs];
        let zeros = vec![0.0; map.inputs()];
        map.apply(if own.constant.is_empty() { &zeros } else { &own.constant }, &mut result.constant);
    }
    Ok(result)
}
