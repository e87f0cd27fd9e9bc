//! What the compiler said, read.

use crate::json::{items, member, number, text};

/// A confidence interval in percent.
#[derive(Clone, Copy)]
pub(super) struct Ends(pub(super) f64, pub(super) f64);

/// A share of the object, in percent.
pub(super) fn percent(object: &str, name: &str) -> Option<f64> {
    number(object, name).map(|share| 100.0 * share)
}

/// One of the intervals under `confidence`.
pub(super) fn ends(object: &str, name: &str) -> Option<Ends> {
    let interval = member(member(object, "confidence")?, name)?;
    Some(Ends(percent(interval, "low")?, percent(interval, "high")?))
}

/// The refusal, as a cell: code, place, rule and way out of the first error, and how many others there are.
pub(super) fn refusal(object: &str) -> Option<String> {
    let errors = items(member(object, "error")?);
    let first = errors.first()?;
    let part = |name: &str| member(first, name).map(text).unwrap_or_default();
    let line = |text: String| text.lines().next().unwrap_or_default().replace('|', "/");
    let others = match errors.len() {
        1 => String::new(),
        count => format!(" ({} more)", count - 1),
    };
    Some(format!(
        "{}: {}: {}; {}{others}",
        part("code"),
        line(part("place")),
        line(part("rule")),
        line(part("way_out"))
    ))
}

#[cfg(test)]
mod tests {
    use super::{Ends, ends, refusal};

    #[test]
    fn refusals_and_intervals_are_read() {
        let refused = r#"{"error":[{"code":"SP0401","place":"chip \"prime\": fabric.cores","rule":"a | b\nmore","way_out":"use 7"},{"code":"SP0001"}]}"#;
        assert_eq!(
            refusal(refused).as_deref(),
            Some("SP0401: chip \"prime\": fabric.cores: a / b; use 7 (1 more)")
        );
        let found = r#"{"confidence":{"level":0.95,"agreement":{"low":0.5,"high":0.75},"difference":null},"low":0.1}"#;
        assert!(matches!(ends(found, "agreement"), Some(Ends(50.0, 75.0))));
        assert!(ends(found, "difference").is_none() && refusal(found).is_none());
    }
}
