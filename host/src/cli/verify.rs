//! `spandrel verify`: which claims hold for an image, and what was tried.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    Done, image_file,
    inputs::{Dims, Sequences},
    keep, locate, output, print, progress,
};
use crate::confidence::WANTED;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::report::hex;
use crate::samples::write_atomic;
use crate::verify::{Certificate, ClaimId, ClaimReport, EquivalenceReport, Given, Status, verify_image};

#[derive(clap::Args)]
#[command(after_long_help = claims())]
pub(super) struct Args {
    /// The image
    image: PathBuf,
    /// The ONNX model that it was compiled from: it is compiled again and compared
    #[arg(long, value_name = "MODEL", requires = "samples")]
    model: Option<PathBuf>,
    /// The samples that it was calibrated on; without a model, samples to try
    #[arg(long, value_name = "FILE")]
    samples: Option<PathBuf>,
    #[command(flatten)]
    dims: Dims,
    #[command(flatten)]
    sequences: Sequences,
    /// Claims that must pass [default: C1,C2,C6]
    #[arg(long, value_name = "C1,C2,…", value_delimiter = ',')]
    require: Vec<String>,
    /// Random samples to try, and the most vectors per configuration
    #[arg(long, value_name = "N", default_value = "256")]
    cases: u64,
    /// Seed of everything random
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// The agreement that the lower end of C7's interval is asked to reach: C7 tells how many samples that takes [default: 0.99,
    /// or --least-agreement]
    #[arg(long, value_name = "SHARE", value_parser = super::share)]
    want: Option<f64>,
    /// The agreement that the lower end of C7's interval must reach: C7 fails below it, and must pass
    #[arg(long, value_name = "SHARE", value_parser = super::share)]
    least_agreement: Option<f64>,
    /// Writes what was checked, bound to the image's digest, as JSON
    #[arg(long, value_name = "FILE.json")]
    certificate: Option<PathBuf>,
    /// Verifies with what a certificate was made with, and compares: what differs is refused
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["certificate", "dim", "state", "sequence", "require", "cases", "seed", "want", "least_agreement"])]
    recheck: Option<PathBuf>,
    /// If it fails: runs both sides of what fails until they differ, and names sample, tick, node, core and unit, and the way back from the output
    #[arg(long)]
    locate: bool,
    /// One JSON object as the last line of standard output
    #[arg(long)]
    json: bool,
}

/// The claims as `--help` lists them.
fn claims() -> String {
    let lines = ClaimId::ALL.map(|id| format!("  {id}  {}\n", id.statement()));
    format!("Claims (--require):\n{}", lines.concat())
}

pub(super) fn verify(args: &Args) -> Result<Done> {
    let mut found = Diagnostics::default();
    let bytes = keep(image_file::read(&args.image), &mut found);
    let stated = args.recheck.as_deref().and_then(|path| keep(Certificate::read(path), &mut found));
    if let Some(image) =
        bytes.as_ref().and_then(|bytes| keep(image_file::parse(bytes, &args.image), &mut found))
        && let (Some(stated), Some(path)) = (&stated, &args.recheck)
    {
        let digest = hex(image.digest());
        let files = (args.model.as_deref(), args.samples.as_deref());
        keep(stated.names(&path.display().to_string(), &digest, files.0, files.1), &mut found);
    }
    if let Some(path) = &args.certificate {
        let inputs = [Some(&args.image), args.model.as_ref(), args.samples.as_ref()];
        keep(output::check(path, inputs.into_iter().flatten()), &mut found);
    }
    for path in [&args.model, &args.samples].into_iter().flatten() {
        if let Err(error) = std::fs::File::open(path) {
            found.push(Diagnostic::read(path, &error));
        }
    }
    let require = args.require.iter().map(|id| id.parse::<ClaimId>().map_err(Diagnostics::from));
    let mut require: Vec<ClaimId> = require.filter_map(|id| keep(id, &mut found)).collect();
    if let Some(stated) = &stated {
        require = keep(stated.required(), &mut found).unwrap_or_default();
    }
    let dims = args.dims.read(&mut found);
    let states = args.sequences.states(&mut found);
    let bytes = found.into_result(bytes)?.unwrap_or_default();
    let name = args.image.display().to_string();
    let bar = progress::spinner();
    bar.set_message("verifying");
    let given = match &stated {
        Some(stated) => Given {
            name: &name,
            model: args.model.as_deref(),
            samples: args.samples.as_deref(),
            dims: stated.dims.as_ref(),
            states: stated.states.as_deref(),
            sequence: stated.sequence,
            require: &require,
            cases: stated.cases,
            seed: stated.seed,
            wanted: stated.wanted,
            least: stated.least,
        },
        None => Given {
            name: &name,
            model: args.model.as_deref(),
            samples: args.samples.as_deref(),
            dims: dims.as_ref(),
            states: states.as_deref(),
            sequence: args.sequences.sequence(),
            require: &require,
            cases: args.cases,
            seed: args.seed,
            wanted: args.want.or(args.least_agreement).unwrap_or(WANTED),
            least: args.least_agreement,
        },
    };
    let report = verify_image(&bytes, &given);
    let located = match &report {
        Ok(report) if args.locate => {
            bar.set_message("locating");
            image_file::parse(&bytes, &args.image).and_then(|image| {
                let found = locate::locate(&image, report, &given)?;
                let texts: String = found.iter().map(|one| one.text(&image)).collect();
                Ok((texts, found.iter().map(|one| one.object(&image)).collect::<Vec<_>>()))
            })
        }
        _ => Ok((String::new(), Vec::new())),
    };
    bar.finish_and_clear();
    let (report, (located, objects)) = (report?, located?);
    if let Some(path) = &args.certificate {
        write_atomic(path, Certificate::new(&report, &given)?.text().as_bytes())?;
    }
    let again = stated.as_ref().zip(args.recheck.as_ref());
    if let Some((stated, path)) = again {
        stated.compare(&path.display().to_string(), &Certificate::new(&report, &given)?)?;
    }
    print(&text(&report, &given.required()));
    print(&located);
    if again.is_some() {
        print("the certificate states what verifying again gives\n");
    }
    Ok(Done {
        passed: report.passed,
        json: args.json.then(|| object(&report, args.locate.then_some(objects))),
    })
}

/// The report, and where it fails if that was asked for.
fn object(report: &EquivalenceReport, located: Option<Vec<Value>>) -> Value {
    let mut object = json!(report);
    if let Some(located) = located {
        object["located"] = Value::Array(located);
    }
    object
}

/// A line a claim, its evidence and its counter-examples below.
fn text(report: &EquivalenceReport, require: &[ClaimId]) -> String {
    let mut text = String::new();
    for claim in &report.claims {
        let required = if require.contains(&claim.id) { "required" } else { "" };
        let status = status(claim);
        let line = format!("{}  {status:8} {:58} {required}", claim.id, claim.id.statement());
        text.push_str(line.trim_end());
        text.push('\n');
        match &claim.status {
            Status::NotRun { reason } => text.push_str(&format!("      {reason}\n")),
            _ => text.push_str(&format!(
                "      {} ({} cases, {:.2} s)\n",
                claim.evidence, claim.cases, claim.seconds
            )),
        }
        for failure in &claim.failures {
            text.push_str(&format!("      FAILED {failure}\n"));
        }
    }
    text.push_str(if report.passed { "passed\n" } else { "failed\n" });
    text
}

fn status(claim: &ClaimReport) -> &'static str {
    match claim.status {
        Status::Passed => "passed",
        Status::Failed => "FAILED",
        Status::NotRun { .. } => "not run",
    }
}
