//! Gains, cuts and functions of a digital core-op: everything about a trial but the weights.

use spandrel_core::mac::Rounding;

use super::super::coded::CodedAct;
use super::super::options::Rounding as Ways;
use super::DigitalBench;
use super::aim::Aim;
use super::finish::level;
use crate::encode::Form;
use crate::target::{Digital, Target};

/// Shares of the largest value that the codes can reach to, on signals of few bits also far below it.
const SHARES: [f64; 2] = [1.1, 0.95];
const SHARES_NARROW: [f64; 6] = [1.1, 1.0, 0.85, 0.7, 0.55, 0.4];
/// How far weights of few bits may reach beyond the largest one that is held: the largest are then clipped, the others finer.
const STRETCHES: [f64; 5] = [1.0, 1.4, 2.0, 2.8, 4.0];
/// Weights up to this are of few bits.
const FEW: i32 = 7;
/// All of it: nothing is given up, nothing is kept free.
const WHOLE: [f64; 1] = [1.0];
/// Signals of at most so many bits are narrow.
const NARROW: u8 = 5;

/// One combination on trial.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Steps of the accumulator per unit of each channel's sum.
    gains: Vec<f64>,
    /// Steps of z per step of the accumulator.
    cut: Vec<f64>,
    /// z in codes when the sum is 0, staggering aside.
    offset: Vec<f64>,
    /// What a level counts, and the value of level 0.
    meaning: Vec<(f64, f64)>,
    /// Right shift of each channel.
    shifts: Vec<u8>,
    /// Multiplier of each channel; empty where a shift is all.
    multipliers: Vec<i32>,
    /// What follows the cut.
    pub act: CodedAct,
    /// Values of z that a table covers.
    covered: (f64, f64),
}

impl Scale {
    /// All combinations worth trying.
    pub fn candidates(bench: &DigitalBench<'_>) -> Vec<Self> {
        let digital = bench.digital;
        let few = digital.weight_hi <= FEW && bench.options.rounding >= Ways::Range;
        let stretches = if few { &STRETCHES[..] } else { &STRETCHES[..1] };
        if *bench.form == Form::Sum {
            let both = |&stretch: &f64| [false, true].map(|power| Self::sums(bench, stretch, power));
            return stretches.iter().flat_map(both).collect();
        }
        // What clips in a loop comes back in each step.
        let shares: &[f64] = match (bench.options.rounding >= Ways::Range, digital.bits <= NARROW) {
            _ if bench.options.whole_ranges => &WHOLE,
            _ if bench.carries => &SHARES[..1],
            (true, true) => &SHARES_NARROW,
            (true, false) => &SHARES,
            _ => &SHARES[..1],
        };
        let mut out = Vec::new();
        for (share, stretch) in shares.iter().flat_map(|&share| stretches.iter().map(move |&s| (share, s))) {
            let Some(mut aim) = Aim::new(bench, share) else { continue };
            aim.stretch = stretch;
            if digital.multiplier_bits.is_some() {
                out.extend(Self::multiplied(bench, &aim));
            } else if digital.per_column {
                out.extend(Self::cut_each(bench, &aim));
            } else {
                let middles = Self::meetings(bench, &aim);
                for shift in digital.shifts.0..=digital.shifts.1 {
                    let near = |middle: &f64| (f64::from(shift) - middle).abs() <= 2.5;
                    if middles.iter().any(near) || aim.fixed {
                        out.extend(Self::cut_at(bench, &aim, shift));
                    }
                }
            }
        }
        if out.is_empty() && digital.multiplier_bits.is_none() {
            // Sums that no cut near the best one can hold: any that can.
            let aim = Aim::new(bench, shares[0]);
            for shift in digital.shifts.0..=digital.shifts.1 {
                out.extend(aim.iter().filter_map(|aim| Self::cut_at(bench, aim, shift)));
            }
        }
        out
    }

    fn largest(bench: &DigitalBench<'_>, channel: usize) -> f64 {
        bench.map.weights.row(channel).iter().fold(0.0, |m, w| m.max(w.abs()))
    }

    /// The largest gain at which a channel's weights fit, and its bias and its sums as well: channels whose weights are all but 0
    /// have a bias all the same.
    fn room(bench: &DigitalBench<'_>, channel: usize) -> f64 {
        let most = f64::from(bench.digital.weight_hi.min(-bench.digital.weight_lo)).max(1.0);
        let largest = Self::largest(bench, channel);
        // Without weights, a gain at which the bias alone is told apart.
        if largest <= 0.0 {
            return libm::exp2(12.0) / bench.golden.magnitude;
        }
        let bits = bench.digital.accumulator_bits.min(bench.digital.bias_bits).min(62);
        let held = libm::exp2(f64::from(bits) - 1.0) * 0.4;
        let (top, bottom) = (bench.golden.top[channel].abs(), bench.golden.bottom[channel].abs());
        let reach = bench.map.bias[channel].abs().max(top).max(bottom).max(1e-300);
        (most / largest).min(held / reach)
    }

    /// The most codes per unit of the sum that all channels can have.
    pub fn finest(bench: &DigitalBench<'_>) -> f64 {
        let cut = match (bench.thresholds(), bench.digital.multiplier_bits) {
            (Some((least, _)), _) => 1.0 / f64::from(least.max(1)),
            // A multiplier is less than 1 at a shift of its own length.
            (None, Some(bits)) => libm::exp2(f64::from(bits) - 1.0 - f64::from(bench.digital.shifts.0)),
            (None, None) => libm::exp2(-f64::from(bench.digital.shifts.0)),
        };
        let room = |c: usize| Self::room(bench, c);
        cut * (0..bench.copies.len()).map(room).fold(f64::INFINITY, f64::min)
    }

    /// The cuts at which weights and codes are both used to the full, of the middle channel and of one whose weights are among the
    /// largest: where most channels are all but dead, the middle one is none to go by.
    fn meetings(bench: &DigitalBench<'_>, aim: &Aim) -> [f64; 2] {
        let room = |c: usize| aim.stretch * Self::room(bench, c);
        let mut all: Vec<f64> =
            (0..bench.copies.len()).map(|c| libm::log2(room(c) / aim.slopes[c])).collect();
        all.sort_by(f64::total_cmp);
        let (least, most) = bench.digital.shifts;
        let cut = |at: usize| {
            libm::rint(all.get(at).copied().unwrap_or(0.0)).clamp(f64::from(least), f64::from(most))
        };
        [cut(all.len() / 2), cut(all.len() / 16)]
    }

    /// The accumulator itself: as fine as weights allow, all channels alike, so that they can be compared.
    ///
    /// With `power` a step counts a power of two of the format's: what is a whole number of such parts is exact.
    fn sums(bench: &DigitalBench<'_>, stretch: f64, power: bool) -> Self {
        let channels = bench.copies.len();
        // Every sum must leave in 32 bits and in the accumulator.
        let bits = bench.digital.accumulator_bits.min(32).min(bench.digital.bias_bits);
        let most = libm::exp2(f64::from(bits) - 1.0) * 0.45;
        let reach =
            (0..channels).map(|c| bench.golden.top[c].max(-bench.golden.bottom[c])).fold(1e-30, f64::max);
        let bias = bench.map.bias.iter().fold(0.0f64, |m, b| m.max(b.abs()));
        let gain =
            (0..channels).map(|c| stretch * Self::room(bench, c)).fold(most / reach.max(bias), f64::min);
        // A decoder's unit is a multiple of 2^-32: finer steps could not be told apart, and a whole number of units is exact. Of
        // several copies each counts its part, which must be a whole number too.
        let parts = bench.copies.iter().fold(1, |all, &own| common_multiple(all, u64::from(own)));
        let unit = libm::exp2(-32.0) * parts as f64;
        let count = libm::ceil((1.0 / gain / unit).max(1.0));
        let count = if power { libm::exp2(libm::ceil(libm::log2(count))) } else { count };
        let gain = 1.0 / (count * unit);
        Self {
            gains: vec![gain; channels],
            cut: vec![1.0; channels],
            offset: vec![0.0; channels],
            meaning: vec![(1.0 / gain, 0.0); channels],
            shifts: vec![0; channels],
            multipliers: Vec::new(),
            act: CodedAct::None,
            covered: (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    /// The same cut for all channels.
    fn cut_at(bench: &DigitalBench<'_>, aim: &Aim, shift: u8) -> Option<Self> {
        let power = libm::exp2(f64::from(shift));
        let channels = aim.slopes.len();
        let gains: Vec<f64> =
            (0..channels).map(|c| (aim.slopes[c] * power).min(aim.stretch * Self::room(bench, c))).collect();
        // A slope that is given must be had: 1/2 of the last bit of the largest weight aside.
        if aim.fixed && (0..channels).any(|c| gains[c] < 0.996 * aim.slopes[c] * power) {
            return None;
        }
        let cut = vec![1.0 / power; channels];
        Self::made(bench, aim, gains, cut, vec![shift; channels], Vec::new())
    }

    /// A cut for each channel.
    fn cut_each(bench: &DigitalBench<'_>, aim: &Aim) -> Option<Self> {
        let (least, most) = bench.digital.shifts;
        let mut shifts = Vec::new();
        let mut gains = Vec::new();
        for (c, &slope) in aim.slopes.iter().enumerate() {
            let room = aim.stretch * Self::room(bench, c);
            let shift = libm::floor(libm::log2(room / slope)).clamp(f64::from(least), f64::from(most)) as u8;
            shifts.push(shift);
            gains.push((slope * libm::exp2(f64::from(shift))).min(room));
        }
        let cut = shifts.iter().map(|&s| libm::exp2(-f64::from(s))).collect();
        Self::made(bench, aim, gains, cut, shifts, Vec::new())
    }

    /// A multiplier: each channel's own, or one for all.
    fn multiplied(bench: &DigitalBench<'_>, aim: &Aim) -> Option<Self> {
        let digital = bench.digital;
        let channels = aim.slopes.len();
        let rooms: Vec<f64> = (0..channels).map(|c| aim.stretch * Self::room(bench, c)).collect();
        let ratio: Vec<f64> = if let Some((least, most)) = bench.thresholds() {
            // Weights divided by a whole threshold, one for the core: as much of their range as the tightest channel allows.
            let room = (0..channels).map(|c| rooms[c] / aim.slopes[c]).fold(f64::INFINITY, f64::min);
            let threshold = libm::floor(room).clamp(f64::from(least), f64::from(most));
            vec![1.0 / threshold; channels]
        } else if digital.per_column {
            (0..channels).map(|c| aim.slopes[c] / rooms[c]).collect()
        } else {
            let most = (0..channels).map(|c| aim.slopes[c] / rooms[c]).fold(0.0, f64::max);
            vec![most; channels]
        };
        let mut shifts = Vec::new();
        let mut multipliers = Vec::new();
        let mut cut = Vec::new();
        for &ratio in &ratio {
            let (multiplier, shift) = as_multiplier(ratio, digital)?;
            shifts.push(shift);
            multipliers.push(multiplier);
            cut.push(f64::from(multiplier) * libm::exp2(-f64::from(shift)));
        }
        let gains: Vec<f64> = (0..channels).map(|c| (aim.slopes[c] / cut[c]).min(rooms[c])).collect();
        if aim.fixed && (0..channels).any(|c| gains[c] < 0.996 * aim.slopes[c] / cut[c]) {
            return None;
        }
        Self::made(bench, aim, gains, cut, shifts, multipliers)
    }

    fn made(
        bench: &DigitalBench<'_>,
        aim: &Aim,
        gains: Vec<f64>,
        cut: Vec<f64>,
        shifts: Vec<u8>,
        multipliers: Vec<i32>,
    ) -> Option<Self> {
        let channels = gains.len();
        let mut offset = aim.offset.clone();
        let mut meaning = aim.meaning.clone();
        for c in 0..channels {
            // Where weights allow less than was asked, a level counts more.
            let slope = gains[c] * cut[c];
            if let (false, Form::Table(_)) = (aim.fixed, bench.form) {
                // One table serves all channels, so 0 stays where it is.
                let ratio = aim.slopes[c] / slope;
                meaning[c] = (meaning[c].0 * ratio, meaning[c].1 * ratio);
            } else if !aim.fixed {
                let ratio = aim.slopes[c] / slope;
                meaning[c].0 *= ratio;
                // The code of the sum 0 above the lowest one moves with the slope.
                let low = lowest(bench, &aim.act);
                offset[c] = low + (offset[c] - low) / ratio;
            }
        }
        let made = Self {
            gains,
            cut,
            offset,
            meaning,
            shifts,
            multipliers,
            act: aim.act.clone(),
            covered: aim.covered,
        };
        let limit = libm::exp2(f64::from(bench.digital.bias_bits.min(62)) - 1.0);
        let holds = |c: usize| made.steps(bench.digital, c, 0.5, bench.map.bias[c]).abs() < limit;
        (0..channels).all(holds).then_some(made)
    }

    /// Steps of the accumulator per unit of a channel's sum.
    pub fn gain(&self, channel: usize) -> f64 {
        self.gains[channel]
    }

    /// Changes the gain of a channel whose range is its own: a level then counts less, or more.
    pub fn regain(&mut self, bench: &DigitalBench<'_>, channel: usize, ratio: f64) {
        let low = lowest(bench, &self.act);
        self.gains[channel] *= ratio;
        self.meaning[channel].0 /= ratio;
        self.offset[channel] = low + (self.offset[channel] - low) * ratio;
    }

    /// What a level of each of `copies` copies counts, and the value of level 0.
    pub fn meaning(&self, channel: usize, copies: usize) -> (f64, f64) {
        let (coefficient, zero) = self.meaning[channel];
        (coefficient / copies as f64, zero)
    }

    /// The bias of a channel in steps of the accumulator: its own, the offset of z, and half a step where rounding drops one.
    fn steps(&self, digital: &Digital, channel: usize, stagger: f64, bias: f64) -> f64 {
        if self.act == CodedAct::None {
            return bias * self.gains[channel];
        }
        let half = match digital.rounding {
            Rounding::Floor => 0.5,
            _ => 0.0,
        };
        bias * self.gains[channel] + (self.offset[channel] + stagger - 0.5 + half) / self.cut[channel]
    }

    /// The bias of copy `copy` of a channel whose real bias is `bias`.
    pub fn bias(&self, bench: &DigitalBench<'_>, channel: usize, copy: usize, bias: f64) -> i64 {
        let copies = f64::from(bench.copies[channel]);
        // Copy m rounds at the middle of the m-th of k parts of a step.
        let stagger = (copy as f64 + 0.5) / copies;
        self.held(bench.digital, libm::rint(self.steps(bench.digital, channel, stagger, bias)) as i64)
    }

    /// `bias` within what the chip can hold.
    pub fn held(&self, digital: &Digital, bias: i64) -> i64 {
        let most = 1i64 << (digital.bias_bits.min(62) - 1);
        bias.clamp(-most, most - 1)
    }

    /// The level of a channel's sum.
    pub fn level(&self, digital: &Digital, target: &Target, channel: usize, sum: i64) -> i64 {
        let multiplier = self.multipliers.get(channel).copied();
        level(digital, target, &self.act, (self.shifts[channel], multiplier), sum)
    }

    /// Whether the output still moves at the sum `z`.
    pub fn moves(&self, form: &Form, channel: usize, z: f64) -> bool {
        match form {
            Form::Relu => z > 0.0 || self.offset[channel] > 0.0,
            Form::Table(_) => z > self.covered.0 && z < self.covered.1,
            _ => true,
        }
    }

    /// Steps of the bias that move the value of the samples `moving` by 1 on average.
    pub fn steps_per_value(&self, form: &Form, channel: usize, moving: &[usize], z: &[f64]) -> f64 {
        let gain = self.gains[channel];
        let Form::Table(act) = form else { return gain };
        let small = 1e-3 * (self.covered.1 - self.covered.0);
        let rise = |&i: &usize| (act.apply(z[i] + small) - act.apply(z[i] - small)) / (2.0 * small);
        let slope = moving.iter().map(rise).sum::<f64>() / moving.len() as f64;
        // Functions that rise and fall cancel: their mean error is nothing a bias could mend.
        if slope.abs() < 1e-2 { 0.0 } else { gain / slope }
    }

    /// Shifts and multipliers of columns that belong to the channels `owner`: one for all where the chip has but one.
    pub fn requantisation(&self, digital: &Digital, owner: &[usize]) -> (Vec<u8>, Vec<i32>) {
        if self.act == CodedAct::None {
            return (vec![0], Vec::new());
        }
        if !digital.per_column {
            return (self.shifts[..1].to_vec(), self.multipliers.iter().take(1).copied().collect());
        }
        let shifts = owner.iter().map(|&c| self.shifts[c]).collect();
        let multipliers = if self.multipliers.is_empty() {
            Vec::new()
        } else {
            owner.iter().map(|&c| self.multipliers[c]).collect()
        };
        (shifts, multipliers)
    }
}

/// The least number that both divide; numbers of copies are small.
fn common_multiple(a: u64, b: u64) -> u64 {
    let (mut divisor, mut rest) = (a.max(1), b.max(1));
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a.max(1) / divisor).saturating_mul(b.max(1)).min(1 << 20)
}

/// The code of z that stands for level 0.
fn lowest(bench: &DigitalBench<'_>, act: &CodedAct) -> f64 {
    match act {
        CodedAct::Table(_) => -libm::exp2(f64::from(bench.digital.bits) - 1.0),
        _ => 0.0,
    }
}

/// `ratio` as a multiplier of the chip's bits and a right shift.
fn as_multiplier(ratio: f64, digital: &Digital) -> Option<(i32, u8)> {
    let bits = digital.multiplier_bits?;
    let (fraction, exponent) = libm::frexp(ratio);
    let digits = i32::from(bits) - 1;
    let mut multiplier = libm::rint(fraction * libm::exp2(f64::from(digits))) as i64;
    let mut shift = digits - exponent;
    while multiplier >= 1i64 << digits || shift > i32::from(digital.shifts.1) {
        multiplier = (multiplier + 1) >> 1;
        shift -= 1;
    }
    let fits = multiplier > 0 && shift >= i32::from(digital.shifts.0);
    fits.then_some((multiplier as i32, shift as u8))
}
