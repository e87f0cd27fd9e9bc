//! The validator of stage 2: structure, and agreement with the golden model on real samples.

use super::dot::{DotAct, DotGraph, DotSource, narrow, widen};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::{Batch, Golden, Graph, NodeEngine};

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

    /// Largest difference between an output sum and the golden model's, relative to the largest output.
    pub fn largest_difference(&self) -> f64 {
        self.largest_difference
    }
}

/// Differences beyond this share of the output's range can not come from rounding f32 sums.
const TOLERANCE: f64 = 1e-3;

/// Checks the structure, and compares outputs with the golden model on `samples`.
///
/// # Errors
/// SP0302: a rule of the dot graph is broken: an error of this compiler, not of the model. SP0312: the model itself gives
/// infinite values.
pub fn check(graph: DotGraph, golden: &Graph, samples: &Batch) -> Result<Reformed> {
    let mut found = Diagnostics::default();
    let mut fault = |node: &str, rule: String| {
        let way_out = "this is a fault of the compiler: report it with the model";
        found.push(Diagnostic::error("SP0302", format!("node {node:?}"), rule, way_out));
    };
    for (number, node) in graph.nodes.iter().enumerate() {
        let width = match node.source {
            DotSource::Input => graph.input_len,
            DotSource::Node(from) if from < number => graph.nodes[from].outputs(),
            DotSource::Node(from) => {
                fault(&node.name, format!("it reads node {from}, which comes later"));
                continue;
            }
        };
        if node.weights.cols() != width || node.bias.len() != node.outputs() {
            fault(&node.name, "the matrix does not fit its operand".into());
        }
        if node.act == DotAct::None && number + 1 != graph.nodes.len() {
            fault(&node.name, "only the last node may have no activation".into());
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    let largest_difference = compare(&graph, golden, samples)?;
    if largest_difference.is_nan() || largest_difference > TOLERANCE {
        let rule = format!(
            "the reformed graph differs from the golden model by {largest_difference:e} of its range"
        );
        let way_out = "if the model's own f32 sums cancel (large offsets, small differences), rescale it; \
                       otherwise this is a fault of the compiler: report it with the model";
        return Err(Diagnostic::error("SP0302", "graph", rule, way_out).into());
    }
    Ok(Reformed { graph, largest_difference })
}

/// Largest difference relative to the golden output's largest magnitude.
fn compare(graph: &DotGraph, golden: &Graph, samples: &Batch) -> Result<f64> {
    // A few samples show a wrong rewrite as well as a thousand do.
    let samples = samples.rows_range(0..samples.rows().min(64));
    let Some(last) = graph.nodes.last() else { return Ok(0.0) };
    // After a dropped softmax the value in front of it is what must agree.
    let want = Golden::new(golden).values(&samples, &[&last.name])?.swap_remove(0);
    let have = narrow(&graph.run(&widen(&samples), |_, _, _| {}));
    let range = want.data().iter().fold(1e-12f64, |m, v| m.max(f64::from(v.abs())));
    if want.data().iter().any(|v| !v.is_finite()) {
        let place = format!("value {:?}", last.name);
        let rule = "the model's output is not a finite number on a calibration sample";
        let way_out = "check the samples' scale (--scale, --mean, --std) and the model's constants";
        return Err(Diagnostic::error("SP0312", place, rule, way_out).into());
    }
    let gaps = || want.data().iter().zip(have.data()).map(|(a, b)| f64::from((a - b).abs()));
    // A maximum would pass over what is not a number.
    let worst = if gaps().any(f64::is_nan) { f64::NAN } else { gaps().fold(0.0, f64::max) };
    Ok(worst / range)
}
