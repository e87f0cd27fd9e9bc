//! The canonical text: complete, readable back, and equal chip for chip.

mod common;

use common::chips;
use spandrel_hwdesc::{builtin, builtin_names, builtin_text, parse, render};

#[test]
fn every_chip_survives_its_canonical_text() {
    for (name, text) in chips() {
        let chip = parse(text, name).unwrap_or_else(|e| panic!("{}", render(&e)));
        let canonical = chip.to_toml();
        let again = parse(&canonical, name).unwrap_or_else(|e| panic!("{canonical}\n{}", render(&e)));
        assert_eq!(again, chip, "{name}");
        assert_eq!(again.to_toml(), canonical, "{name}");
    }
}

#[test]
fn every_built_in_chip_parses_and_bears_its_name() {
    assert_eq!(
        builtin_names(),
        ["prime", "isaac", "tianji-ann", "diannao", "tpu", "tianji", "tianji-subtract", "truenorth", "loihi"]
    );
    for name in builtin_names() {
        let chip = builtin(name).unwrap();
        assert_eq!(chip.name(), *name);
        assert!(builtin_text(name).is_some());
    }
}

#[test]
fn the_canonical_text_of_prime() {
    common::golden("prime.canonical.toml", &builtin("prime").unwrap().to_toml());
}

/// Names of all fields in a tree, at any depth; names in `[sources]` are paths, not fields.
fn field_names(value: &toml::Value, into: &mut std::collections::BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                into.insert(name.clone());
                if name != "sources" {
                    field_names(value, into);
                }
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| field_names(item, into)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented() {
    let document = include_str!("../../docs/chip-description.md");
    let mut names = std::collections::BTreeSet::new();
    for (name, text) in chips() {
        let canonical = parse(text, name).unwrap().to_toml();
        field_names(&toml::Value::Table(toml::from_str(&canonical).unwrap()), &mut names);
    }
    assert!(names.len() > 80, "{}", names.len());
    for name in names {
        let ways = [format!("`{name}`"), format!(".{name}`"), format!("[{name}]"), format!(".{name}]")];
        assert!(ways.iter().any(|way| document.contains(way)), "{name} is not in docs/chip-description.md");
    }
}
