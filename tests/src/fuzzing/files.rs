//! What users hand over: chip descriptions, ONNX and NIR networks, samples. Any bytes are refused in words or accepted, and what is
//! accepted can be used.

use std::io::{Cursor, Write};

use spandrel::{
    diagnostic::{CODES, Diagnostics},
    graph::{Golden, Graph, NodeEngine, Tensor2},
    import::parse_onnx,
    lower::{LowerOptions, lower},
    nir::{NirGraph, PRESETS, Scheme, Simulator, parse_bs2, parse_nir, raster},
    samples::{SampleData, Samples},
    target::Target,
};
use spandrel_hwdesc::{Chip, DescError, builtin, builtin_names, parse, render};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::nir_file;
use crate::generate::Source;

/// Codes by which the compiler owns up to a fault of its own.
const FAULTS: [&str; 6] = ["SP0302", "SP0304", "SP0306", "SP0308", "SP0310", "SP0311"];

/// Elements of the largest value of a graph that is evaluated.
const ELEMENTS: usize = 1 << 12;

/// A refusal names a registered code, place, rule and way out, and blames the input.
///
/// # Panics
/// When it does not.
pub fn refused_well(found: &Diagnostics) {
    assert!(!found.is_empty(), "a refusal without a diagnostic");
    for diagnostic in &found.0 {
        let text = diagnostic.render(false);
        assert!(CODES.iter().any(|(code, _)| *code == diagnostic.code), "an unregistered code: {text}");
        assert!(!FAULTS.contains(&diagnostic.code), "a fault of the compiler's own: {text}");
        let said = [&diagnostic.place, &diagnostic.rule, &diagnostic.way_out];
        assert!(said.iter().all(|part| !part.is_empty()), "a refusal that says too little: {text}");
    }
}

/// Target `hwdesc`: a text as a chip description. When the first byte is below 32, the rest are lines `path = value` by which the
/// built-in chip of that number is changed.
pub fn hwdesc(data: &[u8]) {
    let made = match data {
        [number @ 0..32, rest @ ..] if !matches!(number, b'\t' | b'\n' | b'\r') => {
            let names = builtin_names();
            let name = names[usize::from(*number) % names.len()];
            let chip = builtin(name).expect("a chip that is built in");
            let text = String::from_utf8_lossy(rest);
            let changes: Vec<(&str, &str)> = text
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(path, value)| (path.trim(), value.trim()))
                .collect();
            chip.with(&changes)
        }
        _ => parse(&String::from_utf8_lossy(data), "chip.toml"),
    };
    described(made);
}

fn described(made: Result<Chip, Vec<DescError>>) {
    match made {
        Ok(chip) => {
            let text = chip.to_toml();
            let again =
                parse(&text, "again.toml").unwrap_or_else(|found| panic!("{}\n{text}", render(&found)));
            assert!(again == chip, "a description is another after it was written and read:\n{text}");
            if let Err(found) = Target::new(chip) {
                refused_well(&found);
            }
        }
        Err(found) => {
            assert!(!found.is_empty(), "a refusal without an error");
            assert!(!render(&found).is_empty());
        }
    }
}

/// Target `onnx`: a model is refused in words, or its graph can be printed, evaluated and reformed.
pub fn onnx(data: &[u8]) {
    match parse_onnx(data, "net.onnx") {
        Ok(graph) => used(&graph),
        Err(found) => refused_well(&found),
    }
}

fn used(graph: &Graph) {
    assert!(!graph.to_string().is_empty());
    if graph.sample_len() > ELEMENTS || graph.values().iter().any(|value| value.len() > ELEMENTS) {
        return;
    }
    let batch = Tensor2::zeros(2, graph.sample_len());
    Golden::with_threads(graph, 1).output(&batch).expect("an accepted graph has an output");
    match lower(graph, &LowerOptions::default()) {
        Ok(dot) => assert!(!dot.to_string().is_empty()),
        Err(found) => refused_well(&found),
    }
}

/// Target `nir`: a spiking network is refused in words, or runs for some steps in every scheme. Bytes that do not begin as an HDF5
/// file does are what a file is made from, field by field.
pub fn nir(data: &[u8]) {
    let bytes = if data.starts_with(b"\x89HDF") {
        data.to_vec()
    } else {
        let Some(bytes) = nir_file::make(&mut Source::new(data)) else { return };
        bytes
    };
    match parse_nir(bytes, "net.nir") {
        Ok(graph) => simulated(&graph),
        Err(found) => refused_well(&found),
    }
}

fn simulated(graph: &NirGraph) {
    if graph.nodes().iter().any(|node| node.len() > ELEMENTS) {
        return;
    }
    for (name, _) in PRESETS {
        let scheme = Scheme::preset(name, 1e-3).expect("a preset");
        match Simulator::new(graph, &scheme) {
            Ok(mut simulator) => {
                let input = vec![1.0; graph.nodes()[graph.input()].len()];
                for _ in 0..3 {
                    simulator.step(&input);
                }
            }
            Err(found) => refused_well(&found),
        }
    }
}

/// Target `samples`: bytes as an array file or as address events. With `g` in front the rest is compressed with gzip first; with
/// `z` and a length it becomes the arrays `x` and `y` of an npz file.
pub fn samples(data: &[u8]) {
    let file = match data {
        [b'g', rest @ ..] => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(rest).expect("memory takes all");
            packed.finish().expect("memory takes all")
        }
        [b'z', length, rest @ ..] => {
            // Headers are as long as a multiple of 64 bytes, so steps of 16 part two arrays well.
            let (x, y) = rest.split_at((usize::from(*length) * 16).min(rest.len()));
            npz(&[("x.npy", x), ("y.npy", y)])
        }
        _ => data.to_vec(),
    };
    match Samples::parse(&file, "x.npz") {
        Ok(samples) => {
            let held = match &samples.data {
                SampleData::U8(values) => values.len(),
                SampleData::I8(values) => values.len(),
                SampleData::I16(values) => values.len(),
                SampleData::I32(values) => values.len(),
                SampleData::F32(values) => {
                    assert!(values.iter().all(|value| value.is_finite()));
                    values.len()
                }
            };
            assert_eq!(held, samples.count * samples.sample_len());
            assert!(samples.labels.as_ref().is_none_or(|labels| labels.len() == samples.count));
            assert_eq!(samples.first(1).count, 1);
        }
        Err(found) => refused_well(&found),
    }
    match parse_bs2(data, "x.bs2") {
        Ok(events) => assert_eq!(raster(&events, 1000, 4, [16, 16]).len(), 4),
        Err(found) => refused_well(&found),
    }
}

/// An npz file of these parts, whatever they hold.
pub fn npz(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in parts {
        file.start_file(*name, options).expect("memory takes all");
        file.write_all(bytes).expect("memory takes all");
    }
    file.finish().expect("memory takes all").into_inner()
}
