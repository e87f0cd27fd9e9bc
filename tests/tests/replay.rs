//! The committed seeds of the fuzz targets, on stable. `BLESS=1` writes the generated ones anew.

use proptest::test_runner::{RngAlgorithm, TestRng};
use spandrel_core::image::{Image, reseal};
use spandrel_tests::{
    fuzzing,
    images::{ImageBuilder, conv, minimal, mlp, recurrent, spiking, weights},
};
use std::{fs, path::PathBuf};

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

fn image_seeds() -> Vec<(String, Vec<u8>)> {
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

fn oracle_seeds() -> Vec<(String, Vec<u8>)> {
    let seed = |kind: u8, length: usize| {
        let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[kind; 32]);
        let mut bytes: Vec<u8> = (0..length).map(|_| proptest::prelude::RngExt::random(&mut rng)).collect();
        bytes[0] = kind;
        bytes
    };
    vec![
        ("array".into(), seed(0, 512)),
        ("array-2".into(), seed(1, 1024)),
        ("layer".into(), seed(2, 2048)),
        ("program".into(), seed(3, 2048)),
        ("spiking".into(), seed(4, 2048)),
    ]
}

#[test]
fn seeds_are_what_their_generators_say() {
    for (target, generated) in [("image", image_seeds()), ("oracle", oracle_seeds())] {
        for (name, bytes) in generated {
            let file = seeds(target).join(&name);
            if std::env::var_os("BLESS").is_some() {
                fs::create_dir_all(seeds(target)).unwrap();
                fs::write(&file, &bytes).unwrap();
            }
            let committed = fs::read(&file).unwrap_or_default();
            assert!(committed == bytes, "{} differs: run this test with BLESS=1", file.display());
        }
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

#[test]
fn image_seeds_replay() {
    assert!(replay("image", fuzzing::image) >= 12);
}

#[test]
fn oracle_seeds_replay() {
    assert!(replay("oracle", fuzzing::oracle) >= 4);
}
