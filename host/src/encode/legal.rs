//! What a chip lacks, made from what it has.

use crate::dots::{Act, Axis, Body, Dot, DotGraph, DotNode, PAD, Read, Source, Taps, Window};
use crate::numeric::Matrix;

/// A read of every channel of node `node` at the same position: tap 0 of group c is channel c.
pub fn same(graph: &DotGraph, node: usize) -> Read {
    let (grid, channels) = (graph.nodes[node].grid.clone(), graph.nodes[node].channels);
    Read { source: Source::Node(node), taps: Taps::Window(at_grid(&grid, channels)), group_step: 1 }
}

/// One element for each position of `grid`: channel 0 of it, of a value with `channels` channels.
fn at_grid(grid: &[usize], channels: usize) -> Window {
    use crate::dots::Term;
    // Positions are numbered through, so one axis serves all dimensions of the grid.
    let positions: usize = grid.iter().product();
    let mut terms = Vec::new();
    let mut pitch = positions;
    for (at, &extent) in grid.iter().enumerate() {
        pitch /= extent.max(1);
        terms.push(Term { grid: at, coefficient: pitch as i64, axis: 0 });
    }
    Window {
        first: 0,
        axes: vec![Axis { extent: positions, pitch: channels, origin: 0 }],
        dims: Vec::new(),
        terms,
    }
}

/// A node that applies `act` to `sum over i of factors[i] * read i`, channel by channel, one tap a read.
pub fn mixed(
    name: String,
    grid: &[usize],
    channels: usize,
    terms: Vec<(f64, Read)>,
    bias: Vec<f64>,
    act: Act,
) -> DotNode {
    let factors: Vec<f64> = terms.iter().map(|(factor, _)| *factor).collect();
    let reads: Vec<Read> = terms.into_iter().map(|(_, read)| read).collect();
    let weights = vec![Matrix::from_fn(1, factors.len(), |_, c| factors[c]).into(); channels];
    DotNode { name, grid: grid.to_vec(), channels, body: Body::Dot(Dot { reads, weights, bias, act }) }
}

/// Tap number `tap` of `read` alone.
pub fn single(read: &Read, tap: usize, grid: &[usize]) -> Read {
    let taps = match &read.taps {
        Taps::Window(window) => {
            let mut axes = window.axes.clone();
            let mut rest = tap;
            for dim in window.dims.iter().rev() {
                axes[dim.axis].origin += dim.step * (rest % dim.count) as i64;
                rest /= dim.count;
            }
            Taps::Window(Window { axes, dims: Vec::new(), ..window.clone() })
        }
        Taps::Table { taps, elements } => {
            let positions: usize = grid.iter().product();
            let own = (0..positions).map(|p| elements[p * taps + tap]).collect();
            Taps::Table { taps: 1, elements: own }
        }
    };
    Read { taps, ..read.clone() }
}

/// A read of 1 wherever `read`, of one tap, lies inside.
pub fn one_of(read: &Read) -> Read {
    let taps = match &read.taps {
        Taps::Window(window) => {
            let axes = window.axes.iter().map(|axis| Axis { pitch: 0, ..*axis }).collect();
            Taps::Window(Window { first: 0, axes, ..window.clone() })
        }
        Taps::Table { taps, elements } => {
            let inside = elements.iter().map(|&e| if e == PAD { PAD } else { 0 }).collect();
            Taps::Table { taps: *taps, elements: inside }
        }
    };
    Read { source: Source::One, taps, group_step: 0 }
}

/// The taps `from..to` of `read`, in order, as reads of their own: windows stay windows.
pub fn run_of(read: &Read, from: usize, to: usize, grid: &[usize]) -> Vec<Read> {
    let made = |taps: Taps| Read { taps, ..read.clone() };
    match &read.taps {
        Taps::Window(window) => {
            let mut out = Vec::new();
            boxes(window, 0, from, to, &mut out);
            out.into_iter().map(|window| made(Taps::Window(window))).collect()
        }
        Taps::Table { taps, elements } => {
            let positions: usize = grid.iter().product();
            let own = (0..positions)
                .flat_map(|p| elements[p * taps + from..p * taps + to].iter().copied())
                .collect();
            vec![made(Taps::Table { taps: to - from, elements: own })]
        }
    }
}

/// Cuts the taps `from..to`, counted in the dimensions from `depth` on, into windows.
fn boxes(window: &Window, depth: usize, from: usize, to: usize, out: &mut Vec<Window>) {
    if from >= to {
        return;
    }
    let Some(dim) = window.dims.get(depth) else {
        out.push(window.clone());
        return;
    };
    let inner: usize = window.dims[depth + 1..].iter().map(|d| d.count).product();
    // The same window with `count` steps of this dimension, from step `first` on.
    let cut = |first: usize, count: usize| {
        let mut made = window.clone();
        made.axes[dim.axis].origin += dim.step * first as i64;
        made.dims[depth].count = count;
        made
    };
    let (first, last) = (from / inner, to.div_ceil(inner));
    let whole_first = from.div_ceil(inner);
    let whole_last = to / inner;
    if first + 1 == last {
        if from == first * inner && to == last * inner {
            out.push(cut(first, 1));
        } else {
            boxes(&cut(first, 1), depth + 1, from - first * inner, to - first * inner, out);
        }
        return;
    }
    if first < whole_first {
        boxes(&cut(first, 1), depth + 1, from - first * inner, inner, out);
    }
    if whole_first < whole_last {
        out.push(cut(whole_first, whole_last - whole_first));
    }
    if whole_last < last {
        boxes(&cut(whole_last, 1), depth + 1, 0, to - whole_last * inner, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dots::Dim;

    #[test]
    fn every_run_of_taps_is_brought_in_order() {
        let axis = |extent, pitch| Axis { extent, pitch, origin: 0 };
        let dim = |count, axis| Dim { count, step: 1, axis };
        let window = Window {
            first: 0,
            axes: vec![axis(5, 20), axis(5, 4), axis(4, 1)],
            dims: vec![dim(3, 0), dim(2, 1), dim(4, 2)],
            terms: Vec::new(),
        };
        let read = Read { source: Source::Input, taps: Taps::Window(window), group_step: 0 };
        let mut all = Vec::new();
        read.taps.bring(0, &[], &mut all);
        for from in 0..all.len() {
            for to in from + 1..=all.len() {
                let mut own = Vec::new();
                run_of(&read, from, to, &[]).iter().for_each(|r| r.taps.bring(0, &[], &mut own));
                assert_eq!(own, all[from..to], "{from}..{to}");
            }
        }
    }
}
