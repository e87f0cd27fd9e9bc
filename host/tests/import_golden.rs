//! The golden model against references that do not share its code: onnxruntime's outputs for the digits example, and
//! plain loops.

mod common;

use std::path::{Path, PathBuf};

use common::{Model, attribute_float, attribute_int};
use spandrel::graph::{Builder, Function, Golden, Graph, NodeEngine, Op, Tensor, Tensor2};
use spandrel::import::{parse_onnx, read_onnx};
use spandrel::samples::{ArrayData, Feed, Preprocess, Samples, read_named};

fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

fn parsed(model: &Model) -> Graph {
    parse_onnx(&model.bytes(), "test.onnx").unwrap_or_else(|found| panic!("{found}"))
}

/// Numbers in -1.5 .. 1.5 without a pattern, the same every time.
fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 * 3.0 - 1.5
    };
    (0..count).map(|_| next()).collect()
}

fn bits(t: &Tensor2) -> Vec<u32> {
    t.data().iter().map(|v| v.to_bits()).collect()
}

/// The example's reference probabilities, and the 491 of 500 test images its description states.
#[test]
fn the_digits_network_gives_its_reference_probabilities() {
    let graph = read_onnx(&digits("digits_mlp.onnx")).unwrap_or_else(|found| panic!("{found}"));
    let samples = Samples::read(&digits("test.npz"), None).expect("samples");
    let raw = Preprocess::new(&samples.data, Some(&[1.0]), None, None).expect("parameters");
    let feed = Feed::new(&samples.shape, &graph.value(graph.input()).shape, None, raw).expect("fitting");
    let y = Golden::new(&graph).output(&feed.batch(&samples, 0..samples.count)).expect("an output");
    let ArrayData::F32(wanted) = read_named(&digits("golden.npz"), "mlp").expect("reference").data else {
        panic!("not f32")
    };
    let worst = y.data().iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("largest difference of a probability {worst:e}");
    assert_eq!(y.data().len(), wanted.len());
    assert!(worst <= 1e-6, "{worst:e}");
    let labels = samples.labels.expect("labels");
    assert_eq!(y.argmax().iter().zip(&labels).filter(|(a, b)| a == b).count(), 491);
}

/// The convolutional example: the same claims, through convolution, pooling and flattening.
#[test]
fn the_digits_convolution_gives_its_reference_probabilities() {
    let graph = read_onnx(&digits("digits_cnn.onnx")).unwrap_or_else(|found| panic!("{found}"));
    let samples = Samples::read(&digits("test.npz"), None).expect("samples");
    let raw = Preprocess::new(&samples.data, Some(&[1.0]), None, None).expect("parameters");
    let feed = Feed::new(&samples.shape, &graph.value(graph.input()).shape, None, raw).expect("fitting");
    let y = Golden::new(&graph).output(&feed.batch(&samples, 0..samples.count)).expect("an output");
    let ArrayData::F32(wanted) = read_named(&digits("golden.npz"), "cnn").expect("reference").data else {
        panic!("not f32")
    };
    let worst = y.data().iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("largest difference of a probability {worst:e}");
    assert_eq!(y.data().len(), wanted.len());
    assert!(worst <= 1e-6, "{worst:e}");
}

/// The matrix is square, so that a forgotten transposition would go unnoticed by the shapes.
#[test]
fn gemm_equals_plain_loops() {
    const N: usize = 5;
    let (w, c, x) = (numbers(N * N, 1), numbers(N, 2), numbers(3 * N, 3));
    for trans_b in [0, 1] {
        let attributes =
            [attribute_float("alpha", 0.5), attribute_float("beta", -2.0), attribute_int("transB", trans_b)];
        let model = Model::new(13)
            .input("x", &[1, N as i64])
            .output("y")
            .floats("w", &[N as i64, N as i64], &w)
            .floats("c", &[1, N as i64], &c)
            .node("Gemm", "g", &["x", "w", "c"], &["y"], &attributes);
        let graph = parsed(&model);
        let batch = Tensor2::new(3, N, x.clone()).expect("a matrix");
        let y = Golden::new(&graph).output(&batch).expect("an output");
        let linear = graph.linear(graph.producer(graph.output()).expect("a node")).expect("a linear node");
        for row in 0..3 {
            for n in 0..N {
                let weight = |k: usize| f64::from(if trans_b == 1 { w[n * N + k] } else { w[k * N + n] });
                let sum: f64 = (0..N).map(|k| f64::from(x[row * N + k]) * weight(k)).sum();
                let wanted = 0.5 * sum - 2.0 * f64::from(c[n]);
                assert!((f64::from(y.row(row)[n]) - wanted).abs() < 1e-5, "row {row}, column {n}");
                assert!((0..N).all(|k| f64::from(linear.weights.data()[k * N + n]) == 0.5 * weight(k)));
                assert_eq!(linear.bias.as_ref().expect("a bias")[n], -2.0 * c[n]);
            }
        }
    }
}

/// Before operator set 13 the sum runs over all axes from `axis` on, since then over one.
#[test]
fn softmax_follows_the_operator_set() {
    let x = numbers(6, 4);
    let batch = Tensor2::new(1, 6, x.clone()).expect("a matrix");
    let e: Vec<f64> = x.iter().map(|v| f64::from(*v).exp()).collect();
    let all: f64 = e.iter().sum();
    let wanted = |axis: i64, opset: i64, i: usize| match (opset, axis) {
        (12, 1) => e[i] / all,
        (13, 1) => e[i] / (e[i % 3] + e[i % 3 + 3]),
        _ => e[i] / e[i / 3 * 3..][..3].iter().sum::<f64>(),
    };
    for (opset, axis) in [(12, 1), (12, 2), (13, 1), (13, 2), (13, -1)] {
        let model = Model::new(opset).input("x", &[1, 2, 3]).output("y").node(
            "Softmax",
            "s",
            &["x"],
            &["y"],
            &[attribute_int("axis", axis)],
        );
        let y = Golden::new(&parsed(&model)).output(&batch).expect("an output");
        for (i, v) in y.data().iter().enumerate() {
            let wanted = wanted(axis, opset, i);
            assert!((f64::from(*v) - wanted).abs() < 1e-6, "operator set {opset}, axis {axis}, element {i}");
        }
    }
}

/// Both operands depend on the input, and are broadcast to each other.
#[test]
fn computed_values_are_broadcast() {
    let model = Model::new(13)
        .input("x", &[1, 2, 3])
        .output("y")
        .floats("w", &[3, 1], &[1.0, 1.0, 1.0])
        .node("MatMul", "sum", &["x", "w"], &["s"], &[])
        .node("Sub", "difference", &["x", "s"], &["y"], &[]);
    let graph = parsed(&model);
    let batch = Tensor2::new(2, 6, (0..12).map(|v| v as f32).collect()).expect("a matrix");
    let y = Golden::new(&graph).output(&batch).expect("an output");
    assert_eq!(y.row(0), [-3.0, -2.0, -1.0, -9.0, -8.0, -7.0]);
    assert_eq!(y.row(1), [-15.0, -14.0, -13.0, -21.0, -20.0, -19.0]);
}

/// Three layers on a prime number of samples: the bits do not depend on the threads, nor on which samples share a
/// batch, nor on which values are asked for.
#[test]
fn results_do_not_depend_on_threads_or_batches() {
    let mut b = Builder::new("x", vec![1, 37]);
    let mut value = b.input();
    for (layer, (k, n)) in [(37, 65), (65, 19), (19, 7)].into_iter().enumerate() {
        let tensor = Tensor::new(vec![k, n], numbers(k * n, layer as u64)).expect("a matrix");
        let w = b.constant(&format!("w{layer}"), tensor);
        value =
            b.node(&format!("product{layer}"), Op::MatMul, &[value, w], &format!("z{layer}")).expect("fits");
        value = b.node("act", Op::Map(Function::Sigmoid), &[value], &format!("a{layer}")).expect("fits");
    }
    let graph = b.finish(&[value]).expect("a graph");
    let batch = Tensor2::new(211, 37, numbers(211 * 37, 9)).expect("a matrix");
    let whole = Golden::with_threads(&graph, 1).output(&batch).expect("an output");
    for threads in [2, 3, 8, 300] {
        let again = Golden::with_threads(&graph, threads).output(&batch).expect("an output");
        assert_eq!(bits(&whole), bits(&again), "{threads} threads");
    }
    for row in [0, 1, 4, 63, 64, 210] {
        let alone = Golden::new(&graph).output(&batch.rows_range(row..row + 1)).expect("an output");
        assert_eq!(bits(&whole.rows_range(row..row + 1)), bits(&alone), "sample {row}");
    }
    let mut golden = Golden::new(&graph);
    let some = golden.values(&batch, &["a0", "x", "a2", "a0"]).expect("values");
    let all = golden.all_values(&batch).expect("values");
    assert_eq!(all.len(), 7);
    for (name, value) in ["a0", "x", "a2", "a0"].iter().zip(&some) {
        assert_eq!(bits(&all[*name]), bits(value), "{name}");
    }
    assert_eq!(some[1], batch);
    assert_eq!(bits(&whole), bits(&some[2]));
    // The second layer from the first one's values.
    let product = &all["z1"];
    let linear = graph.linear(graph.producer(graph.value_by_name("z1").expect("z1")).expect("a node"));
    let weights = linear.expect("a linear node").weights;
    let sum = (0..65).fold(0.0f32, |sum, k| sum + all["a0"].row(210)[k] * weights.data()[k * 19 + 18]);
    assert_eq!(product.row(210)[18].to_bits(), sum.to_bits());

    assert_eq!(golden.values(&batch, &["w0"]).expect_err("a constant").0[0].code, "SP0120");
    assert_eq!(golden.output(&Tensor2::zeros(1, 36)).expect_err("too narrow").0[0].code, "SP0121");
    assert_eq!(golden.output(&Tensor2::zeros(0, 37)).expect("nothing").rows(), 0);
}

/// A constant may not widen one sample beyond 2^24 elements.
#[test]
fn broadcasting_is_bounded() {
    let model = Model::new(13)
        .input("x", &[1, 1, 1 << 13])
        .output("y")
        .floats("b", &[1 << 13, 1], &vec![1.0; 1 << 13])
        .node("Add", "wide", &["x", "b"], &["y"], &[]);
    let found = parse_onnx(&model.bytes(), "test.onnx").expect_err("too wide");
    assert_eq!(found.0.len(), 1);
    assert!(found.to_string().contains("more than 2^24 elements"), "{found}");
}
