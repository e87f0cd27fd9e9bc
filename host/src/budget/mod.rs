//! The error budget: how much of a network's loss each limit of the chip causes, measured by lifting that limit alone.
//!
//! The network is compiled again for the same chip with one limit out of the way (`limits`) and evaluated on the same samples. What the
//! output's noise loses by that is the limit's share. Shares need not add up: noise of different sources can cancel or compound, tuning makes
//! one limit good with what another leaves free, and where several limits bind, lifting one alone gains little.

mod limits;
mod table;

use serde::Serialize;
use spandrel_hwdesc::Chip;

pub use limits::{Change, LIMITS, Lift, Needs, lift, lift_all};
pub use table::text;

use crate::chips;
use crate::compile::{Compiled, Request, Watcher, compile_for};
use crate::diagnostic::Result;
use crate::encode::Form;
use crate::report::Report;
use crate::settings::Settings;
use crate::sweep::{GoldenMemory, Refusal};

/// Said with every budget.
pub const REMARK: &str = "shares need not add up: noises can cancel or compound, and where several limits bind, lifting one alone gains little";

/// The error budget of a compilation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// First the chip as it is, then one row for each limit, at last all of them lifted together.
    pub rows: Vec<Row>,
    /// What the shares do not say.
    pub remark: &'static str,
}

/// One compilation of a budget.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// What was lifted.
    pub limit: String,
    /// Fields of the chip and settings that lifted it.
    pub changes: Vec<Change>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of lifting a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was compiled and evaluated.
    Figures(Box<Figures>),
    /// The limit can not be lifted on this chip, and why.
    NotLifted(String),
    /// The compiler refused the changed chip.
    Refused(Refusal),
}

/// What was measured. A figure that could not be measured is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Share of samples with the golden model's class.
    pub agreement: Option<f64>,
    /// Share of samples with their label.
    pub accuracy: Option<f64>,
    /// Signal-to-noise ratio of all outputs against the golden ones, in decibels.
    pub output_snr_db: Option<f64>,
    /// For classifiers: that of the distance between the golden model's two largest outputs, in decibels.
    pub decision_snr_db: Option<f64>,
    /// Share of the noise (of the decision, else of all outputs) that is gone against the row that this one is measured against; below 0 where it
    /// grew. `None` for those rows themselves.
    pub share: Option<f64>,
    /// Cores.
    pub cores: usize,
    /// Signal-to-noise ratio of each node on the calibration samples, in decibels.
    pub nodes: Vec<NodeSnr>,
}

/// A node's signal-to-noise ratio.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeSnr {
    /// The encoded node.
    pub node: String,
    /// In decibels.
    pub snr_db: f64,
}

impl Figures {
    fn of(report: &Report, against: Option<&Figures>) -> Self {
        let mut figures = Self {
            agreement: report.agreement,
            accuracy: report.accuracy,
            output_snr_db: report.output_snr_db,
            decision_snr_db: report.decision_snr_db,
            share: None,
            cores: report.cores,
            nodes: report
                .nodes
                .iter()
                .map(|node| NodeSnr { node: node.node.clone(), snr_db: node.snr_db })
                .collect(),
        };
        figures.share = against.and_then(|against| {
            let (before, after) = (against.noise()?, figures.noise()?);
            (before > 0.0).then(|| 1.0 - after / before)
        });
        figures
    }

    /// Power of the noise in units of the signal's.
    fn noise(&self) -> Option<f64> {
        let snr = self.decision_snr_db.or(self.output_snr_db)?;
        // At 300 dB there is none: that is where the report cuts.
        Some(if snr >= 300.0 { 0.0 } else { libm::pow(10.0, -0.1 * snr) })
    }
}

/// Measures the budget of `base`, which is what `request` compiled to. Every limit is one compilation; the golden model evaluates the samples
/// once.
///
/// # Errors
/// What is wrong with the request itself. A changed chip that is refused is a row.
pub fn measure(request: &Request, base: &Compiled, watcher: &mut dyn Watcher) -> Result<Budget> {
    let chip = chips::find(&request.chip)?;
    let mut golden = GoldenMemory::default();
    let first = Figures::of(&base.report, None);
    let mut rows = vec![Row {
        limit: "none".to_owned(),
        changes: Vec::new(),
        outcome: Outcome::Figures(Box::new(first.clone())),
    }];
    let plain = single(request)?;
    let (plain_row, second) = match compile_for(&plain.request, chip.clone(), Some(&mut golden), watcher) {
        Ok(compiled) => {
            let figures = Figures::of(&compiled.report, None);
            (Outcome::Figures(Box::new(figures.clone())), Some(figures))
        }
        Err(found) => (Outcome::Refused(Refusal::of(&found)), None),
    };
    let (approximated, shared) = (approximations(base), !plain_weights(request));
    for limit in LIMITS {
        let lifted = lift(limit, &chip, &base.needs, approximated, shared);
        let splitting = limit == "splitting";
        if splitting && matches!(lifted, Lift::Changes(_)) {
            rows.push(Row {
                limit: "none, one signal a value".to_owned(),
                changes: plain.changes.clone(),
                outcome: plain_row.clone(),
            });
        }
        let outcome = match &lifted {
            Lift::Not(why) => Outcome::NotLifted(why.clone()),
            Lift::Changes(changes) => {
                let (request, against) =
                    if splitting { (&plain.request, second.as_ref()) } else { (request, Some(&first)) };
                attempt(request, &chip, changes, against, &mut golden, watcher)?
            }
        };
        let changes = if let Lift::Changes(changes) = lifted { changes } else { Vec::new() };
        rows.push(Row { limit: limit.to_owned(), changes, outcome });
    }
    if let Lift::Changes(changes) = lift_all(&chip, &base.needs, approximated, shared) {
        let outcome = attempt(request, &chip, &changes, Some(&first), &mut golden, watcher)?;
        rows.push(Row { limit: "all of these".to_owned(), changes, outcome });
    }
    Ok(Budget { rows, remark: REMARK })
}

/// Compiles with `changes`.
fn attempt(
    request: &Request,
    chip: &Chip,
    changes: &[Change],
    against: Option<&Figures>,
    golden: &mut GoldenMemory,
    watcher: &mut dyn Watcher,
) -> Result<Outcome> {
    let (fields, set) = limits::parted(changes);
    let chip = match chip.with(&fields) {
        Ok(chip) => chip,
        Err(errors) => {
            let found = chips::diagnostics(&errors, None, chip.name());
            return Ok(Outcome::Refused(Refusal::of(&found)));
        }
    };
    let request = with_settings(request, &set)?;
    Ok(match compile_for(&request, chip, Some(golden), watcher) {
        Ok(compiled) => Outcome::Figures(Box::new(Figures::of(&compiled.report, against))),
        Err(found) => Outcome::Refused(Refusal::of(&found)),
    })
}

/// The request with one signal a value: what splitting is measured against, since larger cores also leave columns free for further
/// signals.
struct Single {
    request: Request,
    changes: Vec<Change>,
}

fn single(request: &Request) -> Result<Single> {
    let set = [("encode.signals", "1"), ("encode.output", "1"), ("encode.input", "1")];
    let changes = set.map(|(field, value)| Change::new(field, value)).to_vec();
    Ok(Single { request: with_settings(request, &set)?, changes })
}

fn with_settings(request: &Request, set: &[(&str, &str)]) -> Result<Request> {
    let mut settings = Settings::from_map(&request.settings)?;
    for (key, value) in set {
        settings.set(key, value)?;
    }
    Ok(Request { settings: settings.to_map(), options: settings.into(), ..request.clone() })
}

fn plain_weights(request: &Request) -> bool {
    request.options.tune.weights == crate::tune::WeightSet::Plain
}

/// Whether a function was made of clipped ReLUs.
fn approximations(base: &Compiled) -> bool {
    let forms = base.coded.encoded.nodes.iter().map(|node| &node.form);
    forms.into_iter().any(|form| matches!(form, Form::Segments(_)))
}
