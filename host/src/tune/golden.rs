//! Golden sums of every node on the samples and positions that it is tuned on.

use std::collections::BTreeMap;

use super::codes::{Pick, picks};
use crate::dots::{DotEngine, DotGraph};
use crate::encode::{BLOCK, NodeSurvey};
use crate::numeric::Matrix;

/// Golden sums of one node.
#[derive(Clone, Debug)]
pub struct NodeSums {
    /// The samples and positions.
    pub picks: Vec<Pick>,
    /// Sums, one row a channel, one column a pick.
    pub z: Matrix,
    /// Ranges over all positions.
    pub survey: NodeSurvey,
}

/// Golden sums of all nodes.
#[derive(Clone, Debug)]
pub struct GoldenSums {
    /// Node by node.
    pub nodes: Vec<NodeSums>,
    /// Of the nodes that a loop reads at earlier steps the values, one row a sample.
    pub carried: BTreeMap<usize, Vec<f32>>,
}

impl GoldenSums {
    /// Runs `samples` (rows of [`DotGraph::input_len`]) through `dot`; nodes of many positions are seen at about `wanted` of them.
    pub fn new(dot: &DotGraph, samples: &[f32], wanted: usize, seed: u64) -> Self {
        let width = dot.input_len().max(1);
        let count = samples.len() / width;
        let mut nodes: Vec<NodeSums> = dot
            .nodes
            .iter()
            .enumerate()
            .map(|(number, node)| {
                let picks = picks(count, node.positions(), wanted, seed ^ (number as u64) << 32);
                let z = Matrix::zeros(node.channels, picks.len());
                let survey = NodeSurvey {
                    least: vec![f64::INFINITY; node.channels],
                    most: vec![f64::NEG_INFINITY; node.channels],
                };
                NodeSums { picks, z, survey }
            })
            .collect();
        let engine = DotEngine::new(dot);
        let mut carried: BTreeMap<usize, Vec<f32>> =
            dot.carried().into_iter().map(|node| (node, Vec::new())).collect();
        // Picks come sample by sample, so each block of samples takes up where the last one ended.
        let mut next = vec![0usize; nodes.len()];
        for (block, rows) in samples.chunks(width * BLOCK).enumerate() {
            let first = block * BLOCK;
            let in_block = rows.len() / width;
            engine.run(rows, in_block, |number, given| {
                if let Some(all) = carried.get_mut(&number) {
                    all.extend_from_slice(given.values);
                }
                let node = &mut nodes[number];
                let channels = node.z.rows();
                node.survey.take_in(given.sums);
                while let Some(&(sample, position)) = node.picks.get(next[number]) {
                    let sample = sample as usize;
                    if sample >= first + in_block {
                        break;
                    }
                    let positions = given.sums.len() / channels.max(1) / in_block;
                    let at = ((sample - first) * positions + position as usize) * channels;
                    for channel in 0..channels {
                        *node.z.at_mut(channel, next[number]) = f64::from(given.sums[at + channel]);
                    }
                    next[number] += 1;
                }
            });
        }
        Self { nodes, carried }
    }
}
