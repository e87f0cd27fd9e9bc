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
            json!({ "code": d.code, "severity": severity, "place": d.place, "rule": d.rule, "way_out": d.way_out })
        })
        .collect();
    json!({ "error": list })
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
