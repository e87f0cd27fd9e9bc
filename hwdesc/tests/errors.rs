//! Errors: each rule broken alone, several at once, and their text.

mod common;

use common::edited;
use spandrel_hwdesc::{DescError, MAX_BYTES, Rule, find, parse, render};

fn errors(text: &str) -> Vec<DescError> {
    parse(text, "chip.toml").expect_err("the description should be refused")
}

#[test]
fn five_mistakes_give_five_errors() {
    let found = parse(include_str!("golden/five-mistakes.toml"), "five-mistakes.toml").unwrap_err();
    common::golden("five-mistakes.txt", &render(&found));
    let rules: Vec<_> = found.iter().map(|e| (e.rule, e.path.as_str())).collect();
    // A misspelt field is one mistake, though the right one is absent because of it.
    assert_eq!(
        rules,
        [
            (Rule::Type, "crossbar.rows"),
            (Rule::Contradiction, "crossbar.dac_bits"),
            (Rule::UnknownField, "crossbar.roundign"),
            (Rule::Range, "crossbar.shift_max"),
            (Rule::Contradiction, "crossbar.bias_code"),
        ]
    );
}

/// (chip, line, replacement, rule, path): each breaks one rule and no other.
const SINGLE: &[(&str, &str, &str, Rule, &str)] = &[
    // Top level.
    ("prime", "name = \"prime\"", "name = \"Prime\"", Rule::Range, "name"),
    ("prime", "name = \"prime\"", "name = \"\"", Rule::Range, "name"),
    ("prime", "revision = 1", "revision = 0", Rule::Range, "revision"),
    ("prime", "revision = 1", "revision = 1\nrevison = 1", Rule::UnknownField, "revison"),
    ("prime", "revision = 1", "", Rule::Missing, "revision"),
    ("prime", "kind = \"crossbar\"", "kind = \"analog\"", Rule::Range, "kind"),
    ("prime", "kind = \"crossbar\"", "kind = 3", Rule::Type, "kind"),
    ("prime", "[fan_out]", "[mac]\nrows = 1\n[fan_out]", Rule::UnknownField, "mac"),
    // Weights.
    ("prime", "\nbits = 8", "\nbits = 9", Rule::Contradiction, "weights.0.bits"),
    ("prime", "\nbits = 8", "\nbits = 0", Rule::Range, "weights.0.bits"),
    ("prime", "kind = \"sign_magnitude\"", "kind = \"fractional\"", Rule::Range, "weights.0.kind"),
    (
        "isaac",
        "\nbits = 8\n\n",
        "\nbits = 8\n[[weights]]\nkind = \"dynamic_fixed_point\"\nbits = 17\n",
        Rule::Range,
        "weights.1.bits",
    ),
    (
        "isaac",
        "kind = \"dynamic_fixed_point\"",
        "kind = \"sign_magnitude\"",
        Rule::Contradiction,
        "weights.0.bits",
    ),
    ("tianji", "threshold_min = 1", "threshold_min = 70000", Rule::Contradiction, "weights.0.threshold_min"),
    ("loihi", "point_min = -7", "point_min = 9", Rule::Contradiction, "weights.0.point_min"),
    ("tpu", "bits = 8\nsymmetric", "bits = 1\nsymmetric", Rule::Contradiction, "weights.0.symmetric"),
    ("tianji-ann", "index_bits = 4", "index_bits = 9", Rule::Range, "weights.1.index_bits"),
    ("tianji-ann", "per = \"core\"\n\n", "per = \"chip\"\n\n", Rule::Range, "weights.1.per"),
    ("truenorth", "types = 4", "types = 0", Rule::Range, "weights.0.types"),
    // Fan-out and fabric.
    ("tianji", "multicast = false", "multicast = true", Rule::Contradiction, "fan_out.multicast"),
    ("tianji", "targets = 1", "targets = 0", Rule::Range, "fan_out.targets"),
    ("prime", "targets = \"unlimited\"", "targets = \"many\"", Rule::Type, "fan_out.targets"),
    ("tianji", "mesh_height = 3", "mesh_height = 4", Rule::Contradiction, "fabric.mesh_width"),
    ("tianji", "mesh_height = 3", "", Rule::Contradiction, "fabric.topology"),
    (
        "prime",
        "topology = \"bus\"",
        "topology = \"bus\"\nmesh_width = 8",
        Rule::Contradiction,
        "fabric.mesh_width",
    ),
    ("prime", "cores = 64", "cores = 0", Rule::Range, "fabric.cores"),
    // Crossbar.
    ("prime", "dac_bits = 3", "dac_bits = 4", Rule::Contradiction, "crossbar.dac_bits"),
    ("prime", "bitlines = 256", "bitlines = 255", Rule::Contradiction, "crossbar.slices"),
    ("prime", "slices = 2", "slices = 8", Rule::Contradiction, "crossbar.slices"),
    ("prime", "input_signed = false", "input_signed = true", Rule::Range, "crossbar.input_signed"),
    ("prime", "readout = \"composed\"", "readout = \"exact\"", Rule::Contradiction, "crossbar.readout"),
    ("isaac", "readout = \"exact\"", "readout = \"composed\"", Rule::Contradiction, "crossbar.adc_bits"),
    (
        "isaac",
        "adder_bits = 32\nsum_shift_max = 31",
        "adder_bits = 23\nsum_shift_max = 22",
        Rule::Contradiction,
        "crossbar.adder_bits",
    ),
    ("prime", "shift_min = 0", "shift_min = 17", Rule::Contradiction, "crossbar.shift_min"),
    ("prime", "bias_code = 63", "bias_code = 64", Rule::Contradiction, "crossbar.bias_code"),
    (
        "isaac",
        "bias_rows = 8\nbias_rows_inside = false",
        "bias_rows = 128\nbias_rows_inside = true",
        Rule::Contradiction,
        "crossbar.bias_rows",
    ),
    (
        "prime",
        "adder_bits = 16\nsum_shift_max = 15",
        "adder_bits = 6\nsum_shift_max = 0",
        Rule::Contradiction,
        "crossbar.adder_bits",
    ),
    ("prime", "sum_shift_max = 15", "sum_shift_max = 16", Rule::Contradiction, "crossbar.sum_shift_max"),
    (
        "prime",
        "{ kind = \"relu\" }",
        "{ kind = \"table\", entries = 128 }",
        Rule::Contradiction,
        "crossbar.activations.0.entries",
    ),
    (
        "prime",
        "{ kind = \"relu\" }",
        "{ kind = \"relu\", entries = 128 }",
        Rule::UnknownField,
        "crossbar.activations.0.entries",
    ),
    ("prime", "{ kind = \"relu\" }", "\"relu\"", Rule::Type, "crossbar.activations.0"),
    (
        "prime",
        "single_array_only = true",
        "single_array_only = 1",
        Rule::Type,
        "crossbar.activations.1.single_array_only",
    ),
    ("prime", ", \"pool\"]", "]", Rule::Contradiction, "crossbar.order"),
    ("prime", "[\"requantise\", ", "[", Rule::Range, "crossbar.order"),
    ("prime", "[\"requantise\", ", "[\"pool\", ", Rule::Range, "crossbar.order.2"),
    ("prime", "rounding = \"floor\"", "rounding = \"half_up\"", Rule::Range, "crossbar.rounding"),
    // MAC.
    ("wide", "entries = 65536", "entries = 65535", Rule::Contradiction, "mac.activations.2.entries"),
    ("wide", "multiplier_bits = 32", "", Rule::Contradiction, "mac.requantise"),
    (
        "tianji-ann",
        "requantise = \"shift\"",
        "requantise = \"shift\"\nmultiplier_bits = 8",
        Rule::Contradiction,
        "mac.multiplier_bits",
    ),
    ("tianji-ann", "rounding = \"half_up\"", "rounding = \"gemmlowp\"", Rule::Contradiction, "mac.rounding"),
    ("tpu", "accumulator_bits = 32", "accumulator_bits = 33", Rule::Contradiction, "mac.accumulator_bits"),
    ("tpu", "shift_max = 62", "shift_max = 63", Rule::Contradiction, "mac.shift_max"),
    ("tianji-ann", "bias_bits = 24", "bias_bits = 25", Rule::Contradiction, "mac.bias_bits"),
    ("tianji-ann", "shift_min = 0", "shift_min = 17", Rule::Contradiction, "mac.shift_min"),
    (
        "diannao",
        "accumulator_bits = 48\noverflow = \"saturate\"\naccumulate_across_cores = true\nbias_bits = 48",
        "accumulator_bits = 31\noverflow = \"saturate\"\naccumulate_across_cores = true\nbias_bits = 31",
        Rule::Contradiction,
        "mac.accumulator_bits",
    ),
    ("diannao", "segments = 16", "segments = 1", Rule::Range, "mac.activations.0.segments"),
    (
        "wide",
        "kind = \"dynamic_fixed_point\"\nbits = 16",
        "kind = \"axon_typed\"\ntypes = 4\nvalue_bits = 8",
        Rule::Contradiction,
        "weights.0.value_bits",
    ),
    ("wide", "energy_pj = 1.5", "energy_pj = -1.5", Rule::Range, "cost.energy_pj"),
    ("wide", "energy_pj = 1.5", "energy_pj = nan", Rule::Range, "cost.energy_pj"),
    ("wide", "energy_pj = 1.5", "energy_pj = \"1.5\"", Rule::Type, "cost.energy_pj"),
    // Spiking.
    ("tianji", "reset = [\"zero\"]", "reset = []", Rule::Range, "spiking.reset"),
    ("tianji", "threshold_bits = 16", "threshold_bits = 24", Rule::Contradiction, "spiking.threshold_bits"),
    ("loihi", "threshold_shift = 6", "threshold_shift = 7", Rule::Contradiction, "spiking.threshold_bits"),
    (
        "tianji",
        "floor = \"none\"",
        "floor = \"none\"\ncurrent_bits = 24",
        Rule::Contradiction,
        "spiking.current_bits",
    ),
    (
        "tianji",
        "floor = \"none\"",
        "floor = \"none\"\ncurrent_overflow = \"wrap\"",
        Rule::Contradiction,
        "spiking.current_overflow",
    ),
    ("loihi", "current_bits = 24", "", Rule::Missing, "spiking.current_bits"),
    (
        "loihi",
        "potential_overflow = \"saturate\"",
        "potential_overflow = \"wrap\"",
        Rule::Contradiction,
        "spiking.potential_limits",
    ),
    ("loihi", "offset = 1", "offset = 2", Rule::Range, "spiking.current_decay.offset"),
    (
        "truenorth",
        "threshold_bits = 18\npotential_bits = 20",
        "threshold_bits = 5\npotential_bits = 8",
        Rule::Contradiction,
        "spiking.potential_bits",
    ),
    (
        "tianji",
        "kind = \"fraction\"\nbits = 8\nthreshold_min = 1\nthreshold_max = 65535",
        "kind = \"sign_magnitude\"\nbits = 8",
        Rule::Contradiction,
        "weights.0.bits",
    ),
    ("tianji", "fire = \">=\"", "fire = \"=>\"", Rule::Range, "spiking.fire"),
    // Sources.
    (
        "prime",
        "\"crossbar.rows\" = \"P\"",
        "\"crossbar.rowz\" = \"P\"",
        Rule::Source,
        "sources.crossbar.rowz",
    ),
    (
        "prime",
        "\"crossbar.rows\" = \"P\"",
        "\"crossbar.rows\" = \"Q\"",
        Rule::Source,
        "sources.crossbar.rows",
    ),
    (
        "prime",
        "\"crossbar.rows\" = \"P\"",
        "\"crossbar.rows\" = \"other\"",
        Rule::Source,
        "sources.crossbar.rows",
    ),
    ("prime", "\"crossbar.rows\" = \"P\"", "\"crossbar.rows\" = 1", Rule::Type, "sources.crossbar.rows"),
    (
        "prime",
        "\"crossbar.rows\" = \"P\"",
        "\"crossbar.adc_bits\" = \"P\"",
        Rule::Source,
        "sources.crossbar.adc_bits",
    ),
];

#[test]
fn each_rule_broken_alone_gives_one_error_in_its_place() {
    for (chip, old, new, rule, path) in SINGLE {
        let text = edited(chip, old, new);
        let found = match parse(&text, chip) {
            Err(found) => found,
            Ok(_) => panic!("{chip}: {new:?} was accepted"),
        };
        let places: Vec<_> = found.iter().map(|e| (e.rule, e.path.as_str())).collect();
        assert_eq!(places, [(*rule, *path)], "{chip}: {old:?} -> {new:?}\n{}", render(&found));
        let error = &found[0];
        assert!(!error.because.is_empty() && !error.help.is_empty(), "{error}");
        // What was found stands where the error points, for single values.
        if let (Some(shown), Some(place)) = (&error.found, &error.place) {
            let span = &text[place.bytes.clone()];
            let simple = !shown.starts_with("a ") && error.rule != Rule::UnknownField;
            assert!(!simple || span == shown, "{span:?} is not {shown:?}");
            let line = text.lines().nth(place.line - 1).unwrap();
            let first = span.lines().next().unwrap_or("");
            assert_eq!(line.find(first).map(|_| true), Some(true), "{first:?} is not on line {}", place.line);
        } else {
            let top = matches!(*path, "name" | "revision" | "kind");
            assert!(error.place.is_some() || top, "{error}");
        }
    }
}

#[test]
fn the_text_of_every_single_error() {
    let mut all = String::new();
    for (chip, old, new, _, _) in SINGLE {
        all += &render(&errors(&edited(chip, old, new)));
        all.push('\n');
    }
    common::golden("single.txt", &all);
}

#[test]
fn a_syntax_error_does_not_hide_the_others_and_absence_is_not_reported() {
    let text = edited("prime", "rows = 256", "rows = = 256").replace("dac_bits = 3", "dac_bits = 4");
    let found = errors(&text);
    let rules: Vec<_> = found.iter().map(|e| (e.rule, e.path.as_str())).collect();
    assert_eq!(rules, [(Rule::Syntax, ""), (Rule::Contradiction, "crossbar.dac_bits")], "{}", render(&found));
    let line = text.lines().position(|l| l.contains("= =")).unwrap() + 1;
    assert_eq!(found[0].place.as_ref().unwrap().line, line);
}

#[test]
fn an_empty_file_names_every_required_part() {
    let found = errors("");
    let paths: Vec<_> = found.iter().map(|e| e.path.as_str()).collect();
    assert_eq!(paths, ["name", "revision", "kind", "weights", "fan_out", "fabric"]);
}

#[test]
fn a_large_file_is_refused_unread() {
    let text = "#".repeat(MAX_BYTES + 1);
    let found = errors(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].rule, Rule::Size);
    assert!(parse(&"#".repeat(MAX_BYTES), "x").unwrap_err().iter().all(|e| e.rule == Rule::Missing));
}

#[test]
fn a_flood_of_errors_is_bounded() {
    let mut text = String::new();
    for i in 0..3_000 {
        text += &format!("f{i} = {i}\n");
    }
    let found = errors(&text);
    assert!(found.len() <= 65);
    assert_eq!(found.last().unwrap().rule, Rule::TooMany);
}

#[test]
fn depth_does_not_exhaust_the_stack() {
    for part in ["a.", "[", "{a=", "[a.", "\"a\" . ", "a\t."] {
        let many = part.repeat(MAX_BYTES / part.len() - 8);
        errors(&format!("{many}x = 1"));
        errors(&format!("x = {many}"));
        errors(&format!("[{many}x]"));
        errors(&format!("[[{many}x]]"));
    }
    let deep = "a.".repeat(2000);
    errors(&format!("{deep}x = 1"));
    errors(&format!("[{deep}x]\n{deep}y = 1\n"));
    errors(&format!("x = {}1{}", "{ a = ".repeat(2000), " }".repeat(2000)));
    errors(&format!("[sources]\n{deep}x = \"P\"\n"));
}

#[test]
fn chips_are_found_by_name_and_by_path() {
    assert_eq!(find("prime").unwrap().name(), "prime");
    let unknown = find("prine").unwrap_err();
    assert_eq!(unknown[0].rule, Rule::UnknownChip);
    assert!(unknown[0].help.contains("did you mean `prime`"), "{}", unknown[0]);
    assert_eq!(find("no/such/file.toml").unwrap_err()[0].rule, Rule::Io);
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    assert_eq!(find(dir).unwrap_err()[0].rule, Rule::Io);
    assert_eq!(find(&format!("{dir}/chips/wide.toml")).unwrap().name(), "wide");
}
