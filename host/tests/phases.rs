//! The phases of tuning on random networks: each lessens the error of the nodes on the calibration samples, on the average over
//! networks and nodes. A single node may lose by a phase: what a phase before rounding wins in real numbers, rounding to the nearest can lose, and trials
//! are judged on some of the samples.

mod pipeline_common;

use std::fs;

use pipeline_common::cases::Draw;
use pipeline_common::onnx::{Model, npy};
use pipeline_common::{folder, request};
use spandrel::compile::compile;

const PHASES: [&str; 5] = ["nearest-one-scale", "nearest", "free", "range", "round"];
const NETWORKS: u64 = 6;
const SAMPLES: usize = 300;

/// A perceptron of two hidden layers, and samples whose values follow a few hidden ones, as those of real data do.
fn network(seed: u64, folder: &std::path::Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let mut draw = Draw::new(seed);
    let sizes = [20 + draw.below(30), 16 + draw.below(30), 16 + draw.below(20), 5];
    let mut model = Model::new(sizes[0]);
    for (layer, pair) in sizes.windows(2).enumerate() {
        let (from, to) = (pair[0], pair[1]);
        let spread = 2.0 / (from as f32).sqrt();
        // Units of very different strength, so that one scale for all serves few.
        let strength: Vec<f32> = (0..to).map(|_| 2f32.powf(2.0 * draw.signed())).collect();
        let w: Vec<f32> = (0..from * to).map(|at| spread * strength[at / from] * draw.signed()).collect();
        let b: Vec<f32> = (0..to).map(|_| 0.1 * draw.signed()).collect();
        model.dense(from, &w, Some(&b), true);
        if layer < 2 {
            model.node("Relu", &[], &[]);
        }
    }
    let mix: Vec<f32> = (0..sizes[0] * 6).map(|_| draw.signed()).collect();
    let mut data = Vec::new();
    for _ in 0..SAMPLES {
        let hidden: Vec<f32> = (0..6).map(|_| draw.signed()).collect();
        for row in mix.chunks_exact(6) {
            let sum: f32 = row.iter().zip(&hidden).map(|(m, h)| m * h).sum();
            data.push((128.0 + 45.0 * sum + 8.0 * draw.signed()).clamp(0.0, 255.0) as u8);
        }
    }
    let (model_file, samples) = (folder.join(format!("{seed}.onnx")), folder.join(format!("{seed}.npy")));
    fs::write(&model_file, model.bytes(5)).expect("writable folder");
    fs::write(&samples, npy("|u1", &[SAMPLES, sizes[0]], &data)).expect("writable folder");
    (model_file, samples)
}

/// Mean signal-to-noise ratio over networks and nodes in each phase, and how many nodes lost by each phase.
fn levels(chip: &str, more: &[&str]) -> ([f64; 5], [usize; 5], usize) {
    let folder = folder(&format!("phases-{chip}-{}", more.len()));
    let (mut sums, mut worse, mut nodes) = ([0.0; 5], [0; 5], 0);
    for seed in 0..NETWORKS {
        let (model, samples) = network(seed, &folder);
        let mut before: Vec<f64> = Vec::new();
        for (at, phase) in PHASES.iter().enumerate() {
            let tune = format!("tune={phase}");
            let mut set = vec![tune.as_str(), "encode.signals=1", "encode.output=1", "tune.margin=0"];
            set.extend(more);
            let request = request(&model, chip, &samples, SAMPLES, &set);
            let compiled =
                compile(&request, &mut ()).unwrap_or_else(|error| panic!("{chip} {phase}: {error}"));
            let now: Vec<f64> = compiled.report.nodes.iter().map(|node| node.snr_db).collect();
            worse[at] += before.iter().zip(&now).filter(|(before, now)| now < before).count();
            nodes += now.len();
            sums[at] += now.iter().sum::<f64>();
            before = now;
        }
    }
    let nodes = nodes / PHASES.len();
    (sums.map(|sum| sum / nodes as f64), worse, nodes)
}

#[test]
fn every_phase_lessens_the_error() {
    for (chip, more) in [("prime", &[][..]), ("tianji-ann", &[][..]), ("tpu", &[][..])] {
        let (mean, worse, nodes) = levels(chip, more);
        println!("{chip}: {mean:.2?} dB; of {nodes} nodes lost by the phase: {worse:?}");
        for at in 1..PHASES.len() {
            assert!(mean[at] >= mean[at - 1], "{chip}: {} {:.2?}", PHASES[at], mean);
        }
        assert!(mean[4] > mean[1] + 2.0, "{chip}: rounding and what comes before it must gain: {mean:.2?}");
    }
}

/// The phases also stand alone with codebooks and several signals.
#[test]
fn every_phase_goes_with_codebooks_and_signals() {
    let chip = "tianji-ann";
    for more in [&["weights=codebook:16"][..], &["encode.carrier=2", "encode.input=1"]] {
        let (mean, worse, nodes) = levels(chip, more);
        println!("{chip} {more:?}: {mean:.2?} dB; of {nodes} nodes lost by the phase: {worse:?}");
        assert!(mean[4] > mean[1], "{more:?}: {mean:.2?}");
    }
}
