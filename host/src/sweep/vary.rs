//! What is varied: fields of the chip and settings of the compiler, each with its values.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use spandrel_hwdesc::{Chip, Rule};

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::settings::{SETTINGS, Settings, nearest_of};

/// The most cells of a sweep.
pub const MAX_CELLS: usize = 65_536;

/// Something that has a value in every cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// A setting, by key ([`crate::settings`]).
    Setting(String),
    /// A value of the chip description, by dotted path ([`Chip::with`]).
    Chip(String),
}

impl Field {
    /// Key or path.
    pub fn name(&self) -> &str {
        match self {
            Self::Setting(name) | Self::Chip(name) => name,
        }
    }
}

/// Fields that change together, and the values they take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vary {
    /// Keys of settings and dotted paths into the chip; a key comes before a path of the same name.
    fields: Vec<String>,
    /// As they were written: for several fields either one value that all of them take, or one for each with `/` between.
    pub(super) values: Vec<String>,
}

impl Vary {
    /// The names of all fields, `+` between two.
    pub fn name(&self) -> String {
        self.fields.join("+")
    }

    /// The values, in the order they were given.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// The fields in order.
    pub fn fields(&self) -> Vec<Field> {
        self.fields.iter().map(|name| field(name)).collect()
    }

    /// What each field becomes at `value`.
    pub(super) fn assignments<'v>(&self, value: &'v str) -> Vec<(Field, &'v str)> {
        let parts: Vec<&str> = value.split('/').collect();
        let apart = self.fields.len() > 1 && parts.len() == self.fields.len();
        let part = |at: usize| if apart { parts[at] } else { value };
        self.fields().into_iter().enumerate().map(|(at, field)| (field, part(at))).collect()
    }

    /// Whether `other` varies the same fields over the same values and perhaps more.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.fields == other.fields && self.values.iter().all(|value| other.values.contains(value))
    }
}

fn field(name: &str) -> Field {
    match SETTINGS.iter().any(|setting| setting.key == name) {
        true => Field::Setting(name.to_owned()),
        false => Field::Chip(name.to_owned()),
    }
}

/// A value of the chip as TOML text: what is not TOML is a word, which needs no quotes here.
pub(super) fn as_toml(value: &str) -> String {
    let table = toml::from_str::<toml::Table>(&format!("v = {value}"));
    match table.is_ok_and(|table| table.len() == 1) {
        true => value.to_owned(),
        // JSON's strings are TOML's basic strings.
        false => serde_json::Value::String(value.to_owned()).to_string(),
    }
}

/// Reads items such as `mac.input_bits+mac.output_bits=1,2,3` for a sweep over `chip`.
///
/// # Errors
/// SP0007 for names that are neither a setting nor a field of the chip, SP0006 for values that a setting never has, SP0004 for
/// items that are no `FIELD=VALUES`, name a field or a value twice, or make more than [`MAX_CELLS`] cells; all at once.
pub fn vary<'a>(items: impl IntoIterator<Item = &'a str>, chip: &Chip) -> Result<Vec<Vary>> {
    let mut found = Diagnostics::default();
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for item in items {
        let place = format!("--vary {item}");
        let Some((names, values)) = item.split_once('=') else {
            let rule = "the item has no equals sign";
            found.push(Diagnostic::error("SP0004", place, rule, "write FIELD=VALUE,VALUE,…"));
            continue;
        };
        let fields: Vec<String> = names.split('+').map(|name| name.trim().to_owned()).collect();
        let vary = Vary { fields, values: split(values) };
        for name in &vary.fields {
            if !seen.insert(name.clone()) {
                let rule = format!("{name} is varied twice");
                found.push(Diagnostic::error("SP0004", place.clone(), rule, "name each field once"));
            }
        }
        check(&vary, chip, &place, &mut found);
        all.push(vary);
    }
    let cells = all.iter().try_fold(1usize, |cells, vary| cells.checked_mul(vary.values.len()));
    if cells.is_none_or(|cells| cells > MAX_CELLS) {
        let rule = format!("the sweep has more than {MAX_CELLS} cells");
        found.push(Diagnostic::error("SP0004", "--vary", rule, "give fewer values, or make several sweeps"));
    }
    found.into_result(all)
}

/// The values between commas; commas within brackets, braces and quotes belong to a value.
fn split(values: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let (mut depth, mut quote) = (0i32, None);
    for c in values.chars() {
        match (c, quote) {
            (_, Some(end)) => quote = Some(end).filter(|end| *end != c),
            ('"' | '\'', None) => quote = Some(c),
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth -= 1,
            _ => {}
        }
        match (c, all.last_mut()) {
            (',', _) if depth <= 0 && quote.is_none() => all.push(String::new()),
            (_, Some(last)) => last.push(c),
            _ => {}
        }
    }
    all.iter().map(|value| value.trim().to_owned()).collect()
}

fn check(vary: &Vary, chip: &Chip, place: &str, found: &mut Diagnostics) {
    let mut once = BTreeSet::new();
    for value in &vary.values {
        let parts = value.split('/').count();
        let rule = if value.is_empty() {
            "a value is empty".to_owned()
        } else if !once.insert(value) {
            format!("the value {value} is given twice")
        } else if vary.fields.len() > 1 && parts > 1 && parts != vary.fields.len() {
            format!("{value} has {parts} parts for {} fields", vary.fields.len())
        } else {
            continue;
        };
        let way_out = "write FIELD=VALUE,VALUE,…, or A+B=1,2 (both the same), or A+B=1/8,2/4 (each its own)";
        found.push(Diagnostic::error("SP0004", place, rule, way_out));
    }
    let known = |name: &str| match field(name) {
        Field::Setting(_) => true,
        Field::Chip(path) => {
            // A field that may be left out is known to the reader of descriptions alone.
            let first = vary.values.first().map_or("", String::as_str);
            has_field(
                chip,
                &path,
                vary.assignments(first).iter().find(|(f, _)| f.name() == path).map_or("", |a| a.1),
            )
        }
    };
    for name in vary.fields.iter().filter(|name| !known(name)) {
        let fields = fields_of(chip);
        let names = || SETTINGS.iter().map(|setting| setting.key).chain(fields.iter().map(String::as_str));
        let rule = format!("{name:?} is neither a setting nor a field of the chip {}", chip.name());
        let near = nearest_of(name, names()).or_else(|| last_part(name, names()));
        let way_out = match near {
            Some(near) => format!("did you mean {near}? "),
            None => String::new(),
        };
        let way_out = format!(
            "{way_out}`spandrel compile --help` lists the settings, `spandrel chips {}` the fields",
            chip.name()
        );
        found.push(Diagnostic::error("SP0007", place, rule, way_out));
    }
    for (field, value) in vary.values.iter().flat_map(|value| vary.assignments(value)) {
        if let Field::Setting(key) = field
            && let Err(mut diagnostic) = Settings::default().set(&key, value)
        {
            place.clone_into(&mut diagnostic.place);
            found.push(diagnostic);
        }
    }
}

/// A name that ends as `name` does.
fn last_part<'n>(name: &str, mut names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let last = name.rsplit('.').next().filter(|last| !last.is_empty())?;
    names.find(|known| known.rsplit('.').next() == Some(last))
}

/// Dotted paths of all values of a description but names, texts and sources.
fn fields_of(chip: &Chip) -> Vec<String> {
    fn walk(value: &toml::Value, path: &str, found: &mut Vec<String>) {
        let inside = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match value {
            toml::Value::Table(table) => table.iter().for_each(|(key, v)| walk(v, &inside(key), found)),
            toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
                items.iter().enumerate().for_each(|(at, v)| walk(v, &inside(&at.to_string()), found));
            }
            _ => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    let tree = toml::from_str::<toml::Table>(&chip.to_toml()).unwrap_or_default();
    for (key, value) in tree {
        if !["name", "revision", "kind", "about", "reference", "sources"].contains(&key.as_str()) {
            walk(&value, &key, &mut found);
        }
    }
    found
}

/// Whether a description of this kind may have a value at `path`.
fn has_field(chip: &Chip, path: &str, value: &str) -> bool {
    let fields = fields_of(chip);
    let inside = format!("{path}.");
    if fields.iter().any(|field| field == path || field.starts_with(&inside)) {
        return true;
    }
    let (around, _) = path.rsplit_once('.').unwrap_or(("", path));
    let around_is_known =
        around == "cost" || fields.iter().any(|field| field.starts_with(&format!("{around}.")));
    let unknown =
        |errors: Vec<spandrel_hwdesc::DescError>| errors.iter().any(|e| e.rule == Rule::UnknownField);
    !path.starts_with("sources")
        && around_is_known
        && !chip.with(&[(path, &as_toml(value))]).is_err_and(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prime() -> Chip {
        spandrel_hwdesc::builtin("prime").unwrap()
    }

    #[test]
    fn several_fields_take_one_value_or_one_each() {
        let items = ["crossbar.rows+crossbar.bitlines=64,128/256", "tune = nearest,full"];
        let all = vary(items, &prime()).unwrap();
        let chip = |path: &str| Field::Chip(path.to_owned());
        let (rows, lines) = (chip("crossbar.rows"), chip("crossbar.bitlines"));
        assert_eq!(all[0].assignments("64"), [(rows.clone(), "64"), (lines.clone(), "64")]);
        assert_eq!(all[0].assignments("128/256"), [(rows, "128"), (lines, "256")]);
        assert_eq!(all[1].fields(), [Field::Setting("tune".into())]);
        assert_eq!(all[1].values(), ["nearest", "full"]);
    }

    #[test]
    fn commas_within_a_value_stay_in_it() {
        assert_eq!(split("[{ kind = \"a,b\" }, 2], 3,'x,y'"), ["[{ kind = \"a,b\" }, 2]", "3", "'x,y'"]);
        assert_eq!(split("]1,2"), ["]1", "2"]);
    }

    #[test]
    fn words_need_no_quotes() {
        assert_eq!(
            ["3", "floor", "[1, 2]", "1\nx = 2"].map(as_toml),
            ["3", "\"floor\"", "[1, 2]", "\"1\\nx = 2\""]
        );
    }

    #[test]
    fn every_field_of_every_built_in_chip_is_known() {
        for name in spandrel_hwdesc::builtin_names() {
            let chip = spandrel_hwdesc::builtin(name).unwrap();
            for field in fields_of(&chip) {
                assert!(has_field(&chip, &field, "1"), "{name}: {field}");
            }
            assert!(!has_field(&chip, "sources.fabric", "1") && !has_field(&chip, "fabric.cors", "1"));
        }
    }
}
