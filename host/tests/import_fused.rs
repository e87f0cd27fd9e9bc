//! Operators of the domain com.microsoft against their formulas, number by number.

mod common;

use common::{Model, attribute_float, attribute_int, attribute_ints, attribute_text, tensor};
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::parse_onnx;
use spandrel::numeric::Random;

const MS: &str = "com.microsoft";

fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random::new(seed, 1);
    (0..count).map(|_| random.unit() as f32 * 4.0 - 2.0).collect()
}

/// Whole numbers from 0 to 255.
fn codes(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Random::new(seed, 2);
    (0..count).map(|_| (random.unit() * 256.0).floor() as f32).collect()
}

fn output(model: &Model, input: &[f32], name: &str) -> Vec<f64> {
    let graph = parse_onnx(&model.bytes(), "m").unwrap_or_else(|found| panic!("{name}: {found}"));
    let input = Tensor2::new(1, input.len(), input.to_vec()).unwrap();
    let found = Golden::new(&graph).values(&input, &[name]).unwrap_or_else(|found| panic!("{found}"));
    found[0].data().iter().map(|&y| f64::from(y)).collect()
}

fn close(what: &str, found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() <= 1e-5 + 1e-5 * wanted.abs(), "{what}[{at}]: {found}, not {wanted}");
    }
}

/// One node with operands x (the input, of `shape`) and constants.
fn single(op: &str, shape: &[i64], constants: &[(&str, &[i64], &[f32])], attributes: &[Vec<u8>]) -> Model {
    let mut model = Model::new(13).input("x", shape);
    let mut inputs = vec!["x"];
    for (name, dims, data) in constants {
        if !dims.is_empty() || !data.is_empty() {
            model = model.floats(name, dims, data);
        }
        inputs.push(if data.is_empty() { "" } else { name });
    }
    model.node_of(MS, op, &inputs, &["y"], attributes).output("y")
}

fn erf_gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x / 2f64.sqrt()))
}

#[test]
fn fused_functions() {
    let (x, bias) = (random(1, 6), random(2, 3));
    let f = |at: usize| f64::from(x[at]);
    let b = |at: usize| f64::from(bias[at % 3]);
    let all = |f: &dyn Fn(usize) -> f64| (0..6).map(f).collect::<Vec<f64>>();
    let tanh =
        |x: f64| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh());
    let y = output(&single("Gelu", &[2, 3], &[], &[]), &x, "y");
    close("Gelu", &y, &all(&|i| erf_gelu(f(i))));
    let y = output(&single("BiasGelu", &[2, 3], &[("b", &[3], &bias)], &[]), &x, "y");
    close("BiasGelu", &y, &all(&|i| erf_gelu(f(i) + b(i))));
    let y = output(&single("FastGelu", &[2, 3], &[("b", &[3], &bias)], &[]), &x, "y");
    close("FastGelu", &y, &all(&|i| tanh(f(i) + b(i))));
    let y = output(&single("QuickGelu", &[2, 3], &[], &[attribute_float("alpha", 1.5)]), &x, "y");
    close("QuickGelu", &y, &all(&|i| f(i) / (1.0 + (-1.5 * f(i)).exp())));
    let skip = random(3, 6);
    let y = output(&single("BiasAdd", &[2, 3], &[("b", &[3], &bias), ("s", &[2, 3], &skip)], &[]), &x, "y");
    close("BiasAdd", &y, &all(&|i| f(i) + b(i) + f64::from(skip[i])));
    let model = single("BiasSoftmax", &[2, 3], &[("b", &[3], &bias)], &[attribute_int("axis", 1)]);
    let sum = |row: usize| (0..3).map(|i| (f(3 * row + i) + b(i)).exp()).sum::<f64>();
    close("BiasSoftmax", &output(&model, &x, "y"), &all(&|i| (f(i) + b(i)).exp() / sum(i / 3)));
}

#[test]
fn fused_products() {
    let (x, w, c) = (random(4, 6), random(5, 12), random(6, 4));
    // x is [3, 2] and transposed, w is [4, 3] and transposed: [2, 4].
    let product = |row: usize, column: usize| -> f64 {
        (0..3).map(|k| f64::from(x[k * 2 + row]) * f64::from(w[column * 3 + k])).sum()
    };
    let transposed = [attribute_int("transA", 1), attribute_int("transB", 1), attribute_float("alpha", 0.5)];
    let y = output(&single("FusedMatMul", &[3, 2], &[("w", &[4, 3], &w)], &transposed), &x, "y");
    let wanted: Vec<f64> = (0..8).map(|i| 0.5 * product(i / 4, i % 4)).collect();
    close("FusedMatMul", &y, &wanted);
    let more = [
        &transposed[..],
        &[
            attribute_float("beta", 2.0),
            attribute_text("activation", "LeakyRelu"),
            attribute_float("activation_alpha", 0.25),
        ],
    ]
    .concat();
    let y = output(&single("FusedGemm", &[3, 2], &[("w", &[4, 3], &w), ("c", &[4], &c)], &more), &x, "y");
    let leaky = |z: f64| if z < 0.0 { 0.25 * z } else { z };
    let wanted: Vec<f64> =
        (0..8).map(|i| leaky(0.5 * product(i / 4, i % 4) + 2.0 * f64::from(c[i % 4]))).collect();
    close("FusedGemm", &y, &wanted);

    // A convolution of one channel with a kernel of two, an addend, and a clip.
    let (x, w, z) = (random(7, 5), random(8, 2), random(9, 4));
    let clip = common::field(1, "activation_params");
    let clip = [clip, common::float(7, -0.5), common::float(7, 0.75), common::int(20, 6)].concat();
    let attributes = [attribute_text("activation", "Clip"), clip];
    let constants: [(&str, &[i64], &[f32]); 3] =
        [("w", &[1, 1, 2], &w), ("b", &[1], &[0.125]), ("z", &[1, 1, 4], &z)];
    let y = output(&single("FusedConv", &[1, 1, 5], &constants, &attributes), &x, "y");
    let wanted: Vec<f64> = (0..4)
        .map(|i| {
            let sum = f64::from(x[i]) * f64::from(w[0]) + f64::from(x[i + 1]) * f64::from(w[1]);
            (sum + 0.125 + f64::from(z[i])).clamp(-0.5, 0.75)
        })
        .collect();
    close("FusedConv", &y, &wanted);
}

#[test]
fn skip_normalisations() {
    let (x, skip, gain, shift, bias) =
        (random(10, 6), random(11, 6), random(12, 3), random(13, 3), random(14, 3));
    let sum = |i: usize| f64::from(x[i]) + f64::from(skip[i]) + f64::from(bias[i % 3]);
    let row = |i: usize| (i / 3 * 3..i / 3 * 3 + 3).map(sum);
    for (op, centred) in [("SkipLayerNormalization", true), ("SkipSimplifiedLayerNormalization", false)] {
        let constants: Vec<(&str, &[i64], &[f32])> = match centred {
            true => vec![("s", &[2, 3], &skip), ("g", &[3], &gain), ("h", &[3], &shift), ("b", &[3], &bias)],
            false => vec![("s", &[2, 3], &skip), ("g", &[3], &gain), ("b", &[3], &bias)],
        };
        let model = single(op, &[2, 3], &constants, &[attribute_float("epsilon", 0.01)]);
        let y = output(&model, &x, "y");
        let wanted: Vec<f64> = (0..6)
            .map(|i| {
                let mean = if centred { row(i).sum::<f64>() / 3.0 } else { 0.0 };
                let variance = row(i).map(|v| (v - mean) * (v - mean)).sum::<f64>() / 3.0;
                let shift = if centred { f64::from(shift[i % 3]) } else { 0.0 };
                (sum(i) - mean) / (variance + 0.01).sqrt() * f64::from(gain[i % 3]) + shift
            })
            .collect();
        close(op, &y, &wanted);
    }
}

/// A quantised operand: codes, scale, zero point.
struct Quantised(Vec<f32>, f32, u8);

impl Quantised {
    fn real(&self, at: usize) -> f64 {
        (f64::from(self.0[at]) - f64::from(self.2)) * f64::from(self.1)
    }

    fn give(&self, model: Model, name: &str, dims: &[i64]) -> Model {
        let bytes: Vec<u8> = self.0.iter().map(|&c| c as u8).collect();
        self.parameters(model.tensor(tensor(name, dims, 2, &bytes)), name)
    }

    fn parameters(&self, model: Model, name: &str) -> Model {
        model.floats(&format!("{name}_scale"), &[], &[self.1]).tensor(tensor(
            &format!("{name}_zero"),
            &[],
            2,
            &[self.2],
        ))
    }

    /// The code of a real number in this scale.
    fn code(&self, x: f64) -> f64 {
        (libm::rint(f64::from((x as f32) / self.1)) + f64::from(self.2)).clamp(0.0, 255.0)
    }
}

/// Codes may differ by one where the quotient lies next to a half.
fn same_codes(what: &str, found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    assert!(found.iter().any(|&code| code > 0.0 && code < 255.0), "{what}: every code is at an end");
    let differ = found.iter().zip(wanted).filter(|(a, b)| a != b).count();
    assert!(differ == 0, "{what}: {found:?}, not {wanted:?}");
}

#[test]
fn quantised_operators() {
    let x = Quantised(codes(20, 12), 0.031, 120);
    let b = Quantised(codes(21, 12), 0.017, 7);
    let y = Quantised(Vec::new(), 0.05, 99);
    let start = || {
        let model = Model::new(13).input("x", &[1, 3, 2, 2]);
        y.parameters(b.give(x.parameters(model, "x"), "b", &[1, 3, 2, 2]), "y")
    };
    let run = |op: &str, inputs: &[&str], attributes: &[Vec<u8>]| {
        output(&start().node_of(MS, op, inputs, &["out"], attributes).output("out"), &x.0, "out")
    };
    let all = |f: &dyn Fn(usize) -> f64| (0..12).map(|i| y.code(f(i))).collect::<Vec<f64>>();
    let two = ["x", "x_scale", "x_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"];
    same_codes("QLinearAdd", &run("QLinearAdd", &two, &[]), &all(&|i| x.real(i) + b.real(i)));
    same_codes("QLinearMul", &run("QLinearMul", &two, &[]), &all(&|i| x.real(i) * b.real(i)));
    let one = ["x", "x_scale", "x_zero", "y_scale", "y_zero"];
    let leaky = run("QLinearLeakyRelu", &one, &[attribute_float("alpha", 0.1)]);
    same_codes(
        "QLinearLeakyRelu",
        &leaky,
        &all(&|i| if x.real(i) < 0.0 { 0.1 * x.real(i) } else { x.real(i) }),
    );
    same_codes(
        "QLinearSigmoid",
        &run("QLinearSigmoid", &one, &[]),
        &all(&|i| 1.0 / (1.0 + (-x.real(i)).exp())),
    );
    let softmax = run("QLinearSoftmax", &one, &[attribute_int("axis", 1), attribute_int("opset", 13)]);
    let sum = |i: usize| (0..3).map(|c| x.real(c * 4 + i % 4).exp()).sum::<f64>();
    same_codes("QLinearSoftmax", &softmax, &all(&|i| x.real(i).exp() / sum(i)));
    let mean = |c: usize| (0..4).map(|i| x.real(c * 4 + i)).sum::<f64>() / 4.0;
    let means: Vec<f64> = (0..3).map(|c| y.code(mean(c))).collect();
    same_codes(
        "QLinearGlobalAveragePool",
        &run("QLinearGlobalAveragePool", &one, &[attribute_int("channels_last", 0)]),
        &means,
    );
    same_codes(
        "QLinearReduceMean",
        &run("QLinearReduceMean", &one, &[attribute_ints("axes", &[2, 3])]),
        &means,
    );
    let pool = run("QLinearAveragePool", &one, &[attribute_ints("kernel_shape", &[2, 1])]);
    let pairs: Vec<f64> =
        (0..6).map(|i| y.code((x.real(i / 2 * 4 + i % 2) + x.real(i / 2 * 4 + i % 2 + 2)) / 2.0)).collect();
    same_codes("QLinearAveragePool", &pool, &pairs);
    let last = run("QLinearGlobalAveragePool", &one, &[attribute_int("channels_last", 1)]);
    let mean = |c: usize| (0..6).map(|i| x.real(i * 2 + c)).sum::<f64>() / 6.0;
    same_codes("channels last", &last, &(0..2).map(|c| y.code(mean(c))).collect::<Vec<f64>>());
    let joined = ["y_scale", "y_zero", "x", "x_scale", "x_zero", "b", "b_scale", "b_zero"];
    let concat = run("QLinearConcat", &joined, &[attribute_int("axis", 0)]);
    let wanted: Vec<f64> = (0..24).map(|i| y.code(if i < 12 { x.real(i) } else { b.real(i - 12) })).collect();
    same_codes("QLinearConcat", &concat, &wanted);
}

#[test]
fn quantised_products() {
    let a = Quantised(codes(30, 6), 0.02, 100);
    let b = Quantised(codes(31, 12), 0.01, 140);
    let y = Quantised(Vec::new(), 0.03, 128);
    let bias = random(32, 4);
    let product = |i: usize| (0..3).map(|k| a.real(i / 4 * 3 + k) * b.real(k * 4 + i % 4)).sum::<f64>();
    let start = || {
        let model = Model::new(13).input("a", &[2, 3]).floats("bias", &[4], &bias);
        let whole: Vec<u8> = [500i32, -2000, 0, 7].iter().flat_map(|v| v.to_le_bytes()).collect();
        let model = model.tensor(tensor("c", &[4], 6, &whole));
        y.parameters(b.give(a.parameters(model, "a"), "b", &[3, 4]), "y")
    };
    let run = |op: &str, inputs: &[&str], attributes: &[Vec<u8>], input: &[f32]| {
        output(&start().node_of(MS, op, inputs, &["out"], attributes).output("out"), input, "out")
    };
    let found =
        run("MatMulIntegerToFloat", &["a", "b", "a_scale", "b_scale", "a_zero", "b_zero", "bias"], &[], &a.0);
    close(
        "MatMulIntegerToFloat",
        &found,
        &(0..8).map(|i| product(i) + f64::from(bias[i % 4])).collect::<Vec<f64>>(),
    );
    let inputs = ["a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "c", "y_scale", "y_zero"];
    let c = [500.0, -2000.0, 0.0, 7.0];
    let whole = |i: usize| 0.5 * (product(i) + c[i % 4] * f64::from(a.1) * f64::from(b.1));
    let found = run("QGemm", &inputs, &[attribute_float("alpha", 0.5)], &a.0);
    same_codes("QGemm", &found, &(0..8).map(|i| y.code(whole(i))).collect::<Vec<f64>>());
    let found = run("QGemm", &inputs[..7], &[attribute_float("alpha", 0.5)], &a.0);
    close("QGemm without an output scale", &found, &(0..8).map(whole).collect::<Vec<f64>>());

    // The real operand on 256 levels over its range and 0.
    let real = random(33, 6);
    let most = real.iter().fold(0.0f32, |m, &x| m.max(x));
    let least = real.iter().fold(0.0f32, |m, &x| m.min(x));
    let scale = (most - least) / 255.0;
    let zero = libm::rintf((-least / scale).clamp(0.0, 255.0));
    let level =
        |x: f32| f64::from((libm::rintf(x / scale) + zero).clamp(0.0, 255.0) - zero) * f64::from(scale);
    let wanted: Vec<f64> = (0..8)
        .map(|i| {
            (0..3).map(|k| level(real[i / 4 * 3 + k]) * b.real(k * 4 + i % 4)).sum::<f64>()
                + f64::from(bias[i % 4])
        })
        .collect();
    let found = run("DynamicQuantizeMatMul", &["a", "b", "b_scale", "b_zero", "bias"], &[], &real);
    close("DynamicQuantizeMatMul", &found, &wanted);
}
