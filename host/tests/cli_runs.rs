//! The whole way on the digits example: compile, run on both engines, compare with the model, inspect, verify.

mod cli_common;

use cli_common::{Folder, compile_digits};
use serde_json::Value;
use spandrel::graph::{Golden, NodeEngine, Tensor2};
use spandrel::import::read_onnx;
use spandrel::notes::Notes;
use spandrel::samples::{ArrayData, SampleData, Samples, read_named, write_npz};
use spandrel::settings::{SETTINGS, Settings, markdown};
use spandrel_core::image::Image;

/// Copies the example into the folder and compiles it; quick settings, for nothing here depends on them.
fn compiled(folder: &Folder, more: &str) -> Value {
    let ended = compile_digits(folder, "train.npz", 100, &format!("--json {more}"));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    ended.json()
}

fn run(folder: &Folder, more: &str) -> Value {
    let ended = folder.spandrel(&format!("run digits_mlp.spandrel --inputs test.npz --json {more}"));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{more}");
    ended.json()
}

/// The share of samples whose written class is the golden model's, which sees whole numbers as they are (`--scale 1`).
fn share_agreeing(folder: &Folder, outputs: &str) -> f64 {
    let graph = read_onnx(&folder.path("digits_mlp.onnx")).unwrap();
    let samples = Samples::read(&folder.path("test.npz"), None).unwrap();
    let SampleData::U8(bytes) = samples.data else { panic!() };
    let x = Tensor2::new(samples.count, 64, bytes.into_iter().map(f32::from).collect()).unwrap();
    let golden = Golden::new(&graph).output(&x).unwrap().argmax();
    let ArrayData::I32(class) = read_named(&folder.path(outputs), "class").unwrap().data else { panic!() };
    let agreeing = golden.iter().zip(&class).filter(|(g, c)| **g == c.cast_unsigned()).count();
    agreeing as f64 / class.len() as f64
}

/// The share of samples whose class, recomputed here from the written outputs, is the label.
fn share_right(folder: &Folder, outputs: &str) -> f64 {
    let labels = Samples::read(&folder.path("test.npz"), None).unwrap().labels.unwrap();
    let values = read_named(&folder.path(outputs), "values").unwrap();
    let class = read_named(&folder.path(outputs), "class").unwrap();
    let (ArrayData::I64(values), ArrayData::I32(class)) = (values.data, class.data) else { panic!() };
    let mut right = 0;
    for (sample, label) in labels.iter().enumerate() {
        let row = &values[sample * 10..][..10];
        let best = row.iter().position(|v| v == row.iter().max().unwrap()).unwrap();
        assert_eq!(best as i32, class[sample]);
        right += usize::from(best as u32 == *label);
    }
    right as f64 / labels.len() as f64
}

#[test]
fn compile_run_inspect() {
    let folder = Folder::new("runs");
    let made = compiled(&folder, "--test test.npz --report report.json");
    assert_eq!((made["evaluated_on"].as_str(), made["samples"].as_u64()), (Some("test"), Some(500)));
    assert_eq!(made["chip"], "prime");
    let bytes = std::fs::read(folder.path("digits_mlp.spandrel")).unwrap();
    assert_eq!(made["image_bytes"].as_u64(), Some(bytes.len() as u64));
    let written: Value = serde_json::from_slice(&std::fs::read(folder.path("report.json")).unwrap()).unwrap();
    assert_eq!(written, made);
    for field in ["golden_accuracy", "accuracy", "agreement", "cores", "ram_bytes", "seconds"] {
        assert!(made[field].as_f64().is_some_and(|x| x > 0.0), "{field}: {made}");
    }
    if cfg!(target_os = "linux") {
        assert!(made["peak_memory_bytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20));
    }

    // Engines, threads and blocks change nothing.
    let fast = run(&folder, "--model digits_mlp.onnx --outputs fast.npz");
    let core = run(&folder, "--engine core --threads 1 --outputs core.npz");
    assert_eq!((fast["engine"].as_str(), core["engine"].as_str()), (Some("fast"), Some("core")));
    for field in ["accuracy", "output_digest", "image_digest", "samples"] {
        assert_eq!(fast[field], core[field], "{field}");
        assert_eq!(fast[field], made[field], "{field}");
    }
    assert_eq!(
        std::fs::read(folder.path("fast.npz")).unwrap(),
        std::fs::read(folder.path("core.npz")).unwrap()
    );
    for field in ["agreement", "golden_accuracy", "max_abs_error"] {
        assert_eq!(fast[field], made[field], "{field}");
        assert!(core[field].is_null(), "{field} needs a model");
    }
    assert!((share_right(&folder, "fast.npz") - made["accuracy"].as_f64().unwrap()).abs() < 1e-9);

    assert!((share_agreeing(&folder, "fast.npz") - made["agreement"].as_f64().unwrap()).abs() < 1e-9);

    // The notes bring every setting back.
    let image = Image::parse(&bytes).unwrap();
    let notes = Notes::of(&image, "image").unwrap();
    assert_eq!(Settings::from_map(&notes.settings).unwrap(), Settings::parse(["tune=nearest"]).unwrap());
    assert_eq!((notes.model.file.as_str(), notes.samples.calibration_count), ("digits_mlp.onnx", 100));

    let ended = folder.spandrel("inspect digits_mlp.spandrel --json");
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let shown = ended.json();
    for field in ["image_digest", "image_bytes", "ram_bytes", "chip", "cores", "work"] {
        assert_eq!(shown[field], made[field], "{field}");
    }
    assert_eq!(shown["program"].as_array().unwrap().len(), image.instruction_count() as usize);
    assert_eq!(shown["configurations"].as_array().unwrap().len(), image.config_count() as usize);
    assert!(ended.out.contains("INVOKE"), "{}", ended.out);

    let ended = folder.spandrel("inspect digits_mlp.spandrel --emit c-array -o digits.h");
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let header = std::fs::read_to_string(folder.path("digits.h")).unwrap();
    assert!(
        header.contains(&format!("#define DIGITS_MLP_RAM_WORDS {}\n", image.header().ram_words)),
        "{header}"
    );
    // Ten classes on so many signals each.
    let decoder = image.decoder(0).expect("a decoder");
    let asked = (0..image.vector_count()).map(|at| image.vector(at).unwrap().inputs.len()).max().unwrap();
    assert!(header.contains(&format!("#define DIGITS_MLP_ASK_WORDS {asked}\n")), "{header}");
    assert!(header.contains(&format!("#define DIGITS_MLP_CODES {}\n", decoder.codes())), "{header}");
    let (_, array) = header.split_once(&format!("digits_mlp_image[{}]", bytes.len())).expect("the array");
    let parsed: Vec<u8> = array
        .split("0x")
        .skip(1)
        .map(|digits| u8::from_str_radix(digits.split(',').next().unwrap(), 16).unwrap())
        .collect();
    assert_eq!(parsed, bytes);
    assert_eq!(folder.spandrel("inspect digits_mlp.spandrel --emit bin -o digits.bin").code, 0);
    assert_eq!(std::fs::read(folder.path("digits.bin")).unwrap(), bytes);
    assert_eq!(folder.spandrel("inspect digits_mlp.spandrel --emit bin").code, 2);
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let (one, two) = (Folder::new("twice-1"), Folder::new("twice-2"));
    compiled(&one, "");
    compiled(&two, "-o other.image");
    assert_eq!(
        std::fs::read(one.path("digits_mlp.spandrel")).unwrap(),
        std::fs::read(two.path("other.image")).unwrap()
    );
}

/// The same digits as numbers from 0 to 1: the image takes quantised samples, and `run` quantises alike.
#[test]
fn floating_point_samples_are_quantised() {
    let folder = Folder::new("float");
    let whole = compiled(&folder, "--test test.npz");
    for name in ["train.npz", "test.npz"] {
        let mut x = read_named(&folder.path(name), "x").unwrap();
        let y = read_named(&folder.path(name), "y").unwrap();
        let ArrayData::U8(bytes) = &x.data else { panic!() };
        x.data = ArrayData::F32(bytes.iter().map(|&b| f32::from(b) / 16.0).collect());
        write_npz(&folder.path(&format!("f_{name}")), &[("x", &x), ("y", &y)]).unwrap();
    }
    let ended = folder.spandrel(
        "compile digits_mlp.onnx --chip prime --samples f_train.npz --test f_test.npz --calibration-count 100 \
         --scale 16 --set tune=nearest -o float.spandrel --json",
    );
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let made = ended.json();
    assert_eq!(made["golden_accuracy"], whole["golden_accuracy"], "the model sees the same samples");
    assert!(made["agreement"].as_f64().unwrap() > 0.9, "{made}");
    let ended = folder.spandrel("run float.spandrel --inputs f_test.npz --model digits_mlp.onnx --json");
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    for field in ["accuracy", "agreement", "output_digest"] {
        assert_eq!(ended.json()[field], made[field], "{field}");
    }
    // Bytes would be read as something else.
    let ended = folder.spandrel("run float.spandrel --inputs test.npz");
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("SP0613"), "{}", ended.err);
}

#[test]
fn another_model_is_compared_with_a_warning() {
    let folder = Folder::new("other-model");
    compiled(&folder, "");
    let mut model = std::fs::read(folder.path("digits_mlp.onnx")).unwrap();
    // An unknown field at the end: another file, the same network.
    model.extend([0xF8, 0x07, 0x01]);
    folder.write("other.onnx", model);
    let ended = folder.spandrel("run digits_mlp.spandrel --inputs test.npz --model other.onnx --json");
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.err.starts_with("warning[SP0612]"), "{}", ended.err);
    assert_eq!(ended.json()["agreement"], run(&folder, "--model digits_mlp.onnx")["agreement"]);
}

#[test]
fn dumps_show_every_stage() {
    let folder = Folder::new("dumps");
    compiled(&folder, "");
    for (stage, part) in [
        ("graph", "Softmax"),
        ("dot", "dot"),
        ("encoded", "encoded-graph"),
        ("ops", "core-op-graph real"),
        ("coded", "core-op"),
        ("program", "program"),
        ("image", "sections"),
    ] {
        let ended = folder.spandrel(&format!(
            "compile digits_mlp.onnx --chip prime --samples train.npz --calibration-count 50 --set tune=nearest \
             --dump {stage}"
        ));
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert!(ended.out.contains(part), "{stage}:\n{}", ended.out);
    }
}

#[test]
fn verify_passes_and_refuses_another_model() {
    let folder = Folder::new("verify");
    compiled(&folder, "");
    let ended = folder.spandrel(
        "verify digits_mlp.spandrel --model digits_mlp.onnx --samples train.npz --require C1,C2,C3,C6 --cases 8 --json",
    );
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    let report = ended.json();
    assert_eq!(report["passed"], true);
    let claims = report["claims"].as_array().unwrap();
    assert_eq!(claims.len(), 8);
    for claim in claims {
        let status = claim["status"].as_str().unwrap();
        assert!(["passed", "not_run"].contains(&status), "{claim}");
        assert_eq!(status == "not_run", claim["reason"].is_string(), "{claim}");
        assert_eq!(status == "not_run", claim["cases"] == 0, "{claim}");
    }
    // A claim that was not tried can not be required.
    let ended = folder.spandrel("verify digits_mlp.spandrel --require C3 --cases 2 --json");
    assert_eq!((ended.code, ended.json()["passed"].as_bool()), (1, Some(false)));
    // Another model is not compiled and compared: it is refused.
    let mut model = std::fs::read(folder.path("digits_mlp.onnx")).unwrap();
    model.extend([0xF8, 0x07, 0x01]);
    folder.write("other.onnx", model);
    let ended =
        folder.spandrel("verify digits_mlp.spandrel --model other.onnx --samples train.npz --cases 2");
    assert_eq!(ended.code, 2, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains("SP0612"), "{}", ended.err);
}

/// The manual must not fall behind: every setting, option and code of the command stands in it.
#[test]
fn the_manual_names_every_setting() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let manual = std::fs::read_to_string(&path).unwrap();
    let head = "| setting | default | allowed | meaning |\n|---|---|---|---|\n";
    let (before, table) = manual.split_once(head).unwrap();
    let (table, after) = table.split_at(table.find("\n## ").unwrap());
    if std::env::var_os("SPANDREL_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{head}{}{after}", markdown())).unwrap();
    } else {
        assert_eq!(table, markdown(), "run with SPANDREL_BLESS=1 to accept");
    }
    let folder = Folder::new("manual");
    for verb in ["compile", "run", "verify", "inspect", "chips"] {
        let help = folder.spandrel(&format!("{verb} --help")).out;
        let options = help.split_whitespace().filter(|w| w.starts_with("--") && w.len() > 4);
        for option in options {
            let name = option.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            assert!(manual.contains(name), "{verb} {name}");
        }
    }
}

#[test]
fn help_lists_every_setting_and_every_verb() {
    let folder = Folder::new("help");
    let help = folder.spandrel("compile --help");
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    for setting in SETTINGS {
        for part in [setting.key, setting.allowed, setting.help] {
            assert!(help.out.contains(part), "{part}");
        }
        assert!(help.out.contains(&format!("{} = {}", setting.key, setting.value(&Settings::default()))));
    }
    let help = folder.spandrel("--help").out;
    for verb in ["compile", "run", "verify", "inspect", "chips"] {
        assert!(help.contains(&format!("  {verb} ")), "{help}");
    }
}

#[test]
fn chips_show_values_with_their_sources() {
    let folder = Folder::new("chips");
    assert!(folder.spandrel("chips").out.starts_with("prime "));
    let shown = folder.spandrel("chips prime");
    assert_eq!((shown.code, shown.err.as_str()), (0, ""));
    let line = |start: &str| shown.out.lines().find(|l| l.starts_with(start)).unwrap_or_default().to_owned();
    assert!(line("crossbar.cell_bits = 4 ").trim_end().ends_with("# P"), "{}", shown.out);
    assert!(line("crossbar.bias_rows = 8 ").contains("# our choice"), "{}", shown.out);
}

/// What is printed is a description that can be changed and compiled for.
#[test]
fn every_chip_can_be_written_down_as_a_description() {
    let folder = Folder::new("chips-toml");
    for name in spandrel_hwdesc::builtin_names() {
        let shown = folder.spandrel(&format!("chips {name} --toml"));
        assert_eq!((shown.code, shown.err.as_str()), (0, ""), "{name}");
        let path = folder.path(&format!("{name}.toml"));
        std::fs::write(&path, &shown.out).unwrap();
        let read =
            spandrel_hwdesc::parse(&shown.out, name).unwrap_or_else(|found| panic!("{name}: {found:?}"));
        assert_eq!(Some(read), spandrel_hwdesc::builtin(name), "{name}");
        assert_eq!(folder.spandrel(&format!("chips {name}.toml")).code, 0, "{name}");
    }
    assert_eq!(folder.spandrel("chips --toml").code, 2);
}
