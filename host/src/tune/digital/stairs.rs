//! Quantisers on a table of codes: where the edges of their steps lie.
//!
//! A table over codes of z whose edges lie elsewhere than the quantiser's rounds twice, at two sets of places, and takes up to half a
//! step of either from what the network itself computes. Where the range leaves room, each step of the quantiser is cut into a whole
//! number of codes instead, so that every edge of it is an edge of codes: then z is rounded as the network rounds it.

use super::DigitalBench;
use super::scale::Scale;
use crate::dots::Act;
use crate::encode::Ramp;

/// A function that is a single quantiser of evenly spaced steps.
#[derive(Clone, Copy, Debug)]
pub struct Stairs {
    /// A step in units of z.
    width: f64,
    /// An edge between two steps, in units of z.
    edge: f64,
    /// A step in units of the function's values.
    pub unit: f64,
    /// Where the lowest and the highest step have their middle.
    ends: (f64, f64),
}

impl Stairs {
    /// The stairs that `function` is; `None` for anything else.
    pub fn of(function: &Act) -> Option<Self> {
        let ramp = Ramp::of(function).filter(|ramp| ramp.quantisers == 1 && ramp.steps >= 2.0)?;
        let width = ramp.step / ramp.slope;
        // Looked up at the function itself: roundings and zero points differ.
        let (from, to) = (ramp.from.max(-1e6 * width), ramp.to.min(1e6 * width));
        // A quarter of a step off the middle, which itself may be an edge.
        let start = 0.5 * (from + to) + 0.25 * width;
        let (mut below, mut above) = (start, start + width);
        let first = function.apply(below);
        if (function.apply(above) - first - ramp.step).abs() > 0.01 * ramp.step {
            return None;
        }
        for _ in 0..60 {
            let half = 0.5 * (below + above);
            if function.apply(half) > first + 0.5 * ramp.step { above = half } else { below = half }
        }
        Some(Self { width, edge: above, unit: ramp.step, ends: (ramp.from, ramp.to) })
    }

    /// Middle and codes per unit of z, so that each step is a whole number of codes and the codes, `half` on either side, cover
    /// `middle` +- `reach`; of several such numbers the one at which weights are largest. `None` where not even one code a step does.
    pub fn aligned(
        &self,
        bench: &DigitalBench<'_>,
        (middle, reach): (f64, f64),
        half: f64,
    ) -> Option<(f64, f64)> {
        // Beyond its ends a quantiser clips, as codes do.
        let (low, high) = ((middle - reach).max(self.ends.0), (middle + reach).min(self.ends.1));
        let (middle, reach) = (0.5 * (low + high), (0.5 * (high - low)).max(self.width));
        let middle = self.edge + libm::rint((middle - self.edge) / self.width) * self.width;
        // Half a step at one end, that a moved middle leaves out, is less than edges in other places cost.
        let most = libm::floor((half + 0.5) * self.width / reach);
        if most < 1.0 {
            return None;
        }
        let finest = Scale::finest(bench);
        let slope = |codes: f64| codes / self.width;
        // With a cut that is a power of two, what is left of the weights' range.
        let filled = |codes: f64| {
            let room = libm::log2(finest / slope(codes));
            if room < 0.0 { f64::INFINITY } else { room - libm::floor(room) }
        };
        let each = (1..=most.min(64.0) as u32).map(f64::from);
        let best = each.min_by(|a, b| filled(*a).total_cmp(&filled(*b)))?;
        filled(best).is_finite().then(|| (middle, slope(best)))
    }
}

#[cfg(test)]
mod tests {
    use super::Stairs;
    use crate::dots::{Act, Step};
    use crate::graph::{Function, Grid, Rounding};

    #[test]
    fn edges_are_found_whatever_the_zero_point() {
        let grid = Grid { scale: 0.1, zero_point: 3.0, lo: -128.0, hi: 127.0, rounding: Rounding::HalfEven };
        let act = Act::Curve(vec![Step::Map(Function::FakeQuant(grid))].into());
        let stairs = Stairs::of(&act).unwrap();
        assert!((stairs.width - 0.1).abs() < 1e-6 && (stairs.unit - 0.1).abs() < 1e-6, "{stairs:?}");
        // An edge lies half way between whole multiples of the scale.
        let at = stairs.edge / 0.1 - 0.5;
        assert!((at - libm::rint(at)).abs() < 1e-3, "{stairs:?}");
        assert!(Stairs::of(&Act::of(Function::Sigmoid)).is_none());
        assert!(Stairs::of(&Act::of(Function::Clip { lo: 0.0, hi: 6.0 })).is_none());
    }
}
