//! The campaign's log: a line a round in fuzz/campaign.csv, which only grows, and the tables of fuzz/LOG.md made from it.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::process::Result;

/// One round of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// Day, UTC.
    pub(super) date: String,
    /// Commit, with a plus sign when files differed from it.
    pub(super) commit: String,
    /// Target.
    pub(super) target: String,
    /// libFuzzer's seed.
    pub(super) seed: u32,
    /// Time, by the clock or by the processor, whichever is less.
    pub(super) seconds: u64,
    /// Inputs run.
    pub(super) executions: u64,
    /// Edges that the corpus takes.
    pub(super) edges: u64,
    /// Features.
    pub(super) features: u64,
    /// Inputs in the corpus.
    pub(super) corpus: u64,
    /// The file of what was found.
    pub(super) finding: Option<String>,
}

const HEADER: &str = "date,commit,target,seed,seconds,executions,edges,features,corpus,finding";

impl Round {
    fn line(&self) -> String {
        let Self { date, commit, target, seed, seconds, executions, edges, features, corpus, finding } = self;
        let finding = finding.as_deref().unwrap_or("");
        format!(
            "{date},{commit},{target},{seed},{seconds},{executions},{edges},{features},{corpus},{finding}\n"
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(',').collect();
        let [date, commit, target, seed, seconds, executions, edges, features, corpus, finding] = fields[..]
        else {
            return None;
        };
        Some(Self {
            date: date.into(),
            commit: commit.into(),
            target: target.into(),
            seed: seed.parse().ok()?,
            seconds: seconds.parse().ok()?,
            executions: executions.parse().ok()?,
            edges: edges.parse().ok()?,
            features: features.parse().ok()?,
            corpus: corpus.parse().ok()?,
            finding: (!finding.is_empty()).then(|| finding.into()),
        })
    }
}

/// All rounds so far.
pub(super) struct Log {
    folder: PathBuf,
    rounds: Vec<Round>,
}

impl Log {
    /// The log in `folder`, empty when there is none.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let text = fs::read_to_string(folder.join("campaign.csv")).unwrap_or_default();
        let lines = text.lines().zip(1..).skip(1).filter(|(line, _)| !line.is_empty());
        let round = |(line, number)| {
            Round::parse(line).ok_or_else(|| format!("fuzz/campaign.csv, line {number}: not a round"))
        };
        Ok(Self { folder: folder.to_path_buf(), rounds: lines.map(round).collect::<Result<_>>()? })
    }

    /// Time of `target` in all.
    pub(super) fn seconds(&self, target: &str) -> u64 {
        self.rounds.iter().filter(|round| round.target == target).map(|round| round.seconds).sum()
    }

    /// Appends a round. Shards write to the same file, so it is never written anew.
    pub(super) fn add(&mut self, round: Round) -> Result<()> {
        let path = self.folder.join("campaign.csv");
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let begins = !path.exists();
        let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        let head = if begins { format!("{HEADER}\n") } else { String::new() };
        file.write_all((head + &round.line()).as_bytes()).map_err(failed)?;
        self.rounds.push(round);
        Ok(())
    }

    /// Writes LOG.md from what is written down, by other shards too.
    pub(super) fn write(&mut self) -> Result<()> {
        self.rounds = Self::read(&self.folder)?.rounds;
        let path = self.folder.join("LOG.md");
        fs::write(&path, self.text()).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# Fuzz campaigns\n\n\
             Written by `cargo xtask fuzz` from campaign.csv, to which every round adds a line, one process a round. Time is the\n\
             smaller of what libFuzzer counted and the processor's. Edges and corpus are those of the target's last round; commits\n\
             with a plus sign had changes that were not committed.\n\n\
             | target | rounds | time | executions | edges | corpus | findings |\n|---|---:|---:|---:|---:|---:|---:|\n",
        );
        let mut targets: Vec<&str> = Vec::new();
        for round in &self.rounds {
            if !targets.contains(&round.target.as_str()) {
                targets.push(&round.target);
            }
        }
        for target in targets {
            let own: Vec<&Round> = self.rounds.iter().filter(|round| round.target == target).collect();
            let seconds: u64 = own.iter().map(|round| round.seconds).sum();
            let executions: u64 = own.iter().map(|round| round.executions).sum();
            let (edges, corpus) = own.last().map_or((0, 0), |round| (round.edges, round.corpus));
            let findings = own.iter().filter(|round| round.finding.is_some()).count();
            let time = time(seconds);
            let _ = writeln!(
                text,
                "| {target} | {} | {time} | {executions} | {edges} | {corpus} | {findings} |",
                own.len()
            );
        }
        text.push_str(
            "\n| date | commit | target | seed | time | executions | edges | features | corpus | found |\n\
             |---|---|---|---:|---:|---:|---:|---:|---:|---|\n",
        );
        for round in &self.rounds {
            let Round { date, commit, target, seed, executions, edges, features, corpus, .. } = round;
            let time = time(round.seconds);
            let finding = round.finding.as_deref().unwrap_or("");
            let _ = writeln!(
                text,
                "| {date} | {commit} | {target} | {seed} | {time} | {executions} | {edges} | {features} | {corpus} | {finding} |"
            );
        }
        text
    }
}

fn time(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// The day of a time in seconds since 1970, UTC.
pub(super) fn date(seconds: u64) -> String {
    // Days are counted from the first of March of the year 0, so that leap days come last (Hinnant's algorithm).
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{}-{month:02}-{of_month:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::{Log, Round, date};

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
        ] {
            assert_eq!(date(seconds), day);
        }
    }

    #[test]
    fn rounds_are_kept_and_added_up() {
        let folder = std::env::temp_dir().join(format!("spandrel-fuzz-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let round = |seconds, finding: Option<&str>| Round {
            date: "2026-01-02".into(),
            commit: "abc+".into(),
            target: "nir".into(),
            seed: 3,
            seconds,
            executions: 1000,
            edges: 7,
            features: 8,
            corpus: 9,
            finding: finding.map(str::to_owned),
        };
        let mut log = Log::read(&folder).unwrap();
        log.add(round(3600, None)).unwrap();
        // Another shard.
        Log::read(&folder).unwrap().add(round(65, Some("nir/crash-1"))).unwrap();
        log.write().unwrap();
        let text = std::fs::read_to_string(folder.join("LOG.md")).unwrap();
        let again = Log::read(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(again.rounds, [round(3600, None), round(65, Some("nir/crash-1"))]);
        assert_eq!((again.seconds("nir"), again.seconds("onnx")), (3665, 0));
        assert!(text.contains("| nir | 2 | 1:01:05 | 2000 | 7 | 9 | 1 |"), "{text}");
    }
}
