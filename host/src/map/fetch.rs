//! From the lines of a core to access patterns.
//!
//! Each line has coordinates on the axes of its source, and moves along them as the loops over the grid go on. Lines that
//! follow each other evenly are fetched by one pattern: as many nested dimensions as the format has. What has no such
//! regularity at a single position goes through an index table.

use spandrel_core::image::{AXES_MAX, Access, Axis, DIMS_MAX, Dim, NO_TABLE, TERMS_MAX, Term};

use super::held;
use super::program::Program;
use super::records::{access, table};
use super::regular::{Place, Regular};
use crate::dots::Source;
use crate::encode::EncodedGraph;
use crate::expand::OpLine;

/// The number of the edge that holds what `source` is: the input, the nodes in order, the constant 1.
pub(super) fn edge_of(graph: &EncodedGraph, source: Source) -> u32 {
    match source {
        Source::Input => 0,
        Source::Node(node) => node as u32 + 1,
        Source::One => graph.nodes.len() as u32 + 1,
    }
}

/// A pattern's frame: axes in signals and how the loops move it; shared by all lines of one read.
struct Frame {
    edge: u32,
    /// Extent and pitch.
    axes: Vec<(u32, u32)>,
    /// Grid dimension, coordinates a step, axis.
    terms: Vec<(usize, i32, u8)>,
}

/// Patterns that bring `lines` of `node`, in order, and how many lines each brings; the loop over grid dimension d counts in
/// register d; what lies outside is the code `pad`. `None` where a read is not regular: such a node's positions are written out one by one.
pub(super) fn moving(
    program: &mut Program,
    graph: &EncodedGraph,
    node: usize,
    lines: &[OpLine],
    pad: i32,
) -> Option<Vec<(u32, usize)>> {
    let dot = &graph.dot.nodes[node];
    let mut out = Vec::new();
    for run in lines.chunk_by(|a, b| a.line.read == b.line.read) {
        let read = &dot.body.reads()[run[0].line.read as usize];
        let regular = Regular::new(graph, read, &dot.grid, dot.groups())?;
        let frame =
            Frame { edge: edge_of(graph, read.source), axes: regular.axes()?, terms: regular.terms()? };
        if frame.terms.len() > TERMS_MAX {
            return None;
        }
        let places: Vec<Place> = run.iter().map(|own| regular.place(own)).collect::<Option<_>>()?;
        let mut first = 0;
        while first < places.len() {
            let (count, dims) = nest(&places[first..]);
            let mut made = pattern(&frame, &places[first], &dims, pad);
            if graph.dot.held {
                made = held::pattern(graph, made)?;
            }
            out.push((access(program, made), count));
            first += count;
        }
    }
    Some(out)
}

/// Patterns for a single position: edge and age, and `signals` of each line's source; `pad` is the code outside, where some lie there.
pub(super) fn fixed(
    program: &mut Program,
    runs: &[((u32, u16), Vec<u32>)],
    pad: Option<i32>,
) -> Vec<(u32, usize)> {
    runs.iter()
        .map(|((edge, age), signals)| {
            let length = program.edges[*edge as usize].length;
            let first = signals.first().map_or(0, |&s| s as i32);
            let step = signals.get(1).map_or(1, |&s| s as i32 - first);
            let mut pattern = Access::run(*edge, length, first, signals.len() as u32);
            pattern.age = *age;
            let even = pad.is_none()
                && signals
                    .iter()
                    .enumerate()
                    .all(|(i, &s)| i64::from(s) == i64::from(first) + i as i64 * i64::from(step));
            if even {
                pattern.dims[0].step = step;
            } else {
                pattern.axes[0].origin = 0;
                pattern.dims.clear();
                // Outside is negative in a table.
                pattern.pad = pad.unwrap_or(program.base);
                pattern.table = table(program, signals.iter().map(|&s| s as i32).collect());
            }
            (access(program, pattern), signals.len())
        })
        .collect()
}

/// The longest start of `places` that nested dimensions can bring, each along one axis: its length and the dimensions, outermost first.
fn nest(places: &[Place]) -> (usize, Vec<Dim>) {
    let mut dims: Vec<Dim> = Vec::new();
    let mut size = 1;
    while dims.len() < DIMS_MAX && size < places.len() {
        let Some((step, axis)) = single_step(&places[0], &places[size]) else { break };
        // How often the block of `size` places repeats, each time moved by the same step.
        let mut count = 1;
        while (count + 1) * size <= places.len()
            && (0..size).all(|i| {
                let mut moved = places[i];
                moved[axis] = moved[axis].wrapping_add(step.wrapping_mul(count as i32));
                places[count * size + i] == moved
            })
        {
            count += 1;
        }
        if count == 1 {
            break;
        }
        dims.push(Dim { count: count as u32, step, axis: axis as u8 });
        size *= count;
    }
    dims.reverse();
    (size, dims)
}

fn single_step(from: &Place, to: &Place) -> Option<(i32, usize)> {
    let mut changed = (0..AXES_MAX).filter(|&axis| from[axis] != to[axis]);
    let axis = changed.next()?;
    (changed.next().is_none()).then(|| (to[axis].wrapping_sub(from[axis]), axis))
}

fn pattern(frame: &Frame, first: &Place, dims: &[Dim], pad: i32) -> Access {
    let axes = frame.axes.iter().zip(first).map(|(&(extent, pitch), &origin)| Axis { extent, pitch, origin });
    let terms =
        frame.terms.iter().map(|&(grid, coefficient, axis)| Term { coefficient, register: grid as u8, axis });
    Access {
        edge: frame.edge,
        age: 0,
        table: NO_TABLE,
        pad,
        axes: axes.collect(),
        dims: dims.iter().copied().collect(),
        terms: terms.collect(),
    }
}
