//! Perceptrons by chance: every supported operator, in the forms that exporters write.
//!
//! Numbers stay near 1: weights shrink with the root of the number of inputs, divisors keep away from zero. A difference
//! between two implementations is then one of meaning, not one of rounding that a badly conditioned network blew up.

mod operators;

use tract_onnx::pb::AttributeProto;

use crate::onnx::{
    Model, Storage, float_attribute, floats, int_attribute, ints, ints_attribute, tensor_attribute,
};
use crate::random::Random;

/// A model and what to feed it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The file.
    pub file: Vec<u8>,
    /// Samples, row by row.
    pub input: Vec<f32>,
    /// Whether the batch dimension is open; else it is 1.
    pub whole_batch: bool,
    /// The operators used.
    pub operators: Vec<String>,
}

/// Operator sets: each has a difference in one of the operators here (7 to 9 normalisation and Gemm's third operand, 11
/// negative axes, 12 Dropout, 13 Softmax and Squeeze, 14 Reshape and normalisation), or is one that exporters use.
const OPSETS: [i64; 11] = [7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18];

/// The largest number of elements of one sample.
const WIDEST: usize = 256;

/// The model of `seed`.
pub fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let opset = random.pick(&OPSETS);
    let rank = random.below(3) + 1;
    let shape: Vec<usize> = (0..rank)
        .map(|_| if rank > 1 && random.once_in(4) { 1 } else { random.below([24, 9, 5][rank - 1]) + 1 })
        .collect();
    let whole_batch = !random.once_in(3);
    let rows = random.below(4) + 1;
    let input = random.numbers(rows * shape.iter().product::<usize>(), -2.0, 2.0);
    let mut draft = Draft {
        model: Model::new(opset, (!whole_batch).then_some(1), &shape),
        random,
        opset,
        whole_batch,
        value: "x".into(),
        shape,
        earlier: Vec::new(),
        names: 0,
    };
    for _ in 0..draft.random.below(10) + 3 {
        draft.step();
    }
    let operators = draft.model.operators().map(str::to_owned).collect();
    Case { file: draft.model.bytes(&draft.value, &draft.shape), input, whole_batch, operators }
}

struct Draft {
    model: Model,
    random: Random,
    opset: i64,
    whole_batch: bool,
    /// The last value and the shape of one sample of it.
    value: String,
    shape: Vec<usize>,
    /// Values before it.
    earlier: Vec<(String, Vec<usize>)>,
    names: usize,
}

impl Draft {
    fn step(&mut self) {
        match self.random.below(15) {
            0..=2 => self.dense(),
            3 => self.plain("Relu", Vec::new()),
            4 => self.plain("Sigmoid", Vec::new()),
            5 | 6 => self.with_constant(),
            7 => self.with_earlier(),
            8 => self.flatten(),
            9 => self.reshape(),
            10 => self.unsqueeze(),
            11 => self.squeeze(),
            12 => self.normalise(),
            13 => self.softmax(),
            _ => match self.random.below(4) {
                0 => self.dropout(),
                1 => self.plain("Cast", vec![int_attribute("to", 1)]),
                2 => self.plain("Identity", Vec::new()),
                _ => self.reciprocal(),
            },
        }
    }

    fn name(&mut self, stem: &str) -> String {
        self.names += 1;
        format!("{stem}{}", self.names)
    }

    /// A node that makes the next value, of `shape`, from `inputs`.
    fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        more: &[&str],
        attributes: Vec<AttributeProto>,
        shape: Vec<usize>,
    ) {
        let output = self.name("v");
        let name = if self.random.once_in(5) { String::new() } else { self.name("n") };
        let outputs: Vec<&str> = std::iter::once(output.as_str()).chain(more.iter().copied()).collect();
        self.model.node(operator, &name, inputs, &outputs, attributes);
        let before = std::mem::replace(&mut self.shape, shape);
        self.earlier.push((std::mem::replace(&mut self.value, output), before));
    }

    fn plain(&mut self, operator: &str, attributes: Vec<AttributeProto>) {
        let (x, shape) = (self.value.clone(), self.shape.clone());
        self.node(operator, &[&x], &[], attributes, shape);
    }

    /// A constant of numbers, as an initialiser or a node.
    fn constant(&mut self, dims: &[usize], data: &[f32]) -> String {
        let name = self.name("c");
        if self.random.once_in(4) {
            let attribute = if dims.is_empty() && self.opset >= 12 {
                float_attribute("value_float", data[0])
            } else {
                tensor_attribute("value", floats("", dims, data, Storage::Raw))
            };
            self.model.node("Constant", "", &[], &[&name], vec![attribute]);
        } else {
            let storage = self.random.pick(&[Storage::Raw, Storage::Typed]);
            self.model.initializer(floats(&name, dims, data, storage));
        }
        name
    }

    /// A list of whole numbers, as an initialiser or a node.
    fn whole_numbers(&mut self, data: &[i64]) -> String {
        let name = self.name("i");
        let storage = self.random.pick(&[Storage::Raw, Storage::Typed]);
        // Before operator set 9 a Constant held floating-point numbers only.
        if self.opset >= 9 && self.random.once_in(4) {
            let attribute = tensor_attribute("value", ints("", data, storage));
            self.model.node("Constant", "", &[], &[&name], vec![attribute]);
        } else {
            self.model.initializer(ints(&name, data, storage));
        }
        name
    }

    fn sign(&mut self, axis: usize, rank: usize) -> i64 {
        // Axes count from the end since operator set 11.
        if self.opset >= 11 && self.random.once_in(2) { axis as i64 - rank as i64 } else { axis as i64 }
    }

    fn dense(&mut self) {
        if self.shape.len() == 1 && self.random.once_in(2) { self.gemm() } else { self.matmul() }
    }

    /// A matrix of weights for `k` inputs, under the name it has after whatever computes it from constants.
    fn weights(&mut self, k: usize, n: usize) -> String {
        let bound = (3.0 / k as f32).sqrt();
        match self.random.below(5) {
            // Stored transposed, as PyTorch does for layers without bias.
            0 => {
                let data = self.random.numbers(k * n, -bound, bound);
                let stored = self.constant(&[n, k], &data);
                let name = self.name("w");
                let perm = ints_attribute("perm", &[1, 0]);
                let attributes = if self.random.once_in(2) { vec![perm] } else { Vec::new() };
                self.model.node("Transpose", "", &[&stored], &[&name], attributes);
                name
            }
            // A product, as for weights with a low rank.
            1 => {
                let rank = self.random.below(4) + 1;
                let (left, right) =
                    (self.random.numbers(k * rank, -bound, bound), self.random.numbers(rank * n, -1.0, 1.0));
                let (left, right) = (self.constant(&[k, rank], &left), self.constant(&[rank, n], &right));
                let name = self.name("w");
                self.model.node("MatMul", "", &[&left, &right], &[&name], Vec::new());
                name
            }
            // Double precision, converted.
            2 => {
                let data = self.random.numbers(k * n, -bound, bound);
                let (stored, name) = (self.name("d"), self.name("w"));
                self.model.initializer(floats(&stored, &[k, n], &data, Storage::Double));
                self.model.node("Cast", "", &[&stored], &[&name], vec![int_attribute("to", 1)]);
                name
            }
            _ => {
                let data = self.random.numbers(k * n, -bound, bound);
                self.constant(&[k, n], &data)
            }
        }
    }
}
