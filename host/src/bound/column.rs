//! One column: from the whole number in its accumulator to the value that its code stands for, against the function of the sum.
//!
//! The codes z of the cut are gone through one by one. All sums that can lead to a code lie in its *cell*, an interval one step
//! wide, widened by what weights, bias and sources add; the code's value is compared with all values that the function takes there.

use spandrel_core::mac::Rounding;

use super::function::of_act;
use super::interval::Interval;
use super::lines::Carried;
use super::window::best;
use crate::dots::Act;
use crate::encode::Form;
use crate::expand::CoreOp;
use crate::target::{Digital, Target};
use crate::tune::digital::level;
use crate::tune::{Coded, CodedAct, Periphery, RealMap, Requantised};

/// What a column can do.
pub(super) struct Found {
    /// Largest error of its value, as if it carried the channel alone.
    pub(super) error: f64,
    /// Its levels.
    pub(super) levels: (f64, f64),
}

/// A core-op under examination.
pub(super) struct Bench<'a> {
    target: &'a Target,
    digital: &'a Digital,
    coded: &'a Coded,
    own: &'a Requantised,
    map: &'a RealMap,
    carried: &'a Carried,
    /// What the network has behind the sum.
    act: Act,
    /// Weights of each column, one a line.
    weights: Vec<Vec<f64>>,
    /// The real row that each column belongs to.
    rows: Vec<usize>,
    /// Codes of z.
    codes: (i64, i64),
    /// A cut that changes nothing: the accumulator is z.
    plain: Digital,
}

/// The function over the cells of all codes, where all columns have the same.
pub(super) struct Cells {
    /// Of sums from one code to the next, and the sum at which code 0 begins.
    grid: (f64, f64),
    /// First code.
    first: i64,
    lo: Vec<f64>,
    hi: Vec<f64>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(
        target: &'a Target,
        digital: &'a Digital,
        coded: &'a Coded,
        op: &CoreOp<Coded>,
        map: &'a RealMap,
        carried: &'a Carried,
        form: &Form,
    ) -> Option<Self> {
        let Periphery::Digital(own) = &coded.periphery else { return None };
        let act = match form {
            Form::Relu => Act::Relu,
            Form::Carrier { .. } | Form::Sum => Act::None,
            Form::Table(act) => act.clone(),
            Form::Clip(_) | Form::Segments(_) | Form::Mirror { .. } | Form::Max => return None,
        };
        let mut weights = vec![vec![0.0; op.lines.len()]; op.columns.len()];
        for (part, held) in op.parts.iter().zip(&coded.weights) {
            for (column, held) in held.chunks_exact(part.len().max(1)).enumerate() {
                for (&line, &w) in part.iter().zip(held) {
                    weights[column][line as usize] = f64::from(w);
                }
            }
        }
        let channels = op.channels();
        let place = |channel: usize| channels.iter().position(|&c| c == channel).unwrap_or(0);
        let half = 1i64 << (digital.bits - 1);
        let codes = match &coded.act {
            CodedAct::None => (0, 0),
            CodedAct::Relu => (0, i64::from(target.input_max)),
            CodedAct::Clamp { zero, lo, hi } => (i64::from(lo - zero), i64::from(hi - zero)),
            CodedAct::Table(_) | CodedAct::Pieces(_) => (-half, half - 1),
        };
        let rows = op.columns.iter().map(|column| place(column.channel)).collect();
        let plain = Digital { accumulator_bits: 64, rounding: Rounding::Floor, ..digital.clone() };
        Some(Self { target, digital, coded, own, map, carried, act, weights, rows, codes, plain })
    }

    /// Steps of z per step of the accumulator.
    fn cut(&self, column: usize) -> f64 {
        let power = libm::exp2(-f64::from(self.own.shift(column)));
        let m = self.own.multiplier(column).map_or(1.0, f64::from);
        // Gemmlowp's doubling high multiplication counts as 31.
        m * power
    }

    /// Steps of the accumulator per unit of the sum: what fits the weights best.
    fn gain(&self, column: usize) -> Option<f64> {
        let real = self.map.weights.row(self.rows[column]);
        let own = &self.weights[column];
        let both: f64 = own.iter().zip(real).map(|(w, r)| w * r).sum();
        let power: f64 = real.iter().map(|r| r * r).sum();
        let gain = both / power;
        (gain.is_finite() && gain > 0.0).then_some(gain)
    }

    /// What is added to `acc / gain` to give the sum, for codes within their ranges, with the column's real row.
    fn deviation(&self, column: usize, gain: f64) -> Interval {
        let real = self.map.weights.row(self.rows[column]);
        let zero = f64::from(self.own.zero);
        let off = |line: usize| self.weights[column][line] / gain - real[line];
        let mut sum = Interval::point(0.0);
        for (line, &(lo, hi)) in self.carried.levels.iter().enumerate() {
            if !self.carried.ones[line] {
                sum = sum.plus(Interval::new(lo, hi).scaled(off(line)));
            }
        }
        let told = |set: &Vec<u32>| {
            Interval::point(set.iter().map(|&line| off(line as usize)).sum::<f64>() * self.carried.one)
        };
        if let Some(told) = self.carried.lit.iter().map(told).reduce(Interval::hull) {
            sum = sum.plus(told);
        }
        // The real bias with the level that stands for zero taken out of the lines.
        let bias = self.map.bias[self.rows[column]] + zero * real.iter().sum::<f64>();
        Interval::point(bias - self.own.bias[column] as f64 / gain).minus(sum)
    }

    /// Where the accumulator can end, and whether it can clip below and above.
    fn accumulator(&self, column: usize) -> (Interval, bool, bool) {
        let own = self.weights[column].iter().zip(&self.carried.levels);
        let sum = own.fold(Interval::point(self.own.bias[column] as f64), |sum, (w, &(lo, hi))| {
            sum.plus(Interval::new(lo, hi).scaled(*w))
        });
        let limit = libm::exp2(f64::from(self.digital.accumulator_bits) - 1.0);
        let (low, high) = (sum.lo < -limit, sum.hi > limit - 1.0);
        (Interval::new(sum.lo.clamp(-limit, limit), sum.hi.clamp(-limit, limit)), low, high)
    }

    fn level(&self, z: i64) -> f64 {
        level(&self.plain, self.target, &self.coded.act, (0, None), z) as f64
    }

    /// The cell of code 0: its first sum, the step, and what the cut's rounding adds to its reach.
    fn grid(&self, column: usize, gain: f64, deviation: Interval) -> (f64, f64, f64) {
        let step = 1.0 / (gain * self.cut(column));
        let middle = 0.5 * (deviation.lo + deviation.hi);
        let (begin, loose) = match self.digital.rounding {
            Rounding::Floor => (0.0, 0.0),
            Rounding::HalfUp | Rounding::HalfEven => (-0.5, 0.0),
            Rounding::TowardZero | Rounding::Gemmlowp => (-0.5, 0.5),
        };
        (begin * step + middle, step, loose * step)
    }

    /// The error of column `column`, whose sum is row `place` of the map and lies in `sums`; `sources` is what the errors of its
    /// sources can add.
    pub(super) fn column(
        &self,
        column: usize,
        place: usize,
        sums: Interval,
        sources: f64,
        shared: &Option<Cells>,
    ) -> Found {
        let copies = self.rows.iter().filter(|&&row| row == place).count() as f64;
        let (coefficient, zero) = (self.coded.coefficients[column] * copies, self.coded.zeros[place]);
        let (accumulator, clips_low, clips_high) = self.accumulator(column);
        if self.coded.act == CodedAct::None {
            let off = self.deviation(column, 1.0 / coefficient).minus(Interval::point(zero));
            let limit = f64::from(i32::MAX);
            let beyond = (accumulator.magnitude() - limit).max(0.0);
            let clipped = if clips_low || clips_high { f64::INFINITY } else { beyond * coefficient };
            let levels = (accumulator.lo.max(-limit), accumulator.hi.min(limit));
            return Found { error: off.magnitude() + sources + clipped, levels };
        }
        let value = |code: i64| zero + coefficient * self.level(code);
        let all = of_act(&self.act, sums);
        let Some(gain) = (match shared {
            Some(cells) => Some(1.0 / (cells.grid.1 * self.cut(column))),
            None => self.gain(column),
        }) else {
            // No line counts: one code, whatever the sum.
            let cut = (self.own.shift(column), self.own.multiplier(column));
            let code = level(self.digital, self.target, &self.coded.act, cut, self.own.bias[column]) as f64;
            let own = Interval::point(zero + coefficient * code).minus(all);
            return Found { error: own.magnitude(), levels: (code, code) };
        };
        let deviation = self.deviation(column, gain);
        let (mut origin, step, loose) = self.grid(column, gain, deviation);
        let mut reach = 0.5 * deviation.width() + sources + loose;
        if let Some(cells) = shared {
            reach += (origin - cells.grid.0).abs();
            origin = cells.grid.0;
        }
        let cut = self.cut(column);
        let low = libm::floor(accumulator.lo * cut) - 1.0;
        let high = libm::ceil(accumulator.hi * cut) + 1.0;
        let (first, last) = (low.max(self.codes.0 as f64) as i64, high.min(self.codes.1 as f64) as i64);
        let (first, last) = (first.min(self.codes.1), last.max(self.codes.0));
        let open = (clips_low || low < self.codes.0 as f64, clips_high || high > self.codes.1 as f64);
        if !reach.is_finite() || !sums.is_finite() {
            return Found { error: f64::INFINITY, levels: (self.least(first, last), self.most(first, last)) };
        }
        let begin = |code: i64| origin + code as f64 * step;
        let cell = |code: i64| Interval::new(begin(code), begin(code + 1)).meet(sums);
        let places = libm::ceil(reach / step * (1.0 + 1e-9)).min(1e9) as usize;
        let (mut lo, mut hi) = (Vec::new(), Vec::new());
        for code in first..=last {
            let own = cell(code).map(|x| match shared {
                Some(cells) => cells.at(code).unwrap_or_else(|| of_act(&self.act, x)),
                None => of_act(&self.act, x),
            });
            lo.push(own.map_or(f64::INFINITY, |own| own.lo));
            hi.push(own.map_or(f64::NEG_INFINITY, |own| own.hi));
        }
        let below = {
            let from = if open.0 { f64::NEG_INFINITY } else { begin(first) - reach };
            Interval::new(from, begin(first)).meet(sums).map(|x| of_act(&self.act, x))
        };
        let above = {
            let to = if open.1 { f64::INFINITY } else { begin(last + 1) + reach };
            Interval::new(begin(last + 1), to).meet(sums).map(|x| of_act(&self.act, x))
        };
        let least = best(&lo, places, |a, b| a < b);
        let most = best(&hi, places, |a, b| a > b);
        let mut found = Found { error: 0.0, levels: (f64::INFINITY, f64::NEG_INFINITY) };
        let count = least.len();
        for (at, (&least, &most)) in least.iter().zip(&most).enumerate() {
            let code = first + at as i64;
            let mut seen = (least <= most).then(|| Interval::new(least, most));
            for (outside, near) in
                [(below, at < places || at == 0), (above, at + places >= count || at + 1 == count)]
            {
                if let (Some(outside), true) = (outside, near) {
                    seen = Some(seen.map_or(outside, |seen| seen.hull(outside)));
                }
            }
            let Some(seen) = seen else { continue };
            let own = self.level(code);
            found.levels = (found.levels.0.min(own), found.levels.1.max(own));
            found.error = found.error.max(seen.minus(Interval::point(value(code))).magnitude());
        }
        if found.levels.0 > found.levels.1 {
            // The ranges do not meet: nothing is known.
            return Found { error: f64::INFINITY, levels: (self.least(first, last), self.most(first, last)) };
        }
        found
    }

    fn least(&self, first: i64, last: i64) -> f64 {
        (first..=last).map(|code| self.level(code)).fold(f64::INFINITY, f64::min)
    }

    fn most(&self, first: i64, last: i64) -> f64 {
        (first..=last).map(|code| self.level(code)).fold(f64::NEG_INFINITY, f64::max)
    }
}

impl Cells {
    /// The cells of the whole op, on the grid of the column with the strongest weights; `None` where the function is so simple
    /// that each column is better off with its own, or where columns have scales of their own.
    pub(super) fn shared(bench: &Bench<'_>, sums: Interval) -> Option<Self> {
        if !matches!(bench.act, Act::Curve(_)) || bench.act.is_homogeneous() || !sums.is_finite() {
            return None;
        }
        let strength = |column: &usize| bench.weights[*column].iter().map(|w| w * w).sum::<f64>();
        let strongest = (0..bench.weights.len()).max_by(|a, b| strength(a).total_cmp(&strength(b)))?;
        let gain = bench.gain(strongest)?;
        let (origin, step, _) = bench.grid(strongest, gain, bench.deviation(strongest, gain));
        let first = (libm::floor((sums.lo - origin) / step) as i64).clamp(bench.codes.0, bench.codes.1);
        let last = (libm::ceil((sums.hi - origin) / step) as i64).clamp(bench.codes.0, bench.codes.1);
        let mut cells = Self { grid: (origin, step), first, lo: Vec::new(), hi: Vec::new() };
        for code in first..=last {
            let begin = origin + code as f64 * step;
            let x = Interval::new(begin, begin + step).meet(sums);
            let own = x.map(|x| of_act(&bench.act, x));
            cells.lo.push(own.map_or(f64::INFINITY, |own| own.lo));
            cells.hi.push(own.map_or(f64::NEG_INFINITY, |own| own.hi));
        }
        Some(cells)
    }

    fn at(&self, code: i64) -> Option<Interval> {
        let at = usize::try_from(code - self.first).ok()?;
        let (lo, hi) = (*self.lo.get(at)?, *self.hi.get(at)?);
        (lo <= hi).then(|| Interval::new(lo, hi))
    }
}
