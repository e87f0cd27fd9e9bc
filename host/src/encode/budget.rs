//! Spreading free columns over the elements that gain most, and free rows over the input.

use super::input::{InputRange, table_fits};
use super::options::{EncodeOptions, SignalBudget};
use super::plan::COPIES_MAX;
use crate::dots::{DotGraph, DotNode, Source};
use crate::target::Target;

/// Signals of every value, about: on top of them columns and rows that would stay unused are filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// Signals of an input value.
    pub input: u8,
    /// For each node of the dot graph the signals of its values, or of each side of them.
    pub nodes: Vec<u16>,
}

impl Levels {
    /// The least: one signal a value.
    pub fn least(dot: &DotGraph, input: u8) -> Self {
        Self { input, nodes: vec![1; dot.nodes.len()] }
    }
}

/// Gives each element at least one signal and spreads `budget` in all, never more than `cap` each. An element of
/// `noise` v on k signals is left with v/k; each further signal goes where v/k - v/(k+1) is largest, to the lowest
/// element on ties.
pub fn allocate(noise: &[f64], budget: usize, cap: usize) -> Vec<u16> {
    let mut copies = vec![1u16; noise.len()];
    let mut left = budget.saturating_sub(noise.len());
    while left > 0 {
        let mut best: Option<(usize, f64)> = None;
        for (element, (&v, &k)) in noise.iter().zip(&copies).enumerate() {
            if usize::from(k) >= cap {
                continue;
            }
            let gain = v / (f64::from(k) * f64::from(k + 1));
            if best.is_none_or(|(_, top)| gain > top) {
                best = Some((element, gain));
            }
        }
        let Some((element, _)) = best else { break };
        copies[element] += 1;
        left -= 1;
    }
    copies
}

/// The same number of signals for each of `channels`, `free` of them where the user leaves it open.
pub(super) fn each(budget: SignalBudget, free: usize, channels: usize) -> Vec<u16> {
    let k = match budget {
        SignalBudget::Auto => free.clamp(1, COPIES_MAX) as u16,
        SignalBudget::Each(k) => k,
    };
    vec![k; channels]
}

/// Signals of an input value: those asked for, or two where that takes no further array and the raw values (of each input
/// within its range) are few enough for a table.
pub fn input_signals(dot: &DotGraph, ranges: &[InputRange], target: &Target, options: &EncodeOptions) -> u8 {
    if options.input_signals > 0 {
        return options.input_signals;
    }
    if !table_fits(ranges, 2) {
        return 1;
    }
    let readers = |node: &&DotNode| node.body.reads().iter().any(|read| read.source == Source::Input);
    let free = dot.nodes.iter().filter(readers).all(|node| {
        let taps = node.taps();
        (2 * taps).div_ceil(target.rows) == taps.div_ceil(target.rows)
    });
    if free && target.input_max >= 3 && target.input_max < 255 { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::allocate;

    #[test]
    fn noisy_elements_get_more() {
        // Gains of 9.0: 4.5, 1.5, 0.75, 0.45; of 1.0: 0.5. So the fourth free column goes to the second element.
        assert_eq!(allocate(&[9.0, 1.0, 1.0], 6, 32), [4, 1, 1]);
        assert_eq!(allocate(&[9.0, 1.0, 1.0], 7, 32), [4, 2, 1]);
        assert_eq!(allocate(&[1.0, 1.0], 5, 2), [2, 2]);
        assert_eq!(allocate(&[1.0, 1.0, 1.0], 2, 4), [1, 1, 1]);
    }
}
