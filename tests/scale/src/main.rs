//! A generated network as large as VGG-16: written, compiled, run once, and compared with the core at sampled signals.
//!
//! `spandrel-scale FOLDER [--image 224] [--base 64] [--dense 4096] [--chip tpu] [--set KEY=VALUE]...` writes model and images
//! into FOLDER, lets the command `spandrel` beside this program compile them (so that time and memory are a process's own),
//! runs one inference, and prints one JSON object.

mod images;
mod model;
mod sample;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use spandrel::engine::{ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::image::Image;

/// Of weights and images.
const SEED: u64 = 20_161;
/// Images that calibrate, and images that are evaluated.
const CALIBRATING: u64 = 4;
const TESTED: u64 = 2;
/// Signals of each layer that the core computes again.
const SAMPLED: u64 = 2048;

struct Arguments {
    folder: PathBuf,
    size: model::Size,
    chip: String,
    settings: Vec<String>,
}

fn arguments() -> Option<Arguments> {
    let mut list = std::env::args().skip(1);
    let folder = PathBuf::from(list.next()?);
    let mut size = model::Size { image: 224, base: 64, dense: 4096 };
    let (mut chip, mut settings) = ("tpu".to_owned(), Vec::new());
    while let Some(name) = list.next() {
        let value = list.next()?;
        match name.as_str() {
            "--image" => {
                size.image = value.parse().ok().filter(|n: &usize| *n > 0 && n.is_multiple_of(32))?
            }
            "--base" => size.base = value.parse().ok().filter(|n| *n > 0)?,
            "--dense" => size.dense = value.parse().ok().filter(|n| *n > 0)?,
            "--chip" => chip = value,
            "--set" => settings.push(value),
            _ => return None,
        }
    }
    Some(Arguments { folder, size, chip, settings })
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!(
            "usage: spandrel-scale FOLDER [--image N] [--base N] [--dense N] [--chip C] [--set KEY=VALUE]"
        );
        return ExitCode::from(2);
    };
    match run(&arguments) {
        Ok(found) => {
            println!("{found}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("spandrel-scale: {text}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Value, String> {
    let Arguments { folder, size, chip, settings } = arguments;
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    std::fs::create_dir_all(folder).map_err(|e| failed("the folder", &e))?;
    let name = format!("vgg16-{}-{}-{}", size.image, size.base, size.dense);
    let path = |end: &str| folder.join(format!("{name}{end}"));
    let (model, samples, test) = (path(".onnx"), path(".calibration.npy"), path(".test.npy"));
    let image_file = path(&format!(".{chip}.spandrel"));
    let start = Instant::now();
    model::write(&model, *size, SEED).map_err(|e| failed("the model", &e))?;
    images::write(&samples, size.image, SEED, 0, CALIBRATING).map_err(|e| failed("the images", &e))?;
    images::write(&test, size.image, SEED, CALIBRATING, TESTED).map_err(|e| failed("the images", &e))?;
    let written = start.elapsed().as_secs_f64();

    let report = compile(&[&model, &samples, &test, &image_file], chip, settings)?;
    let bytes = std::fs::read(&image_file).map_err(|e| failed("the image", &e))?;
    let image = Image::parse(&bytes).map_err(|e| failed("the image", &e))?;

    let raw = std::fs::read(&test).map_err(|e| failed("the images", &e))?;
    let length = 3 * size.image * size.image;
    let first = &raw[raw.len() - TESTED as usize * length..][..length];
    let batch = RawBatch::new(RawData::U8(first), length).map_err(|e| failed("the sample", &e))?;
    let mut engine = FastEngine::new(&image, Options::default()).map_err(|e| failed("the engine", &e))?;
    let start = Instant::now();
    let outputs = engine.run_batch(&batch).map_err(|e| failed("the engine", &e))?;
    let cold = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let again = engine.run_batch(&batch).map_err(|e| failed("the engine", &e))?;
    let warm = start.elapsed().as_secs_f64();
    if again.sample(0) != outputs.sample(0) {
        return Err("the same sample gives two results".into());
    }
    let mut compared = None;
    let start = Instant::now();
    engine
        .observe(&batch, &mut (), &mut |_, state| {
            compared = Some(sample::compare(&image, state, SAMPLED, SEED));
        })
        .map_err(|e| failed("the engine", &e))?;
    let compared = compared.ok_or("nothing was compared")??;
    let signals: u64 = compared.values().map(|c| c.signals).sum();
    let wrong: u64 = compared.values().map(|c| c.wrong).sum();
    let least = compared.values().map(|c| c.signals).min().unwrap_or(0);
    if wrong > 0 {
        return Err(format!(
            "{wrong} of {signals} signals differ between fast engine and core: {compared:?}"
        ));
    }
    let size_of = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
    Ok(json!({
        "parameters": model::parameters(*size),
        "products": model::products(*size),
        "model_bytes": size_of(&model),
        "written_seconds": written,
        "compile": report,
        "first_inference_seconds": cold,
        "inference_seconds": warm,
        "compared_layers": compared.len(),
        "compared_signals": signals,
        "compared_least": least,
        "compared_wrong": wrong,
        "compared_seconds": start.elapsed().as_secs_f64(),
    }))
}

/// What `spandrel compile --json` printed.
fn compile(
    [model, samples, test, image]: &[&PathBuf; 4],
    chip: &str,
    settings: &[String],
) -> Result<Value, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let command = own.with_file_name("spandrel");
    let mut call = Command::new(&command);
    call.arg("compile")
        .arg(model)
        .args(["--chip", chip])
        .arg("--samples")
        .arg(samples)
        .arg("--test")
        .arg(test);
    call.arg("-o").arg(image).args(["--scale", "1", "--mean", "118", "--std", "62", "--json"]);
    settings.iter().for_each(|setting| {
        call.args(["--set", setting]);
    });
    let output = call
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}; build the package spandrel first", command.display()))?;
    if !output.status.success() {
        return Err("the network is refused".into());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(text.lines().last().unwrap_or_default()).map_err(|error| error.to_string())
}
