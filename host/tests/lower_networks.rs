//! Graph reform of real networks: every one in the shared data folder that is imported, against the golden model.

mod common;

use std::path::Path;

use spandrel::dots::{Body, Taps};
use spandrel::graph::{Batch, Graph};
use spandrel::import::read_onnx;
use spandrel::lower::{LowerOptions, check, lower};
use spandrel::samples::{ArrayData, read_named};

/// The reference inputs beside a network; numbers without a pattern where it has none of its own.
fn samples(network: &Path, graph: &Graph) -> Batch {
    let name = network.file_stem().expect("a name").to_string_lossy();
    let file = network.with_file_name("golden").join(format!("{name}.npz"));
    let len = graph.sample_len();
    let data: Option<Vec<f32>> = match read_named(&file, "x").map(|array| array.data) {
        Ok(ArrayData::F32(data)) => Some(data),
        Ok(ArrayData::I8(data)) => Some(data.into_iter().map(f32::from).collect()),
        _ => None,
    };
    let data = data.filter(|data| data.len() % len == 0).unwrap_or_else(|| {
        (0..4 * len as u64)
            .map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1 << 24) as f32)
            .collect()
    });
    Batch::new(data.len() / len, len, data).expect("whole samples")
}

#[test]
fn real_networks_compute_the_same() {
    let Some(data) = common::shared("real_networks_compute_the_same") else { return };
    let mut files: Vec<_> = std::fs::read_dir(data.join("onnx"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
        .collect();
    files.sort();
    let only = std::env::var("SPANDREL_ONLY").ok();
    let (mut done, mut faults) = (0, Vec::new());
    for file in files {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let graph = match read_onnx(&file) {
            Ok(graph) => graph,
            Err(found) => {
                println!("{name}: not imported: {found}");
                continue;
            }
        };
        let begun = std::time::Instant::now();
        let dot = match lower(&graph, &LowerOptions::default()) {
            Ok(dot) => dot,
            Err(found) => {
                faults.push(format!("{name}: {found}"));
                continue;
            }
        };
        let took = begun.elapsed();
        let table = |read: &&spandrel::dots::Read| matches!(read.taps, Taps::Table { .. });
        let tables: usize = dot.nodes.iter().map(|n| n.body.reads().iter().filter(table).count()).sum();
        let max = dot.nodes.iter().filter(|n| matches!(n.body, Body::Max(_))).count();
        let summary = format!(
            "{name}: {} primitives to {} nodes ({max} max, {tables} tables), {} products, {took:.1?}",
            graph.nodes().len(),
            dot.nodes.len(),
            dot.products(),
        );
        if dot.nodes.len() < 60 {
            println!("{dot}");
        }
        match check(dot, &graph, &samples(&file, &graph)) {
            Ok(reformed) => {
                println!("{summary}, difference {:.1e}", reformed.largest_difference());
                done += 1;
            }
            Err(found) => faults.push(format!("{summary}: {found}")),
        }
    }
    println!("{done} networks agree");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
