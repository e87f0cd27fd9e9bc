//! The firmware on an emulated Cortex-M4 accepts what the host accepts, computes the same bits,
//! and refuses damage with the fitting error.
//!
//! What the board states is compared with `spandrel-core` run here. Which rule a damaged image
//! breaks, and where, is written out by hand.

use spandrel::engine::{ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::image::{
    Codec, Combine, ENTRY_BYTES, Entry, HEADER_BYTES, Header, Image, Subject, Tag, reseal,
};
use spandrel_core::machine::{Probe, Snapshot};
use spandrel_tests::{
    images::{Answer, ImageBuilder, Pattern, conv, minimal, mlp, prime, recurrent, spiking, weights},
    qemu::Firmware,
};
use std::ops::Range;

use spandrel_tests::board::{agree, hex};

fn firmware() -> Option<&'static Firmware> {
    Firmware::ready().unwrap_or_else(|reason| panic!("{reason}"))
}

/// The perceptron with known answers: one for the whole network and one for array A, whose
/// reads stand in [`mlp`]'s worked example.
fn answered() -> ImageBuilder {
    let mut builder = mlp::image();
    builder.record_networks(&[&mlp::SAMPLES[0]]);
    builder.answers.push(Answer {
        subject: Subject::Config { config: 0, shift: None, relu: None },
        inputs: vec![50, 25, 12],
        answers: vec![28, -10, 20, 6],
    });
    builder
}

#[test]
fn the_board_computes_the_hosts_bits() {
    let Some(firmware) = firmware() else { return };
    let mut samples: Vec<Vec<i32>> = mlp::SAMPLES.iter().map(|raw| raw.to_vec()).collect();
    samples.extend([vec![0; 6], vec![255; 6], vec![0, 0, 255, 255, 255, 0]]);
    let session = agree(firmware, &answered().build(), &samples);
    assert_eq!(session.fact("known-answers"), Some("networks=1 configs=1 values=6"));
    // Both classes occur, or comparing classes would show little.
    let mut classes: Vec<_> = session.samples().iter().map(|sample| sample.class).collect();
    classes.sort_unstable();
    classes.dedup();
    assert_eq!(classes, [Some(0), Some(1)]);
    for text in ["waits for an image", "known answers are met", "sample 4: class", "verdict: accepted"] {
        assert!(session.log.contains(text), "{text} is not in the log:\n{}", session.log);
    }
    let stack: u32 = session.fact("stack-bytes").unwrap().parse().unwrap();
    assert!((100..65_536).contains(&stack), "{stack} bytes of stack");
}

#[test]
fn a_loop_and_a_ring_run_on_the_board_too() {
    let Some(firmware) = firmware() else { return };
    let conv = agree(firmware, &conv::image().build(), &[conv::SAMPLE.to_vec()]);
    assert_eq!(conv.fact("known-answers"), Some("networks=0 configs=0 values=0"));
    assert!(conv.log.contains("nothing was compared"), "{}", conv.log);
    // The second run of the same sample must not see the first one's state.
    let [first, second] = recurrent::SAMPLES.map(|raw| raw.to_vec());
    let session = agree(firmware, &recurrent::image().build(), &[first.clone(), second, first]);
    let samples = session.samples();
    assert_eq!(samples[0].state, samples[2].state);
    assert_ne!(samples[0].state, samples[1].state);
    // Counted under -icount, so the same but for where a timer tick of 40 instructions begins: once for the sample, and once for
    // each of its three digests, whose time is taken off.
    assert!(samples[0].instructions.abs_diff(samples[2].instructions) <= 40 * (1 + 3));
}

/// State digests after every tick of `raw`, by the fast engine.
fn fast_ticks(image: &Image<'_>, raw: &[i32]) -> Vec<String> {
    struct Ticks(Vec<String>);
    impl Probe for Ticks {
        fn tick(&mut self, state: &Snapshot<'_, '_>) {
            self.0.push(hex(&state.digest()));
        }
    }
    let mut ticks = Ticks(Vec::new());
    let batch = RawBatch::new(RawData::I32(raw), raw.len()).unwrap();
    let mut fast = FastEngine::new(image, Options::with_threads(1)).unwrap();
    fast.run(&batch, Some(&mut ticks)).unwrap();
    ticks.0
}

#[test]
fn a_spiking_network_has_the_hosts_state_after_every_tick() {
    let Some(firmware) = firmware() else { return };
    let mut builder = spiking::image();
    builder.record_networks(&[&spiking::SAMPLES[0]]);
    let bytes = builder.build();
    let mut samples: Vec<Vec<i32>> = spiking::SAMPLES.iter().map(|raw| raw.to_vec()).collect();
    samples.extend([vec![0, 0], vec![8, 8]]);
    // `agree` compares the board's digests with the core's, after every tick and at the end.
    let session = agree(firmware, &bytes, &samples);
    assert_eq!(session.fact("known-answers"), Some("networks=1 configs=0 values=2"));
    let image = Image::parse(&bytes).unwrap();
    for (number, raw) in samples.iter().enumerate() {
        let ticks = session.ticks(number);
        assert_eq!(ticks.len(), spiking::WINDOW as usize + 1);
        assert_eq!(ticks, fast_ticks(&image, raw), "{raw:?}");
        let mut different = ticks.clone();
        different.dedup();
        assert!(different.len() > 4, "the state hardly moves: {ticks:?}");
    }
}

#[test]
fn a_sample_that_takes_several_steps_gives_the_same_bits() {
    let Some(firmware) = firmware() else { return };
    let mut b = ImageBuilder::new("prime");
    let (x, y) = (b.edge(Codec::U8, 100), b.edge(Codec::I16, 50));
    b.scale_input(x, 100, 1, 2, 63);
    let weight = |column: i32, row: i32| (column * 37 + row * 101 + column * row) % 511 - 255;
    let matrix: Vec<Vec<i32>> = (0..50).map(|c| (0..100).map(|r| weight(c, r)).collect()).collect();
    let blob = b.blob(weights::sign_magnitude(8, &matrix));
    let layer = b.crossbar(prime(100, 0, 50, blob, 10));
    b.gather(Pattern::run(x, 100, 0, 100), 0);
    b.invoke(layer, false, true);
    b.scatter(Combine::Set, Pattern::run(y, 50, 0, 50), 0);
    b.emit(3, Pattern::run(y, 50, 0, 50));
    let session = agree(firmware, &b.build(), &[(0..100).map(|i| i * 7 % 256).collect()]);
    let [sample] = &session.samples()[..] else { panic!("one sample") };
    // A column is 101 units. Steps of 1,024 units, which end with the column they began: the gather and
    // 10 columns, three times 11, then 7 and what follows.
    assert_eq!(sample.slices, 5);
    assert!(sample.longest * 2 < sample.instructions);
    assert_eq!(sample.class, None);
}

/// Where section `tag` lies, and where its directory entry does.
fn section(image: &[u8], tag: Tag) -> (Range<usize>, usize) {
    let sections = Header::parse(image).unwrap().sections as usize;
    let mut entries = (0..sections).map(|index| HEADER_BYTES + ENTRY_BYTES * index);
    let at = entries.find(|at| Entry::parse(image, *at).unwrap().tag == tag).expect("the section");
    let entry = Entry::parse(image, at).unwrap();
    let start = entry.offset as usize;
    (start..start + entry.length as usize, at)
}

/// The image with `bytes` written at offset `at` of section `tag`, sealed again.
fn patched(image: &[u8], tag: Tag, at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    let start = section(&image, tag).0.start + at;
    image[start..start + bytes.len()].copy_from_slice(bytes);
    reseal(&mut image).unwrap();
    image
}

/// The image with `bytes` written at `at`, not sealed again.
fn damaged(image: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    image[at..at + bytes.len()].copy_from_slice(bytes);
    image
}

/// Offset, within list section `tag`, of its first record.
fn first_record(image: &[u8], tag: Tag) -> usize {
    let start = section(image, tag).0.start;
    u32::from_le_bytes(image[start + 4..start + 8].try_into().unwrap()) as usize
}

#[test]
fn damaged_images_are_refused_with_the_fitting_error() {
    let Some(firmware) = firmware() else { return };
    let good = answered().build();
    let seal = Header::parse(&good).unwrap().seal_offset as usize;
    let words = Header::parse(&good).unwrap().ram_words;
    let weights = section(&good, Tag::WEIGHTS).0.start;
    let access = first_record(&good, Tag::ACCESS);
    let future = {
        let mut image = good.clone();
        let at = section(&image, Tag::NOTES).1;
        image[at..at + 8].copy_from_slice(b"FUTURE\0\0");
        image[at + 10] = 1;
        reseal(&mut image).unwrap();
        image
    };
    let mut missing = minimal::image().sections();
    missing.remove(0);
    let mut resealed_words = damaged(&good, 36, &(words + 1).to_le_bytes());
    reseal(&mut resealed_words).unwrap();
    let end_first = [2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let cases: [(&str, Vec<u8>); 17] = [
        // On the way: bytes lost or changed, and no seal to match.
        ("too-short HEADER 0 magic", Vec::new()),
        ("too-short HEADER 0 header", good[..70].to_vec()),
        ("length-mismatch HEADER 0 total_bytes", good[..good.len() - 1].to_vec()),
        ("bad-magic HEADER 0 magic", damaged(&good, 0, b"s")),
        ("unsupported-version HEADER 0 version", damaged(&good, 8, &[2])),
        ("header-checksum HEADER 0 checksum", damaged(&good, 36, &(words + 1).to_le_bytes())),
        ("section-checksum WEIGHTS 0 section", damaged(&good, weights, &[good[weights] ^ 0x10])),
        ("digest-mismatch SEAL 0 digest", damaged(&good, seal, &[good[seal] ^ 1])),
        ("signature-not-built SEAL 0 signature", damaged(&good, seal + 32, &[2])),
        // By the writer: well sealed, and wrong all the same.
        ("unknown-critical-section FUTURE 0 section", future),
        ("missing-section CHIP 0 section", minimal::image().assembled(&missing)),
        ("ram-mismatch HEADER 0 ram_words", resealed_words),
        ("unknown-code CONFIGS 1 kind", patched(&good, Tag::CONFIGS, 64, &[4, 0])),
        ("dangling-reference ACCESS 0 edge", patched(&good, Tag::ACCESS, access, &[99])),
        ("loop-nesting PROGRAM 1 register", patched(&good, Tag::PROGRAM, 16, &end_first)),
        ("unknown-code PROGRAM 2 opcode", patched(&good, Tag::PROGRAM, 32, &[77])),
        ("out-of-range EDGES 1 slots", patched(&good, Tag::EDGES, 16 + 6, &[0, 0])),
    ];
    let mut rules: Vec<&str> = cases.iter().filter_map(|(refusal, _)| refusal.split(' ').next()).collect();
    rules.sort_unstable();
    rules.dedup();
    assert!(rules.len() >= 10, "{rules:?}");
    for (refusal, image) in cases {
        let session = firmware.run(&image, &[]).unwrap();
        println!("{refusal}\n{}", session.log);
        assert_eq!(session.fact("refused"), Some(refusal), "{:?}", session.facts);
        assert_eq!((session.exit, session.fact("verdict")), (Some(1), Some("refused")), "{refusal}");
        assert!(session.samples().is_empty(), "{refusal}: nothing may run");
        // The host says the same, and the log names the way out.
        let error = Image::parse(&image).unwrap_err();
        assert_eq!(error.name(), refusal.split(' ').next().unwrap());
        assert!(session.log.contains(error.way_out()), "{refusal}:\n{}", session.log);
    }
}

#[test]
fn a_wrong_known_answer_names_core_unit_and_both_values() {
    let Some(firmware) = firmware() else { return };
    let refused = |image: &[u8], fact: &str, log: &[&str]| {
        assert!(Image::parse(image).is_ok(), "the seal must be right");
        let session = firmware.run(image, &[]).unwrap();
        println!("{}", session.log);
        assert_eq!(session.fact("known-answer"), Some(fact), "{:?}", session.facts);
        assert_eq!((session.exit, session.fact("verdict")), (Some(1), Some("failed")));
        assert!(log.iter().all(|text| session.log.contains(text)), "{}", session.log);
    };
    // A vector changed: unit 2 of configuration 0 reads 20.
    let mut builder = answered();
    builder.answers[1].answers[2] = 21;
    let log = ["Unit", "core: 0", "unit: 2", "expected: 21", "found: 20"];
    refused(&builder.build(), "vector 1 core 0 unit 2 expected 21 found 20", &log);
    // A weight changed, everything sealed again: 120 becomes 125 in the first column of array A.
    // By hand: 7:13 for 7:8 changes HL to 6*13 - 24 + 8 = 62, 62 >> 5 = 1, and LL to 2*13 - 8 + 32 = 50: nothing.
    // So 140 (8:12): HH = 48 - 6 + 12 = 54, 54 >> 1 = 27; HL = 72 - 24 + 8 = 56: 1; LH = 16 - 2 + 48 = 62: 3.
    let image = patched(&answered().build(), Tag::WEIGHTS, 0, &[140]);
    let log = ["expected: 28", "found: 31"];
    refused(&image, "vector 1 core 0 unit 0 expected 28 found 31", &log);
    // The network's own answer changed.
    let mut builder = answered();
    builder.answers[0].answers[1] += 1;
    refused(&builder.build(), "vector 0 output 1 expected 2 found 1", &["Output"]);
    // The state behind right outputs changed.
    let mut builder = answered();
    let Subject::Network { digest, .. } = &mut builder.answers[0].subject else {
        panic!("a network's vector")
    };
    digest[31] ^= 1;
    refused(&builder.build(), "vector 0 state", &["State"]);
}

#[test]
fn what_the_board_can_not_hold_or_understand_ends_with_a_reason() {
    let Some(firmware) = firmware() else { return };
    let mut large = minimal::image();
    large.ring(Codec::I32, 2_000_000, 1, 0);
    let session = firmware.run(&large.build(), &[]).unwrap();
    assert_eq!(session.fact("too-large"), Some("machine-words 2000033 1048576"), "{:?}", session.facts);
    assert_eq!(session.exit, Some(1));

    let mut long = minimal::image();
    long.repeat(0, u32::MAX, |b| b.tick());
    let session = firmware.run(&long.build(), &[]).unwrap();
    assert_eq!(session.exit, Some(1));
    assert!(session.fact("too-large").is_some_and(|fact| fact.starts_with("work ")), "{:?}", session.facts);

    let good = answered().build();
    let session = firmware.run(&good, &[vec![1, 2, 3]]).unwrap();
    assert_eq!(session.fact("bad-sample"), Some("0 expected 6 found 3"), "{:?}", session.facts);
    assert_eq!((session.exit, session.fact("verdict")), (Some(2), Some("broken")));

    let mut cut = (good.len() as u32).to_le_bytes().to_vec();
    cut.extend(&good[..100]);
    let session = firmware.send(&cut).unwrap();
    let expected = format!("expected {} received 100", good.len());
    assert_eq!(session.fact("stream-silent"), Some(&*expected), "{:?}", session.facts);
    assert_eq!(session.exit, Some(2));
}
