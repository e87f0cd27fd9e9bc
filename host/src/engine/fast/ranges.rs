//! Sets of registers as ranges.

use std::ops::Range;

/// Disjoint ranges in ascending order, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range<usize>>);

impl Ranges {
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.0.iter().cloned()
    }

    /// One past the last member; 0 without any.
    pub(super) fn end(&self) -> usize {
        self.0.last().map_or(0, |range| range.end)
    }

    pub(super) fn insert(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|held| held.end < range.start);
        let last = self.0.partition_point(|held| held.start <= range.end);
        let mut joined = range;
        if let (Some(low), Some(high)) =
            (self.0.get(first), last.checked_sub(1).and_then(|at| self.0.get(at)))
            && first < last
        {
            joined = joined.start.min(low.start)..joined.end.max(high.end);
        }
        self.0.splice(first..last, [joined]);
    }

    /// The parts of `range` that are no members.
    pub(super) fn missing(&self, range: Range<usize>) -> Self {
        let mut missing = Self::default();
        let mut from = range.start;
        for held in &self.0 {
            if held.end <= from {
                continue;
            }
            if held.start >= range.end {
                break;
            }
            missing.insert(from..held.start.max(from));
            from = held.end;
        }
        missing.insert(from..range.end.max(from));
        missing
    }

    /// Whether a member of `range` is a member of this.
    pub(super) fn meets(&self, range: &Range<usize>) -> bool {
        !range.is_empty() && self.0.iter().any(|held| held.start < range.end && range.start < held.end)
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;

    #[test]
    fn ranges_are_sets() {
        let mut state = 1u64;
        for _ in 0..500 {
            let mut number = |below: usize| {
                state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
                (state >> 33) as usize % below
            };
            let (mut ranges, mut members) = (Ranges::default(), [false; 64]);
            for _ in 0..number(9) {
                let first = number(60);
                let end = first + number(64 - first);
                ranges.insert(first..end);
                members[first..end].fill(true);
            }
            let all: Vec<_> = ranges.iter().collect();
            assert!(all.windows(2).all(|pair| pair[0].end < pair[1].start));
            let held: Vec<usize> = all.iter().cloned().flatten().collect();
            assert_eq!(held, (0..64).filter(|member| members[*member]).collect::<Vec<_>>());
            let first = number(60);
            let window = first..first + number(64 - first);
            let missing: Vec<usize> = ranges.missing(window.clone()).iter().flatten().collect();
            assert_eq!(missing, window.clone().filter(|member| !members[*member]).collect::<Vec<_>>());
            assert_eq!(ranges.meets(&window), window.clone().any(|member| members[member]));
            assert_eq!(ranges.end(), held.last().map_or(0, |last| last + 1));
        }
    }
}
