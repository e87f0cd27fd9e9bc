//! The budget as text.

use std::fmt::Write as _;

use super::{Budget, Figures, Outcome};

/// Two tables: a line a limit, and a line a node.
pub fn text(budget: &Budget) -> String {
    let mut text = format!(
        "\n{:26} {:>9} {:>9} {:>9} {:>9} {:>8} {:>6}\n",
        "limit lifted", "agreement", "accuracy", "outputs", "decision", "share", "cores"
    );
    for row in &budget.rows {
        let _ = match &row.outcome {
            Outcome::Figures(figures) => writeln!(text, "{:26} {}", row.limit, line(figures)),
            Outcome::NotLifted(why) => writeln!(text, "{:26} not lifted: {why}", row.limit),
            Outcome::Refused(refusal) => {
                writeln!(
                    text,
                    "{:26} refused: {}: {}: {}",
                    row.limit, refusal.code, refusal.place, refusal.rule
                )
            }
        };
    }
    let _ = writeln!(text, "{}\n", budget.remark);
    for row in budget.rows.iter().filter(|row| !row.changes.is_empty()) {
        let changes: Vec<String> =
            row.changes.iter().map(|change| format!("{} = {}", change.field, change.value)).collect();
        let _ = writeln!(text, "{:26} {}", row.limit, changes.join(", "));
    }
    text.push_str(&nodes(budget));
    text
}

fn line(figures: &Figures) -> String {
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.4}"));
    let level = |snr: Option<f64>| snr.map_or("-".to_owned(), |snr| format!("{snr:.1} dB"));
    let part = figures.share.map_or("-".to_owned(), |share| format!("{:.0} %", 100.0 * share));
    format!(
        "{:>9} {:>9} {:>9} {:>9} {part:>8} {:>6}",
        share(figures.agreement),
        share(figures.accuracy),
        level(figures.output_snr_db),
        level(figures.decision_snr_db),
        figures.cores
    )
}

/// Signal-to-noise ratios: a line a node of the chip as it is, a column a row of the budget. A node that another row has not got is a dash.
fn nodes(budget: &Budget) -> String {
    let measured: Vec<(&str, &Figures)> = budget
        .rows
        .iter()
        .filter_map(|row| match &row.outcome {
            Outcome::Figures(figures) => Some((row.limit.as_str(), &**figures)),
            _ => None,
        })
        .collect();
    let Some((_, first)) = measured.first() else { return String::new() };
    let wide = first.nodes.iter().map(|node| node.node.chars().count()).max().unwrap_or(0).max(4);
    let mut text = format!("\n{:wide$}", "node");
    for (limit, _) in &measured {
        let _ = write!(text, "  {limit}");
    }
    text.push_str("  (dB)\n");
    for (at, node) in first.nodes.iter().enumerate() {
        let _ = write!(text, "{:wide$}", node.node);
        for (limit, figures) in &measured {
            // Names repeat in some networks: the same place first, then the same name.
            let same = figures.nodes.get(at).filter(|other| other.node == node.node);
            let found = same.or_else(|| figures.nodes.iter().find(|other| other.node == node.node));
            let level = found.map_or("-".to_owned(), |found| format!("{:.1}", found.snr_db));
            let _ = write!(text, "  {level:>width$}", width = limit.chars().count());
        }
        text.push('\n');
    }
    text
}
