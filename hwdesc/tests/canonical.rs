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
    assert_eq!(builtin_names(), ["prime"]);
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
