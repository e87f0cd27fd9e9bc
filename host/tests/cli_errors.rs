//! What the command refuses: the whole text, the exit code, and that nothing is left behind.

mod cli_common;
mod common;

use cli_common::{Folder, same_as_golden};
use common::Model;
use spandrel::samples::ArrayData;

/// x [N, 4] to y [N, 2] by one matrix, with a ReLU unless `op` names something else.
fn network(op: &str, weight: f32) -> Vec<u8> {
    Model::new(13)
        .input("x", &[0, 4])
        .output("y")
        .floats("w", &[4, 2], &[weight, 1.0, -1.0, 0.5, 0.25, 0.5, 0.75, -0.5])
        .node("MatMul", "fc", &["x", "w"], &["a"], &[])
        .node(op, "last", &["a"], &["y"], &[])
        .bytes()
}

/// A folder with a network, samples, and files that are at fault in one way each.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("net.onnx", network("Relu", 1.0));
    folder.write("unique.onnx", network("Unique", 1.0));
    folder.write("nan.onnx", network("Relu", f32::NAN));
    folder.write("text.onnx", "This is no model.\n");
    folder.write(
        "damaged.spandrel",
        "SPANDREL but not really an image: it is too short and has no header at all.\n",
    );
    folder.write("five.toml", include_str!("../../hwdesc/tests/golden/five-mistakes.toml"));
    folder.npz("x.npz", &[8, 4], ArrayData::U8((0..32).map(|i| i * 8).collect()));
    folder.npz("wide.npz", &[8, 3, 3], ArrayData::U8(vec![1; 72]));
    folder.npz("none.npz", &[0, 4], ArrayData::U8(vec![]));
    folder.npz("nan.npz", &[1, 4], ArrayData::F32(vec![0.0, 1.0, f32::NAN, 2.0]));
    folder
}

/// Runs `arguments`, which must be refused as the golden text `name` says, leave no file behind, and give the same errors as
/// JSON when asked.
fn refused(name: &str, arguments: &str) {
    let folder = folder(name);
    let before = folder.contents();
    let ended = folder.spandrel(arguments);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert_eq!(ended.out, "", "errors belong on standard error");
    assert!(folder.contents() == before, "files were left behind or changed");
    same_as_golden(&format!("{name}.txt"), &format!("$ spandrel {arguments}\n{}", ended.err));
    if arguments.contains(".onnx") || arguments.contains(".spandrel") {
        let again = folder.spandrel(&format!("{arguments} --json"));
        assert_eq!((again.code, &again.err), (2, &ended.err));
        assert_eq!(again.out.lines().count(), 1);
        let object = again.json();
        let errors = object["error"].as_array().expect("a list of errors");
        assert!(!errors.is_empty());
        for error in errors {
            for field in ["code", "severity", "place", "rule", "way_out"] {
                assert!(error[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {error}");
            }
        }
    }
}

/// `compile` with everything right but for what `arguments` name.
fn compile(name: &str, arguments: &str) {
    refused(name, &format!("compile {arguments} -o out.spandrel --report out.json"));
}

#[test]
fn model_missing() {
    compile("model-missing", "gone.onnx --chip prime --samples x.npz");
}

#[test]
fn not_onnx() {
    compile("not-onnx", "text.onnx --chip prime --samples x.npz");
}

#[test]
fn operator_lacking() {
    compile("operator-lacking", "unique.onnx --chip prime --samples x.npz");
}

#[test]
fn samples_of_wrong_shape() {
    compile("samples-wrong-shape", "net.onnx --chip prime --samples wide.npz");
}

#[test]
fn nan_weights() {
    compile("nan-weights", "nan.onnx --chip prime --samples x.npz");
}

#[test]
fn nan_samples() {
    compile("nan-samples", "net.onnx --chip prime --samples nan.npz");
}

#[test]
fn zero_samples() {
    compile("zero-samples", "net.onnx --chip prime --samples none.npz");
}

#[test]
fn unknown_chip() {
    compile("unknown-chip", "net.onnx --chip prim --samples x.npz");
}

#[test]
fn chip_file_with_five_mistakes() {
    compile("chip-five-mistakes", "net.onnx --chip five.toml --samples x.npz");
}

#[test]
fn unknown_setting() {
    compile("unknown-setting", "net.onnx --chip prime --samples x.npz --set tune.sed=1 --set tune=best");
}

#[test]
fn zero_std() {
    compile("zero-std", "net.onnx --chip prime --samples x.npz --std 0 --scale 1,NaN");
}

#[test]
fn no_calibration() {
    compile("no-calibration", "net.onnx --chip prime --samples x.npz --calibration-count 0");
}

#[test]
fn all_at_once() {
    compile("all-at-once", "gone.onnx --chip memristor --samples gone.npz --layout nhwc --set x=1");
}

#[test]
fn unwritable_output() {
    refused("unwritable-output", "compile net.onnx --chip prime --samples x.npz -o nowhere/out.spandrel");
}

#[cfg(unix)]
#[test]
fn output_in_place_of_a_device() {
    refused("output-device", "compile net.onnx --chip prime --samples x.npz -o /dev/null");
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn output_over_input() {
    refused("output-over-input", "compile net.onnx --chip prime --samples x.npz -o x.npz --report net.onnx");
}

#[test]
fn test_samples_of_wrong_shape() {
    compile("test-wrong-shape", "net.onnx --chip prime --samples x.npz --test wide.npz");
}

#[test]
fn unknown_verb() {
    refused("unknown-verb", "complie net.txt");
}

#[test]
fn no_verb() {
    refused("no-verb", "");
}

#[test]
fn missing_arguments() {
    refused("missing-arguments", "compile net.onnx");
}

#[test]
fn damaged_image() {
    refused("damaged-image", "run damaged.spandrel --inputs gone.npz");
    refused("damaged-image-inspect", "inspect damaged.spandrel");
    refused("damaged-image-verify", "verify damaged.spandrel --require C1,C9");
}

#[test]
fn chip_to_show_unknown() {
    refused("chips-unknown", "chips Prime");
}
