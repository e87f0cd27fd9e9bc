//! Tuning one node: gains and shifts on trial, the best ones refined.

use super::aims::{Golden, Reach, aim};
use super::bias::BiasPair;
use super::coded::{Coded, CodedAct, Periphery};
use super::column::{Aim, Post};
use super::digits::Digits;
use super::free::RealMap;
use super::options::{Rounding, TuneOptions};
use super::reads::ReadRule;
use super::round::{ErrorFeedback, dithered, nearest};
use super::score::{Scored, score};
use super::trials::Trial;
use super::unit::{Bench, FittedUnit, Passes};
use std::ops::Range;

use crate::encode::Form;
use crate::expand::{CoreOp, Real};
use crate::numeric::{Matrix, Random, parallel_map};
use crate::target::Target;

/// Samples and elements that take part in a trial.
const TRIAL_SAMPLES: usize = 384;
const TRIAL_ELEMENTS: usize = 32;
/// Trials that are refined on everything.
const REFINED: usize = 2;

/// A node to be tuned, with what it sees and what it should give.
pub struct NodeBench<'a> {
    /// What the columns compute.
    pub form: &'a Form,
    /// Signals of each of the core-op's channels.
    pub copies: &'a [u16],
    /// Tells the random phases of one core-op's copies from another's.
    pub item: u64,
    /// Codes on its lines, one row a sample (and position).
    pub codes: &'a Matrix,
    /// The real map from codes to its sums.
    pub map: &'a RealMap,
    /// Its golden sums, one row an element.
    pub golden: &'a Golden<'a>,
    /// How much an error of each element matters to the nodes that read it.
    pub importance: &'a [f64],
    /// Rounding with error feedback, where it can serve: for each group its own, and which of the lines it covers.
    pub feedback: &'a [(Range<usize>, ErrorFeedback)],
    /// The group of each channel.
    pub group: &'a [usize],
    /// For a relay: the range its carrier covers.
    pub relay_reach: Option<f64>,
    /// Gains and reach where what the codes mean is settled.
    pub pin: Option<(&'a [f64], Reach)>,
    /// The chip.
    pub target: &'a Target,
    /// The user's choices.
    pub options: &'a TuneOptions,
}

/// Whole weights of one element: array by array, copy by copy.
type PartWeights = Vec<Vec<Vec<i16>>>;

/// One element after fitting.
struct Fitted {
    weights: PartWeights,
    aim: Aim,
    unit: FittedUnit,
    scored: Scored,
}

/// A tuned core-op.
#[derive(Clone, Debug)]
pub struct TunedOp {
    /// The integers.
    pub coded: Coded,
    /// Decoded values of its elements on every sample.
    pub decoded: Vec<Vec<f64>>,
    /// The reach that was chosen.
    pub reach: Reach,
    /// The gains of the elements of a crossbar.
    pub gains: Vec<f64>,
}

impl NodeBench<'_> {
    /// The channels of the core-op, numbered from 0.
    pub(super) fn elements(&self) -> Vec<usize> {
        (0..self.copies.len()).collect()
    }

    pub(super) fn bench<'b>(
        &'b self,
        digits: &'b Digits,
        op: &'b CoreOp<Real>,
        shift: u8,
        bias_rows: usize,
    ) -> Bench<'b> {
        Bench {
            digits,
            parts: &op.parts,
            target: self.target,
            rule: ReadRule::new(self.target, shift),
            shift,
            bias_rows,
        }
    }

    /// Whole weights of an element: array by array, copy by copy.
    fn weights(&self, op: &CoreOp<Real>, element: usize, aim: &Aim, shift: u8) -> PartWeights {
        let power = libm::exp2(f64::from(shift));
        let limit = f64::from(self.target.weight_max);
        let row = self.map.weights.row(element);
        let scaled = |gain: f64| -> Vec<f64> { row.iter().map(|w| w * gain * power).collect() };
        let full = self.options.rounding >= Rounding::Round;
        let whole: Vec<Vec<i16>> = if full && aim.copies() > aim.sides {
            let item = self.item << 32 | element as u64;
            let side = |side: usize| {
                let own = aim.of_side(side);
                let random = Random::new(self.options.seed ^ (side as u64) << 48, item);
                dithered(&scaled(aim.gains[own.start]), own.len(), limit, random)
            };
            (0..aim.sides).flat_map(side).collect()
        } else {
            aim.gains
                .iter()
                .map(|&gain| match self.feedback.get(self.group[element]) {
                    Some((lines, feedback)) if full => {
                        // Lines of other groups have no weight in this column, and must not get one.
                        let mut out = vec![0; row.len()];
                        out[lines.clone()]
                            .copy_from_slice(&feedback.round(&scaled(gain)[lines.clone()], limit));
                        out
                    }
                    _ => nearest(&scaled(gain), limit),
                })
                .collect()
        };
        op.parts
            .iter()
            .map(|part| {
                whole.iter().map(|w| part.iter().map(|&signal| w[signal as usize]).collect()).collect()
            })
            .collect()
    }

    /// Fits `elements` of `op` under `trial`.
    fn fit(
        &self,
        op: &CoreOp<Real>,
        trial: &Trial,
        elements: &[(usize, usize)],
        digits: &Digits,
        golden: &Golden<'_>,
        passes: Passes,
    ) -> Vec<Fitted> {
        let bench = self.bench(digits, op, trial.shift, trial.bias_rows);
        parallel_map(elements.len(), |i| {
            let (at, element) = elements[i];
            let copies = usize::from(self.copies[element]);
            let aim = aim(golden, self.form, element, copies, trial.gains[at], trial.reach, self.target);
            let weights = self.weights(op, element, &aim, trial.shift);
            let unit = bench.fit(&weights, self.map.bias[element], &aim, passes);
            let scored = score(self.form, &aim, &unit.sums, self.target);
            Fitted { weights, aim, unit, scored }
        })
    }

    /// Tunes one core-op; `None` when no shift of the chip can hold its weights and biases.
    pub fn tune(&self, op: &CoreOp<Real>) -> Option<TunedOp> {
        let elements: Vec<(usize, usize)> = self.elements().into_iter().enumerate().collect();
        let n = self.codes.rows();
        let keep: Vec<usize> = evenly(n, TRIAL_SAMPLES);
        let tried: Vec<(usize, usize)> =
            evenly(elements.len(), TRIAL_ELEMENTS).into_iter().map(|at| elements[at]).collect();
        let z = Matrix::from_fn(self.golden.z.rows(), keep.len(), |e, i| self.golden.z.at(e, keep[i]));
        let mut few = Golden::new(&z, self.golden.contested.as_ref().map(|_| self.options.margin));
        few = self.golden.narrowed(few);
        let digits = Digits::new(self.codes, &keep, self.target);
        let searching = self.options.rounding >= Rounding::Round;
        let linear = usize::from(searching);
        let weigh = |fitted: &[Fitted], which: &[(usize, usize)]| {
            fitted.iter().zip(which).map(|(f, (_, e))| f.scored.error * self.importance[*e]).sum::<f64>()
        };
        let fitting = |every_shift| -> Vec<Trial> {
            let mut trials = self.trials(op, every_shift);
            trials.retain_mut(|trial| match self.bias_rows(op, trial, &few) {
                Some(rows) => {
                    trial.bias_rows = rows;
                    true
                }
                None => false,
            });
            trials
        };
        let mut trials = fitting(false);
        if trials.is_empty() {
            trials = fitting(true);
        }
        for trial in &mut trials {
            let fitted = self.fit(op, trial, &tried, &digits, &few, Passes { linear, exact: 0 });
            trial.error = weigh(&fitted, &tried);
        }
        trials.sort_by(|a, b| a.error.total_cmp(&b.error));
        let all = Digits::new(self.codes, &(0..n).collect::<Vec<_>>(), self.target);
        let passes = if searching {
            Passes { linear: self.options.linear_passes, exact: self.options.exact_passes }
        } else {
            Passes { linear: 0, exact: 0 }
        };
        let mut best: Option<(f64, Trial, Vec<Fitted>)> = None;
        for trial in trials.into_iter().take(REFINED) {
            let fitted = self.fit(op, &trial, &elements, &all, self.golden, passes);
            let error = weigh(&fitted, &elements);
            if best.as_ref().is_none_or(|(least, ..)| error < *least) {
                best = Some((error, trial, fitted));
            }
        }
        best.map(|(_, trial, fitted)| self.assemble(op, &trial, fitted))
    }

    fn assemble(&self, op: &CoreOp<Real>, trial: &Trial, fitted: Vec<Fitted>) -> TunedOp {
        let mut bias_weights = vec![Vec::new(); op.parts.len()];
        let mut coded = Coded {
            act: CodedAct::None,
            weights: vec![Vec::new(); op.parts.len()],
            periphery: Periphery::Composed {
                shift: trial.shift,
                sum_shift: trial.reach.sum_shift,
                bias_rows: trial.bias_rows,
                bias: Vec::new(),
            },
            coefficients: Vec::new(),
            zeros: Vec::new(),
            clipped: 0,
        };
        let mut decoded = Vec::new();
        for Fitted { weights, aim, unit, scored } in fitted {
            coded.act = match &aim.post {
                Post::Sum => CodedAct::None,
                Post::Relu { .. } => CodedAct::Relu,
                Post::Table(table) => CodedAct::Table(table.clone()),
            };
            for (part, (copies, bias)) in weights.iter().zip(&unit.bias).enumerate() {
                for (column, pair) in copies.iter().zip(bias) {
                    coded.weights[part].extend(column);
                    bias_weights[part].extend(BiasPair::rows(*pair, trial.bias_rows, self.target));
                }
            }
            coded.coefficients.extend(&aim.coefficients);
            coded.zeros.push(scored.zero);
            coded.clipped += unit.clipped;
            decoded.push(scored.decoded);
        }
        if let Periphery::Composed { bias, .. } = &mut coded.periphery {
            *bias = bias_weights;
        }
        TunedOp { coded, decoded, reach: trial.reach, gains: trial.gains.clone() }
    }
}

/// At most `most` of the numbers below `count`, evenly spaced.
fn evenly(count: usize, most: usize) -> Vec<usize> {
    if count <= most { (0..count).collect() } else { (0..most).map(|i| i * count / most).collect() }
}
