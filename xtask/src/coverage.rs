//! Coverage of the core by its tests, and docs/coverage.md: lines, and the branches of conditions, which only a nightly compiler counts.
//!
//! Tests count for what they run and not for themselves: whatever follows `#[cfg(test)]` in a file is left out, and so are files of
//! tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::document::replace;
use crate::process::{Result, announce, demand, nightly, nightly_ready, quiet, root};

/// What exercises the core and is built without compiler and host engines, so within a minute: the core's own tests, and suites of
/// `spandrel-tests` against oracle and naive machine.
pub(crate) const CORE_TESTS: &[&str] = &[
    "--release",
    "--package=spandrel-core",
    "--package=spandrel-tests",
    "--no-default-features",
    "--features=spandrel-core/signature,spandrel-core/float",
    "--lib",
    "--test=buses",
    "--test=columns",
    "--test=damage",
    "--test=document",
    "--test=images",
    "--test=known",
    "--test=loader",
    "--test=machine",
    "--test=on_board",
    "--test=probes",
    "--test=properties",
    "--test=self_test",
    "--test=texts",
];
const MARK: &str = "<!-- cargo xtask coverage -->";
const REPORT: &str = "out/coverage.lcov";

/// Lines and branches of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct File {
    /// By line: whether it ran.
    lines: BTreeMap<u32, bool>,
    /// By line, condition and way: whether it was taken.
    branches: BTreeMap<(u32, u32, u32), bool>,
}

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share(usize, usize);

impl Share {
    fn of<'b>(values: impl Iterator<Item = &'b bool>) -> Self {
        values.fold(Self(0, 0), |share, ran| Self(share.0 + usize::from(*ran), share.1 + 1))
    }

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }

    fn text(self) -> String {
        let Self(some, all) = self;
        if all == 0 {
            return "none".into();
        }
        format!("{some} of {all}, {:.1} %", 100.0 * some as f64 / all as f64)
    }
}

/// Runs the suites instrumented and writes the table; with `--table` only the latter, from the last report.
///
/// # Errors
/// Something is missing, or a test fails.
pub(crate) fn coverage(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => measure()?,
        [only] if only == "--table" => {}
        _ => return Err("coverage takes --table or nothing".into()),
    }
    let path = root().join(REPORT);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let source = |name: &str| fs::read_to_string(root().join(name)).unwrap_or_default();
    let files = read(&text, &source);
    if files.is_empty() {
        return Err(format!("{REPORT} names no file of the core"));
    }
    replace("docs/coverage.md", MARK, &table(&files))
}

fn measure() -> Result<()> {
    ready()?;
    // Programs of an earlier build would count as well, with the lines that they had.
    demand(llvm_cov().args(["clean", "--workspace"]), "cleaning")?;
    announce(&format!("cargo +nightly llvm-cov --branch --no-report {}", CORE_TESTS.join(" ")));
    demand(llvm_cov().args(["--branch", "--no-report"]).args(CORE_TESTS), "the tests")?;
    fs::create_dir_all(root().join("out")).map_err(|error| format!("out: {error}"))?;
    demand(
        llvm_cov().args(["report", "--branch", "--release", "--lcov", "--output-path", REPORT]),
        "the report",
    )
}

fn llvm_cov() -> Command {
    nightly("llvm-cov")
}

fn ready() -> Result<()> {
    nightly_ready()?;
    let install = |words: &[&str]| {
        announce(&words.join(" "));
        demand(
            Command::new(words[0]).args(&words[1..]).current_dir(root()),
            &format!("`{}`", words.join(" ")),
        )
    };
    install(&["rustup", "component", "add", "--toolchain", "nightly", "llvm-tools"])?;
    if quiet(llvm_cov().arg("--version")) {
        return Ok(());
    }
    install(&["cargo", "install", "cargo-llvm-cov", "--locked"])
}

/// The files of the core in an lcov report; `source` gives a file's text.
fn read(report: &str, source: &dyn Fn(&str) -> String) -> BTreeMap<String, File> {
    let mut files = BTreeMap::<String, File>::new();
    let (mut current, mut end) = (None, u32::MAX);
    for line in report.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        if key == "SF" {
            let name = value.rsplit_once("/core/src/").map(|(_, name)| format!("core/src/{name}"));
            // Not the core of the standard library.
            let name = name.filter(|_| !value.contains("/library/") && !value.ends_with("/tests.rs"));
            end = name.as_ref().map_or(0, |name| {
                let text = source(name);
                // A module of tests that lies in a file of its own ends nothing.
                let pairs = text.lines().zip(text.lines().skip(1)).zip(1..);
                let mut tests =
                    pairs.filter(|((mark, module), _)| *mark == "#[cfg(test)]" && module.ends_with('{'));
                tests.next().map_or(u32::MAX, |(_, number)| number)
            });
            current = name;
            continue;
        }
        let Some(name) = &current else { continue };
        let numbers: Vec<&str> = value.split(',').collect();
        let number = |at: usize| numbers.get(at).and_then(|text| text.parse::<u32>().ok());
        let Some(at) = number(0).filter(|at| *at < end) else { continue };
        let file = files.entry(name.clone()).or_default();
        // A count can be larger than 32 bits; a way that was never reached has a dash.
        let ran = numbers.last().is_some_and(|count| !matches!(*count, "0" | "-"));
        match (key, number(1), number(2)) {
            ("DA", ..) => *file.lines.entry(at).or_default() |= ran,
            ("BRDA", Some(block), Some(way)) => *file.branches.entry((at, block, way)).or_default() |= ran,
            _ => {}
        }
    }
    files
}

fn table(files: &BTreeMap<String, File>) -> String {
    let mut text =
        String::from("| file | lines | branches | lines that no test runs |\n|---|---:|---:|---|\n");
    let (mut lines, mut branches) = (Share::default(), Share::default());
    for (name, file) in files {
        let own = (Share::of(file.lines.values()), Share::of(file.branches.values()));
        (lines, branches) = (lines.add(own.0), branches.add(own.1));
        let missed = runs(file.lines.iter().filter(|(_, ran)| !**ran).map(|(at, _)| *at));
        let _ = writeln!(text, "| `{name}` | {} | {} | {missed} |", own.0.text(), own.1.text());
    }
    let _ = writeln!(text, "| **all** | **{}** | **{}** | |", lines.text(), branches.text());
    text
}

/// Numbers as ranges.
fn runs(numbers: impl Iterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let range = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Share, read, runs, table};

    #[test]
    fn tests_do_not_count_for_themselves() {
        let report = "SF:/r/core/src/a.rs\nDA:1,5\nDA:2,0\nBRDA:1,0,0,3\nBRDA:1,0,1,-\nDA:9,7\nend_of_record\n\
                      SF:/r/core/src/m/tests.rs\nDA:1,1\nSF:/rust/library/core/src/b.rs\nDA:1,1\nSF:/r/host/src/c.rs\nDA:1,1\n\
                      SF:/r/core/src/a.rs\nDA:2,0\nDA:3,99999999999\n";
        let source = |name: &str| {
            assert_eq!(name, "core/src/a.rs");
            "#[cfg(test)]\nmod other;\n\n\n#[cfg(test)]\nmod tests {\n}\n".to_owned()
        };
        let files = read(report, &source);
        assert_eq!(files.len(), 1);
        let file = &files["core/src/a.rs"];
        assert_eq!(Share::of(file.lines.values()), Share(2, 3));
        assert_eq!(Share::of(file.branches.values()), Share(1, 2));
        let text = table(&files);
        assert!(text.contains("| **2 of 3, 66.7 %** | **1 of 2, 50.0 %** |"), "{text}");
    }

    #[test]
    fn neighbours_are_a_range() {
        assert_eq!(runs([3, 5, 6, 7, 9].into_iter()), "3, 5-7, 9");
        assert_eq!(runs([].into_iter()), "");
    }
}
