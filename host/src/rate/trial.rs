//! Numbers of a layer, tried: what its neurons count with them, and how far that is from what they should.

use super::fit::Fit;
use super::layer::Layer;
use super::simulate::{Numbers, Wiring};
use super::tune::Tuner;

/// What was tried for a layer.
pub(super) struct Trial {
    pub(super) numbers: Numbers,
    pub(super) unit: Vec<f64>,
    pub(super) counts: Vec<Vec<u32>>,
    /// Mean square error of each neuron of a position.
    pub(super) error: Vec<f64>,
}

/// Sum of squares of the wanted values and of the errors.
pub(super) fn powers(layer: &Layer, sums: &[f32], made: &Trial) -> (f64, f64) {
    let (mut signal, mut noise) = (0.0, 0.0);
    let size = layer.len().max(1);
    for (row, counts) in sums.chunks_exact(size).zip(&made.counts) {
        for (neuron, (z, count)) in row.iter().zip(counts).enumerate() {
            let unit = made.unit[neuron % layer.width()];
            let wanted = f64::from(z.max(0.0));
            let given = unit * (f64::from(*count) - (layer.variant(neuron).share - 0.5));
            signal += wanted * wanted;
            noise += (wanted - given) * (wanted - given);
        }
    }
    (signal, noise)
}

impl Tuner<'_> {
    /// Numbers for these units, corrected by what the neurons really count.
    pub(super) fn corrected(
        &self,
        layer: &Layer,
        wiring: &Wiring,
        sums: &[f32],
        fit: &Fit,
        unit: Vec<f64>,
    ) -> Trial {
        let mut set = fit.numbers(layer, &unit, self.registers, self.effort.window);
        let mut best = self.tried(layer, wiring, sums, set.numbers(), unit.clone());
        for pass in 0..self.effort.passes {
            let kept = set.clone();
            let stats = self.stats(layer, sums, &best);
            set.correct(&stats, pass % 2 == 1, 1.0 / (1 + pass / 2) as f64);
            let trial = self.tried(layer, wiring, sums, set.numbers(), unit.clone());
            // Each channel keeps what is better for it.
            let better: Vec<bool> = trial.error.iter().zip(&best.error).map(|(new, old)| new < old).collect();
            set.keep(&kept, &better);
            best = merged(layer, best, trial);
        }
        best
    }

    fn tried(&self, layer: &Layer, wiring: &Wiring, sums: &[f32], numbers: Numbers, unit: Vec<f64>) -> Trial {
        let size = layer.len();
        let counts: Vec<Vec<u32>> =
            self.run(layer, wiring, &numbers).iter().map(|train| train.counts(size)).collect();
        let mut trial = Trial { numbers, error: vec![0.0; unit.len()], unit, counts };
        let (width, window) = (layer.width(), f64::from(self.effort.window));
        for (row, counts) in sums.chunks_exact(size.max(1)).zip(&trial.counts) {
            for (neuron, (z, count)) in row.iter().zip(counts).enumerate() {
                let at = neuron % width;
                let (unit, extra) = (trial.unit[at], layer.variant(neuron).share - 0.5);
                // A spike more than the window holds is no fault of a copy that others go beyond.
                let wanted = (f64::from(*z) / unit + extra).max(0.0);
                let wanted = if extra == 0.0 { wanted } else { wanted.min(window) };
                let error = unit * (f64::from(*count) - wanted);
                trial.error[at] += error * error;
            }
        }
        trial
    }

    /// Of each neuron of a position: (mean difference of wanted and given counts, wanted slope) over the samples where there is
    /// anything.
    fn stats(&self, layer: &Layer, sums: &[f32], trial: &Trial) -> Vec<(f64, f64)> {
        let (size, width, window) = (layer.len(), layer.width(), f64::from(self.effort.window));
        let mut all = vec![[0.0f64; 4]; width];
        for (row, counts) in sums.chunks_exact(size.max(1)).zip(&trial.counts) {
            for (neuron, (z, count)) in row.iter().zip(counts).enumerate() {
                let at = neuron % width;
                let extra = layer.variant(neuron).share - 0.5;
                let wanted = (f64::from(*z) / trial.unit[at] + extra).clamp(0.0, window);
                let given = f64::from(*count);
                if wanted > 0.0 || given > 0.0 {
                    let own = &mut all[at];
                    own[0] += 1.0;
                    own[1] += wanted - given;
                    own[2] += wanted * given;
                    own[3] += wanted * wanted;
                }
            }
        }
        let stat = |[n, difference, cross, square]: &[f64; 4]| {
            let mean = if *n > 0.0 { difference / n } else { 0.0 };
            (mean, if *square > 0.0 { cross / square } else { 1.0 })
        };
        all.iter().map(stat).collect()
    }
}

/// Of each neuron of a position the better one of two trials.
pub(super) fn merged(layer: &Layer, old: Trial, new: Trial) -> Trial {
    let (mut out, width, outputs) = (old, layer.width(), layer.outputs);
    let better: Vec<bool> = new.error.iter().zip(&out.error).map(|(new, old)| new < old).collect();
    for at in (0..width).filter(|at| better[*at]) {
        out.error[at] = new.error[at];
        out.unit[at] = new.unit[at];
        out.numbers.step[at] = new.numbers.step[at];
        out.numbers.threshold[at] = new.numbers.threshold[at];
        out.numbers.start[at] = new.numbers.start[at];
        let (group, output) = (at / outputs, at % outputs);
        let count = layer.from.len();
        for tap in 0..count {
            let weight = (group * count + tap) * outputs + output;
            out.numbers.weights[weight] = new.numbers.weights[weight];
        }
        for position in 0..layer.positions {
            out.numbers.leak[position * width + at] = new.numbers.leak[position * width + at];
        }
        for (old, new) in out.counts.iter_mut().zip(&new.counts) {
            for position in 0..layer.positions {
                old[position * width + at] = new[position * width + at];
            }
        }
    }
    out
}
