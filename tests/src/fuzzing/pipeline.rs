//! A network, a chip and samples through the compiler: refused in words, or an image on which all engines agree.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use spandrel::{
    compile::{Request, StageOptions, compile},
    settings::Settings,
    verify::{ClaimId, Given, Status, verify_image},
};
use spandrel_hwdesc::builtin;

use super::{
    files::refused_well,
    onnx::{Attribute, Model, npy},
};
use crate::generate::{Source, number, once_in, pick};

/// Claims that an image must meet: the oracle, the fast engine, every possible input; the program and the core-ops.
const CLAIMS: [ClaimId; 5] = [ClaimId::C1, ClaimId::C2, ClaimId::C6, ClaimId::C3, ClaimId::C4];

/// Fields of a crossbar's description that may change, with values some of which contradict others.
const CROSSBAR: &[(&str, &[&str])] = &[
    ("crossbar.rows", &["16", "33", "64", "256"]),
    ("crossbar.bitlines", &["16", "32", "64"]),
    ("crossbar.output_bits", &["4", "5", "6", "8"]),
    ("crossbar.rounding", &["\"floor\"", "\"toward_zero\""]),
    ("crossbar.shift_max", &["3", "10", "24"]),
    ("crossbar.bias_rows", &["1", "2", "8"]),
    ("crossbar.bias_rows_inside", &["true", "false"]),
    ("crossbar.bias_code", &["1", "63"]),
    ("crossbar.adder_bits", &["7", "9", "16", "24"]),
    ("crossbar.sum_shift_max", &["0", "1", "5"]),
    ("fabric.cores", &["1", "8", "64"]),
];
/// The same of digital cores.
const MAC: &[(&str, &[&str])] = &[
    ("mac.rows", &["8", "16", "64", "256"]),
    ("mac.columns", &["8", "16", "64", "256"]),
    ("mac.accumulator_bits", &["16", "24", "32", "48"]),
    ("mac.overflow", &["\"saturate\"", "\"wrap\""]),
    ("fabric.cores", &["1", "8", "64"]),
];
const SETS: &[&str] = &[
    "tune=nearest",
    "tune=free",
    "encode.signals=2",
    "encode.signals=4",
    "encode.output=3",
    "encode.input=2",
    "sigmoid=relu:4",
    "expand.row_arrays=2",
    "weights=codebook:16",
    "encode.parts=2",
];

fn real(u: &mut Source<'_>) -> f32 {
    number(u, -128, 127) as f32 / 64.0
}

fn network(u: &mut Source<'_>) -> (Vec<u8>, usize) {
    let inputs = number(u, 1, 20) as usize;
    let mut model = Model::new(inputs);
    let mut from = inputs;
    for last in (0..number(u, 1, 3)).rev().map(|left| left == 0) {
        let to = number(u, 1, 20) as usize;
        let scale = pick(u, &[1.0f32, 1.0, 1.0, 0.01, 100.0, 1e-6, 1e6]);
        // Few of the source's bytes make all weights: a row of numbers, turned further from row to row.
        let some: Vec<f32> = (0..number(u, 1, 24)).map(|_| real(u)).collect();
        let step = number(u, 1, 7) as usize;
        let weights: Vec<f32> = (0..from * to)
            .map(|at| scale * some[(at + at / from * step) % some.len()] / (from as f32).sqrt())
            .collect();
        let bias: Vec<f32> = (0..to).map(|at| scale * some[at * 5 % some.len()]).collect();
        let gemm = once_in(u, 2);
        model.dense(from, &weights, (gemm || !once_in(u, 4)).then_some(&bias), gemm);
        let soft = [Attribute::Int("axis", 1)];
        match (number(u, 0, 6), last) {
            (0, _) => drop(model.node("Sigmoid", &[], &[])),
            (1, _) => drop(model.node("Tanh", &[], &[])),
            (2, true) => drop(model.node("Softmax", &[], &soft)),
            (3, true) => {}
            (4, false) => drop(model.node("LeakyRelu", &[], &[Attribute::Float("alpha", 0.25)])),
            _ => drop(model.node("Relu", &[], &[])),
        }
        from = to;
    }
    (model.bytes(from), inputs)
}

fn drawn(u: &mut Source<'_>, inputs: usize) -> Vec<u8> {
    let count = pick(u, &[1usize, 2, 8, 24]);
    let some: Vec<i64> = (0..number(u, 1, 40)).map(|_| number(u, 0, 255)).collect();
    let values = (0..count * inputs).map(|at| some[(at + at / inputs * 3) % some.len()]);
    let shape = [count, inputs];
    match number(u, 0, 4) {
        0 => npy("|i1", &shape, &values.map(|v| v as u8).collect::<Vec<_>>()),
        1 => npy(
            "<i2",
            &shape,
            &values.flat_map(|v| ((v - 128) as i16 * 200).to_le_bytes()).collect::<Vec<_>>(),
        ),
        2 => {
            let scale = pick(u, &[1.0f32, 1e-3, 1e4]);
            let bytes = values.flat_map(|v| ((v - 100) as f32 / 100.0 * scale).to_le_bytes());
            npy("<f4", &shape, &bytes.collect::<Vec<_>>())
        }
        _ => npy("|u1", &shape, &values.map(|v| v as u8).collect::<Vec<_>>()),
    }
}

/// The text of a chip, or `None` where the changes contradict each other.
fn chip(u: &mut Source<'_>) -> Option<String> {
    let name = pick(u, &["prime", "prime", "isaac", "tianji-ann", "tpu", "diannao"]);
    let fields = if matches!(name, "prime" | "isaac") { CROSSBAR } else { MAC };
    let changes: Vec<(&str, &str)> = (0..number(u, 0, 5))
        .map(|_| {
            let (path, values) = pick(u, fields);
            (path, pick(u, values))
        })
        .collect();
    builtin(name).expect("a chip that is built in").with(&changes).ok().map(|chip| chip.to_toml())
}

/// This process's folder for the compiler's files.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        // Memory, where there is such a folder.
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let folder = root.join(format!("spandrel-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a writable folder");
        folder
    })
}

/// Target `pipeline`: a random perceptron, chip, samples and settings. The compiler refuses them in words, or its image meets every
/// claim: oracle = core = fast engine on the samples and on random ones, the program, the core-ops, and every possible input.
/// One network in eight is compiled again and compared.
pub fn pipeline(data: &[u8]) {
    let u = &mut Source::new(data);
    let (model, inputs) = network(u);
    let samples = drawn(u, inputs);
    let Some(chip) = chip(u) else { return };
    let set: Vec<&str> = (0..number(u, 0, 2)).map(|_| pick(u, SETS)).collect();
    let Ok(settings) = Settings::parse(set.iter().copied()) else { return };
    let [model, samples, chip] = [("net.onnx", model), ("x.npy", samples), ("chip.toml", chip.into_bytes())]
        .map(|(name, bytes)| {
            let path = folder().join(name);
            std::fs::write(&path, bytes).expect("a writable folder");
            path
        });
    let request = Request {
        calibration_count: 24,
        settings: settings.to_map(),
        options: StageOptions::from(settings),
        ..Request::new(&model, chip.display().to_string(), &samples)
    };
    let made = match compile(&request, &mut ()) {
        Ok(made) => made,
        Err(found) => return refused_well(&found),
    };
    // The compiler checks C3 and C4 itself, and refuses with a fault of its own. Here the image is compared with a second compilation
    // too, now and then: it takes most of the time.
    let again = once_in(u, 8);
    let claims = if again { &CLAIMS[..] } else { &CLAIMS[..3] };
    let given = Given {
        model: again.then_some(&*model),
        samples: Some(&samples),
        require: claims,
        cases: 4,
        seed: 5,
        ..Given::new("case")
    };
    let report = verify_image(&made.image, &given).unwrap_or_else(|found| panic!("{found}"));
    for &id in claims {
        let claim = report.claim(id).expect("a required claim");
        assert!(
            claim.status == Status::Passed && claim.cases > 0,
            "{id} {:?} {} {:?}; {set:?}",
            claim.status,
            claim.evidence,
            claim.failures.first()
        );
    }
}
