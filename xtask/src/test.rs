//! All tests of all packages. A part that fails does not hide the others.

use std::process::Command;
use std::time::Instant;

use crate::counts::Counts;
use crate::process::{Result, announce, cargo, watch};
use crate::setup::setup;

/// What is tested, and what `cargo test` is told. Firmware and fuzz targets have no test harness: `spandrel-tests`
/// runs the firmware under QEMU, and the bodies of the fuzz targets on their seeds.
const WORKSPACES: &[(&str, &[&str])] = &[
    // One call, so that everything is compiled once.
    ("main workspace", &["--release", "--workspace"]),
    ("log reader", &["--manifest-path", "firmware-sim/Cargo.toml", "--package", "spandrel-log"]),
    ("C interface", &["--manifest-path", "firmware-sim/Cargo.toml", "--package", "spandrel-c"]),
    ("tract as oracle", &["--manifest-path", "tests/tract/Cargo.toml"]),
];

/// How one part ended.
struct Part {
    name: &'static str,
    counts: Counts,
    /// What failed beside the tests that were counted: compiling, or a test program that broke off.
    broken: Option<String>,
    seconds: f64,
}

/// Runs everything; `extra` goes to `cargo test` of the main workspace.
///
/// # Errors
/// Some test failed, or could not be run.
pub(crate) fn test(extra: &[String]) -> Result<()> {
    let mut parts = vec![part("set-up", |_| setup())];

    for (name, arguments) in WORKSPACES {
        let mut command = cargo();
        command.arg("test").args(*arguments).arg("--no-fail-fast");
        // Which tests to run is meant for those of this project's own code, where most are.
        if *name == WORKSPACES[0].0 {
            command.args(extra);
        }
        parts.push(part(name, |counts| run(&mut command, counts)));
    }

    println!("\n{:16} {:>8} {:>8} {:>8} {:>9}", "part", "passed", "failed", "ignored", "seconds");
    let mut all = Counts::default();
    for part in &parts {
        let Counts { passed, failed, ignored, .. } = part.counts;
        println!("{:16} {passed:>8} {failed:>8} {ignored:>8} {:>9.1}", part.name, part.seconds);
        all.add(part.counts);
    }
    println!(
        "the firmware runs under QEMU, and the fuzz targets' bodies on their seeds, within the main workspace"
    );
    let broken: Vec<String> =
        parts.iter().filter_map(|part| Some(format!("{}: {}", part.name, part.broken.as_ref()?))).collect();
    for text in &broken {
        println!("FAILED {text}");
        // What broke before it could be counted is one failure, so that the sum never looks better than the run.
        all.failed += 1;
    }
    if all.ignored > 0 {
        println!("{} ignored", all.ignored);
    }
    println!("{} passed, {} failed", all.passed, all.failed);
    if all.failed == 0 && all.passed > 0 { Ok(()) } else { Err("not all tests passed".into()) }
}

fn part(name: &'static str, work: impl FnOnce(&mut Counts) -> Result<()>) -> Part {
    println!("\n== {name}");
    let start = Instant::now();
    let mut counts = Counts::default();
    let broken = work(&mut counts).err();
    Part { name, counts, broken, seconds: start.elapsed().as_secs_f64() }
}

/// Runs tests and counts them.
fn run(command: &mut Command, counts: &mut Counts) -> Result<()> {
    let words: Vec<String> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    announce(&format!("cargo {}", words.join(" ")));
    let mut summaries = Counts::default();
    // Cargo names each program before it runs; a program that breaks off leaves no summary.
    let succeeded = watch(command, |line| summaries.read(line))?;
    counts.add(summaries);
    match (succeeded, summaries) {
        (true, Counts { programs: 0, .. }) => Err("no test program ran".into()),
        (false, Counts { failed: 0, .. }) => {
            Err("it does not compile, or a test program broke off; the reason stands above".into())
        }
        _ => Ok(()),
    }
}
