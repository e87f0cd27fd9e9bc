//! Nodes made ready for evaluation: constants packed, index tables made. A kernel works on rows of samples, none of which
//! influences another.

use std::sync::Arc;

use super::broadcast::{BinaryKernel, WhereKernel};
use super::conv::ConvKernel;
use super::lines::Lines;
use super::matmul::MatMulKernel;
use super::pool::PoolKernel;
use super::reduce::ReduceKernel;
use super::scan::ScanKernel;
use crate::graph::{Function, Op, Select, Sparse, Tensor};

/// One operand: a row per sample, or a constant that all samples share.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a> {
    /// All elements.
    pub(crate) data: &'a [f32],
    /// Whether `data` is one constant rather than rows.
    pub(crate) constant: bool,
    /// The number of elements of one sample.
    pub(crate) len: usize,
}

impl<'a> Operand<'a> {
    /// The elements of sample `row`.
    pub(crate) fn sample(&self, row: usize) -> &'a [f32] {
        if self.constant { self.data } else { &self.data[row * self.len..(row + 1) * self.len] }
    }
}

/// What is known of an operand when a kernel is made.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) shape: &'a [usize],
    pub(crate) constant: Option<&'a Tensor>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kernel {
    Map(Function),
    Binary(BinaryKernel),
    Where(WhereKernel),
    MatMul(MatMulKernel),
    Conv(ConvKernel),
    Pool(PoolKernel),
    Reduce(ReduceKernel),
    Softmax {
        lines: Lines,
        log: bool,
    },
    Hardmax(Lines),
    ArgMax {
        lines: Lines,
        select_last: bool,
    },
    Copy,
    /// The index of every element in the operands, one behind the other.
    Order {
        order: Vec<u32>,
        fill: f32,
    },
    Linear(Arc<Sparse>),
    Scan(ScanKernel),
}

impl Kernel {
    /// The kernel of `op`, whose operands have been accepted and whose result has the shape `shape`.
    pub(crate) fn new(op: &Op, operands: &[Known<'_>], shape: &[usize]) -> Self {
        let x = operands.first().map_or(&[][..], |o| o.shape);
        match op {
            Op::Map(function) => Kernel::Map(*function),
            Op::Binary(op) => Kernel::Binary(BinaryKernel::new(*op, operands, shape)),
            Op::Where => Kernel::Where(WhereKernel::new(operands, shape)),
            Op::MatMul => Kernel::MatMul(MatMulKernel::new(operands)),
            Op::Conv(conv) => Kernel::Conv(ConvKernel::new(conv, operands, shape)),
            Op::Pool(pool) => Kernel::Pool(PoolKernel::new(pool, x)),
            Op::Reduce { kind, axes, .. } => Kernel::Reduce(ReduceKernel::new(*kind, axes, x)),
            Op::Softmax { first, last, log } => {
                Kernel::Softmax { lines: Lines::new(x, *first, *last), log: *log }
            }
            Op::Hardmax { first, last } => Kernel::Hardmax(Lines::new(x, *first, *last)),
            Op::ArgMax { axis, select_last, .. } => {
                Kernel::ArgMax { lines: Lines::new(x, *axis, *axis), select_last: *select_last }
            }
            Op::Select(Select::View { .. }) => Kernel::Copy,
            Op::Select(select) => {
                let shapes: Vec<&[usize]> = operands.iter().map(|o| o.shape).collect();
                Kernel::Order { order: select.order(&shapes), fill: select.fill() }
            }
            Op::Linear(sparse) => Kernel::Linear(sparse.clone()),
            Op::Scan(scan) => Kernel::Scan(ScanKernel::new(scan)),
        }
    }

    /// Computes `rows` samples into `out`, which holds one row per sample.
    pub(crate) fn run(&self, operands: &[Operand<'_>], rows: usize, out: &mut [f32]) {
        let len = out.len() / rows.max(1);
        if len == 0 {
            return;
        }
        let each = |out: &mut [f32], work: &mut dyn FnMut(usize, &mut [f32])| {
            out.chunks_exact_mut(len).enumerate().for_each(|(row, out)| work(row, out));
        };
        match self {
            Kernel::Map(function) => each(out, &mut |row, out| map(function, operands[0].sample(row), out)),
            Kernel::Binary(kernel) => kernel.run(operands, out, len),
            Kernel::Where(kernel) => kernel.run(operands, out, len),
            Kernel::MatMul(kernel) => kernel.run(operands, rows, out),
            Kernel::Conv(kernel) => kernel.run(operands, rows, out),
            Kernel::Pool(kernel) => kernel.run(operands[0], rows, out),
            Kernel::Reduce(kernel) => each(out, &mut |row, out| kernel.run(operands[0].sample(row), out)),
            Kernel::Softmax { lines, log } => {
                each(out, &mut |row, out| lines.softmax(operands[0].sample(row), out, *log));
            }
            Kernel::Hardmax(lines) => each(out, &mut |row, out| lines.hardmax(operands[0].sample(row), out)),
            Kernel::ArgMax { lines, select_last } => {
                each(out, &mut |row, out| lines.argmax(operands[0].sample(row), out, *select_last));
            }
            Kernel::Copy => each(out, &mut |row, out| out.copy_from_slice(operands[0].sample(row))),
            Kernel::Order { order, fill } => each(out, &mut |row, out| match operands {
                [x] => gather(order, *fill, x.sample(row), out),
                _ => {
                    let all: Vec<f32> = operands.iter().flat_map(|o| o.sample(row)).copied().collect();
                    gather(order, *fill, &all, out);
                }
            }),
            Kernel::Linear(sparse) => each(out, &mut |row, out| sparse.apply(operands[0].sample(row), out)),
            Kernel::Scan(kernel) => {
                if let Some(result) = kernel.run(operands, rows, &[kernel.result()]).into_iter().next() {
                    out.copy_from_slice(&result);
                }
            }
        }
    }
}

fn map(function: &Function, x: &[f32], out: &mut [f32]) {
    if *function == Function::Relu {
        // Of its own, so that the loop is vectorised.
        out.iter_mut().zip(x).for_each(|(y, &x)| *y = if x < 0.0 { 0.0 } else { x });
    } else {
        out.iter_mut().zip(x).for_each(|(y, &x)| *y = function.apply(x));
    }
}

fn gather(order: &[u32], fill: f32, x: &[f32], out: &mut [f32]) {
    out.iter_mut().zip(order).for_each(|(y, &at)| *y = x.get(at as usize).copied().unwrap_or(fill));
}
