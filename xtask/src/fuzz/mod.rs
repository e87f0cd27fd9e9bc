//! Fuzz campaigns: every target in rounds, each round a line of fuzz/campaign.csv, and fuzz/LOG.md made from all of them.
//!
//! What a target has learned lies in fuzz/corpus, where the next round goes on. Shards share the targets out among processes or
//! machines.

mod log;
mod stats;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::process::{
    Result, announce, cargo, exists, nightly, nightly_ready, quiet, root, succeeds, watch_errors,
};
use log::{Log, Round};
use stats::Stats;

/// What a campaign is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Campaign {
    /// Targets whose name this is; all, when there is none.
    only: Option<String>,
    /// Length of a round.
    seconds: u64,
    /// Rounds go on until every target has run so long in all.
    until: Option<u64>,
    /// This part of so many parts of the targets, from 0.
    shard: (usize, usize),
    /// libFuzzer's seed; another one every round, when there is none.
    seed: Option<u32>,
    /// Time after which an input counts as one that hangs.
    timeout: u64,
    /// Whether rounds are written down.
    logged: bool,
    /// The sanitizer of the build.
    sanitizer: String,
    /// Only write the log's table anew.
    table: bool,
}

impl Campaign {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut campaign = Self {
            only: None,
            seconds: 300,
            until: None,
            shard: (0, 1),
            seed: None,
            timeout: 20,
            logged: true,
            sanitizer: "none".into(),
            table: false,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value =
                || rest.next().map(String::as_str).ok_or_else(|| format!("{argument} needs a value"));
            let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
            match argument.as_str() {
                "--only" => campaign.only = Some(value()?.to_owned()),
                "--seconds" => campaign.seconds = number(value()?)?.max(1),
                "--until" => campaign.until = Some(number(value()?)?),
                "--seed" => {
                    let text = value()?;
                    campaign.seed = Some(text.parse().map_err(|_| format!("{text:?} is no seed"))?);
                }
                "--timeout" => campaign.timeout = number(value()?)?.max(1),
                "--sanitizer" => campaign.sanitizer = value()?.to_owned(),
                "--no-log" => campaign.logged = false,
                "--table" => campaign.table = true,
                "--shard" => {
                    let text = value()?;
                    let (part, parts) = text.split_once('/').unwrap_or_default();
                    let (part, parts) = (part.parse().unwrap_or(0), parts.parse().unwrap_or(0));
                    if part == 0 || part > parts {
                        return Err(format!("--shard is PART/PARTS, such as 1/4, not {text:?}"));
                    }
                    campaign.shard = (part - 1, parts);
                }
                _ => return Err(format!("fuzz: unknown argument {argument}")),
            }
        }
        Ok(campaign)
    }

    /// The targets of this shard.
    fn targets(&self, all: &[String]) -> Vec<String> {
        let wanted = all.iter().filter(|name| self.only.as_ref().is_none_or(|only| only == *name));
        let (part, parts) = self.shard;
        wanted
            .enumerate()
            .filter(|(number, _)| number % parts == part)
            .map(|(_, name)| name.clone())
            .collect()
    }
}

/// Longest input of a target, in bytes: deeper structures take longer ones.
fn longest(target: &str) -> u32 {
    match target {
        "onnx" | "nir" => 16_384,
        "program" | "hwdesc" => 8192,
        "pipeline" => 1024,
        _ => 4096,
    }
}

/// Runs the campaign that `arguments` ask for.
///
/// # Errors
/// Something is missing, a target does not build, or one of them found something.
pub(crate) fn fuzz(arguments: &[String]) -> Result<()> {
    let campaign = Campaign::parse(arguments)?;
    let mut log = Log::read(&root().join("fuzz"))?;
    if campaign.table {
        return log.write();
    }
    ready()?;
    let all = named(&root().join("fuzz/Cargo.toml"))?;
    let targets = campaign.targets(&all);
    if targets.is_empty() {
        return Err(format!("no such target; there are {}", all.join(", ")));
    }
    for target in &targets {
        let mut build = cargo_fuzz();
        build.args(["build", target, "--sanitizer", &campaign.sanitizer]);
        announce(&format!("cargo +nightly fuzz build {target} --sanitizer {}", campaign.sanitizer));
        if !succeeds(&mut build)? {
            return Err(format!("{target} does not build"));
        }
    }
    let mut found = Vec::new();
    let mut waiting = targets;
    while !waiting.is_empty() {
        // The one that has run the least so far.
        let seconds = |name: &String| log.seconds(name);
        let next = waiting.iter().enumerate().min_by_key(|(_, name)| seconds(name)).map_or(0, |(at, _)| at);
        let target = waiting[next].clone();
        let left = campaign.until.map(|until| until.saturating_sub(log.seconds(&target)));
        if left == Some(0) {
            waiting.remove(next);
            continue;
        }
        let round = run(&target, campaign.seconds.min(left.unwrap_or(u64::MAX)), &campaign)?;
        let finding = round.finding.clone();
        if campaign.logged {
            log.add(round)?;
            log.write()?;
        }
        if let Some(file) = finding {
            found.push(format!("{target}: {file}"));
            waiting.remove(next);
        } else if campaign.until.is_none() || !campaign.logged {
            waiting.remove(next);
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(format!(
        "found:\n{}\nmend it, and keep the file under fuzz/seeds/TARGET with a name that says what it was",
        found.join("\n")
    ))
}

/// Processor time of all processes that this one has waited for, where the system tells it.
fn processor_seconds() -> Option<u64> {
    // After the name in parentheses comes field 3; 16 and 17 are the children's time, in hundredths of a second on every Linux.
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some((ticks(16)? + ticks(17)?) / 100)
}

/// One round of one target, of so many seconds by the clock.
fn run(target: &str, seconds: u64, campaign: &Campaign) -> Result<Round> {
    let Campaign { seed, timeout, sanitizer, .. } = campaign;
    let fuzz = root().join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Written down with the round.
    let seed = seed.unwrap_or((now.as_millis() % 4_294_967_291) as u32);
    let mut command = cargo_fuzz();
    command.args(["run", target, "--sanitizer", sanitizer]);
    command.args([format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"), "--".into()]);
    let dictionary = format!("fuzz/dictionaries/{target}.dict");
    if root().join(&dictionary).is_file() {
        command.arg(format!("-dict={}", root().join(dictionary).display()));
    }
    command.args([
        format!("-max_len={}", longest(target)),
        format!("-max_total_time={seconds}"),
        format!("-seed={seed}"),
        format!("-timeout={timeout}"),
        "-rss_limit_mb=2048".into(),
        "-print_final_stats=1".into(),
        "-verbosity=1".into(),
    ]);
    announce(&format!("{target}: {seconds} s, seed {seed}"));
    let (mut stats, mut start) = (Stats::default(), None);
    let before = processor_seconds();
    let passed = watch_errors(&mut command, |line| {
        if stats.read(line) {
            start.get_or_insert_with(Instant::now);
        }
    })?;
    // What libFuzzer counts is the truth; the clock only serves rounds that it broke off.
    let measured = start.map_or(0, |start: Instant| start.elapsed().as_secs());
    let seconds = stats.seconds.unwrap_or(measured);
    // A process that had to wait for a processor did not run all that time.
    let busy = before.zip(processor_seconds()).map(|(before, after)| after - before);
    let seconds = busy.map_or(seconds, |busy| busy.min(seconds));
    let round = Round {
        date: log::date(now.as_secs()),
        commit: commit(),
        target: target.to_owned(),
        seed,
        seconds,
        executions: stats.executions,
        edges: stats.edges,
        features: stats.features,
        corpus: stats.corpus,
        finding: (!passed).then(|| stats.artifact.clone().unwrap_or_else(|| "no file".into())),
    };
    println!(
        "{target}: {} s, {} executions, {} edges, {}",
        round.seconds,
        round.executions,
        round.edges,
        round.finding.as_deref().unwrap_or("no finding")
    );
    if stats.executions == 0 && passed {
        return Err(format!("{target}: nothing was executed"));
    }
    Ok(round)
}

/// Names of the targets, in the order of the manifest.
fn named(manifest: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    Ok(text.split("[[bin]]").skip(1).filter_map(|bin| bin.split('"').nth(1)).map(str::to_owned).collect())
}

fn cargo_fuzz() -> Command {
    nightly("fuzz")
}

/// The toolchain and the tool, installed when they are missing.
fn ready() -> Result<()> {
    nightly_ready()?;
    if !exists("c++") {
        return Err("a C++ compiler is missing, which libFuzzer needs (`apt-get install g++`)".into());
    }
    if !quiet(cargo_fuzz().arg("--version")) {
        announce("cargo install cargo-fuzz --locked");
        if !succeeds(cargo().args(["install", "cargo-fuzz", "--locked"]))? {
            return Err("cargo-fuzz is missing: `cargo install cargo-fuzz --locked`".into());
        }
    }
    Ok(())
}

/// The commit, with a plus sign when files differ from it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let name = git(&["rev-parse", "--short=10", "HEAD"]).filter(|name| !name.is_empty());
    // The campaign writes its own log.
    let changed = git(&[
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ".",
        ":!fuzz/LOG.md",
        ":!fuzz/campaign.csv",
    ]);
    let mark = if changed.is_some_and(|changed| !changed.is_empty()) { "+" } else { "" };
    name.map_or_else(|| "unknown".into(), |name| name + mark)
}

#[cfg(test)]
mod tests {
    use super::Campaign;

    fn campaign(text: &str) -> Result<Campaign, String> {
        Campaign::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn shards_share_the_targets_out() {
        let all: Vec<String> = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let of = |text: &str| campaign(text).unwrap().targets(&all);
        assert_eq!(of(""), all);
        assert_eq!(of("--only c"), ["c"]);
        assert_eq!(of("--shard 1/2"), ["a", "c", "e"]);
        assert_eq!(of("--shard 2/2"), ["b", "d"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in
            ["--shard 3/2", "--shard 0/2", "--shard x", "--seconds", "--seconds y", "--seed -1", "--jobs 2"]
        {
            assert!(campaign(bad).is_err(), "{bad}");
        }
        let long = campaign("--until 3600 --seconds 60 --no-log --seed 7 --timeout 300").unwrap();
        assert_eq!((long.until, long.seconds, long.logged), (Some(3600), 60, false));
        assert_eq!((long.seed, long.timeout), (Some(7), 300));
    }
}
