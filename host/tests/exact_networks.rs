//! Networks of the data folder that are integer already come out exactly.

mod common;

use common::shared;
use spandrel::compile::{Compiled, Request, StageOptions, compile};
use spandrel::engine::{ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::exact::int8_softmax;
use spandrel::graph::{Function, Graph, Op};
use spandrel::import::read_onnx;
use spandrel::samples::{ArrayData, read_named};
use spandrel::settings::Settings;
use spandrel_core::image::Image;

fn compiled(request: &Request) -> Compiled {
    let compiled = compile(request, &mut ()).unwrap_or_else(|found| panic!("{found}"));
    let exact = compiled.report.remarks.iter().find(|remark| remark.contains("keep the integers"));
    println!("{}", exact.expect("integers are kept"));
    compiled
}

/// The step of the codes called `name`.
fn scale(graph: &Graph, name: &str) -> f32 {
    let value = graph.value_by_name(name).expect("a value");
    match graph.node(graph.producer(value).expect("computed")).op {
        Op::Map(Function::Quantize(grid)) => grid.scale,
        ref other => panic!("{name} is made by {other}"),
    }
}

/// All 500 x 12 bytes of TFLite's reference kernels: the image gives the int8 logits, the host function their softmax.
#[test]
fn keyword_network_equals_the_reference_kernels_byte_for_byte() {
    let Some(data) = shared("keyword_network_equals_the_reference_kernels_byte_for_byte") else { return };
    let model = data.join("onnx/mlperf_tiny_kws_dscnn_int8_qdq.onnx");
    let samples = data.join("datasets/kws01/kws01_A_000-499.npz");
    let mut request = Request::new(&model, "tpu", &samples);
    request.calibration_count = 16;
    request.options = StageOptions::from(Settings::parse(["tune.integers=kernels"]).expect("a setting"));
    let compiled = compiled(&request);
    let image = Image::parse(&compiled.image).expect("an image");
    let ArrayData::I8(raw) = read_named(&samples, "x").expect("samples").data else { panic!("int8 samples") };
    let ArrayData::I8(wanted) = read_named(&samples, "tflite_ref_int8").expect("references").data else {
        panic!("int8 references")
    };
    let batch = RawBatch::new(RawData::I8(&raw), 490).expect("whole samples");
    let outputs =
        FastEngine::new(&image, Options::default()).expect("an engine").run_batch(&batch).expect("runs");
    assert_eq!((outputs.len(), wanted.len()), (500, 6000));
    let step = scale(&read_onnx(&model).expect("a graph"), "functional_1/dense/BiasAdd");
    let mut differing = Vec::new();
    for (sample, wanted) in wanted.chunks_exact(12).enumerate() {
        let logits: Vec<i8> = outputs.sample(sample).iter().map(|&code| code as i8).collect();
        let have = int8_softmax(&logits, step);
        if have != wanted {
            differing.push(format!("{sample}: {logits:?} gives {have:?}, the reference is {wanted:?}"));
        }
    }
    println!("{} of 500 samples differ\n{}", differing.len(), differing.join("\n"));
    assert!(differing.is_empty());
}

/// Binary and 2-bit perceptrons agree with the golden model on each of the 5,000 test images.
#[test]
fn binary_and_two_bit_perceptrons_agree_everywhere() {
    let Some(data) = shared("binary_and_two_bit_perceptrons_agree_everywhere") else { return };
    let mnist = data.join("datasets/mnist");
    for (name, correct) in [("qonnx_TFC_1W1A", 0.9070), ("qonnx_TFC_2W2A", 0.9536)] {
        let model = data.join(format!("onnx/{name}.onnx"));
        let mut request = Request::new(model, "tpu", mnist.join("train10k-images-idx3-ubyte.gz"));
        request.calibration_count = 64;
        request.test = Some(mnist.join("t10k-A-images-idx3-ubyte.gz"));
        request.test_labels = Some(mnist.join("t10k-A-labels-idx1-ubyte.gz"));
        let report = compiled(&request).report;
        println!("{name}: {:?} of {} agree", report.agreement, report.samples);
        assert_eq!((report.samples, report.agreement), (5_000, Some(1.0)), "{name}");
        // Counted with the QONNX executor's rules on these images.
        assert!((report.accuracy.expect("labels") - correct).abs() < 1e-9, "{name}: {:?}", report.accuracy);
    }
}
