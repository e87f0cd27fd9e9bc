//! What can become of a case, and the comparison that decides it.

use serde::{Deserialize, Serialize};

use crate::values::Values;

/// The fixed classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// Every output equals the expected one within the vectors' tolerance.
    Exact,
    /// Outside the tolerance, but within 1 % of the output's range and within the bound that was known before.
    Approximate,
    /// Importer or compiler said what they can not do.
    Refused,
    /// Another result, a panic, no end within the time limit, or the memory limit exceeded.
    Wrong,
}

/// What became of a case in one column of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The class.
    pub(crate) class: Class,
    /// Which inputs were made constants.
    pub(crate) way: Way,
    /// For a refusal its first diagnostic, `code place: rule`; for a wrong result what differs.
    pub(crate) detail: String,
}

/// Which of a case's inputs are constants. The vectors hand everything in as an input: weights, shapes, axes, even the
/// rank of a one-hot vector. In a trained network these are constants of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// None: the model as it stands.
    AsIs,
    /// All but the first, as the weights of a layer are.
    Parameters,
    /// All: the result is a constant of the file.
    Folded,
}

impl Way {
    /// The ways in the order in which they are tried, each only when the one before is refused.
    pub(crate) const ALL: [Way; 3] = [Way::AsIs, Way::Parameters, Way::Folded];
}

/// Relative and absolute tolerance of the vectors (stated with them).
pub(crate) const TOLERANCE: (f64, f64) = (1e-3, 1e-5);

/// Compares `found` with `expected`: the same shape, every number within the tolerance, whole numbers equal (after the
/// conversion to the f32 they are carried as). The text names the first difference.
pub(crate) fn compare(found: (&[usize], &[f32]), expected: &Values) -> Result<(), String> {
    let (shape, data) = found;
    if shape != expected.shape || data.len() != expected.data.len() {
        return Err(format!("the shape is {shape:?}, expected is {:?}", expected.shape));
    }
    let close = |found: f32, expected_value: f64| {
        let wanted = expected_value as f32;
        if expected.whole || !wanted.is_finite() || !found.is_finite() {
            return found == wanted || (found.is_nan() && wanted.is_nan());
        }
        let (relative, absolute) = TOLERANCE;
        (f64::from(found) - expected_value).abs() <= absolute + relative * expected_value.abs()
    };
    let first = data.iter().zip(&expected.data).position(|(&f, &e)| !close(f, e));
    match first {
        None => Ok(()),
        Some(at) => {
            let others = data.iter().zip(&expected.data).filter(|&(&f, &e)| !close(f, e)).count();
            let (f, e) = (data[at], expected.data[at]);
            Err(format!("element {at} of {shape:?} is {f}, expected is {e}; {others} differ"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerance_is_the_stated_one_and_whole_numbers_have_none() {
        let of = |data: f64, whole| Values { shape: vec![1], data: vec![data], whole };
        let ok = |found: f32, expected: &Values| compare((&[1], &[found]), expected).is_ok();
        assert!(ok(1000.9, &of(1000.0, false)) && !ok(1001.1, &of(1000.0, false)));
        assert!(ok(9e-6, &of(0.0, false)) && !ok(1.1e-5, &of(0.0, false)));
        assert!(!ok(1000.9, &of(1000.0, true)) && ok(1000.0, &of(1000.0, true)));
        assert!(ok(f32::NAN, &of(f64::NAN, false)) && !ok(0.0, &of(f64::NAN, false)));
        assert!(!ok(f32::MAX, &of(f64::INFINITY, false)) && !ok(f32::NAN, &of(1.0, true)));
        assert!(compare((&[1, 1], &[1.0]), &of(1.0, false)).is_err());
    }
}
