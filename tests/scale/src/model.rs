//! The network: thirteen 3 x 3 convolutions in five stages, three dense layers, as in VGG-16 (Simonyan and Zisserman 2015,
//! configuration D), written as an ONNX file weight by weight. Nobody trained it; its weights have the statistics of
//! trained ones: scaled to the fan-in (He et al. 2015), heavier tails than a normal distribution, and a spread of a factor
//! of a few between the channels of a layer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use spandrel::numeric::Random;

/// How large it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Pixels of a side of the image, a multiple of 32.
    pub(crate) image: usize,
    /// Channels of the first stage.
    pub(crate) base: usize,
    /// Units of the dense layers.
    pub(crate) dense: usize,
}

/// Classes.
const CLASSES: usize = 1000;
/// Convolutions of each stage, and its channels in multiples of the first stage's.
const STAGES: [(usize, usize); 5] = [(2, 1), (2, 2), (3, 4), (3, 8), (3, 8)];

/// One layer with weights.
struct Layer {
    name: String,
    /// Of the weights: outputs first.
    shape: Vec<usize>,
}

impl Layer {
    fn outputs(&self) -> usize {
        self.shape[0]
    }

    fn fan_in(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

/// The layers, and for each stage its last convolution.
fn layers(size: Size) -> (Vec<Layer>, Vec<usize>) {
    let (mut out, mut ends, mut channels) = (Vec::new(), Vec::new(), 3);
    for (stage, (count, multiple)) in STAGES.into_iter().enumerate() {
        for at in 0..count {
            let made = size.base * multiple;
            let name = format!("conv{}_{}", stage + 1, at + 1);
            out.push(Layer { name, shape: vec![made, channels, 3, 3] });
            channels = made;
        }
        ends.push(out.len() - 1);
    }
    let mut inputs = channels * (size.image / 32) * (size.image / 32);
    for (at, units) in [size.dense, size.dense, CLASSES].into_iter().enumerate() {
        out.push(Layer { name: format!("fc{}", at + 6), shape: vec![units, inputs] });
        inputs = units;
    }
    (out, ends)
}

/// Weights and biases.
pub(crate) fn parameters(size: Size) -> usize {
    layers(size).0.iter().map(|layer| layer.outputs() * (layer.fan_in() + 1)).sum()
}

/// Multiplications of one inference.
pub(crate) fn products(size: Size) -> usize {
    let (layers, ends) = layers(size);
    let (mut side, mut sum) = (size.image, 0);
    for (at, layer) in layers.iter().enumerate() {
        let positions = if layer.shape.len() == 4 { side * side } else { 1 };
        sum += layer.outputs() * layer.fan_in() * positions;
        if ends.contains(&at) {
            side /= 2;
        }
    }
    sum
}

/// About normal, of variance 1: four 16-bit numbers added.
fn normal(random: &mut Random) -> f64 {
    let bits = random.next_u64();
    let sum: u64 = (0..4).map(|k| bits >> (16 * k) & 0xffff).sum();
    // Each is uniform with variance 2^32 / 12.
    (sum as f64 - 2.0 * 65535.0) / 37837.0
}

/// Factors, drawn alike, that a normal number is multiplied with: a mixture with heavy tails.
const TAILS: [f64; 8] = [0.45, 0.6, 0.7, 0.8, 0.9, 1.0, 1.3, 2.4];

/// Weights of one output, of variance about 2 / fan-in times its channel's own spread.
fn row(layer: &Layer, number: usize, output: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, (number as u64) << 32 | output as u64);
    let norm = (TAILS.iter().map(|t| t * t).sum::<f64>() / TAILS.len() as f64).sqrt();
    // Between channels a factor of 1/2 to 2 around the middle, on a geometric scale in 64 steps.
    let step = (random.next_u64() % 64) as i32 - 32;
    let spread = (0..step.abs()).fold(0.92, |s, _| if step < 0 { s / 1.0219 } else { s * 1.0219 });
    let scale = (2.0 / layer.fan_in() as f64).sqrt() * spread / norm;
    (0..layer.fan_in())
        .map(|_| {
            let tail = TAILS[(random.next_u64() >> 61) as usize];
            (normal(&mut random) * tail * scale) as f32
        })
        .collect()
}

/// Biases: small and mostly positive, so that few units are silent.
fn biases(layer: &Layer, number: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed ^ 0xb1a5, number as u64);
    (0..layer.outputs()).map(|_| (0.05 + 0.1 * normal(&mut random)) as f32).collect()
}

/// A field with a length: tag, length, bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = head(number, bytes.len());
    out.extend_from_slice(bytes);
    out
}

fn head(number: u8, length: usize) -> Vec<u8> {
    let mut out = varint(u64::from(number) << 3 | 2);
    out.extend(varint(length as u64));
    out
}

fn int(number: u8, value: u64) -> Vec<u8> {
    let mut out = varint(u64::from(number) << 3);
    out.extend(varint(value));
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let list: Vec<u8> = values.iter().flat_map(|&v| int(8, v)).collect();
    field(5, &[field(1, name.as_bytes()), list, int(20, 7)].concat())
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|name| field(1, name.as_bytes())).collect();
    let rest = [field(2, output.as_bytes()), field(3, output.as_bytes()), field(4, operator.as_bytes())];
    field(1, &[inputs, rest.concat(), attributes.concat()].concat())
}

fn value(number: u8, name: &str, shape: &[usize]) -> Vec<u8> {
    let dims: Vec<u8> = shape.iter().flat_map(|&d| field(1, &int(1, d as u64))).collect();
    let tensor = [int(1, 1), field(2, &dims)].concat();
    field(number, &[field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat())
}

fn nodes(layers: &[Layer], ends: &[usize]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut from = "image".to_owned();
    for (at, layer) in layers.iter().enumerate() {
        let (name, last) = (&layer.name, at + 1 == layers.len());
        let (weights, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let inputs = [from.as_str(), &weights, &bias];
        let sum = if last { "logits".to_owned() } else { format!("{name}.sum") };
        if layer.shape.len() == 4 {
            let window = [ints("kernel_shape", &[3, 3]), ints("pads", &[1, 1, 1, 1])];
            out.extend(node("Conv", &inputs, &sum, &window));
        } else {
            let transposed = field(5, &[field(1, b"transB"), int(3, 1), int(20, 2)].concat());
            out.extend(node("Gemm", &inputs, &sum, &[transposed]));
        }
        if last {
            break;
        }
        out.extend(node("Relu", &[&sum], name, &[]));
        from = name.clone();
        if ends.contains(&at) {
            let pooled = format!("{name}.pool");
            out.extend(node(
                "MaxPool",
                &[&from],
                &pooled,
                &[ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
            ));
            from = pooled;
        }
        if Some(&at) == ends.last() {
            out.extend(node("Flatten", &[&from], "flat", &[]));
            from = "flat".to_owned();
        }
    }
    out
}

/// A tensor's fields before its data.
fn tensor_head(name: &str, shape: &[usize]) -> Vec<u8> {
    let dims: Vec<u8> = shape.iter().flat_map(|&d| int(1, d as u64)).collect();
    let bytes = 4 * shape.iter().product::<usize>();
    [dims, int(2, 1), field(8, name.as_bytes()), head(9, bytes)].concat()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Writes the network; the same size and seed give the same bytes.
pub(crate) fn write(path: &Path, size: Size, seed: u64) -> io::Result<()> {
    let (layers, ends) = layers(size);
    let mut file = BufWriter::new(File::create(path)?);
    let nodes = nodes(&layers, &ends);
    let interface =
        [value(11, "image", &[1, 3, size.image, size.image]), value(12, "logits", &[1, CLASSES])].concat();
    let heads: Vec<[Vec<u8>; 2]> = layers
        .iter()
        .map(|layer| {
            let framed = |name: String, shape: &[usize]| {
                let own = tensor_head(&name, shape);
                [head(5, own.len() + 4 * shape.iter().product::<usize>()), own].concat()
            };
            [
                framed(format!("{}.weight", layer.name), &layer.shape),
                framed(format!("{}.bias", layer.name), &[layer.outputs()]),
            ]
        })
        .collect();
    let tensors: usize = heads.iter().flatten().map(Vec::len).sum::<usize>() + 4 * parameters(size);
    file.write_all(&[int(1, 8), field(8, &int(2, 13))].concat())?;
    file.write_all(&head(7, nodes.len() + tensors + interface.len()))?;
    file.write_all(&nodes)?;
    for (number, (layer, [weights, bias])) in layers.iter().zip(&heads).enumerate() {
        file.write_all(weights)?;
        for output in 0..layer.outputs() {
            file.write_all(&bytes(&row(layer, number, output, seed)))?;
        }
        file.write_all(bias)?;
        file.write_all(&bytes(&biases(layer, number, seed)))?;
    }
    file.write_all(&interface)?;
    file.flush()
}
