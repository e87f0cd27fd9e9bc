//! Single changes of whole weights, one line after the other, as long as they lessen what the sums miss on the samples that count.
//!
//! Rounding with error feedback goes by second moments over all samples. Here the samples themselves are gone through, so that a
//! column can be judged where it matters: behind a ReLU where it is or should be active, of a classifier's outputs where they
//! could be the decision. A constant error counts nothing: the bias takes it out.

use super::DigitalBench;
use super::scale::Scale;
use crate::encode::Form;
use crate::numeric::Matrix;
use crate::tune::aims::Reach;
use crate::tune::round::DAMPING;

/// Sweeps over the lines of a column.
const SWEEPS: usize = 4;
/// Copies of a channel that are searched; what is left is then small.
const SEARCHED: usize = 4;
/// What a sample counts that is none of those.
const ELSEWHERE: f32 = 0.05;

/// The lines of a group on all samples, around their means.
pub struct Lines {
    /// Line by line a run of samples.
    data: Vec<f32>,
    samples: usize,
    /// Added to each line's power, so that lines that hardly move keep their weights.
    extra: f64,
}

impl Lines {
    /// Of `codes`, one row a sample.
    pub fn new(codes: &Matrix) -> Self {
        let (samples, lines) = (codes.rows(), codes.cols());
        let mut data = vec![0.0f32; samples * lines];
        let mut power = 0.0;
        for (line, run) in data.chunks_exact_mut(samples.max(1)).enumerate() {
            let mean = (0..samples).map(|r| codes.at(r, line)).sum::<f64>() / samples as f64;
            for (r, value) in run.iter_mut().enumerate() {
                let own = codes.at(r, line) - mean;
                power += own * own;
                *value = own as f32;
            }
        }
        Self { data, samples, extra: DAMPING * power / lines.max(1) as f64 }
    }

    fn run(&self, line: usize) -> &[f32] {
        &self.data[line * self.samples..(line + 1) * self.samples]
    }

    /// Changes single weights of `whole` to what `nearest` finds for the best value, while that brings the sums closer to those of
    /// `wanted` on samples that count as `share` says.
    pub fn lower(&self, wanted: &[f64], whole: &mut [i16], share: &[f32], nearest: impl Fn(f64) -> f64) {
        let counted = share.iter().map(|&s| f64::from(s)).sum::<f64>().max(1e-9);
        let extra = self.extra * counted / self.samples.max(1) as f64 + 1e-9;
        let mut gap = vec![0.0f32; self.samples];
        for (line, (u, &q)) in wanted.iter().zip(whole.iter()).enumerate() {
            let d = (u - f64::from(q)) as f32;
            if d != 0.0 {
                gap.iter_mut().zip(self.run(line)).for_each(|(g, x)| *g += d * x);
            }
        }
        let power: Vec<f64> =
            (0..whole.len()).map(|line| sum(self.run(line), share, |x, s| s * x * x) + extra).collect();
        for _ in 0..SWEEPS {
            let mean = (sum(&gap, share, |g, s| g * s) / counted) as f32;
            gap.iter_mut().for_each(|g| *g -= mean);
            let mut weighed: Vec<f32> = gap.iter().zip(share).map(|(g, s)| g * s).collect();
            let mut changed = false;
            for (line, q) in whole.iter_mut().enumerate() {
                let now = f64::from(*q);
                let run = self.run(line);
                let pull = sum(&weighed, run, |g, x| g * x) + extra * (wanted[line] - now);
                let step = nearest(now + pull / power[line]) - now;
                // By so much what is missed falls; nothing changes for less than rounding could feign.
                if step != 0.0 && step * (2.0 * pull - step * power[line]) > 1e-4 * power[line] {
                    *q = (now + step) as i16;
                    let step = step as f32;
                    for (((g, w), x), s) in gap.iter_mut().zip(&mut weighed).zip(run).zip(share) {
                        *g -= step * x;
                        *w -= step * x * s;
                    }
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }
}

/// The sum of f(a, b) in eight interleaved f32 sums, added in f64: one fixed order.
fn sum(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f64 {
    let mut sums = [0.0f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (x, y) in a8.iter().zip(b8) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += f(*x, *y);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| f64::from(f(*x, *y))).sum();
    sums.iter().map(|&s| f64::from(s)).sum::<f64>() + rest
}

impl DigitalBench<'_> {
    /// What each sample counts for a channel.
    fn shares(&self, channel: usize) -> Vec<f32> {
        let n = self.codes.rows();
        if !matches!(self.form, Form::Relu | Form::Sum) {
            return vec![1.0; n];
        }
        let reach = Reach { c: 0.0, sum_shift: 0, top: self.target.input_max };
        let mut shares = vec![ELSEWHERE; n];
        self.golden.active(self.form, channel, reach).iter().for_each(|&i| shares[i as usize] = 1.0);
        shares
    }

    /// The lines of each group.
    pub(super) fn lines(&self) -> Vec<Lines> {
        self.blocks.iter().map(|block| Lines::new(&self.codes.columns(block.clone()))).collect()
    }

    /// A channel's weights on its group's lines in steps of the accumulator.
    pub(super) fn wanted(&self, scale: &Scale, channel: usize) -> Vec<f64> {
        let gain = scale.gain(channel);
        let row = &self.map.weights.row(channel)[self.blocks[self.group[channel]].clone()];
        row.iter().map(|w| w * gain).collect()
    }

    /// Whole weights for each of a channel's copies: `begin` makes those that come near to given ones, `nearest` says what a weight
    /// may be. What one copy misses the next makes good.
    pub(super) fn each_copy(
        &self,
        scale: &Scale,
        channel: usize,
        lines: &Lines,
        begin: impl Fn(&[f64]) -> Vec<i16>,
        nearest: impl Fn(f64) -> f64,
    ) -> Vec<Vec<i16>> {
        let (wanted, shares) = (self.wanted(scale, channel), self.shares(channel));
        let mut rest = wanted.clone();
        let mut copies = Vec::new();
        for copy in 0..usize::from(self.copies[channel]) {
            let mut own = begin(&rest);
            if copy < SEARCHED {
                lines.lower(&rest, &mut own, &shares, &nearest);
            }
            for ((rest, u), &q) in rest.iter_mut().zip(&wanted).zip(&own) {
                *rest += u - f64::from(q);
            }
            copies.push(own);
        }
        copies
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use crate::numeric::{Matrix, Random};

    /// What a column misses on the samples that count, its mean aside.
    fn missed(codes: &Matrix, wanted: &[f64], whole: &[i16], share: &[f32]) -> f64 {
        let gap = |r: usize| -> f64 {
            (0..wanted.len()).map(|i| codes.at(r, i) * (wanted[i] - f64::from(whole[i]))).sum()
        };
        let counted: Vec<usize> = (0..codes.rows()).filter(|&r| share[r] > 0.5).collect();
        let mean = counted.iter().map(|&r| gap(r)).sum::<f64>() / counted.len() as f64;
        counted.iter().map(|&r| (gap(r) - mean) * (gap(r) - mean)).sum()
    }

    #[test]
    fn less_is_missed_where_it_counts() {
        let mut random = Random::new(5, 0);
        // Sixteen inputs that follow four hidden ones: errors can make good each other.
        let mix = Matrix::from_fn(16, 4, |_, _| random.unit());
        let hidden = Matrix::from_fn(200, 4, |_, _| random.unit() * 8.0);
        let mut codes = hidden.times_transposed(&mix);
        codes.data_mut().iter_mut().for_each(|v| *v = libm::floor(*v + random.unit()));
        let lines = Lines::new(&codes);
        for _ in 0..10 {
            let wanted: Vec<f64> = (0..16).map(|_| random.unit() * 6.0 - 3.0).collect();
            let share: Vec<f32> = (0..200).map(|_| if random.unit() < 0.4 { 1.0 } else { 0.05 }).collect();
            let begun: Vec<i16> = wanted.iter().map(|w| libm::rint(*w) as i16).collect();
            let mut whole = begun.clone();
            lines.lower(&wanted, &mut whole, &share, |w| libm::rint(w).clamp(-3.0, 3.0));
            let (before, after) =
                (missed(&codes, &wanted, &begun, &share), missed(&codes, &wanted, &whole, &share));
            assert!(after < before, "{after} of {before}");
            assert!(whole.iter().all(|q| (-3..=3).contains(q)));
        }
    }
}
