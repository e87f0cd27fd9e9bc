//! Every network of the data folder on several chips: the table of docs/networks.md.
//!
//! Rows are kept one by one under `out/networks/`, so that an interrupted run goes on where it stopped; a row is made again when
//! its file is deleted.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::data::locate;
use crate::json::{member, number};
use crate::process::{Result, announce, cargo, demand, root, spandrel};

/// Chips, in the table's order.
const CHIPS: [&str; 3] = ["prime", "tianji-ann", "tpu"];

/// Where a network's samples come from.
#[derive(Clone, Copy)]
enum Samples {
    /// MNIST: first 1,024 training images, 5,000 test images.
    Mnist,
    /// CIFAR-10: 1,000 training images, 500 test images.
    Cifar,
    /// Keyword features: the first 64 of the 500 test recordings calibrate, since there are no training features.
    Keywords,
    /// The recorded inputs beside the network, for lack of any others.
    Golden,
}

/// A network: file, samples, what the command is told of the preprocessing, settings of single chips.
struct Network {
    name: &'static str,
    samples: Samples,
    given: &'static [&'static str],
    /// Whether the labels of the data count in the network's own order.
    labelled: bool,
}

const fn network(name: &'static str, samples: Samples, given: &'static [&'static str]) -> Network {
    Network { name, samples, given, labelled: true }
}

const NCHW: [&str; 2] = ["--layout", "nhwc:nchw"];

const NETWORKS: [Network; 31] = [
    network("tinymaix_mnist_fc", Samples::Mnist, &[]),
    network("mnist_mlp2x10", Samples::Mnist, &[]),
    network("mnist_mlp5x20_leaky_relu", Samples::Mnist, &[]),
    network("mnist_fc_256x2", Samples::Mnist, &[]),
    network("mnist_ffnn_sigmoid_6x200", Samples::Mnist, &[]),
    network("mnist_convnet_maxpool", Samples::Mnist, &[]),
    network("mnist_cntk_conv", Samples::Mnist, &["--scale", "1"]),
    network("mnist_cnn_max_mninst2", Samples::Mnist, &[]),
    network("tinymaix_mnist_valid", Samples::Mnist, &[]),
    network("tinymaix_mnist_dw", Samples::Mnist, &[]),
    network("qonnx_TFC_1W1A", Samples::Mnist, &[]),
    network("qonnx_TFC_2W2A", Samples::Mnist, &[]),
    network("cifar10_marabou_small", Samples::Cifar, &[]),
    network(
        "cifar10_oval_base",
        Samples::Cifar,
        &[NCHW[0], NCHW[1], "--mean", "0.485,0.456,0.406", "--std", "0.225,0.225,0.225"],
    ),
    network(
        "cifar10_resnet_2b",
        Samples::Cifar,
        &[NCHW[0], NCHW[1], "--mean", "0.4914,0.4822,0.4465", "--std", "0.2471,0.2435,0.2616"],
    ),
    network("mlperf_tiny_resnet8_float", Samples::Cifar, &["--scale", "1"]),
    network("mlperf_tiny_resnet8_int8_qdq", Samples::Cifar, &["--scale", "1", "--mean", "128"]),
    network("mlperf_tiny_kws_dscnn_int8_qdq", Samples::Keywords, &["--scale", "1"]),
    Network {
        name: "arm_kws_cnn_s",
        samples: Samples::Keywords,
        given: &["--scale", "0.29235145", "--mean", "24.26517"],
        labelled: false,
    },
    Network {
        name: "arm_kws_basic_lstm_s",
        samples: Samples::Keywords,
        given: &["--scale", "0.46776232", "--mean", "38.824273"],
        labelled: false,
    },
    network("arm_kws_gru_s", Samples::Golden, &[]),
    network("qonnx_kwsmlp_w3a3", Samples::Golden, &[]),
    network("mlperf_tiny_ad_autoencoder_float", Samples::Golden, &[]),
    network("mlperf_tiny_vww_float", Samples::Golden, &[]),
    network("acasxu_1_1", Samples::Golden, &[]),
    network("acasxu_3_3", Samples::Golden, &[]),
    network("acasxu_5_9", Samples::Golden, &[]),
    network("hls4ml_conv1d_small_keras", Samples::Golden, &[]),
    network("hls4ml_three_layer_keras", Samples::Golden, &[]),
    network("marabou_KJ_TinyTaxiNet", Samples::Golden, &[]),
    network("espcn_subpixel_float", Samples::Golden, &[]),
];

/// A column of the table: what it is called, and the settings.
const WAYS: [(&str, &[&str]); 2] = [
    ("nearest", &["tune=nearest", "encode.signals=1", "encode.output=1", "encode.input=1"]),
    ("full", &["tune=full"]),
];

/// Compiles all networks for all chips, and writes docs/networks.md. `only`: networks whose names contain it.
///
/// # Errors
/// The data are not there, or the document can not be written. A refused network is a row, not an error.
pub(crate) fn networks(only: Option<&str>) -> Result<()> {
    let folder = locate(None)?;
    let kept = root().join("out/networks");
    fs::create_dir_all(&kept).map_err(|error| format!("{} can not be made: {error}", kept.display()))?;
    demand(cargo().args(["build", "--release", "--package", "spandrel"]), "building")?;
    let mut table = String::from(
        "| network | chip | golden | nearest: accuracy (agreement) | full: accuracy | agreement | 95 % of the difference | cores | s |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for network in &NETWORKS {
        for chip in CHIPS {
            let mut rows = Vec::new();
            for (way, settings) in WAYS {
                let file = kept.join(format!("{}.{chip}.{way}.json", network.name));
                let wanted = only.is_none_or(|only| network.name.contains(only));
                if !file.exists() && wanted {
                    let text = compile(&folder, network, chip, settings)?;
                    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
                }
                rows.push(fs::read_to_string(&file).unwrap_or_default());
            }
            table.push_str(&row(network, chip, &rows[0], &rows[1]));
        }
    }
    write(&table)
}

/// What compiling printed with `--json`, or the first line of its refusal.
fn compile(folder: &Path, network: &Network, chip: &str, settings: &[&str]) -> Result<String> {
    let path = |inner: &str| folder.join(inner).display().to_string();
    let model = path(&format!("onnx/{}.onnx", network.name));
    let image = root().join("out/networks/last.spandrel").display().to_string();
    let mut arguments = vec!["compile".to_owned(), model, "--chip".to_owned(), chip.to_owned()];
    let mut give = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    match network.samples {
        Samples::Mnist => {
            give("--samples", path("datasets/mnist/train10k-images-idx3-ubyte.gz"));
            give("--test", path("datasets/mnist/t10k-A-images-idx3-ubyte.gz"));
            give("--test-labels", path("datasets/mnist/t10k-A-labels-idx1-ubyte.gz"));
        }
        Samples::Cifar => {
            give("--samples", path("datasets/cifar10/train0000-0999_lossless.npz"));
            give("--test", path("datasets/cifar10/test500_jpegA.npz"));
        }
        Samples::Keywords => {
            give("--samples", path("datasets/kws01/kws01_A_000-499.npz"));
            give("--test", path("datasets/kws01/kws01_A_000-499.npz"));
            give("--calibration-count", "64".to_owned());
        }
        Samples::Golden => give("--samples", path(&format!("onnx/golden/{}.npz", network.name))),
    }
    give("-o", image);
    network.given.iter().for_each(|part| arguments.push((*part).to_owned()));
    settings.iter().for_each(|setting| arguments.extend(["--set".to_owned(), (*setting).to_owned()]));
    arguments.push("--json".to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    announce(&format!("spandrel {}", arguments.join(" ")));
    let output = spandrel(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("spandrel does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text.lines().last().unwrap_or_default().to_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let first =
        errors.lines().find(|line| line.starts_with("error")).unwrap_or("error without a text").to_owned();
    Ok(format!("refused: {first}"))
}

fn row(network: &Network, chip: &str, nearest: &str, full: &str) -> String {
    let name = network.name;
    if nearest.is_empty() && full.is_empty() {
        return format!("| {name} | {chip} | not run | | | | | | |\n");
    }
    if let Some(why) = full.strip_prefix("refused: ") {
        return format!("| {name} | {chip} | refused: {} | | | | | | |\n", why.replace('|', "/"));
    }
    let percent = |text: &str, field: &str| match number(text, field) {
        Some(share) if network.labelled || field == "agreement" => format!("{:.2}", 100.0 * share),
        _ => "-".to_owned(),
    };
    let of = |field: &str| number(full, field).unwrap_or(f64::NAN);
    let tested = number(full, "samples").unwrap_or(f64::NAN);
    // Of a paired difference at most the disagreeing samples differ: normal approximation, its widest case.
    let difference =
        match (number(full, "accuracy"), number(full, "golden_accuracy"), number(full, "agreement")) {
            (Some(image), Some(golden), Some(agreement)) if network.labelled => {
                let middle = 100.0 * (image - golden);
                let spread = ((1.0 - agreement) - (image - golden).powi(2)).max(0.0) / tested;
                let half = 100.0 * 1.96 * spread.sqrt();
                format!("{:+.2} to {:+.2}", middle - half, middle + half)
            }
            _ => "-".to_owned(),
        };
    let regression = match (number(full, "agreement"), number(full, "max_abs_error")) {
        (None, Some(error)) => format!("largest error {error:.4}"),
        _ => percent(full, "agreement"),
    };
    let on = if member(full, "evaluated_on") == Some("\"test\"") { "" } else { " (on calibration samples)" };
    format!(
        "| {name} | {chip} | {} | {} ({}) | {} | {regression}{on} | {difference} | {:.0} | {:.1} |\n",
        percent(full, "golden_accuracy"),
        percent(nearest, "accuracy"),
        percent(nearest, "agreement"),
        percent(full, "accuracy"),
        of("cores"),
        of("seconds"),
    )
}

const BEGIN: &str = "<!-- generated by cargo xtask networks -->";
const END: &str = "<!-- end -->";

fn write(table: &str) -> Result<()> {
    let file = root().join("docs/networks.md");
    let old = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let (head, rest) = old.split_once(BEGIN).ok_or("docs/networks.md has no generated part")?;
    let (_, tail) = rest.split_once(END).ok_or("docs/networks.md has no end of its generated part")?;
    let text = format!("{head}{BEGIN}\n\n{table}\n{END}{tail}");
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))
}
