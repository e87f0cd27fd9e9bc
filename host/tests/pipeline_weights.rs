//! The sets that weights come from, through the whole pipeline on digital cores: tables, thresholds, and what a chip refuses.

mod pipeline_common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pipeline_common::{digits, folder, request};
use spandrel::compile::{Compiled, compile};
use spandrel::diagnostic::Result;
use spandrel::encode::Form;
use spandrel::tune::Periphery;
use spandrel_hwdesc::builtin;

fn chip(name: &str, of: &str, changes: &[(&str, &str)]) -> PathBuf {
    let made = builtin(of).unwrap().with(changes).unwrap_or_else(|errors| panic!("{errors:?}"));
    let path = folder(name).join("chip.toml");
    std::fs::write(&path, made.to_toml()).expect("writable folder");
    path
}

fn made(chip: &Path, set: &[&str]) -> Result<Compiled> {
    let chip = chip.to_str().unwrap();
    let mut request = request(&digits("digits_mlp.onnx"), chip, &digits("train.npz"), 120, set);
    request.prepare.scale = Some(vec![1.0]);
    compile(&request, &mut ())
}

/// The distinct weights of each core.
fn values(compiled: &Compiled) -> Vec<BTreeSet<i16>> {
    let ops = compiled.coded.ops.iter();
    ops.map(|op| op.payload.weights.iter().flatten().copied().collect()).collect()
}

#[test]
fn a_table_holds_no_more_than_its_entries() {
    let chip = Path::new("tianji-ann");
    let compiled = made(chip, &["weights=codebook:5"]).unwrap();
    assert!(values(&compiled).iter().all(|own| own.len() <= 5), "{:?}", values(&compiled));
    let plain = made(chip, &[]).unwrap();
    assert!(values(&plain).iter().any(|own| own.len() > 16));
}

/// Sixteen entries can be all sixteen values of four bits, so nothing may get worse: the same weights come out.
#[test]
fn a_table_of_all_values_is_plain() {
    let narrow = [("weights.0.bits", "4"), ("weights.1.value_bits", "4")];
    let chip = chip("all-values", "tianji-ann", &narrow);
    let (plain, table) = (made(&chip, &[]).unwrap(), made(&chip, &["weights=codebook:16"]).unwrap());
    let weights = |c: &Compiled| -> Vec<Vec<Vec<i16>>> {
        c.coded.ops.iter().map(|op| op.payload.weights.clone()).collect()
    };
    assert_eq!(weights(&plain), weights(&table));
    let fewer = made(&chip, &["weights=codebook:4"]).unwrap();
    assert_ne!(weights(&plain), weights(&fewer));
}

/// Every core's multiplier is the reciprocal of a whole threshold, as nearly as its bits allow.
#[test]
fn thresholds_are_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sweeps/chips/tianji-ann-fraction.toml");
    let compiled = made(&path, &["weights=fraction"]).unwrap();
    let mut seen = 0;
    for op in &compiled.coded.ops {
        let Periphery::Digital(own) = &op.payload.periphery else { panic!("no digital core") };
        for (&multiplier, &shift) in own.multipliers.iter().zip(&own.shifts) {
            let threshold = f64::from(shift).exp2() / f64::from(multiplier);
            let off = (threshold - threshold.round()).abs() / threshold;
            assert!(threshold >= 1.0 && off < 1.0 / 16384.0, "{threshold}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn what_a_chip_has_not_is_refused_by_name() {
    for (chip, set, named) in [
        ("prime", "weights=codebook:16", "no table"),
        ("tpu", "weights=codebook:16", "no table"),
        ("tianji-ann", "weights=codebook:64", "16 entries"),
        ("tianji-ann", "weights=codebook:16:column", "one table for a core"),
        ("tianji-ann", "weights=fraction", "divides by no threshold"),
        ("prime", "weights=fraction", "divides by no threshold"),
    ] {
        let error = made(Path::new(chip), &[set]).unwrap_err();
        let first = &error.0[0];
        assert_eq!((first.code, first.place.starts_with("setting weights")), ("SP0303", true), "{first:?}");
        assert!(first.rule.contains(named), "{chip} {set}: {}", first.rule);
    }
    let per_column = chip("per-column", "tianji-ann", &[("weights.1.per", "\"neuron\"")]);
    assert!(made(&per_column, &["weights=codebook:16:column"]).is_ok());
}

/// One bit a signal and one signal a value: compiled, and better with more signals.
#[test]
fn single_bits_are_signals_too() {
    let chip = chip("single-bits", "tianji-ann", &[("mac.input_bits", "1"), ("mac.output_bits", "1")]);
    let snr = |set: &[&str]| {
        let nodes = made(&chip, set).unwrap().report.nodes;
        nodes.iter().map(|node| node.snr_db).sum::<f64>() / nodes.len() as f64
    };
    let (one, eight) = (snr(&["encode.signals=1"]), snr(&["encode.signals=8"]));
    assert!(eight > one + 3.0, "{one:.2} dB with one, {eight:.2} dB with eight");
}

/// Partial sums that a chip can not add travel on more signals where those carry little.
#[test]
fn partial_sums_get_more_signals() {
    let narrow = [("mac.rows", "32"), ("mac.input_bits", "3"), ("mac.output_bits", "3")];
    let chip = chip("parts", "tianji-ann", &narrow);
    let parts = |set: &[&str]| -> (u16, f64) {
        let compiled = made(&chip, set).unwrap();
        let graph = &compiled.coded.encoded;
        let part = |n: &usize| graph.dot.nodes[*n].name.contains(":part");
        let own: Vec<usize> = (0..graph.nodes.len()).filter(part).collect();
        assert!(!own.is_empty() && own.iter().all(|&n| matches!(graph.nodes[n].form, Form::Carrier { .. })));
        (graph.nodes[own[0]].copies[0], compiled.report.nodes[own[0]].snr_db)
    };
    let (few, low) = parts(&["encode.signals=2", "encode.parts=1"]);
    let (many, high) = parts(&["encode.signals=2"]);
    assert!(few == 1 && many >= 4 && high > low + 6.0, "{few}: {low:.2} dB, {many}: {high:.2} dB");
}
