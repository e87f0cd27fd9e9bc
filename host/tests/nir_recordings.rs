//! The golden model of spiking networks against what other simulators recorded; runs where the data folder is.

mod common;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use common::shared;
use spandrel::nir::{self, NirGraph, Scheme, Simulator};
use spandrel::samples::{ArrayData, read_named};

/// Rows of numbers.
fn csv(path: &Path) -> Vec<[f64; 3]> {
    let text = std::fs::read_to_string(path).expect("a table");
    let row = |line: &str| -> [f64; 3] {
        let numbers: Vec<f64> = line.split(',').map(|x| x.trim().parse().expect("a number")).collect();
        numbers.try_into().expect("three columns")
    };
    text.lines().filter(|line| !line.is_empty()).map(row).collect()
}

/// Voltages and spike steps of the neuron.
fn neuron(graph: &NirGraph, preset: &str, input: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let scheme = Scheme::preset(preset, 1e-4).expect("a preset");
    let mut simulator = Simulator::new(graph, &scheme).expect("a simulator");
    let lif = graph.find("1").expect("the neuron");
    let mut voltages = Vec::new();
    let mut spikes = Vec::new();
    for (step, &x) in input.iter().enumerate() {
        if simulator.step(&[x])[0] > 0.0 {
            spikes.push(step);
        }
        voltages.push(simulator.soma(lif).expect("a state").v[0]);
    }
    (voltages, spikes)
}

/// The neuron of NIR's first experiment on five recordings: spike times exactly, voltages as far as the recordings' single
/// precision goes (snnTorch's are another unit: 25 times).
#[test]
fn schemes_reproduce_simulators() {
    let Some(data) = shared("schemes_reproduce_simulators") else { return };
    let folder = data.join("nir/01_lif");
    let graph = nir::read_nir(&folder.join("lif_norse.nir")).expect("a graph");
    for (file, preset, unit, tolerance) in [
        ("lif_norse", "euler", 1.0, 1e-7),
        ("lif_snntorch", "euler", 25.0, 1e-5),
        ("lif_lava_cpu_float", "lava", 1.0, 1e-7),
        ("lif_exact", "exact", 1.0, 1e-7),
    ] {
        let recorded = csv(&folder.join(format!("{file}.csv")));
        let input: Vec<f64> = recorded.iter().map(|row| row[0]).collect();
        let (voltages, spikes) = neuron(&graph, preset, &input);
        let expected: Vec<usize> = (0..recorded.len()).filter(|&i| recorded[i][2] != 0.0).collect();
        assert_eq!(spikes, expected, "{file} with {preset}");
        for (step, (v, row)) in voltages.iter().zip(&recorded).enumerate() {
            assert!((v * unit - row[1]).abs() <= tolerance, "{file}, step {step}: {v} against {}", row[1]);
        }
    }
    let input: Vec<f64> = csv(&folder.join("lif_norse.csv")).iter().map(|row| row[0]).collect();
    // Rockpool and Sinabs, as the data folder's index states them; Loihi as the CSV of the chip has them.
    assert_eq!(neuron(&graph, "impulse", &input).1, [450, 500, 710, 760]);
    assert_eq!(neuron(&graph, "lava", &input).1, [461, 511, 711, 761]);
}

fn bytes(path: &Path) -> Vec<u8> {
    match read_named(path, "x").expect("an array").data {
        ArrayData::U8(data) => data,
        other => panic!("{other:?}"),
    }
}

/// The recurrent network that reads Braille: every spike of its first layer as snnTorch recorded it, and the right letter.
#[test]
fn braille_equals_snntorch() {
    let Some(data) = shared("braille_equals_snntorch") else { return };
    let folder = data.join("nir/03_rnn");
    let graph = nir::read_nir(&folder.join("braille_noDelay_bias_zero.nir")).expect("a graph");
    let input = bytes(&folder.join("braille_test_sample0_input.npy"));
    let recorded = bytes(&folder.join("snntorch_activity_noDelay_bias_zero.npy"));
    let scheme = Scheme::preset("euler", 1e-4).expect("a preset");
    let mut simulator = Simulator::new(&graph, &scheme).expect("a simulator");
    let layer = graph.find("lif1.lif").expect("the layer");
    let mut counts = vec![0.0; 7];
    for (step, frame) in input.chunks_exact(12).enumerate() {
        let frame: Vec<f64> = frame.iter().map(|&x| f64::from(x)).collect();
        let out = simulator.step(&frame).to_vec();
        counts.iter_mut().zip(out).for_each(|(count, x)| *count += x);
        let spikes: Vec<u8> = simulator.values(layer).iter().map(|&x| x as u8).collect();
        assert_eq!(spikes, recorded[step * 38..][..38], "step {step}");
    }
    assert_eq!(counts, [10.0, 160.0, 112.0, 113.0, 103.0, 68.0, 121.0]);
}

/// The files of an archive by name.
fn archive(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).expect("an archive"))
        .read_to_end(&mut tar)
        .expect("an archive");
    let mut files = BTreeMap::new();
    let mut at = 0;
    while let Some(header) = tar.get(at..at + 512).filter(|header| header[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range]).trim_matches(['\0', ' ']).to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).expect("a size");
        files.insert(text(0..100), tar[at + 512..at + 512 + size].to_vec());
        at += 512 + size.div_ceil(512) * 512;
    }
    files
}

/// The convolutional network on N-MNIST, first ten test recordings: all right with subtracting neurons that may fire several
/// times a step, as in the data folder's index (100 % of 100).
#[test]
fn digits_of_the_event_camera() {
    let Some(data) = shared("digits_of_the_event_camera") else { return };
    let graph = nir::read_nir(&data.join("nir/02_cnn/cnn_sinabs.nir")).expect("a graph");
    let labels = bytes(&data.join("datasets/mnist/t10k-A-labels-idx1-ubyte.gz"));
    let scheme = Scheme::preset("sinabs", 1.0).expect("a preset");
    let mut simulator = Simulator::new(&graph, &scheme).expect("a simulator");
    let recordings = archive(&data.join("datasets/nmnist/test_A.tar.gz"));
    let mut right = 0;
    for (name, bytes) in recordings.iter().take(10) {
        let id: usize = name.trim_end_matches(".bs2").parse().expect("a number");
        let events = nir::parse_bs2(bytes, name).expect("events");
        simulator.reset();
        let mut counts = [0.0; 10];
        for frame in nir::raster(&events, 1000, 300, [34, 34]) {
            let frame: Vec<f64> = frame.into_iter().map(f64::from).collect();
            counts.iter_mut().zip(simulator.step(&frame)).for_each(|(count, x)| *count += x);
        }
        let best = (0..10).rev().max_by(|&a, &b| counts[a].total_cmp(&counts[b])).expect("ten");
        right += usize::from(best == usize::from(labels[id - 60001]));
    }
    assert_eq!(right, 10);
}

/// One lacks Input and Output; the edges of two name a node `lif` of a nested graph that calls it `lif1`.
const OLD_FILES: &str = "\
paper__01_lif__lif_rockpool__d70a32c1.nir: read, 4 nodes, 0 warnings
paper__02_cnn__scnn_mnist__669fbfad.nir: read, 15 nodes, 0 warnings
paper__02_cnn__scnn_mnist__e1117a1e.nir: read, 15 nodes, 0 warnings
paper__02_cnn__scnn_mnist_batches__9122dac0.nir: read, 15 nodes, 0 warnings
paper__03_rnn__braille__047410e9.nir: read, 7 nodes, 0 warnings
paper__03_rnn__braille__82d89d42.nir: read, 7 nodes, 0 warnings
paper__03_rnn__braille__c381ba29.nir: refused: SP0103 SP0103
paper__03_rnn__braille_flattened__19004303.nir: read, 7 nodes, 0 warnings
paper__03_rnn__braille_subtract__3cbddd23.nir: read, 7 nodes, 0 warnings
paper__03_rnn__braille_v2__50b2fc28.nir: read, 9 nodes, 1 warnings
paper__03_rnn__braille_v2a__64a0b954.nir: read, 7 nodes, 0 warnings
paper__03_rnn__braille_zero_subgraph__c5db44fe.nir: refused: SP0132 SP0132 SP0132 SP0132
paper__03_rnn__extras__braille_noDelay_noBias_subtract_subgraph__4b359ff1.nir: refused: SP0132 SP0132 SP0132 SP0132
paper__lif_norse__3a3afb6f.nir: read, 3 nodes, 0 warnings
";

/// Fourteen older files: read, or refused with node, rule and way out.
#[test]
fn old_files_are_read_or_refused() {
    let Some(data) = shared("old_files_are_read_or_refused") else { return };
    let folder = std::env::temp_dir().join(format!("spandrel-legacy-nir-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut outcomes = String::new();
    for (name, bytes) in archive(&data.join("nir/legacy/legacy_nir_A.tar.gz")) {
        if bytes.is_empty() {
            continue;
        }
        let short = name.rsplit('/').next().unwrap_or(&name).to_owned();
        let path = folder.join(&short);
        std::fs::write(&path, bytes).expect("a file");
        let line = match nir::read_nir(&path) {
            Ok(graph) => format!("read, {} nodes, {} warnings", graph.nodes().len(), graph.warnings().len()),
            Err(found) => {
                assert!(found.0.iter().all(|d| !d.place.is_empty() && !d.way_out.is_empty()), "{found}");
                let codes: Vec<&str> = found.0.iter().map(|d| d.code).collect();
                format!("refused: {}", codes.join(" "))
            }
        };
        outcomes.push_str(&format!("{short}: {line}\n"));
    }
    std::fs::remove_dir_all(&folder).expect("its own folder");
    assert_eq!(outcomes, OLD_FILES);
}
