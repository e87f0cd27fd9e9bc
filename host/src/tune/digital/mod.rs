//! Tuning core-ops of digital cores.
//!
//! Sums are exact here, so only three things round: weights, the cut, and the output code. Each column has a gain of its own
//! (its scale is absorbed by whoever reads it), as large as weights and codes allow; the cut position, and how much of the
//! range is given up to clipping, are tried and judged by measured output error; weights are rounded with error feedback, or to
//! the entries of a codebook; at last the biases are corrected through the exact chain.

mod aim;
mod codebook;
mod descent;
mod finish;
mod scale;
mod shared;
mod stairs;
mod tables;

pub use finish::level;
pub use scale::Scale;
pub use tables::is_coarse;

use super::aims::Golden;
use super::coded::{Coded, CodedAct, Periphery, Requantised};
use super::free::RealMap;
use super::node::TunedOp;
use super::options::{Rounding, TuneOptions};
use super::round::{ErrorFeedback, dithered, nearest_within};
use super::score::compared;
use crate::encode::Form;
use crate::engine::product_f64;
use crate::expand::{CoreOp, Real};
use crate::numeric::{Matrix, Random, parallel_map, parallel_rows};
use crate::target::{Digital, Target};

use std::ops::Range;

/// Samples and channels that take part in a trial.
const TRIAL_SAMPLES: usize = 512;
const TRIAL_CHANNELS: usize = 48;
/// What one copy carries to the next at most, in steps of a weight.
const CARRY_MAX: f64 = 4.0;
/// Passes of the bias correction.
const CORRECTIONS: usize = 6;

/// A core-op to be tuned.
pub struct DigitalBench<'a> {
    /// What the columns compute.
    pub form: &'a Form,
    /// Signals of each channel.
    pub copies: &'a [u16],
    /// Tells the random phases of one core-op's copies from another's.
    pub item: u64,
    /// Levels on its lines, one row a sample (and position).
    pub codes: &'a Matrix,
    /// The real map from levels to its sums.
    pub map: &'a RealMap,
    /// Its golden sums, one row a channel.
    pub golden: &'a Golden<'a>,
    /// How much an error of each channel matters.
    pub importance: &'a [f64],
    /// Rounding with error feedback, for each group on its lines.
    pub feedback: &'a [(Range<usize>, ErrorFeedback)],
    /// The lines of each group.
    pub blocks: &'a [Range<usize>],
    /// The group of each channel.
    pub group: &'a [usize],
    /// The chip.
    pub target: &'a Target,
    /// Its cores.
    pub digital: &'a Digital,
    /// What a level of each channel has to count, and the value of level 0, where that is settled: the sum of all copies.
    pub pin: Option<&'a [(f64, f64)]>,
    /// Whether a copy makes good what the ones before it have rounded off, in place of dithering.
    pub carries: bool,
    /// The user's choices.
    pub options: &'a TuneOptions,
}

/// Levels that a trial gives.
struct Outcome {
    weights: Vec<Vec<i16>>,
    bias: Vec<i64>,
    decoded: Vec<f64>,
    error: f64,
}

impl DigitalBench<'_> {
    /// Tunes the core-op; `None` when no cut of the chip can hold its weights and biases.
    pub fn tune(&self, op: &CoreOp<Real>) -> Option<TunedOp> {
        let channels = self.copies.len();
        let n = self.codes.rows();
        let some = evenly(n, TRIAL_SAMPLES);
        let few = Matrix::from_fn(some.len(), self.codes.cols(), |r, c| self.codes.at(some[r], c));
        let tried = evenly(channels, TRIAL_CHANNELS);
        let searching = self.options.rounding >= Rounding::Round;
        let scales = Scale::candidates(self);
        let mut best: Option<(f64, Scale)> = None;
        for scale in scales {
            let z = |channel: usize| some.iter().map(|&i| self.golden.z.at(channel, i)).collect();
            let outcomes = self.outcomes(&scale, &tried, &few, z, &[], false);
            let error: f64 = outcomes.iter().zip(&tried).map(|(o, &c)| o.error * self.importance[c]).sum();
            if best.as_ref().is_none_or(|(least, _)| error < *least) {
                best = Some((error, scale));
            }
        }
        let (_, mut scale) = best?;
        let found = self.tabled(&mut scale).or_else(|| self.coarse(&scale)).unwrap_or_default();
        let all: Vec<usize> = (0..channels).collect();
        let z = |channel: usize| self.golden.z.row(channel).to_vec();
        let outcomes = self.outcomes(&scale, &all, self.codes, z, &found, searching);
        Some(self.assemble(op, &scale, outcomes))
    }

    /// Whole weights of a channel's copies.
    fn weights(
        &self,
        scale: &Scale,
        channel: usize,
        found: Option<&[Vec<i16>]>,
        full: bool,
    ) -> Vec<Vec<i16>> {
        let copies = usize::from(self.copies[channel]);
        let gain = scale.gain(channel);
        let row = self.map.weights.row(channel);
        let block = self.blocks[self.group[channel]].clone();
        let scaled: Vec<f64> = row[block.clone()].iter().map(|w| w * gain).collect();
        let (lo, hi) = (f64::from(self.digital.weight_lo), f64::from(self.digital.weight_hi));
        let feedback = self.feedback.get(self.group[channel]).filter(|_| full);
        let whole: Vec<Vec<i16>> = match (found, feedback) {
            (Some(found), _) => found.to_vec(),
            (None, Some((_, feedback))) if copies > 1 && self.carries => {
                let mut carry = vec![0.0; scaled.len()];
                let next = |_| {
                    let wanted: Vec<f64> = scaled.iter().zip(&carry).map(|(w, carry)| w + carry).collect();
                    let whole = feedback.round_to(&wanted, |w| libm::rint(w).clamp(lo, hi));
                    let left = wanted.iter().zip(&whole).map(|(w, &whole)| w - f64::from(whole));
                    // More can only come from clipping, which no other copy can make good.
                    carry = left.map(|left| left.clamp(-CARRY_MAX, CARRY_MAX)).collect();
                    whole
                };
                (0..copies).map(next).collect()
            }
            (None, _) if full && copies > 1 => {
                let item = self.item << 32 | channel as u64;
                dithered(&scaled, copies, lo.abs().min(hi), Random::new(self.options.seed, item))
            }
            (None, Some((_, feedback))) => {
                vec![feedback.round_to(&scaled, |w| libm::rint(w).clamp(lo, hi)); copies]
            }
            (None, None) => vec![nearest_within(&scaled, lo, hi); copies],
        };
        let widened = |own: Vec<i16>| {
            let mut out = vec![0i16; row.len()];
            out[block.clone()].copy_from_slice(&own);
            out
        };
        whole.into_iter().map(widened).collect()
    }

    /// The channels `which` under `scale` on the samples `codes`; `z` gives a channel's golden sums on them.
    fn outcomes(
        &self,
        scale: &Scale,
        which: &[usize],
        codes: &Matrix,
        z: impl Fn(usize) -> Vec<f64> + Sync,
        found: &[Vec<Vec<i16>>],
        full: bool,
    ) -> Vec<Outcome> {
        let weights = parallel_map(which.len(), |at| {
            self.weights(scale, which[at], found.get(which[at]).map(Vec::as_slice), full)
        });
        // All columns at once: whole numbers far below 2^53, exact in any order.
        let (lines, columns) = (codes.cols(), weights.iter().map(Vec::len).sum::<usize>());
        let mut matrix = vec![0.0f64; lines * columns];
        for (column, own) in weights.iter().flatten().enumerate() {
            own.iter().enumerate().for_each(|(line, &w)| matrix[line * columns + column] = f64::from(w));
        }
        let mut sums = vec![0.0f64; codes.rows() * columns];
        parallel_rows(&mut sums, columns, |first, rows| {
            let n = rows.len() / columns;
            product_f64(&codes.data()[first * lines..][..n * lines], &matrix, rows, [n, lines, columns]);
        });
        let starts: Vec<usize> = weights
            .iter()
            .scan(0, |at, own| {
                let start = *at;
                *at += own.len();
                Some(start)
            })
            .collect();
        let made = parallel_map(which.len(), |at| {
            let column = |copy: usize| sums.iter().skip(starts[at] + copy).step_by(columns);
            let exact: Vec<Vec<i64>> =
                (0..weights[at].len()).map(|copy| column(copy).map(|&sum| sum as i64).collect()).collect();
            self.channel(scale, which[at], &exact, &z(which[at]))
        });
        let joined = |(weights, (bias, decoded, error))| Outcome { weights, bias, decoded, error };
        weights.into_iter().zip(made).map(joined).collect()
    }

    /// One channel under `scale`, whose copies have the sums `exact` where the golden ones are `z`: biases, values and
    /// their error.
    fn channel(
        &self,
        scale: &Scale,
        channel: usize,
        exact: &[Vec<i64>],
        z: &[f64],
    ) -> (Vec<i64>, Vec<f64>, f64) {
        let n = z.len();
        let copies = exact.len();
        let mut bias: Vec<i64> =
            (0..copies).map(|copy| scale.bias(self, channel, copy, self.map.bias[channel])).collect();
        let (coefficient, zero) = scale.meaning(channel, copies);
        let decode = |bias: &[i64]| -> Vec<f64> {
            let mut decoded = vec![zero; n];
            for (sums, &bias) in exact.iter().zip(bias) {
                for (value, &sum) in decoded.iter_mut().zip(sums) {
                    *value +=
                        coefficient * scale.level(self.digital, self.target, channel, sum + bias) as f64;
                }
            }
            decoded
        };
        let counted: Vec<usize> = match &self.golden.contested {
            Some(contested) if z.len() == self.golden.z.cols() => {
                contested[channel].iter().map(|&i| i as usize).collect()
            }
            _ => (0..n).collect(),
        };
        let error = |decoded: &[f64]| -> f64 {
            let gap = |&i: &usize| compared(self.form, decoded[i], z[i]).1;
            counted.iter().map(|i| gap(i) * gap(i)).sum::<f64>() / counted.len().max(1) as f64
        };
        let mut decoded = decode(&bias);
        let mut least = error(&decoded);
        let passes = if self.options.rounding >= Rounding::Round { CORRECTIONS } else { 0 };
        for _ in 0..passes {
            // Where the output moves at all, a step of the bias moves it by the slope.
            let moving: Vec<usize> =
                counted.iter().copied().filter(|&i| scale.moves(self.form, channel, z[i])).collect();
            if moving.is_empty() {
                break;
            }
            let mean: f64 = moving.iter().map(|&i| compared(self.form, decoded[i], z[i]).1).sum::<f64>()
                / moving.len() as f64;
            let step = -mean * scale.steps_per_value(self.form, channel, &moving, z);
            let next: Vec<i64> =
                bias.iter().map(|&b| scale.held(self.digital, b + libm::rint(step) as i64)).collect();
            if next == bias {
                break;
            }
            let tried = decode(&next);
            let found = error(&tried);
            if found >= least {
                break;
            }
            (bias, decoded, least) = (next, tried, found);
        }
        (bias, decoded, least)
    }

    fn assemble(&self, op: &CoreOp<Real>, scale: &Scale, outcomes: Vec<Outcome>) -> TunedOp {
        let columns: Vec<Vec<i16>> = outcomes.iter().flat_map(|o| o.weights.iter().cloned()).collect();
        let weights = op
            .parts
            .iter()
            .map(|part| columns.iter().flat_map(|c| part.iter().map(move |&line| c[line as usize])).collect())
            .collect();
        let owner: Vec<usize> =
            self.copies.iter().enumerate().flat_map(|(c, &k)| vec![c; usize::from(k)]).collect();
        let (shifts, multipliers) = scale.requantisation(self.digital, &owner);
        let coefficients = owner.iter().map(|&c| scale.meaning(c, usize::from(self.copies[c])).0).collect();
        let zeros = (0..self.copies.len()).map(|c| scale.meaning(c, usize::from(self.copies[c])).1).collect();
        let bias = outcomes.iter().flat_map(|o| o.bias.iter().copied()).collect();
        let coded = Coded {
            act: match self.form {
                Form::Sum => CodedAct::None,
                _ => scale.act.clone(),
            },
            weights,
            periphery: Periphery::Digital(Requantised { zero: 0, bias, shifts, multipliers }),
            coefficients,
            zeros,
            clipped: 0,
        };
        let decoded = outcomes.into_iter().map(|o| o.decoded).collect();
        TunedOp {
            coded,
            decoded,
            reach: super::aims::Reach { c: 0.0, sum_shift: 0, top: self.target.input_max },
            gains: Vec::new(),
        }
    }
}

/// At most `most` of the numbers below `count`, evenly spaced.
fn evenly(count: usize, most: usize) -> Vec<usize> {
    if count <= most { (0..count).collect() } else { (0..most).map(|i| i * count / most).collect() }
}
