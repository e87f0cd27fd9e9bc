//! Finding the regular structure of a table of elements.

use super::view::{Piece, Ref, expand, pitches};

/// The most boxes that a view is divided into.
const MOST_PIECES: usize = 48;

/// Boxes that together describe `refs` of a value of `shape`; `None` when there is no small number of them.
pub(super) fn fit(shape: &[usize], refs: &[Ref]) -> Option<Vec<Piece>> {
    if refs.iter().all(|r| *r == Ref::NONE) {
        return Some(Vec::new());
    }
    let same = |pieces: &Vec<Piece>| {
        let mut again = vec![Ref::NONE; refs.len()];
        pieces.iter().for_each(|piece| expand(shape, piece, &mut again));
        again == refs
    };
    let whole = whole(shape, refs).map(|piece| vec![piece]).filter(same);
    whole.or_else(|| boxes(shape, refs).filter(same))
}

/// One box around everything that is not constant; its axes may be merged ones.
fn whole(shape: &[usize], refs: &[Ref]) -> Option<Piece> {
    let pitches = pitches(shape);
    let source = refs.iter().find(|r| **r != Ref::NONE)?.source;
    let (mut low, mut high) = (vec![usize::MAX; shape.len()], vec![0; shape.len()]);
    let inner = shape.last().copied().unwrap_or(1);
    for (row, own) in refs.chunks_exact(inner).enumerate() {
        let Some(begin) = own.iter().position(|r| *r != Ref::NONE) else { continue };
        let end = own.iter().rposition(|r| *r != Ref::NONE).unwrap_or(begin);
        if own[begin].source != source {
            return None;
        }
        let Some(last) = shape.len().checked_sub(1) else { break };
        for axis in 0..last {
            let index = row * inner / pitches[axis] % shape[axis];
            low[axis] = low[axis].min(index);
            high[axis] = high[axis].max(index);
        }
        low[last] = low[last].min(begin);
        high[last] = high[last].max(end);
    }
    let size: Vec<usize> = low.iter().zip(&high).map(|(l, h)| h - l + 1).collect();
    let at: usize = low.iter().zip(&pitches).map(|(l, p)| l * p).sum();
    let mut strides = Vec::new();
    for axis in 0..shape.len() {
        let along = (0..size[axis]).map(|i| refs[at + i * pitches[axis]]);
        let elements: Option<Vec<i64>> =
            along.map(|r| (r.source == source).then_some(i64::from(r.element))).collect();
        strides.push(factors(&elements?)?);
    }
    Some(Piece { low, size, source, first: i64::from(refs[at].element), strides })
}

/// The nested regular steps that make up `elements`: (extent, stride), the slowest first.
fn factors(elements: &[i64]) -> Option<Vec<(usize, i64)>> {
    let count = elements.len();
    if count == 1 {
        return Some(Vec::new());
    }
    let stride = elements[1] - elements[0];
    let run = elements.windows(2).take_while(|pair| pair[1] - pair[0] == stride).count() + 1;
    if run == count {
        return Some(vec![(count, stride)]);
    }
    if !count.is_multiple_of(run) {
        return None;
    }
    let outer: Vec<i64> = elements.iter().copied().step_by(run).collect();
    let mut out = factors(&outer)?;
    out.push((run, stride));
    Some(out)
}

/// Boxes with one stride along every axis, each as large as it can be made from its first element.
fn boxes(shape: &[usize], refs: &[Ref]) -> Option<Vec<Piece>> {
    let pitches = pitches(shape);
    let mut open: Vec<bool> = refs.iter().map(|r| *r != Ref::NONE).collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(next) = open[at..].iter().position(|&open| open) {
        at += next;
        if out.len() == MOST_PIECES {
            return None;
        }
        let piece = grow(shape, &pitches, refs, &open, at);
        let mut places = vec![at];
        for (&size, &pitch) in piece.size.iter().zip(&pitches) {
            let run = 0..size;
            places = places.iter().flat_map(|&p| run.clone().map(move |i| p + i * pitch)).collect();
        }
        places.into_iter().for_each(|p| open[p] = false);
        out.push(piece);
    }
    Some(out)
}

fn grow(shape: &[usize], pitches: &[usize], refs: &[Ref], open: &[bool], at: usize) -> Piece {
    let start = refs[at];
    // Places of the box so far, relative to its first, and their elements, relative to the first.
    let mut held = vec![(0usize, 0i64)];
    let low: Vec<usize> = pitches.iter().zip(shape).map(|(p, n)| at / p % n).collect();
    let (mut size, mut strides) = (vec![1; shape.len()], vec![Vec::new(); shape.len()]);
    for axis in (0..shape.len()).rev() {
        let room = shape[axis] - low[axis];
        let fits = |i: usize, stride: i64| {
            held.iter().all(|&(place, element)| {
                let here = at + i * pitches[axis] + place;
                let wanted = i64::from(start.element) + i as i64 * stride + element;
                open[here] && refs[here].source == start.source && i64::from(refs[here].element) == wanted
            })
        };
        if room == 1 {
            continue;
        }
        let stride = i64::from(refs[at + pitches[axis]].element) - i64::from(start.element);
        let count = 1 + (1..room).take_while(|&i| fits(i, stride)).count();
        if count > 1 {
            size[axis] = count;
            strides[axis] = vec![(count, stride)];
            let step = |i: usize| (i * pitches[axis], i as i64 * stride);
            let copies = (0..count).map(step);
            held = copies.flat_map(|(p, e)| held.iter().map(move |&(hp, he)| (hp + p, he + e))).collect();
        }
    }
    Piece { low, size, source: start.source, first: i64::from(start.element), strides }
}

#[cfg(test)]
mod tests {
    use super::super::view::{Form, View};
    use super::*;

    fn refs(elements: &[i64]) -> Vec<Ref> {
        let of = |&e: &i64| if e < 0 { Ref::NONE } else { Ref { source: 1, element: e as u32 } };
        elements.iter().map(of).collect()
    }

    #[test]
    fn flattened_channels_last_is_one_merged_axis() {
        // 2 channels of 2 x 3 pixels, the channel innermost in the source, flattened channel by channel.
        let table = refs(&[0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
        let pieces = fit(&[1, 12], &table).expect("regular");
        assert_eq!(pieces[0].strides, [vec![], vec![(2, 1), (6, 2)]]);
    }

    #[test]
    fn padding_and_concatenation_are_boxes() {
        let pieces = fit(&[3, 4], &refs(&[-1, -1, -1, -1, -1, 5, 6, -1, -1, 9, 10, -1])).expect("regular");
        assert_eq!((pieces.len(), &pieces[0].low, &pieces[0].size), (1, &vec![1, 1], &vec![2, 2]));
        let two = fit(&[2, 4], &refs(&[0, 1, 20, 22, 4, 5, 26, 28])).expect("regular");
        assert_eq!(two.len(), 2);
        assert_eq!(two[1].strides, [vec![(2, 6)], vec![(2, 2)]]);
    }

    #[test]
    fn what_has_no_structure_stays_a_table() {
        let scrambled: Vec<i64> = (0..400).map(|i| i * i * 7919 % 1009).collect();
        let view = View::of(vec![400], refs(&scrambled));
        assert!(matches!(view.form, Form::Table(_)));
        assert_eq!(view.refs(), refs(&scrambled));
    }
}
