//! Random damage to descriptions: it never panics, its errors stay bounded,
//! and whatever is accepted obeys the rules it was accepted under.

mod common;

use common::chips;
use proptest::prelude::*;
use spandrel_hwdesc::{Chip, parse};

/// What must hold for every chip that exists, computed without the crate's rules.
fn sound(chip: &Chip) {
    assert_eq!(parse(&chip.to_toml(), "again").as_ref(), Ok(chip));
    assert!(chip.core_inputs().get() >= 1 && chip.core_outputs().get() >= 1);
    assert!(!chip.weights().is_empty());
    assert!(chip.total_arrays().get() >= chip.fabric().total_cores().get());
    if let Some(c) = chip.crossbar() {
        assert!(c.read_bits().get() < c.adder_bits.get());
        assert_eq!(c.passes() * c.dac_bits.get(), c.input_bits.get());
        assert_eq!(c.logical_columns().get() * c.slices, c.bitlines.get());
        assert!(c.max_parts() >= 1 && c.weight_max() >= c.weight_min() && c.code_max() >= 1);
        assert!(c.bias_code <= c.input_max() && c.shift_min <= c.shift_max);
        for weight in chip.weights() {
            let (low, high) = weight.range();
            assert!(low >= i64::from(c.weight_min()) && high <= i64::from(c.weight_max()), "{weight:?}");
        }
    }
    for path in chip.sources().keys() {
        assert!(chip.source_of(path).is_some());
    }
}

fn check(text: &str) {
    match parse(text, "random.toml") {
        Ok(chip) => sound(&chip),
        Err(errors) => {
            assert!(!errors.is_empty() && errors.len() <= 65);
            for error in errors {
                let _ = error.to_string();
                if let Some(place) = error.place {
                    assert!(place.bytes.start <= text.len() && place.line >= 1 && place.column >= 1);
                }
            }
        }
    }
}

/// Pieces that are likely to matter.
const PIECES: &[&str] = &[
    "=",
    "\"",
    "[",
    "]",
    "[[",
    "{",
    "}",
    ",",
    ".",
    "\n",
    "#",
    "'''",
    "\"\"\"",
    "0",
    "1",
    "-1",
    "16",
    "64",
    "255",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "99999999999999999999",
    "0x10",
    "1e400",
    "nan",
    "inf",
    "true",
    "\"unlimited\"",
    "1979-05-27",
    "\u{0}",
    "é",
    "\u{feff}",
    "\r",
    "bits = 3\n",
    "[sources]\n",
    "[crossbar]\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_of_pieces(which in 0..9usize, edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12usize, 0..PIECES.len()), 1..6)) {
        let mut text: Vec<char> = chips()[which].1.chars().collect();
        for (at, cut, piece) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + cut).min(text.len());
            text.splice(at..end, PIECES[piece].chars());
        }
        check(&text.into_iter().collect::<String>());
    }

    #[test]
    fn values_exchanged(which in 0..9usize, edits in prop::collection::vec((any::<prop::sample::Index>(), 0..80i64), 1..4)) {
        let text = chips()[which].1;
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        for (at, value) in edits {
            let line = at.get_mut(&mut lines);
            if let Some((name, _)) = line.clone().split_once(" = ") {
                *line = format!("{name} = {value}");
            }
        }
        check(&lines.join("\n"));
    }

    #[test]
    fn lines_dropped_doubled_and_moved(which in 0..9usize, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..3u8), 1..4)) {
        let mut lines: Vec<&str> = chips()[which].1.lines().collect();
        for (from, to, how) in edits {
            let line = if how == 0 { lines[from.index(lines.len())] } else { lines.remove(from.index(lines.len())) };
            if how < 2 {
                lines.insert(to.index(lines.len() + 1), line);
            }
        }
        check(&lines.join("\n"));
    }

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn any_change_of_a_field(path in "[a-z0-9_.]{0,24}", value in "[a-z0-9\"\\[\\]{}=.\\n-]{0,12}") {
        let chip = spandrel_hwdesc::builtin("prime").unwrap();
        for path in [path.as_str(), "crossbar.rows", "weights.0", "crossbar.activations.1.kind", "sources"] {
            if let Ok(changed) = chip.with(&[(path, &value)]) {
                sound(&changed);
            }
        }
    }
}
