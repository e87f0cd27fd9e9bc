//! Every rule on files that break it, and on files that only look so.

use crate::rules;
use crate::source::{File, code, paths};

fn rust(text: &str) -> File {
    File::new("host/src/verify/mapping.rs", text)
}

#[test]
fn long_files_are_found() {
    let long = rust(&"\n".repeat(rules::LINES + 1));
    assert_eq!(rules::length(&long, &[]).len(), 1);
    assert_eq!(rules::length(&rust(&"\n".repeat(rules::LINES)), &[]), [""; 0]);
    assert_eq!(rules::length(&long, &[("host/src/verify/mapping.rs", rules::LINES + 1, "why")]), [""; 0]);
}

#[test]
fn missing_module_docs_are_found() {
    assert_eq!(rules::module_docs(&rust("// A comment.\n//! Docs.\n")).len(), 1);
    assert_eq!(rules::module_docs(&rust("")).len(), 1);
    assert_eq!(rules::module_docs(&rust("\n//! Docs.\n")), [""; 0]);
    assert_eq!(rules::module_docs(&rust("#![no_main]\n//! Docs.\n")), [""; 0]);
    assert_eq!(rules::module_docs(&File::new("a.md", "# Title")), [""; 0]);
}

#[test]
fn unsafe_code_is_found() {
    let found =
        rules::no_unsafe(&rust("//! Docs.\nfn f() { unsafe { g() } }\nunsafe impl T for U {}\n"), &[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("host/src/verify/mapping.rs:2:"), "{found:?}");
    let harmless =
        "// unsafe\n#![forbid(unsafe_code)]\nconst A: &str = \"unsafe {\";\n/* unsafe /* */ unsafe */\n";
    assert_eq!(rules::no_unsafe(&rust(harmless), &[]), [""; 0]);
    let allowed = [("host/src/verify/mapping.rs", "why")];
    assert_eq!(rules::no_unsafe(&rust("unsafe fn f() {}"), &allowed), [""; 0]);
}

#[test]
fn leftovers_are_found() {
    for text in
        [concat!("// TO", "DO: later"), concat!("// FIX", "ME"), concat!("fn f() { unimple", "mented!() }")]
    {
        assert_eq!(rules::no_leftovers(&rust(text)).len(), 1, "{text}");
    }
    let manifest = File::new("xtask/Cargo.toml", concat!("description = \"TO", "DO\""));
    assert_eq!(rules::no_leftovers(&manifest).len(), 1);
    assert_eq!(rules::no_leftovers(&rust("//! A method, mastodon, XXXL.\n")), [""; 0]);
}

#[test]
fn broken_layers_are_found() {
    for text in [
        "use crate::map::map;",
        "use crate::{diagnostic::Result, map};",
        "use crate::{a::{b, c}, emit::{check_image, write_image}};",
        "fn f() { crate::map::map() }",
        "pub(super) use crate::map as other;\n",
        "use super::super::map;",
        "use crate::compile::compile;",
    ] {
        assert_eq!(rules::layers(&rust(text)).len(), 1, "{text}");
    }
    for text in
        ["// use crate::map;", "use crate::mapping::A;", "use super::map;", "let a = \"crate::map::map\";"]
    {
        assert_eq!(rules::layers(&rust(text)), [""; 0], "{text}");
    }
    let core = File::new("core/src/lib.rs", "use serde::Serialize;\nuse spandrel_hwdesc::Chip;");
    assert_eq!(rules::layers(&core).len(), 2);
    let early = File::new("host/src/lower/mod.rs", "use crate::{graph::Graph, tune::Coded};");
    assert_eq!(rules::layers(&early).len(), 1);
}

#[test]
fn broken_dependencies_are_found() {
    let check =
        |path: &str, text: &str| rules::dependencies(&File::new(path, text), rules::DEPENDENCIES).len();
    assert_eq!(
        check("core/Cargo.toml", "[package]\nname = \"spandrel-core\"\n[dependencies]\ncrc = \"3\"\n"),
        0
    );
    assert_eq!(check("core/Cargo.toml", "[dependencies]\nspandrel-hwdesc.workspace = true\n"), 1);
    assert_eq!(check("core/Cargo.toml", "[dev-dependencies]\nspandrel-oracle = { path = \"..\" }\n"), 1);
    assert_eq!(check("tests/Cargo.toml", "[dependencies.spandrel-firmware]\npath = \"..\"\n"), 1);
    assert_eq!(
        check("tests/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nspandrel-firmware = \"1\"\n"),
        1
    );
    assert_eq!(
        check(
            "tests/Cargo.toml",
            "[dependencies]\nspandrel-core.workspace = true\n[features]\nspandrel-x = []\n"
        ),
        0
    );
    assert_eq!(check("new/Cargo.toml", "[package]\n"), 1);
}

#[test]
fn broken_links_are_found() {
    let file = File::new("docs/a.md", "[a](b.md) [c](https://x.y/z) [d](#here) [e](../f.md#g) [h](gone.md)");
    let found = rules::links(&file, |path| ["docs/b.md", "docs/../f.md"].contains(&path));
    assert_eq!(found, ["docs/a.md: the link to gone.md leads nowhere"]);
    let top = File::new("README.md", "[a](docs/b.md)");
    assert_eq!(rules::links(&top, |path| path == "docs/b.md"), [""; 0]);
}

#[test]
fn missing_sections_and_workspaces_are_found() {
    assert_eq!(rules::sections(&["CHIP", "EDGES"], "### CHIP, 8 bytes\n### EDGES2").len(), 1);
    let files = [
        File::new("xtask/src/test.rs", "\"a/Cargo.toml\""),
        File::new("a/Cargo.toml", "[workspace]"),
        File::new("b/Cargo.toml", "[workspace]"),
        File::new("c/Cargo.toml", "[package]"),
    ];
    assert_eq!(
        rules::workspaces(&files),
        ["b/Cargo.toml: a workspace that `cargo xtask test` does not test"]
    );
}

#[test]
fn code_is_told_from_text() {
    let text = "a('\"', '\\'', b'x', \"s\\\"\", r#\"\"raw\"\"#, br\"z\") // c\n'life: loop {} /* d\n */ e";
    assert_eq!(code(text).split_whitespace().collect::<String>(), "a(,,b,,,b)'life:loop{}e");
    assert_eq!(code(text).lines().count(), text.lines().count());
    assert_eq!(code("for r in r0 {\"\"}").trim(), "for r in r0 {  }");
}

#[test]
fn uses_are_taken_apart() {
    let found = paths("use a::{self, b::{c, d as e}, f::*};\nuse g;");
    assert_eq!(found[..5], ["a::self", "a::b::c", "a::b::d as e", "a::f::*", "g"]);
}
