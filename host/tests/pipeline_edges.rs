//! The corners of the pipeline, one at a time: options and chips at their limits, odd names, other units.

mod pipeline_common;

use std::path::{Path, PathBuf};

use pipeline_common::cases::{Draw, chip};
use pipeline_common::onnx::{Model, npy};
use pipeline_common::{compile_guarded, folder, request};
use spandrel::compile::Compiled;
use spandrel::diagnostic::Diagnostics;
use spandrel::dots::Act;
use spandrel::encode::Segments;
use spandrel::graph::Function;
use spandrel::tune::{CodedAct, Periphery};

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// `count` samples of `inputs` floats from -1 to 1.
fn floats(count: usize, inputs: usize) -> Vec<u8> {
    let mut draw = Draw::new(77);
    let data: Vec<u8> = (0..count * inputs).flat_map(|_| draw.signed().to_le_bytes()).collect();
    npy("<f4", &[count, inputs], &data)
}

/// A network of dense layers of these widths, each but the last followed by `act`.
fn layers(widths: &[usize], act: &str, scales: &[f32]) -> Vec<u8> {
    let mut draw = Draw::new(5);
    let mut model = Model::new(widths[0]);
    for (number, pair) in widths.windows(2).enumerate() {
        let w: Vec<f32> = (0..pair[0] * pair[1]).map(|_| draw.signed()).collect();
        let b: Vec<f32> = (0..pair[1]).map(|_| 0.2 * draw.signed()).collect();
        // Scaling one layer up and the next down leaves the network's function as it is.
        let scale = scales.get(number).copied().unwrap_or(1.0);
        let all: f32 = scales.iter().take(number + 1).product();
        let w: Vec<f32> = w.iter().map(|w| w * scale).collect();
        let b: Vec<f32> = b.iter().map(|b| b * all).collect();
        model.dense(pair[0], &w, Some(&b), true);
        if number + 2 < widths.len() {
            model.node(act, &[], &[]);
        }
    }
    model.bytes(widths[widths.len() - 1])
}

fn made(
    name: &str,
    model: &[u8],
    samples: &[u8],
    changes: &[(&str, &str)],
    set: &[&str],
) -> Result<Compiled, Diagnostics> {
    let folder = folder(&format!("edges-{name}"));
    let changes: Vec<(&str, String)> = changes.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
    let chip = write(&folder, "chip.toml", chip(&changes).to_toml().as_bytes());
    let (model, samples) = (write(&folder, "net.onnx", model), write(&folder, "x.npy", samples));
    compile_guarded(&request(&model, &chip.display().to_string(), &samples, 64, set))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn refused(result: Result<Compiled, Diagnostics>, code: &str) -> Diagnostics {
    match result {
        Ok(_) => panic!("compiled, expected {code}"),
        Err(found) => {
            assert!(found.0.iter().all(|d| d.code == code), "expected {code}: {found}");
            found
        }
    }
}

#[test]
fn more_signals_than_an_array_has_columns_are_refused() {
    let net = layers(&[6, 5, 3], "Relu", &[]);
    let narrow = [("crossbar.bitlines", "16"), ("crossbar.rows", "64")];
    // Eight whole weights a row: eight copies fit one array, nine do not.
    made("fits", &net, &floats(20, 6), &narrow, &["encode.signals=8"]).unwrap();
    refused(made("signals", &net, &floats(20, 6), &narrow, &["encode.signals=9"]), "SP0303");
    refused(made("output", &net, &floats(20, 6), &narrow, &["encode.output=9"]), "SP0303");
    let tall = layers(&[90, 5, 3], "Sigmoid", &[]);
    refused(made("segments", &tall, &floats(20, 90), &narrow, &["sigmoid=relu:9"]), "SP0303");
    let flat = [("crossbar.bitlines", "256"), ("crossbar.rows", "16")];
    refused(made("carrier", &tall, &floats(20, 90), &flat, &["encode.carrier=17"]), "SP0303");
}

#[test]
fn input_signals_are_digits_where_raw_values_fit_a_table() {
    let net = layers(&[6, 5, 3], "Relu", &[]);
    let samples = npy("|u1", &[9, 6], &(0..54).map(|v| v * 4).collect::<Vec<u8>>());
    let bits = |n| [("crossbar.input_bits", n), ("crossbar.dac_bits", "1"), ("crossbar.output_bits", "1")];
    let code = |n| [bits(n).to_vec(), vec![("crossbar.bias_code", "1")]].concat();
    let levels = |made: Compiled| (made.coded.encoded.input.weights.len(), made.coded.encoded.input.levels());
    let two = made("two-bits", &net, &samples, &code("2"), &["encode.input=2"]).unwrap();
    assert_eq!(levels(two), (2, 16));
    let one = made("one-bit", &net, &samples, &code("1"), &["encode.input=2"]).unwrap();
    assert_eq!(levels(one), (2, 4));
    // Left open, wide integers stay on one signal instead of being refused.
    let wide: Vec<u8> = (0..54i16).flat_map(|v| (v * 1200 - 32_000).to_le_bytes()).collect();
    let wide = npy("<i2", &[9, 6], &wide);
    refused(made("wide-two", &net, &wide, &[], &["encode.input=2"]), "SP0303");
    assert_eq!(levels(made("wide", &net, &wide, &[], &[]).unwrap()).0, 1);
}

#[test]
fn cells_beyond_the_compilers_integers_are_refused_and_wide_ones_compile() {
    let net = layers(&[20, 9, 3], "Relu", &[]);
    let cells = |cell: &'static str, slices: &'static str, bits: &'static str| {
        [("weights.0.bits", bits), ("crossbar.cell_bits", cell), ("crossbar.slices", slices)]
    };
    refused(made("sixteen", &net, &floats(20, 20), &cells("8", "2", "16"), &[]), "SP0401");
    made("fourteen", &net, &floats(64, 20), &cells("7", "2", "14"), &[]).unwrap();
    // 256 rows of 8-bit digits by 16-bit digits run beyond 2^24.
    let wide = [
        ("crossbar.input_bits", "16"),
        ("crossbar.dac_bits", "16"),
        ("crossbar.output_bits", "16"),
        ("crossbar.adder_bits", "24"),
    ];
    let changes = [wide.to_vec(), cells("8", "1", "8").to_vec()].concat();
    refused(made("wide", &net, &floats(20, 20), &changes, &[]), "SP0401");
}

#[test]
fn reads_of_sixteen_bits_below_the_weight_of_a_partial() {
    // At shift 0 the heavy partials are shifted left; their codes are compared with the machine's on every compile.
    let net = layers(&[12, 9, 3], "Relu", &[]);
    let changes = [
        ("crossbar.input_bits", "16"),
        ("crossbar.dac_bits", "4"),
        ("crossbar.output_bits", "16"),
        ("crossbar.adder_bits", "24"),
        ("crossbar.bias_code", "65535"),
        ("crossbar.shift_max", "2"),
    ];
    made("left", &net, &floats(40, 12), &changes, &[]).unwrap();
}

#[test]
fn names_may_hold_any_character() {
    let mut model = Model::new(3);
    let w = model.constant(&[3, 2], &[1.0, -1.0, 0.5, 0.25, 0.75, -0.5]);
    model.named("ü\n\u{7f}", "MatMul", &[&w], &[]).named("a\0b", "Relu", &[], &[]);
    made("names", &model.bytes(2), &floats(10, 3), &[], &[]).unwrap();
}

#[test]
fn a_network_in_other_units_gets_the_same_codes() {
    let widths = [10, 24, 12, 4];
    let samples = floats(64, 10);
    let plain = made("units-1", &layers(&widths, "Relu", &[]), &samples, &[], &[]).unwrap();
    let two = |n: i32| (0..n.abs()).fold(1.0f32, |p, _| if n > 0 { p * 2.0 } else { p * 0.5 });
    for (name, scales) in [("small", [two(-30), two(10), two(20)]), ("large", [two(30), two(-25), two(-5)])] {
        let other = made(name, &layers(&widths, "Relu", &scales), &samples, &[], &[]).unwrap();
        for (a, b) in plain.coded.ops.iter().zip(&other.coded.ops) {
            let (a, b) = (&a.payload, &b.payload);
            assert_eq!((&a.periphery, &a.weights), (&b.periphery, &b.weights), "{name}");
        }
    }
}

#[test]
fn values_of_any_size_are_decoded() {
    let samples = floats(64, 10);
    for (name, scale) in [("micro", 1e-5f32), ("milli", 1e-3), ("unit", 1.0), ("mega", 1e6)] {
        let net = layers(&[10, 1], "Relu", &[scale]);
        let compiled = made(name, &net, &samples, &[], &[]).unwrap();
        let error = compiled.report.max_abs_error.unwrap_or_else(|| panic!("{name}: no error is measured"));
        // A single output on 32 copies of 63 levels: a hundredth of its range is generous, a wrong unit is not.
        assert!(error < 0.03 * f64::from(scale), "{name}: off by {error:e}");
    }
    // A level would count less than the decoders' unit, so that they would read nothing but zeros.
    let nothing = made("nothing", &layers(&[10, 1], "Relu", &[1e-9]), &samples, &[], &[]);
    let found = refused(nothing, "SP0309");
    assert!(found.to_string().contains("2^-32"), "{found}");
}

#[test]
fn most_columns_may_be_zero() {
    let mut draw = Draw::new(9);
    let mut w = vec![0.0f32; 8 * 20];
    w[..3 * 8].iter_mut().for_each(|w| *w = draw.signed());
    let mut model = Model::new(8);
    model.dense(8, &w, Some(&[0.1; 20]), true).node("Relu", &[], &[]);
    let compiled = made("zeros", &model.bytes(20), &floats(64, 8), &[], &[]).unwrap();
    assert!(compiled.report.nodes[0].snr_db > 25.0, "{:?}", compiled.report.nodes);
}

#[test]
fn a_chip_of_one_bias_row_is_used() {
    let net = layers(&[10, 12, 4], "Relu", &[]);
    let compiled = made("one-row", &net, &floats(64, 10), &[("crossbar.bias_rows", "1")], &[]).unwrap();
    let rows = |periphery: &Periphery| match periphery {
        Periphery::Composed { bias_rows, .. } => *bias_rows,
        Periphery::Digital(_) => 0,
    };
    assert!(compiled.coded.ops.iter().all(|op| rows(&op.payload.periphery) == 1));
}

#[test]
fn codes_narrower_than_inputs_still_reach_the_top_of_a_function() {
    let net = layers(&[14, 6, 2], "Sigmoid", &[]);
    let changes = [
        ("crossbar.rows", "16"),
        ("crossbar.output_bits", "4"),
        ("crossbar.activations", "[{ kind = \"relu\" }]"),
        ("crossbar.order", "[\"requantise\", \"activation\"]"),
    ];
    let compiled = made("narrow", &net, &floats(64, 14), &changes, &[]).unwrap();
    // Fifteen steps of each segment: an error of a thirtieth of the range would be 24 dB.
    assert!(compiled.report.nodes[0].snr_db > 20.0, "{:?}", compiled.report.nodes);
}

#[test]
fn large_sigmoids_saturate_instead_of_being_refused() {
    let net = layers(&[10, 12, 4], "Sigmoid", &[300.0]);
    let compiled = made("steep", &net, &floats(64, 10), &[], &[]).unwrap();
    assert!(matches!(compiled.coded.ops[0].payload.act, CodedAct::Table(_)));
    assert!(compiled.report.nodes[0].snr_db > 10.0, "{:?}", compiled.report.nodes);
    let tiny = layers(&[10, 12, 4], "Sigmoid", &[1e-6]);
    made("flat", &tiny, &floats(64, 10), &[], &[]).unwrap();
}

/// The bound in the report holds for every z, also between the points where it was measured and as it is printed.
#[test]
fn the_reported_error_of_an_approximated_sigmoid_is_a_bound() {
    let net = layers(&[300, 6, 2], "Sigmoid", &[]);
    for pieces in [1usize, 2, 3, 4, 6, 9, 16, 32] {
        let Segments { pieces: segments, base, worst: bound, .. } =
            Segments::new(&Act::of(Function::Sigmoid), pieces, (-8.0, 8.0));
        let value = |z: f64| {
            let part =
                |s: &spandrel::encode::Segment| s.rise * ((z - s.from) / (s.to - s.from)).clamp(0.0, 1.0);
            base + segments.iter().map(part).sum::<f64>()
        };
        let worst = (-400_000..=400_000)
            .map(|i| f64::from(i) * 5e-5)
            .map(|z| (value(z) - 1.0 / (1.0 + (-z).exp())).abs())
            .fold(0.0, f64::max);
        assert!(worst <= bound, "{pieces} pieces are off by {worst}, {bound} is reported");
        assert!(bound < 1.05 * worst + 1e-6, "{pieces} pieces: {bound} is reported, {worst} measured");
        if pieces != 6 {
            continue;
        }
        let set = format!("sigmoid=relu:{pieces}");
        let compiled = made("bound", &net, &floats(64, 300), &[], &[&set]).unwrap();
        let text = compiled.report.remarks.iter().find_map(|r| r.split_once("off by at most ")).unwrap().1;
        let text = text.split(' ').next().unwrap_or_default();
        assert!(text.parse::<f64>().unwrap() >= worst, "{text} is printed, {worst} measured");
    }
}

#[test]
fn a_model_that_overflows_is_not_blamed_on_the_compiler() {
    let mut model = Model::new(10);
    for _ in 0..3 {
        model.dense(10, &[1e20; 100], None, true).node("Relu", &[], &[]);
    }
    refused(made("overflow", &model.bytes(10), &floats(20, 10), &[], &[]), "SP0312");
}
