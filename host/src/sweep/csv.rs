//! The table of a sweep as comma-separated values (RFC 4180): a line a cell, a header line first.

use super::{Cell, Outcome, Table};

/// Columns behind those of the varied fields.
const COLUMNS: [&str; 18] = [
    "accuracy",
    "golden_accuracy",
    "agreement",
    "agreement_low",
    "agreement_high",
    "max_abs_error",
    "samples",
    "cores",
    "image_bytes",
    "ram_words",
    "work",
    "worst_snr_db",
    "worst_node",
    "mean_snr_db",
    "image_digest",
    "seconds",
    "refused",
    "rule",
];

/// The whole text. The columns are the varied fields, then the names of [`super::Figures`], then code and rule of a refusal.
pub fn csv(table: &Table) -> String {
    let names = table.vary.iter().map(|vary| vary.name());
    let header: Vec<String> = names.chain(COLUMNS.map(str::to_owned)).map(|name| quoted(&name)).collect();
    let mut text = format!("{}\n", header.join(","));
    for cell in &table.cells {
        text.push_str(&line(cell));
    }
    text
}

fn line(cell: &Cell) -> String {
    fn text(value: Option<impl ToString>) -> String {
        value.map_or(String::new(), |value| value.to_string())
    }
    let mut items = cell.values.clone();
    match &cell.outcome {
        Outcome::Figures(f) => items.extend([
            text(f.accuracy),
            text(f.golden_accuracy),
            text(f.agreement),
            text(f.agreement_low),
            text(f.agreement_high),
            text(f.max_abs_error),
            f.samples.to_string(),
            f.cores.to_string(),
            f.image_bytes.to_string(),
            f.ram_words.to_string(),
            f.work.to_string(),
            text(f.worst_snr_db),
            text(f.worst_node.clone()),
            text(f.mean_snr_db),
            f.image_digest.clone(),
            f.seconds.to_string(),
            String::new(),
            String::new(),
        ]),
        Outcome::Refused(refusal) => {
            items.extend(vec![String::new(); COLUMNS.len() - 2]);
            items.extend([refusal.code.clone(), format!("{}: {}", refusal.place, refusal.rule)]);
        }
    }
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("{}\n", items.join(","))
}

/// In quotes where the item would be mistaken for several.
fn quoted(item: &str) -> String {
    match item.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", item.replace('"', "\"\"")),
        false => item.to_owned(),
    }
}
