//! Functions of the graph over intervals: every value that a function can take there, and little more.

use super::interval::Interval;
use crate::dots::{Act, Step};
use crate::graph::{Binary, Function, Relation};

/// Pieces that a wide interval is cut into, so that a formula in which the same number stands twice is not judged as if it were
/// two.
const PIECES: usize = 512;

/// The values of `act` on `x`.
pub fn of_act(act: &Act, x: Interval) -> Interval {
    match act {
        Act::None => x,
        Act::Relu => Interval::new(x.lo.max(0.0), x.hi.max(0.0)),
        Act::Curve(steps) => of_steps(steps, x),
    }
}

/// As [`of_act`], piece by piece.
pub fn spread(act: &Act, x: Interval) -> Interval {
    let Act::Curve(_) = act else { return of_act(act, x) };
    if !x.is_finite() || x.is_point() {
        return of_act(act, x);
    }
    let end = |k: usize| x.lo + x.width() * k as f64 / PIECES as f64;
    let piece = |k: usize| {
        let hi = if k + 1 == PIECES { x.hi } else { end(k + 1) };
        of_act(act, Interval::new(end(k), hi))
    };
    (1..PIECES).map(piece).fold(piece(0), Interval::hull)
}

fn of_steps(steps: &[Step], x: Interval) -> Interval {
    steps.iter().fold(x, |x, step| of_step(step, x))
}

fn of_step(step: &Step, x: Interval) -> Interval {
    match step {
        Step::Map(function) => of_function(*function, x),
        Step::Affine { scale, offset } => x.scaled(*scale).plus(Interval::point(*offset)),
        Step::Join { op, a, b } => of_binary(*op, of_steps(a, x), of_steps(b, x)),
        Step::Choose { c, a, b } => {
            let condition = of_steps(c, x);
            match (condition.holds(0.0), condition == Interval::point(0.0)) {
                (_, true) => of_steps(b, x),
                (false, _) => of_steps(a, x),
                (true, false) => of_steps(a, x).hull(of_steps(b, x)),
            }
        }
    }
}

/// What rounding in f32 may add to an end.
const ROUNDING: f64 = 1.2e-7;

fn value(function: Function, x: f64) -> f64 {
    Step::Map(function).apply(x)
}

/// The values at the ends.
fn ends(function: Function, x: Interval) -> Interval {
    Interval::between(value(function, x.lo), value(function, x.hi))
}

/// A function that falls up to `turn` and rises from there.
fn valley(function: Function, x: Interval, turn: f64) -> Interval {
    let own = ends(function, x);
    if x.holds(turn) { own.hull(Interval::point(value(function, turn))) } else { own }
}

/// The values of `function` on `x`.
fn of_function(function: Function, x: Interval) -> Interval {
    let found = exact(function, x);
    if matches!(function, Function::Relu | Function::Neg | Function::Abs) {
        return found;
    }
    found.widened(ROUNDING * if found.is_finite() { found.magnitude() } else { 0.0 })
}

fn exact(function: Function, x: Interval) -> Interval {
    if let Some(defined) = domain(function)
        && (x.lo < defined.lo || x.hi > defined.hi)
    {
        return Interval::ALL;
    }
    if function.monotone().is_some() {
        return ends(function, x);
    }
    match function {
        Function::Abs | Function::Square | Function::Cosh => valley(function, x, 0.0),
        Function::LeakyRelu { .. } => valley(function, x, 0.0),
        Function::Reciprocal => x.reciprocal(),
        Function::HardSwish => valley(function, x, -1.5),
        // Where these are least, up to what does not count: they are flat there.
        Function::Gelu { tanh: false } => valley(function, x, -0.751_791_5).widened(1e-7),
        Function::Gelu { tanh: true } => valley(function, x, -0.752_461_4).widened(1e-7),
        Function::Mish => valley(function, x, -1.192_312).widened(1e-7),
        Function::Swish { alpha: 0.0 } => ends(function, x),
        Function::Swish { alpha } => {
            valley(function, x, -1.278_464_5 / f64::from(alpha)).widened(1e-7 / f64::from(alpha.abs()))
        }
        Function::Sin => wave(function, x, std::f64::consts::FRAC_PI_2),
        Function::Cos => wave(function, x, 0.0),
        Function::Tan => {
            let branch = |x: f64| libm::floor(x / std::f64::consts::PI + 0.5);
            if branch(x.lo) == branch(x.hi) { ends(function, x) } else { Interval::ALL }
        }
        Function::Pow { exponent } => power(function, x, exponent),
        Function::ThresholdedRelu { alpha } => jumps(function, x, &[f64::from(alpha), 0.0]),
        Function::Shrink { lambd, .. } => jumps(function, x, &[f64::from(-lambd), f64::from(lambd)]),
        Function::Compare { relation: Relation::Equal, with } => jumps(function, x, &[f64::from(with)]),
        Function::Not => jumps(function, x, &[0.0]),
        Function::IsNan => Interval::point(0.0),
        Function::IsInf { .. } if x.is_finite() => Interval::point(0.0),
        Function::IsInf { .. } => Interval::new(0.0, 1.0),
        _ => Interval::ALL,
    }
}

/// Where a function is defined, when not everywhere.
fn domain(function: Function) -> Option<Interval> {
    match function {
        Function::Sqrt | Function::Log => Some(Interval::new(0.0, f64::INFINITY)),
        Function::Asin | Function::Acos | Function::Atanh => Some(Interval::new(-1.0, 1.0)),
        Function::Acosh => Some(Interval::new(1.0, f64::INFINITY)),
        _ => None,
    }
}

/// A sine whose crest lies at `crest`.
fn wave(function: Function, x: Interval, crest: f64) -> Interval {
    let pi = std::f64::consts::PI;
    // Crests and troughs lie half a turn apart.
    let first = libm::ceil((x.lo - crest) / pi);
    let last = libm::floor((x.hi - crest) / pi);
    let own = ends(function, x);
    if !x.is_finite() || last > first {
        Interval::new(-1.0, 1.0)
    } else if last == first {
        let extreme = if first.rem_euclid(2.0) == 0.0 { 1.0 } else { -1.0 };
        own.hull(Interval::point(extreme))
    } else {
        own
    }
}

fn power(function: Function, x: Interval, exponent: f32) -> Interval {
    let whole = exponent == libm::truncf(exponent);
    if !whole && x.lo < 0.0 || exponent < 0.0 && x.holds(0.0) {
        return Interval::ALL;
    }
    if whole && exponent.rem_euclid(2.0) == 0.0 && exponent > 0.0 {
        return valley(function, x, 0.0);
    }
    // Rises or falls on either side of 0, and a negative exponent leaves 0 out.
    ends(function, x)
}

/// A function that is monotone between the places `at`, and may have any of its values there.
fn jumps(function: Function, x: Interval, at: &[f64]) -> Interval {
    let mut found = ends(function, x);
    for &place in at.iter().filter(|&&place| x.holds(place)) {
        let step = f64::from(f32::EPSILON) * place.abs().max(f64::from(f32::MIN_POSITIVE));
        for near in [place - step, place, place + step] {
            if x.holds(near) {
                found = found.hull(Interval::point(value(function, near)));
            }
        }
    }
    found
}

/// The values of `op` on all pairs out of `a` and `b`.
fn of_binary(op: Binary, a: Interval, b: Interval) -> Interval {
    let truth = |always: bool, never: bool| match (always, never) {
        (true, _) => Interval::point(1.0),
        (_, true) => Interval::point(0.0),
        _ => Interval::new(0.0, 1.0),
    };
    let zero = Interval::point(0.0);
    let apart = |a: Interval, b: Interval| a.meet(b).is_none();
    match op {
        Binary::Add => a.plus(b),
        Binary::Sub => a.minus(b),
        Binary::Mul => a.times(b),
        Binary::Div => a.times(b.reciprocal()),
        Binary::Max => Interval::new(a.lo.max(b.lo), a.hi.max(b.hi)),
        Binary::Min => Interval::new(a.lo.min(b.lo), a.hi.min(b.hi)),
        Binary::Compare(relation) => match relation {
            Relation::Less => truth(a.hi < b.lo, a.lo >= b.hi),
            Relation::LessOrEqual => truth(a.hi <= b.lo, a.lo > b.hi),
            Relation::Greater => truth(a.lo > b.hi, a.hi <= b.lo),
            Relation::GreaterOrEqual => truth(a.lo >= b.hi, a.hi < b.lo),
            Relation::Equal => truth(a.is_point() && a == b, apart(a, b)),
        },
        Binary::And => truth(!a.holds(0.0) && !b.holds(0.0), a == zero || b == zero),
        Binary::Or => truth(!a.holds(0.0) || !b.holds(0.0), a == zero && b == zero),
        Binary::Xor => truth(
            a == zero && !b.holds(0.0) || b == zero && !a.holds(0.0),
            a == zero && b == zero || !a.holds(0.0) && !b.holds(0.0),
        ),
        Binary::Mod { .. } => {
            let most = b.magnitude().min(a.magnitude().max(b.magnitude()));
            Interval::new(-most, most)
        }
        Binary::PRelu => {
            let below = a.meet(Interval::new(f64::NEG_INFINITY, 0.0)).map(|a| a.times(b));
            let above = a.meet(Interval::new(0.0, f64::INFINITY));
            match (below, above) {
                (Some(below), Some(above)) => below.hull(above),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => Interval::ALL,
            }
        }
        Binary::Pow if a.lo > 0.0 && a.is_finite() && b.is_finite() => {
            let logs = Interval::between(libm::log(a.lo), libm::log(a.hi)).times(b);
            Interval::between(libm::exp(logs.lo), libm::exp(logs.hi)).widened(ROUNDING)
        }
        Binary::Pow => Interval::ALL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a function gives on points of an interval lies in what is said of the interval, for intervals of all widths.
    #[test]
    fn no_value_escapes() {
        use crate::graph::Rounding;
        let functions = [
            Function::Relu,
            Function::Sigmoid,
            Function::Tanh,
            Function::Exp,
            Function::Abs,
            Function::Square,
            Function::Round(Rounding::HalfEven),
            Function::Sign,
            Function::Clip { lo: -1.0, hi: 0.5 },
            Function::LeakyRelu { alpha: -0.3 },
            Function::Elu { alpha: 1.5 },
            Function::Selu { alpha: 1.6, gamma: 1.05 },
            Function::Gelu { tanh: false },
            Function::Gelu { tanh: true },
            Function::HardSigmoid { alpha: 0.2, beta: 0.5 },
            Function::HardSwish,
            Function::Swish { alpha: 1.0 },
            Function::Swish { alpha: -0.5 },
            Function::Mish,
            Function::ThresholdedRelu { alpha: -0.5 },
            Function::Shrink { lambd: 0.5, bias: 1.5 },
            Function::Pow { exponent: 3.0 },
            Function::Pow { exponent: 4.0 },
            Function::Sin,
            Function::Cos,
            Function::Tan,
            Function::Cosh,
            Function::Reciprocal,
            Function::Not,
            Function::Compare { relation: Relation::Equal, with: 1.0 },
            Function::Compare { relation: Relation::Less, with: 0.25 },
        ];
        for function in functions {
            for from in -30..30 {
                for width in [0.0, 1e-3, 0.26, 1.0, 3.7] {
                    let x = Interval::new(f64::from(from) * 0.25, f64::from(from) * 0.25 + width);
                    let said = of_function(function, x);
                    for k in 0..=40 {
                        let y = value(function, x.lo + x.width() * f64::from(k) / 40.0);
                        assert!(
                            !y.is_finite() || said.widened(1e-9).holds(y),
                            "{function} {x:?}: {y} {said:?}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn narrow_intervals_stay_narrow() {
        let x = Interval::new(0.5, 0.5001);
        for function in [Function::Gelu { tanh: false }, Function::Sin, Function::Square, Function::Sigmoid] {
            let found = of_function(function, x);
            assert!(found.width() < 1.5e-4 + 2e-7, "{function}: {found:?}");
        }
        assert_eq!(of_function(Function::Log, Interval::new(-1.0, 1.0)), Interval::ALL);
        assert_eq!(of_function(Function::Reciprocal, Interval::new(-1.0, 1.0)), Interval::ALL);
    }
}
