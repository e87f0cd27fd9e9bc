//! The validator of stage 2: structure, and agreement with the golden model on real samples.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::dots::{Act, Body, DotEngine, DotGraph, DotNode, PAD, Step, Taps};
use crate::graph::{Batch, Function, Golden, Graph, NodeEngine, Relation};

/// A dot graph that has been checked: the evidence that stage 3 demands.
#[derive(Clone, Debug)]
pub struct Reformed {
    graph: DotGraph,
    largest_difference: f64,
}

impl Reformed {
    /// The graph.
    pub fn graph(&self) -> &DotGraph {
        &self.graph
    }

    /// The graph, taken out.
    pub fn into_graph(self) -> DotGraph {
        self.graph
    }

    /// Largest difference between an output and the golden model's, relative to that output's largest magnitude.
    pub fn largest_difference(&self) -> f64 {
        self.largest_difference
    }
}

/// Differences beyond this share of an output's range can not come from rounding f32 sums.
const TOLERANCE: f64 = 1e-3;

/// Where a step function stands, sums that round differently may fall on either side: then only the mean difference is held
/// to [`TOLERANCE`], each one to this share.
const STEP_TOLERANCE: f64 = 0.25;

/// Samples that are compared: a few show a wrong rewrite as well as a thousand do.
const SAMPLES: usize = 16;

/// Checks the structure, and compares all outputs with the golden model on `samples`.
///
/// # Errors
/// SP0302: a rule of the dot graph is broken: an error of this compiler, not of the model. SP0312: the model itself gives
/// infinite values.
pub fn check(dot: DotGraph, graph: &Graph, samples: &Batch) -> Result<Reformed> {
    let faults = structure(&dot);
    if !faults.is_empty() {
        let fault = |(place, rule): (String, String)| {
            let way_out = "this is a fault of the compiler: report it with the model";
            Diagnostic::error("SP0302", place, rule, way_out)
        };
        return Err(faults.into_iter().map(fault).collect());
    }
    let samples = samples.rows_range(0..samples.rows().min(SAMPLES));
    let names: Vec<&str> = dot.outputs.iter().map(|port| port.name.as_str()).collect();
    let want = Golden::new(graph).values(&samples, &names)?;
    let have = DotEngine::new(&dot).outputs(&samples);
    let tolerance = if steps(&dot) { STEP_TOLERANCE } else { TOLERANCE };
    let (mut found, mut largest) = (Diagnostics::default(), 0.0f64);
    for ((name, want), have) in names.iter().zip(&want).zip(&have) {
        let place = format!("value {name:?}");
        if want.data().iter().any(|v| !v.is_finite()) {
            let rule = "the model's output is not a finite number on a calibration sample";
            let way_out = "check the samples' scale (--scale, --mean, --std) and the model's constants";
            found.push(Diagnostic::error("SP0312", place, rule, way_out));
            continue;
        }
        let range = want.data().iter().fold(1e-12f64, |m, v| m.max(f64::from(v.abs())));
        let gaps = || want.data().iter().zip(have.data()).map(|(a, b)| f64::from((a - b).abs()));
        // A maximum would pass over what is not a number.
        let worst = if gaps().any(f64::is_nan) { f64::NAN } else { gaps().fold(0.0, f64::max) / range };
        let mean = gaps().sum::<f64>() / want.data().len().max(1) as f64 / range;
        if !(worst <= tolerance && mean <= TOLERANCE.max(tolerance / 50.0)) {
            let rule = format!("the reformed graph differs from the golden model by {worst:e} of its range");
            let way_out = "if the model's own f32 sums cancel (large offsets, small differences), rescale it; \
                           otherwise this is a fault of the compiler: report it with the model";
            found.push(Diagnostic::error("SP0302", place, rule, way_out));
        }
        largest = largest.max(worst);
    }
    found.into_result(Reformed { graph: dot, largest_difference: largest })
}

/// Whether a function jumps: two sums as near as rounding can give values far apart.
fn steps(dot: &DotGraph) -> bool {
    fn jumps(step: &Step) -> bool {
        match step {
            Step::Map(function) => matches!(
                function,
                Function::Round(_)
                    | Function::Sign
                    | Function::Not
                    | Function::Quantize(_)
                    | Function::FakeQuant(_)
                    | Function::ThresholdedRelu { .. }
                    | Function::Compare {
                        relation: Relation::Less
                            | Relation::LessOrEqual
                            | Relation::Equal
                            | Relation::GreaterOrEqual
                            | Relation::Greater,
                        ..
                    }
            ),
            Step::Affine { .. } => false,
            Step::Join { op, a, b } => {
                matches!(op, crate::graph::Binary::Compare(_) | crate::graph::Binary::Mod { .. })
                    || a.iter().chain(b.iter()).any(jumps)
            }
            Step::Choose { .. } => true,
        }
    }
    dot.nodes.iter().any(|node| match &node.body {
        Body::Dot(dot) => matches!(&dot.act, Act::Curve(steps) if steps.iter().any(jumps)),
        Body::Max(_) => false,
    })
}

/// Every broken rule: the node and what is wrong.
fn structure(dot: &DotGraph) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    for (number, node) in dot.nodes.iter().enumerate() {
        let mut fault = |rule: String| faults.push((format!("node {:?}", node.name), rule));
        if !names.insert(&node.name) {
            fault("its name is taken".into());
        }
        if dot.loop_of(number).is_some_and(|own| node.grid.first() != Some(&own.steps)) {
            fault("its grid does not begin with the steps of its loop".into());
            continue;
        }
        if node.is_empty() || node.groups() == 0 {
            fault("it has no elements".into());
            continue;
        }
        if let Body::Dot(own) = &node.body {
            let (groups, taps) = (own.weights.len(), node.taps());
            let fits = own.weights.iter().all(|w| w.rows() * groups == node.channels && w.cols() == taps);
            if !fits || own.bias.len() != node.channels {
                fault(format!("its weights do not fit {taps} taps and {} channels", node.channels));
            }
            if own.weights.iter().any(|w| w.data().iter().any(|v| !v.is_finite())) {
                fault("a weight is not a finite number".into());
            }
        }
        reads(dot, number, node, &mut fault);
    }
    for port in &dot.outputs {
        let len = dot.nodes.get(port.node).map_or(0, DotNode::len);
        let inside = |order: &Vec<u32>| order.iter().all(|&at| (at as usize) < len);
        if len == 0 || !port.order.as_ref().is_none_or(inside) {
            faults.push((format!("output {:?}", port.name), "it is no node's value".into()));
        }
    }
    faults
}

/// Every element that is read exists.
fn reads(dot: &DotGraph, number: usize, node: &DotNode, fault: &mut impl FnMut(String)) {
    for read in node.body.reads() {
        if !dot.in_order(number, read) {
            fault("it reads what is computed later".into());
            return;
        }
        match &read.taps {
            Taps::Window(window) => {
                let axes = window.axes.len();
                let fits = (1..=4).contains(&axes)
                    && window.dims.len() <= 4
                    && window.dims.iter().all(|dim| dim.axis < axes)
                    && window.terms.iter().all(|term| term.axis < axes && term.grid < node.grid.len());
                if !fits {
                    fault("a window has wrong axes".into());
                    return;
                }
                let last: usize = window.axes.iter().map(|a| (a.extent - 1) * a.pitch).sum();
                let last = window.first + last + (node.groups() - 1) * read.group_step;
                if last >= dot.len(read.source) {
                    fault(format!("a window reaches element {last} of {}", read.source));
                }
            }
            Taps::Table { taps, elements } => {
                if elements.len() != taps * node.positions() {
                    fault("a table does not have an entry for each tap at each position".into());
                }
                let last = elements.iter().filter(|&&e| e != PAD).max().map_or(0, |&e| e as usize);
                if last + (node.groups() - 1) * read.group_step >= dot.len(read.source) {
                    fault(format!("a table reaches element {last} of {}", read.source));
                }
            }
        }
    }
}
