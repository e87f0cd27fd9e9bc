//! Evaluation of the dot graph in f32, sums in one fixed order: the same bits for any number of threads.

use std::ops::Range;

use super::{Body, DotGraph, DotNode, Loop, PAD, Read, Source};
use crate::diagnostic::{Diagnostic, Result};
use crate::graph::{Batch, NodeEngine, PackedMatrix, Tensor2};
use crate::numeric::parallel_rows;

/// What a node gives on a block of samples: one row a sample.
#[derive(Clone, Copy, Debug)]
pub struct Values<'v> {
    /// Sums in front of the function; of a maximum its value.
    pub sums: &'v [f32],
    /// The value.
    pub values: &'v [f32],
}

/// A dot graph made ready to run.
#[derive(Debug)]
pub struct DotEngine<'g> {
    graph: &'g DotGraph,
    matrices: Vec<Vec<PackedMatrix>>,
    /// For each node the last one that reads it.
    last_use: Vec<usize>,
}

impl<'g> DotEngine<'g> {
    /// Prepares `graph`.
    pub fn new(graph: &'g DotGraph) -> Self {
        let matrices = graph
            .nodes
            .iter()
            .map(|node| match &node.body {
                Body::Dot(dot) => dot
                    .weights
                    .iter()
                    .map(|w| {
                        let transposed = w.transposed();
                        let data: Vec<f32> = transposed.data().iter().map(|&v| v as f32).collect();
                        PackedMatrix::new(w.cols(), w.rows(), &data)
                    })
                    .collect(),
                Body::Max(_) => Vec::new(),
            })
            .collect();
        let last_use = (0..graph.nodes.len()).map(|node| graph.last_use(node)).collect();
        Self { graph, matrices, last_use }
    }

    /// The graph.
    pub fn graph(&self) -> &'g DotGraph {
        self.graph
    }

    /// Runs `x`, `rows` samples of [`DotGraph::input_len`] elements, and hands every node's result to `see` in order.
    /// Values that no later node reads are dropped at once.
    pub fn run(&self, x: &[f32], rows: usize, mut see: impl FnMut(usize, Values<'_>)) {
        let mut held: Vec<Vec<f32>> = vec![Vec::new(); self.graph.nodes.len()];
        for block in self.graph.blocks() {
            let sums = match self.graph.loop_of(block.start) {
                Some(own) => self.steps(own, x, rows, &mut held),
                None => {
                    let number = block.start;
                    let sums = self.sums(number, rows, |source| value(source, x, &held));
                    held[number] = self.values_of(number, &sums);
                    vec![sums]
                }
            };
            for (number, sums) in block.clone().zip(&sums) {
                see(number, Values { sums, values: &held[number] });
            }
            for (from, values) in held.iter_mut().enumerate().take(block.end) {
                if self.last_use[from] < block.end {
                    *values = Vec::new();
                }
            }
        }
    }

    /// All steps of a loop: the sums of its nodes; their values go to `held`.
    fn steps(&self, own: &Loop, x: &[f32], rows: usize, held: &mut [Vec<f32>]) -> Vec<Vec<f32>> {
        let nodes = own.nodes.clone();
        let len = |number: usize| self.graph.nodes[number].len();
        nodes.clone().for_each(|number| held[number] = vec![0.0; rows * len(number)]);
        let mut all: Vec<Vec<f32>> = nodes.clone().map(|number| vec![0.0; rows * len(number)]).collect();
        for step in 0..own.steps {
            for (number, all) in nodes.clone().zip(&mut all) {
                let node = &self.graph.nodes[number];
                let positions = node.step(step);
                let sums = self.sums_at(number, positions.clone(), rows, |source| value(source, x, held));
                let values = self.values_of(number, &sums);
                let (first, width) = (positions.start * node.channels, positions.len() * node.channels);
                for row in 0..rows {
                    let at = row * node.len() + first;
                    all[at..at + width].copy_from_slice(&sums[row * width..(row + 1) * width]);
                    held[number][at..at + width].copy_from_slice(&values[row * width..(row + 1) * width]);
                }
            }
        }
        all
    }

    fn values_of(&self, number: usize, sums: &[f32]) -> Vec<f32> {
        match &self.graph.nodes[number].body {
            Body::Dot(dot) => sums.iter().map(|&z| dot.act.apply(f64::from(z)) as f32).collect(),
            Body::Max(_) => sums.to_vec(),
        }
    }

    /// The outputs of the network for `samples`, in the graph's order of elements.
    pub fn outputs(&self, samples: &Batch) -> Vec<Tensor2> {
        let rows = samples.rows();
        let mut out: Vec<Tensor2> = vec![Tensor2::default(); self.graph.outputs.len()];
        self.run(samples.data(), rows, |number, given| {
            let len = self.graph.nodes[number].len();
            for (port, out) in self.graph.outputs.iter().zip(&mut out).filter(|(port, _)| port.node == number)
            {
                let data: Vec<f32> = match &port.order {
                    Some(order) => {
                        let row = |row: &[f32]| order.iter().map(|&at| row[at as usize]).collect::<Vec<_>>();
                        given.values.chunks_exact(len).flat_map(row).collect()
                    }
                    None => given.values.to_vec(),
                };
                *out = Tensor2::new(rows, data.len() / rows.max(1), data).unwrap_or_default();
            }
        });
        out
    }

    /// One node on `rows` samples of its sources: the sums in front of its function, one row a sample.
    pub fn sums<'v>(
        &self,
        number: usize,
        rows: usize,
        value: impl Fn(Source) -> &'v [f32] + Sync,
    ) -> Vec<f32> {
        self.sums_at(number, 0..self.graph.nodes[number].positions(), rows, value)
    }

    /// As [`DotEngine::sums`] at some of the positions.
    fn sums_at<'v>(
        &self,
        number: usize,
        positions: Range<usize>,
        rows: usize,
        value: impl Fn(Source) -> &'v [f32] + Sync,
    ) -> Vec<f32> {
        let node = &self.graph.nodes[number];
        let (groups, taps, channels) = (node.groups(), node.taps(), node.channels);
        let len = positions.len() * channels;
        // Position by position, the samples of one position together; put in order afterwards.
        let mut by_position = vec![0.0f32; len * rows];
        parallel_rows(&mut by_position, channels * rows, |first, block| {
            let mut x = vec![0.0f32; taps * rows];
            let mut y = Vec::new();
            let mut elements = Vec::new();
            for (at, out) in block.chunks_exact_mut(channels * rows).enumerate() {
                let brought = brought(node, positions.start + first + at, &mut elements);
                for group in 0..groups {
                    match &node.body {
                        Body::Dot(dot) => {
                            self.gather(node.body.reads(), brought, group, rows, 0.0, &value, &mut x);
                            let matrix = &self.matrices[number][group];
                            let width = matrix.outputs();
                            y.resize(width * rows, 0.0);
                            matrix.multiply(&x, &mut y);
                            let bias = &dot.bias[group * width..(group + 1) * width];
                            for (row, y) in out.chunks_exact_mut(channels).zip(y.chunks_exact(width)) {
                                let row = &mut row[group * width..(group + 1) * width];
                                row.iter_mut().zip(y).zip(bias).for_each(|((o, y), b)| *o = y + *b as f32);
                            }
                        }
                        Body::Max(reads) => {
                            self.gather(reads, brought, group, rows, f32::NEG_INFINITY, &value, &mut x);
                            for (row, x) in out.chunks_exact_mut(channels).zip(x.chunks_exact(taps.max(1))) {
                                row[group] = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                            }
                        }
                    }
                }
            }
        });
        let mut sums = vec![0.0f32; by_position.len()];
        for (position, block) in by_position.chunks_exact(channels * rows).enumerate() {
            for (row, own) in block.chunks_exact(channels).enumerate() {
                sums[row * len + position * channels..][..channels].copy_from_slice(own);
            }
        }
        sums
    }

    /// Writes what `reads` bring for `group` to `x`, one row a sample.
    #[expect(clippy::too_many_arguments, reason = "the inner loop's state, passed on by reference")]
    fn gather<'v>(
        &self,
        reads: &[Read],
        elements: &[u32],
        group: usize,
        rows: usize,
        pad: f32,
        value: &impl Fn(Source) -> &'v [f32],
        x: &mut [f32],
    ) {
        let taps = elements.len();
        let mut first = 0;
        for read in reads {
            let count = read.taps.len();
            let from = value(read.source);
            let pitch = if read.source == Source::One { 0 } else { self.graph.len(read.source) };
            let step = (group * read.group_step) as u32;
            for row in 0..rows {
                let out = &mut x[row * taps + first..][..count];
                let from = &from[row * pitch..];
                for (x, &element) in out.iter_mut().zip(&elements[first..first + count]) {
                    *x = if element == PAD { pad } else { from[(element + step) as usize] };
                }
            }
            first += count;
        }
    }
}

/// The values of `source`, one row a sample.
fn value<'v>(source: Source, x: &'v [f32], held: &'v [Vec<f32>]) -> &'v [f32] {
    match source {
        Source::Input => x,
        Source::One => &[1.0],
        Source::Node(from) => &held[from],
    }
}

fn brought<'e>(node: &DotNode, position: usize, elements: &'e mut Vec<u32>) -> &'e [u32] {
    elements.clear();
    node.bring(position, elements);
    elements
}

impl NodeEngine for DotEngine<'_> {
    fn input_len(&self) -> usize {
        self.graph.input_len()
    }

    fn output_name(&self) -> &str {
        self.graph.outputs.first().map_or("", |port| &port.name)
    }

    /// Values of nodes by their names, in the nodes' own order of elements; of outputs by theirs, in the graph's order.
    fn values(&mut self, batch: &Batch, names: &[&str]) -> Result<Vec<Tensor2>> {
        let rows = batch.rows();
        let mut found: Vec<Option<Tensor2>> = vec![None; names.len()];
        self.run(batch.data(), rows, |number, given| {
            for (slot, name) in found.iter_mut().zip(names) {
                let node = &self.graph.nodes[number];
                let port = self.graph.outputs.iter().find(|port| port.node == number && port.name == **name);
                let data = match port {
                    Some(port) => match &port.order {
                        Some(order) => given
                            .values
                            .chunks_exact(node.len())
                            .flat_map(|row| order.iter().map(|&at| row[at as usize]))
                            .collect(),
                        None => given.values.to_vec(),
                    },
                    None if node.name == **name => given.values.to_vec(),
                    None => continue,
                };
                *slot = Tensor2::new(rows, data.len() / rows.max(1), data);
            }
        });
        found
            .into_iter()
            .zip(names)
            .map(|(found, name)| {
                found.ok_or_else(|| {
                    let known: Vec<&str> = self.graph.nodes.iter().map(|node| node.name.as_str()).collect();
                    let way_out = format!("the dot-like nodes are {}", known.join(", "));
                    let rule = "no dot-like node has this name";
                    Diagnostic::error("SP0120", format!("value {name:?}"), rule, way_out).into()
                })
            })
            .collect()
    }
}
