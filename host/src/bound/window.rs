//! Smallest and largest of neighbours.

use std::collections::VecDeque;

/// For each place of `values` the best of those at most `reach` places away; `better(a, b)` says whether a is to be
/// preferred.
pub(super) fn best(values: &[f64], reach: usize, better: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let mut out = Vec::with_capacity(values.len());
    // Places whose values are worse the nearer they lie to the front's end.
    let mut kept: VecDeque<usize> = VecDeque::new();
    let mut next = 0;
    for at in 0..values.len() {
        while next < values.len() && next <= at.saturating_add(reach) {
            while kept.back().is_some_and(|&last| !better(values[last], values[next])) {
                kept.pop_back();
            }
            kept.push_back(next);
            next += 1;
        }
        while kept.front().is_some_and(|&first| first.saturating_add(reach) < at) {
            kept.pop_front();
        }
        out.push(kept.front().map_or(f64::NAN, |&first| values[first]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn it_is_the_best_within_reach() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        for reach in 0..10 {
            let found = best(&values, reach, |a, b| a > b);
            for (at, found) in found.iter().enumerate() {
                let own = &values[at.saturating_sub(reach)..(at + reach + 1).min(values.len())];
                assert_eq!(*found, own.iter().copied().fold(0.0, f64::max));
            }
        }
    }
}
