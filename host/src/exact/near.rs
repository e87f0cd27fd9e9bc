//! Nodes that are whole-numbered but for a ratio: sums of values on grids of different steps, as residual connections have.
//!
//! Weights per level are no whole multiples of one step, but few; whole numbers in about the same ratio are sought, and what they are
//! off is bounded over all inputs. As long as that is a small part of a level, nearly every sum rounds to the network's own level, the
//! others to its neighbour, and everything behind keeps the network's integers too.

use std::sync::Arc;

use super::grid::Stairs;
use super::stairs::{Cut, Line};
use super::{Integers, Levels, Search};
use crate::dots::{Dot, DotNode};
use crate::numeric::Matrix;
use crate::tune::CodedAct;

/// The largest distance from the network's sum, in levels of the result, for any input: at most about an eighth of all sums then
/// lie so near the edge of a level that they can round to the other side.
const NEAR: f64 = 1.0 / 16.0;

/// A distance that further lines need not lessen: one sum in a hundred and fifty can round to the other side.
const GOOD: f64 = 1.0 / 300.0;

/// The most lines that read one value.
const LINES: usize = 8;

/// Whole weights of one channel, what a whole step of the sum counts, and the distance in levels.
struct Ratio {
    whole: Vec<i32>,
    step: f64,
    distance: f64,
}

/// The whole weights with which `row` (values per level) is met best; `reach` gives how far the level of each input can lie from the one
/// that stands for 0, `unit` what a level of the result counts.
fn ratio(row: &[f64], reach: &[f64], unit: f64, most: i32) -> Option<Ratio> {
    let largest = row.iter().fold(0.0f64, |m, w| m.max(w.abs()));
    if largest == 0.0 {
        return None;
    }
    let met = |count: i32| {
        let step = largest / f64::from(count);
        let whole: Vec<i32> = row.iter().map(|w| libm::rint(w / step) as i32).collect();
        let off =
            row.iter().zip(&whole).zip(reach).map(|((w, &n), far)| (w - step * f64::from(n)).abs() * far);
        // Half a step of the sum is the rounding of the bias.
        let distance = (off.sum::<f64>() + 0.5 * step) / unit;
        Ratio { whole, step, distance }
    };
    (1..=most).map(met).min_by(|a, b| a.distance.total_cmp(&b.distance))
}

impl Search<'_> {
    /// Whole numbers in about the ratio of a node's weights, and the distance; `levels` are those of the sources, read by read. As few
    /// lines a value as bring the distance down to what is good, or those with the least.
    pub(super) fn near(
        &self,
        node: &DotNode,
        dot: &Dot,
        levels: &[Levels],
        stairs: &Stairs<'_>,
    ) -> Option<Integers> {
        let taps: usize = dot.reads.iter().map(|read| read.taps.len()).sum();
        let mut best: Option<Integers> = None;
        for lines in 1..=LINES.min(self.target.rows / taps.max(1)) {
            let found = self.on_lines(node, dot, levels, stairs, lines);
            let Some(found) = found else { continue };
            if best.as_ref().is_none_or(|least| found.distance < least.distance) {
                best = Some(found);
            }
            if best.as_ref().is_some_and(|least| least.distance <= GOOD) {
                break;
            }
        }
        best
    }

    fn on_lines(
        &self,
        node: &DotNode,
        dot: &Dot,
        levels: &[Levels],
        stairs: &Stairs<'_>,
        lines: usize,
    ) -> Option<Integers> {
        // A function that is straight between its clips, on the chip's own levels.
        let grid = stairs.plain.as_ref()?;
        // What tells what lies inside a padded window has no levels.
        if levels.len() != dot.reads.len() || dot.reads.iter().any(|read| read.taps.pads(&node.grid)) {
            return None;
        }
        let of_column: Vec<Levels> =
            dot.reads.iter().zip(levels).flat_map(|(read, own)| vec![*own; read.taps.len()]).collect();
        let top = f64::from(self.target.input_max);
        // The level that stands for 0, where there is one.
        let zeros: Vec<f64> =
            of_column.iter().map(|l| libm::rint(-l.zero / l.step).clamp(0.0, top)).collect();
        let reach: Vec<f64> = zeros.iter().map(|zero| zero.max(top - zero)).collect();
        // What a level of the result counts in the sum, and the sum at the least level.
        let unit = f64::from(grid.scale);
        let out = unit * f64::from(grid.lo - grid.zero_point);
        let most = self.digital.weight_hi.min(-self.digital.weight_lo);
        let (lo, hi) = stairs.ends();
        let each = dot.weights[0].rows();
        let (mut rows, mut cuts, mut distance) = (Vec::new(), Vec::new(), 0.0f64);
        for channel in 0..node.channels {
            let weights = dot.weights[channel / each].row(channel % each);
            let row: Vec<f64> = weights.iter().zip(&of_column).map(|(w, l)| w * l.step).collect();
            let found =
                ratio(&row, &reach, unit, most * lines as i32).filter(|found| found.distance <= NEAR)?;
            distance = distance.max(found.distance);
            // The sum with every input at its zero, and what is taken off it there.
            let at_zero: f64 = dot.bias[channel]
                + weights
                    .iter()
                    .zip(&of_column)
                    .zip(&zeros)
                    .map(|((w, l), zero)| w * (l.zero + l.step * zero))
                    .sum::<f64>();
            let taken: f64 = found.whole.iter().zip(&zeros).map(|(&w, zero)| f64::from(w) * zero).sum();
            let line = Line { ratio: found.step / unit, bias: (at_zero - out) / found.step - taken, lo, hi };
            if line.bias.abs() > 2e9 {
                return None;
            }
            let (multiplier, shift, bias) = line.nearest(self.digital)?;
            cuts.push(Cut { factor: 1, bias, multiplier, shift });
            rows.push(shared(&found.whole, lines));
        }
        let act = CodedAct::Clamp { zero: 0, lo: lo as i32, hi: hi as i32 };
        let kept = vec![true; of_column.len() * lines];
        let made = self.integers((dot, &kept), 0, rows, &cuts, act)?;
        Some(Integers { lines, distance, ..made })
    }
}

/// Weights shared out among `lines` taps each: all values' first, then all values' second ones.
fn shared(whole: &[i32], lines: usize) -> Vec<i32> {
    let count = lines as i32;
    let part = |weight: i32, line: i32| (weight * (line + 1)) / count - (weight * line) / count;
    (0..count).flat_map(|line| whole.iter().map(move |&weight| part(weight, line))).collect()
}

/// `dot` with `lines` lines for each value, each with its share of the weight.
pub(crate) fn with_lines(dot: &Dot, lines: usize) -> Dot {
    let each = |own: &Matrix| {
        let share = |row: usize, column: usize| own.row(row)[column % own.cols()] / lines as f64;
        Arc::new(Matrix::from_fn(own.rows(), own.cols() * lines, share))
    };
    Dot {
        reads: vec![&dot.reads; lines].into_iter().flatten().cloned().collect(),
        weights: dot.weights.iter().map(|own| each(own)).collect(),
        ..dot.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{ratio, shared};

    #[test]
    fn a_ratio_is_met_by_the_best_pair_of_whole_numbers() {
        // 0.0762932 and 0.104195 on levels of 0.0509457: 0.73221 is nearly 93/127.
        let found = ratio(&[0.076_293_2, 0.104_195], &[255.0, 132.0], 0.050_945_7, 127).unwrap();
        assert_eq!(found.whole, [93, 127]);
        assert!(found.distance < 0.05, "{}", found.distance);
        // Every other pair is further off.
        let off = |count: i32| {
            let step = 0.104_195 / f64::from(count);
            let other = libm::rint(0.076_293_2 / step);
            ((0.076_293_2 - other * step).abs() * 255.0 + 0.5 * step) / 0.050_945_7
        };
        assert!((1..=127).all(|count| off(count) >= found.distance - 1e-12));
    }

    #[test]
    fn lines_share_a_weight() {
        for lines in 1..=8 {
            let whole = [93 * lines, -127 * lines, 5, 0];
            let shares = shared(&whole, lines as usize);
            assert_eq!(shares.len(), 4 * lines as usize);
            for (at, &weight) in whole.iter().enumerate() {
                assert_eq!(shares.iter().skip(at).step_by(4).sum::<i32>(), weight);
            }
            assert!(shares.iter().all(|share| share.abs() <= 127), "{shares:?}");
        }
    }

    #[test]
    fn few_bits_leave_a_large_distance() {
        assert!(ratio(&[0.73221, 1.0], &[255.0, 255.0], 0.5, 3).unwrap().distance > 1.0);
        assert!(ratio(&[0.0, 0.0], &[255.0, 255.0], 0.5, 127).is_none());
    }
}
