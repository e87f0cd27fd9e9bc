//! Small int8 networks: as ONNX files of dequantised operands, and as what TFLite's reference kernels compute of them.
#![allow(dead_code, unreachable_pub)]

mod residual;

pub use residual::Residual;

use super::common::{Model, attribute_int, attribute_ints, tensor};

/// A stream of numbers from a seed (SplitMix64).
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn byte(&mut self) -> i8 {
        self.next() as i8
    }

    fn weight(&mut self) -> i8 {
        (self.below(255) as i64 - 127) as i8
    }

    /// A positive f32 between `lo` and `hi`, all bits of its fraction drawn.
    fn scale(&mut self, lo: f64, hi: f64) -> f32 {
        (lo * (hi / lo).powf(self.below(1 << 30) as f64 / f64::from(1 << 30))) as f32
    }
}

/// Scale and zero point of codes.
#[derive(Clone, Copy, Debug)]
pub struct Codes {
    pub scale: f32,
    pub zero: i8,
}

#[derive(Clone, Debug)]
pub enum Layer {
    /// A convolution of `groups` groups, square kernel, and perhaps a ReLU.
    Conv { out: usize, kernel: usize, stride: usize, pad: usize, groups: usize, relu: bool, own: Parameters },
    /// A matrix product over everything.
    Dense { out: usize, own: Parameters },
}

#[derive(Clone, Debug)]
pub struct Parameters {
    /// One row a result.
    weights: Vec<i8>,
    /// One a result; of a dense layer one for all.
    scales: Vec<f32>,
    bias: Vec<i32>,
    pub codes: Codes,
}

#[derive(Clone, Debug)]
pub struct Network {
    /// Channels, height, width.
    pub input: [usize; 3],
    codes: Codes,
    pub layers: Vec<Layer>,
}

impl Parameters {
    fn random(draw: &mut Draw, from: Codes, out: usize, taps: usize, each: bool, zero: i8) -> Self {
        let weights: Vec<i8> = (0..out * taps).map(|_| draw.weight()).collect();
        let scales: Vec<f32> = (0..if each { out } else { 1 }).map(|_| draw.scale(0.002, 0.02)).collect();
        let bias = (0..out).map(|_| draw.below(4001) as i32 - 2000).collect();
        // About as wide as the sums are.
        let wide = f64::from(from.scale) * 0.006 * 74.0 * 74.0 * (taps as f64).sqrt() / 50.0;
        Self { weights, scales, bias, codes: Codes { scale: draw.scale(0.7 * wide, 1.4 * wide), zero } }
    }

    fn scale(&self, channel: usize) -> f32 {
        self.scales[channel.min(self.scales.len() - 1)]
    }
}

impl Network {
    pub fn random(draw: &mut Draw) -> Self {
        let channels = 1 + draw.below(3) as usize;
        let mut net = Self {
            input: [channels, 5 + draw.below(3) as usize, 4 + draw.below(3) as usize],
            codes: Codes { scale: draw.scale(0.01, 0.6), zero: draw.byte() },
            layers: Vec::new(),
        };
        let (mut from, mut shape) = (net.codes, net.input);
        for at in 0..1 + draw.below(3) {
            let depthwise = at > 0 && draw.below(2) == 0;
            let kernel = if depthwise { 3 } else { [1, 3, 2][draw.below(3) as usize] };
            let out = if depthwise { shape[0] } else { 2 + draw.below(6) as usize };
            let groups = if depthwise { out } else { 1 };
            let relu = draw.below(2) == 0;
            let zero = if relu && draw.below(2) == 0 { -128 } else { draw.byte() / 2 };
            let pad = usize::from(kernel == 3 || draw.below(3) == 0);
            let stride = 1 + draw.below(2) as usize;
            let own = Parameters::random(draw, from, out, shape[0] / groups * kernel * kernel, true, zero);
            from = own.codes;
            let side = |n: usize| (n + 2 * pad - kernel) / stride + 1;
            shape = [out, side(shape[1]), side(shape[2])];
            net.layers.push(Layer::Conv { out, kernel, stride, pad, groups, relu, own });
        }
        let out = 4 + draw.below(5) as usize;
        let zero = draw.byte() / 2;
        let own = Parameters::random(draw, from, out, shape.iter().product(), false, zero);
        net.layers.push(Layer::Dense { out, own });
        net
    }

    /// One padded convolution and a dense layer, zero points inside the range.
    pub fn padded(draw: &mut Draw) -> Self {
        let codes = Codes { scale: draw.scale(0.1, 0.2), zero: 83 };
        let own = Parameters::random(draw, codes, 3, 18, true, 5);
        let dense = Parameters::random(draw, own.codes, 5, 3 * 16, false, -9);
        let conv = Layer::Conv { out: 3, kernel: 3, stride: 1, pad: 1, groups: 1, relu: false, own };
        Self { input: [2, 4, 4], codes, layers: vec![conv, Layer::Dense { out: 5, own: dense }] }
    }

    /// The network as exporters write it: operands dequantised, results quantised.
    pub fn onnx(&self) -> Vec<u8> {
        let (model, output) = self.model();
        model.output(&output).bytes()
    }

    /// The model without its output, and the output's name.
    fn model(&self) -> (Model, String) {
        let [c, h, w] = self.input.map(|n| n as i64);
        let mut model = Model::new(13).input("x", &[0, c, h, w]);
        let code = |model: Model, name: &str, codes: Codes| {
            model.floats(&format!("{name}_scale"), &[], &[codes.scale]).tensor(tensor(
                &format!("{name}_zero"),
                &[],
                3,
                &[codes.zero as u8],
            ))
        };
        let bytes = |data: &[i8]| data.iter().map(|&v| v as u8).collect::<Vec<u8>>();
        model = code(model, "x", self.codes);
        let (mut value, mut codes, mut channels) = ("x".to_owned(), "x".to_owned(), self.input[0]);
        let mut from = self.codes;
        for (at, layer) in self.layers.iter().enumerate() {
            let name = |what: &str| format!("{what}{at}");
            let dequantised = name("dx");
            let inputs = [value.clone(), format!("{codes}_scale"), format!("{codes}_zero")];
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            model = model.node("DequantizeLinear", &dequantised, &inputs, &[&dequantised], &[]);
            let (Layer::Conv { out, own, .. } | Layer::Dense { out, own }) = layer;
            let bias: Vec<u8> = own.bias.iter().flat_map(|b| b.to_le_bytes()).collect();
            // The bias counts products of one step of x and one of the weights.
            let steps: Vec<f32> = own.scales.iter().map(|s| s * from.scale).collect();
            model = model.tensor(tensor(&name("b"), &[*out as i64], 6, &bias));
            model = match layer {
                Layer::Conv { out, kernel, stride, pad, groups, relu, own } => {
                    let (k, s, p) = (*kernel as i64, *stride as i64, *pad as i64);
                    let dims = [*out as i64, (channels / groups) as i64, k, k];
                    channels = *out;
                    let axis = [attribute_int("axis", 0)];
                    let attributes = [
                        attribute_ints("kernel_shape", &[k, k]),
                        attribute_ints("strides", &[s, s]),
                        attribute_ints("pads", &[p, p, p, p]),
                        attribute_int("group", *groups as i64),
                    ];
                    let conv = [&dequantised, &name("dw"), &name("db")].map(String::clone);
                    let conv: Vec<&str> = conv.iter().map(String::as_str).collect();
                    let sum = if *relu { name("sum") } else { name("z") };
                    let made = model
                        .tensor(tensor(&name("w"), &dims, 3, &bytes(&own.weights)))
                        .floats(&name("ws"), &[*out as i64], &own.scales)
                        .floats(&name("bs"), &[*out as i64], &steps)
                        .node(
                            "DequantizeLinear",
                            &name("dw"),
                            &[&name("w"), &name("ws")],
                            &[&name("dw")],
                            &axis,
                        )
                        .node(
                            "DequantizeLinear",
                            &name("db"),
                            &[&name("b"), &name("bs")],
                            &[&name("db")],
                            &axis,
                        )
                        .node("Conv", &name("conv"), &conv, &[&sum], &attributes);
                    if *relu { made.node("Relu", &name("relu"), &[&sum], &[&name("z")], &[]) } else { made }
                }
                Layer::Dense { out, own } => {
                    let taps = own.weights.len() / out;
                    let turned: Vec<i8> =
                        (0..own.weights.len()).map(|i| own.weights[i % out * taps + i / out]).collect();
                    model
                        .tensor(tensor(&name("w"), &[taps as i64, *out as i64], 3, &bytes(&turned)))
                        .floats(&name("ws"), &[], &own.scales)
                        .floats(&name("bs"), &[], &steps)
                        .ints(&name("flat"), &[1, taps as i64])
                        .node(
                            "DequantizeLinear",
                            &name("dw"),
                            &[&name("w"), &name("ws")],
                            &[&name("dw")],
                            &[],
                        )
                        .node(
                            "DequantizeLinear",
                            &name("db"),
                            &[&name("b"), &name("bs")],
                            &[&name("db")],
                            &[],
                        )
                        .node("Reshape", &name("view"), &[&dequantised, &name("flat")], &[&name("view")], &[])
                        .node(
                            "MatMul",
                            &name("product"),
                            &[&name("view"), &name("dw")],
                            &[&name("product")],
                            &[],
                        )
                        .node("Add", &name("sum"), &[&name("product"), &name("db")], &[&name("z")], &[])
                }
            };
            model = code(model, &name("q"), own.codes);
            value = name("y");
            codes = name("q");
            from = own.codes;
            let inputs = [name("z"), format!("{codes}_scale"), format!("{codes}_zero")];
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            model = model.node("QuantizeLinear", &value, &inputs, &[&value], &[]);
        }
        (model, value)
    }

    /// Codes in the order channel, row, column; convolutions and dense layers rounded twice, as TFLite's reference kernels do, or once, to
    /// the nearest.
    pub fn reference(&self, x: &[i8], (convolutions_once, dense_once): (bool, bool)) -> Vec<i32> {
        let mut value: Vec<i32> = x.iter().map(|&v| i32::from(v)).collect();
        let (mut shape, mut from) = (self.input, self.codes);
        for layer in &self.layers {
            let mut next = Vec::new();
            match layer {
                Layer::Conv { out, kernel, stride, pad, groups, relu, own } => {
                    let side = |n: usize| (n + 2 * pad - kernel) / stride + 1;
                    let (rows, columns, each) = (side(shape[1]), side(shape[2]), shape[0] / groups);
                    let floor = if *relu { i32::from(own.codes.zero) } else { -128 };
                    for channel in 0..*out {
                        for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                            let mut acc = own.bias[channel];
                            for tap in 0..each * kernel * kernel {
                                let (i, j) = (tap / kernel % kernel, tap % kernel);
                                let plane = channel / (out / groups) * each + tap / kernel / kernel;
                                let (r, c) = (
                                    (row * stride + i).wrapping_sub(*pad),
                                    (column * stride + j).wrapping_sub(*pad),
                                );
                                if r < shape[1] && c < shape[2] {
                                    let x =
                                        value[(plane * shape[1] + r) * shape[2] + c] - i32::from(from.zero);
                                    acc += x * i32::from(own.weights[channel * each * kernel * kernel + tap]);
                                }
                            }
                            next.push(if convolutions_once {
                                nearest(acc, from, own, channel, floor)
                            } else {
                                requantised(acc, from, own, channel, floor)
                            });
                        }
                    }
                    shape = [*out, rows, columns];
                    from = own.codes;
                }
                Layer::Dense { out, own } => {
                    for channel in 0..*out {
                        let weights = own.weights[channel * value.len()..].iter();
                        let products = value
                            .iter()
                            .zip(weights)
                            .map(|(x, &w)| (x - i32::from(from.zero)) * i32::from(w));
                        let acc = own.bias[channel] + products.sum::<i32>();
                        next.push(if dense_once {
                            nearest(acc, from, own, channel, -128)
                        } else {
                            requantised(acc, from, own, channel, -128)
                        });
                    }
                    shape = [*out, 1, 1];
                    from = own.codes;
                }
            }
            value = next;
        }
        value
    }
}

/// The nearest code of the real value.
fn nearest(acc: i32, from: Codes, own: &Parameters, channel: usize, floor: i32) -> i32 {
    let real = f64::from(from.scale) * f64::from(own.scale(channel)) / f64::from(own.codes.scale);
    let nearest = (f64::from(acc) * real).round() as i32;
    (nearest + i32::from(own.codes.zero)).clamp(floor, 127)
}

/// `MultiplyByQuantizedMultiplier`, the zero point, and the clip.
fn requantised(acc: i32, from: Codes, own: &Parameters, channel: usize, floor: i32) -> i32 {
    let real = f64::from(from.scale) * f64::from(own.scale(channel)) / f64::from(own.codes.scale);
    // real = fraction * 2^exponent with a fraction from 1/2 to 1.
    let mut exponent = 0i32;
    let mut fraction = real;
    while fraction >= 1.0 {
        (fraction, exponent) = (fraction / 2.0, exponent + 1);
    }
    while fraction < 0.5 {
        (fraction, exponent) = (fraction * 2.0, exponent - 1);
    }
    let mut multiplier = (fraction * 2f64.powi(31)).round() as i64;
    if multiplier == 1 << 31 {
        (multiplier, exponent) = (1 << 30, exponent + 1);
    }
    let product = (i64::from(acc) << exponent.max(0)) * multiplier;
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1i64 << 30) };
    let high = (product + nudge) / (1i64 << 31);
    let right = (-exponent).max(0);
    let (mask, sign) = ((1i64 << right) - 1, i64::from(high < 0));
    let rest = high & mask;
    let scaled = (high >> right) + i64::from(rest > (mask >> 1) + sign);
    (scaled as i32 + i32::from(own.codes.zero)).clamp(floor, 127)
}

/// An npy file (version 1.0) of int8.
pub fn npy(shape: &[usize], data: &[i8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '|i1', 'fortran_order': False, 'shape': {:?}, }}", shape)
        .replace('[', "(")
        .replace(']', ")");
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', length - 1 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data.iter().map(|&v| v as u8));
    bytes
}
