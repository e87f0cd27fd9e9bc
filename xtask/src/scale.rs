//! Time and memory of compiling, from small networks to one as large as VGG-16: the table of docs/scale.md.
//!
//! Rows are kept under `out/scale/`, so that an interrupted run goes on where it stopped; a row is made again when its file is
//! deleted.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::data::locate;
use crate::document;
use crate::json::{member, number};
use crate::networks;
use crate::process::{Result, announce, cargo, demand, last_line, root};

/// The chip.
const CHIP: &str = "tpu";
/// Trained networks of the data folder, and what they are.
const NETWORKS: [(&str, &str); 8] = [
    ("mnist_convnet_maxpool", "MNIST"),
    ("mnist_cntk_conv", "MNIST"),
    ("mnist_cnn_max_mninst2", "MNIST"),
    ("tinymaix_mnist_valid", "MNIST"),
    ("cifar10_marabou_small", "CIFAR-10"),
    ("cifar10_oval_base", "CIFAR-10"),
    ("cifar10_resnet_2b", "CIFAR-10"),
    ("mlperf_tiny_resnet8_float", "CIFAR-10"),
];

/// One epoch of examples/digits/train.py. What exports the network is not needed for that, so it need not be installed.
const EPOCH: &str = "
import sys, time, types
sys.path.insert(0, 'examples/digits')
stub = types.ModuleType('onnx')
stub.TensorProto = stub.helper = stub.numpy_helper = None
sys.modules.setdefault('onnx', stub)
import common, train
x, y = common.load_part(common.HERE, 'train')
seconds = {}
for kind in ('mlp', 'cnn'):
    settings = dict(train.SETTINGS[kind], epochs=1)
    start = time.process_time()
    train.train(kind, x, y, settings)
    seconds[kind] = time.process_time() - start
print('{\"mlp\":%.4f,\"cnn\":%.4f,\"images\":%d}' % (seconds['mlp'], seconds['cnn'], len(y)))
";

/// Measures what has no row yet and writes docs/scale.md; `arguments` go to the generated network's program. With `--table` alone
/// nothing is measured: the rows that are kept are written.
///
/// # Errors
/// A program fails, or the document can not be written. Rows that need the data folder are left out where it is not.
pub(crate) fn scale(arguments: &[String]) -> Result<()> {
    let kept = root().join("out/scale");
    fs::create_dir_all(&kept).map_err(|error| format!("{} can not be made: {error}", kept.display()))?;
    let only_kept = arguments == ["--table"];
    if !only_kept {
        let packages = ["--package", "spandrel", "--package", "spandrel-scale"];
        demand(cargo().args(["build", "--release"]).args(packages), "building")?;
    }
    let mut table = String::from(
        "| network | compile | processor time, all threads | peak memory | image | machine memory | cores |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let mut row = |name: &str, report: &str| {
        let of = |field: &str, unit: f64, digits: usize, word: &str| match number(report, field) {
            Some(value) => format!("{:.digits$} {word}", value / unit).trim_end().to_owned(),
            None => "-".to_owned(),
        };
        table.push_str(&format!(
            "| {name} | {} | {} | {} | {} | {} | {} |\n",
            of("seconds", 1.0, 1, "s"),
            of("cpu_seconds", 1.0, 1, "s"),
            of("peak_memory_bytes", 1_048_576.0, 0, "MiB"),
            of("image_bytes", 1e6, 2, "MB"),
            of("ram_bytes", 1e6, 2, "MB"),
            of("cores", 1.0, 0, ""),
        ));
    };
    match locate(None) {
        Ok(folder) => {
            for (name, kind) in NETWORKS {
                let make =
                    || if only_kept { Err(String::new()) } else { networks::by_default(&folder, name, CHIP) };
                match made(&kept, name, make) {
                    Ok(report) => row(&format!("{name} ({kind})"), &report),
                    Err(_) if only_kept => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Err(text) => println!("left out: the trained networks ({text})"),
    }
    let large = made(&kept, "vgg16", || generated(&kept, arguments))?;
    let compiled = member(&large, "compile").unwrap_or("{}");
    row("the generated network", compiled);
    let epoch = made(&kept, "epoch", || {
        announce("one epoch of examples/digits/train.py");
        let mut python = Command::new("python3");
        python.current_dir(root()).stdin(Stdio::null()).args(["-c", EPOCH]);
        let (well, line) = last_line(&mut python)?;
        if well { Ok(line) } else { Err("python3 with numpy is needed to train for an epoch".into()) }
    })?;
    let text = format!("\n{table}\n{}\n{}", about(&large, compiled), retraining(&epoch));
    document::replace("docs/scale.md", BEGIN, &text)
}

/// What a row's file holds, or what `make` gives, which is kept then.
fn made(kept: &Path, name: &str, make: impl FnOnce() -> Result<String>) -> Result<String> {
    let file = kept.join(format!("{name}.json"));
    if let Ok(text) = fs::read_to_string(&file) {
        return Ok(text);
    }
    let text = make()?;
    fs::write(&file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(text)
}

fn generated(kept: &Path, arguments: &[String]) -> Result<String> {
    announce("spandrel-scale out/scale/network");
    let mut program = Command::new(networks::built().with_file_name("spandrel-scale"));
    program.current_dir(root()).stdin(Stdio::null()).arg(kept.join("network")).args(arguments);
    let (well, line) = last_line(&mut program)?;
    if well { Ok(line) } else { Err("the generated network failed".into()) }
}

/// The generated network in words.
fn about(large: &str, compiled: &str) -> String {
    let of = |field: &str| number(large, field).unwrap_or(f64::NAN);
    let stages: Vec<String> = member(compiled, "stages")
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .split("},")
        .filter_map(|stage| {
            let stage = format!("{}}}", stage.trim_end_matches('}'));
            let seconds = number(&stage, "seconds")?;
            Some(format!("{} {seconds:.1} s", member(&stage, "stage")?.trim_matches('"')))
        })
        .collect();
    format!(
        "The generated network has {:.1} million parameters and takes {:.2} billion multiplications; its ONNX file is {:.0} MB. Stages: {}.\n\
         One inference on the fast engine takes {:.1} s, {:.1} s the first time, when weights are decoded. The core's own functions, on the values \
         that this inference left in memory, gave the same bits at {:.0} signals of {:.0} layers (at least {:.0} of each): {:.0} differ.\n",
        of("parameters") / 1e6,
        of("products") / 1e9,
        of("model_bytes") / 1e6,
        stages.join(", "),
        of("inference_seconds"),
        of("first_inference_seconds"),
        of("compared_signals"),
        of("compared_layers"),
        of("compared_least"),
        of("compared_wrong"),
    )
}

fn retraining(epoch: &str) -> String {
    let of = |field: &str| number(epoch, field).unwrap_or(f64::NAN);
    format!(
        "For comparison: one epoch of training `examples/digits` on its {:.0} images (`train.py`, one thread) takes {:.3} s of processor time for the \
         perceptron and {:.3} s for the convolutional network.\n",
        of("images"),
        of("mlp"),
        of("cnn")
    )
}

const BEGIN: &str = "<!-- generated by cargo xtask scale -->";
