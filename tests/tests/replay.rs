//! The committed seeds of the fuzz targets, on stable. `BLESS=1` writes the generated ones, and the dictionaries, anew.

// A writer of ONNX files that shares no code with the reader.
#[path = "../../host/tests/common/mod.rs"]
mod onnx;

use proptest::test_runner::{RngAlgorithm, TestRng};
use spandrel_core::image::{Image, reseal};
use spandrel_hwdesc::{builtin_names, builtin_text};
use spandrel_tests::{
    fuzzing,
    images::{ImageBuilder, conv, minimal, mlp, recurrent, spiking, weights},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Seeds with their names.
type Seeds = Vec<(String, Vec<u8>)>;

fn seeds(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target)
}

fn replay(target: &str, body: fn(&[u8])) -> usize {
    let mut files: Vec<PathBuf> =
        fs::read_dir(seeds(target)).expect("seeds are committed").map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in &files {
        println!("{}", file.display());
        body(&fs::read(file).unwrap());
    }
    files.len()
}

/// An image that holds a record of every kind, so that mutations reach every parser.
fn everything() -> ImageBuilder {
    let mut b = mlp::image();
    let samples: Vec<&[i32]> = mlp::SAMPLES.iter().map(|s| &s[..]).collect();
    b.blob(weights::codebook(2, &[vec![0, 1, -2, 3]], &[vec![0, 1, 3], vec![2, 2, 0]]));
    b.blob(weights::axon_typed(&[0, 1, 1], &[vec![5, -6]], &[vec![true, false, true]]));
    b.blob(weights::sparse_blocks(4, 2, &[vec![0, 0, 1, -1], vec![0; 4]]));
    let order = b.table(&[5, 4, 3, 2, 1, 0]);
    b.encoders[0].order = order;
    // Names, then configuration 0: node 0, input 1, one run of columns.
    b.origins = vec![b"fc1\0x\0\0\0".to_vec()];
    b.origins.push([0u32, 1, 0, 0, 4, 0, 1, 0].iter().flat_map(|w| w.to_le_bytes()).collect());
    b.record_networks(&samples);
    b
}

fn image_seeds() -> Seeds {
    let images = [
        ("minimal", minimal::image()),
        ("conv", conv::image()),
        ("recurrent", recurrent::image()),
        ("spiking", spiking::image()),
        ("everything", everything()),
    ];
    let mut seeds = Vec::new();
    for (name, builder) in images {
        for (mode, what) in [(0u8, "as-is"), (1, "resealed"), (2, "repaired")] {
            seeds.push((format!("{name}-{what}"), [&[mode, 3], &builder.build()[..]].concat()));
        }
    }
    seeds
}

/// `length` bytes by chance, the first one given.
fn drawn(first: u8, length: usize) -> Vec<u8> {
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[first; 32]);
    let mut bytes: Vec<u8> = (0..length).map(|_| proptest::prelude::RngExt::random(&mut rng)).collect();
    bytes[0] = first;
    bytes
}

fn oracle_seeds() -> Seeds {
    vec![
        ("array".into(), drawn(0, 512)),
        ("array-2".into(), drawn(1, 1024)),
        ("layer".into(), drawn(2, 2048)),
        ("program".into(), drawn(3, 2048)),
        ("spiking".into(), drawn(4, 2048)),
    ]
}

fn numbered(name: &str, count: u8, length: usize) -> Seeds {
    (0..count).map(|number| (format!("{name}-{number}"), drawn(number, length))).collect()
}

/// The built-in descriptions as they are, and one with a field changed.
fn hwdesc_seeds() -> Seeds {
    let text = |name: &str| builtin_text(name).expect("a chip that is built in").as_bytes().to_vec();
    let mut seeds: Vec<_> = builtin_names().iter().map(|name| ((*name).to_owned(), text(name))).collect();
    seeds.push((
        "changed".into(),
        b"\x00crossbar.rows = 16\ncrossbar.dac_bits = 2\nfabric.cores = 3\n".to_vec(),
    ));
    seeds
}

fn onnx_seeds() -> Seeds {
    let step = onnx::Model::new(13)
        .input("x", &[1, 3])
        .output("y")
        .node("Sigmoid", "s", &["x"], &["h"], &[])
        .node("Softmax", "m", &["h"], &["y"], &[onnx::attribute_int("axis", 1)]);
    vec![("every-operator".into(), onnx::every_operator().bytes()), ("two-nodes".into(), step.bytes())]
}

fn sample_seeds() -> Seeds {
    let npy = |descr: &str, shape: &str, data: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
        let header = format!("{header:53}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    };
    let x = npy("|u1", "2, 3", &[1, 2, 3, 250, 251, 252]);
    let y = npy("<i8", "2,", &[1i64, 0].map(i64::to_le_bytes).concat());
    let floats = npy("<f4", "3, 1", &[0.5f32, -1.0, 1e9].map(f32::to_le_bytes).concat());
    let idx = [&[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2][..], &[1, 2, 3, 4]].concat();
    let packed = |front: &[u8], parts: &[&[u8]]| [front, &parts.concat()].concat();
    vec![
        ("npz".into(), fuzzing::npz(&[("x.npy", &x), ("y.npy", &y)])),
        ("npz-parts".into(), packed(&[b'z', (x.len() / 16) as u8], &[&x, &y])),
        ("npy-floats".into(), floats),
        ("gzip-idx".into(), packed(b"g", &[&idx])),
        ("idx".into(), idx),
        ("events".into(), vec![3, 7, 0x81, 2, 3, 33, 0, 0, 0, 9]),
        ("npy".into(), x),
    ]
}

fn all_seeds() -> Vec<(&'static str, Seeds)> {
    vec![
        ("image", image_seeds()),
        ("oracle", oracle_seeds()),
        ("program", numbered("case", 6, 4096)),
        ("hwdesc", hwdesc_seeds()),
        ("onnx", onnx_seeds()),
        ("nir", numbered("fields", 6, 1024)),
        ("samples", sample_seeds()),
        ("pipeline", numbered("case", 6, 512)),
    ]
}

/// The words of a dictionary: what libFuzzer puts in now and then.
fn dictionary<'w>(title: &str, words: impl IntoIterator<Item = &'w str>) -> Vec<u8> {
    let mut words: Vec<&str> = words.into_iter().collect();
    words.sort_unstable();
    words.dedup();
    let line = |word: &str| format!("\"{}\"\n", word.replace('\\', "\\\\").replace('"', "\\\""));
    format!("# {title}\n{}", words.into_iter().map(line).collect::<String>()).into_bytes()
}

/// Names that a built-in description holds, and values.
fn hwdesc_words() -> Vec<u8> {
    let texts: Vec<&str> = builtin_names().iter().filter_map(|name| builtin_text(name)).collect();
    let words = texts.iter().flat_map(|text| {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        lines.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
    });
    let words =
        words.filter(|word| word.len() > 2 && word.len() < 30 && !word.starts_with(|c: char| c.is_numeric()));
    dictionary(
        "Words of the built-in chip descriptions.",
        words.chain(["18446744073709551615", "-1", "[[", "]]"]),
    )
}

fn dictionaries() -> [(&'static str, Vec<u8>); 2] {
    let operators = spandrel::import::operators();
    let attributes =
        ["axis", "axes", "pads", "strides", "kernel_shape", "perm", "group", "dilations", "transB", "alpha"];
    let words = operators.iter().map(String::as_str).chain(attributes);
    [("hwdesc", hwdesc_words()), ("onnx", dictionary("Operators and attributes of ONNX.", words))]
}

/// What a test generates lies as it is generated.
fn committed(file: &Path, bytes: &[u8]) {
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    let found = fs::read(file).unwrap_or_default();
    assert!(found == bytes, "{} differs: run this test with BLESS=1", file.display());
}

#[test]
fn seeds_are_what_their_generators_say() {
    for (target, generated) in all_seeds() {
        for (name, bytes) in generated {
            committed(&seeds(target).join(&name), &bytes);
        }
    }
}

#[test]
fn dictionaries_are_what_their_generators_say() {
    for (target, bytes) in dictionaries() {
        committed(&seeds("..").join("dictionaries").join(format!("{target}.dict")), &bytes);
    }
}

#[test]
fn every_image_seed_is_accepted() {
    for (name, seed) in image_seeds() {
        let image = Image::parse(&seed[2..]);
        assert!(image.is_ok(), "{name}: {image:?}");
        let mut again = seed[2..].to_vec();
        reseal(&mut again).unwrap();
        assert!(again == seed[2..], "{name} changes when sealed again");
        spandrel_tests::repair::repair(&mut again).unwrap();
        assert!(again == seed[2..], "{name} changes when repaired");
    }
}

/// Each file of each target's seeds, findings among them: nothing is found again.
#[test]
fn seeds_replay() {
    for (target, body) in fuzzing::TARGETS {
        let least = all_seeds().iter().find(|(name, _)| *name == target).map_or(1, |(_, seeds)| seeds.len());
        assert!(replay(target, body) >= least, "{target}");
    }
}

/// The targets are those of fuzz/Cargo.toml.
#[test]
fn every_target_is_replayed() {
    let manifest = fs::read_to_string(seeds("..").join("Cargo.toml")).unwrap();
    let bins = manifest.split("[[bin]]").skip(1);
    let named: Vec<&str> = bins.filter_map(|bin| bin.split('"').nth(1)).collect();
    let replayed: Vec<&str> = fuzzing::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, replayed);
}

/// What lies deep in a target is reached: seeds that nothing is accepted of would test refusals alone.
#[test]
fn some_seeds_are_accepted() {
    for (name, seed) in onnx_seeds() {
        assert!(spandrel::import::parse_onnx(&seed, &name).is_ok(), "{name}");
    }
    for (name, seed) in
        sample_seeds().iter().filter(|(name, _)| !["npz-parts", "gzip-idx", "events"].contains(&&**name))
    {
        assert!(spandrel::samples::Samples::parse(seed, name).is_ok(), "{name}");
    }
}
