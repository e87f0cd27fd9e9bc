//! The digits perceptron through the pipeline: the text of every stage's product, what tuning gains, what settings change, and
//! that neither threads nor the machine's own mathematics move a bit.

mod pipeline_common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use pipeline_common::{digits, digits_request, folder};
use spandrel::compile::{Compiled, PRODUCTS, Watcher, compile};
use spandrel::dots::Source;
use spandrel::encode::Form;

const CALIBRATION: usize = 200;

/// Keeps every product's text.
#[derive(Default)]
struct Texts(BTreeMap<&'static str, String>);

impl Watcher for Texts {
    fn product(&mut self, name: &'static str, text: &dyn Fn() -> String) {
        self.0.insert(name, text());
    }
}

fn made(set: &[&str]) -> Compiled {
    compile(&digits_request(CALIBRATION, set), &mut ()).unwrap_or_else(|error| panic!("{set:?}: {error}"))
}

/// `SPANDREL_BLESS=1` rewrites the texts instead of comparing.
#[test]
fn every_products_text_is_as_committed() {
    let mut texts = Texts::default();
    compile(&digits_request(CALIBRATION, &[]), &mut texts).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(texts.0.keys().copied().collect::<Vec<_>>(), {
        let mut all = PRODUCTS.to_vec();
        all.sort_unstable();
        all
    });
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dump");
    let mut differing = Vec::new();
    for (name, text) in &texts.0 {
        let path = folder.join(format!("digits-{name}.txt"));
        if std::env::var_os("SPANDREL_BLESS").is_some() {
            std::fs::write(&path, text).expect("writable folder");
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        if let Some(line) = first_difference(&golden, text) {
            differing.push(format!("{name}: {line}"));
        }
    }
    assert!(
        differing.is_empty(),
        "{}\nread the difference; SPANDREL_BLESS=1 takes it over",
        differing.join("\n")
    );
}

fn first_difference(golden: &str, text: &str) -> Option<String> {
    let (mut a, mut b) = (golden.lines(), text.lines());
    for number in 1.. {
        match (a.next(), b.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => return Some(format!("line {number}: committed {a:?}, now {b:?}")),
        }
    }
    None
}

fn mean_snr(compiled: &Compiled) -> f64 {
    let nodes = &compiled.report.nodes;
    nodes.iter().map(|node| node.snr_db).sum::<f64>() / nodes.len() as f64
}

#[test]
fn full_tuning_beats_nearest_and_scales_beat_one_scale() {
    let [full, nearest, one_scale] =
        ["tune=full", "tune=nearest", "tune=nearest-one-scale"].map(|set| mean_snr(&made(&[set])));
    println!("mean SNR: full {full:.2} dB, nearest {nearest:.2} dB, one scale {one_scale:.2} dB");
    assert!(full > nearest + 1.0, "full {full:.2} dB, nearest {nearest:.2} dB");
    assert!(nearest > one_scale, "nearest {nearest:.2} dB, one scale {one_scale:.2} dB");
}

#[test]
fn settings_change_what_they_say() {
    let copies = |compiled: &Compiled, form: &Form| -> Vec<Vec<u16>> {
        let nodes = compiled.coded.encoded.nodes.iter();
        nodes.filter(|node| node.form == *form).map(|node| node.copies.clone()).collect()
    };
    let four = made(&["encode.signals=4", "encode.output=2", "encode.input=2"]);
    let relus = copies(&four, &Form::Relu);
    assert!(!relus.is_empty() && relus.iter().flatten().all(|&k| k == 4), "{relus:?}");
    let sums = copies(&four, &Form::Sum);
    assert!(!sums.is_empty() && sums.iter().flatten().all(|&k| k == 2), "{sums:?}");
    let encoded = &four.coded.encoded;
    assert_eq!(encoded.signals(Source::Input), 2 * encoded.dot.input_len());
    let one = made(&["encode.signals=1", "encode.output=1", "expand.row_arrays=1"]);
    assert!(copies(&one, &Form::Relu).iter().flatten().all(|&k| k == 1));
    // More signals carry more precision to the next node.
    let first = |compiled: &Compiled| compiled.report.nodes[0].snr_db;
    assert!(first(&four) > first(&one) + 3.0, "{} and {} dB", first(&four), first(&one));
    assert_ne!(made(&["tune.seed=2"]).image, made(&["tune.seed=3"]).image);
}

/// One thread, two, or five: the same bytes. The command is run, because threads are taken from the environment.
#[test]
fn images_do_not_depend_on_threads() {
    let folder = folder("threads");
    let image = |threads: &str| -> Vec<u8> {
        let path = folder.join(format!("{threads}.spandrel"));
        let run = Command::new(env!("CARGO_BIN_EXE_spandrel"))
            .args(["compile", "--chip", "prime", "--scale", "1", "--calibration-count", "100", "-o"])
            .arg(&path)
            .arg(digits("digits_mlp.onnx"))
            .arg("--samples")
            .arg(digits("train.npz"))
            .env("SPANDREL_THREADS", threads)
            .output()
            .unwrap();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        std::fs::read(&path).unwrap()
    };
    let one = image("1");
    assert_eq!(one, image("2"));
    assert_eq!(one, image("5"));
}

/// The stages that decide bits use no mathematics that differs between machines, and no collection without an order.
#[test]
fn stages_use_portable_mathematics_only() {
    const FORBIDDEN: [&str; 23] = [
        "mul_add",
        "HashMap",
        "HashSet",
        ".exp()",
        ".exp2()",
        ".ln()",
        ".log2()",
        ".log10()",
        ".powf(",
        ".powi(",
        ".sin()",
        ".cos()",
        ".tan()",
        ".tanh()",
        ".sqrt()",
        ".cbrt()",
        ".hypot(",
        "f64::exp",
        "f64::ln",
        "f64::pow",
        "target_feature",
        "std::arch",
        "fast_fp",
    ];
    let mut files = Vec::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for stage in [
        "graph", "lower", "dots", "encode", "expand", "tune", "map", "emit", "numeric", "samples", "import",
        "target",
    ] {
        collect(&src.join(stage), &mut files);
    }
    files.extend(["compile.rs", "samples_raw.rs", "evaluate.rs"].map(|name| src.join(name)));
    assert!(files.len() > 60, "only {} files", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            for word in FORBIDDEN {
                assert!(!line.contains(word), "{}:{}: {word}", file.display(), number + 1);
            }
        }
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}
