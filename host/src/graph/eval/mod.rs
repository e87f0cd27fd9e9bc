//! The golden model: f32 evaluation of a graph over batches of samples, the same bits for every number of threads.

mod broadcast;
mod conv;
mod kernel;
mod lines;
mod matmul;
mod matrix;
mod pool;
mod reduce;
mod rows;
mod scan;
mod taps;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

pub(crate) use kernel::{Kernel, Known, Operand};
pub use matrix::PackedMatrix;

use self::rows::Prepared;
use super::tensor::{Batch, Tensor2};
use super::{Graph, ValueId};
use crate::diagnostic::{Diagnostic, Result};

/// Anything that computes the named values of a network's graph: the golden model and every intermediate form of
/// the compiler.
pub trait NodeEngine {
    /// The number of elements of one input sample: all inputs together.
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
    prepared: Arc<Prepared>,
    threads: usize,
}

impl<'g> Golden<'g> {
    /// Makes `graph` ready for evaluation on all available processors.
    pub fn new(graph: &'g Graph) -> Self {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_threads(graph, threads)
    }

    /// Makes `graph` ready for evaluation by `threads` threads (at least one); the result does not depend on it.
    pub fn with_threads(graph: &'g Graph, threads: usize) -> Self {
        Self { graph, prepared: Arc::new(Prepared::new(graph)), threads: threads.max(1) }
    }

    /// The graph that is evaluated.
    pub fn graph(&self) -> &'g Graph {
        self.graph
    }

    fn wanted(&self, names: &[&str]) -> Result<Vec<ValueId>> {
        let find = |name: &&str| {
            // Outputs may be constants.
            let known =
                |&id: &ValueId| self.graph.value(id).is_computed() || self.graph.outputs().contains(&id);
            let id = self.graph.value_by_name(name).filter(known);
            id.ok_or_else(|| {
                let known: Vec<_> =
                    self.graph.values().iter().filter(|v| v.is_computed()).map(|v| v.name.as_str()).collect();
                let way_out = format!("the values are {}", known.join(", "));
                let rule = "no value of the network that depends on its input has this name";
                Diagnostic::error("SP0120", format!("value {name:?}"), rule, way_out).into()
            })
        };
        names.iter().map(find).collect()
    }

    /// The rows of every input, out of the rows of samples `part`.
    fn inputs(&self, part: &[f32], rows: usize) -> Vec<Vec<f32>> {
        let sample = part.len() / rows.max(1);
        let mut first = 0;
        let take = |&input: &ValueId| {
            let len = self.graph.value(input).len();
            let range = first..first + len;
            first += len;
            part.chunks_exact(sample.max(1)).flat_map(|row| &row[range.clone()]).copied().collect()
        };
        self.graph.inputs().iter().map(take).collect()
    }
}

impl NodeEngine for Golden<'_> {
    fn input_len(&self) -> usize {
        self.graph.sample_len()
    }

    fn output_name(&self) -> &str {
        &self.graph.value(self.graph.output()).name
    }

    fn values(&mut self, batch: &Batch, names: &[&str]) -> Result<Vec<Tensor2>> {
        let wanted = self.wanted(names)?;
        let computed: Vec<ValueId> =
            wanted.iter().copied().filter(|&id| self.graph.value(id).is_computed()).collect();
        let mut made = self.computed(batch, &computed)?.into_iter();
        let of = |&id: &ValueId| {
            let value = self.graph.value(id);
            let constant = value.constant().filter(|_| !value.is_computed());
            constant.map_or_else(
                || made.next().unwrap_or_default(),
                |tensor| {
                    let mut rows = Tensor2::zeros(batch.rows(), value.len());
                    rows.data_mut()
                        .chunks_exact_mut(value.len().max(1))
                        .for_each(|r| r.copy_from_slice(tensor.data()));
                    rows
                },
            )
        };
        Ok(wanted.iter().map(of).collect())
    }
}

impl Golden<'_> {
    /// The values `wanted`, each of which depends on the input.
    fn computed(&self, batch: &Batch, wanted: &[ValueId]) -> Result<Vec<Tensor2>> {
        let input_len = self.input_len();
        if batch.cols() != input_len {
            let names: Vec<_> =
                self.graph.inputs().iter().map(|&v| format!("{:?}", self.graph.value(v).name)).collect();
            let place = format!("input {}", names.join(", "));
            let rule = format!("a sample has {} elements, the network's input {input_len}", batch.cols());
            let way_out = "give samples of the network's input shape";
            return Err(Diagnostic::error("SP0121", place, rule, way_out).into());
        }
        let widths: Vec<usize> = wanted.iter().map(|&v| self.graph.value(v).len()).collect();
        let mut results: Vec<Tensor2> = widths.iter().map(|&w| Tensor2::zeros(batch.rows(), w)).collect();

        // Few enough samples at once that their widest value stays in the cache, and none starves a thread.
        let widest =
            self.graph.values().iter().filter(|v| v.is_computed()).map(|v| v.len()).max().unwrap_or(1);
        let share = batch.rows().div_ceil(self.threads).max(1);
        let per_chunk = ((1 << 16) / widest).clamp(4, 64).min(share);
        let per_thread = share.next_multiple_of(per_chunk);

        thread::scope(|scope| {
            let mut rest: Vec<&mut [f32]> = results.iter_mut().map(Tensor2::data_mut).collect();
            for first in (0..batch.rows()).step_by(per_thread) {
                let rows = per_thread.min(batch.rows() - first);
                let own: Vec<&mut [f32]>;
                (own, rest) = rest.into_iter().zip(&widths).map(|(s, w)| s.split_at_mut(rows * w)).unzip();
                let input = &batch.data()[first * input_len..(first + rows) * input_len];
                let (golden, widths) = (self, &widths);
                let work = move || {
                    let mut own = own;
                    for (i, part) in input.chunks(per_chunk * input_len).enumerate() {
                        let count = part.len() / input_len;
                        let inputs = golden.inputs(part, count);
                        let made = golden.prepared.run(golden.graph, inputs, count, wanted);
                        for ((slice, width), made) in own.iter_mut().zip(widths).zip(made) {
                            slice[i * per_chunk * width..][..count * width].copy_from_slice(&made);
                        }
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

/// All values of `graph` that depend on its input, by name: for tests and dumps of small networks.
impl Golden<'_> {
    /// Every computed value for every sample of `batch`, by name.
    ///
    /// # Errors
    /// As [`NodeEngine::values`].
    pub fn all_values(&mut self, batch: &Batch) -> Result<BTreeMap<String, Tensor2>> {
        let graph = self.graph;
        let names: Vec<&str> =
            graph.values().iter().filter(|v| v.is_computed()).map(|v| v.name.as_str()).collect();
        let values = self.values(batch, &names)?;
        Ok(names.into_iter().map(str::to_owned).zip(values).collect())
    }
}
