//! Outcomes kept in a file, one line a case, so that a run can be taken up where it ended.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::judge::Verdict;
use crate::worker;

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    case: String,
    verdict: Verdict,
}

/// Judges the cases `wanted` that the file `log` does not hold, and adds them to it; all verdicts in the order of `wanted`.
///
/// # Errors
/// The file can not be read or written, or a child can not be started.
pub(crate) fn run(
    log: &Path,
    names: &[&str],
    wanted: &[usize],
    jobs: usize,
    arguments: &[String],
) -> Result<Vec<Verdict>, String> {
    let fault = |error: std::io::Error| format!("{}: {error}", log.display());
    let text = if log.exists() { std::fs::read_to_string(log).map_err(fault)? } else { String::new() };
    // A line that was cut short is judged again.
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let mut known: BTreeMap<String, Verdict> = lines.map(|line| (line.case, line.verdict)).collect();
    let missing: Vec<usize> = wanted.iter().copied().filter(|&i| !known.contains_key(names[i])).collect();
    let file = OpenOptions::new().create(true).append(true).open(log).map_err(fault)?;
    let file = Mutex::new((file, None));
    let told = |case: usize, verdict: &Verdict| {
        let line = Line { case: names[case].to_owned(), verdict: verdict.clone() };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_string(&line).unwrap_or_default();
        if let Err(error) = writeln!(file.0, "{text}") {
            file.1 = Some(error);
        }
    };
    let found = worker::run(&missing, jobs, arguments, &told)?;
    if let Some(error) = file.into_inner().unwrap_or_else(PoisonError::into_inner).1 {
        return Err(fault(error));
    }
    known.extend(missing.iter().map(|&i| names[i].to_owned()).zip(found));
    let verdict = |&i: &usize| known.get(names[i]).cloned().unwrap_or_else(|| Verdict::wrong("not run"));
    Ok(wanted.iter().map(verdict).collect())
}
