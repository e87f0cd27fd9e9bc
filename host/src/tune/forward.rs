//! Codes of a tuned node at every position of every sample: the tuner's own form of the cores, many sums at a time.
//!
//! The image that comes out is run, and its codes are compared with these on calibration samples (see
//! [`crate::emit::check_codes`]), so a slip here can not go unnoticed.

use std::ops::Range;

use spandrel_core::arith::digit;

use super::coded::{Coded, CodedAct, Periphery};
use super::codes::{Pick, Sources};
use super::column::Post;
use super::digital::level;
use super::reads::ReadRule;
use crate::dots::{Body, Loop};
use crate::encode::{CodeMap, EncodedGraph};
use crate::engine::{product, product_f64};
use crate::expand::CoreOp;
use crate::numeric::parallel_rows;
use crate::target::Target;

/// Sums of all columns that are computed at once.
const ROWS: usize = 512;

/// Codes of node `number`, whose core-ops are `ops` in the order of their channels, on all samples of its sources.
pub fn forward<'o, P: Sync + 'o>(
    number: usize,
    ops: &[(&'o CoreOp<P>, &'o Coded)],
    sources: Sources<'_>,
    samples: usize,
    target: &'o Target,
) -> CodeMap {
    let graph = sources.graph;
    let (node, dot) = (&graph.nodes[number], &graph.dot.nodes[number]);
    let (positions, width) = (dot.positions(), node.width());
    if let Body::Max(_) = dot.body {
        let mut out = CodeMap::new(positions * width, vec![0; samples * positions * width]);
        maximum(number, sources, &mut out);
        return out;
    }
    let ready = Ready::new(ops.iter().copied(), width, target);
    CodeMap::new(positions * width, ready.codes(sources, samples, 0..positions))
}

/// Codes of all nodes of a loop, whose core-ops `ops` gives, step by step; they are put to their places in `codes`, which holds
/// those of all earlier nodes.
pub fn forward_steps<'o, P: Sync + 'o>(
    own: &Loop,
    ops: impl Fn(usize) -> Vec<(&'o CoreOp<P>, &'o Coded)>,
    (graph, input): (&EncodedGraph, &CodeMap),
    codes: &mut [CodeMap],
    samples: usize,
    target: &'o Target,
) {
    let mut ready = Vec::new();
    for number in own.nodes.clone() {
        let (width, positions) = (graph.nodes[number].width(), graph.dot.nodes[number].positions());
        ready.push(Ready::new(ops(number).into_iter(), width, target));
        codes[number] = CodeMap::new(positions * width, vec![0; samples * positions * width]);
    }
    for step in 0..own.steps {
        for (number, ready) in own.nodes.clone().zip(&ready) {
            let positions = graph.dot.nodes[number].step(step);
            let sources = Sources { graph, input, nodes: codes };
            let made = ready.codes(sources, samples, positions.clone());
            let width = positions.len() * ready.width;
            let (all, first) = (codes[number].width(), positions.start * ready.width);
            let rows = codes[number].data_mut().chunks_exact_mut(all.max(1));
            for (row, made) in rows.zip(made.chunks_exact(width.max(1))) {
                row[first..first + width].copy_from_slice(made);
            }
        }
    }
}

/// A node made ready to run.
struct Ready<'o, P> {
    ops: Vec<(&'o CoreOp<P>, &'o Coded)>,
    arrays: Vec<Vec<Array>>,
    exact: Vec<Option<ExactSums>>,
    /// Signals of a position.
    width: usize,
    target: &'o Target,
}

impl<'o, P: Sync> Ready<'o, P> {
    fn new(ops: impl Iterator<Item = (&'o CoreOp<P>, &'o Coded)>, width: usize, target: &'o Target) -> Self {
        let ops: Vec<_> = ops.collect();
        let arrays = ops.iter().map(|(op, coded)| Array::all(op, coded, target)).collect();
        let exact = ops.iter().map(|(op, coded)| ExactSums::new(op, coded, target)).collect();
        Self { ops, arrays, exact, width, target }
    }

    /// Codes at the positions `range` of all samples, one row a sample.
    fn codes(&self, sources: Sources<'_>, samples: usize, range: Range<usize>) -> Vec<i32> {
        let (width, positions, target) = (self.width, range.len(), self.target);
        let mut out = vec![0; samples * positions * width];
        parallel_rows(&mut out, positions * width, |first, rows| {
            let count = rows.len() / width;
            for from in (0..count).step_by(ROWS) {
                let block = from..(from + ROWS).min(count);
                let place =
                    |at: usize| ((first + at / positions) as u32, (range.start + at % positions) as u32);
                let picks: Vec<Pick> = block.clone().map(place).collect();
                for (((op, coded), arrays), exact) in self.ops.iter().zip(&self.arrays).zip(&self.exact) {
                    let codes = match exact {
                        Some(exact) => exact.levels(op, coded, sources, &picks, target),
                        None => op_codes(op, coded, arrays, sources, &picks, target),
                    };
                    let columns = op.columns.len();
                    for (at, own) in block.clone().zip(codes.chunks_exact(columns)) {
                        rows[at * width + op.first_signal..][..columns].copy_from_slice(own);
                    }
                }
            }
        });
        out
    }
}

/// The largest of what the reads bring, signal by signal.
fn maximum(number: usize, sources: Sources<'_>, out: &mut CodeMap) {
    let graph = sources.graph;
    let dot = &graph.dot.nodes[number];
    let (positions, width) = (dot.positions(), graph.nodes[number].width());
    // Group 0 is channel 0; the other signals of a position follow it.
    let lines: Vec<_> = graph.lines(number, 0).into_iter().filter(|line| line.copy == 0).collect();
    parallel_rows(out.data_mut(), positions * width, |first, rows| {
        let (mut scratch, mut signals) = (Vec::new(), Vec::new());
        for (at, row) in rows.chunks_exact_mut(width).enumerate() {
            let (sample, position) = (first + at / positions, at % positions);
            signals.clear();
            graph.signals_at(number, 0, &lines, position, &mut scratch, &mut signals);
            for (line, &signal) in lines.iter().zip(&signals) {
                if signal == crate::dots::PAD {
                    continue;
                }
                if let crate::dots::Source::Node(from) = graph.source(number, line) {
                    let codes = &sources.nodes[from].row(sample)[signal as usize..][..width];
                    row.iter_mut().zip(codes).for_each(|(most, &code)| *most = (*most).max(code));
                }
            }
        }
    });
}

/// The weights of a digital core-op, all its cores together: their sums are added exactly.
enum ExactSums {
    /// Sums of magnitudes stay below 2^24.
    Single(Vec<f32>),
    /// They stay below 2^53.
    Double(Vec<f64>),
}

impl ExactSums {
    fn new<P>(op: &CoreOp<P>, coded: &Coded, target: &Target) -> Option<Self> {
        let Periphery::Digital(_) = coded.periphery else { return None };
        let columns = op.columns.len();
        let mut weights = vec![0.0f64; op.lines.len() * columns];
        for (part, own) in op.parts.iter().zip(&coded.weights) {
            for (column, own) in own.chunks_exact(part.len().max(1)).enumerate() {
                for (&line, &w) in part.iter().zip(own) {
                    weights[line as usize * columns + column] = f64::from(w);
                }
            }
        }
        let worst = (0..columns)
            .map(|c| weights.iter().skip(c).step_by(columns).map(|w| w.abs()).sum::<f64>())
            .fold(0.0, f64::max);
        Some(if worst * f64::from(target.input_max) < libm::exp2(24.0) {
            Self::Single(weights.iter().map(|&w| w as f32).collect())
        } else {
            Self::Double(weights)
        })
    }

    fn levels<P>(
        &self,
        op: &CoreOp<P>,
        coded: &Coded,
        sources: Sources<'_>,
        picks: &[Pick],
        target: &Target,
    ) -> Vec<i32> {
        let (columns, rows, n) = (op.columns.len(), op.lines.len(), picks.len());
        let (Periphery::Digital(own), Some(digital)) = (&coded.periphery, &target.digital) else {
            return Vec::new();
        };
        let finish = |(at, sum): (usize, i64)| {
            let column = at % columns;
            let cut = (own.shift(column), own.multiplier(column));
            level(digital, target, &coded.act, cut, sum + own.bias[column]) as i32
        };
        match self {
            Self::Single(weights) => {
                let mut x = vec![0.0f32; n * rows];
                sources.bring(op.node, &op.lines, picks, own.zero, |pick, line, code| {
                    x[pick * rows + line] = (code - own.zero) as f32;
                });
                let mut sums = vec![0.0f32; n * columns];
                product(&x, weights, &mut sums, [n, rows, columns]);
                sums.iter().map(|&sum| sum as i64).enumerate().map(finish).collect()
            }
            Self::Double(weights) => {
                let mut x = vec![0.0f64; n * rows];
                sources.bring(op.node, &op.lines, picks, own.zero, |pick, line, code| {
                    x[pick * rows + line] = f64::from(code - own.zero);
                });
                let mut sums = vec![0.0f64; n * columns];
                product_f64(&x, weights, &mut sums, [n, rows, columns]);
                sums.iter().map(|&sum| sum as i64).enumerate().map(finish).collect()
            }
        }
    }
}

/// One core of a core-op, its weights as digits.
struct Array {
    lines: Vec<u32>,
    /// Slice by slice the digits, one row a line.
    digits: Vec<Vec<f32>>,
    /// Slice by slice, column by column, what the bias rows add.
    bias: Vec<Vec<i32>>,
}

impl Array {
    fn all<P>(op: &CoreOp<P>, coded: &Coded, target: &Target) -> Vec<Self> {
        let columns = op.columns.len();
        let signed = |weight: i16, slice: u8| {
            i32::from(weight.signum()) * digit(i32::from(weight).abs(), slice, target.cell_bits)
        };
        op.parts
            .iter()
            .enumerate()
            .map(|(part, lines)| {
                let n = lines.len();
                let weights = &coded.weights[part];
                let digits = (0..target.slices)
                    .map(|slice| {
                        let mut out = vec![0.0f32; n * columns];
                        for column in 0..columns {
                            for row in 0..n {
                                out[row * columns + column] = signed(weights[column * n + row], slice) as f32;
                            }
                        }
                        out
                    })
                    .collect();
                let Periphery::Composed { bias, bias_rows, .. } = &coded.periphery else {
                    return Self { lines: lines.clone(), digits, bias: Vec::new() };
                };
                let bias = (0..target.slices)
                    .map(|slice| {
                        let own = |c: usize| &bias[part][c * bias_rows..(c + 1) * bias_rows];
                        (0..columns).map(|c| own(c).iter().map(|&w| signed(w, slice)).sum()).collect()
                    })
                    .collect();
                Self { lines: lines.clone(), digits, bias }
            })
            .collect()
    }
}

/// Codes of a core-op's columns for each pick, one row a pick.
fn op_codes<P>(
    op: &CoreOp<P>,
    coded: &Coded,
    arrays: &[Array],
    sources: Sources<'_>,
    picks: &[Pick],
    target: &Target,
) -> Vec<i32> {
    let columns = op.columns.len();
    let (all, n) = (op.lines.len(), picks.len());
    let mut codes = vec![0i32; n * all];
    sources.bring(op.node, &op.lines, picks, 0, |pick, line, code| codes[pick * all + line] = code);
    let Periphery::Composed { shift, .. } = coded.periphery else { return Vec::new() };
    let rule = ReadRule::new(target, shift);
    let mut sums = vec![0i32; n * columns];
    let mut partial = vec![0.0f32; n * columns];
    for array in arrays {
        let rows = array.lines.len();
        let mut read = vec![0i32; n * columns];
        let mut x = vec![0.0f32; n * rows];
        for pass in 0..target.passes() {
            for (x, codes) in x.chunks_exact_mut(rows.max(1)).zip(codes.chunks_exact(all.max(1))) {
                for (x, &line) in x.iter_mut().zip(&array.lines) {
                    *x = digit(codes[line as usize], pass, target.dac_bits) as f32;
                }
            }
            for (slice, digits) in array.digits.iter().enumerate() {
                // Whole numbers below 2^24: exact in any order.
                product(&x, digits, &mut partial, [n, rows, columns]);
                for (read, partial) in read.chunks_exact_mut(columns).zip(partial.chunks_exact(columns)) {
                    for ((read, &partial), &bias) in read.iter_mut().zip(partial).zip(&array.bias[slice]) {
                        *read += rule.share(partial as i32, bias, slice, usize::from(pass));
                    }
                }
            }
        }
        let limit = rule.limit();
        sums.iter_mut().zip(&read).for_each(|(sum, &read)| *sum += read.clamp(-limit, limit));
    }
    let post = post(coded);
    sums.iter().map(|&sum| post.code(sum, target)).collect()
}

/// What follows the sum of a coded core-op.
pub fn post(coded: &Coded) -> Post {
    let sum_shift = match coded.periphery {
        Periphery::Composed { sum_shift, .. } => sum_shift,
        Periphery::Digital(_) => 0,
    };
    match &coded.act {
        CodedAct::None | CodedAct::Pieces(_) | CodedAct::Clamp { .. } => Post::Sum,
        CodedAct::Relu => Post::Relu { sum_shift },
        CodedAct::Table(table) => Post::Table(table.clone()),
    }
}
