//! From text to a checked chip.

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::chip::{Chip, Kind};
use crate::error::{DescError, Rule};
use crate::kind::{crossbar::Crossbar, mac::Mac, spiking::Spiking};
use crate::parts::{Cost, Encoding, Fabric, FanOut};
use crate::raw::{Doc, Table};
use crate::source::read_sources;

/// Largest chip description accepted, in bytes.
pub const MAX_BYTES: usize = 1 << 16;

/// With more syntax errors than this, a text is no TOML and its fields are not read.
const MAX_SYNTAX_ERRORS: usize = 64;

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

type Weights = Vec<(crate::raw::Field<u32>, Encoding)>;

fn read_weights(table: &mut Table<'_, '_>) -> Option<Weights> {
    let (_, items) = table.list("weights", true)?;
    let count = items.len();
    let read: Weights = items.into_iter().filter_map(Encoding::read).collect();
    (read.len() == count).then_some(read)
}
