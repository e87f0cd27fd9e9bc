//! Perceptrons by chance: every supported operator, in the forms that exporters write.
//!
//! Numbers stay near 1: weights shrink with the root of the number of inputs, divisors keep away from zero. A difference
//! between two implementations is then one of meaning, not one of rounding that a badly conditioned network blew up.

use tract_onnx::pb::AttributeProto;

use crate::onnx::{
    Model, Storage, boolean, float_attribute, floats, int_attribute, ints, ints_attribute, tensor_attribute,
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

    fn matmul(&mut self) {
        let Some((&k, outer)) = self.shape.split_last() else { return };
        let most = (WIDEST / outer.iter().product::<usize>()).clamp(1, 40);
        let n = self.random.below(most) + 1;
        let shape = [outer, &[n]].concat();
        let (x, w) = (self.value.clone(), self.weights(k, n));
        self.node("MatMul", &[&x, &w], &[], Vec::new(), shape.clone());
        if !self.random.once_in(4) {
            let bias = self.random.numbers(n, -1.0, 1.0);
            let (y, bias) = (self.value.clone(), self.constant(&[n], &bias));
            let inputs = if self.random.once_in(3) { [&bias, &y] } else { [&y, &bias] };
            self.node("Add", &inputs.map(String::as_str), &[], Vec::new(), shape);
        }
    }

    fn gemm(&mut self) {
        let k = self.shape[0];
        let n = self.random.below(40) + 1;
        let trans_b = self.random.once_in(2);
        let bound = (3.0 / k as f32).sqrt();
        let data = self.random.numbers(k * n, -bound, bound);
        let w = self.constant(&if trans_b { [n, k] } else { [k, n] }, &data);
        let mut attributes = Vec::new();
        if trans_b || self.random.once_in(3) {
            attributes.push(int_attribute("transB", i64::from(trans_b)));
        }
        for name in ["alpha", "beta"] {
            if self.random.once_in(2) {
                attributes.push(float_attribute(name, self.random.between(-2.0, 2.0)));
            }
        }
        let x = self.value.clone();
        let mut inputs = vec![x, w];
        // The third operand may be left out since operator set 11.
        if self.opset < 11 || !self.random.once_in(4) {
            let dims = match self.random.below(6) {
                0 => vec![],
                1 => vec![1],
                2 => vec![1, 1],
                3 => vec![1, n],
                _ => vec![n],
            };
            let data = self.random.numbers(dims.iter().product(), -1.0, 1.0);
            inputs.push(self.constant(&dims, &data));
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        self.node("Gemm", &inputs, &[], attributes, vec![n]);
    }

    /// Input normalisation and its like: an element-wise operator with a constant, broadcast in all ways.
    fn with_constant(&mut self) {
        let operator = self.random.pick(&["Add", "Sub", "Mul", "Div"]);
        let mut dims = self.shape.clone();
        for dim in &mut dims {
            if self.random.once_in(3) {
                *dim = 1;
            }
        }
        if self.random.once_in(3) {
            dims.insert(0, 1);
        } else {
            dims.drain(..self.random.below(dims.len() + 1));
        }
        let count = dims.iter().product();
        let data: Vec<f32> = (0..count)
            .map(|_| {
                let size = self.random.between(0.5, 2.0);
                if self.random.once_in(2) { -size } else { size }
            })
            .collect();
        let (x, c, shape) = (self.value.clone(), self.constant(&dims, &data), self.shape.clone());
        let inputs = if operator != "Div" && self.random.once_in(3) { [&c, &x] } else { [&x, &c] };
        self.node(operator, &inputs.map(String::as_str), &[], Vec::new(), shape);
    }

    /// An element-wise operator of the last value and an earlier one: a residual connection or a gate.
    fn with_earlier(&mut self) {
        let fits = |shape: &[usize]| {
            shape.len() == self.shape.len()
                && shape.iter().zip(&self.shape).all(|(&a, &b)| a == b || a == 1 || b == 1)
        };
        let choices: Vec<_> = self.earlier.iter().filter(|(_, shape)| fits(shape)).cloned().collect();
        if choices.is_empty() {
            return self.plain("Relu", Vec::new());
        }
        let (other, dims) = choices[self.random.below(choices.len())].clone();
        let shape: Vec<usize> = dims.iter().zip(&self.shape).map(|(&a, &b)| a.max(b)).collect();
        if shape.iter().product::<usize>() > WIDEST {
            return;
        }
        let operator = self.random.pick(&["Add", "Sub", "Mul"]);
        let x = self.value.clone();
        let inputs = if self.random.once_in(2) { [&other, &x] } else { [&x, &other] };
        self.node(operator, &inputs.map(String::as_str), &[], Vec::new(), shape);
    }

    /// A constant divided by 1 and the sigmoid: the divisor lies between 1 and 2.
    fn reciprocal(&mut self) {
        self.plain("Sigmoid", Vec::new());
        let one = self.constant(&[], &[1.0]);
        let (x, shape) = (self.value.clone(), self.shape.clone());
        self.node("Add", &[&x, &one], &[], Vec::new(), shape.clone());
        let last = *self.shape.last().unwrap_or(&1);
        let data = self.random.numbers(last, -3.0, 3.0);
        let (x, c) = (self.value.clone(), self.constant(&[last], &data));
        self.node("Div", &[&c, &x], &[], Vec::new(), shape);
    }

    fn flatten(&mut self) {
        let rank = self.shape.len() + 1;
        let attributes =
            if self.random.once_in(3) { Vec::new() } else { vec![int_attribute("axis", self.sign(1, rank))] };
        let (x, count) = (self.value.clone(), self.shape.iter().product());
        self.node("Flatten", &[&x], &[], attributes, vec![count]);
    }

    fn reshape(&mut self) {
        let count: usize = self.shape.iter().product();
        let divisors: Vec<usize> = (1..=count).filter(|&d| count.is_multiple_of(d)).collect();
        let first = self.random.pick(&divisors);
        let shape = match self.random.below(4) {
            0 => vec![count],
            1 => vec![first, count / first],
            2 => vec![1, first, count / first],
            _ => self.shape.clone(),
        };
        let mut target: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
        let batch = match (self.whole_batch, self.random.below(3)) {
            (false, 0) => 1,
            (_, 1) => 0,
            _ => -1,
        };
        if batch != -1 && self.random.once_in(2) {
            target[self.random.below(shape.len())] = -1;
        }
        for (axis, dim) in target.iter_mut().enumerate() {
            if self.shape.get(axis) == Some(&shape[axis]) && *dim != -1 && self.random.once_in(3) {
                *dim = 0;
            }
        }
        target.insert(0, batch);
        let attributes = if self.opset >= 14 && self.random.once_in(3) {
            vec![int_attribute("allowzero", 0)]
        } else {
            Vec::new()
        };
        let (x, target) = (self.value.clone(), self.whole_numbers(&target));
        self.node("Reshape", &[&x, &target], &[], attributes, shape);
    }

    /// Squeeze or Unsqueeze at `axes` of a tensor of `rank` dimensions, all of them counted with the batch.
    fn squeeze_node(&mut self, operator: &str, axes: &[usize], rank: usize, shape: Vec<usize>) {
        let axes: Vec<i64> = axes.iter().map(|&axis| self.sign(axis, rank)).collect();
        let x = self.value.clone();
        if self.opset < 13 {
            self.node(operator, &[&x], &[], vec![ints_attribute("axes", &axes)], shape);
        } else {
            let axes = self.whole_numbers(&axes);
            self.node(operator, &[&x, &axes], &[], Vec::new(), shape);
        }
    }

    fn unsqueeze(&mut self) {
        let mut shape = self.shape.clone();
        let count = self.random.below(2) + 1;
        if shape.len() + count > 4 {
            return self.squeeze();
        }
        let rank = shape.len() + count;
        let mut axes: Vec<usize> = (0..rank).collect();
        while axes.len() > count {
            axes.remove(self.random.below(axes.len()));
        }
        axes.iter().for_each(|&axis| shape.insert(axis, 1));
        let axes: Vec<usize> = axes.iter().map(|a| a + 1).collect();
        self.squeeze_node("Unsqueeze", &axes, rank + 1, shape);
    }

    fn squeeze(&mut self) {
        let ones: Vec<usize> = (0..self.shape.len()).filter(|&a| self.shape[a] == 1).collect();
        // A sample keeps at least one dimension.
        let axes: Vec<usize> =
            ones.into_iter().filter(|_| self.random.once_in(2)).take(self.shape.len() - 1).collect();
        if axes.is_empty() {
            return self.flatten();
        }
        let rank = self.shape.len() + 1;
        let shape = (0..self.shape.len()).filter(|a| !axes.contains(a)).map(|a| self.shape[a]).collect();
        let axes: Vec<usize> = axes.iter().map(|a| a + 1).collect();
        self.squeeze_node("Squeeze", &axes, rank, shape);
    }

    fn normalise(&mut self) {
        let channels = self.shape[0];
        let ranges = [(-2.0, 2.0), (-1.0, 1.0), (-1.0, 1.0), (0.1, 4.0)];
        let parameters = ranges.map(|(low, high)| {
            let data = self.random.numbers(channels, low, high);
            self.constant(&[channels], &data)
        });
        let mut attributes = Vec::new();
        if self.random.once_in(2) {
            attributes.push(float_attribute("epsilon", self.random.pick(&[0.0, 1e-3, 0.5])));
        }
        if self.random.once_in(2) {
            attributes.push(float_attribute("momentum", 0.99));
        }
        if self.opset < 9 && self.random.once_in(2) {
            attributes.push(int_attribute("spatial", 1));
        }
        if self.opset >= 14 && self.random.once_in(2) {
            attributes.push(int_attribute("training_mode", 0));
        }
        let (x, shape) = (self.value.clone(), self.shape.clone());
        let inputs: Vec<&str> = std::iter::once(&x).chain(&parameters).map(String::as_str).collect();
        self.node("BatchNormalization", &inputs, &[], attributes, shape);
    }

    fn softmax(&mut self) {
        let rank = self.shape.len() + 1;
        let operator = self.random.pick(&["Softmax", "LogSoftmax"]);
        let attributes = if self.random.once_in(3) {
            Vec::new()
        } else {
            let axis = self.random.below(rank - 1) + 1;
            vec![int_attribute("axis", self.sign(axis, rank))]
        };
        self.plain(operator, attributes);
    }

    fn dropout(&mut self) {
        let (x, shape) = (self.value.clone(), self.shape.clone());
        if self.opset < 12 {
            return self.plain("Dropout", vec![float_attribute("ratio", 0.25)]);
        }
        let mut inputs = vec![x];
        if self.random.once_in(2) {
            inputs.push(self.constant(&[], &[0.25]));
            if self.random.once_in(2) {
                let mode = self.name("m");
                self.model.initializer(boolean(&mode, false));
                inputs.push(mode);
            }
        }
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let mask = self.name("mask");
        let more: &[&str] = if self.random.once_in(2) { &[&mask] } else { &[] };
        self.node("Dropout", &inputs, more, Vec::new(), shape);
    }
}
