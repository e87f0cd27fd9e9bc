//! Known answers chosen by the faults that they show, and the coverage that an image states, asked for by a setting.

mod verify_common;

use spandrel::compile::{Prepare, Request, compile};
use spandrel::faults::ratio;
use spandrel::settings::Settings;
use spandrel_core::image::{Config, CoverageWay, FaultClass, Image, Subject};
use spandrel_core::verify::KnownAnswers;
use verify_common::digits;

/// The digits perceptron with and without the setting.
fn compiled(chip: &str, settings: &[&str]) -> Vec<u8> {
    let settings =
        Settings::parse([&["encode.budget=x1", "rate.window=4"], settings].concat()).expect("settings");
    let request = Request {
        settings: settings.to_map(),
        options: settings.into(),
        calibration_count: 64,
        // The network divides by 16 itself.
        prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
        ..Request::new(digits("digits_mlp.onnx"), chip, digits("train.npz"))
    };
    if chip == "tianji-subtract" {
        return spandrel::rate::compile(&request, &mut ()).expect("it compiles").image;
    }
    compile(&request, &mut ()).expect("it compiles").image
}

#[test]
fn images_state_what_their_answers_show() {
    for (chip, classes) in [("prime", 5), ("tianji-ann", 5), ("tianji-subtract", 6)] {
        let bytes = compiled(chip, &["answers.faults=60", "answers.vectors=6"]);
        let image = Image::parse(&bytes).expect("an image");
        let mut ram = vec![0; image.header().ram_words as usize];
        let known = KnownAnswers::new(&image, image.weights()).check(&mut ram).expect("its own answers");
        assert_eq!(known.networks, 2, "{chip}");
        assert_eq!(image.coverage_count(), classes * 3, "{chip}");
        for own in (0..image.coverage_count()).filter_map(|at| image.coverage(at)) {
            assert!(own.simulated == own.all.min(60), "{chip}: {own:?}");
            if let (CoverageWay::Both, Some(share)) = (own.way, ratio(&own)) {
                // The other ways show no more than both, and the class is not left out.
                assert!(share > 0.2, "{chip}: {own:?}");
                let ppm = (share * 1e6).floor() as u32;
                assert!(own.ppm.0 <= ppm + 1 && ppm <= own.ppm.1, "{chip}: {own:?}");
                assert!(!own.sampled() || own.ppm.1 - own.ppm.0 > 10_000, "{chip}: {own:?}");
            }
            let spikes = own.class == FaultClass::Spike;
            assert!(!spikes || chip == "tianji-subtract", "{chip}: {own:?}");
        }
    }
}

/// The first answer of a core drives every line, and no core is left out.
#[test]
fn every_core_answers_with_every_line_driven() {
    let bytes = compiled("prime", &["answers.faults=30", "answers.vectors=4"]);
    assert_eq!(bytes, compiled("prime", &["answers.faults=30", "answers.vectors=4"]), "the same twice");
    let image = Image::parse(&bytes).expect("an image");
    for number in 0..image.config_count() {
        let Some(Config::Crossbar(own)) = image.config(number) else { panic!("crossbars") };
        let vectors: Vec<_> = (0..image.vector_count()).filter_map(|at| image.vector(at)).collect();
        let of = |subject: Subject| matches!(subject, Subject::Config { config, .. } if config == number);
        let asked: Vec<_> = vectors.iter().filter(|vector| of(vector.subject)).collect();
        assert!((1..=4).contains(&asked.len()), "configuration {number}: {}", asked.len());
        let driven = |line| asked[0].inputs.get(line).is_some_and(|code| code > 0);
        assert!((0..own.rows).all(driven), "configuration {number}");
    }
    // Without the setting an image states nothing.
    let plain = compiled("prime", &[]);
    assert_eq!(Image::parse(&plain).expect("an image").coverage_count(), 0);
}
