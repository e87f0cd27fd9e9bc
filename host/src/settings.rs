//! The settings of the compiler: everything that `--set KEY=VALUE` can change, in one table.
//!
//! A value of a setting always has a canonical text; [`Settings::to_map`] gives all of them, as they stand in an image's
//! notes, and [`Settings::from_map`] reads them back.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::str::FromStr;

use crate::compile::StageOptions;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::encode::EncodeOptions;
use crate::expand::ExpandOptions;
use crate::lower::LoopForm;
use crate::nir::{DecayRounding, ResetRule, Scheme, SpikingOptions};
use crate::tune::TuneOptions;

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
    /// Of spiking networks.
    pub spiking: SpikingOptions,
}

impl From<Settings> for StageOptions {
    fn from(Settings { loops, encode, expand, tune, spiking }: Settings) -> Self {
        Self { loops, encode, expand, tune, spiking }
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

/// All settings, by key in ascending order.
pub const SETTINGS: &[Setting] = &[
    Setting {
        key: "encode.budget",
        allowed: "auto, a number of cores, or xF with F from 1",
        help: "cores that signals may take where encode.signals is auto: so many, or F times the least number; auto: up to four times, no more than the chips have, and only where it promises to help (crossbars)",
        get: |s| text(&s.encode.budget),
        set: |s, v| put(&mut s.encode.budget, v, |_| true),
    },
    Setting {
        key: "encode.carrier",
        allowed: "1 to 32",
        help: "signals that carry a sum to the array that applies the native sigmoid to it",
        get: |s| text(&s.encode.carrier_signals),
        set: |s, v| put(&mut s.encode.carrier_signals, v, |k| (1..=32).contains(k)),
    },
    Setting {
        key: "encode.input",
        allowed: "auto, or 1 to 8",
        help: "signals per input value, each carrying further bits until there are eight; auto: two where that takes no further array",
        get: |s| if s.encode.input_signals == 0 { "auto".into() } else { text(&s.encode.input_signals) },
        set: |s, v| {
            put(&mut s.encode.input_signals, if v == "auto" { "0" } else { v }, |k| (0..=8).contains(k))
        },
    },
    Setting {
        key: "encode.output",
        allowed: "auto, or 1 to 32",
        help: "signals per output value; auto: as many as there are free columns",
        get: |s| text(&s.encode.output_signals),
        set: |s, v| put(&mut s.encode.output_signals, v, |_| true),
    },
    Setting {
        key: "encode.parts",
        allowed: "auto, or 1 to 32",
        help: "signals that carry a partial sum where the chip adds none; auto: about a hundred levels, with at most three times the signals of a value, and more in columns that are there anyway",
        get: |s| if s.encode.part_signals == 0 { "auto".into() } else { text(&s.encode.part_signals) },
        set: |s, v| {
            put(&mut s.encode.part_signals, if v == "auto" { "0" } else { v }, |k| {
                (u16::from(v != "auto")..=32).contains(k)
            })
        },
    },
    Setting {
        key: "encode.signals",
        allowed: "auto, or 1 to 32",
        help: "signals per hidden value; auto: as many as encode.budget allows where they help most, and as fit without further arrays, the noisiest values first",
        get: |s| text(&s.encode.signals),
        set: |s, v| put(&mut s.encode.signals, v, |_| true),
    },
    Setting {
        key: "encode.state",
        allowed: "auto, or 1 to 32",
        help: "signals per sum that a loop hands from step to step; auto: up to four, where its readers have the rows",
        get: |s| text(&s.encode.state_signals),
        set: |s, v| put(&mut s.encode.state_signals, v, |_| true),
    },
    Setting {
        key: "expand.row_arrays",
        allowed: "1 to 64",
        help: "so many times the least number of arrays hold the rows of a sum that spans arrays",
        get: |s| text(&s.expand.row_arrays),
        set: |s, v| put(&mut s.expand.row_arrays, v, |k| (1..=64).contains(k)),
    },
    Setting {
        key: "expand.transmission",
        allowed: "on or off",
        help: "on chips without multicast whether cores copy signals that more cores read than an output reaches; off: as if all of them read one buffer",
        get: |s| if s.expand.transmission { "on".into() } else { "off".into() },
        set: |s, v| {
            s.expand.transmission = match v {
                "on" => true,
                "off" => false,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        key: "loops",
        allowed: "cell, or unroll",
        help: "a loop over time: one cell that is stepped where that can be, or nodes of their own for each step",
        get: |s| text(&s.loops),
        set: |s, v| put(&mut s.loops, v, |_| true),
    },
    Setting {
        key: "sigmoid",
        allowed: "auto, relay, or relu:K with K from 1 to 32",
        help: "a sigmoid whose sum spans arrays: relayed to a native one, or approximated by K clipped ReLUs; auto: the relay where the chip has a sigmoid",
        get: |s| text(&s.encode.sigmoid),
        set: |s, v| put(&mut s.encode.sigmoid, v, |_| true),
    },
    Setting {
        key: "spiking.bin",
        allowed: "1 to 1000000",
        help: "of recordings of event cameras: microseconds of a step",
        get: |s| text(&s.spiking.events.bin),
        set: |s, v| put(&mut s.spiking.events.bin, v, |k| (1..=1_000_000).contains(k)),
    },
    Setting {
        key: "spiking.decay",
        allowed: "nearest or down",
        help: "how decays become whole numbers: what remains rounded to the nearest, or the decay times (2^bits - 1) rounded down, as exporters to Loihi write it",
        get: |s| if s.spiking.decay == DecayRounding::Down { "down".into() } else { "nearest".into() },
        set: |s, v| {
            s.spiking.decay = match v {
                "down" => DecayRounding::Down,
                "nearest" => DecayRounding::Nearest,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        key: "spiking.dt",
        allowed: "auto, or a number above 0",
        help: "length of a step in the file's unit of time; auto: 0.0001, or 1 for networks without time constants",
        get: |s| s.spiking.dt.map_or_else(|| "auto".into(), |dt| text(&dt)),
        set: |s, v| {
            s.spiking.dt = if v == "auto" {
                None
            } else {
                Some(v.parse().ok().filter(|dt: &f64| *dt > 0.0 && dt.is_finite())?)
            };
            Some(())
        },
    },
    Setting {
        key: "spiking.reset",
        allowed: "scheme, file, zero or subtract",
        help: "what a spike leaves behind: as the scheme says; as the file says; 0; the threshold less",
        get: |s| s.spiking.reset.map_or_else(|| "scheme".into(), |rule| text(&rule)),
        set: |s, v| {
            s.spiking.reset = if v == "scheme" { None } else { Some(v.parse::<ResetRule>().ok()?) };
            Some(())
        },
    },
    Setting {
        key: "spiking.scheme",
        allowed: "euler, exponential, exact, impulse, lava, sinabs or speck",
        help: "how the continuous dynamics of a NIR file become steps; docs/import.md says what each does and whom it follows",
        get: |s| s.spiking.scheme.clone(),
        set: |s, v| {
            Scheme::preset(v, 1.0)?;
            v.clone_into(&mut s.spiking.scheme);
            Some(())
        },
    },
    Setting {
        key: "spiking.steps",
        allowed: "1 to 65536",
        help: "of recordings of event cameras: steps of a sample",
        get: |s| text(&s.spiking.events.steps),
        set: |s, v| put(&mut s.spiking.events.steps, v, |k| (1..=65_536).contains(k)),
    },
    Setting {
        key: "spiking.threshold",
        allowed: "auto, or 1 to 131071",
        help: "the threshold's register in every population of a NIR file, which fixes the scale of its weights; auto: as precise as registers and samples allow",
        get: |s| s.spiking.threshold.map_or_else(|| "auto".into(), |t| text(&t)),
        set: |s, v| {
            s.spiking.threshold =
                if v == "auto" { None } else { Some(v.parse().ok().filter(|t| (1..=131_071).contains(t))?) };
            Some(())
        },
    },
    Setting {
        key: "tune",
        allowed: "nearest-one-scale, nearest, free, range, round, or full (the same as round)",
        help: "how far tuning goes, each phase on top of those before it: nearest whole numbers with one scale per layer; with a scale per column; weights refitted to what the predecessors really give; ranges that give up the largest values; rounding with error feedback and searched biases. Phases before the last end in nearest whole numbers",
        get: |s| text(&s.tune.rounding),
        set: |s, v| put(&mut s.tune.rounding, v, |_| true),
    },
    Setting {
        key: "tune.bias_rows",
        allowed: "1 to 64",
        help: "bias rows to use where they suffice",
        get: |s| text(&s.tune.bias_rows),
        set: |s, v| put(&mut s.tune.bias_rows, v, |k| (1..=64).contains(k)),
    },
    Setting {
        key: "tune.exact_passes",
        allowed: "0 to 1000",
        help: "exact passes of the bias search",
        get: |s| text(&s.tune.exact_passes),
        set: |s, v| put(&mut s.tune.exact_passes, v, |k| *k <= 1000),
    },
    Setting {
        key: "tune.linear_passes",
        allowed: "0 to 1000",
        help: "linear passes of the bias search",
        get: |s| text(&s.tune.linear_passes),
        set: |s, v| put(&mut s.tune.linear_passes, v, |k| *k <= 1000),
    },
    Setting {
        key: "tune.margin",
        allowed: "0 to 100",
        help: "on classifiers: how many standard deviations below the winner an output may lie and still count; 0: all count",
        get: |s| text(&s.tune.margin),
        set: |s, v| put(&mut s.tune.margin, v, |x| (0.0..=100.0).contains(x)),
    },
    Setting {
        key: "tune.ridge",
        allowed: "0 to 1000",
        help: "how strongly weights that samples leave free are held to the trained ones; 0 leaves all weights as trained",
        get: |s| text(&s.tune.ridge),
        set: |s, v| put(&mut s.tune.ridge, v, |x| (0.0..=1000.0).contains(x)),
    },
    Setting {
        key: "tune.rows",
        allowed: "64 to 1000000",
        help: "a node with many positions is tuned on about so many of them, all samples together",
        get: |s| text(&s.tune.rows),
        set: |s, v| put(&mut s.tune.rows, v, |n| (64..=1_000_000).contains(n)),
    },
    Setting {
        key: "tune.seed",
        allowed: "0 to 18446744073709551615",
        help: "seed of the phases that dither copies",
        get: |s| text(&s.tune.seed),
        set: |s, v| put(&mut s.tune.seed, v, |_| true),
    },
    Setting {
        key: "weights",
        allowed: "plain, fraction, codebook:N, or codebook:N:column, N from 2 to 256",
        help: "the set that weights come from: whole numbers, whole numbers divided by a threshold of each core, or a table of N of them for each core or for each column",
        get: |s| text(&s.tune.weights),
        set: |s, v| put(&mut s.tune.weights, v, |_| true),
    },
];

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
            ("sigmoid", "relu:9"),
            ("tune", "nearest"),
            ("tune.bias_rows", "6"),
            ("tune.exact_passes", "8"),
            ("tune.linear_passes", "0"),
            ("tune.margin", "0.125"),
            ("tune.ridge", "0.1"),
            ("tune.rows", "512"),
            ("tune.seed", "18446744073709551615"),
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
