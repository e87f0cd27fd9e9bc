//! Loops over time.

use std::sync::Arc;

use super::kernel::Operand;
use super::rows::Prepared;
use crate::graph::{Scan, ScanResult};

#[derive(Clone, Debug)]
pub(crate) struct ScanKernel {
    scan: Scan,
    body: Arc<Prepared>,
}

impl ScanKernel {
    pub(super) fn new(scan: &Scan) -> Self {
        Self { scan: scan.clone(), body: Arc::new(Prepared::new(&scan.body)) }
    }

    pub(super) fn result(&self) -> ScanResult {
        self.scan.result
    }

    /// `results` of the loop, one row per sample each.
    pub(super) fn run(&self, operands: &[Operand<'_>], rows: usize, results: &[ScanResult]) -> Vec<Vec<f32>> {
        let Scan { body, states, sequences, steps, .. } = &self.scan;
        let whole = |operand: &Operand<'_>| -> Vec<f32> {
            (0..rows).flat_map(|row| operand.sample(row)).copied().collect()
        };
        let mut inputs: Vec<Vec<f32>> = operands.iter().map(whole).collect();
        let stays: Vec<Vec<f32>> = inputs.split_off(states + sequences);
        let series: Vec<Vec<f32>> = inputs.split_off(*states);
        let mut state = inputs;
        let outputs: Vec<_> = body.outputs().to_vec();
        let lens: Vec<usize> = outputs.iter().map(|&v| body.value(v).len()).collect();
        let mut stacked: Vec<Vec<f32>> = results
            .iter()
            .map(|result| match result {
                ScanResult::State(_) => Vec::new(),
                ScanResult::Stacked(i) => vec![0.0; rows * steps * lens[states + i]],
            })
            .collect();
        for step in 0..*steps {
            let slice = |all: &Vec<f32>| -> Vec<f32> {
                let len = all.len() / rows / steps;
                all.chunks_exact(len * steps)
                    .flat_map(|sample| &sample[step * len..][..len])
                    .copied()
                    .collect()
            };
            let mut inputs = std::mem::take(&mut state);
            inputs.extend(series.iter().map(slice));
            inputs.extend(stays.iter().cloned());
            let mut made = self.body.run(body, inputs, rows, &outputs);
            for (result, all) in results.iter().zip(&mut stacked) {
                if let ScanResult::Stacked(i) = result {
                    let len = lens[states + i];
                    let samples = all.chunks_exact_mut(len * steps).zip(made[states + i].chunks_exact(len));
                    samples.for_each(|(all, one)| all[step * len..][..len].copy_from_slice(one));
                }
            }
            made.truncate(*states);
            state = made;
        }
        for (result, all) in results.iter().zip(&mut stacked) {
            if let ScanResult::State(i) = result {
                all.clone_from(&state[*i]);
            }
        }
        stacked
    }
}
