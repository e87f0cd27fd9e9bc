//! `spandrel compile`: a network, a chip and samples become an image and a report.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use spandrel_core::image::Image;

use super::{Done, compile_spiking, inputs::Inputs, inspect, keep, output, print, progress};
use crate::budget;
use crate::chips;
use crate::compile::{Compiled, PRODUCTS, Request, Watcher, compile as run};
use crate::confidence::Interval;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::notes::Notes;
use crate::report::Report;
use crate::samples::write_atomic;
use crate::settings::{self, Settings};
use crate::spikes;

/// The name of the finished image among the stages of `--dump`.
const IMAGE: &str = "image";

#[derive(clap::Args)]
#[command(after_long_help = settings::help())]
pub(super) struct Args {
    /// The network: an ONNX file, a spiking one in NIR's form (.nir), or lava-dl's (.net)
    model: PathBuf,
    /// A built-in chip (`spandrel chips` lists them), or a description file that ends in .toml
    #[arg(long, value_name = "NAME|FILE.toml")]
    chip: String,
    /// Calibration samples: .npz (array x or images; of several inputs an array named after each; labels y or
    /// labels), .npy, idx, each also gzip-compressed
    #[arg(long, value_name = "FILE")]
    samples: PathBuf,
    /// Their labels, when the samples' file holds none or others are meant
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Test samples: evaluated when the image is ready, they change nothing in it
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Their labels
    #[arg(long, value_name = "FILE", requires = "test")]
    test_labels: Option<PathBuf>,
    /// How many of the test samples, from the first on, are left out: for a file whose first samples calibrate
    #[arg(long, value_name = "N", requires = "test", default_value = "0")]
    test_skip: usize,
    /// The class of the network that label 0, 1, … of the files stands for, when the two count in different orders
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    classes: Option<Vec<u32>>,
    /// How many of the samples, from the first on, calibrate
    #[arg(long, value_name = "N", default_value = "1024", value_parser = clap::value_parser!(u64).range(1..))]
    calibration_count: u64,
    #[command(flatten)]
    inputs: Inputs,
    /// Where the image goes [default: the model's name with .spandrel, in the current folder]
    #[arg(short, long, value_name = "IMAGE")]
    output: Option<PathBuf>,
    /// Where the report goes, as JSON
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Measure what each limit of the chip costs, by compiling again with that limit lifted: a table, and `budget` in the report
    #[arg(long)]
    budget: bool,
    /// Print the text form of a stage's product
    #[arg(long, value_name = "STAGE", value_parser = PossibleValuesParser::new(PRODUCTS.into_iter().chain([IMAGE])))]
    dump: Vec<String>,
    /// Change a setting; `spandrel compile --help` lists them all
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// One JSON object as the last line of standard output
    #[arg(long)]
    json: bool,
}

pub(super) fn compile(args: &Args) -> Result<Done> {
    let (request, output) = args.request()?;
    let mut watch = Watch { dumps: &args.dump, bar: progress::spinner() };
    if let Some(made) = spikes::compile_for(&request, &chips::find(&request.chip)?, &mut watch) {
        watch.bar.finish_and_clear();
        return compile_spiking::done(&made?, &output, args.report.as_deref(), args.json);
    }
    let made = run(&request, &mut watch).and_then(|mut compiled| {
        if args.budget {
            // The dumps are of what goes into the image.
            watch.dumps = &[];
            compiled.report.budget = Some(budget::measure(&request, &compiled, &mut watch)?);
        }
        Ok(compiled)
    });
    watch.bar.finish_and_clear();
    let compiled = made?;
    if args.dump.iter().any(|stage| stage == IMAGE) {
        print(&image_text(&compiled));
    }
    let report = json!(compiled.report);
    write(&compiled.image, &report, &output, args.report.as_deref())?;
    print(&summary(&compiled.report, &output, args.report.as_deref()));
    if let Some(budget) = &compiled.report.budget {
        print(&budget::text(budget));
    }
    Done::passed(args.json.then_some(report))
}

impl Args {
    /// What to compile, and where the image goes; everything that can be refused before any work is, at once.
    fn request(&self) -> Result<(Request, PathBuf)> {
        let mut found = Diagnostics::default();
        let settings =
            keep(Settings::parse(self.set.iter().map(String::as_str)), &mut found).unwrap_or_default();
        let mut request = Request::new(&self.model, &self.chip, &self.samples);
        self.inputs.apply(&mut request, &mut found);
        keep(chips::find(&self.chip), &mut found);
        let inputs = [Some(&self.model), Some(&self.samples), self.labels.as_ref(), self.test.as_ref()];
        let inputs: Vec<&PathBuf> = inputs.into_iter().chain([self.test_labels.as_ref()]).flatten().collect();
        for path in &inputs {
            if let Err(error) = File::open(path) {
                found.push(Diagnostic::read(path, &error));
            }
        }
        let output = match &self.output {
            Some(path) => path.clone(),
            None => PathBuf::from(self.model.file_stem().unwrap_or_default()).with_extension("spandrel"),
        };
        for path in [Some(&output), self.report.as_ref()].into_iter().flatten() {
            keep(output::check(path, inputs.iter().copied()), &mut found);
        }
        if self.report.as_ref() == Some(&output) {
            let rule = "image and report have the same name";
            found.push(Diagnostic::error("SP0004", output.display().to_string(), rule, "name two files"));
        }
        let request = Request {
            labels: self.labels.clone(),
            test: self.test.clone(),
            test_labels: self.test_labels.clone(),
            test_skip: self.test_skip,
            classes: self.classes.clone(),
            calibration_count: usize::try_from(self.calibration_count).unwrap_or(usize::MAX),
            settings: settings.to_map(),
            options: settings.into(),
            ..request
        };
        found.into_result((request, output))
    }
}

/// Shows the stages on a terminal and prints the text forms that are asked for.
struct Watch<'a> {
    dumps: &'a [String],
    bar: ProgressBar,
}

impl Watcher for Watch<'_> {
    fn stage(&mut self, name: &'static str) {
        self.bar.finish_and_clear();
        self.bar = progress::spinner();
        self.bar.set_message(name);
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

    fn product(&mut self, name: &'static str, text: &dyn Fn() -> String) {
        if self.dumps.iter().any(|stage| stage == name) {
            self.bar.suspend(|| print(&text()));
        }
    }

    fn warning(&mut self, warning: &Diagnostic) {
        self.bar.suspend(|| Diagnostics::from(warning.clone()).eprint());
    }
}

fn image_text(compiled: &Compiled) -> String {
    match Image::parse(&compiled.image) {
        Ok(image) => inspect::text(&compiled.image, &image, Notes::of(&image, IMAGE).ok().as_ref()),
        Err(error) => format!("{error}\n"),
    }
}

/// The report first: when the image, which matters, can not be written, the report is taken back.
pub(super) fn write(image: &[u8], report: &Value, output: &Path, report_path: Option<&Path>) -> Result<()> {
    if let Some(path) = report_path {
        write_atomic(path, format!("{report:#}\n").as_bytes())?;
    }
    write_atomic(output, image).inspect_err(|_| {
        if let Some(path) = report_path {
            // The first error is the one to report.
            let _ = std::fs::remove_file(path);
        }
    })
}

fn summary(report: &Report, output: &Path, report_path: Option<&Path>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:14} {value}\n"));
    let on = format!("on {} {} samples", report.samples, report.evaluated_on);
    let share = |share: f64| format!("{share:.4} {on}");
    if let Some(accuracy) = report.golden_accuracy {
        line("before", format!("accuracy {} (golden model)", share(accuracy)));
    }
    if let Some(accuracy) = report.accuracy {
        line("after", format!("accuracy {} (image)", share(accuracy)));
    }
    let ends = |ends: Interval| format!("95 % {:.4} to {:.4}", ends.low, ends.high);
    let shares = &report.confidence;
    if let Some(agreement) = report.agreement {
        let interval = shares.agreement.map_or(String::new(), |found| format!(" ({})", ends(found)));
        line("agreement", format!("{}{interval}", share(agreement)));
        line("bound", shares.need());
        if let Some(found) = shares.difference {
            line("difference", format!("95 % {:+.4} to {:+.4} (after less before)", found.low, found.high));
        }
    } else if let Some(error) = report.max_abs_error {
        line("largest error", format!("{error:.6} {on}"));
    }
    line("chip", format!("{}, {} cores: {}", report.chip, report.cores, report.costs.roles()));
    if let Some(text) = report.costs.figures() {
        line("costs", text);
    }
    line("image", format!("{} ({} bytes)", output.display(), report.image_bytes));
    line("memory", format!("{} bytes for the machine", report.ram_bytes));
    line("digest", report.image_digest.clone());
    if let Some(path) = report_path {
        line("report", path.display().to_string());
    }
    line("time", format!("{:.2} s", report.seconds));
    text
}
