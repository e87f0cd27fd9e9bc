//! Fitting the biases of one element's columns: the search that makes composed reads quiet.
//!
//! With weights fixed, each array's read is a staircase of the inputs whose steps the bias places. For every copy and
//! array in turn the pair of slice biases is chosen that brings the sum closest to its aim: first by a linear criterion on
//! the samples that count (all candidate pairs of a band, by their inner products), then by the exact chain of clips,
//! shifts and activation on all samples (a short list of pairs). What other arrays and copies already give is part of
//! the criterion, so each corrects what the ones before it left.

use std::collections::BTreeMap;

use super::bias::BiasPair;
use super::column::{Aim, Post};
use super::digits::{Digits, Partials};
use super::reads::ReadRule;
use crate::target::Target;

/// Candidates within so many output steps of the nominal bias are tried.
const BAND_STEPS: f64 = 4.0;
/// Pairs that the linear criterion compares; of more than that, it takes every n-th low part.
const PAIRS_MAX: usize = 1 << 16;
/// Pairs that go from the linear criterion to the exact one.
const SHORT_LIST: usize = 32;

/// What is fitted and how often.
#[derive(Clone, Copy, Debug)]
pub struct Passes {
    /// Linear passes.
    pub linear: usize,
    /// Exact passes after them.
    pub exact: usize,
}

/// One element's columns with their biases.
#[derive(Clone, Debug)]
pub struct FittedUnit {
    /// Bias of each array and copy: array by array.
    pub bias: Vec<Vec<BiasPair>>,
    /// Sum of each copy on every sample.
    pub sums: Vec<Vec<i32>>,
    /// Copies of which some read reaches the end of its range on a sample that counts.
    pub clipped: usize,
}

/// Everything the search needs of its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// The inputs.
    pub digits: &'a Digits,
    /// Signals on the word lines of each array.
    pub parts: &'a [Vec<u32>],
    /// The chip.
    pub target: &'a Target,
    /// The readout at the shift on trial.
    pub rule: ReadRule,
    /// The shift on trial.
    pub shift: u8,
    /// Bias rows that may be used.
    pub bias_rows: usize,
}

struct Search<'a> {
    bench: Bench<'a>,
    aim: &'a Aim,
    /// Array by array, copy by copy.
    partials: Vec<Vec<Partials>>,
    reads: Vec<Vec<Vec<i32>>>,
    bias: Vec<Vec<BiasPair>>,
    /// Sum over arrays, copy by copy.
    sums: Vec<Vec<i32>>,
    /// Nominal bias total of each copy in units of the bias code.
    nominal: Vec<f64>,
}

impl Bench<'_> {
    /// The bias total, in units of the bias code, that gives each array its share of `steps` of the sum.
    pub fn nominal(&self, steps: f64) -> f64 {
        (steps / self.parts.len() as f64 + self.floor()) * libm::exp2(f64::from(self.shift))
            / f64::from(self.target.bias_code)
    }

    /// The steps of the sum of either sign that a bias total of `total` in each array gives: the inverse of
    /// [`Bench::nominal`], on the side where the floor takes room away.
    pub fn steps(&self, total: f64) -> f64 {
        let share = total * f64::from(self.target.bias_code) / libm::exp2(f64::from(self.shift));
        (share - self.floor()) * self.parts.len() as f64
    }

    /// A floor loses half a step in each read that truncates; four reads lose about two steps.
    fn floor(&self) -> f64 {
        if self.target.rounding == spandrel_core::arith::Rounding::Floor {
            0.5 * f64::from(self.target.passes()) * f64::from(self.target.slices)
        } else {
            0.0
        }
    }

    /// Fits one element. `weights` are its whole weights, array by array, copy by copy; `bias_real` is the real bias
    /// of the sum z.
    pub fn fit(&self, weights: &[Vec<Vec<i16>>], bias_real: f64, aim: &Aim, passes: Passes) -> FittedUnit {
        let partials: Vec<Vec<Partials>> = weights
            .iter()
            .zip(self.parts)
            .map(|(copies, rows)| copies.iter().map(|w| self.digits.partials(rows, w, self.target)).collect())
            .collect();
        let nominal: Vec<f64> =
            (0..aim.copies()).map(|m| self.nominal(bias_real * aim.gains[m] + aim.offsets[m])).collect();
        let bias: Vec<Vec<BiasPair>> = self
            .parts
            .iter()
            .map(|_| nominal.iter().map(|&t| BiasPair::nearest(t, self.bias_rows, self.target)).collect())
            .collect();
        let reads: Vec<Vec<Vec<i32>>> = partials
            .iter()
            .zip(&bias)
            .map(|(copies, bias)| copies.iter().zip(bias).map(|(p, b)| self.read(p, *b)).collect())
            .collect();
        let mut search = Search { bench: *self, aim, partials, reads, bias, sums: Vec::new(), nominal };
        search.sums = (0..aim.copies()).map(|m| search.total(m)).collect();
        for pass in 0..passes.linear + passes.exact {
            let exact = pass >= passes.linear && aim.post != Post::Sum;
            for copy in 0..aim.copies() {
                for part in 0..self.parts.len() {
                    search.improve(part, copy, exact);
                }
            }
        }
        let clipped = (0..aim.copies()).filter(|&m| search.clips(m)).count();
        FittedUnit { bias: search.bias, sums: search.sums, clipped }
    }

    fn read(&self, partials: &Partials, bias: BiasPair) -> Vec<i32> {
        self.rule.join(&self.rule.high(partials, bias.high), &self.rule.low(partials, bias.low))
    }
}

impl Search<'_> {
    fn total(&self, copy: usize) -> Vec<i32> {
        let mut sum = vec![0; self.bench.digits.samples()];
        for part in &self.reads {
            sum.iter_mut().zip(&part[copy]).for_each(|(s, r)| *s += r);
        }
        sum
    }

    /// Whether a read reaches the end of its range on a sample that counts.
    fn clips(&self, copy: usize) -> bool {
        let limit = self.bench.rule.limit();
        let active = self.aim.active(copy);
        self.reads.iter().any(|part| active.iter().any(|&i| part[copy][i as usize].abs() == limit))
    }

    /// What the read of `part` and `copy` should be on each sample so that the sum reaches its aim.
    fn residual(&self, part: usize, copy: usize, exact: bool) -> Vec<f32> {
        let aim = self.aim;
        let read = &self.reads[part][copy];
        let n = read.len();
        let gap = |m: usize, i: usize| aim.gains[m] * aim.z[i] + aim.offsets[m] - f64::from(self.sums[m][i]);
        let own = |i: usize| gap(copy, i) + f64::from(read[i]);
        let side = aim.of_side(aim.side(copy));
        if side.len() == 1 && (aim.sides > 1 || !exact) {
            return (0..n).map(|i| own(i) as f32).collect();
        }
        let table = matches!(aim.post, Post::Table(_));
        if exact && !table {
            let scale = libm::exp2(f64::from(aim.post.sum_shift()));
            let code = |m: usize, i: usize| f64::from(aim.post.code(self.sums[m][i], self.bench.target));
            return (0..n)
                .map(|i| {
                    let given: f64 = side.clone().map(|m| code(m, i)).sum();
                    ((aim.wanted[aim.side(copy)][i] - given) * scale + f64::from(read[i])) as f32
                })
                .collect();
        }
        if exact {
            return (0..n).map(|i| own(i) as f32).collect();
        }
        let joint = |i: usize| side.clone().map(|m| gap(m, i)).sum::<f64>() + f64::from(read[i]);
        if aim.post == Post::Sum {
            return (0..n).map(|i| joint(i) as f32).collect();
        }
        (0..n).map(|i| (0.5 * own(i) + 0.5 * joint(i)) as f32).collect()
    }

    fn improve(&mut self, part: usize, copy: usize, exact: bool) {
        let active = self.aim.active(copy);
        let residual = self.residual(part, copy, exact);
        let chosen: Vec<f32> = active.iter().map(|&i| residual[i as usize]).collect();
        let candidates = self.candidates(part, copy, &chosen);
        let current = self.bias[part][copy];
        let best = if exact {
            self.exact_best(part, copy, current, &candidates)
        } else {
            candidates.first().map_or(current, |(pair, _)| *pair)
        };
        if best != current {
            let read = self.bench.read(&self.partials[part][copy], best);
            let old = std::mem::replace(&mut self.reads[part][copy], read);
            let new = &self.reads[part][copy];
            self.sums[copy].iter_mut().zip(old.iter().zip(new)).for_each(|(s, (old, new))| *s += new - old);
            self.bias[part][copy] = best;
        }
    }

    /// Pairs of the band by rising linear cost, at most [`SHORT_LIST`].
    fn candidates(&self, part: usize, copy: usize, residual: &[f32]) -> Vec<(BiasPair, f64)> {
        let Bench { target, rule, bias_rows, shift, .. } = self.bench;
        let partials = self.partials[part][copy].only(self.aim.active(copy));
        let n = residual.len();
        if n == 0 {
            return Vec::new();
        }
        let scale = libm::exp2(f64::from(shift)) / f64::from(target.bias_code);
        let exact_read = target.adc_bits.is_some();
        let centre = if self.aim.centred {
            self.nominal[copy]
        } else {
            let now = &self.reads[part][copy];
            let active = self.aim.active(copy);
            let gap: f64 =
                residual.iter().zip(active).map(|(r, &i)| f64::from(*r) - f64::from(now[i as usize])).sum();
            f64::from(self.bias[part][copy].total(target)) + gap / n as f64 * scale
        };
        if exact_read {
            // Nothing is rounded before the sum: the bias that leaves no mean error, and its neighbours.
            let nearest = libm::rint(centre) as i32;
            let near =
                [0, -1, 1, -2, 2].map(|by| BiasPair::nearest(f64::from(nearest + by), bias_rows, target));
            return near.into_iter().map(|pair| (pair, 0.0)).collect();
        }
        let band = (BAND_STEPS * scale).max(1.0);
        let mean = |values: &[f32]| if self.aim.centred { fsum(values) / n as f64 } else { 0.0 };
        let centre_residual = mean(residual);
        let residual: Vec<f32> = residual.iter().map(|r| (f64::from(*r) - centre_residual) as f32).collect();
        // cost = |A + B - r|^2 - |r|^2 = (A.A - 2 A.r) + (B.B - 2 B.r) + 2 A.B
        let side = |values: Vec<i32>| {
            let mut values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            let middle = mean(&values) as f32;
            if middle != 0.0 {
                values.iter_mut().for_each(|v| *v -= middle);
            }
            let cost = fdot(&values, &values) - 2.0 * fdot(&values, &residual);
            (values, cost)
        };
        let most = target.bias_slice_max(bias_rows);
        let base = if target.slices == 2 { 1i32 << target.cell_bits } else { 1 };
        let low_most = if target.slices == 2 { most } else { 0 };
        let mut lows: Vec<Option<(Vec<f32>, f64)>> = vec![None; (2 * low_most + 1) as usize];
        let mut found: Vec<(BiasPair, f64)> = Vec::new();
        let first = libm::ceil((centre - band - f64::from(low_most)) / f64::from(base)).max(-f64::from(most));
        let last = libm::floor((centre + band + f64::from(low_most)) / f64::from(base)).min(f64::from(most));
        let highs = (last - first).max(0.0) as usize + 1;
        let pairs = highs.saturating_mul(((2.0 * band) as usize).min(2 * low_most as usize) + 1);
        let stride = pairs.div_ceil(PAIRS_MAX);
        for high in first as i32..=last as i32 {
            let rest = centre - f64::from(high * base);
            let from = libm::ceil(rest - band).max(-f64::from(low_most)) as i32;
            let to = libm::floor(rest + band).min(f64::from(low_most)) as i32;
            let mut own: Option<(Vec<f32>, f64)> = None;
            for low in (from..=to).step_by(stride) {
                let pair = BiasPair { high, low };
                if !pair.fits(bias_rows, target) {
                    continue;
                }
                let (a, a_cost) = own.get_or_insert_with(|| side(rule.high(&partials, high)));
                let slot = &mut lows[(low + low_most) as usize];
                let (b, b_cost) = slot.get_or_insert_with(|| side(rule.low(&partials, low)));
                found.push((pair, *a_cost + *b_cost + 2.0 * fdot(a, b)));
            }
        }
        found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.high.cmp(&b.0.high)).then(a.0.low.cmp(&b.0.low)));
        found.truncate(SHORT_LIST);
        found
    }

    /// The pair whose codes come closest to what is wanted, through the exact chain, on all samples.
    fn exact_best(
        &self,
        part: usize,
        copy: usize,
        current: BiasPair,
        candidates: &[(BiasPair, f64)],
    ) -> BiasPair {
        let target = self.bench.target;
        let post = &self.aim.post;
        let n = self.bench.digits.samples();
        let side = self.aim.side(copy);
        let mut wanted: Vec<f64> = self.aim.wanted[side].clone();
        for m in self.aim.of_side(side).filter(|&m| m != copy) {
            wanted.iter_mut().zip(&self.sums[m]).for_each(|(w, s)| *w -= f64::from(post.code(*s, target)));
        }
        let rest: Vec<i32> =
            self.sums[copy].iter().zip(&self.reads[part][copy]).map(|(sum, read)| sum - read).collect();
        // Many pairs share their high parts, and many their low ones.
        let (rule, partials) = (self.bench.rule, &self.partials[part][copy]);
        let (mut highs, mut lows) = (BTreeMap::new(), BTreeMap::new());
        let mut error = |pair: BiasPair| {
            let high: &Vec<i32> = highs.entry(pair.high).or_insert_with(|| rule.high(partials, pair.high));
            let low: &Vec<i32> = lows.entry(pair.low).or_insert_with(|| rule.low(partials, pair.low));
            let read = rule.join(high, low);
            let mut error = 0.0f64;
            for i in 0..n {
                let gap = wanted[i] - f64::from(post.code(rest[i] + read[i], target));
                error += gap * gap;
            }
            error
        };
        let mut best = (current, error(current));
        for (pair, _) in candidates.iter().filter(|(pair, _)| *pair != current) {
            let error = error(*pair);
            if error < best.1 {
                best = (*pair, error);
            }
        }
        best.0
    }
}

/// Sum of f32 values in f64, in order.
fn fsum(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v)).sum()
}

/// Dot product in eight interleaved f32 sums, added in f64: one fixed order.
fn fdot(a: &[f32], b: &[f32]) -> f64 {
    let mut sums = [0.0f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    for ((sum, x), y) in sums.iter_mut().zip(a_rest).zip(b_rest) {
        *sum += x * y;
    }
    fsum(&sums)
}
