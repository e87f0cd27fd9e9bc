//! Weights that come from a table: indices and table found together.
//!
//! What counts is what the sums miss, |X (u - q)|^2 over the samples, so the lines' second moments H = X'X judge every step:
//!
//! - *E*: each column takes entries by rounding with error feedback and then by single changes ([`descend`]), or by single
//!   changes from what it had, whichever misses less;
//! - *M*: the table that misses least for the indices at hand, in closed form, made whole by single steps of its entries;
//! - *G*: each column's gain follows the multiple of its weights that its entries come closest to, where the chip leaves it free.
//!
//! No step is taken that makes the total larger, so the alternation ends.

use super::codebook::Codebook;
use crate::numeric::{Cholesky, Matrix, parallel_map};
use crate::tune::round::ErrorFeedback;

/// Rounds of the alternation at most, and the share by which one must lessen the total to be followed by another.
const ROUNDS: usize = 12;
const WORTH: f64 = 2e-3;
/// Sweeps of single changes over the lines of a column.
const SWEEPS: usize = 6;
/// How far a gain may move from what codes and weights ask for (hardly up: codes would clip), and the gains that a column
/// begins with.
const GAIN_RANGE: (f64, f64) = (0.7, 1.02);
const GAINS: [f64; 6] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75];

/// One column to be made of a table's entries.
pub struct Column<'a> {
    /// Second moments of its lines, damped.
    pub moments: &'a Matrix,
    /// Error feedback over its lines.
    pub feedback: Option<&'a ErrorFeedback>,
    /// Its weights in units of the table.
    pub wanted: Vec<f64>,
    /// What a missed square counts.
    pub worth: f64,
    /// Whether its gain may move.
    pub free: bool,
}

/// A column made of entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// An entry for each line.
    pub whole: Vec<i16>,
    /// What the wanted weights are multiplied by.
    pub gain: f64,
    /// What the sums miss: (gain u - q)' H (gain u - q) / gain^2.
    pub missed: f64,
}

/// Makes all columns from one table, which begins as `book`; `pinned` keeps 0 among its values, and without `full` the table
/// stays as it began. Entries stay within `range`.
pub fn share(
    columns: &[Column<'_>],
    mut book: Codebook,
    pinned: bool,
    full: bool,
    range: (i32, i32),
) -> (Codebook, Vec<Made>) {
    let total = |all: &[Made]| all.iter().zip(columns).map(|(m, c)| m.missed * c.worth).sum::<f64>();
    let mut made: Vec<Made> = parallel_map(columns.len(), |at| columns[at].assign(&book, None));
    let mut least = total(&made);
    for _ in 0..if full { ROUNDS } else { 0 } {
        let (next, moved) = refit(columns, &book, &made, pinned, range);
        let tried: Vec<Made> = parallel_map(columns.len(), |at| columns[at].assign(&next, Some(&moved[at])));
        let missed = total(&tried);
        if missed >= least {
            break;
        }
        let worth_it = missed < least * (1.0 - WORTH);
        (book, made, least) = (next, tried, missed);
        if !worth_it {
            break;
        }
    }
    (book, made)
}

impl Column<'_> {
    /// Its weights, each with what a missed square of it alone counts.
    pub fn priced(&self) -> impl Iterator<Item = (f64, f64)> {
        self.wanted.iter().enumerate().map(|(line, &w)| (w, self.worth * self.moments.at(line, line)))
    }

    fn missed(&self, whole: &[i16], gain: f64) -> f64 {
        let gap: Vec<f64> = self.wanted.iter().zip(whole).map(|(u, &q)| u * gain - f64::from(q)).collect();
        (0..gap.len()).map(|i| gap[i] * inner(self.moments.row(i), &gap)).sum::<f64>().max(0.0)
            / (gain * gain)
    }

    /// The gain at which the wanted weights are best served by `whole`.
    fn gain(&self, whole: &[i16]) -> Option<f64> {
        let q: Vec<f64> = whole.iter().map(|&q| f64::from(q)).collect();
        let (mut own, mut cross) = (0.0, 0.0);
        for (i, &value) in q.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            own += value * inner(self.moments.row(i), &q);
            cross += value * inner(self.moments.row(i), &self.wanted);
        }
        let ratio = own / cross;
        (cross > 0.0 && ratio > GAIN_RANGE.0 && ratio < GAIN_RANGE.1).then_some(ratio)
    }

    /// Entries for the column, begun afresh (at several gains the first time) and from what it had; the best.
    fn assign(&self, book: &Codebook, had: Option<&Made>) -> Made {
        let nearest = |w: f64| f64::from(book.nearest(w));
        let scaled = |gain: f64| -> Vec<f64> { self.wanted.iter().map(|u| u * gain).collect() };
        let fresh = |gain: f64| -> Made {
            let scaled = scaled(gain);
            let Some(feedback) = self.feedback else {
                return self.judged(scaled.iter().map(|&w| book.nearest(w)).collect(), gain);
            };
            let mut whole = feedback.round_to(&scaled, nearest);
            descend(self.moments, &scaled, &mut whole, nearest);
            self.judged(whole, gain)
        };
        let better = |a: Made, b: Made| if b.missed < a.missed { b } else { a };
        let Some(had) = had else {
            let gains = if self.free { &GAINS[..] } else { &GAINS[..1] };
            let first = fresh(gains[0]);
            return gains[1..].iter().map(|&gain| fresh(gain)).fold(first, better);
        };
        let mut again = had.whole.clone();
        descend(self.moments, &scaled(had.gain), &mut again, nearest);
        better(self.judged(again, had.gain), fresh(had.gain))
    }

    fn judged(&self, whole: Vec<i16>, gain: f64) -> Made {
        let missed = self.missed(&whole, gain);
        if self.free
            && let Some(moved) = self.gain(&whole)
        {
            let better = self.missed(&whole, moved);
            if better < missed {
                return Made { whole, gain: moved, missed: better };
            }
        }
        Made { whole, gain, missed }
    }
}

/// Lessens (wanted - whole)' H (wanted - whole) by giving single lines the value that `nearest` finds for what would be best.
pub fn descend(moments: &Matrix, wanted: &[f64], whole: &mut [i16], nearest: impl Fn(f64) -> f64) {
    let gap: Vec<f64> = wanted.iter().zip(whole.iter()).map(|(u, &q)| u - f64::from(q)).collect();
    let mut pull: Vec<f64> = (0..gap.len()).map(|i| inner(moments.row(i), &gap)).collect();
    for _ in 0..SWEEPS {
        let mut changed = false;
        for i in 0..whole.len() {
            let power = moments.at(i, i);
            if power <= 0.0 {
                continue;
            }
            let now = f64::from(whole[i]);
            let step = nearest(now + pull[i] / power) - now;
            // By so much the total falls.
            if step != 0.0 && step * (2.0 * pull[i] - step * power) > 1e-9 * power {
                whole[i] = (now + step) as i16;
                pull.iter_mut().zip(moments.row(i)).for_each(|(p, h)| *p -= step * h);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
}

/// The table that misses least for the entries that the columns have, and the columns with its values.
fn refit(
    columns: &[Column<'_>],
    book: &Codebook,
    made: &[Made],
    pinned: bool,
    range: (i32, i32),
) -> (Codebook, Vec<Made>) {
    let values = book.values();
    let k = values.len();
    let index = |q: i16| values.partition_point(|&v| v < q).min(k - 1);
    let (mut square, mut right) = (Matrix::zeros(k, k), vec![0.0f64; k]);
    // Some columns at a time, so that large tables take little memory; added in the columns' order.
    for first in (0..columns.len()).step_by(32) {
        let own = parallel_map(32.min(columns.len() - first), |at| {
            let (column, made) = (&columns[first + at], &made[first + at]);
            let of: Vec<usize> = made.whole.iter().map(|&q| index(q)).collect();
            let factor = column.worth / (made.gain * made.gain);
            let (mut square, mut right) = (Matrix::zeros(k, k), vec![0.0f64; k]);
            for (i, &a) in of.iter().enumerate() {
                let row = column.moments.row(i);
                let sums = square.row_mut(a);
                of.iter().zip(row).for_each(|(&b, h)| sums[b] += factor * h);
                right[a] += factor * made.gain * inner(row, &column.wanted);
            }
            (square, right)
        });
        for (part, side) in own {
            square.data_mut().iter_mut().zip(part.data()).for_each(|(s, p)| *s += p);
            right.iter_mut().zip(&side).for_each(|(s, p)| *s += p);
        }
    }
    let held = |at: usize| pinned && values[at] == 0;
    let solved = solve(&square, &right, values, held);
    let (lo, hi) = (f64::from(range.0), f64::from(range.1));
    let old: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
    let rounded: Vec<f64> = solved.iter().map(|v| libm::rint(*v).clamp(lo, hi)).collect();
    let missed = |table: &[f64]| -> f64 {
        (0..k).map(|a| table[a] * (inner(square.row(a), table) - 2.0 * right[a])).sum()
    };
    let mut best = old.clone();
    for mut table in [rounded, old] {
        steps(&square, &right, &mut table, (lo, hi), held);
        if missed(&table) < missed(&best) {
            best = table;
        }
    }
    let moved = made
        .iter()
        .zip(columns)
        .map(|(made, column)| {
            let whole: Vec<i16> = made.whole.iter().map(|&q| best[index(q)] as i16).collect();
            let missed = column.missed(&whole, made.gain);
            Made { whole, gain: made.gain, missed }
        })
        .collect();
    (Codebook::new(best.iter().map(|&v| v as i16).collect()), moved)
}

/// Real values of the entries; those that nobody uses, and the held ones, stay.
fn solve(square: &Matrix, right: &[f64], values: &[i16], held: impl Fn(usize) -> bool) -> Vec<f64> {
    let mut out: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
    let free: Vec<usize> = (0..out.len()).filter(|&a| square.at(a, a) > 0.0 && !held(a)).collect();
    // A held entry other than 0 does not occur, so it takes nothing from the right side.
    let mean = free.iter().map(|&a| square.at(a, a)).sum::<f64>() / free.len().max(1) as f64;
    let own = Matrix::from_fn(free.len(), free.len(), |r, c| {
        square.at(free[r], free[c]) + if r == c { 1e-9 * mean } else { 0.0 }
    });
    let Some(solver) = Cholesky::new(&own) else { return out };
    let sides: Vec<f64> = free.iter().map(|&a| right[a]).collect();
    for (&at, value) in free.iter().zip(solver.solve(&sides)) {
        out[at] = value;
    }
    out
}

/// Whole values: each entry in turn goes where the total is least, until none moves.
fn steps(
    square: &Matrix,
    right: &[f64],
    table: &mut [f64],
    (lo, hi): (f64, f64),
    held: impl Fn(usize) -> bool,
) {
    for _ in 0..SWEEPS {
        let mut changed = false;
        for a in 0..table.len() {
            let power = square.at(a, a);
            if power <= 0.0 || held(a) {
                continue;
            }
            let rest = right[a] - inner(square.row(a), table) + power * table[a];
            let value = libm::rint(rest / power).clamp(lo, hi);
            let miss = |v: f64| v * (power * v - 2.0 * rest);
            if miss(value) < miss(table[a]) {
                table[a] = value;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    // Eight interleaved sums: one fixed order.
    let mut sums = [0.0f64; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::super::codebook::{Codebook, fit_codebook};
    use super::{Column, Made, descend, refit, share};
    use crate::numeric::{Matrix, Random, gram};
    use crate::tune::round::ErrorFeedback;

    /// Second moments of inputs that follow a few hidden ones, and random weights for some columns.
    fn layer(seed: u64) -> (Matrix, Vec<Vec<f64>>) {
        let mut random = Random::new(seed, 0);
        let mix = Matrix::from_fn(24, 5, |_, _| random.unit() - 0.5);
        let hidden = Matrix::from_fn(300, 5, |_, _| random.unit() * 30.0);
        let mut x = hidden.times_transposed(&mix);
        x.data_mut().iter_mut().for_each(|v| *v += 3.0 * random.unit());
        let mut normal = || (0..6).map(|_| random.unit() - 0.5).sum::<f64>() * 50.0;
        let weights = (0..8).map(|_| (0..24).map(|_| normal()).collect()).collect();
        (gram(&x, None), weights)
    }

    fn columns<'a>(
        moments: &'a Matrix,
        feedback: &'a ErrorFeedback,
        weights: &[Vec<f64>],
        free: bool,
    ) -> Vec<Column<'a>> {
        let column =
            |w: &Vec<f64>| Column { moments, feedback: Some(feedback), wanted: w.clone(), worth: 1.0, free };
        weights.iter().map(column).collect()
    }

    fn total(made: &[Made]) -> f64 {
        made.iter().map(|made| made.missed).sum()
    }

    #[test]
    fn no_step_makes_the_total_larger() {
        let range = (-127, 127);
        let mut gained = 0;
        for seed in 0..12 {
            let (moments, weights) = layer(seed);
            let feedback = ErrorFeedback::new(&moments).unwrap();
            let columns = columns(&moments, &feedback, &weights, seed % 2 == 0);
            let priced: Vec<(f64, f64)> = columns.iter().flat_map(Column::priced).collect();
            let mut book = fit_codebook(&priced, 6, range);
            let mut made: Vec<Made> = columns.iter().map(|c| c.assign(&book, None)).collect();
            let begun = total(&made);
            for _ in 0..4 {
                let (next, moved) = refit(&columns, &book, &made, false, range);
                assert!(total(&moved) <= total(&made) * (1.0 + 1e-9), "the table of seed {seed}");
                let again: Vec<Made> =
                    columns.iter().zip(&moved).map(|(c, had)| c.assign(&next, Some(had))).collect();
                assert!(total(&again) <= total(&moved) * (1.0 + 1e-9), "the indices of seed {seed}");
                (book, made) = (next, again);
            }
            gained += usize::from(total(&made) < begun);
            let (_, shared) = share(&columns, fit_codebook(&priced, 6, range), false, true, range);
            assert!(total(&shared) <= begun);
        }
        // A start can be as good as it gets, but not most of them.
        assert!(gained > 6, "the alternation gained on {gained} of 12 layers");
    }

    #[test]
    fn as_many_entries_as_whole_numbers_are_no_worse_than_those() {
        let range = (-4, 3);
        for seed in 0..8 {
            let (moments, weights) = layer(100 + seed);
            let feedback = ErrorFeedback::new(&moments).unwrap();
            let narrow: Vec<Vec<f64>> =
                weights.iter().map(|w| w.iter().map(|w| w / 30.0).collect()).collect();
            let columns = columns(&moments, &feedback, &narrow, false);
            let all = Codebook::new((-4..=3).collect());
            let nearest = |w: f64| libm::rint(w).clamp(-4.0, 3.0);
            let plain: f64 = columns
                .iter()
                .map(|column| {
                    let mut whole = feedback.round_to(&column.wanted, nearest);
                    descend(&moments, &column.wanted, &mut whole, nearest);
                    column.missed(&whole, 1.0)
                })
                .sum();
            let (_, shared) = share(&columns, all, false, true, range);
            assert!(total(&shared) <= plain * (1.0 + 1e-9), "seed {seed}: {} of {plain}", total(&shared));
        }
    }

    #[test]
    fn the_pinned_value_stays() {
        let (moments, weights) = layer(7);
        let feedback = ErrorFeedback::new(&moments).unwrap();
        let columns = columns(&moments, &feedback, &weights, false);
        let (book, _) = share(&columns, Codebook::new(vec![-30, 0, 30]), true, true, (-127, 127));
        assert!(book.values().contains(&0), "{book:?}");
    }
}
