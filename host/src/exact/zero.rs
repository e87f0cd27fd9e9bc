//! The level that stands for zero, also of what lies outside a padded window.

use std::collections::BTreeSet;

use super::Levels;
use crate::dots::{Dot, DotNode, PAD, Source};
use crate::target::Target;

/// The level from which a node's inputs are counted, and the value of every channel's sum when all of them have it.
#[derive(Clone, Debug)]
pub(super) struct Zero {
    pub(super) level: i32,
    pub(super) sums: Vec<f64>,
}

/// Which columns of the weights are no read of [`Source::One`].
pub(super) fn kept(dot: &Dot) -> Vec<bool> {
    dot.reads.iter().flat_map(|read| vec![read.source != Source::One; read.taps.len()]).collect()
}

/// `None` when no level gives the same sums at the borders as inside.
pub(super) fn zero(node: &DotNode, dot: &Dot, levels: Levels, target: &Target) -> Option<Zero> {
    let kept = kept(dot);
    let row = |channel: usize| {
        let each = dot.weights[0].rows();
        dot.weights[channel / each].row(channel % each)
    };
    let total = |channel: usize, of: bool| -> f64 {
        row(channel).iter().zip(&kept).filter(|(_, kept)| **kept == of).map(|(w, _)| w).sum()
    };
    let pads = dot.reads.iter().any(|read| read.taps.pads(&node.grid));
    let within = |level: f64| {
        let whole = libm::rint(level);
        let near = (level - whole).abs() < 1e-4 && whole >= 0.0 && whole <= f64::from(target.input_max);
        near.then_some(whole as i32)
    };
    let plain = within(-levels.zero / levels.step);
    let level = if !pads {
        plain.unwrap_or(0)
    } else if kept.contains(&false) {
        // What is inside counts w (step * level + zero) and its share of the constants: nothing at the level sought.
        let widest =
            (0..node.channels).max_by(|&a, &b| total(a, true).abs().total_cmp(&total(b, true).abs()))?;
        let (all, ones) = (total(widest, true), total(widest, false));
        if all == 0.0 { plain? } else { within(-(ones + levels.zero * all) / (levels.step * all))? }
    } else {
        plain?
    };
    // A tap inside adds to what is constant, and is taken off where it lies outside: everywhere the same must be left.
    let at_level = levels.zero + levels.step * f64::from(level);
    let left = |channel: usize, inside: &dyn Fn(usize) -> bool| -> f64 {
        let share = |(column, w): (usize, &f64)| if kept[column] { w * at_level } else { *w };
        let weights = row(channel).iter().enumerate().filter(|(column, _)| inside(*column));
        dot.bias[channel] + weights.map(share).sum::<f64>()
    };
    let sums: Vec<f64> = (0..node.channels).map(|channel| left(channel, &|_| true)).collect();
    if pads {
        let reach = f64::from(target.input_max) * levels.step;
        for pattern in patterns(node) {
            for (channel, &sum) in sums.iter().enumerate() {
                let power: f64 = row(channel).iter().map(|w| w.abs()).sum::<f64>() * reach + sum.abs();
                if (left(channel, &|column| pattern[column]) - sum).abs() > 1e-6 * power {
                    return None;
                }
            }
        }
    }
    Some(Zero { level, sums })
}

/// Every way in which taps lie inside at some position.
fn patterns(node: &DotNode) -> BTreeSet<Vec<bool>> {
    let mut elements = Vec::new();
    (0..node.positions())
        .map(|position| {
            elements.clear();
            node.bring(position, &mut elements);
            elements.iter().map(|&element| element != PAD).collect()
        })
        .collect()
}
