//! Counting tests: the lines in which Rust's test harness sums up.

/// Tests of one or more test programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Test programs that came to an end.
    pub(crate) programs: u64,
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that failed.
    pub(crate) failed: u64,
    /// Tests that were not run: not passed.
    pub(crate) ignored: u64,
}

impl Counts {
    /// Adds what a line of output says, if it is a summary such as
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    pub(crate) fn read(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        let Some((_, counts)) = rest.split_once(". ") else { return };
        self.programs += 1;
        for part in counts.split(';') {
            if let Some((count, name)) = part.trim().split_once(' ') {
                let count = count.parse().unwrap_or(0);
                match name {
                    "passed" => self.passed += count,
                    "failed" => self.failed += count,
                    "ignored" => self.ignored += count,
                    _ => {}
                }
            }
        }
    }

    /// Adds other counts.
    pub(crate) fn add(&mut self, other: Self) {
        self.programs += other.programs;
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn summaries_are_added_and_other_lines_are_not() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test passed ... ok",
            "    test result: ok. 100 passed; 100 failed",
            "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.00s",
        ] {
            counts.read(line);
        }
        assert_eq!(counts, Counts { programs: 2, passed: 8, failed: 2, ignored: 1 });
    }
}
