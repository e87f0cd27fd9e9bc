//! The golden model: f32 evaluation of a graph over batches of samples, the same bits for every number of threads.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::thread;

use super::kernel::{PackedMatrix, softmax};
use super::op::{Binary, Op, Unary};
use super::shape::{broadcast_order, sample_dims};
use super::tensor::{Batch, Tensor2};
use super::{Graph, NodeId, ValueId};
use crate::diagnostic::{Diagnostic, Result};

/// Anything that computes the named values of a network's graph: the golden model and every intermediate form of
/// the compiler.
pub trait NodeEngine {
    /// The number of elements of one input sample.
    fn input_len(&self) -> usize;

    /// The name of the network's output value.
    fn output_name(&self) -> &str;

    /// The values called `names` for every sample of `batch`, in the order of `names`: one row per sample, one
    /// column per element, row-major.
    ///
    /// # Errors
    /// When a name is not a value that depends on the input, or the samples do not have
    /// [`NodeEngine::input_len`] elements.
    fn values(&mut self, batch: &Batch, names: &[&str]) -> Result<Vec<Tensor2>>;

    /// The network's output for every sample of `batch`.
    ///
    /// # Errors
    /// As [`NodeEngine::values`].
    fn output(&mut self, batch: &Batch) -> Result<Tensor2> {
        let name = self.output_name().to_owned();
        Ok(self.values(batch, &[&name])?.swap_remove(0))
    }
}

/// The f32 evaluation of a [`Graph`].
#[derive(Clone, Debug)]
pub struct Golden<'g> {
    graph: &'g Graph,
    kernels: Vec<Kernel>,
    threads: usize,
}

/// A node made ready: constants packed, broadcasting resolved. Works on rows of samples.
#[derive(Clone, Debug)]
enum Kernel {
    Dense { matrix: PackedMatrix, alpha: f32, bias: Option<Vec<f32>> },
    Binary { op: Binary, a: Operand, b: Operand },
    Unary(Unary),
    Softmax { outer: usize, len: usize, inner: usize, log: bool },
    Affine { inner: usize, scale: Vec<f32>, bias: Vec<f32> },
    Copy,
}

#[derive(Clone, Debug)]
enum Operand {
    /// A computed value; the order gives for each result element the element it takes, `None` when it is the
    /// same.
    Computed { input: usize, order: Option<Vec<u32>> },
    /// A constant already broadcast to the result; a single element stands for all.
    Constant(Vec<f32>),
}

impl<'g> Golden<'g> {
    /// Makes `graph` ready for evaluation on all available processors.
    pub fn new(graph: &'g Graph) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_threads(graph, threads)
    }

    /// Makes `graph` ready for evaluation by `threads` threads (at least one); the result does not depend on it.
    pub fn with_threads(graph: &'g Graph, threads: usize) -> Self {
        let kernels = graph.iter().map(|(id, _)| Kernel::new(graph, id)).collect();
        Self { graph, kernels, threads: threads.max(1) }
    }

    /// The graph that is evaluated.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    fn wanted(&self, names: &[&str]) -> Result<Vec<ValueId>> {
        let find = |name: &&str| {
            let id = self.graph.value_by_name(name).filter(|&id| self.graph.value(id).is_batched());
            id.ok_or_else(|| {
                let known: Vec<_> =
                    self.graph.values().iter().filter(|v| v.is_batched()).map(|v| v.name.as_str()).collect();
                let way_out = format!("the values are {}", known.join(", "));
                let rule = "no value of the network that depends on its input has this name";
                Diagnostic::error("SP0120", format!("value {name:?}"), rule, way_out).into()
            })
        };
        names.iter().map(find).collect()
    }

    /// The nodes that `wanted` depend on, and for every value the last of them that reads it.
    fn plan(&self, wanted: &[ValueId]) -> (Vec<usize>, Vec<usize>) {
        let graph = self.graph;
        let mut needed = vec![false; graph.values().len()];
        wanted.iter().for_each(|v| needed[v.index()] = true);
        let mut steps = Vec::new();
        let mut last_use = vec![usize::MAX; needed.len()];
        for (id, node) in graph.iter().rev() {
            if needed[node.output.index()] {
                steps.push(id.index());
                for input in &node.inputs {
                    needed[input.index()] = true;
                    if last_use[input.index()] == usize::MAX {
                        last_use[input.index()] = id.index();
                    }
                }
            }
        }
        steps.reverse();
        wanted.iter().for_each(|v| last_use[v.index()] = usize::MAX);
        (steps, last_use)
    }

    /// Evaluates `rows` samples; `results[i]` receives the rows of `wanted[i]`.
    fn chunk(&self, input: &[f32], rows: usize, plan: &Plan<'_>, results: &mut [&mut [f32]]) {
        let graph = self.graph;
        let mut held: Vec<Option<Vec<f32>>> = vec![None; graph.values().len()];
        held[graph.input().index()] = Some(input.to_vec());
        for &step in plan.steps {
            let node = &graph.nodes()[step];
            let operands: Vec<&[f32]> =
                node.inputs.iter().map(|v| held[v.index()].as_deref().unwrap_or_default()).collect();
            let mut out = vec![0.0; rows * graph.value(node.output).len()];
            self.kernels[step].run(&operands, rows, &mut out);
            held[node.output.index()] = Some(out);
            for input in node.inputs.iter().filter(|v| plan.last_use[v.index()] == step) {
                held[input.index()] = None;
            }
        }
        for (value, result) in plan.wanted.iter().zip(results) {
            if let Some(data) = &held[value.index()] {
                result.copy_from_slice(data);
            }
        }
    }
}

struct Plan<'a> {
    steps: &'a [usize],
    last_use: &'a [usize],
    wanted: &'a [ValueId],
}

impl NodeEngine for Golden<'_> {
    fn input_len(&self) -> usize {
        self.graph.value(self.graph.input()).len()
    }

    fn output_name(&self) -> &str {
        &self.graph.value(self.graph.output()).name
    }

    fn values(&mut self, batch: &Batch, names: &[&str]) -> Result<Vec<Tensor2>> {
        let wanted = self.wanted(names)?;
        let input_len = self.input_len();
        if batch.cols() != input_len {
            let input = &self.graph.value(self.graph.input()).name;
            let rule = format!("a sample has {} elements, the network's input {input_len}", batch.cols());
            let way_out = "give samples of the network's input shape";
            return Err(Diagnostic::error("SP0121", format!("input {input:?}"), rule, way_out).into());
        }
        let (steps, last_use) = self.plan(&wanted);
        let plan = Plan { steps: &steps, last_use: &last_use, wanted: &wanted };
        let widths: Vec<usize> = wanted.iter().map(|&v| self.graph.value(v).len()).collect();
        let mut results: Vec<Tensor2> = widths.iter().map(|&w| Tensor2::zeros(batch.rows(), w)).collect();

        // Few enough samples at once that their widest value stays in the cache, and none starves a thread.
        let widest =
            self.graph.values().iter().filter(|v| v.is_batched()).map(|v| v.len()).max().unwrap_or(1);
        let per_chunk = ((1 << 16) / widest).clamp(4, 64);
        let per_thread = batch.rows().div_ceil(self.threads).next_multiple_of(per_chunk);

        thread::scope(|scope| {
            let mut rest: Vec<&mut [f32]> = results.iter_mut().map(Tensor2::data_mut).collect();
            for first in (0..batch.rows()).step_by(per_thread.max(1)) {
                let rows = per_thread.min(batch.rows() - first);
                let mut own = Vec::with_capacity(rest.len());
                for (slice, width) in rest.iter_mut().zip(&widths) {
                    let (head, tail) = std::mem::take(slice).split_at_mut(rows * width);
                    own.push(head);
                    *slice = tail;
                }
                let (plan, widths, golden) = (&plan, &widths, &*self);
                let input = &batch.data()[first * input_len..(first + rows) * input_len];
                let work = move || {
                    let mut own = own;
                    for (i, part) in input.chunks(per_chunk * input_len).enumerate() {
                        let count = part.len() / input_len;
                        let at = i * per_chunk;
                        let mut parts: Vec<&mut [f32]> = own
                            .iter_mut()
                            .zip(widths)
                            .map(|(slice, width)| &mut slice[at * width..(at + count) * width])
                            .collect();
                        golden.chunk(part, count, plan, &mut parts);
                    }
                };
                if rows == batch.rows() {
                    work();
                } else {
                    scope.spawn(work);
                }
            }
        });
        Ok(results)
    }
}

impl Kernel {
    fn new(graph: &Graph, id: NodeId) -> Self {
        let node = graph.node(id);
        let shape = &graph.value(node.output).shape;
        match &node.op {
            Op::MatMul | Op::Gemm { .. } => Self::dense(graph, id),
            Op::Binary(op) => {
                let operand = |at: usize| Operand::new(graph, node.inputs[at], at, shape);
                Kernel::Binary { op: *op, a: operand(0), b: operand(1) }
            }
            Op::Unary(op) => Kernel::Unary(*op),
            Op::Softmax { first, last, log } => Kernel::Softmax {
                outer: shape[..*first].iter().product(),
                len: shape[*first..=*last].iter().product(),
                inner: shape[last + 1..].iter().product(),
                log: *log,
            },
            Op::BatchNormalization { epsilon } => {
                let parameter = |at: usize| constant(graph, node.inputs[at]);
                let (scale, bias, mean, variance) = (parameter(1), parameter(2), parameter(3), parameter(4));
                let scale: Vec<f32> =
                    scale.iter().zip(variance).map(|(s, v)| s / libm::sqrtf(v + epsilon)).collect();
                let bias = bias.iter().zip(mean).zip(&scale).map(|((b, m), s)| b - m * s).collect();
                Kernel::Affine { inner: shape[1..].iter().product(), scale, bias }
            }
            Op::View(_) => Kernel::Copy,
        }
    }

    fn dense(graph: &Graph, id: NodeId) -> Self {
        let node = graph.node(id);
        let (alpha, beta, trans_b) = match node.op {
            Op::Gemm { alpha, beta, trans_b } => (alpha, beta, trans_b),
            _ => (1.0, 1.0, false),
        };
        let weights = &graph.value(node.inputs[1]);
        let data = constant(graph, node.inputs[1]);
        let (rows, cols) = (weights.shape[0], weights.shape[1]);
        let (matrix, outputs) = if trans_b {
            let order = super::transpose_order(&weights.shape, &[1, 0]).unwrap_or_default();
            let data: Vec<f32> = order.iter().map(|&at| data[at as usize]).collect();
            (PackedMatrix::new(cols, rows, &data), rows)
        } else {
            (PackedMatrix::new(rows, cols, data), cols)
        };
        let bias = node.inputs.get(2).map(|&c| {
            let c = constant(graph, c);
            (0..outputs).map(|n| beta * c[n % c.len()]).collect()
        });
        Kernel::Dense { matrix, alpha, bias }
    }

    fn run(&self, operands: &[&[f32]], rows: usize, out: &mut [f32]) {
        match self {
            Kernel::Dense { matrix, alpha, bias } => {
                matrix.multiply(operands[0], out);
                if *alpha != 1.0 {
                    out.iter_mut().for_each(|y| *y *= alpha);
                }
                if let Some(bias) = bias {
                    for row in out.chunks_exact_mut(bias.len()) {
                        row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                    }
                }
            }
            Kernel::Binary { op, a, b } => {
                let width = out.len() / rows.max(1);
                let mut buffer = vec![0.0; width];
                for (r, row) in out.chunks_exact_mut(width).enumerate() {
                    a.fetch(operands, r, rows, row);
                    b.fetch(operands, r, rows, &mut buffer);
                    row.iter_mut().zip(&buffer).for_each(|(y, b)| *y = op.apply(*y, *b));
                }
            }
            Kernel::Unary(op) => {
                out.iter_mut().zip(operands[0]).for_each(|(y, x)| *y = op.apply(*x));
            }
            Kernel::Softmax { outer, len, inner, log } => {
                out.copy_from_slice(operands[0]);
                let mut line = vec![0.0; *len];
                for block in out.chunks_exact_mut(len * inner).take(rows * outer) {
                    for i in 0..*inner {
                        line.iter_mut().zip(block[i..].iter().step_by(*inner)).for_each(|(l, x)| *l = *x);
                        softmax(&mut line, *log);
                        block[i..].iter_mut().step_by(*inner).zip(&line).for_each(|(y, l)| *y = *l);
                    }
                }
            }
            Kernel::Affine { inner, scale, bias } => {
                let channels = scale.len();
                for (i, (y, x)) in
                    out.chunks_exact_mut(*inner).zip(operands[0].chunks_exact(*inner)).enumerate()
                {
                    let (s, b) = (scale[i % channels], bias[i % channels]);
                    y.iter_mut().zip(x).for_each(|(y, x)| *y = x * s + b);
                }
            }
            Kernel::Copy => out.copy_from_slice(operands[0]),
        }
    }
}

fn constant(graph: &Graph, value: ValueId) -> &[f32] {
    graph.value(value).constant().map_or(&[], |tensor| tensor.data())
}

impl Operand {
    fn new(graph: &Graph, value: ValueId, input: usize, to: &[usize]) -> Self {
        let value = graph.value(value);
        let dims = sample_dims(value, to.len()).unwrap_or(&value.shape);
        match value.constant() {
            Some(tensor) if tensor.data().len() == 1 => Operand::Constant(tensor.data().to_vec()),
            Some(tensor) => {
                let order = broadcast_order(dims, to);
                Operand::Constant(order.iter().map(|&at| tensor.data()[at as usize]).collect())
            }
            None => {
                let order = (dims != to).then(|| broadcast_order(dims, to));
                Operand::Computed { input, order }
            }
        }
    }

    /// Copies the operand for sample `row` of `rows` into `into`.
    fn fetch(&self, operands: &[&[f32]], row: usize, rows: usize, into: &mut [f32]) {
        match self {
            Operand::Constant(data) if data.len() == 1 => into.fill(data[0]),
            Operand::Constant(data) => into.copy_from_slice(data),
            Operand::Computed { input, order } => {
                let width = operands[*input].len() / rows;
                let sample = &operands[*input][row * width..(row + 1) * width];
                match order {
                    None => into.copy_from_slice(sample),
                    Some(order) => into.iter_mut().zip(order).for_each(|(y, &at)| *y = sample[at as usize]),
                }
            }
        }
    }
}

/// All values of `graph` that depend on its input, by name: for tests and dumps of small networks.
impl Golden<'_> {
    /// Every computed value for every sample of `batch`, by name.
    ///
    /// # Errors
    /// As [`NodeEngine::values`].
    pub fn all_values(&mut self, batch: &Batch) -> Result<BTreeMap<String, Tensor2>> {
        let graph = self.graph;
        let names: Vec<&str> =
            graph.values().iter().filter(|v| v.is_batched()).map(|v| v.name.as_str()).collect();
        let values = self.values(batch, &names)?;
        Ok(names.into_iter().map(str::to_owned).zip(values).collect())
    }
}
