//! What a session told: facts line by line, and what they say of the samples.

/// How a session ended.
#[derive(Clone, Debug)]
pub struct Session {
    /// The firmware's exit code: 0 accepted, 1 refused or failed, 2 broken.
    pub exit: Option<i32>,
    /// Its facts, line by line.
    pub facts: Vec<String>,
    /// Its log as text.
    pub log: String,
}

/// What the firmware stated of one sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The class, if the image names one.
    pub class: Option<u32>,
    /// `spandrel-output-1`, in hexadecimal.
    pub output: String,
    /// `spandrel-state-1`, in hexadecimal.
    pub state: String,
    /// Instructions from the raw values to the last output, to a tick of the board's timer (40 on the M4, 62.5 on the M0).
    pub instructions: u64,
    /// Steps that the machine took.
    pub slices: u32,
    /// Instructions of the longest step.
    pub longest: u64,
}

impl Session {
    /// What follows `name` on the first line that starts with it.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
    }

    /// State digests after the ticks of sample `sample`, in hexadecimal, in order.
    #[must_use]
    pub fn ticks(&self, sample: usize) -> Vec<&str> {
        let own = format!("of {sample} state ");
        let lines = self.facts.iter().filter_map(|line| line.strip_prefix("tick "));
        lines.filter_map(|line| line.split_once(' ')?.1.strip_prefix(&own)).collect()
    }

    /// All samples that the firmware stated, in order.
    ///
    /// # Panics
    /// When a line does not have the form that the firmware's README gives.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let lines = self.facts.iter().filter(|line| line.starts_with("sample "));
        (0..).zip(lines).map(|(number, line)| parse(line, number).expect(line)).collect()
    }
}

fn parse(line: &str, number: u32) -> Option<Sample> {
    let words: Vec<&str> = line.split(' ').collect();
    let value = |name: &str| Some(*words.get(words.iter().position(|word| *word == name)? + 1)?);
    (value("sample")?.parse() == Ok(number)).then_some(())?;
    Some(Sample {
        class: match value("class")? {
            "-" => None,
            class => Some(class.parse().ok()?),
        },
        output: value("output")?.into(),
        state: value("state")?.into(),
        instructions: value("instructions")?.parse().ok()?,
        slices: value("slices")?.parse().ok()?,
        longest: value("longest")?.parse().ok()?,
    })
}
