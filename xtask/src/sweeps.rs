//! Severe limits on two networks: the tables of docs/sweeps.md, from `spandrel sweep`.
//!
//! Every grid is a table of its own under `docs/sweeps/`, written after each cell, so that an interrupted run goes on where it
//! stopped. A cell of the document comes from there or says that it was not run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::data::locate;
use crate::document;
use crate::json::{items, member, number};
use crate::process::{Result, announce, cargo, demand, root, spandrel};

/// The networks.
const NETWORKS: [&str; 2] = ["mnist_fc_256x2", "mnist_convnet_maxpool"];

/// One sweep.
struct Grid {
    /// The table's name: chip and what is limited.
    name: &'static str,
    /// The chip, or a file under docs/sweeps/chips/.
    chip: &'static str,
    /// What the table shows.
    title: &'static str,
    /// Heading of the first column.
    heading: &'static str,
    /// What differs from row to row, and whether it stands last in `vary`.
    rows: (&'static str, bool),
    /// What differs from column to column; empty for a single column.
    columns: &'static str,
}

const GRIDS: [Grid; 8] = [
    Grid {
        name: "tianji-ann.signals",
        chip: "tianji-ann",
        title: "Bits of signals (down) against signals a value, of the input as of hidden values",
        heading: "I/O bits",
        rows: ("mac.input_bits+mac.output_bits=1,2,3,4,5,6,7,8", true),
        columns: "encode.signals+encode.input=1,2,4",
    },
    Grid {
        name: "tianji-ann.weights",
        chip: "tianji-ann",
        title: "Bits of weights (of a table's values) against the set they come from, at 8-bit signals: dynamic fixed point, tables of 4 and of 16 entries",
        heading: "weight bits",
        rows: ("weights.0.bits+weights.1.value_bits=2,3,4,5,6,7,8", false),
        columns: "weights=plain,codebook:4,codebook:16",
    },
    Grid {
        name: "tianji-ann.fraction",
        chip: "tianji-ann-fraction.toml",
        title: "Bits of weights that are divided by a whole threshold of each core, at 8-bit signals",
        heading: "weight bits",
        rows: ("weights.0.bits+weights.1.bits=2,3,4,5,6,7,8", false),
        columns: "weights=fraction",
    },
    Grid {
        name: "tianji-ann.tables",
        chip: "tianji-ann",
        title: "Tables of 8-bit values, one for each core (or, last, for each column), at two widths of signals",
        heading: "I/O bits",
        rows: ("mac.input_bits+mac.output_bits=6,8", false),
        columns: "weights.1.per+weights=core/plain,core/codebook:4,core/codebook:8,core/codebook:16,neuron/codebook:16:column",
    },
    Grid {
        name: "tianji-ann.cores",
        chip: "tianji-ann",
        title: "Rows and columns of a core",
        heading: "rows, columns",
        rows: ("mac.rows+mac.columns=256,192,128,96,64,48,32,16", false),
        columns: "",
    },
    Grid {
        name: "prime.signals",
        chip: "prime",
        title: "Bits of signals (down; drivers of half of them where that is whole) against signals a value",
        heading: "I/O bits",
        rows: (
            "crossbar.input_bits+crossbar.output_bits+crossbar.dac_bits+crossbar.bias_code=1/1/1/1,2/2/1/3,3/3/3/7,4/4/2/15,5/5/5/31,6/6/3/63,7/7/7/127,8/8/4/255",
            true,
        ),
        columns: "encode.signals+encode.input=1,2,4",
    },
    Grid {
        name: "prime.weights",
        chip: "prime",
        title: "Bits of a weight's magnitude, half of them in each of two cells, against the set they come from",
        heading: "weight bits",
        rows: ("weights.0.bits+crossbar.cell_bits=2/1,4/2,6/3,8/4", false),
        columns: "weights=plain,fraction,codebook:16",
    },
    Grid {
        name: "prime.cores",
        chip: "prime",
        title: "Rows and bit lines of an array",
        heading: "rows, bit lines",
        rows: ("crossbar.rows+crossbar.bitlines=256,192,128,96,64,48,32,16", false),
        columns: "",
    },
];

/// What the tables are aimed at: grid, row, column, text.
const AIMS: [(&str, &str, &str, &str); 2] = [
    ("tianji-ann.signals", "3", "4", "3-bit signals, 4 of them a value"),
    ("tianji-ann.tables", "6", "core/codebook:16", "16-entry table, 6-bit signals"),
];

/// Runs the grids whose names contain `only` (`None`: none at all), and writes docs/sweeps.md.
///
/// # Errors
/// The data are not there, a sweep stopped, or the document can not be written. A refused cell is a cell.
pub(crate) fn sweeps(only: Option<&str>) -> Result<()> {
    if let Some(only) = only {
        let folder = locate(None)?;
        demand(cargo().args(["build", "--release", "--package", "spandrel"]), "building")?;
        for network in NETWORKS {
            for grid in GRIDS.iter().filter(|grid| format!("{network}.{}", grid.name).contains(only)) {
                run(&folder, network, grid)?;
            }
        }
    }
    let mut text = aims();
    for network in NETWORKS {
        let _ = write!(text, "\n## {network}\n");
        for grid in &GRIDS {
            text.push_str(&table(network, grid));
        }
    }
    document::replace("docs/sweeps.md", BEGIN, &text)
}

/// The values of `FIELD=V,V,…`.
fn values(vary: &str) -> Vec<&str> {
    vary.split_once('=').map_or_else(|| vec![""], |(_, values)| values.split(',').collect())
}

fn run(folder: &Path, network: &str, grid: &Grid) -> Result<()> {
    let path = |inner: &str| folder.join(inner).display().to_string();
    let chip = match grid.chip.ends_with(".toml") {
        true => root().join("docs/sweeps/chips").join(grid.chip).display().to_string(),
        false => grid.chip.to_owned(),
    };
    let table = root().join(format!("docs/sweeps/{network}.{}.json", grid.name)).display().to_string();
    let mut arguments = vec!["sweep".to_owned(), path(&format!("onnx/{network}.onnx"))];
    let mut give = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
    give("--chip", &chip);
    give("--samples", &path("datasets/mnist/train10k-images-idx3-ubyte.gz"));
    give("--test", &path("datasets/mnist/t10k-A-images-idx3-ubyte.gz"));
    give("--test-labels", &path("datasets/mnist/t10k-A-labels-idx1-ubyte.gz"));
    let both = if grid.rows.1 { [grid.columns, grid.rows.0] } else { [grid.rows.0, grid.columns] };
    both.iter().filter(|vary| !vary.is_empty()).for_each(|vary| give("--vary", vary));
    give("-o", &table);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    announce(&format!("spandrel {}", arguments.join(" ")));
    demand(&mut spandrel(&arguments), "the sweep")
}

/// The cells of a grid that were run: row, column, outcome.
fn cells(network: &str, grid: &Grid) -> Vec<(String, String, String)> {
    let path = root().join(format!("docs/sweeps/{network}.{}.json", grid.name));
    let text = fs::read_to_string(path).unwrap_or_default();
    let cell = |cell: &&str| {
        let word = |text: &&str| text.trim_matches('"').to_owned();
        let values: Vec<String> = items(member(cell, "values")?).iter().map(word).collect();
        let (first, last) = (values.first()?.clone(), values.get(1).cloned().unwrap_or_default());
        let (row, column) = if grid.rows.1 { (last, first) } else { (first, last) };
        Some((row, column, member(cell, "outcome")?.to_owned()))
    };
    items(member(&text, "cells").unwrap_or("[]")).iter().filter_map(cell).collect()
}

/// Agreement and cores, or why there is nothing.
fn shown(outcome: Option<&str>) -> String {
    let Some(outcome) = outcome else { return "not run".to_owned() };
    if let Some(refused) = member(outcome, "refused") {
        let word = |name: &str| member(refused, name).unwrap_or_default().trim_matches('"').to_owned();
        return format!("refused, {}: {}", word("code"), word("rule").replace('|', "/").replace('\\', ""));
    }
    let figures = member(outcome, "figures").unwrap_or("{}");
    let of = |name: &str| number(figures, name).unwrap_or(f64::NAN);
    format!("{:.2} % / {:.0}", 100.0 * of("agreement"), of("cores"))
}

fn found<'c>(cells: &'c [(String, String, String)], row: &str, column: &str) -> Option<&'c str> {
    cells.iter().find(|(r, c, _)| r == row && c == column).map(|(.., outcome)| outcome.as_str())
}

/// A value without what all values of a field have in common: `6/6/3/63` is 6, `core/codebook:16` is codebook:16.
fn short(value: &str) -> &str {
    match value.split_once('/') {
        Some((_, rest)) if value.starts_with(char::is_alphabetic) => rest,
        Some((first, _)) => first,
        None => value,
    }
}

fn table(network: &str, grid: &Grid) -> String {
    let cells = cells(network, grid);
    let mut text = format!("\n`{}`. {}", grid.chip.trim_end_matches(".toml"), grid.title);
    let varied = [grid.rows.0, grid.columns].map(|vary| vary.split('=').next().unwrap_or_default());
    let _ = match varied[1] {
        "" => write!(text, " (`{}`):\n\n", varied[0]),
        columns => write!(text, " (`{}`, `{columns}`):\n\n", varied[0]),
    };
    if cells.is_empty() {
        text.truncate(text.trim_end().trim_end_matches(':').len());
        text.push_str(": not run.\n");
        return text;
    }
    let columns = values(grid.columns);
    let name = |value: &&str| {
        if value.is_empty() { "agreement / cores".to_owned() } else { short(value).to_owned() }
    };
    let names: Vec<String> = columns.iter().map(name).collect();
    let _ =
        writeln!(text, "| {} | {} |\n|---|{}", grid.heading, names.join(" | "), "---|".repeat(columns.len()));
    for row in values(grid.rows.0) {
        let own: Vec<String> = columns.iter().map(|column| shown(found(&cells, row, column))).collect();
        let _ = writeln!(text, "| {} | {} |", short(row), own.join(" | "));
    }
    text
}

fn aims() -> String {
    let mut text = format!(
        "\n| limit, on `tianji-ann` | {} | aim |\n|---|{}---|\n",
        NETWORKS.join(" | "),
        "---|".repeat(NETWORKS.len())
    );
    for (name, row, column, what) in AIMS {
        let Some(grid) = GRIDS.iter().find(|grid| grid.name == name) else { continue };
        let own = NETWORKS.map(|network| shown(found(&cells(network, grid), row, column)));
        let _ = writeln!(text, "| {what} | {} | 99.5 % |", own.join(" | "));
    }
    text
}

const BEGIN: &str = "<!-- generated by cargo xtask sweeps -->";

#[cfg(test)]
mod tests {
    use super::{GRIDS, found, short, shown, values};

    #[test]
    fn cells_say_what_became_of_them() {
        assert_eq!(shown(None), "not run");
        assert_eq!(shown(Some("{\"figures\": {\"agreement\": 0.99561, \"cores\": 18}}")), "99.56 % / 18");
        let refused = "{\"refused\": {\"code\": \"SP0303\", \"rule\": \"a | b\"}}";
        assert_eq!(shown(Some(refused)), "refused, SP0303: a / b");
        let cells = [("3".to_owned(), "4".to_owned(), "x".to_owned())];
        assert_eq!((found(&cells, "3", "4"), found(&cells, "4", "3")), (Some("x"), None));
    }

    #[test]
    fn values_are_named_by_what_differs() {
        assert_eq!(values("a+b=1/2,3/4"), ["1/2", "3/4"]);
        assert_eq!(values(""), [""]);
        assert_eq!(["6/6/3/63", "core/codebook:16", "8"].map(short), ["6", "codebook:16", "8"]);
        assert!(GRIDS.iter().all(|grid| !values(grid.rows.0).is_empty()));
    }
}
