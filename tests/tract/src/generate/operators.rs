//! One step of a random model for each operator.

use super::{Draft, WIDEST};
use crate::onnx::{boolean, float_attribute, int_attribute, ints_attribute};

impl Draft {
    pub(super) fn matmul(&mut self) {
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

    pub(super) fn gemm(&mut self) {
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
    pub(super) fn with_constant(&mut self) {
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
    pub(super) fn with_earlier(&mut self) {
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
    pub(super) fn reciprocal(&mut self) {
        self.plain("Sigmoid", Vec::new());
        let one = self.constant(&[], &[1.0]);
        let (x, shape) = (self.value.clone(), self.shape.clone());
        self.node("Add", &[&x, &one], &[], Vec::new(), shape.clone());
        let last = *self.shape.last().unwrap_or(&1);
        let data = self.random.numbers(last, -3.0, 3.0);
        let (x, c) = (self.value.clone(), self.constant(&[last], &data));
        self.node("Div", &[&c, &x], &[], Vec::new(), shape);
    }

    pub(super) fn flatten(&mut self) {
        let rank = self.shape.len() + 1;
        let attributes =
            if self.random.once_in(3) { Vec::new() } else { vec![int_attribute("axis", self.sign(1, rank))] };
        let (x, count) = (self.value.clone(), self.shape.iter().product());
        self.node("Flatten", &[&x], &[], attributes, vec![count]);
    }

    pub(super) fn reshape(&mut self) {
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
    pub(super) fn squeeze_node(&mut self, operator: &str, axes: &[usize], rank: usize, shape: Vec<usize>) {
        let axes: Vec<i64> = axes.iter().map(|&axis| self.sign(axis, rank)).collect();
        let x = self.value.clone();
        if self.opset < 13 {
            self.node(operator, &[&x], &[], vec![ints_attribute("axes", &axes)], shape);
        } else {
            let axes = self.whole_numbers(&axes);
            self.node(operator, &[&x, &axes], &[], Vec::new(), shape);
        }
    }

    pub(super) fn unsqueeze(&mut self) {
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

    pub(super) fn squeeze(&mut self) {
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

    pub(super) fn normalise(&mut self) {
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

    pub(super) fn softmax(&mut self) {
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

    pub(super) fn dropout(&mut self) {
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
