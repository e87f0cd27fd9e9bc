//! What verification says: claims, their status, the evidence, and every counter-example with its place.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use spandrel_core::image::{Digest32, Image, Side};

use super::transcript::Transcript;
use crate::diagnostic::Diagnostic;
use crate::report::hex;

/// Failures that a claim's report lists; the evidence counts all of them.
pub const FAILURES_LISTED: usize = 32;

/// A claim of the equivalence between the trained network and the chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ClaimId {
    /// The core model computes the written arithmetic.
    C1,
    /// The fast engine equals the core model.
    C2,
    /// The image holds the program that was mapped.
    C3,
    /// The program computes the tuned core-op graph.
    C4,
    /// The core model is the same on every instruction set.
    C5,
    /// No accumulator wraps, for any input.
    C6,
    /// The image agrees with the golden model.
    C7,
    /// The chip computes what the core model computes.
    C8,
}

impl ClaimId {
    /// All claims in order.
    pub const ALL: [Self; 8] =
        [Self::C1, Self::C2, Self::C3, Self::C4, Self::C5, Self::C6, Self::C7, Self::C8];

    /// The claims that are required unless others are named.
    pub const DEFAULT: [Self; 3] = [Self::C1, Self::C2, Self::C6];

    /// What is claimed, in one line.
    #[must_use]
    pub const fn statement(self) -> &'static str {
        match self {
            Self::C1 => "core model = its written arithmetic",
            Self::C2 => "fast engine = core model, bit for bit",
            Self::C3 => "image = program that was mapped",
            Self::C4 => "mapped program = tuned core-op graph",
            Self::C5 => "core model on the target's processor = core model on the host",
            Self::C6 => "no accumulator wraps, for any input",
            Self::C7 => "transformed network ~ golden network",
            Self::C8 => "chip on the board = core model",
        }
    }
}

impl fmt::Display for ClaimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for ClaimId {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let known = Self::ALL.into_iter().find(|id| id.to_string().eq_ignore_ascii_case(text.trim()));
        known.ok_or_else(|| {
            let rule = format!("there is no claim {:?}", text.trim());
            Diagnostic::error("SP0701", "--require", rule, "name claims from C1 to C8, separated by commas")
        })
    }
}

/// How a claim fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every case agrees, and there was at least one.
    Passed,
    /// At least one case does not.
    Failed,
    /// No case was tried.
    NotRun {
        /// Why.
        reason: String,
    },
}

/// One counter-example.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// File or digest of the image.
    pub image: String,
    /// Node that the core computes a part of, when the image carries provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Element of the node's value that the unit computes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub element: Option<u32>,
    /// Configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<u32>,
    /// Column of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<u32>,
    /// Word line of the configuration; bias rows follow the inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// Position of the node's grid, counted through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Number of the sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<u64>,
    /// Tick within the sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick: Option<u64>,
    /// What was compared.
    pub what: String,
    /// What it must be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl Failure {
    /// `what` should be `expected` and is `found`; the place is added by the methods below.
    pub fn new(what: impl Into<String>, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { what: what.into(), expected, found, ..Self::default() }
    }

    /// The same failure at configuration `core`, and at its column `unit` when there is one, with what the image's
    /// provenance says of them.
    #[must_use]
    pub fn at(mut self, image: &Image<'_>, core: u32, unit: Option<u32>) -> Self {
        self.core = Some(core);
        self.unit = unit;
        self.node = image.origins().nodes(core).map(|(node, _)| node.to_owned());
        self.element = unit
            .and_then(|unit| image.origins().element(core, Side::Column, unit))
            .map(|(element, _)| element);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut places: Vec<String> = Vec::new();
        if !self.image.is_empty() {
            places.push(self.image.clone());
        }
        if let Some(node) = &self.node {
            places.push(format!("node {node:?}"));
        }
        let numbers = [
            ("element", self.element.map(u64::from)),
            ("core", self.core.map(u64::from)),
            ("unit", self.unit.map(u64::from)),
            ("row", self.row.map(u64::from)),
            ("position", self.position),
            ("sample", self.sample),
            ("tick", self.tick),
        ];
        let given =
            numbers.iter().filter_map(|(name, number)| number.map(|number| format!("{name} {number}")));
        places.extend(given);
        if !places.is_empty() {
            write!(f, "{}: ", places.join(", "))?;
        }
        write!(f, "{} is {}, expected {}", self.what, self.found, self.expected)
    }
}

/// What a check found: the evidence in words, how many cases it compared, and the counter-examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// What was compared and how.
    pub text: String,
    /// Cases compared.
    pub cases: u64,
    /// Counter-examples found, listed or not.
    pub wrong: u64,
    /// The first [`FAILURES_LISTED`] of them.
    pub failures: Vec<Failure>,
    /// What was compared, value by value.
    pub transcript: Transcript,
}

impl Evidence {
    /// Counts a counter-example and keeps it when there is room.
    pub fn fail(&mut self, failure: Failure) {
        self.wrong += 1;
        if self.failures.len() < FAILURES_LISTED {
            self.failures.push(failure);
        }
    }

    /// Adds the cases and counter-examples of `other`, which comes after.
    pub fn join(&mut self, other: Self) {
        self.cases += other.cases;
        self.wrong += other.wrong;
        self.transcript.join(&other.transcript);
        let room = FAILURES_LISTED.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
    }

    /// Whether there was a case and none was wrong.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.cases > 0 && self.wrong == 0
    }
}

/// One claim's report.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimReport {
    /// The claim.
    pub id: ClaimId,
    /// How it fared.
    pub status: Status,
    /// What was compared and how.
    pub evidence: String,
    /// Cases compared.
    pub cases: u64,
    /// Counter-examples found, listed or not.
    pub wrong: u64,
    /// Counter-examples, at most [`FAILURES_LISTED`].
    pub failures: Vec<Failure>,
    /// Digest of what was compared, of checks that keep a transcript.
    pub transcript: Option<Digest32>,
    /// Time taken.
    pub seconds: f64,
}

impl Serialize for ClaimReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let (status, reason) = match &self.status {
            Status::Passed => ("passed", None),
            Status::Failed => ("failed", None),
            Status::NotRun { reason } => ("not_run", Some(reason)),
        };
        let mut fields = serializer.serialize_struct("ClaimReport", 7)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("status", status)?;
        match reason {
            Some(reason) => fields.serialize_field("reason", reason)?,
            None => fields.skip_field("reason")?,
        }
        fields.serialize_field("evidence", &self.evidence)?;
        fields.serialize_field("cases", &self.cases)?;
        fields.serialize_field("failures", &self.failures)?;
        fields.serialize_field("seconds", &self.seconds)?;
        fields.end()
    }
}

impl ClaimReport {
    /// A claim of which nothing was tried.
    #[must_use]
    pub fn not_run(id: ClaimId, reason: impl Into<String>) -> Self {
        let status = Status::NotRun { reason: reason.into() };
        let (evidence, failures) = (String::new(), Vec::new());
        Self { id, status, evidence, cases: 0, wrong: 0, failures, transcript: None, seconds: 0.0 }
    }

    /// A claim for which `evidence` was gathered in `seconds` on the image called `image`. A claim without cases has
    /// not run.
    #[must_use]
    pub fn new(id: ClaimId, evidence: Evidence, image: &str, seconds: f64) -> Self {
        let Evidence { text, cases, wrong, mut failures, transcript } = evidence;
        let status = match (wrong, cases) {
            (1.., _) => Status::Failed,
            (0, 0) => Status::NotRun { reason: format!("there was nothing to compare: {text}") },
            (0, _) => Status::Passed,
        };
        for failure in &mut failures {
            image.clone_into(&mut failure.image);
        }
        let text = match wrong {
            0 => text,
            1 => format!("1 counter-example; {text}"),
            _ => format!("{wrong} counter-examples; {text}"),
        };
        let transcript = transcript.digest();
        Self { id, status, evidence: text, cases, wrong, failures, transcript, seconds }
    }
}

/// The report on all claims.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EquivalenceReport {
    /// The image's digest, in hexadecimal.
    pub image_digest: String,
    /// One report per claim, C1 to C8.
    pub claims: Vec<ClaimReport>,
    /// Whether every required claim passed.
    pub passed: bool,
}

impl EquivalenceReport {
    /// The report on `claims` of the image with `digest`, of which those in `require` must have passed.
    #[must_use]
    pub fn new(digest: &[u8], claims: Vec<ClaimReport>, require: &[ClaimId]) -> Self {
        let holds = |id: &ClaimId| {
            claims.iter().any(|claim| claim.id == *id && claim.status == Status::Passed && claim.cases > 0)
        };
        let passed = require.iter().all(holds);
        let image_digest = hex(digest);
        Self { image_digest, claims, passed }
    }

    /// The report on claim `id`.
    #[must_use]
    pub fn claim(&self, id: ClaimId) -> Option<&ClaimReport> {
        self.claims.iter().find(|claim| claim.id == id)
    }
}
