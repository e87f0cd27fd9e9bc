//! What lifts each limit: fields of the chip and settings, as wide as kind and compiler allow.

use serde::Serialize;
use spandrel_hwdesc::{Activation, Chip, Crossbar, Encoding, Kind, Mac, Requantise};

use crate::dots::DotGraph;
use crate::settings::SETTINGS;
use crate::target::Target;

/// The limits, in the order in which they are lifted.
pub const LIMITS: [&str; 5] = ["signal precision", "weight precision", "range", "splitting", "approximation"];

/// A field of the chip or a setting, and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Dotted path or key.
    pub field: String,
    /// TOML, or the setting's text.
    pub value: String,
}

impl Change {
    /// A change.
    pub fn new(field: &str, value: impl ToString) -> Self {
        Self { field: field.to_owned(), value: value.to_string() }
    }
}

/// How a limit is lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lift {
    /// By these changes.
    Changes(Vec<Change>),
    /// Not at all, and why.
    Not(String),
}

/// What the largest nodes of a network take, on one signal a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Lines of the longest sum, with room for what padding adds.
    pub rows: usize,
    /// Columns of the widest node.
    pub columns: usize,
}

/// Lines that a sum may need beside its taps: one for each pixel of a padded window.
const BESIDE: usize = 64;

impl Needs {
    /// Of the nodes of a reformed network: powers of two, so that cores do not get odd sizes.
    pub fn of(graph: &DotGraph) -> Self {
        let taps = graph.nodes.iter().map(|node| node.taps()).max().unwrap_or(1);
        let channels = graph.nodes.iter().map(|node| node.channels).max().unwrap_or(1);
        Self { rows: (taps + BESIDE).next_power_of_two(), columns: channels.next_power_of_two() }
    }

    /// Whether cores of this size split a node.
    fn split(&self, rows: usize, columns: usize) -> bool {
        self.rows > rows || self.columns > columns
    }
}

/// How `limit` (one of [`LIMITS`]) is lifted on `chip`. `approximated`: functions were made of clipped ReLUs; `shared`: weights come from a
/// codebook.
pub fn lift(limit: &str, chip: &Chip, needs: &Needs, approximated: bool, shared: bool) -> Lift {
    match candidates(limit, chip, needs, approximated, shared) {
        Ok(candidates) => first_allowed(chip, candidates),
        Err(why) => Lift::Not(why),
    }
}

/// How all limits that can be lifted are lifted together: the widest signals that chip and compiler allow beside the rest.
pub fn lift_all(chip: &Chip, needs: &Needs, approximated: bool, shared: bool) -> Lift {
    let lifted = |limit: &&str| match lift(limit, chip, needs, approximated, shared) {
        Lift::Changes(changes) => Some(changes),
        Lift::Not(_) => None,
    };
    let rest: Vec<Change> = LIMITS[1..].iter().filter_map(lifted).flatten().collect();
    let mut signals = candidates(LIMITS[0], chip, needs, approximated, shared).unwrap_or_default();
    signals.push(Vec::new());
    let together = |signals: Vec<Change>| widest(signals.into_iter().chain(rest.iter().cloned()).collect());
    first_allowed(chip, signals.into_iter().map(together).filter(|changes| !changes.is_empty()).collect())
}

fn candidates(limit: &str, chip: &Chip, needs: &Needs, approximated: bool, shared: bool) -> Candidates {
    let mut candidates = match chip.kind() {
        Kind::Crossbar(crossbar) => of_crossbar(limit, chip, crossbar, needs, approximated),
        Kind::Mac(mac) => of_mac(limit, chip, mac, needs),
        other => Err(format!("cores of kind {} are not compiled for", other.name())),
    }?;
    if limit == "weight precision" && shared {
        candidates.iter_mut().for_each(|changes| changes.push(Change::new("weights", "plain")));
    }
    Ok(candidates)
}

/// The first of `candidates` that chip and compiler take.
fn first_allowed(chip: &Chip, candidates: Vec<Vec<Change>>) -> Lift {
    let mut why = String::from("it is as wide as the kind allows");
    for changes in candidates {
        let (fields, set) = parted(&changes);
        match chip.with(&fields) {
            Ok(wide) if set.is_empty() && wide.kind() == chip.kind() && wide.weights() == chip.weights() => {}
            Ok(wide) => match Target::new(wide) {
                Ok(_) => return Lift::Changes(changes),
                Err(found) => why = found.0.first().map_or(why, |found| found.rule.clone()),
            },
            Err(errors) => {
                why = errors.first().map_or(why, |error| format!("{}: {}", error.path, error.because))
            }
        }
    }
    Lift::Not(why)
}

type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// Changes of the chip, and of settings.
pub(super) fn parted(changes: &[Change]) -> (Pairs<'_>, Pairs<'_>) {
    let sets = |change: &Change| SETTINGS.iter().any(|setting| setting.key == change.field);
    let texts = |wanted: bool| {
        let chosen = changes.iter().filter(|change| sets(change) == wanted);
        chosen.map(|change| (change.field.as_str(), change.value.as_str())).collect()
    };
    (texts(false), texts(true))
}

/// One change a field: the largest number where several limits change the same one.
fn widest(all: Vec<Change>) -> Vec<Change> {
    let mut kept: Vec<Change> = Vec::new();
    for change in all {
        let number = |text: &str| text.parse::<i64>().ok();
        match kept.iter_mut().find(|known| known.field == change.field) {
            Some(known) if number(&change.value) > number(&known.value) => known.value = change.value,
            Some(_) => {}
            None => kept.push(change),
        }
    }
    kept
}

type Candidates = Result<Vec<Vec<Change>>, String>;

fn of_crossbar(
    limit: &str,
    chip: &Chip,
    crossbar: &Crossbar,
    needs: &Needs,
    approximated: bool,
) -> Candidates {
    let slices = crossbar.slices;
    match limit {
        "signal precision" => {
            let passes = crossbar.input_bits.get() / crossbar.dac_bits.get();
            let wider = (crossbar.input_bits.get() + 1..=16).rev().filter(|bits| bits % passes == 0);
            Ok(wider
                .map(|bits| {
                    vec![
                        Change::new("crossbar.input_bits", bits),
                        Change::new("crossbar.output_bits", bits),
                        Change::new("crossbar.dac_bits", bits / passes),
                        Change::new("crossbar.bias_code", (1u32 << bits) - 1),
                        Change::new("crossbar.adder_bits", 32),
                    ]
                })
                .collect())
        }
        "weight precision" => {
            let cells = (crossbar.cell_bits.get() + 1..=8).rev();
            let encodings = |bits: u32| {
                let of = |(at, encoding): (usize, &Encoding)| {
                    matches!(encoding, Encoding::SignMagnitude { .. })
                        .then(|| Change::new(&format!("weights.{at}.bits"), bits))
                };
                chip.weights().iter().enumerate().filter_map(of).collect::<Vec<_>>()
            };
            Ok(cells
                .map(|cell| {
                    let mut changes = encodings(cell * slices);
                    changes.push(Change::new("crossbar.cell_bits", cell));
                    changes
                })
                .collect())
        }
        "range" => Ok(vec![vec![
            Change::new("crossbar.shift_min", 0),
            Change::new("crossbar.shift_max", 48),
            Change::new("crossbar.adder_bits", 32),
            Change::new("crossbar.sum_shift_max", 31),
            Change::new("crossbar.bias_rows", 64),
        ]]),
        "splitting" => {
            let (rows, columns) =
                (crossbar.input_rows().get() as usize, crossbar.logical_columns().get() as usize);
            if !needs.split(rows, columns) {
                return Err("no node is split: each fits one core".to_owned());
            }
            let rows = needs.rows.max(crossbar.rows.get() as usize);
            let columns = needs.columns.max(columns);
            Ok(vec![vec![
                Change::new("crossbar.rows", rows),
                Change::new("crossbar.bitlines", columns * slices as usize),
            ]])
        }
        _ if approximated => Ok(vec![vec![Change::new("sigmoid", "relu:32")]]),
        _ => {
            Err("nothing is approximated by ReLUs; what the chip has natively is rounded as its signals are"
                .to_owned())
        }
    }
}

fn of_mac(limit: &str, chip: &Chip, mac: &Mac, needs: &Needs) -> Candidates {
    let wide = |bits: u32| {
        let accumulator = mac.accumulator_bits.get().max(bits);
        let mut changes =
            vec![Change::new("mac.accumulator_bits", accumulator), Change::new("mac.bias_bits", accumulator)];
        // That rounding exists for accumulators of 32 bits only.
        if accumulator > 32 && mac.rounding == spandrel_hwdesc::Rounding::Gemmlowp {
            changes.push(Change::new("mac.rounding", "\"half_up\""));
        }
        changes
    };
    match limit {
        "signal precision" => Ok((mac.input_bits.get() + 1..=16)
            .rev()
            .map(|bits| {
                let mut changes = wide(48);
                changes.push(Change::new("mac.input_bits", bits));
                changes.push(Change::new("mac.output_bits", bits));
                changes.push(Change::new("mac.shift_max", 48.max(mac.shift_max)));
                changes
            })
            .collect()),
        "weight precision" => {
            let mut changes = wide(48);
            for (at, encoding) in chip.weights().iter().enumerate() {
                match encoding {
                    Encoding::DynamicFixedPoint { .. } => {
                        changes.push(Change::new(&format!("weights.{at}.bits"), 16))
                    }
                    Encoding::SignMagnitude { .. } => {
                        changes.push(Change::new(&format!("weights.{at}.bits"), 15))
                    }
                    Encoding::Shared { .. } => {
                        changes.push(Change::new(&format!("weights.{at}.value_bits"), 16))
                    }
                    _ => {}
                }
            }
            changes.push(Change::new("mac.shift_max", 48.max(mac.shift_max)));
            Ok(vec![changes])
        }
        "range" => {
            let mut changes = wide(48);
            changes.push(Change::new("mac.shift_min", 0));
            changes.push(Change::new("mac.shift_max", 62));
            changes.push(Change::new("mac.requantise_per", "\"neuron\""));
            if mac.requantise == Requantise::Shift {
                changes.push(Change::new("mac.requantise", "\"multiplier\""));
            }
            changes.push(Change::new("mac.multiplier_bits", 32));
            Ok(vec![changes])
        }
        "splitting" => {
            if !needs.split(mac.rows.get() as usize, mac.columns.get() as usize) {
                return Err("no node is split: each fits one core".to_owned());
            }
            let mut changes = wide(48);
            changes.push(Change::new("mac.rows", needs.rows.max(mac.rows.get() as usize)));
            changes.push(Change::new("mac.columns", needs.columns.max(mac.columns.get() as usize)));
            Ok(vec![changes])
        }
        _ => {
            let has = |wanted: fn(&Activation) -> bool| mac.activations.iter().any(wanted);
            if has(|a| matches!(a, Activation::Table { .. }))
                && has(|a| matches!(a, Activation::MaxPool { .. }))
            {
                return Err("functions are tables with an entry for each code: their steps are those of signal precision".to_owned());
            }
            let list = "[{ kind = \"relu\" }, { kind = \"clamp\" }, { kind = \"table\" }, { kind = \"max_pool\", group = 4 }]";
            Ok(vec![vec![
                Change::new("mac.activations", list),
                Change::new("mac.order", "[\"requantise\", \"activation\", \"pool\"]"),
            ]])
        }
    }
}
