//! Reductions.

use crate::graph::tensor::{element_count, strides, walk};
use crate::graph::{Binary, ReduceKind};

#[derive(Clone, Debug)]
pub(crate) struct ReduceKernel {
    kind: ReduceKind,
    /// The first element of every result.
    first: Vec<u32>,
    /// The distances of the elements of one result, ascending.
    along: Vec<u32>,
}

impl ReduceKernel {
    pub(super) fn new(kind: ReduceKind, axes: &[usize], x: &[usize]) -> Self {
        let strides = strides(x);
        let table = |wanted: bool| {
            let chosen = (0..x.len()).filter(|axis| axes.contains(axis) == wanted);
            let (dims, steps): (Vec<_>, Vec<_>) = chosen.map(|axis| (x[axis], strides[axis])).unzip();
            if element_count(&dims) == Some(0) { Vec::new() } else { walk(&dims, &steps) }
        };
        Self { kind, first: table(false), along: table(true) }
    }

    pub(super) fn run(&self, x: &[f32], out: &mut [f32]) {
        for (y, &first) in out.iter_mut().zip(&self.first) {
            let elements = self.along.iter().map(|&at| x[(first + at) as usize]);
            *y = match self.kind {
                ReduceKind::Sum => elements.fold(0.0, |sum, v| sum + v),
                ReduceKind::Mean => elements.fold(0.0, |sum, v| sum + v) / self.along.len() as f32,
                ReduceKind::Prod => elements.fold(1.0, |product, v| product * v),
                ReduceKind::Max => elements.fold(f32::NEG_INFINITY, |most, v| Binary::Max.apply(most, v)),
                ReduceKind::Min => elements.fold(f32::INFINITY, |least, v| Binary::Min.apply(least, v)),
            };
        }
    }
}
