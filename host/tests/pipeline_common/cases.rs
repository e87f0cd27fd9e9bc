//! Random networks, samples and chips, each from its own seed.

use std::path::{Path, PathBuf};

use spandrel::numeric::Random;
use spandrel_hwdesc::{Chip, builtin};

use super::onnx::{Attribute, Model, npy};

/// Draws from a seeded generator.
pub(crate) struct Draw(Random);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Random::new(0x5EED, seed))
    }

    /// 0..count
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.0.next_u64() % count as u64) as usize
    }

    /// One time out of `n`.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// -1..1
    pub(crate) fn signed(&mut self) -> f32 {
        (2.0 * self.0.unit() - 1.0) as f32
    }
}

/// A case on disk.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    /// What it is, for messages.
    pub(crate) text: String,
    pub(crate) model: PathBuf,
    pub(crate) samples: PathBuf,
    pub(crate) chip: PathBuf,
    pub(crate) set: Vec<&'static str>,
}

fn width(draw: &mut Draw) -> usize {
    match draw.below(10) {
        0 => 1,
        1 => 2,
        2..=6 => 1 + draw.below(24),
        7 | 8 => 1 + draw.below(90),
        _ => 1 + draw.below(300),
    }
}

/// Weights and biases of one layer, and what is odd about them.
fn layer(draw: &mut Draw, inputs: usize, outputs: usize, text: &mut String) -> (Vec<f32>, Vec<f32>) {
    let scale = draw.pick(&[1.0, 1.0, 1.0, 1.0, 0.05, 20.0, 1e-6, 1e6, 1e-3]);
    let spread = scale / (inputs as f32).sqrt();
    let mut w: Vec<f32> = (0..inputs * outputs).map(|_| 2.0 * spread * draw.signed()).collect();
    let mut b: Vec<f32> = (0..outputs).map(|_| 0.3 * scale * draw.signed()).collect();
    text.push_str(&format!(" {outputs}x{scale:e}"));
    let mut odd = |name: &str| text.push_str(&format!("[{name}]"));
    match draw.below(14) {
        0 => {
            odd("zero rows");
            for o in (0..outputs).step_by(2) {
                w[o * inputs..(o + 1) * inputs].fill(0.0);
            }
        }
        1 => {
            odd("all zero");
            w.fill(0.0);
        }
        2 => {
            odd("twins");
            for o in 1..outputs {
                w.copy_within(0..inputs, o * inputs);
                b[o] = b[0];
            }
        }
        3 => {
            odd("dead");
            b.iter_mut().for_each(|b| *b = -30.0 * scale * (inputs as f32).sqrt());
        }
        4 => {
            odd("large biases");
            b.iter_mut().for_each(|b| *b *= 1000.0);
        }
        5 => {
            odd("positive");
            w.iter_mut().for_each(|w| *w = w.abs());
        }
        6 => {
            odd("one weight dominates");
            let at = draw.below(w.len());
            w[at] *= 1e4;
        }
        7 => {
            odd("no biases");
            b.fill(0.0);
        }
        _ => {}
    }
    (w, b)
}

fn network(draw: &mut Draw, text: &mut String) -> (Vec<u8>, usize) {
    let inputs = width(draw);
    let mut model = Model::new(inputs);
    text.push_str(&format!("net {inputs}"));
    if draw.once_in(3) {
        let (mean, std) = (draw.signed() * 3.0, draw.pick(&[0.25f32, 1.0, 64.0]));
        let m = model.constant(&[], &[mean]);
        let s = model.constant(&[1], &[std]);
        model.node("Sub", &[&m], &[]).node("Div", &[&s], &[]);
        text.push_str(" normalised");
    }
    let depth = 1 + draw.below(4);
    let mut from = inputs;
    for number in 0..depth {
        let last = number + 1 == depth;
        let to = width(draw);
        let (w, b) = layer(draw, from, to, text);
        let gemm = draw.once_in(2);
        let bias = (gemm || !draw.once_in(5)).then_some(b.as_slice());
        model.dense(from, &w, bias, gemm);
        if draw.once_in(8) {
            let parameters: Vec<String> =
                [0.5f32, 0.1, -0.2, 2.0].iter().map(|&at| model.constant(&[to], &vec![at; to])).collect();
            let names: Vec<&str> = parameters.iter().map(String::as_str).collect();
            model.node("BatchNormalization", &names, &[Attribute::Float("epsilon", 1e-5)]);
            text.push_str(" norm");
        }
        let act = match (last, draw.below(6)) {
            (true, 0 | 1) => "",
            (true, 2 | 3) => "Softmax",
            (_, 0) => "Sigmoid",
            (false, 1) => "Sigmoid",
            _ => "Relu",
        };
        if !act.is_empty() {
            let attributes = [Attribute::Int("axis", 1)];
            model.node(act, &[], if act == "Softmax" { &attributes } else { &[] });
            text.push_str(&format!(" {act}"));
        }
        from = to;
    }
    (model.bytes(from), inputs)
}

fn samples(draw: &mut Draw, inputs: usize, text: &mut String) -> Vec<u8> {
    let count = draw.pick(&[1, 2, 7, 40, 64, 90]);
    let kind = draw.pick(&["|u1", "|i1", "<i2", "<f4", "<f4"]);
    let odd = draw.pick(&["", "", "", "", "constant", "zero", "sparse", "wide"]);
    text.push_str(&format!("; {count} samples {kind} {odd}"));
    let all = draw.signed();
    let values: Vec<f32> = (0..count * inputs)
        .map(|at| match odd {
            "constant" => all,
            "zero" => 0.0,
            "sparse" if at % 7 != 0 => 0.0,
            _ => draw.signed(),
        })
        .collect();
    let data: Vec<u8> = match kind {
        "|u1" => values.iter().map(|v| (v.abs() * 255.0) as u8).collect(),
        "|i1" => values.iter().map(|v| (v * 127.0) as i8 as u8).collect(),
        "<i2" => {
            let scale = if odd == "wide" { 32767.0 } else { 900.0 };
            values.iter().flat_map(|v| ((v * scale) as i16).to_le_bytes()).collect()
        }
        _ => {
            let scale = if odd == "wide" { 1e6 } else { 1.0 };
            values.iter().flat_map(|v| (v * scale).to_le_bytes()).collect()
        }
    };
    npy(kind, &[count, inputs], &data)
}

/// A chip made from PRIME by changing some fields.
pub(crate) fn chip(changes: &[(&str, String)]) -> Chip {
    let changes: Vec<(&str, &str)> = changes.iter().map(|(path, value)| (*path, value.as_str())).collect();
    builtin("prime").expect("PRIME is built in").with(&changes).unwrap_or_else(|errors| {
        panic!("{changes:?}: {}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn random_chip(draw: &mut Draw, text: &mut String) -> Chip {
    if draw.once_in(4) {
        text.push_str("; prime");
        return chip(&[]);
    }
    let slices = 1 + draw.below(2);
    let cell_bits = if slices == 2 { draw.pick(&[1, 2, 4, 4, 5]) } else { draw.pick(&[2, 4, 6, 8]) };
    let (input_bits, dac_bits) =
        draw.pick(&[(6, 3), (6, 6), (6, 2), (4, 2), (4, 1), (8, 4), (8, 8), (2, 1), (1, 1)]);
    let output_bits: usize = draw.pick(&[input_bits, input_bits, input_bits.div_ceil(2)]);
    let bias_rows = draw.pick(&[1, 2, 4, 8]);
    let top = (1usize << input_bits) - 1;
    let bias_code = draw.pick(&[1, top, top, top]);
    let adder = (output_bits + draw.pick(&[1, 3, 6, 10])).min(24);
    let changes = [
        ("weights.0.bits", (cell_bits * slices).to_string()),
        ("crossbar.rows", draw.pick(&[16, 33, 64, 100, 256, 256]).to_string()),
        ("crossbar.bitlines", draw.pick(&[16, 32, 64, 256]).to_string()),
        ("crossbar.cell_bits", cell_bits.to_string()),
        ("crossbar.slices", slices.to_string()),
        ("crossbar.input_bits", input_bits.to_string()),
        ("crossbar.dac_bits", dac_bits.to_string()),
        ("crossbar.output_bits", output_bits.to_string()),
        ("crossbar.rounding", draw.pick(&["\"floor\"", "\"toward_zero\""]).to_owned()),
        ("crossbar.shift_min", draw.pick(&[0, 0, 3]).to_string()),
        ("crossbar.shift_max", draw.pick(&[16, 16, 10, 24, 3]).to_string()),
        ("crossbar.bias_rows", bias_rows.to_string()),
        ("crossbar.bias_rows_inside", draw.pick(&["true", "false"]).to_owned()),
        ("crossbar.bias_code", bias_code.to_string()),
        ("crossbar.adder_bits", adder.to_string()),
        ("crossbar.sum_shift_max", draw.pick(&[0, 1, 5]).min(adder - 1).to_string()),
        (
            "crossbar.activations",
            draw.pick(&[
                "[{ kind = \"relu\" }]",
                "[{ kind = \"relu\" }, { kind = \"sigmoid\", single_array_only = true }]",
            ])
            .to_owned(),
        ),
        ("crossbar.order", "[\"requantise\", \"activation\"]".to_owned()),
        ("fabric.chips", "1".to_owned()),
        ("fabric.banks", draw.pick(&[1, 64, 64]).to_string()),
        ("fabric.cores", draw.pick(&[1, 8, 64]).to_string()),
    ];
    for (field, value) in
        changes.iter().filter(|(field, _)| !["weights.0.bits", "crossbar.order"].contains(field))
    {
        let name = field.rsplit('.').next().unwrap_or_default();
        text.push_str(&format!("{}{name}={value}", if name == "rows" { "; " } else { " " }));
    }
    chip(&changes)
}

/// Case `seed`, its files in `folder`.
pub(crate) fn case(folder: &Path, seed: u64) -> Case {
    let mut draw = Draw::new(seed);
    let mut text = String::new();
    let (model_bytes, inputs) = network(&mut draw, &mut text);
    let sample_bytes = samples(&mut draw, inputs, &mut text);
    let chip = random_chip(&mut draw, &mut text);
    let set = draw.pick::<&[&'static str]>(&[
        &[],
        &[],
        &[],
        &[],
        &["tune=nearest"],
        &["tune=nearest-one-scale"],
        &["encode.signals=4", "encode.output=3"],
        &["encode.input=2"],
        &["sigmoid=relu:4"],
        &["expand.row_arrays=2"],
    ]);
    text.push_str(&format!("; {set:?}"));
    let path = |name: &str| folder.join(format!("{seed}-{name}"));
    let write = |path: PathBuf, bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("writable folder");
        path
    };
    Case {
        seed,
        text,
        model: write(path("net.onnx"), &model_bytes),
        samples: write(path("x.npy"), &sample_bytes),
        chip: write(path("chip.toml"), chip.to_toml().as_bytes()),
        set: set.to_vec(),
    }
}
