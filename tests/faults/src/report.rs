//! The campaign's tables.

use std::fmt::Write as _;

use spandrel::faults::ratio;

use crate::campaign::{Tally, cores::Beside};
use crate::pooled::pooled;

/// Confidence of an interval by itself.
const LEVEL: f64 = 0.95;

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

/// `seat`: of the table of buses and memories, not of that of cores.
fn row(text: &mut String, own: &Tally, seat: bool) {
    let (name, injected, detected) = (&own.name, own.injected, own.detected);
    let located = own.located.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let seat = if seat { format!(" {} |", own.seated) } else { format!(" {} |", own.differs) };
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

    /// Faults of cores of which the compiler's simulator says something else than the board.
    #[must_use]
    pub fn differs(&self) -> u64 {
        self.cores.iter().map(|own| own.differs).sum()
    }

    fn compared(&self) -> impl Iterator<Item = &Beside> {
        self.coverage.iter().flat_map(|(_, own)| own).filter(|own| ratio(&own.stated).is_some())
    }

    /// What the intervals say of the stated coverages, taken one by one and together.
    fn intervals(&self) -> String {
        let all = self.compared().count();
        let drawn = self.compared().filter(|own| !own.enumerated).count();
        let same = self.compared().filter(|own| own.enumerated && own.within(LEVEL)).count();
        let within = |level| self.compared().filter(|own| !own.enumerated && own.within(level)).count();
        let family = 1.0 - (1.0 - LEVEL) / drawn.max(1) as f64;
        format!(
            "Of {all} stated coverages {} are those of classes of which every fault was run: {same} are met to the fault. Beside the other {drawn} stands an interval from a sample, \
             and {} lie within. At 95 % each, up to {:.1} of {drawn} are expected outside by chance alone; at {:.3} % each, which is 95 % for all of them together (Bonferroni), {} lie within.",
            all - drawn,
            within(LEVEL),
            (1.0 - LEVEL) * drawn as f64,
            100.0 * family,
            within(family)
        )
    }

    /// The generated part of docs/faults.md.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let sums =
            |of: &[Tally]| of.iter().fold((0, 0), |sum, own| (sum.0 + own.injected, sum.1 + own.detected));
        let ((cores, found), (wires, other)) = (sums(&self.cores), sums(&self.wires));
        let differs = self.differs();
        let _ = writeln!(
            text,
            "{} seeded faults: {cores} of cores, of which {found} were shown by known answers; {wires} of buses, configuration memories and supplies, of which {other} \
             were found.\n\n\
             The compiler's simulator, from which the stated coverage comes, was asked of each of the {cores} faults of cores as well, in test mode and on the normal path: of {differs} it says something else than \
             the board. (A run where it is not 0 fails.)\n\n{}\n\n### Faults of cores\n\n\
             *Located* are faults of which the answers of cores name configuration and column (a dead axon has none). Every fault that is not shown is explained.\n\n\
             | network: class | injected | shown | located | simulator differs | missed | why |\n|---|---|---|---|---|---|---|",
            self.injected(),
            self.intervals()
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
                let (lo, hi) = own.interval(LEVEL);
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
                    if own.within(LEVEL) { "yes" } else { "no" }
                );
            }
        }
        text.push_str(
            "\n### Each class, all networks together\n\n\
             Shares weighted by the faults that can show of each network. The interval is the weighted sum of those of the networks, each so wide that all hold together in 95 % (Bonferroni).\n\n\
             | class | way | networks | stated | campaign | 95 % interval | within |\n|---|---|---|---|---|---|---|\n",
        );
        for own in pooled(&self.coverage, LEVEL) {
            let (lo, hi) = own.interval;
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.4} | {:.4} | {lo:.4} to {hi:.4} | {} |",
                own.class.name(),
                own.way.name(),
                own.networks,
                own.stated,
                own.campaign,
                if own.within() { "yes" } else { "no" }
            );
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
            "\nFor updates in flash *found* counts the bytes, erased or written, after which the board starts from a whole image, the old one or the new one, and takes a whole update again. \
             No fault of the campaign left a board \
             that could not be loaded again: a run that meets one stops.\n",
        );
        text
    }
}
