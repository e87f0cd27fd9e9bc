//! docs/image-format.md says what the code does: its hexdump, its digests, its error names.

use spandrel_tests::{images::minimal, rules::RULES};
use std::fs;

fn document() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/image-format.md")).unwrap()
}

#[test]
fn the_hexdump_is_the_smallest_image() {
    let text = document();
    let dump = text.split("```hexdump\n").nth(1).unwrap().split("```").next().unwrap();
    let bytes: Vec<u8> = dump
        .lines()
        .flat_map(|line| line.split_whitespace().skip(1))
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    assert_eq!(bytes, minimal::image().build());
}

#[test]
fn the_table_of_errors_is_complete() {
    let text = document();
    let table = text.split("\n## Errors\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let named: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(named, RULES);
}

#[test]
fn the_digests_are_those_of_the_suites() {
    let (text, suite) = (document(), include_str!("images.rs"));
    for digest in [
        "e8a4b2ee7ede79a3afb332b5b6cc3d952a65fd8cffb897f5d18016577c33d7cc",
        "789a0fdb07cd6be6cd5c54234ea9d7dc64411841700c988e1da6bb3c466a802b",
    ] {
        assert!(text.contains(digest) && suite.contains(digest), "{digest}");
    }
}
