//! What signals cost in arrays, and how noisy the values are that they carry: estimates for whoever spends a budget.

use super::budget::Levels;
use super::lacks::RELUS_DEFAULT;
use super::options::SignalBudget;
use super::plan::Plan;
use super::ramp::Ramp;
use crate::dots::{Act, Body, Dot, DotNode, Source};

/// Variance that composed reads add, in steps, beside that of the code's own rounding: truncated reads, after the search of the
/// biases. Sums over more arrays have more reads, but their parts are smaller, and the sum shift takes what that gains.
const READ_NOISE: f64 = 0.2;
/// Signals for each value or side, at most: beyond it, weights are what limits.
pub(super) const LEVEL_MAX: u16 = 8;

/// How a node's values are carried, as far as cost and noise go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carried {
    /// On so many signals for each of the node's level.
    Scaled(usize),
    /// On so many signals, whatever the level: the budget buys no further ones.
    Fixed(usize),
    /// Its sum first, on as many signals as its level says, then on so many.
    Relayed(usize),
    /// As what it reads.
    Chosen(usize),
}

impl Plan<'_> {
    fn carried(&self, number: usize) -> Carried {
        let node = &self.dot.nodes[number];
        let Body::Dot(dot) = &node.body else {
            let from = node.body.reads().iter().find_map(|read| match read.source {
                Source::Node(from) => Some(from),
                _ => None,
            });
            return match (from, self.target.maximum) {
                (Some(from), true) => Carried::Chosen(from),
                _ => Carried::Scaled(1),
            };
        };
        match &dot.act {
            Act::None | Act::Relu => Carried::Scaled(1),
            act if act.is_homogeneous() => Carried::Scaled(2),
            act if Ramp::of(act).is_some_and(|ramp| ramp.steps > f64::from(RELUS_DEFAULT)) => {
                Carried::Scaled(1)
            }
            act => {
                let own = if self.target.has(act) { 1 } else { usize::from(RELUS_DEFAULT) };
                if node.taps() > self.target.rows { Carried::Relayed(own) } else { Carried::Fixed(own) }
            }
        }
    }

    /// Whether more signals for this node's values are to be had.
    pub(super) fn raisable(&self, number: usize) -> bool {
        let output = self.dot.readers(number).is_empty();
        let open = !output || self.options.output_signals == SignalBudget::Auto;
        open && matches!(self.carried(number), Carried::Scaled(_) | Carried::Relayed(_))
    }

    /// Signals that carry one element of `source`.
    fn width(&self, source: Source, levels: &Levels) -> usize {
        match source {
            Source::Input => usize::from(levels.input),
            Source::One => 1,
            Source::Node(node) => match self.carried(node) {
                Carried::Scaled(sides) => sides * usize::from(levels.nodes[node]),
                Carried::Fixed(own) | Carried::Relayed(own) => own,
                Carried::Chosen(from) => self.width(Source::Node(from), levels),
            },
        }
    }

    /// Lines of a group of a node.
    fn lines(&self, node: &DotNode, levels: &Levels) -> usize {
        let reads = node.body.reads().iter();
        reads.map(|read| read.taps.len() * self.width(read.source, levels)).sum()
    }

    /// Arrays of a node, about.
    fn arrays(&self, number: usize, levels: &Levels) -> usize {
        let (node, target) = (&self.dot.nodes[number], self.target);
        if let Carried::Chosen(_) = self.carried(number) {
            return 0;
        }
        let (rows, columns) = (target.rows.max(1), target.columns.max(1));
        let level = usize::from(levels.nodes[number]);
        let (own, relay) = match self.carried(number) {
            Carried::Scaled(sides) => (sides * level, 0),
            Carried::Fixed(own) => (own, 0),
            Carried::Relayed(own) => {
                let together = (rows / level).min(columns / own.max(1)).max(1);
                (level, node.channels.div_ceil(together))
            }
            Carried::Chosen(_) => (0, 0),
        };
        let (groups, lines) = (node.groups().max(1), self.lines(node, levels));
        let width = node.channels / groups * own;
        let sums = if groups == 1 || lines > rows {
            groups * lines.div_ceil(rows) * width.div_ceil(columns)
        } else {
            groups.div_ceil((rows / lines.max(1)).min(columns / width.max(1)).max(1))
                * width.div_ceil(columns)
        };
        sums + relay
    }

    /// Arrays of the whole network, about.
    pub(super) fn estimate(&self, levels: &Levels) -> usize {
        (0..self.dot.nodes.len()).map(|number| self.arrays(number, levels)).sum()
    }

    /// Standard deviation of the noise of each channel's values on one signal; `None` of values that are chosen among others.
    pub(super) fn noise(&self, number: usize) -> Option<Vec<f64>> {
        let (node, survey) = (&self.dot.nodes[number], &self.survey[number]);
        let Body::Dot(Dot { act, .. }) = &node.body else { return None };
        let reads = if self.target.adc_bits.is_some() { 0.0 } else { READ_NOISE };
        let step = libm::sqrt(1.0 / 12.0 + reads) / f64::from(self.target.input_max);
        let span = |channel: usize| {
            let (low, high) = (survey.least[channel], survey.most[channel]);
            match (act, self.carried(number)) {
                (Act::Relu, _) => high.max(0.0),
                (_, Carried::Scaled(2)) => high.max(-low),
                (Act::None, _) => high - low,
                // Of a function by its values at the ends: all of ours are monotone, or nearly.
                _ => (act.apply(high) - act.apply(low)).abs(),
            }
        };
        let spans: Vec<f64> = (0..node.channels).map(span).collect();
        let least = 0.25 * spans.iter().copied().fold(0.0, f64::max);
        Some(spans.iter().map(|span| 1.1 * span.max(least) * step).collect())
    }
}
