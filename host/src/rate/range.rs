//! What a full rate stands for: tried, and judged by what a value's neurons then count together.

use super::fit::fit;
use super::layer::Layer;
use super::simulate::Wiring;
use super::trial::{Screen, Trial, doubt, merged};
use super::tune::{LEAST, Tuner};

/// Shares of a layer's largest value that its neurons' full rate is tried to stand for.
const FACTORS: [f64; 3] = [1.0, 0.75, 0.5];
/// Samples on which these are tried.
const SCREENED: usize = 256;
/// Parts of an output's range that are told apart where a decision is in doubt.
const DOUBT: f64 = 32.0;

/// The same where a reset to zero makes high rates inexact: until a neuron fires once for its largest value. The larger a threshold,
/// the less a reset loses, and the less do spikes come early that nothing takes back; what that costs in levels, several neurons
/// that carry a value together bring back.
fn factors_zero(window: u32) -> Vec<f64> {
    let steps = 2 * window.max(1).ilog2() as usize;
    (0..=steps).rev().map(|step| libm::exp2(step as f64 / 2.0)).collect()
}

impl Tuner<'_> {
    /// Units of each neuron of a position by the values on the samples: full rate stands for the largest.
    fn ranges(&self, number: usize, layer: &Layer, sums: &[f32], span: Option<f64>) -> Vec<f64> {
        let (width, window) = (layer.width(), f64::from(self.effort.window));
        if let Some(span) = span {
            return (0..width).map(|at| span / window * layer.variant(at).stretch).collect();
        }
        if let Some(shared) = &self.shared[number] {
            return shared.clone();
        }
        let mut most = vec![0.0f32; width];
        for row in sums.chunks_exact(width) {
            most.iter_mut().zip(row).for_each(|(most, z)| *most = most.max(*z));
        }
        let all = f64::from(most.iter().fold(0.0f32, |all, own| all.max(*own))).max(1e-9);
        let own = |(at, most): (usize, &f32)| {
            let most = if self.uniform[number] { all } else { f64::from(*most).max(LEAST * all) };
            most / window * layer.variant(at).stretch
        };
        most.iter().enumerate().map(own).collect()
    }

    /// Numbers of a layer: the best of those tried.
    pub(super) fn layer(
        &self,
        number: usize,
        layer: &Layer,
        wiring: &Wiring,
        sums: &[f32],
        span: Option<f64>,
    ) -> Trial {
        let sources: Vec<Vec<Vec<u32>>> = self.source_counts(layer);
        let alike = self.registers.axons.is_some() && layer.role.alike();
        let fit = fit(layer, sums, &sources, self, !layer.follows && !alike);
        let unit = match layer.from.first() {
            Some(from) if layer.follows => {
                let own = |group: usize| self.unit(*from, layer.taps_at(group, 0)[0]);
                (0..layer.groups).flat_map(|group| vec![own(group); layer.outputs]).collect()
            }
            _ => self.ranges(number, layer, sums, span),
        };
        let subtract = self.registers.soma.subtract;
        let factors = match subtract {
            _ if layer.follows || self.shared[number].is_some() => Vec::new(),
            true if span.is_some() => Vec::new(),
            true => FACTORS.to_vec(),
            false => factors_zero(self.effort.window),
        };
        let mut best: Option<Trial> = None;
        let few = Screen { samples: self.samples.min(SCREENED), passes: self.effort.passes.min(2) };
        for factor in factors {
            let unit: Vec<f64> = unit.iter().map(|unit| unit * factor).collect();
            let mut trial = self.corrected(layer, wiring, sums, &fit, unit, few);
            if let Some(span) = span.filter(|_| self.decision) {
                let doubt = doubt(layer, sums, &trial, span / DOUBT);
                trial.error.fill(doubt);
            }
            best = Some(match best {
                None => trial,
                // Of outputs and of channels that are mixed all have the same unit.
                Some(old) if span.is_some() || self.uniform[number] => {
                    let sum = |trial: &Trial| trial.error.iter().sum::<f64>();
                    if sum(&trial) < sum(&old) { trial } else { old }
                }
                Some(old) => merged(layer, old, trial),
            });
        }
        let unit = best.map_or(unit, |best| best.unit);
        let all = Screen { samples: self.samples, passes: self.effort.passes };
        self.corrected(layer, wiring, sums, &fit, unit, all)
    }
}
