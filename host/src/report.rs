//! What a compilation measured, as data; the command writes it as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use spandrel_core::image::{Image, Tag};

use crate::bound::OutputBound;
use crate::budget::Budget;
use crate::confidence::{Shares, WANTED};
use crate::costs::Costs;
use crate::evaluate::Evaluation;
use crate::map::Program;
use crate::target::Target;
use crate::tune::NodeError;

/// Seconds that a stage took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageTime {
    /// The stage.
    pub stage: String,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Error of a node against the golden model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeReport {
    /// Name of the encoded node.
    pub node: String,
    /// Signal-to-noise ratio on the calibration samples, in decibels.
    pub snr_db: f64,
    /// Shift s of each of its core-ops.
    pub shifts: Vec<u8>,
    /// Sum shift of each of its core-ops.
    pub sum_shifts: Vec<u8>,
    /// Columns of which some read reaches the end of its range on a calibration sample that counts.
    pub clipping_columns: usize,
    /// All columns.
    pub columns: usize,
}

impl From<&NodeError> for NodeReport {
    fn from(error: &NodeError) -> Self {
        Self {
            node: error.name.clone(),
            snr_db: error.snr_db,
            shifts: error.shifts.iter().map(|(shift, _)| *shift).collect(),
            sum_shifts: error.shifts.iter().map(|(_, shift)| *shift).collect(),
            clipping_columns: error.clipped.0,
            columns: error.clipped.1,
        }
    }
}

/// A claim that was checked and holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClaimEvidence {
    /// `C3`, `C4` or `C6`.
    pub id: String,
    /// Cases compared.
    pub cases: u64,
    /// What was compared and how.
    pub evidence: String,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Share of samples that the golden model classifies as labelled.
    pub golden_accuracy: Option<f64>,
    /// Share of samples that the image classifies as labelled.
    pub accuracy: Option<f64>,
    /// Share of samples on which image and golden model choose the same class.
    pub agreement: Option<f64>,
    /// Largest difference of a decoded output from the golden one, in the network's own unit.
    pub max_abs_error: Option<f64>,
    /// Signal-to-noise ratio of all outputs against the golden ones, in decibels.
    pub output_snr_db: Option<f64>,
    /// For classifiers: that of the distance between the golden model's two largest outputs, in decibels.
    pub decision_snr_db: Option<f64>,
    /// Of a network whose outputs are no classes: share of samples whose largest output is the golden model's largest.
    pub same_largest: Option<f64>,
    /// The same of the smallest output.
    pub same_smallest: Option<f64>,
    /// Samples on which image and golden model differ in being right: right only as image, right only as golden model.
    pub discordant: Option<(usize, usize)>,
    /// What the counts say of the shares behind them.
    pub confidence: Shares,
    /// Samples that were evaluated.
    pub samples: usize,
    /// `test` or `calibration`.
    pub evaluated_on: &'static str,
    /// Cores that hold a configuration.
    pub cores: usize,
    /// Length of the image.
    pub image_bytes: usize,
    /// Bytes of it that are weights.
    pub weight_bytes: usize,
    /// Memory that the machine must be lent.
    pub ram_bytes: u64,
    /// Work units of one sample.
    pub work: u64,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Processor time of the process so far, all threads together, where the system tells.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory of the process, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Chip name.
    pub chip: String,
    /// SHA-256 of the image before its seal, in hexadecimal digits.
    pub image_digest: String,
    /// Digest of all outputs on the evaluated samples.
    pub output_digest: String,
    /// Time of each stage.
    pub stages: Vec<StageTime>,
    /// Error of each node.
    pub nodes: Vec<NodeReport>,
    /// Rewrites and approximations.
    pub remarks: Vec<String>,
    /// All settings.
    pub settings: BTreeMap<String, String>,
    /// Cores by what they are for, invocations, and what they cost where the chip says so.
    pub costs: Costs,
    /// For each output the largest possible distance from the network's value, for inputs within the calibration samples' range;
    /// `None` on chips and for networks where it is not followed.
    pub error_bounds: Option<Vec<OutputBound>>,
    /// Claims that were checked before the image left the compiler.
    pub claims: Vec<ClaimEvidence>,
    /// What each limit of the chip costs, when it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Report {
    /// The report of an image that was evaluated.
    pub fn new(
        image: &[u8],
        program: &Program,
        target: &Target,
        evaluation: &Evaluation,
        evaluated_on: &'static str,
    ) -> Self {
        let parsed = Image::parse(image).ok();
        Self {
            golden_accuracy: evaluation.share(evaluation.golden_correct),
            accuracy: evaluation.share(evaluation.correct),
            agreement: evaluation.share(evaluation.agreeing),
            max_abs_error: evaluation.max_abs_error,
            output_snr_db: evaluation.output_snr_db(),
            decision_snr_db: evaluation.decision_snr_db(),
            same_largest: evaluation.share(evaluation.same_largest),
            same_smallest: evaluation.share(evaluation.same_smallest),
            discordant: evaluation.gained.zip(evaluation.lost),
            confidence: Shares::of(evaluation, WANTED),
            samples: evaluation.samples,
            evaluated_on,
            cores: program.configs.len(),
            image_bytes: image.len(),
            weight_bytes: parsed.map_or(0, |image| image.section(Tag::WEIGHTS).len()),
            ram_bytes: u64::from(program.ram_words) * 4,
            work: parsed.map_or(0, |image| image.work()),
            seconds: 0.0,
            cpu_seconds: cpu_seconds(),
            peak_memory_bytes: peak_memory(),
            chip: target.chip.name().to_owned(),
            image_digest: parsed.map_or(String::new(), |image| hex(image.digest())),
            output_digest: hex(&evaluation.output_digest),
            stages: Vec::new(),
            nodes: Vec::new(),
            remarks: Vec::new(),
            settings: BTreeMap::new(),
            costs: Costs::default(),
            error_bounds: None,
            claims: Vec::new(),
            budget: None,
        }
    }

    /// With the time of each stage and of all.
    #[must_use]
    pub fn with_stages(mut self, stages: Vec<StageTime>, seconds: f64) -> Self {
        (self.stages, self.seconds) = (stages, seconds);
        self
    }

    /// With the error of each node.
    #[must_use]
    pub fn with_nodes(mut self, nodes: Vec<NodeReport>) -> Self {
        self.nodes = nodes;
        self
    }

    /// With rewrites and approximations.
    #[must_use]
    pub fn with_remarks<'a>(mut self, remarks: impl Iterator<Item = &'a String>) -> Self {
        self.remarks = remarks.cloned().collect();
        self
    }

    /// With all settings.
    #[must_use]
    pub fn with_settings(mut self, settings: &BTreeMap<String, String>) -> Self {
        self.settings = settings.clone();
        self
    }

    /// With the cores' roles, invocations and costs.
    #[must_use]
    pub fn with_costs(mut self, costs: Costs) -> Self {
        self.costs = costs;
        self
    }

    /// With the bounds of the outputs' errors.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Option<Vec<OutputBound>>) -> Self {
        self.error_bounds = bounds;
        self
    }

    /// With the claims that were checked.
    #[must_use]
    pub fn with_claims(mut self, claims: Vec<ClaimEvidence>) -> Self {
        self.claims = claims;
        self
    }
}

/// Processor time of this process in seconds, its threads included; `None` where the system does not tell.
pub fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may hold blanks; user and system time are the 12th and 13th fields behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    // Linux counts them in hundredths of a second, whatever its own clock.
    Some(ticks as f64 / 100.0)
}

/// Largest resident memory of this process in bytes; `None` where the system does not tell.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
