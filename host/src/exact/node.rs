//! One node: is it whole-numbered, and with which integers?

use super::gain::{common, in_steps};
use super::grid::Stairs;
use super::stairs::{Channel, Cut, Line, as_multiplier};
use super::zero::{Zero, kept, zero};
use super::{Integers, Levels, Search};
use spandrel_core::mac::Rounding;

use crate::dots::{Act, Body, Dot, DotNode, Source};
use crate::tune::{CodedAct, IntegerRounding, Requantised};

/// How far a bias of the file may lie from a whole number: it was rounded to f32.
const BIAS_NEAR: f64 = 0.25;

/// What a node needs of its surroundings.
struct Work<'a> {
    search: &'a Search<'a>,
    node: &'a DotNode,
    dot: &'a Dot,
    levels: Levels,
    kept: Vec<bool>,
}

impl Search<'_> {
    /// The integers of a node and what its levels stand for; no levels where its sum leaves for the host.
    pub(super) fn node(&self, number: usize) -> Option<(Integers, Option<Levels>)> {
        let node = &self.dot.nodes[number];
        let Body::Dot(dot) = &node.body else { return None };
        let stairs = || Stairs::of(&dot.act).filter(|s| s.top() <= i64::from(self.target.input_max));
        let sources = dot.reads.iter().map(|read| read.source).filter(|s| *s != Source::One);
        let sources: Vec<Levels> = sources.map(|source| self.source(source)).collect::<Option<_>>()?;
        let levels = *sources.first()?;
        let alike = |other: &Levels| {
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (a.abs() + b.abs());
            near(other.step, levels.step) && near(other.zero, levels.zero)
        };
        let kept = kept(dot);
        let lines = kept.iter().filter(|kept| **kept).count();
        if lines > self.target.rows && self.target.max_parts == 1 {
            return None;
        }
        if !sources.iter().all(alike) {
            let stairs = stairs()?;
            return Some(on_levels(self.near(node, dot, &sources, &stairs)?, &stairs, node));
        }
        let work = Work { search: self, node, dot, levels, kept };
        if dot.act == Act::None {
            let last = self.dot.readers(number).is_empty();
            return last.then(|| Some((work.sums()?, None)))?;
        }
        let stairs = stairs()?;
        let own = work.given(&stairs).or_else(|| work.sought(&stairs));
        Some(on_levels(own.or_else(|| self.near(node, dot, &sources, &stairs))?, &stairs, node))
    }

    /// All channels' integers together; `None` when an accumulator or a bias does not hold them. `kept` tells which columns of `dot` read
    /// values, not what lies inside.
    pub(super) fn integers(
        &self,
        (dot, kept): (&Dot, &[bool]),
        zero: i32,
        rows: Vec<Vec<i32>>,
        cuts: &[Cut],
        act: CodedAct,
    ) -> Option<Integers> {
        let digital = self.digital;
        let half = |bits: u8| 1i64 << (bits.min(62) - 1);
        for (row, cut) in rows.iter().zip(cuts) {
            let reach: i64 =
                row.iter().map(|w| i64::from(w.abs())).sum::<i64>() * i64::from(self.target.input_max);
            let widest =
                digital.accumulator_bits.min(if digital.rounding == Rounding::Gemmlowp { 32 } else { 62 });
            if reach + cut.bias.abs() >= half(widest) || cut.bias.abs() >= half(digital.bias_bits) {
                return None;
            }
        }
        let each = dot.weights[0].rows();
        let flat = |rows: &[Vec<i32>]| rows.iter().flatten().map(|&w| w as i16).collect();
        let sum = act == CodedAct::None;
        Some(Integers {
            taps: kept.len(),
            weights: rows.chunks(each).map(flat).collect(),
            requantised: Requantised {
                zero,
                bias: cuts.iter().map(|cut| cut.bias).collect(),
                shifts: if sum { vec![0] } else { cuts.iter().map(|cut| cut.shift).collect() },
                multipliers: if sum { Vec::new() } else { cuts.iter().map(|cut| cut.multiplier).collect() },
            },
            act,
            coefficients: Vec::new(),
            zeros: Vec::new(),
            lines: 1,
            distance: 0.0,
        })
    }
}

/// What the levels of a function count.
fn on_levels(integers: Integers, stairs: &Stairs<'_>, node: &DotNode) -> (Integers, Option<Levels>) {
    let out = Levels { step: stairs.unit, zero: stairs.unit * stairs.lo + stairs.offset };
    let (coefficients, zeros) = (vec![out.step; node.channels], vec![out.zero; node.channels]);
    (Integers { coefficients, zeros, ..integers }, Some(out))
}

impl Work<'_> {
    fn range(&self) -> (i32, i32) {
        (self.search.digital.weight_lo, self.search.digital.weight_hi)
    }

    /// Weights of a channel per level of its inputs, 0 for those that tell what lies inside.
    fn row(&self, channel: usize) -> Vec<f64> {
        let each = self.dot.weights[0].rows();
        let row = self.dot.weights[channel / each].row(channel % each);
        row.iter().zip(&self.kept).map(|(w, kept)| if *kept { w * self.levels.step } else { 0.0 }).collect()
    }

    fn integers(&self, zero: i32, rows: Vec<Vec<i32>>, cuts: &[Cut], act: CodedAct) -> Option<Integers> {
        self.search.integers((self.dot, &self.kept), zero, rows, cuts, act)
    }

    /// A sum that leaves for the host: the chip adds whole numbers, the host knows what a step counts.
    fn sums(&self) -> Option<Integers> {
        let channels = self.node.channels;
        let (steps, rows): (Vec<f64>, Vec<Vec<i32>>) = (0..channels)
            .map(|c| common(&self.row(c), self.range()))
            .collect::<Option<Vec<_>>>()?
            .into_iter()
            .unzip();
        let zero = zero(self.node, self.dot, self.levels, self.search.target)?;
        let idle = Cut { factor: 1, bias: 0, multiplier: 1, shift: 0 };
        let integers = self.integers(zero.level, rows, &vec![idle; channels], CodedAct::None)?;
        Some(Integers { coefficients: steps, zeros: zero.sums, ..integers })
    }

    /// The integers that the file gives.
    fn given(&self, stairs: &Stairs<'_>) -> Option<Integers> {
        let quantised = self.search.dot.quantised.get(&self.node.name)?;
        let (grid, channels) = (stairs.plain.as_ref()?, self.node.channels);
        let steps = &quantised.steps;
        if steps.len() != 1 && steps.len() != channels {
            return None;
        }
        let step = |channel: usize| steps[channel.min(steps.len() - 1)];
        let rows: Vec<Vec<i32>> =
            (0..channels).map(|c| in_steps(&self.row(c), step(c), self.range())).collect::<Option<_>>()?;
        let Zero { level, sums } = zero(self.node, self.dot, self.levels, self.search.target)?;
        let (lo, hi) = stairs.ends();
        let zero = (grid.zero_point - grid.lo) as i32;
        let digital = self.search.digital;
        let codes = (lo - i64::from(zero), hi - i64::from(zero));
        let line = |channel: usize, bias: f64| Line {
            ratio: step(channel) / f64::from(grid.scale),
            bias,
            lo: codes.0,
            hi: codes.1,
        };
        let kernels = self.search.rounding == IntegerRounding::Kernels;
        // All channels alike.
        let once: Option<Vec<(i32, u8)>> =
            (kernels && quantised.once && digital.rounding == Rounding::Gemmlowp)
                .then(|| (0..channels).map(|c| line(c, 0.0).rounded_once(digital)).collect())
                .flatten();
        let mut cuts = Vec::new();
        for (channel, sum) in sums.iter().enumerate() {
            let bias = sum / step(channel);
            let whole = libm::rint(bias);
            if (bias - whole).abs() > BIAS_NEAR || whole.abs() > 2e9 {
                return None;
            }
            let (multiplier, shift, bias) = match &once {
                Some(cuts) => (cuts[channel].0, cuts[channel].1, whole as i64),
                None if kernels => {
                    let (multiplier, shift) = as_multiplier(line(channel, whole).ratio, digital)?;
                    (multiplier, shift, whole as i64)
                }
                None => line(channel, whole).nearest(digital)?,
            };
            cuts.push(Cut { factor: 1, bias, multiplier, shift });
        }
        let fits = (0..=self.search.target.input_max).contains(&zero);
        let act = CodedAct::Clamp { zero, lo: lo as i32, hi: hi as i32 };
        fits.then(|| self.integers(level, rows, &cuts, act))?
    }

    /// Integers under which each sum gives its level.
    fn sought(&self, stairs: &Stairs<'_>) -> Option<Integers> {
        let (target, digital) = (self.search.target, self.search.digital);
        let channels = self.node.channels;
        let (lo, hi) = stairs.ends();
        let act = CodedAct::Clamp { zero: 0, lo: lo as i32, hi: hi as i32 };
        let sign = if stairs.rising { 1 } else { -1 };
        let (weight_lo, weight_hi) = self.range();
        let most = weight_hi.min(-weight_lo);
        let whole: Vec<(f64, Vec<i32>)> =
            (0..channels).map(|c| common(&self.row(c), (-most, most))).collect::<Option<_>>()?;
        let zero = zero(self.node, self.dot, self.levels, target)?;
        let (mut rows, mut cuts) = (Vec::new(), Vec::new());
        for ((gain, row), &at_zero) in whole.into_iter().zip(&zero.sums) {
            let row: Vec<i32> = row.iter().map(|w| w * sign).collect();
            let far = |w: i32, level: i32| i64::from(w) * i64::from(level - zero.level);
            let ends = |w: &i32| (far(*w, 0), far(*w, target.input_max));
            let largest = row.iter().map(|w| w.abs()).max().unwrap_or(0);
            let channel = Channel {
                stairs,
                gain: gain * f64::from(sign),
                at_zero,
                least: row.iter().map(ends).map(|(a, b)| a.min(b)).sum(),
                most: row.iter().map(ends).map(|(a, b)| a.max(b)).sum(),
                factor_max: most / largest.max(1),
            };
            let cut = channel.cut(&act, digital, target)?;
            rows.push(row.iter().map(|w| w * cut.factor).collect());
            cuts.push(cut);
        }
        self.integers(zero.level, rows, &cuts, act)
    }
}
