//! Real weights on counts, and the whole numbers that stand for them.

use super::layer::{From, Layer};
use super::simulate::Numbers;
use super::tune::{Effort, Registers};
use crate::dots::PAD;
use crate::numeric::{Cholesky, Matrix, gram, parallel_map};
use crate::tune::ErrorFeedback;

/// What is known of a layer's sources.
pub(super) trait Sources: Sync {
    /// What a spike of a signal counts.
    fn unit(&self, from: From, element: u32) -> f64;
    /// What no spike of it counts.
    fn base(&self, from: From, element: u32) -> f64;
    /// How hard to try.
    fn effort(&self) -> Effort;
}

/// Weights of a layer as values a spike, refitted.
pub(super) struct Fit {
    /// \[group\]\[output\]\[tap\]
    omegas: Vec<f64>,
    /// Of each neuron.
    bias: Vec<f64>,
    feedback: Vec<Option<ErrorFeedback>>,
}

/// Numbers of a layer while they are corrected.
#[derive(Clone)]
pub(super) struct Set {
    weights: Vec<i32>,
    step: Vec<i32>,
    threshold: Vec<i32>,
    /// Of each neuron: what the leak brings over a window, without `offset`.
    drift: Vec<f64>,
    /// Of each neuron of a position.
    offset: Vec<f64>,
    registers: Registers,
    window: u32,
}

/// The weights of `layer` on what its sources count; with `refit` those that best give the reference sums.
pub(super) fn fit(
    layer: &Layer,
    sums: &[f32],
    counts: &[Vec<Vec<u32>>],
    sources: &impl Sources,
    refit: bool,
) -> Fit {
    let (taps, outputs, width) = (layer.from.len(), layer.outputs, layer.width());
    let mut froms = layer.from.clone();
    froms.sort_unstable();
    froms.dedup();
    let which: Vec<usize> =
        layer.from.iter().map(|from| froms.binary_search(from).unwrap_or_default()).collect();
    // What elements of the input that begin elsewhere than at 0 give.
    let mut bias = layer.bias.clone();
    for group in 0..layer.groups {
        for position in 0..layer.positions {
            for (tap, &element) in layer.taps_at(group, position).iter().enumerate() {
                let base = if element == PAD { 0.0 } else { sources.base(layer.from[tap], element) };
                if base != 0.0 {
                    let weights = &layer.weights[(group * taps + tap) * outputs..][..outputs];
                    let first = position * width + group * outputs;
                    bias[first..first + outputs].iter_mut().zip(weights).for_each(|(b, w)| *b += w * base);
                }
            }
        }
    }
    let samples = counts.first().map_or(0, Vec::len);
    let all = samples * layer.positions;
    let rows = all.min(sources.effort().rows);
    let picks: Vec<(usize, usize)> = (0..rows)
        .map(|i| i * all / rows)
        .map(|at| (at / layer.positions.max(1), at % layer.positions.max(1)))
        .collect();
    let group_of = |group: usize| {
        let units: Vec<f64> = (0..taps)
            .map(|tap| {
                let inside = (0..layer.positions).map(|p| layer.taps_at(group, p)[tap]).find(|e| *e != PAD);
                inside.map_or(0.0, |element| sources.unit(layer.from[tap], element))
            })
            .collect();
        let weight = |output: usize, tap: usize| layer.weights[(group * taps + tap) * outputs + output];
        let mut omegas = Matrix::from_fn(outputs, taps, |output, tap| weight(output, tap) * units[tap]);
        let mut shift = vec![0.0; outputs];
        if !refit {
            return (omegas, shift, None);
        }
        let mut x = Matrix::from_fn(rows, taps, |row, tap| {
            let (sample, position) = picks[row];
            let element = layer.taps_at(group, position)[tap];
            if element == PAD { 0.0 } else { f64::from(counts[which[tap]][sample][element as usize]) }
        });
        let mean = means(&x);
        for row in 0..rows {
            x.row_mut(row).iter_mut().zip(&mean).for_each(|(x, m)| *x -= m);
        }
        let moments = gram(&x, None);
        let feedback = ErrorFeedback::new(&moments);
        // What the weights as trained miss.
        let missed = Matrix::from_fn(outputs, rows, |output, row| {
            let (sample, position) = picks[row];
            let neuron = position * width + group * outputs + output;
            let sum = f64::from(sums[sample * layer.len() + neuron]) - bias[neuron];
            let own = omegas.row(output);
            sum - own.iter().zip(x.row(row)).zip(&mean).map(|((w, x), m)| w * (x + m)).sum::<f64>()
        });
        let trace: f64 = (0..taps).map(|i| moments.at(i, i)).sum();
        let ridge = sources.effort().ridge;
        let mut solver = None;
        if trace > 0.0 && ridge > 0.0 {
            let mut held = moments;
            (0..taps).for_each(|i| *held.at_mut(i, i) += ridge * trace / taps as f64);
            solver = Cholesky::new(&held);
        }
        let columns = x.transposed();
        for (output, shift) in shift.iter_mut().enumerate() {
            let own = missed.row(output);
            *shift = own.iter().sum::<f64>() / rows.max(1) as f64;
            if let Some(solver) = &solver {
                let right: Vec<f64> =
                    (0..taps).map(|tap| columns.row(tap).iter().zip(own).map(|(x, e)| x * e).sum()).collect();
                let change = solver.solve(&right);
                *shift -= change.iter().zip(&mean).map(|(c, m)| c * m).sum::<f64>();
                omegas.row_mut(output).iter_mut().zip(&change).for_each(|(w, c)| *w += c);
            }
        }
        (omegas, shift, feedback)
    };
    let groups = if layer.groups > 1 {
        parallel_map(layer.groups, group_of)
    } else {
        (0..layer.groups).map(group_of).collect()
    };
    let mut fit = Fit { omegas: Vec::new(), bias, feedback: Vec::new() };
    for (group, (omegas, shift, feedback)) in groups.into_iter().enumerate() {
        fit.omegas.extend_from_slice(omegas.data());
        fit.feedback.push(feedback);
        for position in 0..layer.positions {
            let first = position * width + group * outputs;
            fit.bias[first..first + outputs].iter_mut().zip(&shift).for_each(|(b, s)| *b += s);
        }
    }
    fit
}

fn means(x: &Matrix) -> Vec<f64> {
    let mut mean = vec![0.0; x.cols()];
    for row in 0..x.rows() {
        mean.iter_mut().zip(x.row(row)).for_each(|(m, x)| *m += x);
    }
    mean.iter_mut().for_each(|m| *m /= x.rows().max(1) as f64);
    mean
}

impl Fit {
    /// Whole numbers where a spike of each neuron of a position counts `unit`.
    pub(super) fn numbers(&self, layer: &Layer, unit: &[f64], registers: Registers, window: u32) -> Set {
        let (taps, outputs, width) = (layer.from.len(), layer.outputs, layer.width());
        let ticks = f64::from(window);
        let mut largest = vec![0.0f64; width];
        for neuron in 0..layer.len() {
            let at = neuron % width;
            let share = if registers.start { 0.0 } else { layer.variant(neuron).share };
            largest[at] = largest[at].max((self.bias[neuron] / unit[at] + share).abs());
        }
        let typed = registers.axons.filter(|_| !layer.role.alike());
        let columns = parallel_map(width, |at| {
            let own = &self.omegas[at * taps..(at + 1) * taps];
            // A correction may double the offset.
            let by_leak = f64::from(registers.leak) * ticks / (largest[at] + 1.0);
            let most = by_leak.min(f64::from(registers.threshold) * 0.9);
            let feedback = self.feedback[at / outputs].as_ref();
            match typed {
                None => whole(own, unit[at], (f64::from(registers.weight), most), feedback),
                Some(axons) => steps(own, unit[at], (axons, registers.weight, most), feedback),
            }
        });
        let mut weights = vec![0; layer.groups * taps * outputs];
        let (mut threshold, mut step) = (vec![1; width], vec![1; width]);
        for (at, (t, s, column)) in columns.into_iter().enumerate() {
            (threshold[at], step[at]) = (t, s);
            for (tap, weight) in column.into_iter().enumerate() {
                weights[(at / outputs * taps + tap) * outputs + at % outputs] = weight;
            }
        }
        let scale = |at: usize| f64::from(threshold[at]) / unit[at];
        let drift = (0..layer.len()).map(|n| self.bias[n] * scale(n % width)).collect();
        let offset = (0..width).map(|at| layer.variant(at).share * f64::from(threshold[at])).collect();
        Set { weights, step, threshold, drift, offset, registers, window }
    }
}

/// Threshold, step and weights of a neuron whose weights are any whole numbers within +-`limit`.
fn whole(
    own: &[f64],
    unit: f64,
    (limit, most): (f64, f64),
    feedback: Option<&ErrorFeedback>,
) -> (i32, i32, Vec<i32>) {
    let largest = own.iter().fold(0.0f64, |most, w| most.max(w.abs()));
    let by_weight = if largest > 0.0 { limit * unit / largest } else { most };
    let t = libm::floor(by_weight.min(most) + 1e-9).max(1.0);
    let scaled: Vec<f64> = own.iter().map(|w| w * t / unit).collect();
    let rounded = match feedback {
        Some(feedback) => feedback.round(&scaled, limit).into_iter().map(i32::from).collect(),
        None => scaled.iter().map(|w| libm::rint(*w).clamp(-limit, limit) as i32).collect(),
    };
    (t as i32, 1, rounded)
}

/// Shares of the range of few bits that the largest weight is tried to reach beyond.
const CLIPS: [f64; 5] = [1.0, 1.2, 1.45, 1.75, 2.1];

/// Threshold, step and weights of a neuron whose weights are `axons` bits, two's complement, times a step, values of types within
/// `value`.
fn steps(
    own: &[f64],
    unit: f64,
    (axons, value, most): (u8, i32, f64),
    feedback: Option<&ErrorFeedback>,
) -> (i32, i32, Vec<i32>) {
    let half = f64::from(1 << (axons - 1));
    let largest = own.iter().fold(0.0f64, |most, w| most.max(w.abs()));
    let round = |w: f64| libm::rint(w).clamp(-half, half - 1.0);
    let mut best: Option<(f64, f64, Vec<i32>)> = None;
    for clip in CLIPS {
        let per = if largest > 0.0 { (half - 0.5) * clip / largest } else { most / unit };
        let scaled: Vec<f64> = own.iter().map(|w| w * per).collect();
        let codes: Vec<i32> = match feedback {
            Some(feedback) => feedback.round_to(&scaled, round).into_iter().map(i32::from).collect(),
            None => scaled.iter().map(|w| round(*w) as i32).collect(),
        };
        let plain = scaled.iter().map(|w| (w - round(*w)) * (w - round(*w))).sum::<f64>() / (per * per);
        if best.as_ref().is_none_or(|(error, ..)| plain < *error) {
            best = Some((plain, per, codes));
        }
    }
    let (_, per, codes) = best.unwrap_or((0.0, 1.0, vec![0; own.len()]));
    // A threshold of `per * unit` codes.
    let reach = (per * unit).max(1e-9);
    let step = libm::floor((most / reach).min(f64::from(value) / half)).max(1.0);
    let t = libm::rint(reach * step).clamp(1.0, most.max(1.0));
    (t as i32, step as i32, codes.into_iter().map(|code| code * step as i32).collect())
}

impl Set {
    /// As registers hold them.
    pub(super) fn numbers(&self) -> Numbers {
        let (width, ticks) = (self.offset.len().max(1), f64::from(self.window));
        let leak = f64::from(self.registers.leak);
        let whole = |total: f64| libm::rint(total / ticks).clamp(-leak - 1.0, leak) as i32;
        let leaks = (0..self.drift.len()).map(|neuron| {
            let own = if self.registers.start { 0.0 } else { self.offset[neuron % width] };
            whole(self.drift[neuron] + own)
        });
        let leaks: Vec<i32> = leaks.collect();
        let start = (0..width).map(|at| {
            if !self.registers.start {
                return 0;
            }
            // What whole leaks leave over, of the first position.
            let rest = self.drift.get(at).map_or(0.0, |drift| drift - f64::from(leaks[at]) * ticks);
            let (least, most) = (f64::from(self.registers.soma.least), f64::from(self.threshold[at] - 1));
            libm::rint(self.offset[at] + rest).clamp(least, most) as i32
        });
        Numbers {
            weights: self.weights.clone(),
            step: self.step.clone(),
            threshold: self.threshold.clone(),
            start: start.collect(),
            leak: leaks,
        }
    }

    /// Moves offsets, or with `slope` thresholds, by `step` of what counts miss.
    pub(super) fn correct(&mut self, stats: &[(f64, f64)], slope: bool, step: f64) {
        for (at, &(missed, steep)) in stats.iter().enumerate() {
            if slope {
                let t = f64::from(self.threshold[at]) * (1.0 + step * (steep.clamp(0.7, 1.4) - 1.0));
                self.threshold[at] = libm::rint(t).clamp(1.0, f64::from(self.registers.threshold)) as i32;
            } else {
                self.offset[at] += step * missed * f64::from(self.threshold[at]);
            }
        }
    }

    /// Takes back what is not `better`, neuron of a position by neuron.
    pub(super) fn keep(&mut self, old: &Self, better: &[bool]) {
        for at in (0..better.len()).filter(|at| !better[*at]) {
            self.threshold[at] = old.threshold[at];
            self.offset[at] = old.offset[at];
        }
    }
}
