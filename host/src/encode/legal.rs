//! What a chip lacks, made from what it has.

use crate::dots::{Act, Body, Dot, DotGraph, DotNode, Read, Source, Taps, Window};
use crate::numeric::Matrix;

/// A read of every channel of node `node` at the same position: tap 0 of group c is channel c.
pub fn same(graph: &DotGraph, node: usize) -> Read {
    let (grid, channels) = (graph.nodes[node].grid.clone(), graph.nodes[node].channels);
    Read { source: Source::Node(node), taps: Taps::Window(at_grid(&grid, channels)), group_step: 1 }
}

/// One element for each position of `grid`: channel 0 of it, of a value with `channels` channels.
fn at_grid(grid: &[usize], channels: usize) -> Window {
    use crate::dots::{Axis, Term};
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
    let weights = vec![Matrix::from_fn(1, factors.len(), |_, c| factors[c]); channels];
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
