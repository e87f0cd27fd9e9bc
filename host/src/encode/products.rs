//! Products of two values, on ranges that squares can be told apart in.
//!
//! Graph reform makes a product of two computed values out of two squares: 4ab = (a + b)^2 - (a - b)^2. Where a has another range
//! than b, or lies off zero, both squares are large and nearly equal, and what a chip's table leaves of their difference is
//! little. Calibration tells the range of either factor, channel by channel, so the product is written again:
//! with a = ca + ra a' and b = cb + rb b', where a' and b' run over -1..=1,
//!
//! ```text
//! ab = ra rb / 4 ((a' + b')^2 - (a' - b')^2) + ca b + cb a - ca cb
//! ```
//!
//! All squares are then those of -2..=2, whatever the channel, and the linear rest is read where it lies. This is exact, but for
//! rounding of real numbers.

use std::sync::Arc;

use crate::dots::{Act, Body, Dot, DotEngine, DotGraph, DotNode, Read, Source, Step};
use crate::encode::BLOCK;
use crate::graph::Function;
use crate::numeric::Matrix;

/// Headroom of a factor's range.
const HEADROOM: f64 = 1.05;
/// No factor's range falls below this share of the widest channel's: rare channels would clip on new data.
const RANGE_FLOOR: f64 = 0.1;
/// A factor whose middle is nearer to zero than this share of its range is taken to lie around zero: that spares the linear rest.
const CENTRED: f64 = 0.15;

/// A pair of squares.
struct Pair {
    sum: usize,
    difference: usize,
    /// Nodes that read both, and whether they can read the linear rest.
    readers: Vec<usize>,
    linear: bool,
}

/// The middle and half the width of a factor's range in each channel.
struct Factor {
    middle: Vec<f64>,
    reach: Vec<f64>,
}

/// `dot` with its products on balanced ranges, as `samples` (rows of [`DotGraph::input_len`] elements) show them; a remark says how
/// many there are. `None` when there is none.
#[must_use]
pub fn balanced(dot: &DotGraph, samples: &[f32]) -> Option<DotGraph> {
    let pairs = pairs(dot);
    if pairs.is_empty() {
        return None;
    }
    let ranges = ranges(dot, &pairs, samples);
    let mut out = dot.clone();
    for (pair, (a, b)) in pairs.iter().zip(&ranges) {
        rewrite(&mut out, pair, a, b);
    }
    out.rewrites.push(format!("{} products of two computed values on balanced ranges", pairs.len()));
    Some(out)
}

fn squares(node: &DotNode) -> Option<&Dot> {
    let Body::Dot(own) = &node.body else { return None };
    let square = |steps: &[Step]| matches!(steps, [Step::Map(Function::Square)]);
    matches!(&own.act, Act::Curve(steps) if square(steps)).then_some(own)
}

fn pairs(dot: &DotGraph) -> Vec<Pair> {
    let mut out: Vec<Pair> = Vec::new();
    let shown = |node: usize| dot.outputs.iter().any(|port| port.node == node);
    for sum in 0..dot.nodes.len() {
        let Some(one) = squares(&dot.nodes[sum]) else { continue };
        let taken = |node: usize| out.iter().any(|pair| pair.sum == node || pair.difference == node);
        if taken(sum) || shown(sum) {
            continue;
        }
        let readers = dot.readers(sum);
        let fits = |other: usize| {
            let (node, first) = (&dot.nodes[other], &dot.nodes[sum]);
            squares(node).is_some_and(|own| own.reads == one.reads && own.weights.len() == one.weights.len())
                && (&node.grid, node.channels) == (&first.grid, first.channels)
                && !shown(other)
                && !taken(other)
                && dot.readers(other) == readers
                && readers.iter().all(|&reader| opposite(&dot.nodes[reader], sum, other).is_some())
        };
        let end = dot.loop_of(sum).map_or(dot.nodes.len(), |own| own.nodes.end).min(sum + 5);
        let Some(difference) = (sum + 1..end).find(|&other| fits(other)) else { continue };
        let linear = readers.iter().all(|&reader| {
            dot.loop_of(reader) == dot.loop_of(sum) && beside(&dot.nodes[sum], &dot.nodes[reader], sum)
        });
        out.push(Pair { sum, difference, readers, linear });
    }
    out
}

/// The first columns of what `reader` reads of both nodes, and how many columns, where it takes one minus the other.
fn opposite(reader: &DotNode, sum: usize, difference: usize) -> Option<(usize, usize, usize)> {
    let Body::Dot(own) = &reader.body else { return None };
    let find = |node: usize| {
        let mut found = None;
        let mut first = 0;
        for read in &own.reads {
            if read.source == Source::Node(node) {
                found = if found.is_none() { Some((first, read)) } else { return None };
            }
            first += read.taps.len();
        }
        found
    };
    let ((one, a), (two, b)) = (find(sum)?, find(difference)?);
    let count = a.taps.len();
    let minus = |w: &Arc<Matrix>| {
        (0..w.rows()).all(|row| (0..count).all(|t| w.at(row, one + t) == -w.at(row, two + t)))
    };
    (a.taps == b.taps && a.group_step == b.group_step && own.weights.iter().all(minus))
        .then_some((one, two, count))
}

/// Whether channel c of `reader` reads nothing of node `number`, which is `node`, but channel c at the same position, and both have
/// a group for each channel.
fn beside(node: &DotNode, reader: &DotNode, number: usize) -> bool {
    let Some(read) = reader.body.reads().iter().find(|read| read.source == Source::Node(number)) else {
        return false;
    };
    let each = node.groups() == node.channels && reader.groups() == node.channels;
    if !each || reader.channels != node.channels || reader.grid != node.grid {
        return false;
    }
    let mut elements = Vec::new();
    read.taps.len() == 1
        && read.group_step == 1
        && (0..node.positions()).all(|position| {
            elements.clear();
            read.taps.bring(position, &reader.indices(position), &mut elements);
            elements[0] as usize == position * node.channels
        })
}

/// The ranges of both factors of each pair.
fn ranges(dot: &DotGraph, pairs: &[Pair], samples: &[f32]) -> Vec<(Factor, Factor)> {
    let ends = |pair: &Pair| vec![[0.0f64, 0.0, 0.0, 0.0]; dot.nodes[pair.sum].channels];
    let mut found: Vec<Vec<[f64; 4]>> = pairs.iter().map(ends).collect();
    let mut begun: Vec<bool> = vec![false; pairs.len()];
    let mut held: Vec<Vec<f32>> = vec![Vec::new(); pairs.len()];
    let engine = DotEngine::new(dot);
    let width = dot.input_len().max(1);
    for block in samples.chunks(width * BLOCK) {
        engine.run(block, block.len() / width, |number, given| {
            for (at, pair) in pairs.iter().enumerate() {
                if pair.sum == number {
                    held[at] = given.sums.to_vec();
                }
                if pair.difference != number {
                    continue;
                }
                let channels = found[at].len();
                for (one, two) in held[at].chunks_exact(channels).zip(given.sums.chunks_exact(channels)) {
                    for ((ends, &one), &two) in found[at].iter_mut().zip(one).zip(two) {
                        let (one, two) = (f64::from(one), f64::from(two));
                        let (a, b) = (0.5 * (one + two), 0.5 * (one - two));
                        *ends = match begun[at] {
                            true => [ends[0].min(a), ends[1].max(a), ends[2].min(b), ends[3].max(b)],
                            false => [a, a, b, b],
                        };
                    }
                    begun[at] = true;
                }
            }
        });
    }
    let factor = |ends: &[(f64, f64)], linear: bool| {
        let mut made = Factor { middle: Vec::new(), reach: Vec::new() };
        for &(lo, hi) in ends {
            let (middle, reach) = (0.5 * (lo + hi), 0.5 * (hi - lo));
            let off = linear && middle.abs() > CENTRED * reach;
            made.middle.push(if off { middle } else { 0.0 });
            made.reach.push(HEADROOM * if off { reach } else { lo.abs().max(hi.abs()) });
        }
        let widest = made.reach.iter().copied().fold(0.0, f64::max);
        let floor = if widest > 0.0 { RANGE_FLOOR * widest } else { 1.0 };
        made.reach.iter_mut().for_each(|reach| *reach = reach.max(floor));
        made
    };
    let both = |(ends, pair): (&Vec<[f64; 4]>, &Pair)| {
        let part = |at: usize| ends.iter().map(|e| (e[at], e[at + 1])).collect::<Vec<_>>();
        (factor(&part(0), pair.linear), factor(&part(2), pair.linear))
    };
    found.iter().zip(pairs).map(both).collect()
}

fn rewrite(dot: &mut DotGraph, pair: &Pair, a: &Factor, b: &Factor) {
    let (Body::Dot(one), Body::Dot(two)) =
        (dot.nodes[pair.sum].body.clone(), dot.nodes[pair.difference].body.clone())
    else {
        return;
    };
    let (groups, each) = (one.weights.len(), one.weights[0].rows());
    let half = |sign: f64| -> (Vec<Matrix>, Vec<f64>) {
        let weights =
            one.weights.iter().zip(&two.weights).map(|(x, y)| {
                Matrix::from_fn(x.rows(), x.cols(), |r, c| 0.5 * (x.at(r, c) + sign * y.at(r, c)))
            });
        let bias = one.bias.iter().zip(&two.bias).map(|(x, y)| 0.5 * (x + sign * y));
        (weights.collect(), bias.collect())
    };
    let ((wa, ba), (wb, bb)) = (half(1.0), half(-1.0));
    for (node, sign) in [(pair.sum, 1.0), (pair.difference, -1.0)] {
        let Body::Dot(own) = &mut dot.nodes[node].body else { continue };
        for group in 0..groups {
            let channel = |r: usize| group * each + r;
            let balanced = Matrix::from_fn(each, wa[group].cols(), |r, c| {
                let at = channel(r);
                wa[group].at(r, c) / a.reach[at] + sign * wb[group].at(r, c) / b.reach[at]
            });
            own.weights[group] = Arc::new(balanced);
        }
        for (at, bias) in own.bias.iter_mut().enumerate() {
            *bias = (ba[at] - a.middle[at]) / a.reach[at] + sign * (bb[at] - b.middle[at]) / b.reach[at];
        }
    }
    let channels = dot.nodes[pair.sum].channels;
    for &reader in &pair.readers {
        let Some((first, second, count)) = opposite(&dot.nodes[reader], pair.sum, pair.difference) else {
            continue;
        };
        let elements = dot.nodes[reader].representatives();
        let Body::Dot(own) = &mut dot.nodes[reader].body else { continue };
        let step = own.reads.iter().find(|r| r.source == Source::Node(pair.sum)).map_or(0, |r| r.group_step);
        let mut factors = Vec::new();
        for (group, weights) in own.weights.iter_mut().map(Arc::make_mut).enumerate() {
            factors.push(4.0 * weights.at(0, first));
            for tap in 0..count {
                let Some(element) = elements.get(first + tap).filter(|e| **e != crate::dots::PAD) else {
                    continue;
                };
                let channel = (*element as usize + group * step) % channels;
                let scale = a.reach[channel] * b.reach[channel];
                for row in 0..weights.rows() {
                    *weights.at_mut(row, first + tap) *= scale;
                    *weights.at_mut(row, second + tap) *= scale;
                }
            }
        }
        if pair.linear {
            rest(own, &one.reads, &factors, (&wa, &ba, a), (&wb, &bb, b));
        }
    }
}

/// Adds `factor (ca b + cb a - ca cb)` of each channel to a node that has a group for each.
fn rest(
    own: &mut Dot,
    reads: &[Read],
    factors: &[f64],
    (wa, ba, a): (&[Matrix], &[f64], &Factor),
    (wb, bb, b): (&[Matrix], &[f64], &Factor),
) {
    let weight = |channel: usize, column: usize| {
        let linear =
            a.middle[channel] * wb[channel].at(0, column) + b.middle[channel] * wa[channel].at(0, column);
        factors[channel] * linear
    };
    for (channel, bias) in own.bias.iter_mut().enumerate() {
        let (ca, cb) = (a.middle[channel], b.middle[channel]);
        *bias += factors[channel] * (ca * bb[channel] + cb * ba[channel] - ca * cb);
    }
    let mut column = 0;
    for read in reads {
        let columns = column..column + read.taps.len();
        column = columns.end;
        let idle = |&channel: &usize| columns.clone().all(|c| weight(channel, c) == 0.0);
        if (0..factors.len()).all(|channel| idle(&channel)) {
            continue;
        }
        let mut first = 0;
        let known = own.reads.iter().find_map(|other| {
            first += other.taps.len();
            (other == read).then(|| first - other.taps.len())
        });
        let first = known.unwrap_or_else(|| {
            let width = own.weights[0].cols();
            own.reads.push(read.clone());
            for weights in &mut own.weights {
                let old = std::mem::take(weights);
                let wider = Matrix::from_fn(old.rows(), width + columns.len(), |r, c| {
                    if c < width { old.at(r, c) } else { 0.0 }
                });
                *weights = Arc::new(wider);
            }
            width
        });
        for (channel, weights) in own.weights.iter_mut().map(Arc::make_mut).enumerate() {
            for (at, c) in columns.clone().enumerate() {
                *weights.at_mut(0, first + at) += weight(channel, c);
            }
        }
    }
}
