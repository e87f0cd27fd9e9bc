//! House rules, executable. `rules` holds them, `source` reads the repository; here they are applied, and tried on
//! made-up files that break them.

mod planted;
mod rules;
mod source;

use source::{File, files, root};
use spandrel_core::image::Tag;

/// Fails with everything that is broken.
fn demand(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

fn all(rule: impl Fn(&File) -> Vec<String>) {
    let files = files();
    // A walk that finds nothing would pass every rule.
    assert!(files.iter().filter(|file| file.is_rust()).count() > 100, "the repository was not found");
    demand(files.iter().flat_map(rule).collect());
}

#[test]
fn files_are_short() {
    all(|file| rules::length(file, rules::LONG));
}

#[test]
fn modules_are_documented() {
    all(rules::module_docs);
}

#[test]
fn unsafe_code_has_its_places() {
    all(|file| rules::no_unsafe(file, rules::UNSAFE));
}

#[test]
fn nothing_is_left_over() {
    all(rules::no_leftovers);
}

#[test]
fn layers_are_kept() {
    all(rules::layers);
}

#[test]
fn dependencies_are_kept() {
    all(|file| rules::dependencies(file, rules::DEPENDENCIES));
}

#[test]
fn links_lead_somewhere() {
    all(|file| rules::links(file, |path| root().join(path).exists()));
}

#[test]
fn every_section_is_described() {
    let document =
        files().into_iter().find(|file| file.path == "docs/image-format.md").expect("the document");
    let tags: Vec<&str> = Tag::KNOWN.iter().map(Tag::text).collect();
    demand(rules::sections(&tags, &document.text));
}

#[test]
fn every_workspace_is_tested() {
    demand(rules::workspaces(&files()));
}

#[test]
fn exceptions_are_needed() {
    let files = files();
    let find = |path: &str| files.iter().find(|file| file.path == path);
    for (path, limit, _) in rules::LONG {
        let lines = find(path).map_or(0, |file| file.text.lines().count());
        assert!(
            lines > rules::LINES && lines <= *limit,
            "{path} has {lines} lines: no exception needed, or a wrong one"
        );
    }
    for (path, _) in rules::UNSAFE {
        let file = find(path).unwrap_or_else(|| panic!("{path} does not exist"));
        assert!(!rules::no_unsafe(file, &[]).is_empty(), "{path} holds no unsafe code: no exception needed");
    }
    for (path, _) in rules::DEPENDENCIES {
        assert!(find(path).is_some(), "{path} does not exist");
    }
    for layer in rules::LAYERS {
        assert!(
            files.iter().any(|file| file.path.starts_with(layer.files)),
            "{} does not exist",
            layer.files
        );
    }
}
