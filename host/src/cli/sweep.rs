//! `spandrel sweep`: one network over many values of chip fields and settings; a table, and a plot of it.

use std::fs::File;
use std::path::PathBuf;

use indicatif::ProgressBar;
use serde_json::json;

use super::{Done, inputs::Inputs, keep, output, print, progress};
use crate::chips;
use crate::compile::{Request, Watcher};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::samples::write_atomic;
use crate::settings::Settings;
use crate::sweep::{Cell, Outcome, Sweep, SweepWatcher, Table, csv, svg, vary};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The network: an ONNX file
    model: PathBuf,
    /// A built-in chip (`spandrel chips` lists them), or a description file that ends in .toml
    #[arg(long, value_name = "NAME|FILE.toml")]
    chip: String,
    /// Fields of the chip (dotted paths; `spandrel chips NAME` shows them) or settings, and their values; several fields with
    /// + between take the same value, or one each with / between. Several times: the product of all values
    #[arg(long, value_name = "FIELD[+FIELD…]=V,V,…", required = true)]
    vary: Vec<String>,
    /// Calibration samples: .npz (array x or images; of several inputs an array named after each; labels y or
    /// labels), .npy, idx, each also gzip-compressed
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// Test samples: what every figure is measured on
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// Their labels, when the samples' file holds none or others are meant
    #[arg(long, value_name = "FILE")]
    test_labels: Option<PathBuf>,
    /// How many of the samples, from the first on, calibrate
    #[arg(long, value_name = "N", default_value = "1024", value_parser = clap::value_parser!(u64).range(1..))]
    calibration_count: u64,
    #[command(flatten)]
    inputs: Inputs,
    /// Change a setting in every cell; `spandrel compile --help` lists them all
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where the table goes; written after every cell. Cells that are in it already are not computed again
    #[arg(short, long, value_name = "TABLE.json")]
    output: PathBuf,
    /// Where the table goes as comma-separated values, at the end
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Where a plot goes, at the end: agreement against cores
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Replace a table that exists
    #[arg(long)]
    restart: bool,
    /// One JSON object as the last line of standard output: the table
    #[arg(long)]
    json: bool,
}

pub(super) fn sweep(args: &Args) -> Result<Done> {
    let sweep = args.sweep()?;
    let mut watch = Watch { bar: progress::spinner(), cell: String::new(), known: 0 };
    let made = sweep.run(&args.output, args.restart, &mut watch);
    watch.bar.finish_and_clear();
    let table = made?;
    if let Some(path) = &args.csv {
        write_atomic(path, csv(&table).as_bytes())?;
    }
    if let Some(path) = &args.svg {
        write_atomic(path, svg(&table)?.as_bytes())?;
    }
    print(&summary(&table, watch.known, args));
    Done::passed(args.json.then(|| json!(table)))
}

impl Args {
    /// What to sweep; everything that can be refused before any work is, at once.
    fn sweep(&self) -> Result<Sweep> {
        let mut found = Diagnostics::default();
        let settings =
            keep(Settings::parse(self.set.iter().map(String::as_str)), &mut found).unwrap_or_default();
        let mut request = Request::new(&self.model, &self.chip, &self.samples);
        self.inputs.apply(&mut request, &mut found);
        let items = self.vary.iter().map(String::as_str);
        let vary = keep(chips::find(&self.chip), &mut found)
            .and_then(|chip| keep(vary(items, &chip), &mut found))
            .unwrap_or_default();
        for set in &self.set {
            let key = set.split('=').next().unwrap_or_default().trim();
            if vary.iter().any(|vary| vary.fields().iter().any(|field| field.name() == key)) {
                let rule = format!("{key} is both set and varied");
                let way_out = "leave one of the two out";
                found.push(Diagnostic::error("SP0004", format!("--set {set}"), rule, way_out));
            }
        }
        let inputs: Vec<&PathBuf> =
            [&self.model, &self.samples, &self.test].into_iter().chain(self.test_labels.as_ref()).collect();
        for path in &inputs {
            if let Err(error) = File::open(path) {
                found.push(Diagnostic::read(path, &error));
            }
        }
        let outputs: Vec<&PathBuf> =
            [Some(&self.output), self.csv.as_ref(), self.svg.as_ref()].into_iter().flatten().collect();
        for (at, path) in outputs.iter().enumerate() {
            keep(output::check(path, inputs.iter().copied()), &mut found);
            if outputs[..at].contains(path) {
                let rule = "two outputs have the same name";
                found.push(Diagnostic::error("SP0004", path.display().to_string(), rule, "name two files"));
            }
        }
        let request = Request {
            test: Some(self.test.clone()),
            test_labels: self.test_labels.clone(),
            calibration_count: usize::try_from(self.calibration_count).unwrap_or(usize::MAX),
            settings: settings.to_map(),
            options: settings.into(),
            ..request
        };
        found.into_result(Sweep { request, vary })
    }
}

/// Shows cell and stage on a terminal.
struct Watch {
    bar: ProgressBar,
    cell: String,
    known: usize,
}

impl Watcher for Watch {
    fn stage(&mut self, name: &'static str) {
        self.bar.finish_and_clear();
        self.bar = progress::spinner();
        self.bar.set_message(format!("{} {name}", self.cell));
    }

    fn progress(&mut self, done: usize, all: usize) {
        if self.bar.length() != Some(all as u64) {
            let message = self.bar.message();
            self.bar.finish_and_clear();
            self.bar = progress::bar(all as u64, "core-ops");
            self.bar.set_message(message);
        }
        self.bar.set_position(done as u64);
    }
}

impl SweepWatcher for Watch {
    fn begins(&mut self, index: usize, all: usize, values: &[String]) {
        self.cell = format!("cell {}/{all} ({})", index + 1, values.join(", "));
    }

    fn ends(&mut self, cell: &Cell, known: bool) {
        self.known += usize::from(known);
        // A line a cell, as soon as it is known, for those who watch.
        if !known && !self.bar.is_hidden() {
            let line = match &cell.outcome {
                Outcome::Figures(f) => format!(
                    "{}: agreement {}, {} cores, {:.1} s",
                    self.cell,
                    figure(f.agreement),
                    f.cores,
                    f.seconds
                ),
                Outcome::Refused(refusal) => format!("{}: refused, {}", self.cell, refusal.rule),
            };
            self.bar.suspend(|| eprintln!("{line}"));
        }
    }
}

fn figure(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{share:.4}"))
}

/// The table in short: no times, so that the same arguments print the same.
fn summary(table: &Table, known: usize, args: &Args) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let names = table.vary.iter().map(|vary| vary.name());
    let figures = ["agreement", "at least", "accuracy", "cores", "image bytes", "RAM words", "worst SNR"];
    rows.push(names.chain(figures.map(str::to_owned)).collect());
    for cell in &table.cells {
        let mut row = cell.values.clone();
        match &cell.outcome {
            Outcome::Figures(f) => row.extend([
                figure(f.agreement),
                figure(f.agreement_low),
                figure(f.accuracy),
                f.cores.to_string(),
                f.image_bytes.to_string(),
                f.ram_words.to_string(),
                f.worst_snr_db.map_or("-".to_owned(), |snr| format!("{snr:.1} dB")),
            ]),
            Outcome::Refused(refusal) => {
                row.push(format!("{}: {}: {}", refusal.code, refusal.place, refusal.rule))
            }
        }
        rows.push(row);
    }
    // The text of a refusal runs past the columns and widens none.
    let columns = rows[0].len();
    let width = |at: usize| {
        let cells = rows.iter().filter(|row| row.len() == columns || at + 1 < row.len());
        cells.map(|row| row[at].chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let padded: Vec<String> =
            row.iter().zip(&widths).map(|(item, &width)| format!("{item:width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    let first = table.cells.iter().find_map(|cell| cell.figures());
    if let Some(golden) = first.and_then(|figures| figures.golden_accuracy) {
        text.push_str(&format!("golden model: accuracy {golden:.4}\n"));
    }
    let refused = table.cells.iter().filter(|cell| cell.figures().is_none()).count();
    text.push_str(&format!("{} cells, {refused} refused, {known} known before\n", table.cells.len()));
    for path in [Some(&args.output), args.csv.as_ref(), args.svg.as_ref()].into_iter().flatten() {
        text.push_str(&format!("{}\n", path.display()));
    }
    text
}
