//! `spandrel chips`: the built-in chips, and one chip value by value.

use std::fmt::Write as _;

use spandrel_hwdesc::{Chip, builtin, builtin_names};
use toml::Value;

use super::{Done, print};
use crate::diagnostic::Result;

#[derive(clap::Args)]
pub(super) struct Args {
    /// A built-in chip, or a description file (a path that ends in .toml)
    name: Option<String>,

    /// The chip as a description file, to begin one of your own with
    #[arg(long, requires = "name")]
    toml: bool,
}

pub(super) fn chips(args: &Args) -> Result<Done> {
    let text = match &args.name {
        Some(name) if args.toml => crate::chips::find(name)?.to_toml(),
        Some(name) => chip_text(&crate::chips::find(name)?),
        None => list(),
    };
    print(&text);
    Done::passed(None)
}

fn list() -> String {
    let mut text = String::new();
    for name in builtin_names() {
        let about = builtin(name).map(|chip| chip.about().to_owned()).unwrap_or_default();
        let _ = writeln!(text, "{name:12}  {about}");
    }
    text
}

/// Every value with its dotted path and its source; derived figures behind.
fn chip_text(chip: &Chip) -> String {
    let mut lines = Vec::new();
    if let Ok(table) = chip.to_toml().parse::<toml::Table>() {
        for (key, value) in table.iter().filter(|(key, _)| *key != "sources") {
            flatten(key, value, &mut lines);
        }
    }
    let width = lines.iter().map(|(path, value)| path.len() + value.len() + 3).filter(|w| *w < 60).max();
    let mut text = String::new();
    for (path, value) in &lines {
        let line = format!("{path} = {value}");
        let _ = match chip.source_of(path) {
            Some(source) => writeln!(text, "{line:width$}  # {source}", width = width.unwrap_or(0)),
            None => writeln!(text, "{line}"),
        };
    }
    let _ = writeln!(text, "\n# core: {} inputs, {} outputs", chip.core_inputs(), chip.core_outputs());
    let _ = writeln!(text, "# cores: {}, arrays: {}", chip.fabric().total_cores(), chip.total_arrays());
    let _ = writeln!(
        text,
        "# sources: P Chi et al. 2016, N Ji et al. 2016, B Ji et al. 2018, L Lava and Loihi rules, T Merolla et al. 2014"
    );
    text
}

/// Tables, and lists of tables by number, are walked into; all else is one line.
fn flatten(path: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) if !table.is_empty() => {
            table.iter().for_each(|(key, value)| flatten(&format!("{path}.{key}"), value, lines));
        }
        Value::Array(list) if list.iter().any(Value::is_table) => {
            for (number, value) in list.iter().enumerate() {
                flatten(&format!("{path}.{number}"), value, lines);
            }
        }
        value => lines.push((path.to_owned(), value.to_string())),
    }
}
