//! Where two traces begin to differ, and the way of the difference to an output.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use spandrel_core::image::{HOST, Image};

use super::{Fired, Trace};

/// One value that differs. Of the two at least one is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where it arose; of the first trace, or of the second when only that one has it.
    pub at: Fired,
    /// What the first trace has there.
    pub first: Option<i32>,
    /// What the second has.
    pub second: Option<i32>,
}

/// One emitted signal that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmitDifference {
    /// Sample, output and signal.
    pub at: (i32, i32, i32),
    /// What the first trace emits.
    pub first: Option<i32>,
    /// What the second emits.
    pub second: Option<i32>,
}

/// Two traces side by side.
///
/// A value belongs to the one of the same sample, tick, core and unit in the other trace; what a unit puts out several times in a tick is
/// paired in order. Samples and cores that a trace has nothing of at all were not recorded there, and are no difference.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Values of units that both have.
    pub compared: u64,
    /// Values of samples or cores that only one of them recorded.
    pub unrecorded: u64,
    /// Values of units that differ, or that only one of them has.
    pub differing: u64,
    /// The first difference of every core that has one, in the order in which they arose.
    pub cores: Vec<Difference>,
    /// Emitted signals that both have.
    pub emits: u64,
    /// Emitted signals that differ.
    pub emits_differing: u64,
    /// The first of them.
    pub first_emit: Option<EmitDifference>,
}

impl Comparison {
    /// Compares `first` with `second`.
    #[must_use]
    pub fn new(first: &Trace, second: &Trace) -> Self {
        let mut comparison = Self::default();
        comparison.units(first, second);
        comparison.emits(first, second);
        comparison
    }

    /// Whether anything was compared.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.compared > 0 || self.emits > 0
    }

    /// Whether something was compared and nothing differs.
    #[must_use]
    pub const fn same(&self) -> bool {
        self.any() && self.differing == 0 && self.emits_differing == 0
    }

    /// The first value that differs.
    #[must_use]
    pub fn first(&self) -> Option<&Difference> {
        self.cores.first()
    }

    fn units(&mut self, first: &Trace, second: &Trace) {
        let [ours, theirs] = [first, second].map(|trace| sorted(&trace.fired));
        let recorded = |trace: &Trace| {
            let samples: BTreeSet<i32> = trace.fired.iter().map(|fired| fired.sample).collect();
            let cores: BTreeSet<i32> = trace.fired.iter().map(|fired| fired.core).collect();
            (samples, cores)
        };
        let [seen_first, seen_second] = [recorded(first), recorded(second)];
        let within = |seen: &(BTreeSet<i32>, BTreeSet<i32>), fired: &Fired| {
            seen.0.contains(&fired.sample) && seen.1.contains(&fired.core)
        };
        // By core: place within the trace and the difference.
        let mut cores: BTreeMap<i32, (u32, Difference)> = BTreeMap::new();
        let mut differs = |order: u32, difference: Difference| {
            let slot = cores.entry(difference.at.core).or_insert((order, difference));
            if order < slot.0 {
                *slot = (order, difference);
            }
        };
        let pairs = Pairs { ours: &ours, theirs: &theirs };
        for pair in pairs {
            let (order, difference, other) = match pair {
                (Some(a), Some(b)) => {
                    let (at, found) = (first.fired[a as usize], second.fired[b as usize]);
                    self.compared += 1;
                    if at.value == found.value {
                        continue;
                    }
                    (a, Difference { at, first: Some(at.value), second: Some(found.value) }, None)
                }
                (Some(a), None) => {
                    let at = first.fired[a as usize];
                    (a, Difference { at, first: Some(at.value), second: None }, Some(&seen_second))
                }
                (None, Some(b)) => {
                    let at = second.fired[b as usize];
                    (b, Difference { at, first: None, second: Some(at.value) }, Some(&seen_first))
                }
                (None, None) => continue,
            };
            if other.is_some_and(|seen| !within(seen, &difference.at)) {
                self.unrecorded += 1;
                continue;
            }
            self.differing += 1;
            differs(order, difference);
        }
        let mut found: Vec<(u32, Difference)> = cores.into_values().collect();
        found.sort_by_key(|(order, difference)| (difference.at.sample, difference.at.tick, *order));
        self.cores = found.into_iter().map(|(_, difference)| difference).collect();
    }

    fn emits(&mut self, first: &Trace, second: &Trace) {
        if first.emitted.is_empty() || second.emitted.is_empty() {
            return;
        }
        // A dump may have fewer samples, so signals are paired within each.
        let of = |trace: &Trace| {
            let mut samples: BTreeMap<i32, Vec<(i32, i32, i32)>> = BTreeMap::new();
            for emit in &trace.emitted {
                samples.entry(emit.sample).or_default().push((emit.output, emit.index, emit.value));
            }
            samples
        };
        let (ours, theirs) = (of(first), of(second));
        for (&sample, ours) in &ours {
            let Some(theirs) = theirs.get(&sample) else { continue };
            for place in 0..ours.len().max(theirs.len()) {
                let (a, b) = (ours.get(place), theirs.get(place));
                self.emits += u64::from(a.is_some() && b.is_some());
                if a == b {
                    continue;
                }
                self.emits_differing += 1;
                let (output, index, _) = *a.or(b).unwrap_or(&(0, 0, 0));
                self.first_emit.get_or_insert(EmitDifference {
                    at: (sample, output, index),
                    first: a.map(|a| a.2),
                    second: b.map(|b| b.2),
                });
            }
        }
    }

    /// The cores by which the first difference reaches the host, along the routes of `image` and over cores that differ: the first core
    /// comes first. Empty when no such way leads there.
    #[must_use]
    pub fn way(&self, image: &Image<'_>) -> Vec<u32> {
        let number = |difference: &Difference| u32::try_from(difference.at.core).unwrap_or(HOST);
        let differing: BTreeSet<u32> = self.cores.iter().map(number).collect();
        let Some(start) = self.first().map(number) else { return Vec::new() };
        let mut next: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for route in (0..image.route_count()).filter_map(|index| image.route(index)) {
            next.entry(route.from).or_default().insert(route.to);
        }
        let mut before: BTreeMap<u32, u32> = BTreeMap::from([(start, start)]);
        let mut waiting = VecDeque::from([start]);
        while let Some(core) = waiting.pop_front() {
            for &to in next.get(&core).into_iter().flatten() {
                if to == HOST {
                    let mut way = vec![core];
                    while let Some(&from) = way.last().and_then(|last| before.get(last)) {
                        if way.last() == Some(&from) {
                            break;
                        }
                        way.push(from);
                    }
                    way.reverse();
                    return way;
                }
                if differing.contains(&to) && !before.contains_key(&to) {
                    before.insert(to, core);
                    waiting.push_back(to);
                }
            }
        }
        Vec::new()
    }
}

/// A value's place without its order, and where it stands in the trace.
type Keyed = ((i32, i32, i32, i32), u32);

fn sorted(fired: &[Fired]) -> Vec<Keyed> {
    let key = |f: &Fired| (f.sample, f.tick, f.core, f.unit);
    let mut keyed: Vec<Keyed> = (0..).zip(fired).map(|(order, fired)| (key(fired), order)).collect();
    keyed.sort_unstable();
    keyed
}

/// Walks two sorted lists side by side: equal keys are paired in order.
struct Pairs<'k> {
    ours: &'k [Keyed],
    theirs: &'k [Keyed],
}

impl Iterator for Pairs<'_> {
    type Item = (Option<u32>, Option<u32>);

    fn next(&mut self) -> Option<Self::Item> {
        let (ours, theirs) = (self.ours.first(), self.theirs.first());
        let both = match (ours, theirs) {
            (None, None) => return None,
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
        };
        if both.is_le() {
            self.ours = &self.ours[1..];
        }
        if both.is_ge() {
            self.theirs = &self.theirs[1..];
        }
        let (ours, theirs) = (ours.map(|(_, order)| *order), theirs.map(|(_, order)| *order));
        Some(match both {
            std::cmp::Ordering::Less => (ours, None),
            std::cmp::Ordering::Equal => (ours, theirs),
            std::cmp::Ordering::Greater => (None, theirs),
        })
    }
}
