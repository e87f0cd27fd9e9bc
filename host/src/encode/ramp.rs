//! Functions that are a clip, exactly or nearly: quantisers whose steps are finer than the chip's signals, and clips proper.
//!
//! A clipped sum is what a column of an array gives anyway, so such a function costs no more than a ReLU. What a quantiser's
//! steps are off the clip is known beforehand: half a step.

use crate::dots::{Act, Step};
use crate::graph::{Function, Rounding};

/// `base + slope * clamp(z, from, to)`, which a function is off by at most `worst`.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp {
    /// The function.
    pub act: Act,
    /// The value at z = 0, were there no clip.
    pub base: f64,
    /// Rise per unit of z; positive.
    pub slope: f64,
    /// Where it starts to rise; may be minus infinity.
    pub from: f64,
    /// Where it stops; may be infinity.
    pub to: f64,
    /// Largest distance from the function, in units of its values.
    pub worst: f64,
    /// Steps of the coarsest quantiser in it; infinity without one.
    pub steps: f64,
    /// What a step of the last quantiser is in units of the function's values; 0 without one.
    pub step: f64,
    /// How many quantisers there are.
    pub quantisers: u32,
}

impl Ramp {
    /// The ramp nearest to `act`; `None` for a function that is not made of rising lines, clips and quantisers.
    pub fn of(act: &Act) -> Option<Self> {
        let Act::Curve(steps) = act else { return None };
        let mut ramp = Self {
            act: act.clone(),
            base: 0.0,
            slope: 1.0,
            from: f64::NEG_INFINITY,
            to: f64::INFINITY,
            worst: 0.0,
            steps: f64::INFINITY,
            step: 0.0,
            quantisers: 0,
        };
        for step in steps.iter() {
            ramp.take(step)?;
        }
        (ramp.from < ramp.to && (ramp.from.is_finite() || ramp.to.is_finite())).then_some(ramp)
    }

    fn take(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Affine { scale, offset } => self.line(*scale, *offset)?,
            Step::Map(Function::Relu) => self.clip(0.0, f64::INFINITY),
            Step::Map(Function::Clip { lo, hi }) => self.clip(f64::from(*lo), f64::from(*hi)),
            Step::Map(Function::Quantize(grid)) => {
                self.line(1.0 / f64::from(grid.scale), f64::from(grid.zero_point))?;
                self.quantise(f64::from(grid.lo), f64::from(grid.hi), 1.0, grid.rounding);
            }
            Step::Map(Function::FakeQuant(grid)) => {
                let step = f64::from(grid.scale);
                let value = |code: f32| step * f64::from(code - grid.zero_point);
                self.quantise(value(grid.lo), value(grid.hi), step, grid.rounding);
            }
            _ => return None,
        }
        Some(())
    }

    fn line(&mut self, scale: f64, offset: f64) -> Option<()> {
        self.slope *= scale;
        self.base = self.base * scale + offset;
        self.worst *= scale;
        self.step *= scale;
        (scale > 0.0).then_some(())
    }

    fn clip(&mut self, lo: f64, hi: f64) {
        self.from = self.from.max((lo - self.base) / self.slope);
        self.to = self.to.min((hi - self.base) / self.slope);
    }

    fn quantise(&mut self, lo: f64, hi: f64, step: f64, rounding: Rounding) {
        self.clip(lo, hi);
        let nearest = !matches!(rounding, Rounding::Floor | Rounding::Ceil | Rounding::Trunc);
        self.worst += if nearest { 0.5 } else { 1.0 } * step;
        self.steps = self.steps.min((hi - lo) / step);
        self.step = step;
        self.quantisers += 1;
    }

    /// Whether a function takes no more values, evenly apart, than codes up to `most` tell apart.
    pub fn told_apart(act: &Act, most: i32) -> bool {
        Self::of(act).is_some_and(|ramp| ramp.steps <= f64::from(most))
    }

    /// The ramp's own value.
    pub fn apply(&self, z: f64) -> f64 {
        self.base + self.slope * z.clamp(self.from, self.to)
    }

    /// Whether the least value is 0, so that codes of 0 can stand for 0 in every channel.
    pub fn starts_at_zero(&self) -> bool {
        self.from.is_finite()
            && (self.base + self.slope * self.from).abs() <= 1e-9 * self.slope * self.reach()
    }

    /// The finite end furthest from 0, at least a tiny positive number.
    fn reach(&self) -> f64 {
        let ends = [self.from, self.to].into_iter().filter(|end| end.is_finite());
        ends.fold(f64::MIN_POSITIVE, |most, end| most.max(end.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::Ramp;
    use crate::dots::{Act, Step};
    use crate::graph::{Function, Grid, Rounding};

    #[test]
    fn a_quantiser_is_told_apart_by_as_many_codes_as_it_has_steps() {
        let grid = Grid { scale: 0.1, zero_point: 0.0, lo: 0.0, hi: 200.0, rounding: Rounding::HalfEven };
        let act = Act::Curve(vec![Step::Map(Function::Relu), Step::Map(Function::FakeQuant(grid))].into());
        assert!(Ramp::told_apart(&act, 255) && Ramp::told_apart(&act, 200));
        assert!(!Ramp::told_apart(&act, 199));
        // A clip has no steps, and what is no clip none either.
        let clip = Act::of(Function::Clip { lo: 0.0, hi: 6.0 });
        assert!(!Ramp::told_apart(&clip, 255) && !Ramp::told_apart(&Act::of(Function::Tanh), 255));
    }
}
