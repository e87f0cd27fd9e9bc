//! One cell of a sweep: what was measured, or why there is nothing.

use serde::{Deserialize, Serialize};
use spandrel_core::image::Image;

use crate::confidence::clopper_pearson;
use crate::diagnostic::{Diagnostics, Severity};
use crate::nir::SpikingCompiled;
use crate::report::Report;

/// One cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The value of each [`super::Vary`].
    pub values: Vec<String>,
    /// What became of it.
    pub outcome: Outcome,
}

impl Cell {
    /// What was measured; `None` for a refused cell.
    pub fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Figures(figures) => Some(figures),
            Outcome::Refused(_) => None,
        }
    }
}

/// What became of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was compiled and evaluated.
    Figures(Box<Figures>),
    /// It was refused.
    Refused(Refusal),
}

/// What was measured. Shares are rounded to 6 digits behind the point, decibels and seconds to 2. A figure that could not be
/// measured is `None`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Share of the test samples that the image classifies as labelled.
    pub accuracy: Option<f64>,
    /// Share of them that the golden model classifies as labelled.
    pub golden_accuracy: Option<f64>,
    /// Share of them on which both choose the same class.
    pub agreement: Option<f64>,
    /// Lower end of the interval of Clopper and Pearson around the agreement, 95 % two-sided.
    pub agreement_low: Option<f64>,
    /// Its upper end.
    pub agreement_high: Option<f64>,
    /// Largest difference of an output from the golden one, in the network's unit, to 6 significant digits.
    pub max_abs_error: Option<f64>,
    /// Test samples.
    pub samples: usize,
    /// Cores that hold a configuration.
    pub cores: usize,
    /// Length of the image.
    pub image_bytes: usize,
    /// Memory that the machine must be lent, in words of 32 bits.
    pub ram_words: u64,
    /// Work units of one sample.
    pub work: u64,
    /// Least signal-to-noise ratio of a node against the golden model on the calibration samples, in decibels.
    pub worst_snr_db: Option<f64>,
    /// The node that has it.
    pub worst_node: Option<String>,
    /// Mean over all nodes that have both a signal and an error, in decibels.
    pub mean_snr_db: Option<f64>,
    /// Digest of the image.
    pub image_digest: String,
    /// Wall-clock seconds of compilation and evaluation: the only figure that differs from run to run.
    pub seconds: f64,
}

impl Figures {
    /// The figures of a compilation.
    pub fn of(report: &Report) -> Self {
        let hits = report.agreement.map(|share| libm::round(share * report.samples as f64) as u64);
        let bounds = hits.map(|hits| clopper_pearson(hits, report.samples as u64, 0.95));
        // Beyond that either the signal or the error is zero on all samples, which tells nothing.
        let finite = report.nodes.iter().filter(|node| node.snr_db.abs() < 300.0);
        let worst = finite.clone().min_by(|a, b| a.snr_db.total_cmp(&b.snr_db));
        let sum: f64 = finite.clone().map(|node| node.snr_db).sum();
        let share = |value: Option<f64>| value.map(|value| rounded(value, 6));
        Self {
            accuracy: share(report.accuracy),
            golden_accuracy: share(report.golden_accuracy),
            agreement: share(report.agreement),
            agreement_low: share(bounds.map(|(low, _)| low)),
            agreement_high: share(bounds.map(|(_, high)| high)),
            max_abs_error: report.max_abs_error.and_then(|error| format!("{error:.5e}").parse().ok()),
            samples: report.samples,
            cores: report.cores,
            image_bytes: report.image_bytes,
            ram_words: report.ram_bytes / 4,
            work: report.work,
            worst_snr_db: worst.map(|node| rounded(node.snr_db, 2)),
            worst_node: worst.map(|node| node.node.clone()),
            mean_snr_db: worst.map(|_| rounded(sum / finite.count() as f64, 2)),
            image_digest: report.image_digest.clone(),
            seconds: rounded(report.seconds, 2),
        }
    }

    /// The figures of a network on spiking cores. Populations are compared by spikes, so that no node has a worst ratio, and outputs
    /// count spikes, so that there is no error in the network's unit.
    pub fn of_spiking(made: &SpikingCompiled) -> Self {
        let report = &made.report;
        let share = |value: Option<f64>| value.map(|value| rounded(value, 6));
        let work = Image::parse(&made.image).map_or(0, |image| image.work());
        Self {
            accuracy: share(report.accuracy),
            golden_accuracy: share(report.golden_accuracy),
            agreement: share(report.agreement),
            agreement_low: share(report.agreement_interval.map(|(low, _)| low)),
            agreement_high: share(report.agreement_interval.map(|(_, high)| high)),
            max_abs_error: None,
            samples: report.samples,
            cores: report.cores,
            image_bytes: report.image_bytes,
            ram_words: report.ram_bytes / 4,
            work,
            worst_snr_db: None,
            worst_node: None,
            mean_snr_db: None,
            image_digest: report.image_digest.clone(),
            seconds: rounded(report.seconds, 2),
        }
    }
}

/// `value` with so many digits behind the point: short text that reads back as the same number.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$}").parse().unwrap_or(value)
}

/// Why there are no figures: the first error, and how many followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// Its code.
    pub code: String,
    /// Its place.
    pub place: String,
    /// The rule that was broken: the first line.
    pub rule: String,
    /// The way out.
    pub way_out: String,
    /// Errors beside it.
    pub others: usize,
}

impl Refusal {
    /// The errors of a cell.
    pub fn of(found: &Diagnostics) -> Self {
        let mut errors = found.0.iter().filter(|found| found.severity == Severity::Error);
        let first = errors.next();
        let line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        Self {
            code: first.map_or("", |first| first.code).to_owned(),
            place: first.map_or(String::new(), |first| line(&first.place)),
            rule: first.map_or(String::new(), |first| line(&first.rule)),
            way_out: first.map_or(String::new(), |first| line(&first.way_out)),
            others: errors.count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_figures_survive_their_text() {
        for (value, digits) in [(0.9976, 6), (1.0 / 3.0, 6), (-12.345_678, 2), (1e300, 2), (f64::NAN, 2)] {
            let once = rounded(value, digits);
            assert_eq!(rounded(once, digits).to_bits(), once.to_bits());
        }
        assert_eq!(rounded(2.0 / 3.0, 6), 0.666_667);
    }
}
