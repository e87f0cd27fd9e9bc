//! The campaign's tables.

use std::fmt::Write as _;

use spandrel::faults::ratio;

use crate::campaign::{Tally, cores::Beside};

/// What was done to each network's board.
#[derive(Clone, Debug, Default)]
pub struct Campaign {
    /// Faults of cores, and the coverage beside them.
    pub cores: Vec<Tally>,
    /// By network.
    pub coverage: Vec<(&'static str, Vec<Beside>)>,
    /// Faults of buses, of configuration memories and of supplies.
    pub wires: Vec<Tally>,
    /// What sampled reading states beside what it found: name, stated share.
    pub sampled: Vec<(&'static str, f64)>,
}

fn row(text: &mut String, own: &Tally, seat: bool) {
    let (name, injected, detected) = (&own.name, own.injected, own.detected);
    let located = own.located.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let seat = if seat { format!(" {} |", own.seated) } else { String::new() };
    let reasons: Vec<String> = own.missed.iter().map(|(why, count)| format!("{count}: {why}")).collect();
    let missed = injected - detected;
    let _ = writeln!(
        text,
        "| {name} | {injected} | {detected} | {located} |{seat} {missed} | {} |",
        reasons.join("; ")
    );
}

impl Campaign {
    /// Faults injected.
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.cores.iter().chain(&self.wires).map(|own| own.injected).sum()
    }

    /// Comparisons of coverage: how many, and how many of them hold.
    #[must_use]
    pub fn compared(&self) -> (usize, usize) {
        let all = || self.coverage.iter().flat_map(|(_, own)| own).filter(|own| ratio(&own.stated).is_some());
        (all().count(), all().filter(|own| own.within()).count())
    }

    /// The generated part of docs/faults.md.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let sums =
            |of: &[Tally]| of.iter().fold((0, 0), |sum, own| (sum.0 + own.injected, sum.1 + own.detected));
        let ((cores, found), (wires, other)) = (sums(&self.cores), sums(&self.wires));
        let (compared, within) = self.compared();
        let _ = writeln!(
            text,
            "{} seeded faults: {cores} of cores, of which {found} were shown by known answers; {wires} of buses, configuration memories and supplies, of which {other} \
             were found. Of {compared} stated coverages {within} lie within the campaign's 95 % interval.\n\n### Faults of cores\n\n\
             *Located* are faults of which the answers of cores name configuration and column (a dead axon has none). Every fault that is not shown is explained.\n\n\
             | network: class | injected | shown | located | missed | why |\n|---|---|---|---|---|---|",
            self.injected()
        );
        self.cores.iter().for_each(|own| row(&mut text, own, false));
        text.push_str(
            "\n### Stated coverage beside the campaign\n\n\
             Where the campaign ran all faults of a class the interval is one share, and the stated one must be the same.\n\n\
             | network | class | way | faults | never show | stated | campaign | 95 % interval | within |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        for (name, beside) in &self.coverage {
            for own in beside {
                let stated = own.stated;
                let Some(share) = ratio(&stated) else { continue };
                let (lo, hi) = own.interval();
                let interval = if own.enumerated { "all".to_owned() } else { format!("{lo:.4} to {hi:.4}") };
                let _ = writeln!(
                    text,
                    "| {name} | {} | {} | {} | {} | {share:.4} | {} of {} | {interval} | {} |",
                    stated.class.name(),
                    stated.way.name(),
                    stated.all,
                    stated.undetectable,
                    own.shown,
                    own.able,
                    if own.within() { "yes" } else { "no" }
                );
            }
        }
        text.push_str(
            "\n### Buses, configuration memories, supplies\n\n\
             *Located*: the right configuration is named, or none where the byte belongs to none. *Place*: transfer, configuration and computation told apart rightly.\n\n\
             | network: fault | injected | found | located | place | missed | why |\n|---|---|---|---|---|---|---|\n",
        );
        self.wires.iter().for_each(|own| row(&mut text, own, true));
        for (name, share) in &self.sampled {
            let _ = writeln!(
                text,
                "\nSampled reading of {name} finds one flipped bit with probability {share:.4}, as it states."
            );
        }
        text.push_str(
            "\nFor the update in flash *found* counts the bytes after which the board starts from a whole image; after every sixteenth of them it was updated again as well. (A test of the core, `power_may_fail_at_any_byte_of_an_update`, does it at every byte, with a smaller image.) No fault of the campaign left a board \
             that could not be loaded again: a run that meets one stops.\n",
        );
        text
    }
}
