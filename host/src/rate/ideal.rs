//! The ideal rate-quantised network: what a window of so many ticks allows at best.
//!
//! The input and every value between layers is rounded to one of `window` + 1 levels, signed values to so many on either side,
//! from zero to the channel's largest value on the calibration samples; weights and sums are those of the trained network,
//! and the last sums are read as they are.

use crate::dots::{DotEngine, DotGraph, Source};
use crate::encode::NodeSurvey;

/// Samples that run at once.
const BLOCK: usize = 64;

/// The largest element of the first output for each sample of `x`, whose elements are multiples of a level already.
pub fn decisions(dot: &DotGraph, survey: &[NodeSurvey], window: u32, x: &[f32]) -> Vec<u32> {
    let engine = DotEngine::new(dot);
    let width = dot.input_len().max(1);
    let levels = window as f32;
    let units: Vec<Vec<f32>> = survey
        .iter()
        .map(|own| {
            let reach = |least: f64, most: f64| (most.max(-least).max(1e-12) as f32) / levels;
            own.least.iter().zip(&own.most).map(|(least, most)| reach(*least, *most)).collect()
        })
        .collect();
    let told = dot.outputs.first().map_or(0, |port| port.node);
    let mut out = Vec::new();
    for block in x.chunks(width * BLOCK) {
        let rows = block.len() / width;
        let mut held: Vec<Vec<f32>> = vec![Vec::new(); dot.nodes.len()];
        for (number, node) in dot.nodes.iter().enumerate() {
            let sums = engine.sums(number, rows, |source| match source {
                Source::Input => block,
                Source::One => &[1.0],
                Source::Node(from) => &held[from],
            });
            let act = |z: f32| match &node.body {
                crate::dots::Body::Dot(own) => own.act.apply(f64::from(z)) as f32,
                crate::dots::Body::Max(_) => z,
            };
            let exact = number == told;
            held[number] = sums
                .iter()
                .enumerate()
                .map(|(at, z)| {
                    let (value, unit) = (act(*z), units[number][at % node.channels]);
                    if exact { value } else { libm::rintf(value / unit).clamp(-levels, levels) * unit }
                })
                .collect();
        }
        let len = dot.nodes[told].len();
        let order = dot.outputs.first().and_then(|port| port.order.clone());
        for row in held[told].chunks_exact(len) {
            let value = |at: usize| order.as_ref().map_or(row[at], |order| row[order[at] as usize]);
            let best = (0..len).rev().max_by(|&a, &b| value(a).total_cmp(&value(b)));
            out.push(best.unwrap_or(0) as u32);
        }
    }
    out
}
