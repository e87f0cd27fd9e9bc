//! States whose elements lie in several nodes of a cell: each read of such a state is a read of the nodes themselves.
//!
//! A model may hand on one tensor that holds all of its states, stacked. A node that copied them together would have to carry
//! values of very different ranges, twice over, so there is none.

use super::lowerer::Lowerer;
use super::value::Sum;
use super::view::{Ref, source};
use crate::dots::{DotNode, PAD, Read, Source, Taps, Window};

/// Where the elements of `sum` lie, when that is in nodes of the body, behind the `stand_ins` of its inputs.
pub(super) fn spread(inner: &mut Lowerer<'_>, sum: &Sum, stand_ins: usize, name: &str) -> Option<Vec<Ref>> {
    if sum.addends.is_empty() {
        return None;
    }
    let refs = inner.bare(sum, name).ok()?.refs();
    let inside = |own: &Ref| matches!(source(own.source), Source::Node(node) if node >= stand_ins);
    refs.iter().all(inside).then_some(refs)
}

/// The reads that `read` of `node`, which lies on the grid of one step, becomes when element e of what it reads is `places[e]`: a node, and an element of it.
/// `None` where groups read from different nodes or without order.
pub(super) fn through(node: &DotNode, read: &Read, places: &[(usize, u32)]) -> Option<Vec<Read>> {
    let (positions, taps, groups) = (node.positions(), read.taps.len(), node.groups());
    let mut elements = Vec::new();
    (0..positions).for_each(|position| read.taps.bring(position, &node.indices(position), &mut elements));
    // For each tap the node, and the elements from group to group.
    let mut of: Vec<(usize, usize)> = Vec::new();
    for tap in 0..taps {
        let own = || (0..positions).map(|position| elements[position * taps + tap]).filter(|&e| e != PAD);
        // A tap that always lies outside may be of any node.
        let Some(first) = own().next() else {
            of.push(*of.last().unwrap_or(&(places.first()?.0, 0)));
            continue;
        };
        let at = |element: u32, group: usize| places.get(element as usize + group * read.group_step).copied();
        let (from, start) = at(first, 0)?;
        let step = if groups > 1 { at(first, 1)?.1.checked_sub(start)? as usize } else { 0 };
        let even = own().all(|element| {
            let begin = at(element, 0);
            let moved = |group: usize| begin.map(|(node, e)| (node, e + (group * step) as u32));
            begin.is_some_and(|(node, _)| node == from) && (0..groups).all(|g| at(element, g) == moved(g))
        });
        if !even {
            return None;
        }
        of.push((from, step));
    }
    let mut out = Vec::new();
    let mut first = 0;
    for run in of.chunk_by(|a, b| a == b) {
        let place = |e: u32| if e == PAD { PAD } else { places[e as usize].1 };
        let rows = elements.chunks_exact(taps);
        let own: Vec<u32> =
            rows.flat_map(|row| row[first..first + run.len()].iter().map(|&e| place(e))).collect();
        out.push(Read {
            source: Source::Node(run[0].0),
            taps: regular(own, run.len(), positions),
            group_step: run[0].1,
        });
        first += run.len();
    }
    Some(out)
}

/// Taps that bring `elements`, position by position: a window where a single position reads evenly.
fn regular(elements: Vec<u32>, taps: usize, positions: usize) -> Taps {
    let step = elements.get(1).map_or(1, |&next| i64::from(next) - i64::from(elements[0]));
    let even = positions == 1
        && step > 0
        && elements
            .iter()
            .enumerate()
            .all(|(i, &e)| e != PAD && i64::from(e) == i64::from(elements[0]) + i as i64 * step);
    if !even {
        return Taps::Table { taps, elements: elements.into() };
    }
    let first = elements[0] as usize;
    let last = elements[taps - 1] as usize;
    let mut window = Window::run(last + 1, first, taps);
    window.dims[0].step = step;
    Taps::Window(window)
}
