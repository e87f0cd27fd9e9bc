//! Trained perceptrons that nobody on this project wrote, on their stored inputs.

use std::io::Write;
use std::path::{Path, PathBuf};

use spandrel::samples::{ArrayData, read_named};
use spandrel_tract_oracle::compare::compare;

/// Networks of the data folder that consist of supported operators only, and whether their batch is open.
const NETWORKS: [(&str, bool); 9] = [
    ("mnist_fc_256x2", false),
    ("mnist_mlp2x10", true),
    ("tinymaix_mnist_fc", true),
    ("mnist_ffnn_sigmoid_6x200", false),
    ("acasxu_1_1", false),
    ("acasxu_3_3", false),
    ("acasxu_5_9", false),
    ("hls4ml_three_layer_keras", false),
    ("mlperf_tiny_ad_autoencoder_float", true),
];

/// The folder named by `SPANDREL_DATA`, else the one beside the repository; `None`, with a notice, when there is none.
fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("SPANDREL_DATA").map_or(beside, PathBuf::from);
    if folder.join("onnx").is_dir() {
        return Some(folder);
    }
    // Straight to the stream: the test harness would keep back what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "NOTICE: trained networks were not compared with tract: {} is not there; name the folder with SPANDREL_DATA",
        folder.display()
    );
    None
}

#[test]
fn values_of_trained_networks_equal_those_of_tract() {
    let Some(data) = data() else { return };
    let mut failures = Vec::new();
    for (name, whole_batch) in NETWORKS {
        let file = std::fs::read(data.join(format!("onnx/{name}.onnx"))).expect("a model");
        let stored = read_named(&data.join(format!("onnx/golden/{name}.npz")), "x").expect("inputs");
        let ArrayData::F32(input) = stored.data else { panic!("{name}: the inputs are not f32") };
        match compare(&file, &input, whole_batch) {
            Ok(found) => {
                println!("{name}: {found:?}");
                assert!(!found.not_optimised, "{name}: tract did not optimise the model");
            }
            Err(error) => failures.push(format!("{name}: {error}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
