//! Codes of whole values, and what a core-op's lines carry of them.

use crate::dots::{PAD, Source};
use crate::encode::{CodeMap, EncodedGraph};
use crate::expand::OpLine;
use crate::numeric::{Matrix, Random, parallel_rows};

/// The codes that nodes read.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The graph.
    pub graph: &'a EncodedGraph,
    /// Of the input.
    pub input: &'a CodeMap,
    /// Of the nodes; empty where nobody reads them any more.
    pub nodes: &'a [CodeMap],
}

/// A sample and a position of a grid.
pub type Pick = (u32, u32);

impl Sources<'_> {
    fn code(&self, source: Source, sample: usize, signal: u32) -> i32 {
        match source {
            Source::Input => self.input.row(sample)[signal as usize],
            Source::One => self.graph.one,
            Source::Node(node) => self.nodes[node].row(sample)[signal as usize],
        }
    }

    /// Codes on the lines `lines` of node `node` for each of `picks`: `put(pick, line, code)`, in order. Outside the sources codes are `pad`.
    pub fn bring(
        &self,
        node: usize,
        lines: &[OpLine],
        picks: &[Pick],
        pad: i32,
        mut put: impl FnMut(usize, usize, i32),
    ) {
        let dot = &self.graph.dot.nodes[node];
        let reads = dot.body.reads();
        let mut elements = Vec::new();
        let mut last = u32::MAX;
        // What a line brings at the current position: its source and signal.
        let mut signals: Vec<(Source, u32)> = Vec::new();
        for (at, &(sample, position)) in picks.iter().enumerate() {
            if position != last {
                last = position;
                elements.clear();
                dot.bring(position as usize, &mut elements);
                signals.clear();
                signals.extend(lines.iter().map(|own| {
                    let read = &reads[own.line.read as usize];
                    let element = elements[own.line.column as usize];
                    let signal = if element == PAD {
                        PAD
                    } else {
                        let element = element + own.group * read.group_step as u32;
                        self.graph.carried(read.source, element).1 + u32::from(own.line.copy)
                    };
                    (read.source, signal)
                }));
            }
            for (line, &(source, signal)) in signals.iter().enumerate() {
                let code = if signal == PAD { pad } else { self.code(source, sample as usize, signal) };
                put(at, line, code);
            }
        }
    }

    /// The same as a matrix, one row a pick.
    pub fn matrix(&self, node: usize, lines: &[OpLine], picks: &[Pick]) -> Matrix {
        let mut out = Matrix::zeros(picks.len(), lines.len());
        parallel_rows(out.data_mut(), lines.len(), |first, rows| {
            let own = &picks[first..first + rows.len() / lines.len()];
            self.bring(node, lines, own, 0, |pick, line, code| {
                rows[pick * lines.len() + line] = f64::from(code)
            });
        });
        out
    }
}

/// Which positions of which samples a node of `positions` is tuned on: all samples of a single position, otherwise about `wanted`
/// in all, drawn with a seed, so many a sample.
pub fn picks(samples: usize, positions: usize, wanted: usize, seed: u64) -> Vec<Pick> {
    if positions == 1 {
        return (0..samples as u32).map(|sample| (sample, 0)).collect();
    }
    let each = wanted.div_ceil(samples.max(1)).clamp(1, positions);
    let mut out = Vec::with_capacity(samples * each);
    for sample in 0..samples {
        let mut random = Random::new(seed, sample as u64);
        if each == positions {
            out.extend((0..positions).map(|position| (sample as u32, position as u32)));
        } else {
            // One out of each of equally long runs: no position twice, none out of reach.
            out.extend((0..each).map(|k| {
                let (from, to) = (positions * k / each, positions * (k + 1) / each);
                (sample as u32, (from + (random.unit() * (to - from) as f64) as usize) as u32)
            }));
        }
    }
    out
}
