//! How far what `spandrel inspect --target` tells may lie from what a board takes.

use super::{Measured, Took};
use spandrel::boards::{Needs, Target};

/// The share by which a figure may differ from the measured one, to either side. The costs were fitted to one build of the firmware;
/// the same source built in another folder took up to 9 % fewer instructions (digits_mlp on tpu, rv32: 9.22, 9.06 and 8.43 million
/// an inference in three folders), which 15 % left no room for.
pub const MARGIN: f64 = 0.2;
/// Fewer instructions than this of known answers are a few words that say that there are none.
const NO_ANSWERS: f64 = 10_000.0;

/// The figures of `target` that differ by more than [`MARGIN`] from what its board took: name, told, measured.
#[must_use]
pub fn beyond(measured: &Measured, took: &Took, target: &Target) -> Vec<(&'static str, f64, f64)> {
    let needs = Needs::of(&measured.parsed(), target);
    let answers = needs.config_answers + needs.network_answers;
    let figures = [
        ("flash", needs.image + needs.firmware, measured.image.len() as f64 + measured.firmware as f64),
        ("firmware in flash", needs.firmware, measured.firmware as f64),
        ("stack", needs.stack, took.stack as f64),
        ("inference", needs.inference, took.inference),
        ("checking", needs.check, took.check),
        ("known answers", answers, took.answers),
    ];
    figures
        .into_iter()
        .map(|(name, told, found)| (name, told as f64, found))
        .filter(|(name, told, found)| {
            let none = *name == "known answers" && *told == 0.0 && *found < NO_ANSWERS;
            !none && (told / found - 1.0).abs() > MARGIN
        })
        .collect()
}
