//! The tables of a core-op whose weights are shared: one for the core, or one for each column.

use super::DigitalBench;
use super::codebook::{Codebook, fit_codebook};
use super::scale::Scale;
use super::shared::{Column, Made, share};
use crate::encode::Form;
use crate::numeric::{Matrix, gram, parallel_map};
use crate::target::Digital;
use crate::tune::options::{Rounding, WeightSet};
use crate::tune::round::{DAMPING, ErrorFeedback, WHOLE_MAX};

/// Plain weights up to this are refined by descent.
const COARSE: i32 = 31;

/// Whether plain weights are of so few bits.
pub fn is_coarse(digital: &Digital) -> bool {
    digital.weight_hi <= COARSE
}

impl DigitalBench<'_> {
    /// Least and greatest threshold, where weights are divided by one.
    pub(super) fn thresholds(&self) -> Option<(u32, u32)> {
        let (least, most, always) = self.digital.thresholds?;
        (always || self.options.weights == WeightSet::Fraction).then_some((least, most))
    }

    /// Plain weights of few bits, where single changes are worth their time: rounding with error feedback, then descent.
    pub(super) fn coarse(&self, scale: &Scale) -> Option<Vec<Vec<Vec<i16>>>> {
        let few = is_coarse(self.digital) && self.options.rounding >= Rounding::Round;
        if !few || self.feedback.is_empty() {
            return None;
        }
        let (lo, hi) = (f64::from(self.digital.weight_lo), f64::from(self.digital.weight_hi));
        let nearest = |w: f64| libm::rint(w).clamp(lo, hi);
        let lines = self.lines();
        Some(parallel_map(self.copies.len(), |channel| {
            let group = self.group[channel];
            let begin = |w: &[f64]| self.feedback[group].1.round_to(w, nearest);
            self.each_copy(scale, channel, &lines[group], begin, nearest)
        }))
    }

    /// Entries of each channel's weights on its group's lines, where the user asked for tables and the chip's own weights are
    /// not as few; for each copy. Gains move with them.
    pub(super) fn tabled(&self, scale: &mut Scale) -> Option<Vec<Vec<Vec<i16>>>> {
        let WeightSet::Codebook { entries, per_column } = self.options.weights else { return None };
        let range = (self.digital.weight_lo, self.digital.weight_hi);
        if entries as i64 > i64::from(range.1) - i64::from(range.0) {
            return None;
        }
        let full = self.options.rounding >= Rounding::Round;
        if self.blocks.iter().any(|block| block.len() > WHOLE_MAX) {
            return Some(self.plainly_tabled(scale, entries, per_column));
        }
        let moments: Vec<Matrix> =
            self.blocks.iter().map(|block| damped(&self.codes.columns(block.clone()))).collect();
        let feedback: Vec<Option<ErrorFeedback>> = moments.iter().map(ErrorFeedback::new).collect();
        // Outputs that are compared with each other, one table of a function, and what a loop has settled leave no gain free.
        let free = full && self.pin.is_none() && matches!(self.form, Form::Relu | Form::Carrier { .. });
        let columns: Vec<Column<'_>> = (0..self.copies.len())
            .map(|channel| {
                let group = self.group[channel];
                let gain = scale.gain(channel);
                let row = &self.map.weights.row(channel)[self.blocks[group].clone()];
                Column {
                    moments: &moments[group],
                    feedback: feedback[group].as_ref().filter(|_| full),
                    wanted: row.iter().map(|w| w * gain).collect(),
                    worth: self.importance[channel].max(1e-12) / (gain * gain),
                    free,
                }
            })
            .collect();
        // Lines of other groups hold 0.
        let pinned = self.blocks.len() > 1;
        let begun = |own: &[Column<'_>]| {
            let weights: Vec<(f64, f64)> = own.iter().flat_map(Column::priced).collect();
            fit_codebook(&weights, entries, range)
        };
        let (books, made): (Vec<Codebook>, Vec<Made>) = if per_column {
            let each = parallel_map(columns.len(), |at| {
                let own = &columns[at..=at];
                let (book, mut made) = share(own, begun(own), pinned, full, range);
                (book, made.remove(0))
            });
            each.into_iter().unzip()
        } else {
            let (book, made) = share(&columns, begun(&columns), pinned, full, range);
            (vec![book], made)
        };
        for (channel, made) in made.iter().enumerate() {
            scale.regain(self, channel, made.gain);
        }
        let scale = &*scale;
        let copies = |channel: usize| usize::from(self.copies[channel]);
        if !full {
            return Some(made.into_iter().enumerate().map(|(c, own)| vec![own.whole; copies(c)]).collect());
        }
        let lines = self.lines();
        Some(parallel_map(made.len(), |channel| {
            let (book, group) = (books.get(channel).unwrap_or(&books[0]), self.group[channel]);
            let nearest = |w: f64| f64::from(book.nearest(w));
            let first = self.wanted(scale, channel);
            let begin = |wanted: &[f64]| match &feedback[group] {
                _ if wanted == first => made[channel].whole.clone(),
                Some(feedback) => feedback.round_to(wanted, nearest),
                None => wanted.iter().map(|&w| book.nearest(w)).collect(),
            };
            self.each_copy(scale, channel, &lines[group], begin, nearest)
        }))
    }

    /// Nearest entries of tables by k-means, where lines are too many for their second moments.
    fn plainly_tabled(&self, scale: &Scale, entries: usize, per_column: bool) -> Vec<Vec<Vec<i16>>> {
        let power: Vec<f64> = (0..self.codes.rows()).fold(vec![1e-9; self.codes.cols()], |mut all, r| {
            all.iter_mut().zip(self.codes.row(r)).for_each(|(sum, v)| *sum += v * v);
            all
        });
        let priced = |channel: usize| -> Vec<(f64, f64)> {
            let gain = scale.gain(channel);
            let worth = self.importance[channel].max(1e-12) / (gain * gain);
            let lines = self.blocks[self.group[channel]].clone();
            self.wanted(scale, channel).into_iter().zip(&power[lines]).map(|(w, p)| (w, p * worth)).collect()
        };
        let range = (self.digital.weight_lo, self.digital.weight_hi);
        let all = 0..self.copies.len();
        let common = match per_column {
            true => None,
            false => {
                let weights: Vec<(f64, f64)> = all.clone().flat_map(priced).collect();
                Some(fit_codebook(&weights, entries, range))
            }
        };
        parallel_map(all.len(), |channel| {
            let own = common.clone().unwrap_or_else(|| fit_codebook(&priced(channel), entries, range));
            let whole = self.wanted(scale, channel).iter().map(|&w| own.nearest(w)).collect();
            vec![whole; usize::from(self.copies[channel])]
        })
    }
}

/// Second moments of `codes` around their means (what is constant goes to the bias), with a little on the diagonal.
fn damped(codes: &Matrix) -> Matrix {
    let n = codes.rows().max(1) as f64;
    let mut centred = codes.clone();
    let mut mean = vec![0.0; codes.cols()];
    (0..codes.rows()).for_each(|r| mean.iter_mut().zip(codes.row(r)).for_each(|(m, v)| *m += v / n));
    (0..codes.rows()).for_each(|r| centred.row_mut(r).iter_mut().zip(&mean).for_each(|(v, m)| *v -= m));
    let mut moments = gram(&centred, None);
    let k = moments.rows();
    let trace: f64 = (0..k).map(|i| moments.at(i, i)).sum();
    let extra = DAMPING * trace / k.max(1) as f64 + 1e-9;
    (0..k).for_each(|i| *moments.at_mut(i, i) += extra);
    moments
}
