//! What taps and lines bring.

use super::Walk;
use super::interval::Interval;
use crate::dots::{DotNode, PAD, Source};
use crate::expand::CoreOp;

/// How many elements of the input a node's taps may touch, all positions together, before they are taken to touch all.
const MOST_TOUCHED: usize = 1 << 22;

/// What can be told of an element and joined over several.
pub(super) trait Joined: Copy {
    /// Of an element that no tap ever brings.
    const NOTHING: Self;
    /// Of one element or another.
    fn join(self, other: Self) -> Self;
}

impl Joined for Interval {
    const NOTHING: Self = Self { lo: 0.0, hi: 0.0 };
    fn join(self, other: Self) -> Self {
        self.hull(other)
    }
}

impl Joined for f64 {
    const NOTHING: Self = 0.0;
    fn join(self, other: Self) -> Self {
        self.max(other)
    }
}

/// For every tap of group `group` of `node` what `of` says of the elements that it brings, over all positions.
pub(super) fn taps<T: Joined>(node: &DotNode, group: usize, of: impl Fn(Source, u32) -> T) -> Vec<T> {
    let elements = node.representatives();
    let mut out: Vec<T> = Vec::with_capacity(elements.len());
    let mut from_input = false;
    for read in node.body.reads() {
        for _ in 0..read.taps.len() {
            let element = elements[out.len()];
            from_input |= read.source == Source::Input;
            out.push(if element == PAD {
                T::NOTHING
            } else {
                of(read.source, element + (group * read.group_step) as u32)
            });
        }
    }
    // Which channel a tap reads is the same everywhere, but the input has none.
    if from_input && node.positions() > 1 && node.positions() * out.len() <= MOST_TOUCHED {
        let mut brought = Vec::new();
        for position in 0..node.positions() {
            brought.clear();
            node.bring(position, &mut brought);
            let mut tap = 0;
            for read in node.body.reads() {
                for _ in 0..read.taps.len() {
                    if read.source == Source::Input && brought[tap] != PAD {
                        let element = brought[tap] + (group * read.group_step) as u32;
                        out[tap] = out[tap].join(of(read.source, element));
                    }
                    tap += 1;
                }
            }
        }
    }
    out
}

/// What the lines of a core-op carry.
pub(super) struct Carried {
    /// Smallest and largest level above the one that stands for zero, line by line.
    pub(super) levels: Vec<(f64, f64)>,
    /// Lines that read [`Source::One`], with the sets of them that carry something at some position.
    pub(super) ones: Vec<bool>,
    /// Each set once.
    pub(super) lit: Vec<Vec<u32>>,
    /// What they then carry.
    pub(super) one: f64,
}

impl Carried {
    pub(super) fn new<P>(walk: &Walk<'_>, number: usize, op: &CoreOp<P>, zero: i32) -> Self {
        let dot = &walk.encoded.dot.nodes[number];
        let reads = dot.body.reads();
        let zero = f64::from(zero);
        let source = |line: u32| reads[line as usize].source;
        let levels = op
            .lines
            .iter()
            .map(|own| {
                let (lo, hi) = walk.levels(source(own.line.read), own.line.element, own.line.copy);
                ((lo - zero).min(0.0), (hi - zero).max(0.0))
            })
            .collect();
        let ones: Vec<bool> = op.lines.iter().map(|own| source(own.line.read) == Source::One).collect();
        let mut lit = std::collections::BTreeSet::new();
        if ones.contains(&true) {
            let mut brought = Vec::new();
            for position in 0..dot.positions() {
                brought.clear();
                dot.bring(position, &mut brought);
                let inside =
                    |line: &usize| ones[*line] && brought[op.lines[*line].line.column as usize] != PAD;
                lit.insert((0..ones.len()).filter(inside).map(|line| line as u32).collect::<Vec<u32>>());
            }
        }
        let one = f64::from(walk.encoded.one) - zero;
        Self { levels, ones, lit: lit.into_iter().collect(), one }
    }
}
