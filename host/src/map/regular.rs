//! A regular read in signals: its axes, and where each line lies on them.

use spandrel_core::image::AXES_MAX;

use crate::dots::{Axis, Read, Source, Taps, Window};
use crate::encode::EncodedGraph;
use crate::expand::OpLine;

/// Where a line is at grid position 0.
pub(super) type Place = [i32; AXES_MAX];

/// A read whose taps form a window, its axes counted in signals.
///
/// A pixel has as many signals as its channels have copies, and the copies of an element lie next to each other.
pub(super) struct Regular<'g> {
    graph: &'g EncodedGraph,
    source: Source,
    window: Window,
    /// The axis along which groups lie, and the coordinates between neighbours.
    group: Option<(usize, i64)>,
    /// The axis whose neighbours are neighbouring elements: copies continue it.
    dense: Option<usize>,
    /// Copies of every channel, where all have the same number.
    copies: usize,
    even: bool,
}

impl<'g> Regular<'g> {
    /// The read of a node with this grid and so many groups; `None` when it is not regular in signals.
    pub(super) fn new(graph: &'g EncodedGraph, read: &Read, grid: &[usize], groups: usize) -> Option<Self> {
        let Taps::Window(window) = &read.taps else { return None };
        let mut window = window.clone();
        absorb_first(&mut window, grid);
        let group = group_axis(&mut window, groups, read.group_step);
        let (copies, even) = match read.source {
            Source::Input => (graph.input.weights.len(), true),
            Source::One => (1, true),
            Source::Node(node) => {
                let copies = &graph.nodes[node].copies;
                (usize::from(copies[0]), copies.iter().all(|k| *k == copies[0]))
            }
        };
        let dense = window.axes.iter().position(|axis| axis.pitch == 1);
        let made = Self { graph, source: read.source, window, group, dense, copies, even };
        let axes = made.window.axes.len() + usize::from(made.copies_apart());
        (axes <= AXES_MAX && (even || made.whole())).then_some(made)
    }

    /// Whether copies need an axis of their own.
    fn copies_apart(&self) -> bool {
        self.even && self.copies > 1 && self.dense.is_none()
    }

    /// Of channels of different widths: whether one axis runs over the channels of a position and stands still, and all others run
    /// over whole positions.
    fn whole(&self) -> bool {
        let Source::Node(node) = self.source else { return false };
        let channels = self.graph.nodes[node].copies.len();
        let fits = |(number, axis): (usize, &Axis)| {
            if Some(number) == self.dense {
                axis.extent <= channels
            } else {
                axis.pitch.is_multiple_of(channels)
            }
        };
        let still = self.window.terms.iter().all(|term| Some(term.axis) != self.dense);
        self.dense.is_some() && still && self.window.axes.iter().enumerate().all(fits)
    }

    /// Extent and pitch of each axis.
    pub(super) fn axes(&self) -> Option<Vec<(u32, u32)>> {
        let mut out: Vec<(usize, usize)> = Vec::new();
        for (number, axis) in self.window.axes.iter().enumerate() {
            let dense = Some(number) == self.dense;
            out.push(match self.source {
                _ if self.even && dense => (axis.extent * self.copies, 1),
                _ if self.even => (axis.extent, axis.pitch * self.copies),
                Source::Node(node) => {
                    let own = &self.graph.nodes[node];
                    let channels = own.copies.len();
                    match (dense, axis.extent < channels) {
                        (true, true) => (own.start(axis.extent), 1),
                        (true, false) => (own.width(), 1),
                        (false, _) => (axis.extent, axis.pitch / channels * own.width()),
                    }
                }
                Source::Input | Source::One => return None,
            });
        }
        if self.copies_apart() {
            out.push((self.copies, 1));
        }
        out.into_iter().map(|(e, p)| Some((u32::try_from(e).ok()?, u32::try_from(p).ok()?))).collect()
    }

    /// How a step of each dimension of the grid moves the read: dimension, coordinates, axis.
    pub(super) fn terms(&self) -> Option<Vec<(usize, i32, u8)>> {
        let scaled = |term: &crate::dots::Term| {
            let by = if Some(term.axis) == self.dense { self.copies as i64 } else { 1 };
            Some((term.grid, i32::try_from(term.coefficient * by).ok()?, term.axis as u8))
        };
        self.window.terms.iter().map(scaled).collect()
    }

    /// Where a line is at grid position 0.
    pub(super) fn place(&self, own: &OpLine) -> Option<Place> {
        let mut at: Vec<i64> = self.window.axes.iter().map(|axis| axis.origin).collect();
        let mut rest = own.line.tap as usize;
        for dim in self.window.dims.iter().rev() {
            at[dim.axis] += dim.step * (rest % dim.count) as i64;
            rest /= dim.count;
        }
        if let Some((axis, step)) = self.group {
            at[axis] += step * i64::from(own.group);
        }
        let mut out = [0i32; AXES_MAX];
        for (number, &coordinate) in at.iter().enumerate() {
            let signal = match self.source {
                _ if Some(number) != self.dense => coordinate,
                _ if self.even => coordinate * self.copies as i64 + i64::from(own.line.copy),
                Source::Node(node) => {
                    let channel = usize::try_from(coordinate).ok()?;
                    let own_node = &self.graph.nodes[node];
                    if channel >= own_node.copies.len() {
                        return None;
                    }
                    own_node.start(channel) as i64 + i64::from(own.line.copy)
                }
                Source::Input | Source::One => return None,
            };
            out[number] = i32::try_from(signal).ok()?;
        }
        if self.copies_apart() {
            out[at.len()] = i32::from(own.line.copy);
        }
        Some(out)
    }
}

/// Moves the window's first element into an axis that it never leaves, or into an axis of its own.
fn absorb_first(window: &mut Window, grid: &[usize]) {
    let first = std::mem::take(&mut window.first);
    if first == 0 {
        return;
    }
    let holds = |number: usize, axis: &Axis| {
        axis.pitch > 0 && first.is_multiple_of(axis.pitch) && !window.leaves(number, grid)
    };
    let best = (0..window.axes.len())
        .filter(|&number| holds(number, &window.axes[number]))
        .max_by_key(|&number| window.axes[number].pitch);
    match best {
        Some(number) => {
            let axis = &mut window.axes[number];
            let by = first / axis.pitch;
            axis.extent += by;
            axis.origin += by as i64;
        }
        None => window.axes.push(Axis { extent: first + 1, pitch: 1, origin: first as i64 }),
    }
}

/// The axis along which groups lie: one that reaches over all of them, or a new one.
fn group_axis(window: &mut Window, groups: usize, step: usize) -> Option<(usize, i64)> {
    if groups <= 1 || step == 0 {
        return None;
    }
    let reaches = |axis: &Axis| {
        let before = usize::try_from(axis.origin).unwrap_or(0) * axis.pitch;
        axis.pitch > 0
            && step.is_multiple_of(axis.pitch)
            && axis.extent * axis.pitch >= before + groups * step
    };
    if let Some(number) = window.axes.iter().position(reaches) {
        let pitch = window.axes[number].pitch;
        return Some((number, (step / pitch) as i64));
    }
    window.axes.push(Axis { extent: groups, pitch: step, origin: 0 });
    Some((window.axes.len() - 1, 1))
}
