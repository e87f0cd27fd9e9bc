//! One case judged.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use spandrel::diagnostic::Diagnostics;

use crate::case::{Case, DataSet, numbers};
use crate::golden::{self, Fault};
use crate::outcome::{Class, Outcome, Way, compare};
use crate::proto::{CARRIER, with_carrier, with_initializer};
use crate::transformed::{CHIPS, transformed};
use crate::values::Values;

/// The columns of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// The golden model against the expected outputs.
    pub(crate) golden: Outcome,
    /// One for each of [`CHIPS`].
    pub(crate) chips: Vec<Option<Outcome>>,
}

impl Verdict {
    /// Wrong in every column that is filled, for a case that ended its process.
    pub(crate) fn wrong(detail: &str) -> Self {
        let golden = Outcome { class: Class::Wrong, way: Way::AsIs, detail: detail.to_owned() };
        Self { golden, chips: vec![None; CHIPS.len()] }
    }
}

/// Judges `case`; a panic is a wrong result.
pub(crate) fn judge(case: &Case) -> Verdict {
    let guarded = |work: &dyn Fn() -> Option<Outcome>| {
        first_panic().take();
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            let text = first_panic().take().unwrap_or_else(|| "no message".to_owned());
            Some(Outcome { class: Class::Wrong, way: Way::AsIs, detail: format!("panic: {text}") })
        })
    };
    let golden = guarded(&|| Some(each_way(case, &Way::ALL, |way| golden_outcome(case, way))));
    let golden = golden.unwrap_or_else(|| Verdict::wrong("no verdict").golden);
    // A result that is a constant of the file tells nothing of a chip, so all inputs are constants only where the importer
    // takes the case in no other way.
    let ways = Way::ALL.map(|way| (way, way == Way::Folded));
    let ways: Vec<Way> = ways
        .into_iter()
        .filter(|&(way, folded)| way >= golden.way && folded == (golden.way == Way::Folded))
        .map(|(way, _)| way)
        .collect();
    let chips = CHIPS.iter().map(|chip| guarded(&|| Some(transformed(case, chip, &ways)))).collect();
    Verdict { golden, chips }
}

/// Tries the ways in order until one is not refused; the refusal told is that of the last but the folded one.
pub(crate) fn each_way(case: &Case, ways: &[Way], judge: impl Fn(Way) -> Outcome) -> Outcome {
    let mut told = None;
    for &way in ways {
        // With one input there is nothing to bind but everything.
        if way == Way::Parameters && case.inputs.len() < 2 {
            continue;
        }
        let outcome = judge(way);
        if outcome.class != Class::Refused {
            return outcome;
        }
        if way != Way::Folded || told.is_none() {
            told = Some(outcome);
        }
    }
    told.unwrap_or_else(|| Verdict::wrong("no way was tried").golden)
}

/// Golden evaluation of all data sets.
fn golden_outcome(case: &Case, way: Way) -> Outcome {
    let outcome = |class, detail| Outcome { class, way, detail };
    if case.sets.is_empty() {
        return outcome(Class::Wrong, "the case has no data".to_owned());
    }
    for set in &case.sets {
        let model = bind(case, set, way);
        let graph = match golden::import(&model) {
            Ok(graph) => graph,
            Err(found) => return outcome(Class::Refused, first_line(&found)),
        };
        let result = match outputs(case, set, way, &graph) {
            Ok(found) => difference(case, set, way, &found),
            Err(Fault::NoSample(text)) => return outcome(Class::Refused, format!("SP0206 {text}")),
            Err(Fault::Wrong(text)) => Err(text),
        };
        if let Err(text) = result {
            return outcome(Class::Wrong, text);
        }
    }
    outcome(Class::Exact, String::new())
}

/// The model with the inputs that are constants in this `way`.
pub(crate) fn bind(case: &Case, set: &DataSet, way: Way) -> Vec<u8> {
    let mut model = case.model.clone();
    for (i, ((name, is_tensor), bytes)) in case.inputs.iter().zip(&set.inputs).enumerate() {
        if is_constant(way, i)
            && *is_tensor
            && let Some(bytes) = bytes
        {
            model = with_initializer(&model, bytes, name);
        }
    }
    // A network must depend on an input.
    if way == Way::Folded { with_carrier(&model) } else { model }
}

/// Whether input number `i` is a constant.
fn is_constant(way: Way, i: usize) -> bool {
    match way {
        Way::AsIs => false,
        Way::Parameters => i > 0,
        Way::Folded => true,
    }
}

fn outputs(
    case: &Case,
    set: &DataSet,
    way: Way,
    graph: &spandrel::graph::Graph,
) -> Result<Vec<golden::Output>, Fault> {
    let inputs = given_inputs(case, set, way)?;
    golden::evaluate(graph, &by_name(&inputs))
}

/// The inputs that are not constants in this `way`, by name; the carrier's in front of a folded model.
pub(crate) fn given_inputs<'c>(
    case: &'c Case,
    set: &DataSet,
    way: Way,
) -> Result<Vec<(&'c str, Values)>, Fault> {
    let mut inputs = Vec::new();
    for (i, ((name, is_tensor), bytes)) in case.inputs.iter().zip(&set.inputs).enumerate() {
        if is_constant(way, i) {
            continue;
        }
        let bytes = bytes.as_ref().filter(|_| *is_tensor);
        let bytes =
            bytes.ok_or_else(|| Fault::Wrong(format!("accepted, but the input {name:?} is no tensor")))?;
        inputs.push((
            name.as_str(),
            numbers(bytes).map_err(|e| Fault::Wrong(format!("accepted, but the input {name:?}: {e}")))?,
        ));
    }
    if way == Way::Folded {
        inputs.push((CARRIER, Values { shape: vec![1], data: vec![0.0], whole: false }));
    }
    Ok(inputs)
}

/// The same, borrowed.
pub(crate) fn by_name<'v>(inputs: &'v [(&'v str, Values)]) -> Vec<(&'v str, &'v Values)> {
    inputs.iter().map(|(name, values)| (*name, values)).collect()
}

fn difference(case: &Case, set: &DataSet, way: Way, found: &[golden::Output]) -> Result<(), String> {
    let carried = usize::from(way == Way::Folded);
    if found.len() != case.outputs.len() + carried {
        return Err(format!("{} outputs, the model has {}", found.len(), case.outputs.len()));
    }
    for (((shape, data), name), expected) in found.iter().zip(&case.outputs).zip(&set.outputs) {
        let expected = expected.as_ref().ok_or_else(|| format!("no expected output {name:?}"))?;
        let expected = numbers(expected).map_err(|e| format!("accepted, but the output {name:?}: {e}"))?;
        compare((shape, data), &expected).map_err(|text| format!("output {name:?}: {text}"))?;
    }
    Ok(())
}

/// Code and rule of the first error, without its place's file name.
pub(crate) fn first_line(found: &Diagnostics) -> String {
    let first = found.0.first();
    first.map_or(String::new(), |d| {
        let place = d.place.strip_prefix("model.onnx: ").unwrap_or(&d.place);
        format!("{} {place}: {}", d.code, d.rule)
    })
}

/// The message and place of the first panic since it was last taken: a thread's own, not that of the scope that waits for it.
pub(crate) fn first_panic() -> std::sync::MutexGuard<'static, Option<String>> {
    static FIRST: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);
    FIRST.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
