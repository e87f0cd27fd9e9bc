//! The table of all answers.

use std::collections::BTreeMap;

use super::WHOLE;
use super::answer::{Ends, ends, percent, refusal};
use super::catalogue::{Meaning, NETWORKS, Network, Samples};
use super::kept::{Keeper, Kept};
use crate::json::number;

const HEAD: [&str; 10] = [
    "network",
    "measured on",
    "chip",
    "golden",
    "nearest",
    "full",
    "agreement (95 %)",
    "difference (95 %)",
    "cores",
    "s",
];

/// The table's head.
pub(super) fn head() -> String {
    format!("| {} |\n|{}\n", HEAD.join(" | "), "---|".repeat(HEAD.len()))
}

fn cell(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.2}"))
}

/// What a way of tuning reached: accuracy and agreement, or signal-to-noise ratio and decision.
fn reached(network: &Network, object: &str) -> String {
    let snr = number(object, "output_snr_db").map_or("-".to_owned(), |snr| format!("{snr:.1} dB"));
    match network.meaning {
        Meaning::Class => match percent(object, "accuracy") {
            Some(accuracy) => format!("{accuracy:.2}"),
            None => snr,
        },
        Meaning::Least | Meaning::Fit => snr,
    }
}

/// Agreement of the decision in percent; `None` for networks that decide nothing.
fn agreement(network: &Network, object: &str) -> Option<f64> {
    match network.meaning {
        Meaning::Class => percent(object, "agreement").or_else(|| percent(object, "same_largest")),
        Meaning::Least => percent(object, "same_smallest"),
        Meaning::Fit => None,
    }
}

/// The row of the document `old` whose first `cells` cells are those of `row`; `row` itself where there is none.
pub(super) fn as_before(old: &str, row: String, cells: usize) -> String {
    let begin =
        |line: &str| line.split('|').take(cells + 1).map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let own = begin(&row);
    old.lines().find(|line| begin(line) == own).map_or(row, |line| format!("{line}\n"))
}

/// One row.
pub(super) fn row(network: &Network, chip: &str, nearest: Option<&Kept>, full: Option<&Kept>) -> String {
    let begin = format!("| {} | {} | {chip} |", network.name, network.measured());
    let Some(full) = full.map(|kept| kept.object.as_str()) else {
        return format!("{begin} not run |{}\n", " |".repeat(HEAD.len() - 4));
    };
    if let Some(why) = refusal(full) {
        return format!("{begin} refused: {why} |{}\n", " |".repeat(HEAD.len() - 4));
    }
    let nearest = match nearest.map(|kept| kept.object.as_str()) {
        None => "not run".to_owned(),
        Some(object) => match refusal(object) {
            Some(why) => format!("refused: {why}"),
            None => match agreement(network, object) {
                Some(share) => format!("{} ({share:.2})", reached(network, object)),
                None => reached(network, object),
            },
        },
    };
    let span =
        |ends: Option<Ends>| ends.map_or(String::new(), |Ends(low, high)| format!("{low:.2} to {high:.2}"));
    let agreed = match agreement(network, full) {
        None => "-".to_owned(),
        Some(share) => {
            let interval = span(ends(full, "agreement"));
            if interval.is_empty() { format!("{share:.2}") } else { format!("{share:.2} ({interval})") }
        }
    };
    let difference =
        ends(full, "difference").map_or("-".to_owned(), |Ends(low, high)| format!("{low:+.2} to {high:+.2}"));
    let of = |field: &str| number(full, field).unwrap_or(f64::NAN);
    format!(
        "{begin} {} | {nearest} | {} | {agreed} | {difference} | {:.0} | {:.1} |\n",
        cell(percent(full, "golden_accuracy")),
        reached(network, full),
        of("cores"),
        of("seconds"),
    )
}

/// Golden accuracies, as the folder's index states them and as they come out here.
pub(super) fn stated(keeper: &Keeper, chips: &[&str], old: &str) -> String {
    let mut text = String::from(
        "\nGolden accuracies, as the data folder's index states them and as they come out here on the same samples (of the keywords all 500):\n\n\
         | network | stated | found | |\n|---|---|---|---|\n",
    );
    for network in &NETWORKS {
        let Some(stated) = network.stated else { continue };
        let way = if network.samples == Samples::Keywords { WHOLE } else { "full" };
        let found = chips.iter().find_map(|chip| {
            let kept = keeper.read(&format!("{}.{chip}.{way}", network.name))?;
            percent(&kept.object, "golden_accuracy")
        });
        let verdict = match found {
            None => "not run",
            Some(found) if (found - stated).abs() < 0.005 => "the same",
            Some(_) => "**differs**",
        };
        let row = format!("| {} | {stated:.2} | {} | {verdict} |\n", network.name, cell(found));
        text.push_str(&if found.is_some() { row } else { as_before(old, row, 2) });
    }
    text
}

/// Which compilers made the answers, by digest.
pub(super) fn compilers(made: &[String]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    made.iter().for_each(|compiler| *counts.entry(compiler).or_default() += 1);
    let list: Vec<String> = counts.iter().map(|(digest, count)| format!("{count} by `{digest}`")).collect();
    format!(
        "\n{} figures were made last, by digest of the compiler that made them: {}. All other rows are older.\n",
        made.len(),
        list.join(", ")
    )
}
