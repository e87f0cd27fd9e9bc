//! Measurements on trained networks that other people published: not in this repository, so only where the folder exists.

use std::fs;
use std::path::{Path, PathBuf};

use crate::json::{member, number};
use crate::process::{Result, announce, cargo, demand, last_line, root, spandrel};

/// The networks: ONNX files in `onnx/`. All take MNIST images whose bytes are scaled by 1/255.
const NETWORKS: [&str; 4] =
    ["tinymaix_mnist_fc", "mnist_mlp2x10", "mnist_fc_256x2", "mnist_ffnn_sigmoid_6x200"];

/// How the weights are rounded: the first is what the compiler does unless told otherwise, the others are plain
/// rounding to the nearest on one signal a value.
const ROUNDINGS: [&[&str]; 3] = [
    &["tune=full"],
    &["tune=nearest", "encode.signals=1", "encode.output=1"],
    &["tune=nearest-one-scale", "encode.signals=1", "encode.output=1"],
];

/// One compilation.
struct Row {
    accuracy: f64,
    agreement: f64,
    object: String,
}

/// Compiles, verifies and runs all networks, and prints the table of README.md.
///
/// # Errors
/// The data are not there, or a step failed.
pub(crate) fn data(folder: Option<&str>) -> Result<()> {
    let folder = locate(folder)?;
    let out = root().join("out");
    fs::create_dir_all(&out).map_err(|error| format!("{} can not be made: {error}", out.display()))?;
    demand(cargo().args(["build", "--release", "--package", "spandrel"]), "building")?;
    let mut failed = Vec::new();
    let mut table = String::from(
        "| network | golden | image | agreement | nearest, scale per column | nearest, one scale per layer | cores | image | machine memory | compile | verify | engines |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for network in NETWORKS {
        let image = out.join(network).with_extension("spandrel");
        let mut rows = Vec::new();
        // The image that stays is that of the first rounding: it is compiled last.
        for rounding in ROUNDINGS.iter().rev() {
            rows.insert(0, compile(&folder, network, rounding, &image)?);
        }
        let [full, nearest, plain] = rows.as_slice() else { return Err("three compilations".into()) };
        let of = |name: &str| number(&full.object, name).unwrap_or(f64::NAN);
        let claims = verify(&folder, network, &image)?;
        let digests = [run(&folder, network, &image, "fast")?, run(&folder, network, &image, "core")?];
        let engines = if digests[0] == digests[1] { "equal" } else { "DIFFER" };
        if claims != "passed" || engines != "equal" {
            failed.push(network);
        }
        let pair = |row: &Row| format!("{:.2} (agrees {:.2})", row.accuracy * 100.0, row.agreement * 100.0);
        table.push_str(&format!(
            "| {network} | {:.2} | {:.2} | {:.2} | {} | {} | {} | {:.0} KiB | {:.1} KiB | {:.1} s, {:.0} MiB | {claims} | {engines} |\n",
            of("golden_accuracy") * 100.0,
            full.accuracy * 100.0,
            full.agreement * 100.0,
            pair(nearest),
            pair(plain),
            of("cores"),
            of("image_bytes") / 1024.0,
            of("ram_bytes") / 1024.0,
            of("seconds"),
            of("peak_memory_bytes") / 1_048_576.0,
        ));
    }
    println!(
        "\nPer cent of the first 5,000 MNIST test images; calibrated on the first 1,024 training images.\n\n{table}"
    );
    if failed.is_empty() { Ok(()) } else { Err(format!("a check failed: {}", failed.join(", "))) }
}

/// The folder of the data: `folder`, or what `SPANDREL_DATA` names, or `../shared/data`.
///
/// # Errors
/// It does not exist.
pub(crate) fn locate(folder: Option<&str>) -> Result<PathBuf> {
    let folder = match folder {
        Some(folder) => PathBuf::from(folder),
        None => {
            std::env::var_os("SPANDREL_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from)
        }
    };
    folder.canonicalize().map_err(|error| {
        let way_out = "set SPANDREL_DATA to the folder that holds conformance/, datasets/ and onnx/";
        format!("the data are not here: {}: {error}; {way_out}", folder.display())
    })
}

/// Where a file of the data set lies.
fn mnist(folder: &Path, name: &str) -> String {
    folder.join("datasets/mnist").join(name).display().to_string()
}

fn model(folder: &Path, network: &str) -> String {
    folder.join("onnx").join(network).with_extension("onnx").display().to_string()
}

fn compile(folder: &Path, network: &str, settings: &[&str], image: &Path) -> Result<Row> {
    let (model, image) = (model(folder, network), image.display().to_string());
    let [samples, test, labels] = ["train10k-images", "t10k-A-images", "t10k-A-labels"].map(|name| {
        let rank = if name.ends_with("labels") { 1 } else { 3 };
        mnist(folder, &format!("{name}-idx{rank}-ubyte.gz"))
    });
    let mut arguments = vec![
        "compile",
        &model,
        "--chip",
        "prime",
        "--samples",
        &samples,
        "--test",
        &test,
        "--test-labels",
        &labels,
        "-o",
        &image,
        "--json",
    ];
    settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    let object = call(&arguments)?.ok_or_else(|| format!("{network} does not compile"))?;
    let of = |name: &str| number(&object, name).ok_or_else(|| format!("{network}: no {name} in {object}"));
    Ok(Row { accuracy: of("accuracy")?, agreement: of("agreement")?, object })
}

fn verify(folder: &Path, network: &str, image: &Path) -> Result<String> {
    let (model, image) = (model(folder, network), image.display().to_string());
    let samples = mnist(folder, "train10k-images-idx3-ubyte.gz");
    let arguments =
        ["verify", &image, "--model", &model, "--samples", &samples, "--require", "C1,C2,C3,C6", "--json"];
    let object = call(&arguments)?.unwrap_or_default();
    Ok(if member(&object, "passed") == Some("true") { "passed" } else { "FAILED" }.to_owned())
}

fn run(folder: &Path, network: &str, image: &Path, engine: &str) -> Result<String> {
    let image = image.display().to_string();
    let inputs = mnist(folder, "t10k-A-images-idx3-ubyte.gz");
    let object =
        call(&["run", &image, "--inputs", &inputs, "--engine", engine, "--json"])?.unwrap_or_default();
    member(&object, "output_digest")
        .map(str::to_owned)
        .ok_or_else(|| format!("{network}: {engine} gives no digest"))
}

/// The JSON object that a call ends with; `None` when the call fails.
fn call(arguments: &[&str]) -> Result<Option<String>> {
    announce(&format!("spandrel {}", arguments.join(" ")));
    let (succeeded, object) = last_line(&mut spandrel(arguments))?;
    println!("{}", object.chars().take(400).collect::<String>());
    Ok(succeeded.then_some(object))
}
