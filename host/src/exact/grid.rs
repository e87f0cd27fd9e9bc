//! Functions whose values are evenly spaced.

use crate::dots::{Act, Step};
use crate::graph::{Function, Grid, Relation};

/// The values of a function: `unit` * code + `offset` for the whole codes `lo..=hi`.
#[derive(Clone, Debug)]
pub(super) struct Stairs<'a> {
    pub(super) act: &'a Act,
    pub(super) unit: f64,
    pub(super) offset: f64,
    pub(super) lo: f64,
    pub(super) hi: f64,
    /// Whether codes rise with the sum; they fall otherwise.
    pub(super) rising: bool,
    /// The grid, where nothing but a clip is in front of it.
    pub(super) plain: Option<Grid>,
}

impl<'a> Stairs<'a> {
    /// `None` for functions that are not monotone, or whose values are not evenly spaced.
    pub(super) fn of(act: &'a Act) -> Option<Self> {
        let Act::Curve(steps) = act else { return None };
        let (mut unit, mut offset) = (1.0, 0.0);
        for (at, step) in steps.iter().enumerate().rev() {
            let (lo, hi, grid) = match step {
                Step::Affine { scale, offset: add } => {
                    offset += unit * add;
                    unit *= scale;
                    continue;
                }
                Step::Map(Function::Quantize(grid)) => (grid.lo, grid.hi, Some(*grid)),
                Step::Map(Function::FakeQuant(grid)) => {
                    let scale = f64::from(grid.scale);
                    offset -= unit * scale * f64::from(grid.zero_point);
                    unit *= scale;
                    (grid.lo, grid.hi, None)
                }
                Step::Map(Function::Compare { relation, .. }) if *relation != Relation::Equal => {
                    (0.0, 1.0, None)
                }
                _ => return None,
            };
            let front = &steps[..at];
            let clip = |step: &Step| matches!(step, Step::Map(Function::Relu | Function::Clip { .. }));
            let plain = grid.filter(|_| front.iter().all(clip));
            let directions: Option<Vec<bool>> = steps[..=at].iter().map(rises).collect();
            let rising = directions?.iter().filter(|rises| !**rises).count() % 2 == 0;
            let whole = lo == libm::truncf(lo) && hi == libm::truncf(hi) && lo < hi;
            let (lo, hi) = (f64::from(lo), f64::from(hi));
            return (unit > 0.0 && whole).then_some(Self { act, unit, offset, lo, hi, rising, plain });
        }
        None
    }

    /// Steps above the least code at the sum `z`.
    pub(super) fn level(&self, z: f64) -> i64 {
        let code = libm::rint((self.act.apply(z) - self.offset) / self.unit);
        (code - self.lo).clamp(0.0, self.hi - self.lo) as i64
    }

    /// Levels above the least.
    pub(super) fn top(&self) -> i64 {
        (self.hi - self.lo) as i64
    }

    /// The levels that very small and very large sums have, the lower one first.
    pub(super) fn ends(&self) -> (i64, i64) {
        let (a, b) = (self.level(-1e30), self.level(1e30));
        (a.min(b), a.max(b))
    }
}

/// Whether a step rises with its operand; `None` where it does not keep or turn the order.
fn rises(step: &Step) -> Option<bool> {
    match step {
        Step::Affine { scale, .. } if *scale != 0.0 => Some(*scale > 0.0),
        Step::Map(function) => match function {
            Function::Relu
            | Function::Clip { .. }
            | Function::Sigmoid
            | Function::Tanh
            | Function::HardSigmoid { .. }
            | Function::Quantize(_)
            | Function::FakeQuant(_)
            | Function::Compare { relation: Relation::Greater | Relation::GreaterOrEqual, .. } => Some(true),
            Function::Neg | Function::Compare { relation: Relation::Less | Relation::LessOrEqual, .. } => {
                Some(false)
            }
            _ => None,
        },
        _ => None,
    }
}
