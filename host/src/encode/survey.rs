//! What the golden network does on the calibration samples: the range of every channel.

use crate::dots::{DotEngine, DotGraph};

/// Ranges of one node's sums.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSurvey {
    /// Smallest sum of each channel, over all samples and positions.
    pub least: Vec<f64>,
    /// Largest sum of each channel.
    pub most: Vec<f64>,
}

impl NodeSurvey {
    /// Widens the ranges by `sums`, position by position.
    pub fn take_in(&mut self, sums: &[f32]) {
        let Self { least, most } = self;
        for position in sums.chunks_exact(least.len().max(1)) {
            for ((least, most), &z) in least.iter_mut().zip(most.iter_mut()).zip(position) {
                *least = least.min(f64::from(z));
                *most = most.max(f64::from(z));
            }
        }
    }

    /// The largest sum of all channels.
    pub fn top(&self) -> f64 {
        self.most.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The smallest sum of all channels.
    pub fn bottom(&self) -> f64 {
        self.least.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Samples that run at once: every node's values of so many are in memory together.
pub const BLOCK: usize = 32;

/// Runs `samples` (one row of [`DotGraph::input_len`] elements each) and notes the range of every channel.
pub fn survey(dot: &DotGraph, samples: &[f32]) -> Vec<NodeSurvey> {
    let engine = DotEngine::new(dot);
    let mut found: Vec<NodeSurvey> = dot
        .nodes
        .iter()
        .map(|node| NodeSurvey {
            least: vec![f64::INFINITY; node.channels],
            most: vec![f64::NEG_INFINITY; node.channels],
        })
        .collect();
    let width = dot.input_len().max(1);
    for block in samples.chunks(width * BLOCK) {
        engine.run(block, block.len() / width, |number, given| {
            found[number].take_in(given.sums);
        });
    }
    found
}
