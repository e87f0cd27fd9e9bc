//! How much noise in one node's values disturbs the network's outputs, measured on calibration samples.
//!
//! Each node in turn gets uniform noise of a given spread on its values; everything behind it is computed again. That the
//! effects of different nodes add up is an assumption; which node matters most, and by how much, is measured.

use crate::dots::{Body, DotEngine, DotGraph, Source};
use crate::numeric::Random;

/// Multiplications that all measurements together may take, about.
const WORK: f64 = 3e9;
/// At most so many samples take part.
const SAMPLES: usize = 32;

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Disturbance {
    /// For each node the power of the outputs' change over the power of the outputs.
    pub nodes: Vec<f64>,
    /// The same for noise on the input.
    pub input: f64,
}

/// Measures on the first of `samples` (rows of [`DotGraph::input_len`]). `spread` gives the standard deviation of the noise for each
/// channel of a node, none of nodes without noise; `input` that of each element of the input.
pub fn disturb(
    dot: &DotGraph,
    samples: &[f32],
    spread: &[Option<Vec<f64>>],
    input: &[f64],
    seed: u64,
) -> Disturbance {
    let engine = DotEngine::new(dot);
    let width = dot.input_len().max(1);
    let each: f64 = dot.nodes.iter().map(|node| (node.len() * node.taps()) as f64).sum();
    let most = (WORK / (each * dot.nodes.len().max(1) as f64)).clamp(1.0, SAMPLES as f64) as usize;
    let rows = most.min(samples.len() / width);
    let x = &samples[..rows * width];
    let mut base: Vec<Vec<f32>> = Vec::with_capacity(dot.nodes.len());
    engine.run(x, rows, |_, given| base.push(given.values.to_vec()));
    let ends: Vec<usize> = (0..dot.nodes.len()).filter(|&node| dot.readers(node).is_empty()).collect();
    let power: Vec<f64> = ends.iter().map(|&end| variance(&base[end])).collect();
    let noisy = |values: &[f32], deviation: &dyn Fn(usize) -> f64, item: usize| -> Vec<f32> {
        let mut random = Random::new(seed, item as u64);
        // Uniform noise of deviation 1.
        let mut noise = || libm::sqrt(12.0) * (random.unit() - 0.5);
        values.iter().enumerate().map(|(at, &v)| (f64::from(v) + noise() * deviation(at)) as f32).collect()
    };
    // What the outputs become when `given` nodes (or the input) have other values.
    let change = |from: usize, mut held: Vec<Option<Vec<f32>>>, input: Option<&[f32]>| -> f64 {
        for number in from..dot.nodes.len() {
            let reached = |source: Source| match source {
                Source::Input => input.is_some(),
                Source::One => false,
                Source::Node(node) => held[node].is_some(),
            };
            if !dot.nodes[number].body.reads().iter().any(|read| reached(read.source)) {
                continue;
            }
            let sums = engine.sums(number, rows, |source| match source {
                Source::Input => input.unwrap_or(x),
                Source::One => &[1.0],
                Source::Node(node) => held[node].as_deref().unwrap_or(&base[node]),
            });
            let values = match &dot.nodes[number].body {
                Body::Dot(dot) => sums.iter().map(|&z| dot.act.apply(f64::from(z)) as f32).collect(),
                Body::Max(_) => sums,
            };
            held[number] = Some(values);
        }
        let of = |(&end, power): (&usize, &f64)| {
            let Some(values) = &held[end] else { return 0.0 };
            let gap = |(a, b): (&f32, &f32)| f64::from(a - b) * f64::from(a - b);
            values.iter().zip(&base[end]).map(gap).sum::<f64>() / values.len().max(1) as f64 / power
        };
        ends.iter().zip(&power).map(of).sum()
    };
    let nodes = (0..dot.nodes.len())
        .map(|number| {
            let Some(spread) = &spread[number] else { return 0.0 };
            let mut held = vec![None; dot.nodes.len()];
            held[number] = Some(noisy(&base[number], &|at| spread[at % spread.len()], number));
            change(number + 1, held, None)
        })
        .collect();
    let other = noisy(x, &|at| input.get(at % width).copied().unwrap_or(0.0), dot.nodes.len());
    Disturbance { nodes, input: change(0, vec![None; dot.nodes.len()], Some(&other)) }
}

/// Variance of all values, at least a tiny positive number.
fn variance(values: &[f32]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let of = |&v: &f32| (f64::from(v) - mean) * (f64::from(v) - mean);
    (values.iter().map(of).sum::<f64>() / n).max(f64::MIN_POSITIVE)
}
