//! From a view and a walk over it to reads: windows where the elements lie regularly, tables where they do not.

use super::pattern::Pattern;
use super::view::{Piece, Ref, View, pitches, source};
use crate::dots::{Axis, Dim, PAD, Read, Taps, Term, Window};

/// The most entries of one table: positions times taps.
const MOST_ENTRIES: usize = 1 << 26;

/// The most windows that one operand is read by, when it is read at one position only.
const MOST_RUNS: usize = 16;

/// A read and, for each of its taps, the pattern's tap that it is.
#[derive(Clone, Debug)]
pub(super) struct Brought {
    pub(super) read: Read,
    pub(super) columns: Vec<u32>,
}

/// Reads that together bring all elements that `pattern` takes of `view`; constants are not read. `None` when the groups do
/// not read regularly.
pub(super) fn reads(view: &View, pattern: &Pattern) -> Option<Vec<Brought>> {
    if pattern.groups == 1 && pattern.grid().is_empty() {
        return Some(single(view, pattern));
    }
    let windows = view.pieces().and_then(|pieces| {
        pieces.iter().map(|piece| window(view, piece, pattern)).collect::<Option<Vec<_>>>()
    });
    match windows {
        Some(windows) => Some(windows.into_iter().flatten().collect()),
        None => table(view, pattern),
    }
}

/// One axis of a window with its taps, before the axes are put in order.
struct Walk {
    extent: usize,
    pitch: i64,
    origin: i64,
    count: usize,
    step: i64,
    /// The pattern's taps for one step along this dimension; and its first tap.
    column: i64,
    first_column: i64,
    term: Option<(usize, i64)>,
}

/// The window of one piece; `Some(None)` when nothing of it is ever read, `None` when it is not a window.
fn window(view: &View, piece: &Piece, pattern: &Pattern) -> Option<Option<Brought>> {
    let mut first = piece.first;
    let mut group_step = 0i64;
    let mut walks: Vec<Walk> = Vec::new();
    let taps: Vec<usize> = pattern.axes.iter().map(|a| a.taps).collect();
    let columns = pitches(&taps);
    for (axis, along) in pattern.axes.iter().enumerate() {
        let (low, size) = (piece.low[axis] as i64, piece.size[axis]);
        let column = columns[axis] as i64;
        if along.per_group > 0 {
            (piece.spans(&view.shape, axis) && along.pad == 0).then_some(())?;
            group_step = along.per_group as i64 * piece.stride(axis)?;
        }
        if along.positions > 1 {
            let mut walk = Walk {
                extent: size,
                pitch: piece.stride(axis)?,
                origin: -(along.pad as i64) - low,
                count: along.taps,
                step: along.step as i64,
                column,
                first_column: 0,
                term: pattern.grid_dim(axis).map(|grid| (grid, along.coefficient as i64)),
            };
            if walk.pitch < 0 {
                first += (size as i64 - 1) * walk.pitch;
                walk.origin = size as i64 - 1 - walk.origin;
                walk.pitch = -walk.pitch;
                walk.step = -walk.step;
                walk.term = walk.term.map(|(grid, coefficient)| (grid, -coefficient));
            }
            walks.push(walk);
            continue;
        }
        // Without positions every tap has one place: those inside are known.
        let inside = |tap: &usize| {
            let c = pattern.coordinate(axis, *tap, 0) - low;
            c >= 0 && c < size as i64
        };
        let Some(from) = (0..along.taps).find(inside) else { return Some(None) };
        let count = (from..along.taps).take_while(inside).count();
        let begin = pattern.coordinate(axis, from, 0) - low;
        if let Some(stride) = piece.stride(axis) {
            first += begin * stride;
            if count > 1 {
                plain(&mut walks, &mut first, count, stride * along.step as i64, column, from as i64);
            } else {
                walks.push(Walk { count: 1, first_column: from as i64 * column, ..Walk::none() });
            }
        } else {
            (along.step == 1 && count == size && along.per_group == 0).then_some(())?;
            let mut nested = column * count as i64;
            walks.push(Walk { first_column: from as i64 * column, ..Walk::none() });
            for &(extent, stride) in &piece.strides[axis] {
                nested /= extent as i64;
                plain(&mut walks, &mut first, extent, stride, nested, 0);
            }
        }
    }
    if group_step < 0 {
        return None;
    }
    arrange(walks, first, group_step as usize, piece.source).map(Some)
}

impl Walk {
    fn none() -> Self {
        Walk { extent: 1, pitch: 0, origin: 0, count: 1, step: 1, column: 0, first_column: 0, term: None }
    }
}

/// A dimension whose taps all lie inside at every position.
fn plain(walks: &mut Vec<Walk>, first: &mut i64, count: usize, stride: i64, column: i64, from: i64) {
    let last = count as i64 - 1;
    let (column, first_column) = if stride < 0 {
        *first += last * stride;
        (-column, (from + last) * column)
    } else {
        (column, from * column)
    };
    walks.push(Walk { extent: count, pitch: stride.abs(), count, column, first_column, ..Walk::none() });
}

/// Puts the dimensions in order, the innermost in the source innermost; joins neighbours.
fn arrange(walks: Vec<Walk>, first: i64, group_step: usize, number: u32) -> Option<Brought> {
    let start: i64 = walks.iter().map(|walk| walk.first_column).sum();
    let mut walks: Vec<Walk> = walks.into_iter().filter(|w| w.count > 1 || w.term.is_some()).collect();
    walks.sort_by_key(|walk| std::cmp::Reverse((walk.step * walk.pitch).abs()));
    let mut columns = vec![start];
    for walk in walks.iter().filter(|walk| walk.count > 1) {
        let step = |&at: &i64| (0..walk.count as i64).map(move |i| at + i * walk.column);
        columns = columns.iter().flat_map(step).collect();
    }
    let mut joined: Vec<Walk> = Vec::new();
    for walk in walks {
        match joined.last_mut() {
            Some(outer)
                if outer.term.is_none()
                    && walk.term.is_none()
                    && outer.pitch == walk.pitch * walk.extent as i64 =>
            {
                outer.extent *= walk.extent;
                outer.count *= walk.count;
                outer.pitch = walk.pitch;
            }
            _ => joined.push(walk),
        }
    }
    if joined.is_empty() {
        joined.push(Walk::none());
    }
    let mut window = Window { first: first as usize, axes: Vec::new(), dims: Vec::new(), terms: Vec::new() };
    for (axis, walk) in joined.iter().enumerate() {
        window.axes.push(Axis { extent: walk.extent, pitch: walk.pitch as usize, origin: walk.origin });
        if walk.count > 1 {
            window.dims.push(Dim { count: walk.count, step: walk.step, axis });
        }
        window.terms.extend(walk.term.map(|(grid, coefficient)| Term { grid, coefficient, axis }));
    }
    (window.axes.len() <= 4 && window.dims.len() <= 4).then_some(())?;
    let read = Read { source: source(number), taps: Taps::Window(window), group_step };
    Some(Brought { read, columns: columns.into_iter().map(|c| c as u32).collect() })
}

/// The element that lies at the coordinates of `tap` in `group` at the position `indices`; its place in the view.
fn place(view: &View, pattern: &Pattern, tap: &[usize], group: usize, indices: &[usize]) -> Option<usize> {
    let (mut at, mut dim) = (0, 0);
    for (axis, along) in pattern.axes.iter().enumerate() {
        let mut c = pattern.coordinate(axis, tap[axis], group);
        if along.positions > 1 {
            c += (indices[dim] * along.coefficient) as i64;
            dim += 1;
        }
        if c < 0 || c >= view.shape[axis] as i64 {
            return None;
        }
        at = at * view.shape[axis] + c as usize;
    }
    Some(at)
}

/// All grid indices, the last dimension running fastest.
pub(super) fn positions(grid: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let count: usize = grid.iter().product();
    let pitches = pitches(grid);
    (0..count).map(move |p| pitches.iter().zip(grid).map(|(pitch, n)| p / pitch % n).collect())
}

/// What one position reads in any order: sorted as the source holds it.
fn single(view: &View, pattern: &Pattern) -> Vec<Brought> {
    let refs = view.refs();
    let at = |tap: usize| Some(refs[place(view, pattern, &pattern.tap_indices(tap), 0, &[])?]);
    let whole = pattern.axes.iter().zip(&view.shape).all(|(a, &n)| a.taps == n && a.pad == 0 && a.step == 1);
    let at = |tap: usize| if whole { Some(refs[tap]) } else { at(tap) };
    let brought = |tap: usize| at(tap).filter(|r| *r != Ref::NONE).map(|r| (r, tap as u32));
    let mut taken: Vec<(Ref, u32)> = (0..pattern.taps()).filter_map(brought).collect();
    taken.sort_unstable();
    let mut out = Vec::new();
    for own in taken.chunk_by(|a, b| a.0.source == b.0.source) {
        let elements: Vec<u32> = own.iter().map(|(r, _)| r.element).collect();
        let columns: Vec<u32> = own.iter().map(|&(_, tap)| tap).collect();
        let from = source(own[0].0.source);
        let runs = runs(&elements);
        if runs.len() > MOST_RUNS {
            let taps = Taps::Table { taps: elements.len(), elements: elements.into() };
            out.push(Brought { read: Read { source: from, taps, group_step: 0 }, columns });
            continue;
        }
        let mut at = 0;
        for (first, pitch, count) in runs {
            let axes = vec![Axis { extent: count, pitch, origin: 0 }];
            let dims = vec![Dim { count, step: 1, axis: 0 }];
            let taps = Taps::Window(Window { first, axes, dims, terms: Vec::new() });
            let columns = columns[at..at + count].to_vec();
            out.push(Brought { read: Read { source: from, taps, group_step: 0 }, columns });
            at += count;
        }
    }
    out
}

/// Ascending numbers as runs of equal steps: (first, step, count).
fn runs(elements: &[u32]) -> Vec<(usize, usize, usize)> {
    let mut out = Vec::new();
    let mut rest = elements;
    while let [first, more @ ..] = rest {
        let step = more.first().map_or(1, |second| second - first);
        let count = 1 + rest.windows(2).take_while(|pair| pair[1] - pair[0] == step).count();
        out.push((*first as usize, step as usize, count));
        rest = &rest[count..];
    }
    out
}

/// Every element listed; `None` when there are too many, or the groups are not a fixed step apart.
fn table(view: &View, pattern: &Pattern) -> Option<Vec<Brought>> {
    let (taps, grid) = (pattern.taps(), pattern.grid());
    let count: usize = grid.iter().product();
    (taps.saturating_mul(count) <= MOST_ENTRIES).then_some(())?;
    let refs = view.refs();
    let taps: Vec<Vec<usize>> = (0..taps).map(|tap| pattern.tap_indices(tap)).collect();
    let at = |tap: &[usize], group: usize, indices: &[usize]| {
        place(view, pattern, tap, group, indices).map_or(Ref::NONE, |at| refs[at])
    };
    let mut all = Vec::with_capacity(taps.len() * count);
    let mut step: Option<i64> = None;
    for indices in positions(&grid) {
        for tap in &taps {
            let own = at(tap, 0, &indices);
            for group in 1..pattern.groups {
                let other = at(tap, group, &indices);
                (other.source == own.source).then_some(())?;
                if own != Ref::NONE {
                    let apart = i64::from(other.element) - i64::from(own.element);
                    let one = *step.get_or_insert(apart);
                    (one >= 0 && apart == one * group as i64).then_some(())?;
                }
            }
            all.push(own);
        }
    }
    let mut sources: Vec<u32> = all.iter().map(|r| r.source).filter(|&s| s != Ref::NONE.source).collect();
    sources.sort_unstable();
    sources.dedup();
    let group_step = step.unwrap_or(0) as usize;
    let brought = |number: u32| {
        let used = |tap: &u32| all.iter().skip(*tap as usize).step_by(taps.len()).any(|r| r.source == number);
        let columns: Vec<u32> = (0..taps.len() as u32).filter(used).collect();
        let element = |r: Ref| if r.source == number { r.element } else { PAD };
        let row = |row: &[Ref]| columns.iter().map(|&c| element(row[c as usize])).collect::<Vec<u32>>();
        let elements: Vec<u32> = all.chunks_exact(taps.len()).flat_map(row).collect();
        let taps = Taps::Table { taps: columns.len(), elements: elements.into() };
        Brought { read: Read { source: source(number), taps, group_step }, columns }
    };
    Some(sources.into_iter().map(brought).collect())
}
