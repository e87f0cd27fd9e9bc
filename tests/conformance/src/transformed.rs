//! The columns of the chips: a case compiled for the ranges of its inputs, run, decoded and compared.
//!
//! What the compiler is told of a case: the model, and of each input its least and greatest value and whether all are whole
//! numbers. Calibration samples are drawn from that with a seed. The bound of every output, and the measured error on the
//! calibration samples, are known before the image runs on the case's inputs; the expected outputs are read last.

use spandrel::diagnostic::Diagnostics;
use spandrel::graph::Graph;
use spandrel::ranged::{self, InputSpan, Ranged};
use spandrel::target::Target;

use crate::case::{Case, DataSet, numbers};
use crate::golden;
use crate::judge::{bind, first_line, given_inputs};
use crate::outcome::{Class, Outcome, Way, compare};
use crate::values::Values;

/// The chips of the table.
pub(crate) const CHIPS: [&str; 2] = ["wide", "tianji-ann"];

/// The description of the test chip: no chip of that width is built in.
const WIDE: &str = include_str!("../../../hwdesc/tests/chips/wide.toml");

/// The share of an output's range within which an approximate result must lie.
pub(crate) const SHARE: f64 = 0.01;

/// What is allowed on calibration samples: the rest is left to inputs that are worse than any of them.
const ALLOWED: f64 = 0.5 * SHARE;

/// What becomes of `case` on `chip`, in the first of `ways` that is not refused.
pub(crate) fn transformed(case: &Case, chip: &str, ways: &[Way]) -> Outcome {
    let parsed = match chip {
        "wide" => spandrel_hwdesc::parse(WIDE, "wide.toml").ok(),
        other => spandrel_hwdesc::builtin(other),
    };
    let target = parsed.map(Target::new);
    let Some(Ok(target)) = target else {
        let detail = format!("there is no chip {chip:?}");
        return Outcome { class: Class::Wrong, way: Way::AsIs, detail };
    };
    crate::judge::each_way(case, ways, |way| on_chip(case, way, &target))
}

/// All data sets of `case` on a chip.
pub(crate) fn on_chip(case: &Case, way: Way, target: &Target) -> Outcome {
    let mut class = Class::Exact;
    let mut known = String::new();
    for set in &case.sets {
        let (own, detail) = one(case, set, way, target);
        if !matches!(own, Class::Exact | Class::Approximate) {
            return Outcome { class: own, way, detail };
        }
        class = class.max(own);
        known = detail;
    }
    Outcome { class, way, detail: known }
}

fn refused(found: &Diagnostics) -> (Class, String) {
    (Class::Refused, first_line(found))
}

fn one(case: &Case, set: &DataSet, way: Way, target: &Target) -> (Class, String) {
    let graph = match golden::import(&bind(case, set, way)) {
        Ok(graph) => graph,
        Err(found) => return refused(&found),
    };
    let inputs = match ordered(case, set, way, &graph) {
        Ok(inputs) => inputs,
        Err(golden::Fault::NoSample(text)) => return (Class::Refused, format!("SP0206 {text}")),
        Err(golden::Fault::Wrong(text)) => return (Class::Wrong, text),
    };
    let spans: Vec<InputSpan> = inputs.iter().map(span).collect();
    let options = ranged::options(target);
    let made = match ranged::compile(&graph, &spans, target, &options, Some(ALLOWED)) {
        Ok(made) => made,
        Err(found) => return refused(&found),
    };
    if let Err(refusal) = bounded(&made) {
        return (Class::Refused, refusal);
    }
    let given: Vec<&[f64]> = inputs.iter().map(|values| values.data.as_slice()).collect();
    let outputs = match made.run(&given) {
        Ok(outputs) => outputs,
        Err(found) => return (Class::Wrong, first_line(&found)),
    };
    let (class, detail) = judged(case, set, way, &graph, &made, &outputs);
    if class == Class::Wrong { (class, format!("{detail}; {}", known(&made))) } else { (class, known(&made)) }
}

/// What was known beforehand, as shares of the usual range of the output of which least is known.
fn known(made: &Ranged) -> String {
    let bounds = made.bounds.as_deref().unwrap_or_default();
    let share =
        |(own, usual): (&spandrel::bound::OutputBound, &f64)| own.bound / usual.max(f64::MIN_POSITIVE);
    let bound = bounds.iter().zip(&made.usual).map(share).fold(0.0, f64::max);
    let measured = made.measured.iter().copied().fold(0.0, f64::max);
    format!("bound {:.3} %, calibration {:.3} %", 100.0 * bound, 100.0 * measured)
}

/// Refuses an image of which nothing is known beforehand.
fn bounded(made: &Ranged) -> Result<(), String> {
    let Some(bounds) = &made.bounds else {
        return Err("SP0313 network: no bound of its error is known on this chip".to_owned());
    };
    match bounds.iter().find(|own| !own.bound.is_finite()) {
        None => Ok(()),
        Some(own) => Err(format!(
            "SP0313 output {:?}: its error has no finite bound for inputs in these ranges",
            own.output
        )),
    }
}

/// The case's inputs in the order of the graph's.
fn ordered(case: &Case, set: &DataSet, way: Way, graph: &Graph) -> Result<Vec<Values>, golden::Fault> {
    let inputs = given_inputs(case, set, way)?;
    golden::in_order(graph, &crate::judge::by_name(&inputs)).map(|all| all.into_iter().cloned().collect())
}

fn span(values: &Values) -> InputSpan {
    let fold = |start: f64, pick: fn(f64, f64) -> f64| values.data.iter().copied().fold(start, pick);
    let finite = values.data.iter().all(|x| x.is_finite());
    let (lo, hi) = (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max));
    let whole = values.data.iter().all(|x| *x == x.trunc());
    if finite {
        InputSpan { lo, hi, whole }
    } else {
        InputSpan { lo: f64::NEG_INFINITY, hi: f64::INFINITY, whole }
    }
}

/// The class of what came out, against the expected outputs.
fn judged(
    case: &Case,
    set: &DataSet,
    way: Way,
    graph: &Graph,
    made: &Ranged,
    outputs: &[Vec<f64>],
) -> (Class, String) {
    let carried = usize::from(way == Way::Folded);
    if outputs.len() != case.outputs.len() + carried {
        return (Class::Wrong, format!("{} outputs, the model has {}", outputs.len(), case.outputs.len()));
    }
    let bounds = made.bounds.as_deref().unwrap_or_default();
    let mut class = Class::Exact;
    for (number, (name, expected)) in case.outputs.iter().zip(&set.outputs).enumerate() {
        let expected = expected.as_ref().ok_or_else(|| "no expected output".to_owned());
        let expected = match expected.and_then(|bytes| numbers(bytes)) {
            Ok(expected) => expected,
            Err(text) => return (Class::Wrong, format!("output {name:?}: {text}")),
        };
        let shape = &graph.value(graph.outputs()[number]).shape;
        let bound = bounds.get(number).map_or(f64::INFINITY, |own| own.bound);
        match verdict((shape, &outputs[number]), &expected, bound) {
            Ok(own) => class = class.max(own),
            Err(text) => return (Class::Wrong, format!("output {name:?}: {text}")),
        }
    }
    (class, String::new())
}

/// Exact, or approximate: within [`SHARE`] of the range of `expected` and within `bound`.
pub(crate) fn verdict(
    (shape, found): (&[usize], &[f64]),
    expected: &Values,
    bound: f64,
) -> Result<Class, String> {
    // A value of a whole type is read as the nearest whole number.
    let read: Vec<f32> =
        found.iter().map(|&y| if expected.whole { y.round() as f32 } else { y as f32 }).collect();
    let Err(text) = compare((shape, &read), expected) else { return Ok(Class::Exact) };
    if shape != expected.shape || read.len() != expected.data.len() {
        return Err(text);
    }
    let wanted: Vec<f32> = expected.data.iter().map(|&y| y as f32).collect();
    let own: Vec<f64> = read.iter().map(|&y| f64::from(y)).collect();
    let share = ranged::share(&own, &wanted);
    if share.is_nan() || share > SHARE {
        return Err(format!("{text}; off by {:.3} % of the range, the bound is {bound:e}", 100.0 * share));
    }
    // Reading as a whole number moves by half of one at most; vectors and golden model differ by what f32 sums round.
    let slack = if expected.whole { 0.5 } else { 0.0 };
    let beyond = own
        .iter()
        .zip(&expected.data)
        .find(|&(&y, &e)| (y - e).abs() > bound + slack + 1e-6 * (1.0 + e.abs()));
    match beyond {
        None => Ok(Class::Approximate),
        Some((y, e)) => Err(format!("{y} for {e} is beyond the bound of {bound:e} that was stated before")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(data: &[f64], whole: bool) -> Values {
        Values { shape: vec![data.len()], data: data.to_vec(), whole }
    }

    #[test]
    fn both_conditions_of_an_approximate_result_count() {
        let expected = values(&[0.0, 100.0], false);
        let of = |found: &[f64], bound| verdict((&[2], found), &expected, bound);
        assert_eq!(of(&[0.0, 100.05], 0.0), Ok(Class::Exact));
        assert_eq!(of(&[0.9, 100.0], 1.0), Ok(Class::Approximate));
        assert!(of(&[0.9, 100.0], 0.8).is_err(), "beyond the bound");
        assert!(of(&[1.1, 100.0], 2.0).is_err(), "beyond 1 %");
        assert!(of(&[f64::NAN, 100.0], 2.0).is_err());
        assert!(verdict((&[1], &[0.0]), &expected, 1.0).is_err());
    }

    #[test]
    fn whole_types_are_read_as_whole_numbers() {
        let expected = values(&[3.0, -2.0], true);
        assert_eq!(verdict((&[2], &[3.4, -1.6]), &expected, 0.5), Ok(Class::Exact));
        assert!(verdict((&[2], &[3.6, -2.0]), &expected, 0.7).is_err());
    }
}
