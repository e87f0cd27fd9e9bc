//! The golden model, sample after sample, with what is fed back.

use super::Model;
use crate::diagnostic::Result;
use crate::graph::{Batch, Golden, NodeEngine, Tensor2};

/// The golden model on sequences: every batch is whole sequences, and each begins with states of zero.
#[derive(Clone, Debug)]
pub struct SequenceGolden<'g> {
    golden: Golden<'g>,
    fed: Model<'g>,
    sequence: usize,
    output: String,
}

impl<'g> SequenceGolden<'g> {
    /// The model on sequences of `sequence` samples, which counts only where something is fed back.
    pub fn new(golden: Golden<'g>, fed: Model<'g>, sequence: usize) -> Self {
        let output = fed.graph.value(fed.outputs()[0]).name.clone();
        Self { golden, fed, sequence: sequence.max(1), output }
    }
}

impl NodeEngine for SequenceGolden<'_> {
    fn input_len(&self) -> usize {
        self.fed.sample_len()
    }

    fn output_name(&self) -> &str {
        &self.output
    }

    fn values(&mut self, batch: &Batch, names: &[&str]) -> Result<Vec<Tensor2>> {
        if !self.fed.holds() {
            return self.golden.values(batch, names);
        }
        let graph = self.fed.graph;
        let (rows, width) = (batch.rows(), batch.cols());
        let sequences = rows.div_ceil(self.sequence);
        let mut states: Vec<Vec<f32>> = self
            .fed
            .states
            .iter()
            .map(|&(_, input)| vec![0.0; sequences * graph.value(input).len()])
            .collect();
        let mut all = names.to_vec();
        all.extend(self.fed.states.iter().map(|&(output, _)| graph.value(output).name.as_str()));
        let mut out: Vec<Tensor2> = vec![Tensor2::default(); names.len()];
        for step in 0..self.sequence {
            let mut inputs = Tensor2::zeros(sequences, graph.sample_len());
            for (lane, row) in inputs.data_mut().chunks_exact_mut(graph.sample_len()).enumerate() {
                // A batch that ends within a sequence: what is computed beyond it is left out.
                let sample = (lane * self.sequence + step).min(rows - 1);
                let own = &batch.data()[sample * width..(sample + 1) * width];
                let (mut at, mut taken) = (0, 0);
                for &input in graph.inputs() {
                    let len = graph.value(input).len();
                    let from = match self.fed.states.iter().position(|&(_, fed)| fed == input) {
                        Some(state) => &states[state][lane * len..(lane + 1) * len],
                        None => {
                            taken += len;
                            &own[taken - len..taken]
                        }
                    };
                    row[at..at + len].copy_from_slice(from);
                    at += len;
                }
            }
            let mut made = self.golden.values(&inputs, &all)?;
            for (state, new) in states.iter_mut().zip(made.split_off(names.len())) {
                state.copy_from_slice(new.data());
            }
            for (out, made) in out.iter_mut().zip(made) {
                if step == 0 {
                    *out = Tensor2::zeros(rows, made.cols());
                }
                let cols = made.cols();
                for (lane, values) in made.data().chunks_exact(cols.max(1)).enumerate() {
                    let sample = lane * self.sequence + step;
                    if sample < rows {
                        out.data_mut()[sample * cols..(sample + 1) * cols].copy_from_slice(values);
                    }
                }
            }
        }
        Ok(out)
    }
}
