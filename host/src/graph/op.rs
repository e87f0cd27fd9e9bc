//! The primitives a graph is made of. Every ONNX operator becomes a few of them at import; later stages know no others.
//!
//! Shapes are complete: nothing implies a batch. Axes count from 0. All numbers are f32; whole numbers and truths (0 and 1)
//! are carried as f32 too. Any operand may be a constant or computed unless said otherwise, but never all of them.

use std::fmt;
use std::sync::Arc;

use super::binary::Binary;
use super::function::Function;
use super::scan::Scan;
use super::select::Select;
use super::sparse::Sparse;
use super::window::{Conv, Pool};

/// How a reduction combines elements, in ascending order of their position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReduceKind {
    /// The sum, begun at 0.
    Sum,
    /// The sum divided by the number of elements.
    Mean,
    /// The largest; NaN wins.
    Max,
    /// The least; NaN wins.
    Min,
    /// The product, begun at 1.
    Prod,
}

impl ReduceKind {
    /// The ONNX operator.
    pub fn name(self) -> &'static str {
        match self {
            ReduceKind::Sum => "ReduceSum",
            ReduceKind::Mean => "ReduceMean",
            ReduceKind::Max => "ReduceMax",
            ReduceKind::Min => "ReduceMin",
            ReduceKind::Prod => "ReduceProd",
        }
    }
}

/// One primitive. The operator determines the result's shape from the operands' shapes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Input x. A function of every element; the shape stays.
    Map(Function),
    /// Inputs a, b, broadcast to each other (NumPy's rule: aligned at the last axis, 1 stretches).
    Binary(Binary),
    /// Inputs c, a, b, all broadcast to each other: a where c is not 0, else b.
    Where,
    /// Inputs a \[.., M, K\], b \[.., K, N\]: NumPy's `matmul`. Leading axes are broadcast; a vector a is a row, a vector b a
    /// column, and that axis is missing from the result. Each element is the sum over k in ascending order, begun at 0.
    MatMul,
    /// Inputs x \[N, C, ..\], w \[M, C / groups, ..\], and optionally bias \[M\]. The result is \[N, M, ..\].
    Conv(Conv),
    /// Input x \[N, C, ..\]; windows over all axes but the first two.
    Pool(Pool),
    /// Input x. Combines the elements along `axes`.
    Reduce {
        /// How.
        kind: ReduceKind,
        /// Which axes vanish: ascending, none twice; may be empty.
        axes: Vec<usize>,
        /// Whether they stay with size 1.
        keepdims: bool,
    },
    /// Input x. exp(x) / sum exp(x) over the axes `first..=last` together, or its logarithm.
    Softmax {
        /// The first axis of the sum.
        first: usize,
        /// The last axis of the sum: operator sets before 13 sum over all axes from one on.
        last: usize,
        /// Whether the logarithm is meant (LogSoftmax).
        log: bool,
    },
    /// Input x. 1 at the first largest element along the axes `first..=last` together, else 0.
    Hardmax {
        /// The first axis.
        first: usize,
        /// The last axis.
        last: usize,
    },
    /// Input x. The position of the largest element along `axis`. (That of the least: negate first.)
    ArgMax {
        /// The axis.
        axis: usize,
        /// Whether it stays with size 1.
        keepdims: bool,
        /// Whether the last of equals counts rather than the first.
        select_last: bool,
    },
    /// Elements moved, none computed; see [`Select`] for the inputs.
    Select(Select),
    /// Input x. Every element of the result is a weighted sum of a few elements of x (linear and cubic Resize, ..).
    Linear(Arc<Sparse>),
    /// A loop over time; see [`Scan`] for the inputs.
    Scan(Scan),
}

impl Op {
    /// The name of the primitive; that of the ONNX operator where there is an equal one.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Map(function) => function.name(),
            Op::Binary(op) => op.name(),
            Op::Where => "Where",
            Op::MatMul => "MatMul",
            Op::Conv(_) => "Conv",
            Op::Pool(pool) => pool.name(),
            Op::Reduce { kind, .. } => kind.name(),
            Op::Softmax { log: false, .. } => "Softmax",
            Op::Softmax { log: true, .. } => "LogSoftmax",
            Op::Hardmax { .. } => "Hardmax",
            Op::ArgMax { .. } => "ArgMax",
            Op::Select(select) => select.name(),
            Op::Linear(_) => "Linear",
            Op::Scan(_) => "Scan",
        }
    }

    /// A reshaping that moves no element.
    pub fn view(shape: impl Into<Vec<usize>>) -> Self {
        Op::Select(Select::View { shape: shape.into() })
    }

    /// Axis `i` of the result is axis `perm[i]` of the operand.
    pub fn transpose(perm: impl Into<Vec<usize>>) -> Self {
        Op::Select(Select::Transpose { perm: perm.into() })
    }
}

/// The name and, in braces, the attributes: `ReduceMean {axes=[2, 3] keepdims=1}`.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Map(function) => return write!(f, "{function}"),
            Op::Select(select) => return write!(f, "{select}"),
            Op::Conv(conv) => return write!(f, "{conv}"),
            Op::Pool(pool) => return write!(f, "{pool}"),
            Op::Scan(scan) => return write!(f, "{scan}"),
            _ => f.write_str(self.name())?,
        }
        match self {
            Op::Reduce { axes, keepdims, .. } => {
                write!(f, " {{axes={axes:?} keepdims={}}}", u8::from(*keepdims))
            }
            Op::Softmax { first, last, .. } | Op::Hardmax { first, last } if first == last => {
                write!(f, " {{axis={first}}}")
            }
            Op::Softmax { first, last, .. } | Op::Hardmax { first, last } => {
                write!(f, " {{axes={first}..={last}}}")
            }
            Op::ArgMax { axis, select_last, .. } => {
                write!(f, " {{axis={axis} select_last={}}}", u8::from(*select_last))
            }
            Op::Linear(sparse) => write!(f, " {{terms={}}}", sparse.terms()),
            _ => Ok(()),
        }
    }
}
