//! Certificates: what verification checked, bound to the image, so that it can be done again and compared.
//!
//! A certificate proves nothing by itself, and nothing signs it. Whoever has the image (and the files that it names) verifies once more with what it
//! was made with, and every field must come out the same: counts, evidence, counter-examples, and the digests of all that was compared.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ClaimId, Given,
    model::digest_of,
    report::{ClaimReport, EquivalenceReport, Status},
};
use crate::{
    diagnostic::{Diagnostic, Diagnostics, Result},
    report::hex,
    sequence::Feedback,
};

/// The form that this version writes and reads.
const FORMAT: u32 = 1;
/// The longest certificate that is read, in bytes.
const MOST: u64 = 1 << 20;

/// What was checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The form of the certificate, 1.
    pub format: u32,
    /// Version of the verifier.
    pub spandrel: String,
    /// Digest of the image, in hexadecimal; so are all digests here.
    pub image_digest: String,
    /// SHA-256 of the model's file.
    pub model_sha256: Option<String>,
    /// SHA-256 of the samples' file.
    pub samples_sha256: Option<String>,
    /// Sizes of the model's named dimensions, when they were given.
    pub dims: Option<BTreeMap<String, usize>>,
    /// What is fed back between samples, when it was given.
    pub states: Option<Vec<Feedback>>,
    /// Samples of a sequence, when they were given.
    pub sequence: Option<usize>,
    /// Random samples, and the most vectors of a configuration.
    pub cases: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// The agreement that the lower end of C7's interval is asked to reach.
    pub wanted: f64,
    /// The agreement that the lower end must reach, when one was demanded.
    pub least: Option<f64>,
    /// Claims that had to pass.
    pub require: Vec<String>,
    /// Whether they did.
    pub passed: bool,
    /// What was found, by claim.
    pub claims: BTreeMap<String, Claim>,
}

/// What was found of one claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// `passed`, `failed` or `not_run`.
    pub status: String,
    /// Why nothing was tried.
    pub reason: Option<String>,
    /// What was compared and how.
    pub evidence: String,
    /// Cases compared.
    pub cases: u64,
    /// Counter-examples found.
    pub wrong: u64,
    /// The first of them, without the image's name.
    pub counter_examples: Vec<String>,
    /// Digest of what was compared, value by value.
    pub transcript: Option<String>,
}

impl Claim {
    fn new(report: &ClaimReport) -> Self {
        let (status, reason) = match &report.status {
            Status::Passed => ("passed", None),
            Status::Failed => ("failed", None),
            Status::NotRun { reason } => ("not_run", Some(reason.clone())),
        };
        let unnamed = report.failures.iter().cloned().map(|mut failure| {
            failure.image.clear();
            failure.to_string()
        });
        Self {
            status: status.to_owned(),
            reason,
            evidence: report.evidence.clone(),
            cases: report.cases,
            wrong: report.wrong,
            counter_examples: unnamed.collect(),
            transcript: report.transcript.map(|digest| hex(&digest)),
        }
    }
}

impl Certificate {
    /// The certificate of `report`, which verification with `given` gave.
    ///
    /// # Errors
    /// SP0001: model or samples can not be read any more.
    pub fn new(report: &EquivalenceReport, given: &Given<'_>) -> Result<Self> {
        let digest = |path: Option<&Path>| path.map(digest_of).transpose();
        let claims = report.claims.iter().map(|claim| (claim.id.to_string(), Claim::new(claim)));
        Ok(Self {
            format: FORMAT,
            spandrel: env!("CARGO_PKG_VERSION").to_owned(),
            image_digest: report.image_digest.clone(),
            model_sha256: digest(given.model)?,
            samples_sha256: digest(given.samples)?,
            dims: given.dims.cloned(),
            states: given.states.map(<[Feedback]>::to_vec),
            sequence: given.sequence,
            cases: given.cases,
            seed: given.seed,
            wanted: given.wanted,
            least: given.least,
            require: given.required().iter().map(ClaimId::to_string).collect(),
            passed: report.passed,
            claims: claims.collect(),
        })
    }

    /// The certificate as text: the same verification gives the same bytes.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:#}\n", self.value())
    }

    fn value(&self) -> Value {
        serde_json::json!(self)
    }

    /// Reads a certificate.
    ///
    /// # Errors
    /// SP0001, SP0003; SP0703: this is no certificate, or one of another form or version of the verifier.
    pub fn read(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let failed = |error| Diagnostic::read(path, &error);
        let mut bytes = Vec::new();
        File::open(path).map_err(failed)?.take(MOST + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MOST {
            let rule = format!("the file is longer than {MOST} bytes");
            let way_out = "give what `spandrel verify --certificate` wrote";
            return Err(Diagnostic::error("SP0003", place, rule, way_out).into());
        }
        let own: Self = serde_json::from_slice(&bytes).map_err(|error| {
            let way_out = "give what `spandrel verify --certificate` wrote";
            Diagnostic::error("SP0703", &place, error.to_string(), way_out)
        })?;
        if (own.format, own.spandrel.as_str()) != (FORMAT, env!("CARGO_PKG_VERSION")) {
            let rule = format!(
                "it has form {} and was made by version {:?} of the verifier; this is version {}, which writes form {FORMAT}",
                own.format,
                own.spandrel,
                env!("CARGO_PKG_VERSION")
            );
            let way_out = "recheck it with that version, or make a new one with --certificate";
            return Err(Diagnostic::error("SP0703", place, rule, way_out).into());
        }
        Ok(own)
    }

    /// The claims that had to pass.
    ///
    /// # Errors
    /// SP0701.
    pub fn required(&self) -> Result<Vec<ClaimId>> {
        let mut found = Diagnostics::default();
        let parsed = self.require.iter().map(|id| id.parse::<ClaimId>());
        let required = parsed.filter_map(|id| id.map_err(|error| found.push(error)).ok()).collect();
        found.into_result(required)
    }

    /// Refuses, before anything runs, an image (its digest in hexadecimal), a model or samples that the certificate, which came from `place`, does
    /// not name.
    ///
    /// # Errors
    /// SP0704, once for each; SP0001.
    pub fn names(
        &self,
        place: &str,
        image: &str,
        model: Option<&Path>,
        samples: Option<&Path>,
    ) -> Result<()> {
        let mut found = Diagnostics::default();
        let mut wrong = |field: &str, rule: String, way_out: &str| {
            found.push(Diagnostic::error("SP0704", format!("{place}: {field}"), rule, way_out));
        };
        if self.image_digest != image {
            let rule = format!("the certificate is of the image {}, this one is {image}", self.image_digest);
            wrong("image_digest", rule, "give the image that was verified, or verify this one");
        }
        for (field, option, stated, path) in [
            ("model_sha256", "--model", &self.model_sha256, model),
            ("samples_sha256", "--samples", &self.samples_sha256, samples),
        ] {
            let own = path.map(digest_of).transpose()?;
            let (rule, way_out) = match (stated, &own) {
                (Some(stated), None) => (
                    format!("it was made with the file of SHA-256 {stated}"),
                    format!("give it with {option}"),
                ),
                (None, Some(_)) => ("it was made without such a file".into(), format!("leave out {option}")),
                (Some(stated), Some(own)) if stated != own => (
                    format!("it was made with the file of SHA-256 {stated}, this one has {own}"),
                    format!("give the file that it was made with, by {option}"),
                ),
                _ => continue,
            };
            wrong(field, rule, &way_out);
        }
        found.into_result(())
    }

    /// Compares the certificate, which came from `place`, with `again`, which verifying once more gave.
    ///
    /// # Errors
    /// SP0705, once for each field that differs.
    pub fn compare(&self, place: &str, again: &Self) -> Result<()> {
        let mut found = Diagnostics::default();
        differences(String::new(), &self.value(), &again.value(), &mut |field, stated, computed| {
            let rule = format!("it states {stated}, verifying again gives {computed}");
            let way_out =
                "the certificate was changed, or made by another program: make a new one with --certificate";
            found.push(Diagnostic::error("SP0705", format!("{place}: {field}"), rule, way_out));
        });
        found.into_result(())
    }
}

/// Calls `differs` with every field of the two that differs.
fn differences(
    field: String,
    stated: &Value,
    computed: &Value,
    differs: &mut impl FnMut(String, &Value, &Value),
) {
    match (stated, computed) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names: std::collections::BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            for name in names {
                let own = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                let [a, b] = [ours, theirs].map(|side| side.get(name).unwrap_or(&Value::Null));
                differences(own, a, b, differs);
            }
        }
        _ if stated != computed => differs(field, stated, computed),
        _ => {}
    }
}
