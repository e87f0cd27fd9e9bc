//! Codes of a tuned node at every position of every sample: the tuner's own form of the cores, many sums at a time.
//!
//! The image that comes out is run, and its codes are compared with these on calibration samples (see
//! [`crate::emit::check_codes`]), so a slip here can not go unnoticed.

use spandrel_core::arith::digit;

use super::codes::{CodeMap, Pick, Sources};
use super::coded::{Coded, CodedAct, Periphery};
use super::column::Post;
use super::reads::ReadRule;
use crate::dots::Body;
use crate::expand::CoreOp;
use crate::engine::product;
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
    target: &Target,
) -> CodeMap {
    let graph = sources.graph;
    let (node, dot) = (&graph.nodes[number], &graph.dot.nodes[number]);
    let (positions, width) = (dot.positions(), node.width());
    let mut out = CodeMap::new(positions * width, vec![0; samples * positions * width]);
    if let Body::Max(_) = dot.body {
        maximum(number, sources, &mut out);
        return out;
    }
    let arrays: Vec<Vec<Array>> = ops.iter().map(|(op, coded)| Array::all(op, coded, target)).collect();
    parallel_rows(out.data_mut(), positions * width, |first, rows| {
        let count = rows.len() / width;
        for from in (0..count).step_by(ROWS) {
            let block = from..(from + ROWS).min(count);
            let picks: Vec<Pick> = block
                .clone()
                .map(|at| ((first + at / positions) as u32, (at % positions) as u32))
                .collect();
            for ((op, coded), arrays) in ops.iter().zip(&arrays) {
                let codes = op_codes(op, coded, arrays, sources, &picks, target);
                let columns = op.columns.len();
                for (at, own) in block.clone().zip(codes.chunks_exact(columns)) {
                    rows[at * width + op.first_signal..][..columns].copy_from_slice(own);
                }
            }
        }
    });
    out
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
                let Periphery::Composed { bias, bias_rows, .. } = &coded.periphery;
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
    sources.bring(op.node, &op.lines, picks, |pick, line, code| codes[pick * all + line] = code);
    let Periphery::Composed { shift, .. } = coded.periphery;
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
    let Periphery::Composed { sum_shift, .. } = coded.periphery;
    match &coded.act {
        CodedAct::None => Post::Sum,
        CodedAct::Relu => Post::Relu { sum_shift },
        CodedAct::Table(table) => Post::Table(table.clone()),
    }
}
