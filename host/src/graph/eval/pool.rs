//! Pooling.

use super::kernel::Operand;
use super::taps::{PADDING, Taps};
use crate::graph::{Binary, Pool, PoolKind};

/// The most entries of a table of window elements.
const TILE: usize = 1 << 18;

#[derive(Clone, Debug)]
pub(crate) struct PoolKernel {
    kind: PoolKind,
    taps: Taps,
}

impl PoolKernel {
    pub(super) fn new(pool: &Pool, x: &[usize]) -> Self {
        Self { kind: pool.kind, taps: Taps::new(&pool.window, &x[2..], &pool.output) }
    }

    pub(super) fn run(&self, x: Operand<'_>, rows: usize, out: &mut [f32]) {
        let (positions, per_window) = (self.taps.positions(), self.taps.per_window());
        let tile = (TILE / per_window.max(1)).max(1);
        let channels = out.len() / rows.max(1) / positions;
        for first in (0..positions).step_by(tile) {
            let range = first..(first + tile).min(positions);
            let (index, counts) = self.taps.table(range.clone());
            for (i, out) in out.chunks_exact_mut(positions).enumerate() {
                let channel =
                    &x.sample(i / channels)[i % channels * self.taps.plane()..][..self.taps.plane()];
                let windows = index.chunks_exact(per_window).zip(&counts);
                for (y, (window, &count)) in out[range.clone()].iter_mut().zip(windows) {
                    *y = self.window(channel, window, count);
                }
            }
        }
    }

    fn window(&self, channel: &[f32], window: &[u32], count: u32) -> f32 {
        let elements = window.iter().filter(|&&at| at != PADDING).map(|&at| channel[at as usize]);
        match self.kind {
            PoolKind::Max => elements.fold(f32::NEG_INFINITY, |most, v| Binary::Max.apply(most, v)),
            PoolKind::Sum => elements.sum(),
            PoolKind::Average { count_include_pad: true } => elements.sum::<f32>() / count as f32,
            PoolKind::Average { count_include_pad: false } => {
                let count = window.iter().filter(|&&at| at != PADDING).count();
                elements.sum::<f32>() / count as f32
            }
        }
    }
}
