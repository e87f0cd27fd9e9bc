//! Every ONNX file of the shared data folder is imported or refused with a complete diagnostic.

mod common;

use std::path::{Path, PathBuf};

use common::shared;
use spandrel::graph::{Golden, Graph, NodeEngine, Tensor2};
use spandrel::import::read_onnx;
use spandrel::samples::{Array, ArrayData, Feed, Preprocess, Samples, read_named};
use spandrel::sequence::{Feedback, Model, SequenceGolden};

/// The multi-layer perceptrons, with the accuracy on the first half of the MNIST test images that the data folder's
/// index states for onnxruntime.
const PERCEPTRONS: [(&str, f64); 4] = [
    ("mnist_fc_256x2", 0.9736),
    ("mnist_mlp2x10", 0.9028),
    ("tinymaix_mnist_fc", 0.9068),
    ("mnist_ffnn_sigmoid_6x200", 0.9690),
];

fn model(data: &Path, name: &str) -> Graph {
    read_onnx(&data.join(format!("onnx/{name}.onnx"))).unwrap_or_else(|found| panic!("{name}: {found}"))
}

fn matrix(array: Array) -> Tensor2 {
    let data = match array.data {
        ArrayData::F32(data) => data,
        ArrayData::I8(data) => data.into_iter().map(f32::from).collect(),
        other => panic!("{other:?}"),
    };
    Tensor2::new(array.shape[0], data.len() / array.shape[0], data).expect("a matrix")
}

/// Networks with convolutions, pooling, loops over time and the like that must be imported.
const CONVOLUTIONS: [&str; 13] = [
    "arm_kws_basic_lstm_s",
    "arm_kws_cnn_s",
    "arm_kws_gru_s",
    "cifar10_oval_base",
    "cifar10_resnet_2b",
    "hls4ml_conv1d_small_keras",
    "mlperf_tiny_resnet8_float",
    "mlperf_tiny_vww_float",
    "mnist_cnn_max_mninst2",
    "mnist_cntk_conv",
    "mnist_convnet_maxpool",
    "tinymaix_mnist_dw",
    "tinymaix_mnist_valid",
];

/// Every model that is imported gives what onnxruntime gave: the error of an output is at most 1e-4 of the largest
/// output of its sample. Models with one input and one output of floating-point numbers are compared, whether they are
/// listed here or not. Outputs that are codes may differ by two in at most one element of fifty: the references were made
/// with fused integer kernels, and onnxruntime 1.32 without fusion differs from itself by as much (4 of 320 codes of
/// `mlperf_tiny_resnet8_int8_qdq`, by up to 2).
#[test]
fn outputs_equal_those_of_onnxruntime() {
    let Some(data) = shared("outputs_equal_those_of_onnxruntime") else { return };
    let listed = ["acasxu_1_1", "acasxu_3_3", "acasxu_5_9", "hls4ml_three_layer_keras"];
    let mut missing: Vec<&str> = listed.into_iter().chain(["mlperf_tiny_ad_autoencoder_float"]).collect();
    missing.extend(PERCEPTRONS.map(|(name, _)| name));
    missing.extend(CONVOLUTIONS);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(data.join("onnx/golden"))
        .expect("readable folder")
        .map(|e| e.expect("readable entry").path())
        .collect();
    paths.sort();
    for golden in paths {
        let name = golden.file_stem().expect("a name").to_string_lossy().into_owned();
        let Ok(graph) = read_onnx(&data.join(format!("onnx/{name}.onnx"))) else { continue };
        missing.retain(|m| *m != name);
        if graph.inputs().len() != 1 || graph.outputs().len() != 1 {
            continue;
        }
        let x = matrix(read_named(&golden, "x").expect("inputs"));
        let wanted = read_named(&golden, "y").expect("outputs");
        let codes = matches!(wanted.data, ArrayData::I8(_));
        let wanted = matrix(wanted);
        let begun = std::time::Instant::now();
        let y = Golden::new(&graph).output(&x).expect("an output");
        let seconds = begun.elapsed().as_secs_f64();
        assert_eq!((y.rows(), y.cols()), (wanted.rows(), wanted.cols()), "{name}");
        if codes {
            let gaps = || y.data().iter().zip(wanted.data()).map(|(a, b)| (a - b).abs());
            let (most, unequal) = (gaps().fold(0.0, f32::max), gaps().filter(|&g| g > 0.0).count());
            println!(
                "{name}: {unequal} of {} codes differ, by {most} at most, {seconds:.3} s",
                y.data().len()
            );
            assert!(most <= 2.0 && unequal * 50 <= y.data().len(), "{name}: {unequal} differ, by {most}");
            continue;
        }
        let mut worst = 0.0f32;
        for row in 0..y.rows() {
            let largest = wanted.row(row).iter().fold(0.0f32, |m, v| m.max(v.abs()));
            for (a, b) in y.row(row).iter().zip(wanted.row(row)) {
                worst = worst.max((a - b).abs() / largest);
            }
        }
        println!("{name}: largest relative error {worst:e}, {} samples in {seconds:.3} s", y.rows());
        assert!(worst <= 1e-4, "{name}: {worst:e}");
    }
    assert!(missing.is_empty(), "not imported: {missing:?}");
}

/// 5,000 test images: as many are classified right as onnxruntime classifies right; the result does not depend on
/// the number of threads.
#[test]
fn accuracy_on_mnist_equals_that_of_onnxruntime() {
    let Some(data) = shared("accuracy_on_mnist_equals_that_of_onnxruntime") else { return };
    let mnist = data.join("datasets/mnist");
    let images = mnist.join("t10k-A-images-idx3-ubyte.gz");
    let samples = Samples::read(&images, Some(&mnist.join("t10k-A-labels-idx1-ubyte.gz"))).expect("samples");
    assert_eq!((samples.count, samples.shape.as_slice()), (5_000, &[28, 28][..]));
    let labels = samples.labels.clone().expect("labels");
    for (name, accuracy) in PERCEPTRONS {
        let graph = model(&data, name);
        let preprocess = Preprocess::new(&samples.data, None, None, None).expect("defaults");
        let input = &graph.value(graph.input()).shape;
        let feed = Feed::new(&samples.shape, input, None, preprocess).expect("fitting samples");
        let batch = feed.batch(&samples, 0..samples.count);
        let begun = std::time::Instant::now();
        let y = Golden::new(&graph).output(&batch).expect("an output");
        let seconds = begun.elapsed().as_secs_f64();
        let right = y.argmax().iter().zip(&labels).filter(|(a, b)| a == b).count();
        println!("{name}: {right} of 5000 right, {seconds:.3} s");
        assert_eq!(right, (accuracy * 5_000.0f64).round() as usize, "{name}");
        for threads in [1, 3] {
            let again = Golden::with_threads(&graph, threads).output(&batch).expect("an output");
            let same = again.data().iter().zip(y.data()).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{name}: {threads} threads");
        }
    }
}

#[test]
fn every_model_is_imported_or_refused() {
    let Some(data) = shared("every_model_is_imported_or_refused") else { return };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(data.join("onnx"))
        .expect("readable folder")
        .map(|e| e.expect("readable entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "onnx"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        match read_onnx(&path) {
            Ok(graph) => println!("{name}: {} nodes\n{graph}", graph.nodes().len()),
            Err(found) => {
                assert!(found.has_errors());
                for d in &found.0 {
                    assert!(
                        !d.place.is_empty() && !d.rule.is_empty() && !d.way_out.is_empty(),
                        "{name}: {d:?}"
                    );
                    assert!(spandrel::diagnostic::meaning(d.code).is_some(), "{name}: {}", d.code);
                }
                println!("{name}: refused\n{found}");
            }
        }
    }
}

/// The denoiser that hands its state from sample to sample: mask and state of every recorded sample.
#[test]
fn state_that_comes_back_equals_that_of_onnxruntime() {
    let Some(data) = shared("state_that_comes_back_equals_that_of_onnxruntime") else { return };
    let graph = model(&data, "dtln_model_1");
    let golden = data.join("onnx/golden/dtln_model_1.npz");
    let of = |name: &str| matrix(read_named(&golden, name).expect("an array"));
    let (mag, mask, state) = (of("mag"), of("mask"), of("state"));
    let feedback = Feedback { output: "tf_op_layer_stack_2".into(), input: "input_3".into() };
    let fed = Model::new(&graph, std::slice::from_ref(&feedback)).unwrap();
    let mut own = SequenceGolden::new(Golden::new(&graph), fed, mag.rows());
    let found = own.values(&mag, &["activation_2", &feedback.output]).unwrap();
    for (found, want) in found.iter().zip([mask, state]) {
        let largest = want.data().iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let gap = found.data().iter().zip(want.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.data().len() == want.data().len() && gap <= 1e-4 * largest, "{gap} of {largest}");
    }
}
