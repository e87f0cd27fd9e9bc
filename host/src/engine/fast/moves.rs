//! Moves between edges and registers, for all positions of a block.

use super::{
    access::{Pattern, Run},
    memory::Ring,
};
use spandrel_core::image::{Codec, Combine, Edge, LOOP_REGISTERS};

/// Loop registers of each position that runs side by side with the others.
pub(super) type Positions<'p> = &'p [[u32; LOOP_REGISTERS]];

/// A pattern at the head or at an older slot of its edge.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) pattern: &'p Pattern,
    pub(super) edge: &'p Edge,
    /// Samples of the block.
    pub(super) lanes: usize,
}

/// Copies `count` rows of `lanes` elements; rows lie `from_step` and `to_step` elements apart.
#[inline]
fn copy_rows(
    target: &mut [i32],
    (to, to_step): (usize, usize),
    source: &[i32],
    (from, from_step): (usize, isize),
    (count, lanes): (usize, usize),
) {
    /// Whole groups of lanes as arrays: a copy of known length needs no call.
    #[inline]
    fn fixed<const N: usize>(
        target: &mut [i32],
        (to, to_step): (usize, usize),
        source: &[i32],
        (from, from_step): (usize, isize),
        count: usize,
    ) {
        for index in 0..count {
            let from = from.wrapping_add_signed(from_step * index as isize);
            let to = to + to_step * index;
            let row: &[i32] = &source[from..from + N];
            target[to..to + N].copy_from_slice(row);
        }
    }
    match lanes {
        1 => fixed::<1>(target, (to, to_step), source, (from, from_step), count),
        8 => fixed::<8>(target, (to, to_step), source, (from, from_step), count),
        16 => fixed::<16>(target, (to, to_step), source, (from, from_step), count),
        32 => fixed::<32>(target, (to, to_step), source, (from, from_step), count),
        _ if to_step == lanes && from_step == lanes as isize => {
            target[to..to + count * lanes].copy_from_slice(&source[from..from + count * lanes]);
        }
        _ => {
            for index in 0..count {
                let from = from.wrapping_add_signed(from_step * index as isize);
                let to = to + to_step * index;
                target[to..to + lanes].copy_from_slice(&source[from..from + lanes]);
            }
        }
    }
}

pub(super) fn combine(how: Combine, codec: Codec, target: &mut [i32], source: &[i32]) {
    let (lo, hi) = codec.range();
    let lanes = target.iter_mut().zip(source);
    match how {
        Combine::Set => lanes.for_each(|(target, value)| *target = (*value).clamp(lo, hi)),
        Combine::Add => {
            lanes.for_each(|(target, value)| *target = target.saturating_add(*value).clamp(lo, hi));
        }
        Combine::Max => lanes.for_each(|(target, value)| *target = (*target).max(*value).clamp(lo, hi)),
    }
}

/// Elements and rows of a run; the signal's row for those inside.
fn rows(run: Run, base: usize, lanes: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
    let (element, count) = match run {
        Run::Inside { element, count, .. } | Run::Outside { element, count } => (element, count),
    };
    (0..count).map(move |index| {
        let row = match run {
            Run::Inside { signal, stride, .. } => {
                Some(base + signal.wrapping_add_signed(stride * index as isize) * lanes)
            }
            Run::Outside { .. } => None,
        };
        (element + index, row)
    })
}

impl Place<'_> {
    fn base(&self, ring: &Ring) -> usize {
        ring.at(self.edge, self.pattern.age, self.lanes)
    }

    /// Signals into the rows of `target`.
    pub(super) fn gather(&self, ring: &Ring, positions: Positions<'_>, target: &mut [i32]) {
        let (lanes, width) = (self.lanes, self.lanes * positions.len());
        let base = self.base(ring);
        for (number, registers) in positions.iter().enumerate() {
            let column = number * lanes;
            self.pattern.runs(registers, |run| match run {
                Run::Outside { element, count } => {
                    for element in element..element + count {
                        target[element * width + column..][..lanes].fill(self.pattern.pad);
                    }
                }
                Run::Inside { element, count, signal, stride } => copy_rows(
                    target,
                    (element * width + column, width),
                    &ring.data,
                    (base + signal * lanes, stride * lanes as isize),
                    (count, lanes),
                ),
            });
        }
    }

    /// The rows of `source` into signals.
    pub(super) fn scatter(&self, how: Combine, ring: &mut Ring, positions: Positions<'_>, source: &[i32]) {
        let (lanes, width) = (self.lanes, self.lanes * positions.len());
        let base = self.base(ring);
        for (number, registers) in positions.iter().enumerate() {
            let column = number * lanes;
            self.pattern.runs(registers, |run| {
                for (element, row) in rows(run, base, lanes) {
                    if let Some(row) = row {
                        let values = &source[element * width + column..][..lanes];
                        combine(how, self.edge.codec, &mut ring.data[row..row + lanes], values);
                    }
                }
            });
        }
    }

    /// Calls `each` with the position, an element's row within that position's lanes of `target`, and the row of signals, or of
    /// pad codes, that belongs to it.
    pub(super) fn each(
        &self,
        ring: &Ring,
        positions: Positions<'_>,
        target: &mut [i32],
        mut each: impl FnMut(usize, &mut [i32], &[i32]),
    ) {
        let (lanes, width) = (self.lanes, self.lanes * positions.len());
        let base = self.base(ring);
        let pad = vec![self.pattern.pad; lanes];
        for (number, registers) in positions.iter().enumerate() {
            let column = number * lanes;
            self.pattern.runs(registers, |run| {
                for (element, row) in rows(run, base, lanes) {
                    let values = row.map_or(pad.as_slice(), |row| &ring.data[row..row + lanes]);
                    each(number, &mut target[element * width + column..][..lanes], values);
                }
            });
        }
    }

    /// Calls `each` with every element's number and its row of signals or of pad codes, at the one position given.
    pub(super) fn show(
        &self,
        ring: &Ring,
        registers: &[u32; LOOP_REGISTERS],
        mut each: impl FnMut(u32, &[i32]),
    ) {
        let base = self.base(ring);
        let pad = vec![self.pattern.pad; self.lanes];
        self.pattern.runs(registers, |run| {
            for (element, row) in rows(run, base, self.lanes) {
                let values = row.map_or(pad.as_slice(), |row| &ring.data[row..row + self.lanes]);
                each(element as u32, values);
            }
        });
    }
}
