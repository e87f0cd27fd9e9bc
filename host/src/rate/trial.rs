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
    /// Square error of the value that each neuron of a position carries, alone or together with others.
    pub(super) error: Vec<f64>,
}

/// On what, and how hard, numbers are tried.
#[derive(Clone, Copy)]
pub(super) struct Screen {
    /// The first so many samples.
    pub(super) samples: usize,
    /// Corrections.
    pub(super) passes: usize,
}

/// Calls `see` with (first neuron of a position that carries the value, wanted value, what its neurons say together) for every
/// value of every sample.
fn teams(
    layer: &Layer,
    sums: &[f32],
    unit: &[f64],
    counts: &[Vec<u32>],
    mut see: impl FnMut(usize, f64, f64),
) {
    let (size, width) = (layer.len().max(1), layer.width().max(1));
    let mates: Vec<(usize, f64)> = (0..width).map(|at| layer.team(at, unit)).collect();
    let mut said = vec![0.0f64; width];
    for (row, counts) in sums.chunks_exact(size).zip(counts) {
        for (row, counts) in row.chunks_exact(width).zip(counts.chunks_exact(width)) {
            said.fill(0.0);
            for (at, (first, unit)) in mates.iter().enumerate() {
                said[*first] += unit * (f64::from(counts[at]) - (layer.variant(at).share - 0.5));
            }
            for (at, (first, _)) in mates.iter().enumerate().filter(|(at, (first, _))| at == first) {
                see(at, f64::from(row[*first].max(0.0)), said[at]);
            }
        }
    }
}

/// Sum of squares of the wanted values and of the errors.
pub(super) fn powers(layer: &Layer, sums: &[f32], made: &Trial) -> (f64, f64) {
    let (mut signal, mut noise) = (0.0, 0.0);
    teams(layer, sums, &made.unit, &made.counts, |_, wanted, given| {
        signal += wanted * wanted;
        noise += (wanted - given) * (wanted - given);
    });
    (signal, noise)
}

/// How far the classes of a decision are in doubt: mean logarithm of the sum over classes of exp(what they are said to be above the right
/// one, in `unit`s).
pub(super) fn doubt(layer: &Layer, sums: &[f32], made: &Trial, unit: f64) -> f64 {
    let classes = layer.len() / layer.variants.len().max(1);
    let (mut row, mut all): (Vec<(f64, f64)>, f64) = (Vec::new(), 0.0);
    teams(layer, sums, &made.unit, &made.counts, |_, wanted, given| {
        row.push((wanted, given));
        if row.len() == classes {
            let right = row
                .iter()
                .fold((f64::NEG_INFINITY, 0.0), |most, own| if own.0 > most.0 { *own } else { most })
                .1;
            all += libm::log(row.iter().map(|(_, given)| libm::exp((given - right) / unit)).sum::<f64>());
            row.clear();
        }
    });
    all
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
        screen: Screen,
    ) -> Trial {
        let mut set = fit.numbers(layer, &unit, self.registers, self.effort.window);
        let mut best = self.tried(layer, wiring, sums, set.numbers(), unit.clone(), screen.samples);
        for pass in 0..screen.passes {
            let kept = set.clone();
            let stats = self.stats(layer, sums, &best);
            set.correct(&stats, pass % 2 == 1, 1.0 / (1 + pass / 2) as f64);
            let trial = self.tried(layer, wiring, sums, set.numbers(), unit.clone(), screen.samples);
            // Each value keeps what is better for it.
            let better: Vec<bool> = trial.error.iter().zip(&best.error).map(|(new, old)| new < old).collect();
            set.keep(&kept, &better);
            best = merged(layer, best, trial);
        }
        best
    }

    fn tried(
        &self,
        layer: &Layer,
        wiring: &Wiring,
        sums: &[f32],
        numbers: Numbers,
        unit: Vec<f64>,
        samples: usize,
    ) -> Trial {
        let size = layer.len();
        let counts: Vec<Vec<u32>> =
            self.run(layer, wiring, &numbers, samples).iter().map(|train| train.counts(size)).collect();
        let mut error = vec![0.0; unit.len()];
        teams(layer, sums, &unit, &counts, |at, wanted, given| {
            error[at] += (wanted - given) * (wanted - given)
        });
        for at in 0..error.len() {
            error[at] = error[layer.team(at, &unit).0];
        }
        Trial { numbers, error, unit, counts }
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
