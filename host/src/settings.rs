//! The settings of the compiler: everything that `--set KEY=VALUE` can change, in one table.
//!
//! A value of a setting always has a canonical text; [`Settings::to_map`] gives all of them, as they stand in an image's
//! notes, and [`Settings::from_map`] reads them back.

mod table;

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::str::FromStr;

use crate::compile::StageOptions;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::EncodeOptions;
use crate::expand::ExpandOptions;
use crate::faults::AnswerOptions;
use crate::lower::LoopForm;
use crate::nir::SpikingOptions;
use crate::rate::RateOptions;
use crate::tune::TuneOptions;

pub use table::SETTINGS;

/// The options of all stages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Of stage 2: what loops over time become.
    pub loops: LoopForm,
    /// Of stage 3.
    pub encode: EncodeOptions,
    /// Of stage 4.
    pub expand: ExpandOptions,
    /// Of stage 5.
    pub tune: TuneOptions,
    /// Of trained networks on spiking chips.
    pub rate: RateOptions,
    /// Of spiking networks.
    pub spiking: SpikingOptions,
    /// Of known answers.
    pub answers: AnswerOptions,
}

impl From<Settings> for StageOptions {
    fn from(Settings { loops, encode, expand, tune, rate, spiking, answers }: Settings) -> Self {
        Self { loops, encode, expand, tune, rate, spiking, answers }
    }
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// What stands before the equals sign.
    pub key: &'static str,
    /// The allowed values.
    pub allowed: &'static str,
    /// What it changes.
    pub help: &'static str,
    get: fn(&Settings) -> String,
    set: fn(&mut Settings, &str) -> Option<()>,
}

impl Setting {
    /// The canonical text of its value in `settings`.
    pub fn value(&self, settings: &Settings) -> String {
        (self.get)(settings)
    }
}

/// Puts the value of `text` into `slot` when `allowed` holds for it.
fn put<T: FromStr>(slot: &mut T, text: &str, allowed: impl Fn(&T) -> bool) -> Option<()> {
    *slot = text.parse().ok().filter(allowed)?;
    Some(())
}

fn text(value: &impl Display) -> String {
    value.to_string()
}

impl Settings {
    /// The default settings with `assignments` (`KEY=VALUE`) made in order.
    ///
    /// # Errors
    /// SP0005 for unknown keys and SP0006 for values that are not allowed, all at once.
    pub fn parse<'a>(assignments: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut settings = Self::default();
        let mut found = Diagnostics::default();
        for assignment in assignments {
            let (key, value) = assignment.split_once('=').unwrap_or((assignment, ""));
            if let Err(diagnostic) = settings.set(key.trim(), value.trim()) {
                found.push(diagnostic);
            }
        }
        found.into_result(settings)
    }

    /// Gives `key` the value that `value` stands for.
    ///
    /// # Errors
    /// SP0005, SP0006; the settings stay as they were.
    pub fn set(&mut self, key: &str, value: &str) -> std::result::Result<(), Diagnostic> {
        let place = format!("--set {key}={value}");
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            let keys: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
            let rule = format!("there is no setting {key:?}");
            let way_out = match nearest(key) {
                Some(near) => format!("did you mean {near}? The settings are {}", keys.join(", ")),
                None => format!("the settings are {}", keys.join(", ")),
            };
            return Err(Diagnostic::error("SP0005", place, rule, way_out));
        };
        let mut changed = self.clone();
        if (setting.set)(&mut changed, value).is_none() {
            let rule = format!("{value:?} is no value of {key}");
            let way_out =
                format!("allowed: {}; default: {}", setting.allowed, setting.value(&Self::default()));
            return Err(Diagnostic::error("SP0006", place, rule, way_out));
        }
        *self = changed;
        Ok(())
    }

    /// Every setting with the canonical text of its value.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        SETTINGS.iter().map(|setting| (setting.key.to_owned(), setting.value(self))).collect()
    }

    /// The settings that [`Settings::to_map`] gave.
    ///
    /// # Errors
    /// SP0005, SP0006, all at once.
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self> {
        let mut settings = Self::default();
        let found: Diagnostics =
            map.iter().filter_map(|(key, value)| settings.set(key, value).err()).collect();
        found.into_result(settings)
    }
}

/// The key that somebody may have meant: at most a third of its letters are wrong, or it ends in what was written.
fn nearest(key: &str) -> Option<&'static str> {
    let keys = || SETTINGS.iter().map(|setting| setting.key);
    nearest_of(key, keys())
        .or_else(|| keys().find(|known| !key.is_empty() && known.split('.').any(|part| part == key)))
}

/// The name among `names` of which at most a third of the letters are wrong in `word`, the nearest one.
pub(crate) fn nearest_of<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let near = names.map(|known| (distance(word, known), known)).min();
    near.filter(|(distance, known)| *distance <= known.len() / 3).map(|(_, known)| known)
}

/// Insertions, deletions and replacements that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, c) in b.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &d) in a.iter().enumerate() {
            let replaced = diagonal + usize::from(c != d);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[a.len()]
}

/// All settings with default, allowed values and meaning, as `--help` and the manual show them.
pub fn help() -> String {
    let default = Settings::default();
    let mut text = String::from("Settings (--set KEY=VALUE, several times if need be):\n");
    for setting in SETTINGS {
        let _ = writeln!(
            text,
            "  {} = {}\n      {}\n      allowed: {}",
            setting.key,
            setting.value(&default),
            setting.help,
            setting.allowed
        );
    }
    text
}

/// The rows of the manual's table of settings.
pub fn markdown() -> String {
    let default = Settings::default();
    let row = |s: &Setting| format!("| `{}` | {} | {} | {} |\n", s.key, s.value(&default), s.allowed, s.help);
    SETTINGS.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_ascending() {
        assert!(SETTINGS.windows(2).all(|pair| pair[0].key < pair[1].key));
    }

    /// A value other than the default for each key, which must come out as it went in and change nothing else.
    #[test]
    fn every_setting_sets_what_it_names() {
        let others = BTreeMap::from([
            ("answers.faults", "500"),
            ("answers.vectors", "4"),
            ("encode.budget", "x2.5"),
            ("encode.carrier", "7"),
            ("encode.input", "2"),
            ("encode.output", "3"),
            ("encode.parts", "5"),
            ("encode.signals", "4"),
            ("encode.state", "3"),
            ("expand.row_arrays", "5"),
            ("expand.transmission", "off"),
            ("loops", "unroll"),
            ("rate.axons", "3"),
            ("rate.copies", "2"),
            ("rate.passes", "3"),
            ("rate.signals", "3"),
            ("rate.window", "32"),
            ("sigmoid", "relu:9"),
            ("spiking.bin", "500"),
            ("spiking.decay", "down"),
            ("spiking.dt", "0.001"),
            ("spiking.reset", "subtract"),
            ("spiking.scheme", "sinabs"),
            ("spiking.steps", "100"),
            ("spiking.threshold", "25"),
            ("tune", "nearest"),
            ("tune.bias_rows", "6"),
            ("tune.exact_passes", "8"),
            ("tune.integers", "kernels"),
            ("tune.linear_passes", "0"),
            ("tune.margin", "0.125"),
            ("tune.ridge", "0.1"),
            ("tune.rows", "512"),
            ("tune.seed", "18446744073709551615"),
            ("tune.state", "17.5"),
            ("weights", "codebook:16:column"),
        ]);
        assert_eq!(others.len(), SETTINGS.len());
        let default = Settings::default().to_map();
        for (key, value) in others {
            let settings = Settings::parse([format!("{key}={value}").as_str()]).unwrap();
            let mut wanted = default.clone();
            assert_ne!(wanted.insert(key.to_owned(), value.to_owned()).as_deref(), Some(value), "{key}");
            assert_eq!(settings.to_map(), wanted, "{key}");
            assert_eq!(Settings::from_map(&wanted).unwrap(), settings, "{key}");
        }
    }

    #[test]
    fn all_wrong_settings_are_told_at_once() {
        let wrong = [
            "tune.sed=1",
            "signals=2",
            "tune=best",
            "tune.ridge=NaN",
            "tune.margin=-1",
            "encode.input",
            "x=y",
        ];
        let found = Settings::parse(wrong).unwrap_err();
        let codes: Vec<_> = found.0.iter().map(|d| d.code).collect();
        assert_eq!(codes, ["SP0005", "SP0005", "SP0006", "SP0006", "SP0006", "SP0006", "SP0005"]);
        assert!(found.0[0].way_out.starts_with("did you mean tune.seed?"), "{found}");
        assert!(found.0[1].way_out.starts_with("did you mean encode.signals?"), "{found}");
        assert!(found.0[6].way_out.starts_with("the settings are "), "{found}");
    }
}
