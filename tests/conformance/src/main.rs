//! ONNX's own operator test vectors, run through the importer, the golden model and the compiler.
//!
//! The vectors are not part of this repository. `cargo xtask conformance` runs this program and writes its table into
//! docs/import.md; the classes and denominators are fixed, so that two tables can be compared.

mod case;
mod golden;
mod judge;
mod outcome;
mod proto;
mod report;
mod resume;
#[cfg(test)]
mod suite;
mod transformed;
mod values;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::case::{ARCHIVES, Case};
use crate::outcome::Class;
use crate::report::Judged;

const USAGE: &str = "\
Usage: spandrel-conformance DATA [--only TEXT] [--json FILE] [--write DOCUMENT] [--jobs N]
       spandrel-conformance --archive FILE [--only TEXT] [--json FILE] [--jobs N]

  DATA              the folder that holds conformance/
  --archive FILE    another tar.gz in the form of ONNX's vectors, with any number of cases
  --only TEXT       only cases whose name contains TEXT, each with its outcome; no table
  --json FILE       write all outcomes as JSON
  --write DOCUMENT  replace the generated part of DOCUMENT
  --jobs N          how many cases at a time (default 2)
  --resume FILE     take the outcomes that FILE holds, and add those of the other cases to it as they come
";

/// The command line.
#[derive(Default)]
struct Options {
    data: PathBuf,
    archive: Option<PathBuf>,
    only: Option<String>,
    json: Option<PathBuf>,
    write: Option<PathBuf>,
    jobs: usize,
    resume: Option<PathBuf>,
    worker: bool,
}

fn main() -> ExitCode {
    let Some(options) = parse(std::env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            eprintln!("conformance: {text}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options { jobs: 2, ..Options::default() };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--archive" => options.archive = Some(arguments.next()?.into()),
            "--only" => options.only = Some(arguments.next()?),
            "--json" => options.json = Some(arguments.next()?.into()),
            "--write" => options.write = Some(arguments.next()?.into()),
            "--jobs" => options.jobs = arguments.next()?.parse().ok()?,
            "--resume" => options.resume = Some(arguments.next()?.into()),
            "--worker" => options.worker = true,
            _ if argument.starts_with('-') || !options.data.as_os_str().is_empty() => return None,
            _ => options.data = argument.into(),
        }
    }
    let given = usize::from(!options.data.as_os_str().is_empty()) + usize::from(options.archive.is_some());
    (given == 1).then_some(options)
}

/// The cases, by archive: ONNX's, with the numbers that they must have, or the given one.
fn archives(options: &Options) -> Result<Vec<(&'static str, Vec<Case>)>, String> {
    if let Some(path) = &options.archive {
        return Ok(vec![("given", case::read(path)?)]);
    }
    let mut archives = Vec::new();
    for (name, file, count) in ARCHIVES {
        let path = options.data.join("conformance").join(file);
        let cases = case::read(&path)?;
        if cases.len() != count {
            return Err(format!("{} holds {} cases, not {count}", path.display(), cases.len()));
        }
        archives.push((name, cases));
    }
    Ok(archives)
}

/// Whether nothing was wrong.
fn run(options: &Options) -> Result<bool, String> {
    let begin = Instant::now();
    let archives = archives(options)?;
    if options.worker {
        let cases: Vec<Case> = archives.into_iter().flat_map(|(_, cases)| cases).collect();
        return worker::serve(&cases).map(|()| true).map_err(|error| error.to_string());
    }
    let all: Vec<(&str, &Case)> =
        archives.iter().flat_map(|(name, cases)| cases.iter().map(move |case| (*name, case))).collect();
    let wanted: Vec<usize> = (0..all.len())
        .filter(|&i| options.only.as_ref().is_none_or(|text| all[i].1.name.contains(text.as_str())))
        .collect();
    let mut arguments = vec!["--worker".to_owned()];
    match &options.archive {
        Some(path) => arguments.extend(["--archive".to_owned(), path.display().to_string()]),
        None => arguments.push(options.data.display().to_string()),
    }
    let names: Vec<&str> = all.iter().map(|(_, case)| case.name.as_str()).collect();
    let verdicts = match &options.resume {
        None => worker::run(&wanted, options.jobs, &arguments, &|_, _| {})?,
        Some(log) => resume::run(log, &names, &wanted, options.jobs, &arguments)?,
    };
    let judged: Vec<(&str, Judged<'_>)> =
        wanted.iter().zip(&verdicts).map(|(&i, verdict)| (all[i].0, (all[i].1, verdict))).collect();
    let of = |name: &str| judged.iter().filter(|(n, _)| *n == name).map(|(_, j)| *j).collect::<Vec<_>>();
    let by_archive: Vec<(&str, Vec<Judged<'_>>)> =
        archives.iter().map(|(name, _)| (*name, of(name))).collect();

    let mut right = true;
    for (_, (case, verdict)) in &judged {
        let columns = std::iter::once(&verdict.golden).chain(verdict.chips.iter().flatten());
        let wrong = columns.clone().any(|outcome| outcome.class == Class::Wrong);
        right &= !wrong;
        for outcome in columns.filter(|o| o.class == Class::Wrong || options.only.is_some()) {
            println!("{:?} ({:?}) {}: {}", outcome.class, outcome.way, case.name, outcome.detail);
        }
    }
    if let Some(path) = &options.json {
        write(path, &report::json(&by_archive))?;
    }
    if options.only.is_none() {
        let text = table(&by_archive);
        print!("{}", report::totals(&by_archive));
        if let (Some(path), None) = (&options.write, &options.archive) {
            let document = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let document = report::inserted(&document, &text)
                .ok_or_else(|| format!("{}: the lines {:?} are missing", path.display(), report::MARKERS))?;
            write(path, &document)?;
        }
    }
    eprintln!("{} cases in {:.1} s", judged.len(), begin.elapsed().as_secs_f64());
    Ok(right)
}

fn table(archives: &[(&str, Vec<Judged<'_>>)]) -> String {
    let supported = spandrel::import::operators().join(", ");
    let mut text = format!("### Supported operators\n\n{supported}\n\n");
    text.push_str(&format!("### Totals\n\n{}", report::totals(archives)));
    for (name, judged) in archives {
        text.push_str(&format!("\n### Operators of the archive `{name}`\n\n{}", report::operators(judged)));
        text.push_str(&format!("\n### Refusals in the archive `{name}`\n\n{}", report::reasons(judged)));
    }
    text
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{} can not be written: {error}", path.display()))
}
