//! The operators a graph is made of, in ONNX's terms, with every default and version difference resolved.

use std::fmt;

/// An element-wise operator of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a / b
    Div,
}

/// An element-wise function of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// max(x, 0)
    Relu,
    /// 1 / (1 + exp(-x))
    Sigmoid,
}

/// One operator. Axes count the dimensions of one sample, the batch dimension left out.
///
/// Inputs are listed with each variant; `x` is a computed value, all others are constants.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Inputs x \[.., K\], W \[K, N\]: matrix product over the last axis of x.
    MatMul,
    /// Inputs x \[K\], W (\[K, N\], or \[N, K\] with `trans_b`), and optionally C, broadcast to \[N\]:
    /// `alpha * x W + beta * C`.
    Gemm {
        /// Factor of the product.
        alpha: f32,
        /// Factor of C.
        beta: f32,
        /// Whether W is stored as \[N, K\].
        trans_b: bool,
    },
    /// Inputs a, b, broadcast to each other; one of them may be a constant.
    Binary(Binary),
    /// Input x.
    Unary(Unary),
    /// Input x. exp(x) / sum exp(x) over the axes `first..=last`, or its logarithm.
    Softmax {
        /// The first axis of the sum.
        first: usize,
        /// The last axis of the sum: operator sets before 13 sum over all axes from `first` on.
        last: usize,
        /// Whether the logarithm is meant (LogSoftmax).
        log: bool,
    },
    /// Inputs x \[C, ..\], scale, bias, mean, variance (each \[C\]):
    /// `scale * (x - mean) / sqrt(variance + epsilon) + bias`.
    BatchNormalization {
        /// Added to the variance.
        epsilon: f32,
    },
    /// Input x: the same elements in the same order under the output's shape.
    View(View),
}

/// Which ONNX operator a [`Op::View`] was: none of them moves an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Flatten
    Flatten,
    /// Reshape
    Reshape,
    /// Squeeze
    Squeeze,
    /// Unsqueeze
    Unsqueeze,
    /// Identity
    Identity,
    /// Dropout, which does nothing at inference
    Dropout,
    /// Cast from f32 to f32
    Cast,
}

impl Op {
    /// The ONNX name of the operator.
    pub fn name(&self) -> &'static str {
        match self {
            Op::MatMul => "MatMul",
            Op::Gemm { .. } => "Gemm",
            Op::Binary(Binary::Add) => "Add",
            Op::Binary(Binary::Sub) => "Sub",
            Op::Binary(Binary::Mul) => "Mul",
            Op::Binary(Binary::Div) => "Div",
            Op::Unary(Unary::Relu) => "Relu",
            Op::Unary(Unary::Sigmoid) => "Sigmoid",
            Op::Softmax { log: false, .. } => "Softmax",
            Op::Softmax { log: true, .. } => "LogSoftmax",
            Op::BatchNormalization { .. } => "BatchNormalization",
            Op::View(View::Flatten) => "Flatten",
            Op::View(View::Reshape) => "Reshape",
            Op::View(View::Squeeze) => "Squeeze",
            Op::View(View::Unsqueeze) => "Unsqueeze",
            Op::View(View::Identity) => "Identity",
            Op::View(View::Dropout) => "Dropout",
            Op::View(View::Cast) => "Cast",
        }
    }
}

/// The name and, in braces, the attributes: `Gemm {alpha=1 beta=1 trans_b=1}`.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Op::Gemm { alpha, beta, trans_b } => {
                write!(f, " {{alpha={alpha} beta={beta} trans_b={}}}", u8::from(*trans_b))
            }
            Op::Softmax { first, last, .. } if first == last => write!(f, " {{axis={first}}}"),
            Op::Softmax { first, last, .. } => write!(f, " {{axes={first}..={last}}}"),
            Op::BatchNormalization { epsilon } => write!(f, " {{epsilon={epsilon:e}}}"),
            _ => Ok(()),
        }
    }
}
