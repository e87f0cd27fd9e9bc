//! Spending a budget of cores on signals, where they help most.
//!
//! What is known of each node is an estimate: noise on its values disturbs the outputs by a measured share ([`disturb`]), k signals a
//! value leave 1/k of that, and signals cost columns in the node's own arrays and rows in its readers'. From equally many signals
//! everywhere on (one, or more), the step that takes most off the outputs' noise for each further array is taken, again and again:
//! until the budget is spent, the outputs are quiet, or what is left promises little. Columns and rows multiply, so where one
//! begins matters; the best end counts. The encoded graph is then counted; where the estimate was too low, the last steps are taken back.

use super::budget::{Levels, input_signals};
use super::cost::LEVEL_MAX;
use super::disturb::{Disturbance, disturb};
use super::graph::EncodedGraph;
use super::input::{InputCode, InputRange, table_fits};
use super::options::{CoreBudget, SignalBudget};
use super::plan::Plan;
use crate::diagnostic::{Diagnostic, Result};

/// Noise power over output power below which nothing more is spent unasked: 40 dB.
const QUIET: f64 = 1e-4;
/// Unasked nothing is spent on a step that takes less than this share of the noise off for each share of the cores that it adds.
const WORTH: f64 = 0.25;

/// What spending goes by.
#[derive(Clone, Debug)]
pub struct Spending<'a> {
    /// The plan; its levels count as the least.
    pub plan: Plan<'a>,
    /// Calibration samples as the network sees them.
    pub samples: &'a [f32],
    /// Raw values of each input; none where codes are exact as they are.
    pub ranges: &'a [InputRange],
    /// For each element of the input what one raw unit is to the network.
    pub input_scale: &'a [f64],
    /// Seed of the noise.
    pub seed: u64,
}

/// What was spent.
#[derive(Clone, Debug)]
pub struct Spent {
    /// The encoded graph.
    pub graph: EncodedGraph,
    /// Signals of every value.
    pub levels: Levels,
    /// Its cores.
    pub cores: u64,
}

impl Spending<'_> {
    /// Chooses signals within the budget. `code` makes the input's code for so many signals, `count` counts the cores of an encoded
    /// graph.
    ///
    /// # Errors
    /// SP0303 for a budget below the least number of cores, and what encoding refuses.
    pub fn spend(
        &self,
        code: impl Fn(u8) -> Result<InputCode>,
        count: impl Fn(&EncodedGraph) -> Result<u64>,
    ) -> Result<Spent> {
        let Plan { dot, target, options, .. } = self.plan;
        let made = |levels: &Levels| -> Result<Spent> {
            let graph = Plan { levels, ..self.plan }.encode(code(levels.input)?)?;
            let cores = count(&graph)?;
            Ok(Spent { graph, levels: levels.clone(), cores })
        };
        let signals =
            if self.ranges.is_empty() { 1 } else { input_signals(dot, self.ranges, target, options) };
        let mut least = made(&Levels { input: signals, ..self.plan.levels.clone() })?;
        let most = match options.budget {
            CoreBudget::Auto => ((least.cores as f64 * CoreBudget::AUTO) as u64).min(target.cores),
            CoreBudget::Times(factor) => (least.cores as f64 * factor) as u64,
            CoreBudget::Cores(cores) => cores,
        };
        if most < least.cores && options.budget != CoreBudget::Auto {
            let rule = format!("the network takes {} cores at the least, the budget is {most}", least.cores);
            let way_out = format!("use --set encode.budget={} or more", least.cores);
            return Err(Diagnostic::error("SP0303", "setting encode.budget", rule, way_out).into());
        }
        let open = options.signals == SignalBudget::Auto && target.digital.is_none();
        // What is measured runs a network once from front to end.
        let open = open && dot.loops.is_empty();
        if !open || most <= least.cores {
            return Ok(least);
        }
        let noise: Vec<Option<Vec<f64>>> = (0..dot.nodes.len()).map(|node| self.plan.noise(node)).collect();
        let measured = disturb(dot, self.samples, &noise, &self.input_noise(&least.levels), self.seed);
        let starts = (1..=LEVEL_MAX).map(|level| self.steps(&measured, &least, most, level));
        let unasked = options.budget == CoreBudget::Auto;
        let cost = |steps: &Vec<Levels>| {
            let levels = steps.last().unwrap_or(&least.levels);
            let worth = if unasked { WORTH * libm::log(self.estimated(levels, &least)) } else { 0.0 };
            libm::log(self.left(&measured, levels).max(1e-30)) + worth
        };
        let steps = starts.reduce(|a, b| if cost(&b) < cost(&a) { b } else { a }).unwrap_or_default();
        // The last steps are taken back where they cost more than was estimated.
        let (mut from, mut to) = (0, steps.len());
        let mut best: Option<Spent> = None;
        let mut next = to;
        while to > from {
            match made(&steps[next - 1]) {
                Ok(spent) if spent.cores <= most => {
                    from = next;
                    best = Some(spent);
                }
                _ => to = next - 1,
            }
            next = (from + to).div_ceil(2).max(1);
        }
        let taken = best.as_ref().map_or(&least.levels, |best| &best.levels);
        let decibels = |levels: &Levels| -10.0 * libm::log10(self.left(&measured, levels).max(1e-30));
        let remark = format!(
            "signals take {} cores, {} at the least, {most} allowed; the outputs' noise is estimated {:.1} dB below them, {:.1} dB at the least",
            best.as_ref().map_or(least.cores, |best| best.cores),
            least.cores,
            decibels(taken),
            decibels(&least.levels),
        );
        let chosen = best.as_mut().unwrap_or(&mut least);
        chosen.graph.remarks.push(remark);
        Ok(best.unwrap_or(least))
    }

    /// Standard deviation of what the coding of the input on one signal leaves out.
    fn input_noise(&self, levels: &Levels) -> Vec<f64> {
        let codes = f64::from(self.plan.target.input_max);
        // As many codes as raw values leave nothing out.
        let step = |range: &InputRange| {
            let raw = range.hi - range.lo;
            if raw <= codes || levels.input > 1 { 0.0 } else { raw / codes }
        };
        let steps = self.ranges.iter().flat_map(|range| std::iter::repeat_n(step(range), range.len));
        steps.zip(self.input_scale).map(|(step, scale)| (scale * step).abs() / libm::sqrt(12.0)).collect()
    }

    /// The outputs' noise that is left, over their power.
    fn left(&self, measured: &Disturbance, levels: &Levels) -> f64 {
        let nodes: f64 =
            measured.nodes.iter().zip(&levels.nodes).map(|(noise, &k)| noise / f64::from(k)).sum();
        // Two further bits are a quarter of the step.
        nodes + if levels.input > 1 { measured.input / 16.0 } else { measured.input }
    }

    /// Cores that `levels` take, about.
    fn estimated(&self, levels: &Levels, least: &Spent) -> f64 {
        let more = self.plan.estimate(levels) as f64 - self.plan.estimate(&least.levels) as f64;
        (more + least.cores as f64).max(1.0)
    }

    /// All steps from `level` signals a value on, in the order in which they are taken: the levels after each of them. None where
    /// already the first is beyond the budget.
    fn steps(&self, measured: &Disturbance, least: &Spent, most: u64, level: u16) -> Vec<Levels> {
        let plan = &self.plan;
        let cores = |levels: &Levels| self.estimated(levels, least);
        let unasked = plan.options.budget == CoreBudget::Auto;
        let raisable: Vec<usize> = (0..plan.dot.nodes.len())
            .filter(|&node| plan.raisable(node) && measured.nodes[node] > 0.0)
            .collect();
        let mut levels = least.levels.clone();
        let mut steps = Vec::new();
        if unasked && self.left(measured, &levels) < QUIET {
            return steps;
        }
        if level > 1 {
            raisable.iter().for_each(|&node| levels.nodes[node] = level);
            if cores(&levels) > most as f64 {
                return steps;
            }
            steps.push(levels.clone());
        }
        loop {
            let (now, left) = (cores(&levels), self.left(measured, &levels));
            if unasked && left < QUIET {
                break;
            }
            let mut tried: Vec<Levels> = Vec::new();
            let open = plan.options.input_signals == 0 && !self.ranges.is_empty();
            let pair = open && table_fits(self.ranges, 2);
            if pair && levels.input == 1 && measured.input > 0.0 && plan.target.input_max >= 3 {
                tried.push(Levels { input: 2, ..levels.clone() });
            }
            for &node in &raisable {
                for k in levels.nodes[node] + 1..=LEVEL_MAX {
                    let mut other = levels.clone();
                    other.nodes[node] = k;
                    tried.push(other);
                }
            }
            // What costs nothing comes first.
            let rated = tried.into_iter().filter_map(|other| {
                let (cost, gain) = (cores(&other) - now, left - self.left(measured, &other));
                let worth = !unasked || gain / left >= WORTH * cost / now;
                let fits = cost <= 0.0 || now + cost <= most as f64;
                (worth && fits && gain > 0.0).then(|| (cost <= 0.0, gain / cost.max(1.0), other))
            });
            let best = rated.reduce(|a, b| if (b.0, b.1) > (a.0, a.1) { b } else { a });
            let Some((_, _, other)) = best else { break };
            levels = other;
            steps.push(levels.clone());
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use crate::encode::CoreBudget;

    #[test]
    fn budgets_are_read_as_they_are_written() {
        for text in ["auto", "17", "x1", "x2.5"] {
            assert_eq!(text.parse::<CoreBudget>().unwrap().to_string(), text);
        }
        for text in ["0", "x0.5", "x", "-3", "2.5", "xNaN", ""] {
            assert!(text.parse::<CoreBudget>().is_err(), "{text}");
        }
    }
}
