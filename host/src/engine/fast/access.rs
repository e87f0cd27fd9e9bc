//! Access patterns as runs of neighbouring elements.

use spandrel_core::image::{AXES_MAX, Access, Image, LOOP_REGISTERS, NO_TABLE};

/// The most walks along the innermost dimension for which runs are made ready.
const WALKS_MAX: usize = 1 << 16;

/// So far out that every coordinate lies outside, and that nothing added to it overflows.
const FAR: i64 = 1 << 61;

/// The most runs of a pattern that are kept ready; more are found at every walk.
const READY_MAX: usize = 1 << 12;

struct Axis {
    extent: i64,
    pitch: i64,
    origin: i64,
}

struct Dim {
    count: i64,
    step: i64,
    axis: usize,
}

struct Term {
    coefficient: i64,
    register: usize,
    axis: usize,
}

/// A run where nothing lies outside, relative to the pattern's base.
struct Ready {
    element: usize,
    count: usize,
    offset: i64,
    stride: i64,
}

/// A pattern, taken apart once.
pub(super) struct Pattern {
    /// The edge.
    pub(super) edge: usize,
    /// Age of the slot in ticks.
    pub(super) age: usize,
    /// What a read outside yields.
    pub(super) pad: i32,
    axes: Vec<Axis>,
    outer: Vec<Dim>,
    inner: Dim,
    terms: Vec<Term>,
    table: Option<Vec<i32>>,
    length: i64,
    /// How far the dimensions reach from the base, on each axis.
    reach: [(i64, i64); AXES_MAX],
    /// The largest entry of the table.
    last: i64,
    /// All runs at positions from which every element lies inside.
    ready: Option<Vec<Ready>>,
}

/// Neighbouring elements that are treated alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Elements `element`.. name the signals `signal`, `signal + stride`, ...
    Inside { element: usize, count: usize, signal: usize, stride: isize },
    /// Elements `element`.. lie outside the edge.
    Outside { element: usize, count: usize },
}

/// Quotient rounded up, for a positive divisor.
const fn ceil_div(value: i64, by: i64) -> i64 {
    -(-value).div_euclid(by)
}

impl Pattern {
    pub(super) fn new(image: &Image<'_>, access: &Access) -> Self {
        let mut dims: Vec<Dim> = access
            .dims
            .iter()
            .map(|dim| Dim {
                count: i64::from(dim.count),
                step: i64::from(dim.step),
                axis: usize::from(dim.axis),
            })
            .collect();
        let inner = dims.pop().unwrap_or(Dim { count: 1, step: 0, axis: 0 });
        let table = (access.table != NO_TABLE)
            .then(|| image.tables().get(access.table))
            .flatten()
            .map(|table| (0..table.len()).filter_map(|index| table.get(index)).collect());
        let mut reach = [(0, 0); AXES_MAX];
        for dim in dims.iter().chain([&inner]) {
            let (low, high) = &mut reach[dim.axis];
            let far = dim.step * (dim.count - 1);
            (*low, *high) = (*low + far.min(0), *high + far.max(0));
        }
        let last = table.iter().flatten().copied().max().map_or(0, i64::from);
        let mut pattern = Self {
            edge: access.edge as usize,
            age: usize::from(access.age),
            pad: access.pad,
            axes: access
                .axes
                .iter()
                .map(|axis| Axis {
                    extent: i64::from(axis.extent),
                    pitch: i64::from(axis.pitch),
                    origin: i64::from(axis.origin),
                })
                .collect(),
            outer: dims,
            inner,
            terms: access
                .terms
                .iter()
                .map(|term| Term {
                    coefficient: i64::from(term.coefficient),
                    register: usize::from(term.register),
                    axis: usize::from(term.axis),
                })
                .collect(),
            table,
            length: image.edge(access.edge).map_or(0, |edge| i64::from(edge.length)),
            reach,
            last,
            ready: None,
        };
        pattern.ready = pattern.made_ready();
        pattern
    }

    /// The runs where nothing lies outside; `None` when there are too many, or when an entry of the table always does.
    fn made_ready(&self) -> Option<Vec<Ready>> {
        let mut ready: Vec<Ready> = Vec::new();
        let mut push = |element: usize, count: usize, offset: i64, stride: i64| {
            if let Some(run) = ready.last_mut()
                && run.offset + run.stride * run.count as i64 == offset
                && (count == 1 || run.stride == stride)
            {
                run.count += count;
            } else if let Some(run) = ready.last_mut()
                && run.count == 1
                && (count == 1 || run.offset + stride == offset)
            {
                run.stride = if count == 1 { offset - run.offset } else { stride };
                run.count += count;
            } else {
                ready.push(Ready { element, count, offset, stride });
            }
            ready.len() <= READY_MAX
        };
        match &self.table {
            Some(table) => {
                for (element, entry) in table.iter().enumerate() {
                    if *entry < 0 || !push(element, 1, i64::from(*entry), 1) {
                        return None;
                    }
                }
            }
            None => {
                let walks =
                    self.outer.iter().fold(1usize, |walks, dim| walks.saturating_mul(dim.count as usize));
                if walks > WALKS_MAX {
                    return None;
                }
                let pitch = |dim: &Dim| dim.step * self.axes[dim.axis].pitch;
                let mut index = vec![0i64; self.outer.len()];
                let (mut element, mut offset) = (0, 0);
                let count = self.inner.count as usize;
                'walk: loop {
                    if !push(element, count, offset, pitch(&self.inner)) {
                        return None;
                    }
                    element += count;
                    let mut turning = self.outer.len();
                    loop {
                        let Some(place) = turning.checked_sub(1) else { break 'walk };
                        let dim = &self.outer[place];
                        index[place] += 1;
                        offset += pitch(dim);
                        if index[place] < dim.count {
                            break;
                        }
                        offset -= pitch(dim) * dim.count;
                        index[place] = 0;
                        turning = place;
                    }
                }
            }
        }
        Some(ready)
    }

    /// Whether a loop register moves the pattern.
    pub(super) fn follows(&self, register: usize) -> bool {
        self.terms.iter().any(|term| term.register == register)
    }

    /// Number of elements.
    pub(super) fn elements(&self) -> usize {
        match &self.table {
            Some(table) => table.len(),
            None => self.outer.iter().chain([&self.inner]).map(|dim| dim.count as usize).product(),
        }
    }

    /// Calls `each` for the runs of the pattern, in the order of its elements.
    #[inline]
    pub(super) fn runs(&self, registers: &[u32; LOOP_REGISTERS], mut each: impl FnMut(Run)) {
        let mut all = [0i64; AXES_MAX];
        for (coordinate, axis) in all.iter_mut().zip(&self.axes) {
            *coordinate = axis.origin;
        }
        for term in &self.terms {
            let product = term.coefficient.saturating_mul(i64::from(registers[term.register]));
            all[term.axis] = all[term.axis].saturating_add(product);
        }
        let at = &mut all[..self.axes.len()];
        let (mut inside, mut base) = (true, 0i64);
        for ((coordinate, axis), (low, high)) in at.iter_mut().zip(&self.axes).zip(self.reach) {
            *coordinate = (*coordinate).clamp(-FAR, FAR);
            inside &= coordinate.saturating_add(low) >= 0 && coordinate.saturating_add(high) < axis.extent;
            base = base.wrapping_add(coordinate.wrapping_mul(axis.pitch));
        }
        if let Some(ready) = &self.ready
            && inside
            && (self.table.is_none() || base + self.last < self.length)
        {
            for run in ready {
                each(Run::Inside {
                    element: run.element,
                    count: run.count,
                    signal: (base + run.offset) as usize,
                    stride: run.stride as isize,
                });
            }
            return;
        }
        self.edge_runs(at, each);
    }

    /// As [`Pattern::runs`], where elements may lie outside.
    fn edge_runs(&self, at: &mut [i64], mut each: impl FnMut(Run)) {
        match &self.table {
            Some(table) => self.table_runs(table, at, each),
            None => {
                let mut index = vec![0i64; self.outer.len()];
                let mut element = 0;
                loop {
                    self.inner_runs(at, element, &mut each);
                    element += self.inner.count as usize;
                    // The next combination of the outer dimensions, the last one running fastest.
                    let mut turning = self.outer.len();
                    loop {
                        let Some(place) = turning.checked_sub(1) else { return };
                        let dim = &self.outer[place];
                        index[place] += 1;
                        at[dim.axis] += dim.step;
                        if index[place] < dim.count {
                            break;
                        }
                        at[dim.axis] -= dim.step * dim.count;
                        index[place] = 0;
                        turning = place;
                    }
                }
            }
        }
    }

    /// Runs of the innermost dimension, whose first element is `element`, from the coordinates `at`.
    fn inner_runs(&self, at: &[i64], element: usize, each: &mut impl FnMut(Run)) {
        let Dim { count, step, axis } = self.inner;
        let mut fixed = 0;
        for (number, (axis, coordinate)) in self.axes.iter().zip(at).enumerate() {
            if number == self.inner.axis {
                continue;
            }
            if !(0..axis.extent).contains(coordinate) {
                return each(Run::Outside { element, count: count as usize });
            }
            fixed += coordinate * axis.pitch;
        }
        let (start, Axis { extent, pitch, .. }) = (at[axis], &self.axes[axis]);
        let (first, end) = match step {
            0 if (0..*extent).contains(&start) => (0, count),
            0 => (0, 0),
            1.. => (ceil_div(-start, step), ceil_div(extent - start, step)),
            _ => ((start - extent).div_euclid(-step) + 1, start.div_euclid(-step) + 1),
        };
        let first = first.clamp(0, count);
        let end = end.clamp(first, count);
        if first > 0 {
            each(Run::Outside { element, count: first as usize });
        }
        if end > first {
            let signal = fixed + (start + step * first) * pitch;
            each(Run::Inside {
                element: element + first as usize,
                count: (end - first) as usize,
                signal: signal as usize,
                stride: (step * pitch) as isize,
            });
        }
        if count > end {
            each(Run::Outside { element: element + end as usize, count: (count - end) as usize });
        }
    }

    /// Runs of an index table: entries that follow one another are taken together.
    fn table_runs(&self, table: &[i32], at: &[i64], mut each: impl FnMut(Run)) {
        let inside = self.axes.iter().zip(at).all(|(axis, c)| (0..axis.extent).contains(c));
        let base: i64 =
            if inside { self.axes.iter().zip(at).map(|(axis, c)| axis.pitch * c).sum() } else { 0 };
        let signal = |entry: i32| {
            (inside && entry >= 0)
                .then(|| base + i64::from(entry))
                .filter(|signal| *signal < self.length)
                .map(|signal| signal as usize)
        };
        let mut element = 0;
        while element < table.len() {
            let first = signal(table[element]);
            let mut count = 1;
            while element + count < table.len()
                && signal(table[element + count]) == first.map(|first| first + count)
            {
                count += 1;
            }
            each(match first {
                Some(signal) => Run::Inside { element, count, signal, stride: 1 },
                None => Run::Outside { element, count },
            });
            element += count;
        }
    }
}
