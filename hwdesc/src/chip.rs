//! The checked chip description.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::de::DeTable;

use crate::error::{DescError, Rule, shorten};
use crate::kind::{crossbar::Crossbar, mac::Mac, spiking::Spiking};
use crate::parts::{Activation, Cost, Encoding, Fabric, FanOut, PartialSums, Signals};
use crate::reader::{Doc, Table};
use crate::source::{Mark, Source, read_sources};
use crate::units::{Arrays, Columns, Rows};

/// Largest chip description accepted, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// With more syntax errors than this, a text is no TOML and its fields are not read.
const MAX_SYNTAX_ERRORS: usize = 64;

/// The kind of core a chip has, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Analog sums on bit lines.
    Crossbar(Crossbar),
    /// Digital multiply-accumulate.
    Mac(Mac),
    /// Integrate and fire.
    Spiking(Spiking),
}

impl Kind {
    /// The word used in the description.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Crossbar(_) => "crossbar",
            Kind::Mac(_) => "mac",
            Kind::Spiking(_) => "spiking",
        }
    }
}

/// A chip description in which every rule holds. It can only be made by
/// [`parse`], so owning one is the evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    name: String,
    revision: u32,
    about: String,
    reference: String,
    kind: Kind,
    weights: Vec<Encoding>,
    fan_out: FanOut,
    fabric: Fabric,
    cost: Cost,
    sources: BTreeMap<String, Source>,
}

/// Reads a chip description; `file` is the name used in errors. Gives the
/// checked chip, or all errors at once in the order of the text.
///
/// # Errors
/// Every rule the text breaks: not TOML, too large, fields that are unknown,
/// absent, of the wrong type, out of range or in contradiction. Fields that
/// are absent are not reported while the text is not TOML.
pub fn parse(text: &str, file: &str) -> Result<Chip, Vec<DescError>> {
    if text.len() > MAX_BYTES {
        return Err(vec![too_large(file, text.len() as u64)]);
    }
    if let Some(at) = too_deep(text) {
        let doc = Doc::new(text, file, true);
        doc.syntax("a line has more than 2048 dots", Some(at));
        return Err(doc.into_errors());
    }
    let (tree, syntax) = DeTable::parse_recoverable(text);
    let doc = Doc::new(text, file, !syntax.is_empty());
    for error in syntax.iter().take(MAX_SYNTAX_ERRORS) {
        doc.syntax(error.message(), error.span());
    }
    if syntax.len() > MAX_SYNTAX_ERRORS {
        return Err(doc.into_errors());
    }
    let chip = read(Table::new(&doc, String::new(), None, tree.get_ref()));
    let errors = doc.into_errors();
    match chip {
        Some(chip) if errors.is_empty() => Ok(chip),
        _ => Err(errors),
    }
}

pub(crate) fn too_large(file: &str, bytes: u64) -> DescError {
    DescError {
        rule: Rule::Size,
        file: file.to_string(),
        path: String::new(),
        found: Some(format!("{bytes} bytes")),
        because: "a chip description must be a small file".to_string(),
        allowed: format!("at most {MAX_BYTES} bytes"),
        help: "is this the right file?".to_string(),
        place: None,
    }
}

/// The first key of absurd depth. Such a key would nest tables so deeply that
/// dropping them again could exhaust the stack.
fn too_deep(text: &str) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        // Dots in texts and comments count too: only a line with more of them
        // than any text has is refused.
        let dots = line.bytes().filter(|&b| b == b'.').count();
        if dots > 2048 {
            return Some(start..start + line.trim_end().len());
        }
        start += line.len();
    }
    None
}

fn read(mut table: Table<'_, '_>) -> Option<Chip> {
    let name = table.text("name", None);
    let revision = table.int("revision", 1..=u32::MAX);
    let about = table.text("about", Some(""));
    let reference = table.text("reference", Some(""));
    let kind = table.choice("kind", &[("crossbar", 0), ("mac", 1), ("spiking", 2)], None);
    let weights = read_weights(&mut table);
    let fan_out = table.table("fan_out").and_then(FanOut::read);
    let fabric = table.table("fabric").and_then(Fabric::read);
    let cost = match table.table_opt("cost") {
        Some(Some(cost)) => Cost::read(cost),
        Some(None) => Some(Cost::default()),
        None => None,
    };
    if let Some(name) = &name {
        let good = !name.value.is_empty()
            && name.value.len() <= 32
            && name.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !good {
            let allowed = "1 to 32 of a-z, 0-9 and -";
            table.doc.range(
                name,
                "the name is written into images and typed in commands",
                allowed,
                "rename it",
            );
        }
    }
    let encodings = weights.as_deref().unwrap_or_default();
    // Only the table of the kind is asked for, so that one of another kind is
    // an unknown field.
    let read_kind = match kind.as_ref().map(|kind| kind.value) {
        Some(0) => table.table("crossbar").and_then(|t| Crossbar::read(t, encodings)).map(Kind::Crossbar),
        Some(1) => table.table("mac").and_then(|t| Mac::read(t, encodings)).map(Kind::Mac),
        Some(_) => table.table("spiking").and_then(|t| Spiking::read(t, encodings)).map(Kind::Spiking),
        None => {
            table.forgive(&["crossbar", "mac", "spiking"]);
            None
        }
    };
    let sources = match table.table_opt("sources") {
        Some(Some(sources)) => read_sources(&sources),
        Some(None) => Some(BTreeMap::new()),
        None => None,
    };
    table.finish();
    Some(Chip {
        name: name?.value,
        revision: revision?.value,
        about: about?.value,
        reference: reference?.value,
        kind: read_kind?,
        weights: weights?.into_iter().map(|(_, encoding)| encoding).collect(),
        fan_out: fan_out?,
        fabric: fabric?,
        cost: cost?,
        sources: sources?,
    })
}

type Weights = Vec<(crate::reader::Field<u32>, Encoding)>;

fn read_weights(table: &mut Table<'_, '_>) -> Option<Weights> {
    let (_, items) = table.list("weights", true)?;
    let count = items.len();
    let read: Weights = items.into_iter().filter_map(Encoding::read).collect();
    (read.len() == count).then_some(read)
}

impl Chip {
    /// Name: 1 to 32 of a-z, 0-9 and `-`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Revision of the description, at least 1; part of the chip's identity.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// What the chip is, in a sentence or two; may be empty.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// The literature the description rests on; may be empty.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// The kind of core with its parameters.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The crossbar parameters, if the chip is of that kind.
    pub fn crossbar(&self) -> Option<&Crossbar> {
        match &self.kind {
            Kind::Crossbar(crossbar) => Some(crossbar),
            _ => None,
        }
    }

    /// The MAC parameters, if the chip is of that kind.
    pub fn mac(&self) -> Option<&Mac> {
        match &self.kind {
            Kind::Mac(mac) => Some(mac),
            _ => None,
        }
    }

    /// The spiking parameters, if the chip is of that kind.
    pub fn spiking(&self) -> Option<&Spiking> {
        match &self.kind {
            Kind::Spiking(spiking) => Some(spiking),
            _ => None,
        }
    }

    /// The weight encodings the chip offers, at least one, the first the usual one.
    pub fn weights(&self) -> &[Encoding] {
        &self.weights
    }

    /// How many places an output may be sent to.
    pub fn fan_out(&self) -> FanOut {
        self.fan_out
    }

    /// How many cores there are and how they are connected.
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// Costs of one core-op, where known.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// Where values come from, by dotted path.
    pub fn sources(&self) -> &BTreeMap<String, Source> {
        &self.sources
    }

    /// The source of the value at `path`: its own, or that of the nearest
    /// table around it that has one.
    pub fn source_of(&self, path: &str) -> Option<&Source> {
        let mut path = path;
        loop {
            if let Some(source) = self.sources.get(path) {
                return Some(source);
            }
            path = &path[..path.rfind('.')?];
        }
    }

    /// Inputs of one core-op, bias rows not counted.
    pub fn core_inputs(&self) -> Rows {
        match &self.kind {
            Kind::Crossbar(c) => c.input_rows(),
            Kind::Mac(m) => m.rows,
            Kind::Spiking(s) => s.axons,
        }
    }

    /// Outputs of one core-op.
    pub fn core_outputs(&self) -> Columns {
        match &self.kind {
            Kind::Crossbar(c) => c.logical_columns(),
            Kind::Mac(m) => m.columns,
            Kind::Spiking(s) => s.neurons,
        }
    }

    /// Widths and signs of the signals between cores.
    pub fn signals(&self) -> Signals {
        match &self.kind {
            Kind::Crossbar(c) => Signals {
                input_bits: c.input_bits,
                input_signed: c.input_signed,
                output_bits: c.output_bits,
                // After the activation; before it, codes are signed.
                output_signed: false,
            },
            Kind::Mac(m) => Signals {
                input_bits: m.input_bits,
                input_signed: m.input_signed,
                output_bits: m.output_bits,
                output_signed: m.output_signed,
            },
            Kind::Spiking(s) => Signals {
                input_bits: s.window_bits_max,
                input_signed: false,
                output_bits: s.window_bits_max,
                output_signed: false,
            },
        }
    }

    /// How partial sums of several cores may be added.
    pub fn partial_sums(&self) -> PartialSums {
        match &self.kind {
            Kind::Crossbar(c) => PartialSums::Adder { bits: c.adder_bits },
            Kind::Mac(m) if m.accumulate_across_cores => {
                PartialSums::Accumulator { bits: m.accumulator_bits }
            }
            Kind::Mac(_) | Kind::Spiking(_) => PartialSums::None,
        }
    }

    /// Functions the outputs can go through; empty for a spiking chip, whose
    /// neuron is its activation.
    pub fn activations(&self) -> &[Activation] {
        match &self.kind {
            Kind::Crossbar(c) => &c.activations,
            Kind::Mac(m) => &m.activations,
            Kind::Spiking(_) => &[],
        }
    }

    /// Physical arrays of the board: cores, times two for differential pairs.
    pub fn total_arrays(&self) -> Arrays {
        let each = self.crossbar().map_or(1, Crossbar::arrays_per_core);
        Arrays::new(self.fabric.total_cores().get() * u64::from(each))
    }

    /// The canonical text: every field, defaults included, in a fixed order.
    /// `parse(&chip.to_toml(), …)` gives an equal chip.
    pub fn to_toml(&self) -> String {
        #[derive(Serialize)]
        struct Text<'a> {
            name: &'a str,
            revision: u32,
            kind: &'static str,
            about: &'a str,
            reference: &'a str,
            fan_out: &'a FanOut,
            fabric: &'a Fabric,
            #[serde(skip_serializing_if = "Option::is_none")]
            crossbar: Option<&'a Crossbar>,
            #[serde(skip_serializing_if = "Option::is_none")]
            mac: Option<&'a Mac>,
            #[serde(skip_serializing_if = "Option::is_none")]
            spiking: Option<&'a Spiking>,
            weights: &'a [Encoding],
            #[serde(skip_serializing_if = "is_default")]
            cost: &'a Cost,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            sources: &'a BTreeMap<String, Source>,
        }
        fn is_default(cost: &&Cost) -> bool {
            **cost == Cost::default()
        }
        let text = Text {
            name: &self.name,
            revision: self.revision,
            kind: self.kind.name(),
            about: &self.about,
            reference: &self.reference,
            fan_out: &self.fan_out,
            fabric: &self.fabric,
            crossbar: self.crossbar(),
            mac: self.mac(),
            spiking: self.spiking(),
            weights: &self.weights,
            cost: &self.cost,
            sources: &self.sources,
        };
        toml::to_string(&text).expect("a checked chip has only tables, lists, words and numbers")
    }

    /// A chip that differs in some fields: each change is a dotted path (list
    /// items by number) and a TOML value as text, such as
    /// `("crossbar.dac_bits", "2")`. All changes are made before the rules are
    /// checked again, so that fields that depend on each other can change
    /// together. A changed field loses the source it had and names this chip instead.
    ///
    /// # Errors
    /// As [`parse`] on the changed description, without places, and a path that
    /// can not be followed or a value that is not TOML.
    pub fn with(&self, changes: &[(&str, &str)]) -> Result<Chip, Vec<DescError>> {
        let file = format!("{} (changed)", self.name);
        let mut tree: toml::Table = toml::from_str(&self.to_toml()).expect("canonical text is TOML");
        let mut errors = Vec::new();
        for (path, value) in changes {
            if let Err(because) = change(&mut tree, path, value) {
                errors.push(DescError {
                    rule: Rule::Range,
                    file: file.clone(),
                    path: shorten(path, 120),
                    found: Some(shorten(value, 60)),
                    because,
                    allowed: "a path such as crossbar.rows or weights.0.bits, and a TOML value".to_string(),
                    help: "`spandrel chips NAME` prints the fields of a chip".to_string(),
                    place: None,
                });
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let text = toml::to_string(&tree).expect("a TOML tree has a text");
        let mut chip = parse(&text, &file).map_err(|mut errors| {
            // Nobody has seen the text these places are in.
            errors.iter_mut().for_each(|error| error.place = None);
            errors
        })?;
        for (path, _) in changes.iter().filter(|(path, _)| !path.starts_with("sources")) {
            let note = format!("changed from the description of {}", self.name);
            chip.sources.insert((*path).to_string(), Source { mark: Mark::Other, note });
        }
        Ok(chip)
    }
}

/// Sets one value in the tree. The tables around it must exist.
fn change(tree: &mut toml::Table, path: &str, value: &str) -> Result<(), String> {
    let mut parsed: toml::Table = toml::from_str(&format!("v = {value}\n"))
        .map_err(|e| format!("the value must be TOML: {}", e.message()))?;
    let value = parsed.remove("v").filter(|_| parsed.is_empty()).ok_or("the value must be one TOML value")?;
    let (around, last) = path.rsplit_once('.').map_or((None, path), |(a, l)| (Some(a), l));
    if let Some(toml::Value::Table(sources)) = tree.get_mut("sources") {
        let inside = format!("{path}.");
        sources.retain(|named, _| named != path && !named.starts_with(&inside));
    }
    let absent = || format!("the chip has no table at the start of {}", shorten(path, 60));
    let mut table = tree;
    let mut parts = around.into_iter().flat_map(|a| a.split('.'));
    while let Some(part) = parts.next() {
        if part == "cost" {
            // Left out of the text while it is empty.
            table.entry(part).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        }
        table = match table.get_mut(part) {
            Some(toml::Value::Table(inner)) => inner,
            Some(toml::Value::Array(items)) => {
                let item = parts.next().and_then(|i| i.parse::<usize>().ok()).and_then(|i| items.get_mut(i));
                item.and_then(toml::Value::as_table_mut).ok_or_else(absent)?
            }
            _ => return Err(absent()),
        };
    }
    table.insert(last.to_string(), value);
    Ok(())
}
