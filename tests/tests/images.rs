//! Hand-assembled images run with the parser unchanged, and give literal bits.
//!
//! Outputs are worked by hand in the images' own documentation. State digests were computed
//! apart from this project, as SHA-256 over the listed values in little-endian i32.

use spandrel_core::{
    image::{Image, Rule, Subject, Tag},
    machine::STATE_DIGEST,
    verify::{KnownAnswers, MismatchKind},
};
use spandrel_tests::{
    coverage::Coverage,
    images::{Answer, ImageBuilder, conv, digital, minimal, mlp, recurrent, spiking},
    naive::Naive,
    run,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What an image must show.
struct Expected<'e> {
    bytes: usize,
    image: &'e str,
    outputs: &'e [i32],
    state: &'e str,
}

fn check(builder: &ImageBuilder, samples: &[&[i32]], expected: &Expected<'_>) {
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let shown = run::whole(&image, samples);
    assert_eq!(shown.values(), expected.outputs);
    assert_eq!(hex(&shown.digest), expected.state);
    assert_eq!(bytes.len(), expected.bytes);
    assert_eq!(hex(image.digest()), expected.image);
    // A second machine, which has never seen the image's bytes, agrees.
    let seen = Naive::new(builder, &mut Coverage::new()).run(samples);
    assert_eq!(hex(&seen.digest), expected.state);
    assert_eq!(shown.ticks, seen.ticks);
}

#[test]
fn multi_layer_perceptron() {
    let samples: Vec<&[i32]> = mlp::SAMPLES.iter().map(|s| &s[..]).collect();
    let expected = Expected {
        bytes: 1648,
        image: "c3d8766940b8b3ee37981e4136d033a2759de84d2f72b18fbda18623726ed5af",
        outputs: &mlp::OUTPUTS.concat(),
        // 0 63 32 16 8 4, 9 9 23 0, 4 3
        state: "7e3e54bcf3fba106614d917828299e25a97ff8df9459a7874dac2c46aa695969",
    };
    check(&mlp::image(), &samples, &expected);
}

#[test]
fn convolution_over_two_positions() {
    let expected = Expected {
        bytes: 984,
        image: "1686cc83249910e6ed3d7874da145e60b15ba4b0825043a7598979b9e3cf7466",
        outputs: &conv::OUTPUTS,
        // 10 20 30 40 50 60 63 0 7 14 21 28, 15 13 63 12
        state: "4a5eca4d4304fab95b2e05173dc69d66b67c104feddb634ec889e99da628ec66",
    };
    check(&conv::image(), &[&conv::SAMPLE], &expected);
}

#[test]
fn digital_cores_with_a_wide_accumulator() {
    let samples: Vec<&[i32]> = digital::SAMPLES.iter().map(|s| &s[..]).collect();
    let expected = Expected {
        bytes: 1616,
        image: "6fb964423bfe3636824c18e2c15c31a020430b9328b0ecedfc8d616348080bb1",
        outputs: &digital::OUTPUTS.concat(),
        // 10 255 11, -13 127, -500539 -8028477 2507
        state: "f1612dc8a604d9e2f848379745507478f2aee6363bd82ae2313f3ef6bfe6e6e6",
    };
    check(&digital::image(), &samples, &expected);
}

#[test]
fn recurrent_units_with_a_delay() {
    let image = "ab1f23e64591c9191dd9101b3ea91b94e02872bf126c5d81242ff0f353447025";
    let samples: Vec<&[i32]> = recurrent::SAMPLES.iter().map(|s| &s[..]).collect();
    // 40 0 63, then the ring: age 0 holds 10 11 (written two ticks ago), age 1 holds 43 0.
    let state = "789a0fdb07cd6be6cd5c54234ea9d7dc64411841700c988e1da6bb3c466a802b";
    let first = Expected { bytes: 992, image, outputs: &recurrent::OUTPUTS[0], state };
    check(&recurrent::image(), &samples[..1], &first);
    // 0 10 0, then 6 14 and 0 9: the ring outlives the first sample.
    let state = "785af824799614f2a850246269ca8019f237d1c255c1918fce9a1e640c5240ce";
    let both = Expected { bytes: 992, image, outputs: &recurrent::OUTPUTS.concat(), state };
    check(&recurrent::image(), &samples, &both);
}

#[test]
fn one_signal() {
    let expected = Expected {
        bytes: 368,
        image: "3189826b6919408424148f4f5bf9122faa48f1e50a3cd40b733957a75c229c0b",
        outputs: &[42],
        // 42
        state: "e8a4b2ee7ede79a3afb332b5b6cc3d952a65fd8cffb897f5d18016577c33d7cc",
    };
    check(&minimal::image(), &[&[]], &expected);
}

#[test]
fn the_state_digest_has_a_name() {
    assert_eq!(STATE_DIGEST, "spandrel-state-1");
}

#[test]
fn the_second_sample_needs_the_first() {
    let bytes = recurrent::image().build();
    let image = Image::parse(&bytes).unwrap();
    let alone = run::whole(&image, &[&recurrent::SAMPLES[1]]);
    assert_ne!(alone.values(), recurrent::OUTPUTS[1]);
}

#[test]
fn the_decoder_names_the_class() {
    let bytes = mlp::image().build();
    let image = Image::parse(&bytes).unwrap();
    let decoder = image.decoder(0).unwrap();
    for (codes, class) in [([6, 1], 0), ([-3, 1], 1), ([5, 5], 0)] {
        assert_eq!(decoder.class(image.tables(), &codes), Some(class), "{codes:?}");
    }
}

#[test]
fn known_answers_hold_and_name_what_differs() {
    let samples: Vec<&[i32]> = mlp::SAMPLES.iter().map(|s| &s[..]).collect();
    let mut builder = mlp::image();
    builder.record_networks(&samples);
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap();
    let mut ram = run::memory(&image);
    let checked = KnownAnswers::new(&image, image.weights()).check(&mut ram).unwrap();
    assert_eq!((checked.networks, checked.values), (2, 4));
    // Answers were recorded from the core itself; the literal ones come from outside.
    for (answer, expected) in builder.answers.iter().zip(mlp::OUTPUTS) {
        assert_eq!(answer.answers, expected);
    }
    // A weight changed behind all checksums: array B, column 2, row 1, 90 -> 89 ...
    let mut changed = mlp::image();
    changed.answers = builder.answers.clone();
    let mut matrix = changed.blobs[1].matrix.clone();
    matrix[2][1] = -90;
    changed.blobs[1].bytes = spandrel_tests::images::weights::dense(9, &matrix).bytes;
    let bytes = changed.build();
    let image = Image::parse(&bytes).unwrap();
    let mismatch = KnownAnswers::new(&image, image.weights()).check(&mut ram).unwrap_err();
    assert!(matches!(mismatch.kind, MismatchKind::Output { index: 0, expected: 6, .. }), "{mismatch:?}");
}

#[test]
fn a_wrong_core_is_named_with_unit_and_value() {
    let mut builder = mlp::image();
    let subject = Subject::Config { config: 1, shift: None, relu: None };
    // The reads of array B for the first sample, as worked in the image's documentation.
    let answer = |answers: [i32; 4]| Answer { subject, inputs: vec![6, 63, 0], answers: answers.to_vec() };
    builder.answers = vec![answer([8, -24, 21, -1])];
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap();
    let mut ram = run::memory(&image);
    assert_eq!(KnownAnswers::new(&image, image.weights()).check(&mut ram).unwrap().configs, 1);
    builder.answers = vec![answer([8, -24, 22, -1])];
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap();
    let mismatch = KnownAnswers::new(&image, image.weights()).check(&mut ram).unwrap_err();
    assert_eq!(mismatch.kind, MismatchKind::Unit { core: 1, unit: 2, expected: 22, found: 21 });
}

#[test]
fn digital_cores_answer_for_themselves() {
    let mut builder = digital::image();
    builder.record_networks(&digital::SAMPLES.each_ref().map(|sample| &sample[..]));
    // Reads as worked in the image's documentation; those of the wide cores saturate to 32 bits.
    for (config, inputs, answers) in [
        (0, &[200, 100, 0][..], &[1650, -25_550, 1350, 94_940][..]),
        (1, &[23, 127], &[i32::MAX, i32::MIN, -3321]),
        (2, &[200, 100, 0], &[i32::MIN, i32::MAX, 500]),
    ] {
        let subject = Subject::Config { config, shift: None, relu: None };
        builder.answers.push(Answer { subject, inputs: inputs.to_vec(), answers: answers.to_vec() });
    }
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap();
    let mut ram = run::memory(&image);
    let checked = KnownAnswers::new(&image, image.weights()).check(&mut ram).unwrap();
    assert_eq!((checked.networks, checked.configs), (2, 3));
    builder.answers[4].answers[2] = 501;
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap();
    let mismatch = KnownAnswers::new(&image, image.weights()).check(&mut ram).unwrap_err();
    assert_eq!(mismatch.kind, MismatchKind::Unit { core: 2, unit: 2, expected: 501, found: 500 });
}

#[test]
fn errors_can_be_told() {
    let error = Image::parse(b"not an image, but long enough to have a magic").unwrap_err();
    assert_eq!((error.rule, error.place.section), (Rule::BadMagic, Tag::HEADER));
    assert_eq!(error.to_string(), "section HEADER, record 0, magic: bad-magic");
    assert!(error.way_out().contains("spandrel compile"));
}

#[test]
fn spiking_network() {
    let samples: Vec<&[i32]> = spiking::SAMPLES.iter().map(|s| &s[..]).collect();
    let builder = spiking::image();
    let bytes = builder.build();
    let image = Image::parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let shown = run::whole(&image, &samples);
    assert_eq!(shown.values()[..2], spiking::COUNTS);
    // Spikes of layer 1 and layer 2 in the first sample's nine ticks.
    let units: Vec<i32> = shown.units.iter().map(|(_, spikes)| *spikes).collect();
    let tick = |tick: usize| units[tick * 5..][..5].to_vec();
    let spikes: Vec<Vec<i32>> = (0..9).map(tick).collect();
    let of = |unit: usize| -> Vec<usize> { (0..9).filter(|tick| spikes[*tick][unit] > 0).collect() };
    assert_eq!([of(0), of(1), of(2)], [vec![2, 3, 5, 6, 7], vec![5], vec![3, 6]]);
    assert_eq!([of(3), of(4)], [vec![4, 6, 7, 8], vec![4, 6, 8]]);
    let seen = Naive::new(&builder, &mut Coverage::new()).run(&samples);
    assert_eq!(shown.ticks.len(), 18);
    assert_eq!(shown.ticks, seen.ticks);
    assert_eq!(shown.digest, seen.digest);
}
