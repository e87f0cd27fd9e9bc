//! What libFuzzer says of a round on standard error.

/// The last figures that were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stats {
    /// Inputs run.
    pub(super) executions: u64,
    /// Edges of the program that were taken.
    pub(super) edges: u64,
    /// Edges with how often they were taken, and compared values.
    pub(super) features: u64,
    /// Inputs kept.
    pub(super) corpus: u64,
    /// Time that libFuzzer measured, of a round that came to its end.
    pub(super) seconds: Option<u64>,
    /// The input that something was found with.
    pub(super) artifact: Option<String>,
}

/// The number behind `name` in `line`.
fn behind(line: &str, name: &str) -> Option<u64> {
    let rest = line.split_once(name)?.1.trim_start();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

impl Stats {
    /// Reads a line; whether libFuzzer wrote it.
    pub(super) fn read(&mut self, line: &str) -> bool {
        if let Some(rest) = line.strip_prefix('#') {
            // `#1234  NEW    cov: 56 ft: 78 corp: 9/10b ...`
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if let (Ok(count), Some(edges)) = (rest[..digits].parse::<u64>(), behind(line, "cov: ")) {
                self.executions = self.executions.max(count);
                self.edges = edges;
                self.features = behind(line, "ft: ").unwrap_or(self.features);
                self.corpus = behind(line, "corp: ").unwrap_or(self.corpus);
                return true;
            }
        }
        if let Some(count) = behind(line, "stat::number_of_executed_units: ") {
            self.executions = self.executions.max(count);
        } else if line.starts_with("Done ") {
            self.seconds = behind(line, "runs in ");
        } else if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.artifact = Some(path.rsplit("fuzz/artifacts/").next().unwrap_or(path).trim().to_owned());
        } else {
            return line.starts_with("INFO: ");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Stats;

    #[test]
    fn the_last_figures_stand() {
        let mut stats = Stats::default();
        for line in [
            "INFO: Seed: 7",
            "#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb",
            "thread panicked: #5 cov",
            "#4096\tpulse  cov: 900 ft: 1800 corp: 77/12Kb lim: 43 exec/s: 1365 rss: 58Mb",
            "#5000\tDONE   cov: 901 ft: 1802 corp: 78/12Kb lim: 43 exec/s: 1250 rss: 58Mb",
            "Done 5000 runs in 4 second(s)",
            "stat::number_of_executed_units: 5000",
        ] {
            stats.read(line);
        }
        let expected = Stats {
            executions: 5000,
            edges: 901,
            features: 1802,
            corpus: 78,
            seconds: Some(4),
            artifact: None,
        };
        assert_eq!(stats, expected);
        stats.read(
            "artifact_prefix='/r/fuzz/artifacts/nir/'; Test unit written to /r/fuzz/artifacts/nir/crash-1a",
        );
        assert_eq!(stats.artifact.as_deref(), Some("nir/crash-1a"));
    }
}
