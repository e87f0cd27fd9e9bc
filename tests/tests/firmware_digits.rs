//! The compiled digits network on the emulated board: what the compiler emits is what the board runs.

use std::path::{Path, PathBuf};

use spandrel::compile::{Prepare, Request, compile};
use spandrel::engine::ExactEngine;
use spandrel::engine::{FastEngine, Options, RawBatch, RawData};
use spandrel::samples::{ArrayData, SampleData, Samples, read_named};
use spandrel_core::image::{HEADER_BYTES, Image, Tag, reseal};
use spandrel_tests::board::{agree, hex};
use spandrel_tests::qemu::Firmware;

/// Test samples that the board runs.
const SAMPLES: usize = 12;

fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

fn image() -> Vec<u8> {
    compiled("digits_mlp.onnx", "prime")
}

fn compiled(model: &str, chip: &str) -> Vec<u8> {
    let request = Request {
        prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
        ..Request::new(digits(model), chip, digits("train.npz"))
    };
    compile(&request, &mut ()).unwrap().image
}

/// A convolutional network, on a crossbar and on digital cores: board, core and fast engine give the same digests.
#[test]
fn the_board_runs_convolutions_as_the_host_does() {
    let Some(firmware) = Firmware::ready().unwrap_or_else(|reason| panic!("{reason}")) else { return };
    let test = Samples::read(&digits("test.npz"), None).unwrap().first(3);
    let SampleData::U8(pixels) = &test.data else { panic!("the digits are bytes") };
    let samples: Vec<Vec<i32>> =
        pixels.chunks_exact(64).map(|image| image.iter().map(|&v| i32::from(v)).collect()).collect();
    for chip in ["prime", "tpu"] {
        let bytes = compiled("digits_cnn.onnx", chip);
        let parsed = Image::parse(&bytes).unwrap();
        let session = agree(firmware, &bytes, &samples);
        let mut fast = FastEngine::new(&parsed, Options::default()).unwrap();
        for (index, found) in session.samples().iter().enumerate() {
            let one = RawBatch::new(RawData::U8(&pixels[index * 64..(index + 1) * 64]), 64).unwrap();
            assert_eq!(found.output, hex(&fast.run_batch(&one).unwrap().digest()), "{chip}, sample {index}");
        }
        assert_eq!(session.samples().len(), samples.len(), "{chip}");
        println!(
            "digits_cnn on {chip}: {} bytes of image, {} instructions for the first sample",
            bytes.len(),
            session.samples()[0].instructions
        );
    }
}

fn offset_of(image: &Image<'_>, bytes: &[u8], tag: Tag) -> usize {
    image.section(tag).as_ptr() as usize - bytes.as_ptr() as usize
}

#[test]
fn the_board_runs_the_digits_as_the_host_does_and_refuses_them_damaged() {
    let Some(firmware) = Firmware::ready().unwrap_or_else(|reason| panic!("{reason}")) else { return };
    let bytes = image();
    let parsed = Image::parse(&bytes).unwrap();

    // The board against the core on the host, sample by sample, and both against the fast engine.
    let test = Samples::read(&digits("test.npz"), None).unwrap().first(SAMPLES);
    let SampleData::U8(pixels) = &test.data else { panic!("the digits are bytes") };
    let samples: Vec<Vec<i32>> =
        pixels.chunks_exact(64).map(|image| image.iter().map(|&v| i32::from(v)).collect()).collect();
    let session = agree(firmware, &bytes, &samples);
    let mut fast = FastEngine::new(&parsed, Options::default()).unwrap();
    for (index, found) in session.samples().iter().enumerate() {
        let one = RawBatch::new(RawData::U8(&pixels[index * 64..(index + 1) * 64]), 64).unwrap();
        assert_eq!(found.output, hex(&fast.run_batch(&one).unwrap().digest()), "sample {index}");
    }
    // The classes are those of the network itself, as onnxruntime computed them, but for one at the most.
    let golden = read_named(&digits("golden.npz"), "mlp").unwrap();
    let ArrayData::F32(scores) = &golden.data else { panic!("golden outputs are f32") };
    let best = |scores: &[f32]| (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let same = session
        .samples()
        .iter()
        .zip(scores.chunks_exact(10))
        .filter(|(sample, scores)| sample.class == best(scores).map(|class| class as u32))
        .count();
    assert!(same + 1 >= SAMPLES, "{same} of {SAMPLES}");
    println!(
        "digits: flash and memory as stated in the facts; {} instructions for the first sample",
        session.samples()[0].instructions
    );

    // Ten kinds of damage, ten fitting errors.
    let at = |tag| offset_of(&parsed, &bytes, tag);
    type Damage<'d> = (&'d str, Box<dyn Fn(&mut Vec<u8>) + 'd>);
    let kinds: Vec<Damage<'_>> = vec![
        ("bad-magic", Box::new(|b| b[0] ^= 1)),
        ("unsupported-version", Box::new(|b| b[8] = 2)),
        ("length-mismatch", Box::new(|b| b.truncate(b.len() - 1))),
        ("header-checksum", Box::new(|b| b[HEADER_BYTES + 24] ^= 4)),
        ("section-checksum", Box::new(|b| b[at(Tag::WEIGHTS) + 100] ^= 0x10)),
        (
            "digest-mismatch",
            Box::new(|b| {
                let seal = b.len() - 40;
                b[seal] ^= 1;
            }),
        ),
        (
            "ram-mismatch",
            Box::new(|b| {
                b[36] ^= 1;
                reseal(b).unwrap();
            }),
        ),
        (
            "unknown-code",
            Box::new(|b| {
                b[at(Tag::CONFIGS)] = 4;
                reseal(b).unwrap();
            }),
        ),
        (
            "dangling-reference",
            Box::new(|b| {
                // The blob that the first configuration names.
                b[at(Tag::CONFIGS) + 16] = 200;
                reseal(b).unwrap();
            }),
        ),
        (
            "unknown-code",
            Box::new(|b| {
                b[at(Tag::PROGRAM)] = 99;
                reseal(b).unwrap();
            }),
        ),
    ];
    for (name, damage) in kinds {
        let mut damaged = bytes.clone();
        damage(&mut damaged);
        let session = firmware.run(&damaged, &[]).unwrap();
        assert_eq!(session.exit, Some(1), "{name}: {}", session.log);
        let refused = session.fact("refused").unwrap_or_default();
        assert!(refused.starts_with(name), "{name}: {refused}");
    }
}
