//! Chips that differ from another in some fields.

use crate::chip::Chip;
use crate::error::{DescError, Rule, shorten};
use crate::parse::parse;
use crate::source::{Mark, Source};

impl Chip {
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
