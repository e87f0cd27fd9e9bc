//! Two executions side by side, in words: the first difference with the names that an image has for its place, and its way to an output.

use std::fmt::Write as _;

use serde_json::{Value, json};
use spandrel_core::image::Image;

use crate::trace::{Comparison, Difference};
use crate::verify::Failure;

/// Two executions, and the image whose names are used.
pub(super) struct Executions<'r> {
    pub(super) image: Option<&'r Image<'r>>,
    pub(super) ran: &'r Comparison,
}

/// A value, or that there is none.
fn value(value: Option<i32>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
}

impl Executions<'_> {
    /// The difference with the names that the image has for its place.
    fn place(&self, difference: &Difference) -> Failure {
        let at = difference.at;
        let mut what = "the unit's output".to_owned();
        if at.instruction >= 0 {
            let _ = write!(what, " (instruction {}, invocation {})", at.instruction, at.invocation);
        }
        let failure = Failure::new(what, value(difference.first), value(difference.second));
        let (core, unit) = (u32::try_from(at.core).unwrap_or(0), u32::try_from(at.unit).ok());
        let failure = match self.image {
            Some(image) => failure.at(image, core, unit),
            None => Failure { core: Some(core), unit, ..failure },
        };
        let [sample, tick] = [at.sample, at.tick].map(|number| u64::try_from(number).ok());
        Failure { sample, tick, ..failure }
    }

    /// The way of the first difference, from the output back to where it arose: the first emitted signal that differs, then every
    /// core on the way with its own first difference.
    pub(super) fn chain(&self) -> Vec<String> {
        let Some(way) = self.image.map(|image| self.ran.way(image)).filter(|way| !way.is_empty()) else {
            return Vec::new();
        };
        let mut links = Vec::new();
        if let Some(emit) = &self.ran.first_emit {
            let (sample, output, index) = emit.at;
            let (found, expected) = (value(emit.second), value(emit.first));
            links.push(format!(
                "sample {sample}: output {output}, signal {index} is {found}, expected {expected}"
            ));
        }
        for core in way.iter().rev() {
            let own =
                self.ran.cores.iter().find(|difference| i64::from(difference.at.core) == i64::from(*core));
            links.extend(own.map(|difference| self.place(difference).to_string()));
        }
        links
    }

    /// What was compared, the first difference, and those of the cores behind it.
    pub(super) fn text(&self) -> String {
        let (ran, mut text) = (self.ran, String::new());
        let _ = writeln!(
            text,
            "executions: {} values of units compared, {} differ; {} emitted signals, {} differ",
            ran.compared, ran.differing, ran.emits, ran.emits_differing
        );
        if ran.unrecorded > 0 {
            let _ =
                writeln!(text, "  {} values of cores or samples that only one has recorded", ran.unrecorded);
        }
        if !ran.any() {
            text.push_str("  nothing was compared: the two have no sample and core in common\n");
        }
        if let Some(first) = ran.first() {
            let _ = writeln!(text, "first difference: {}", self.place(first));
            match self.image.map(|image| (image, ran.way(image))) {
                Some((image, way)) if !way.is_empty() => {
                    let named = |core: &u32| match image.origins().nodes(*core) {
                        Some((node, _)) => format!("core {core} ({node})"),
                        None => format!("core {core}"),
                    };
                    let way: Vec<String> = way.iter().map(named).collect();
                    let _ = writeln!(text, "  it reaches the output by {}", way.join(" -> "));
                }
                Some(_) => text.push_str("  no route over differing cores leads it to an output\n"),
                None => {}
            }
        }
        for difference in ran.cores.iter().skip(1).take(8) {
            let _ = writeln!(text, "  then {}", self.place(difference));
        }
        if ran.cores.len() > 9 {
            let _ = writeln!(text, "  then {} more cores", ran.cores.len() - 9);
        }
        if let Some(first) = &ran.first_emit {
            let (sample, output, index) = first.at;
            let _ = writeln!(
                text,
                "first emitted: sample {sample}, output {output}, signal {index} is {}, expected {}",
                value(first.second),
                value(first.first)
            );
            if ran.cores.is_empty() {
                text.push_str(
                    "  no recorded unit differs: what differs lies between the units and the output\n",
                );
            }
        }
        text
    }

    /// The same as an object.
    pub(super) fn object(&self) -> Value {
        let ran = self.ran;
        json!({
            "compared": ran.compared, "differing": ran.differing, "unrecorded": ran.unrecorded,
            "emits": ran.emits, "emits_differing": ran.emits_differing,
            "first": ran.first().map(|first| json!(self.place(first))),
            "cores": ran.cores.iter().map(|core| json!(self.place(core))).collect::<Vec<_>>(),
            "way": self.image.map(|image| ran.way(image)),
            "first_emit": ran.first_emit.map(|first| json!({
                "sample": first.at.0, "output": first.at.1, "index": first.at.2,
                "expected": first.first, "found": first.second,
            })),
        })
    }
}
