//! Shared by the tests: all chips of the field, and golden texts.
#![allow(dead_code)]

use std::path::PathBuf;

fn builtin(name: &str) -> &'static str {
    spandrel_hwdesc::builtin_text(name).unwrap()
}

/// Chips as (name, text): the built-in ones, and test descriptions that show
/// that the format holds every kind of core.
pub(crate) fn chips() -> Vec<(&'static str, &'static str)> {
    vec![
        ("prime", builtin("prime")),
        ("isaac", builtin("isaac")),
        ("tianji-ann", builtin("tianji-ann")),
        ("diannao", builtin("diannao")),
        ("tpu", builtin("tpu")),
        ("tianji", builtin("tianji")),
        ("tianji-subtract", builtin("tianji-subtract")),
        ("truenorth", builtin("truenorth")),
        ("loihi", builtin("loihi")),
        ("wide", include_str!("../chips/wide.toml")),
    ]
}

/// The text of one chip with one line replaced; the old line must exist once.
pub(crate) fn edited(name: &str, old: &str, new: &str) -> String {
    let text = chips().into_iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!(text.matches(old).count(), 1, "{old:?} in {name}");
    text.replacen(old, new, 1)
}

/// Compares with `tests/golden/NAME`; with SPANDREL_BLESS set, writes it.
pub(crate) fn golden(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("SPANDREL_BLESS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        golden == text,
        "{name} differs (SPANDREL_BLESS=1 writes it):\n--- golden\n{golden}\n--- now\n{text}"
    );
}
