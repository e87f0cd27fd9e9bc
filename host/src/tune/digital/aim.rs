//! What a node's function asks of the codes in front of it.

use super::super::coded::CodedAct;
use super::super::options::Rounding as Ways;
use super::DigitalBench;
use super::scale::Scale;
use super::stairs::Stairs;
use crate::dots::Act;
use crate::encode::Form;
use crate::target::Curve;

/// No channel's range falls below this share of its node's widest: rare channels would clip on new data.
const RANGE_FLOOR: f64 = 0.25;

/// Cells of a range that are looked at to see where a function moves.
const GRID: usize = 2048;

/// What a node's function asks of the codes of z.
pub struct Aim {
    /// Codes of z per unit of the sum, of each channel.
    pub slopes: Vec<f64>,
    /// Whether the slope is given and can not be lowered.
    pub fixed: bool,
    /// z in codes when the sum is 0.
    pub offset: Vec<f64>,
    /// What a level counts, and the value of level 0.
    pub meaning: Vec<(f64, f64)>,
    /// What follows the cut.
    pub act: CodedAct,
    /// Values of the sum that a table covers.
    pub covered: (f64, f64),
    /// By how much the largest weight may exceed what the chip holds, to be clipped.
    pub stretch: f64,
}

impl Aim {
    /// The aim of a core-op whose codes reach to `share` of the largest value; `None` for forms that digital cores have not got.
    pub fn new(bench: &DigitalBench<'_>, share: f64) -> Option<Self> {
        let (digital, golden) = (bench.digital, bench.golden);
        let channels = bench.copies.len();
        let top = f64::from(bench.target.input_max);
        let half = libm::exp2(f64::from(digital.bits) - 1.0);
        // Level 0 is the lowest code of z: where only a table follows, that is far below 0.
        let (act, low) = match (digital.clamp, digital.curve) {
            (true, _) | (_, Curve::Clamp) => (CodedAct::Relu, 0.0),
            (false, Curve::Table) => {
                let entries =
                    (0..1i64 << digital.bits).map(|z| z.min(i64::from(bench.target.input_max)) as i32);
                (CodedAct::Table(entries.collect()), -half)
            }
            (false, Curve::Pieces { segments, product_shift, .. }) => {
                let piece = |k: u32| if 2 * k < segments { (0, 0) } else { (1 << product_shift, 0) };
                (CodedAct::Pieces((0..segments).map(piece).collect()), 0.0)
            }
        };
        let one_scale = bench.options.rounding == Ways::NearestOneScale;
        let everywhere = (f64::NEG_INFINITY, f64::INFINITY);
        let mut aim = match bench.form {
            Form::Relu => {
                let range = |c: usize| golden.range(c) / 1.1 * share;
                Self {
                    slopes: (0..channels).map(|c| top / range(c)).collect(),
                    fixed: false,
                    offset: vec![low; channels],
                    meaning: (0..channels).map(|c| (range(c) / top, 0.0)).collect(),
                    act,
                    covered: everywhere,
                    stretch: 1.0,
                }
            }
            Form::Carrier { .. } => {
                let range = |c: usize| {
                    let (from, wide) = golden.carried_range(c);
                    let kept = wide / 1.1 * share;
                    (from + 0.5 * (wide - kept), kept)
                };
                Self {
                    slopes: (0..channels).map(|c| top / range(c).1).collect(),
                    fixed: false,
                    offset: (0..channels).map(|c| low - range(c).0 * top / range(c).1).collect(),
                    meaning: (0..channels).map(|c| (range(c).1 / top, range(c).0)).collect(),
                    act,
                    covered: everywhere,
                    stretch: 1.0,
                }
            }
            Form::Table(function) => {
                let made = Self::table(bench, function, share)?;
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (a.abs() + b.abs());
                let same = |(a, b): (&(f64, f64), &(f64, f64))| near(a.0, b.0) && near(a.1, b.1);
                let held = |pin: &[(f64, f64)]| pin.iter().zip(&made.meaning).all(same);
                // A homogeneous function has a scale for each channel; another one means what its range makes it mean.
                return (!made.fixed || bench.pin.is_none_or(held)).then_some(made);
            }
            Form::Clip(_) | Form::Segments(_) | Form::Mirror { .. } | Form::Sum | Form::Max => return None,
        };
        if let Some(pin) = bench.pin {
            aim.slopes = pin.iter().map(|(unit, _)| 1.0 / unit).collect();
            aim.offset = pin.iter().map(|(unit, zero)| low - zero / unit).collect();
            aim.meaning = pin.to_vec();
            aim.fixed = true;
        } else if one_scale {
            let least = aim.slopes.iter().copied().fold(f64::INFINITY, f64::min);
            for c in 0..channels {
                let ratio = aim.slopes[c] / least;
                aim.slopes[c] = least;
                aim.meaning[c].0 *= ratio;
                aim.offset[c] = low + (aim.offset[c] - low) / ratio;
            }
        }
        Some(aim)
    }

    /// A homogeneous function: one table, but a scale for each channel.
    fn homogeneous(bench: &DigitalBench<'_>, function: &Act, share: f64) -> Self {
        let (digital, golden) = (bench.digital, bench.golden);
        let channels = bench.copies.len();
        let half = libm::exp2(f64::from(digital.bits) - 1.0);
        let codes = 2.0 * half - 1.0;
        // Where 0 lies among the codes: the same for all channels, so that one table serves them.
        let below: f64 = (0..channels).map(|c| -golden.bottom[c]).sum();
        let above: f64 = (0..channels).map(|c| golden.top[c]).sum();
        let origin = libm::rint((codes * below / (below + above)).clamp(1.0, codes - 1.0)) - half;
        let (low, high) = (origin + half, half - 1.0 - origin);
        let floor = RANGE_FLOOR.min(golden.floor) * golden.layer_span;
        let slope = |c: usize| {
            let (top, bottom) = (golden.top[c].max(floor * 0.5), (-golden.bottom[c]).max(floor * 0.5));
            (high / top).min(low.max(1.0) / bottom) / share
        };
        // In steps of z; what counts in the value of a channel is divided by its slope.
        let value = |code: f64| function.apply(code - origin);
        let all: Vec<f64> = (0..1usize << digital.bits).map(|code| value(code as f64 - half)).collect();
        let least = all.iter().copied().fold(f64::INFINITY, f64::min);
        let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let levels = f64::from(bench.target.input_max);
        let unit = (most - least).max(1e-12) / levels;
        let entries = all.iter().map(|y| libm::rint((y - least) / unit).clamp(0.0, levels) as i32).collect();
        let reach = half / (0..channels).map(slope).fold(f64::INFINITY, f64::min);
        Self {
            slopes: (0..channels).map(slope).collect(),
            fixed: false,
            offset: vec![origin; channels],
            meaning: (0..channels).map(|c| (unit / slope(c), least / slope(c))).collect(),
            act: CodedAct::Table(entries),
            covered: (-reach, reach),
            stretch: 1.0,
        }
    }

    /// A function over all codes of z, the same for all channels.
    fn table(bench: &DigitalBench<'_>, function: &Act, share: f64) -> Option<Self> {
        let (digital, golden) = (bench.digital, bench.golden);
        let channels = bench.copies.len();
        if digital.curve == Curve::Table && function.is_homogeneous() {
            return Some(Self::homogeneous(bench, function, share));
        }
        let (bottom, top) = (0..channels).fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), c| {
            (lo.min(golden.bottom[c]), hi.max(golden.top[c]))
        });
        let alone = stands_alone(function, top - bottom);
        let (bottom, top) = if alone && bottom < 0.0 && top > 0.0 {
            let cell = (top - bottom) / GRID as f64;
            (-cell, cell)
        } else {
            bent(bench, function, (bottom, top))
        };
        let (middle, reach) =
            (0.5 * (bottom + top), 0.5 * (top - bottom).max(1e-9 * golden.magnitude) * share);
        let half = libm::exp2(f64::from(digital.bits) - 1.0);
        // Where all that happens lies close together, the accumulator's own steps are as fine as it gets.
        let finest = Scale::finest(bench);
        let capped = (half - 0.5) / reach > finest || alone;
        let slope = ((half - 0.5) / reach).min(finest);
        let grid = Stairs::of(function).filter(|_| !capped && digital.curve == Curve::Table);
        let aligned = grid.as_ref().and_then(|grid| grid.aligned(bench, (middle, reach), half));
        let (middle, slope) = aligned.unwrap_or((middle, slope));
        let reach = (half - 0.5) / slope;
        // A code is then a whole sum, and the sum 0, where functions jump, is a code.
        let middle = if capped { (libm::floor(middle * slope) + 0.5) / slope } else { middle };
        let covered = (middle - reach, middle + reach);
        let value = |code: f64| {
            let z = middle + (code + 0.5) / slope;
            // A step at 0 must not fall to what its place in f64 happens to round to.
            function.apply(if z.abs() < 1e-9 * reach { 0.0 } else { z })
        };
        let codes = 1usize << digital.bits;
        let stride = (codes / 65536).max(1);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for code in (0..codes).step_by(stride) {
            let y = value(code as f64 - half);
            least = least.min(y);
            most = most.max(y);
        }
        // A function that is never negative keeps 0 at level 0.
        let zero = if least >= 0.0 && least < 0.5 * most { 0.0 } else { least };
        let levels = f64::from(bench.target.input_max);
        // Where nothing happens on the range, a level may count anything that a decoder can tell.
        let spread = if most - zero > 1e-9 * (1.0 + zero.abs()) { most - zero } else { 1.0 };
        // Levels are the steps of a quantiser where there are enough of them: others would lie between.
        let own = grid.map(|grid| grid.unit).filter(|unit| spread <= levels * unit * (1.0 + 1e-6));
        let mut unit = own.unwrap_or(spread / levels);
        let act = match digital.curve {
            Curve::Clamp => return None,
            Curve::Table => CodedAct::Table(
                (0..codes)
                    .map(|code| {
                        libm::rint((value(code as f64 - half) - zero) / unit).clamp(0.0, levels) as i32
                    })
                    .collect(),
            ),
            Curve::Pieces { segments, slope_bits, intercept_bits, product_shift } => {
                let pieces = loop {
                    let made = pieces(&value, (zero, unit), half, segments, product_shift);
                    let fits = |v: i32, bits: u8| i64::from(v).abs() < 1i64 << (bits - 1);
                    if made.iter().all(|&(s, i)| fits(s, slope_bits) && fits(i, intercept_bits)) {
                        break made;
                    }
                    // Too steep for slope or intercept: fewer levels.
                    unit *= 2.0;
                };
                CodedAct::Pieces(pieces)
            }
        };
        Some(Self {
            slopes: vec![slope; channels],
            fixed: true,
            offset: vec![-middle * slope - 0.5; channels],
            meaning: vec![(unit, zero); channels],
            act,
            covered,
            stretch: 1.0,
        })
    }
}

/// Whether a function's value at 0 is another one than on both sides, however near: equality's.
fn stands_alone(function: &Act, scale: f64) -> bool {
    let step = |near: f64| {
        let [below, at, above] = [-near, 0.0, near].map(|z| function.apply(z));
        let least = (below - at).abs().min((above - at).abs());
        if (below - above).abs() <= 1e-3 * least { least } else { 0.0 }
    };
    // What is steep but has no jump gets smaller with its distance.
    let near = 1e-6 * scale.abs().max(1e-6);
    let (far, close) = (step(near), step(1e-3 * near));
    close > 0.0 && (far - close).abs() <= 1e-3 * close
}

/// The part of a range on which a function still moves by what its codes can tell apart: beyond, a table stands still, so
/// that its entries all serve where it bends.
fn bent(bench: &DigitalBench<'_>, function: &Act, (bottom, top): (f64, f64)) -> (f64, f64) {
    let z = |i: usize| bottom + (top - bottom) * i as f64 / GRID as f64;
    let values: Vec<f64> = (0..=GRID).map(|i| function.apply(z(i))).collect();
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let copies = bench.copies.iter().copied().max().map_or(1.0, f64::from);
    let step = 0.5 * (most - least) / (f64::from(bench.target.input_max) * copies);
    let moves = |end: f64| move |y: &f64| (y - end).abs() > step;
    let first = values.iter().position(moves(values[0]));
    let last = values.iter().rposition(moves(values[GRID]));
    match (first, last) {
        (Some(first), Some(last)) if last + 2 > first => {
            (z(first.saturating_sub(1)), z((last + 1).min(GRID)))
        }
        _ => (bottom, top),
    }
}

/// Slope and intercept of equal pieces between the function's values at their ends.
fn pieces(
    value: &impl Fn(f64) -> f64,
    (zero, unit): (f64, f64),
    half: f64,
    segments: u32,
    product_shift: u8,
) -> Vec<(i32, i32)> {
    let width = 2.0 * half / f64::from(segments);
    let power = libm::exp2(f64::from(product_shift));
    (0..segments)
        .map(|k| {
            let from = f64::from(k) * width - half;
            let level = |code: f64| (value(code) - zero) / unit;
            let slope = libm::rint((level(from + width) - level(from)) / width * power);
            // Through the middle, so that the rounding of the slope parts evenly.
            let centre = from + 0.5 * width;
            let mean = 0.5 * (level(from) + level(from + width));
            let intercept = libm::rint(mean - slope * centre / power);
            (slope.clamp(-1e9, 1e9) as i32, intercept.clamp(-1e9, 1e9) as i32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::stands_alone;
    use crate::dots::{Act, Step};
    use crate::graph::{Function, Relation};

    #[test]
    fn only_what_jumps_at_one_point_stands_alone() {
        let act = |function: Function| Act::Curve(vec![Step::Map(function)].into());
        let equal = Function::Compare { relation: Relation::Equal, with: 0.0 };
        assert!(stands_alone(&act(equal), 8.0));
        for smooth in [Function::Abs, Function::Exp, Function::Tanh] {
            assert!(!stands_alone(&act(smooth), 8.0), "{smooth:?}");
        }
        assert!(!stands_alone(&act(Function::Compare { relation: Relation::Less, with: 0.0 }), 8.0));
    }
}
