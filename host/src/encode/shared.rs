//! Several lines for one value, where its weights are much larger than those beside it.
//!
//! All weights of a column have one scale. In a recurrent cell the step's input may span a hundred times the range of the state:
//! then a code of the input counts a hundred times as much as one of the state, the largest weight belongs to it, and the weights of
//! the state are left with a few steps, an error that comes back in each step of the loop. The same signal on m lines needs
//! weights an m-th as large. Rows that the array has free anyway are given to such reads.

use std::sync::Arc;

use crate::dots::{Body, DotEngine, DotGraph, Source};
use crate::encode::BLOCK;
use crate::numeric::Matrix;

/// A read that counts less than so many times what the others do gets no further lines.
const EVEN: f64 = 2.0;
/// Rows that are left for lines that tell padding, and the like.
const SPARE: usize = 10;

/// `dot` with reads of loops spread over free ones of `rows` rows, as `samples` show their ranges; `None` when nothing changes.
#[must_use]
pub fn shared(dot: &DotGraph, samples: &[f32], rows: usize) -> Option<DotGraph> {
    if dot.loops.is_empty() {
        return None;
    }
    let (nodes, input) = spans(dot, samples);
    let mut out = dot.clone();
    let mut changed = false;
    for number in dot.loops.iter().flat_map(|own| own.nodes.clone()) {
        let Body::Dot(own) = &mut out.nodes[number].body else { continue };
        let ([weights], true) = (own.weights.as_mut_slice(), own.reads.len() > 1) else { continue };
        let span = |source: Source| match source {
            Source::Input => input,
            Source::One => 0.0,
            Source::Node(from) => nodes[from],
        };
        let mut first = 0;
        let mut weight = Vec::new();
        for read in &own.reads {
            let columns = first..first + read.taps.len();
            first = columns.end;
            let largest = (0..weights.rows())
                .flat_map(|r| weights.row(r)[columns.clone()].iter())
                .fold(0.0f64, |m, w| m.max(w.abs()));
            weight.push(largest * span(read.source));
        }
        let taps: Vec<usize> = own.reads.iter().map(|read| read.taps.len()).collect();
        let mut times = vec![1usize; taps.len()];
        let mut free = rows.saturating_sub(taps.iter().sum::<usize>() + SPARE);
        loop {
            let each = |at: usize| weight[at] / times[at] as f64;
            let Some(most) = (0..taps.len()).max_by(|&a, &b| each(a).total_cmp(&each(b))) else { break };
            let others = (0..taps.len()).filter(|&at| at != most).map(each).fold(0.0, f64::max);
            if taps[most] == 0 || taps[most] > free || others <= 0.0 || each(most) < EVEN * others {
                break;
            }
            times[most] += 1;
            free -= taps[most];
        }
        if times.iter().all(|&n| n == 1) {
            continue;
        }
        changed = true;
        let old = std::mem::take(&mut own.reads);
        let mut columns: Vec<(usize, f64)> = Vec::new();
        let mut first = 0;
        for (read, &times) in old.iter().zip(&times) {
            for _ in 0..times {
                own.reads.push(read.clone());
                columns.extend((first..first + read.taps.len()).map(|c| (c, 1.0 / times as f64)));
            }
            first += read.taps.len();
        }
        let wider = Matrix::from_fn(weights.rows(), columns.len(), |r, c| {
            let (from, share) = columns[c];
            weights.at(r, from) * share
        });
        *weights = Arc::new(wider);
    }
    changed.then_some(out)
}

/// The widest range of a channel of each node's value, and of an element of the input.
fn spans(dot: &DotGraph, samples: &[f32]) -> (Vec<f64>, f64) {
    let width = dot.input_len().max(1);
    let widest = |ends: &[(f32, f32)]| ends.iter().map(|(lo, hi)| f64::from(hi - lo)).fold(0.0, f64::max);
    let widen = |ends: &mut [(f32, f32)], values: &[f32]| {
        for values in values.chunks_exact(ends.len().max(1)) {
            for ((lo, hi), &value) in ends.iter_mut().zip(values) {
                (*lo, *hi) = (lo.min(value), hi.max(value));
            }
        }
    };
    let mut ends: Vec<Vec<(f32, f32)>> =
        dot.nodes.iter().map(|node| vec![(0.0, 0.0); node.channels]).collect();
    // All elements of the input are coded on one scale.
    let mut input = vec![(0.0f32, 0.0f32); 1];
    let engine = DotEngine::new(dot);
    for block in samples.chunks(width * BLOCK) {
        widen(&mut input, block);
        engine.run(block, block.len() / width, |number, given| widen(&mut ends[number], given.values));
    }
    (ends.iter().map(|ends| widest(ends)).collect(), widest(&input))
}
