//! JSON forms that verbs share.

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostics, Severity};

/// The object that stands for a failure: `{"error": [...]}`.
pub(super) fn errors(found: &Diagnostics) -> Value {
    let list: Vec<Value> = found
        .0
        .iter()
        .map(|d| {
            let severity = match d.severity {
                Severity::Warning => "warning",
                Severity::Error => "error",
            };
            let mut object = json!({
                "code": d.code, "severity": severity, "place": d.place, "rule": d.rule, "way_out": d.way_out,
            });
            if let Some(source) = &d.source {
                let before = source.text.get(..source.span.start).unwrap_or(&source.text);
                object["line"] = json!(before.matches('\n').count() + 1);
                object["column"] = json!(before.chars().rev().take_while(|c| *c != '\n').count() + 1);
            }
            object
        })
        .collect();
    json!({ "error": list })
}
