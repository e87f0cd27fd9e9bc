//! Convolution: the windows of a tile of positions become rows of a matrix (im2col), which is multiplied by the packed
//! weights. Channels that see one input each (depthwise) are summed directly. Both sum in the same order.

use super::kernel::{Known, Operand};
use super::matrix::PackedMatrix;
use super::taps::{PADDING, Taps};
use crate::graph::Conv;

/// The most elements of a tile's matrix: 1 MiB.
const TILE: usize = 1 << 18;
/// Up to so many outputs per group are summed directly.
const FEW: usize = 2;

#[derive(Clone, Debug)]
pub(crate) struct ConvKernel {
    taps: Taps,
    batch: usize,
    groups: usize,
    /// Input channels and outputs of one group.
    channels: usize,
    outputs: usize,
    /// One matrix per group, when the weights are constant and not summed directly.
    packed: Vec<PackedMatrix>,
}

impl ConvKernel {
    pub(super) fn new(conv: &Conv, operands: &[Known<'_>], shape: &[usize]) -> Self {
        let (x, w) = (operands[0].shape, operands[1].shape);
        let mut kernel = Self {
            taps: Taps::new(&conv.window, &x[2..], &shape[2..]),
            batch: x[0],
            groups: conv.groups,
            channels: w[1],
            outputs: w[0] / conv.groups,
            packed: Vec::new(),
        };
        if let (Some(weights), true) = (operands[1].constant, kernel.outputs > FEW) {
            kernel.packed = kernel.pack(weights.data());
        }
        kernel
    }

    /// The number of products of one element.
    fn terms(&self) -> usize {
        self.channels * self.taps.per_window()
    }

    fn pack(&self, weights: &[f32]) -> Vec<PackedMatrix> {
        let (k, m) = (self.terms(), self.outputs);
        weights
            .chunks_exact((k * m).max(1))
            .map(|group| {
                let mut transposed = vec![0.0; k * m];
                for (o, row) in group.chunks_exact(k).enumerate() {
                    row.iter().enumerate().for_each(|(i, &w)| transposed[i * m + o] = w);
                }
                PackedMatrix::new(k, m, &transposed)
            })
            .collect()
    }

    pub(super) fn run(&self, operands: &[Operand<'_>], rows: usize, out: &mut [f32]) {
        let (positions, terms) = (self.taps.positions(), self.terms());
        let tile = (TILE / terms.max(1)).max(4);
        let shared_bias = operands.get(2);
        let planes = self.channels * self.taps.plane();
        let (mut columns, mut sums) = (Vec::new(), Vec::new());
        for first in (0..positions).step_by(tile) {
            let range = first..(first + tile).min(positions);
            let (index, _) = self.taps.table(range.clone());
            for row in 0..rows {
                let own;
                let (x, weights) = (operands[0].sample(row), operands[1].sample(row));
                let packed = match (self.packed.as_slice(), self.outputs > FEW) {
                    ([], true) => {
                        own = self.pack(weights);
                        own.as_slice()
                    }
                    (packed, _) => packed,
                };
                let bias = shared_bias.map(|b| b.sample(row));
                for part in 0..self.batch * self.groups {
                    let group = part % self.groups;
                    let x = &x[part * planes..][..planes];
                    let at = (row * self.batch * self.groups + part) * self.outputs * positions;
                    let out = &mut out[at..at + self.outputs * positions];
                    sums.resize(range.len() * self.outputs, 0.0);
                    if let Some(matrix) = packed.get(group) {
                        self.gather(x, &index, &mut columns);
                        matrix.multiply(&columns, &mut sums);
                    } else {
                        let weights = &weights[group * self.outputs * terms..][..self.outputs * terms];
                        self.direct(x, &index, weights, &mut sums);
                    }
                    for (o, out) in out.chunks_exact_mut(positions).enumerate() {
                        let bias = bias.map(|b| b[group * self.outputs + o]);
                        let column = sums[o..].iter().step_by(self.outputs);
                        match bias {
                            Some(bias) => {
                                out[range.clone()].iter_mut().zip(column).for_each(|(y, s)| *y = s + bias);
                            }
                            None => out[range.clone()].iter_mut().zip(column).for_each(|(y, s)| *y = *s),
                        }
                    }
                }
            }
        }
    }

    /// The windows of all channels, one row per position.
    fn gather(&self, x: &[f32], index: &[u32], columns: &mut Vec<f32>) {
        let (plane, per_window) = (self.taps.plane(), self.taps.per_window());
        columns.clear();
        for window in index.chunks_exact(per_window) {
            for channel in x.chunks_exact(plane) {
                // PADDING is beyond every channel.
                columns.extend(window.iter().map(|&at| channel.get(at as usize).copied().unwrap_or(0.0)));
            }
        }
    }

    /// Padding is left out: it would add a zero.
    fn direct(&self, x: &[f32], index: &[u32], weights: &[f32], sums: &mut [f32]) {
        let (plane, per_window) = (self.taps.plane(), self.taps.per_window());
        for (window, sums) in index.chunks_exact(per_window).zip(sums.chunks_exact_mut(self.outputs)) {
            for (weights, sum) in weights.chunks_exact(self.terms()).zip(sums) {
                *sum = 0.0;
                for (channel, weights) in x.chunks_exact(plane).zip(weights.chunks_exact(per_window)) {
                    for (&at, w) in window.iter().zip(weights) {
                        if at != PADDING {
                            *sum += channel[at as usize] * w;
                        }
                    }
                }
            }
        }
    }
}
