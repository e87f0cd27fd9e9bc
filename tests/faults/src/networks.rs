//! The images of the campaign: three assembled by hand, three compiled from the digits example, each with its coverage.

use std::path::Path;

use spandrel::compile::{Prepare, Request, compile};
use spandrel::faults::{Options, equip};
use spandrel::settings::Settings;
use spandrel_tests::images::{digital, mlp, spiking};

/// An image and what reports call it.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its name.
    pub name: &'static str,
    /// The image's bytes.
    pub image: Vec<u8>,
}

/// Simulates every fault, so that the image states shares and not intervals.
const ALL: Options = Options { faults: u64::MAX, vectors: 16, work: u64::MAX, seed: 1 };

/// The three networks that were assembled by hand.
///
/// # Panics
/// When they can not be equipped.
#[must_use]
pub fn assembled() -> Vec<Network> {
    let network = |name, image: Vec<u8>, samples: Vec<Vec<i32>>| Network {
        name,
        image: equip(&image, &samples, &ALL).expect("an image"),
    };
    let samples = |all: &[&[i32]]| all.iter().map(|sample| sample.to_vec()).collect();
    vec![
        network("small crossbar", mlp::image().build(), samples(&[&mlp::SAMPLES[0], &mlp::SAMPLES[1]])),
        network(
            "small digital",
            digital::image().build(),
            samples(&[&digital::SAMPLES[0], &digital::SAMPLES[1]]),
        ),
        network(
            "small spiking",
            spiking::image().build(),
            samples(&[&spiking::SAMPLES[0], &spiking::SAMPLES[1]]),
        ),
    ]
}

/// The digits perceptron for `chip`, with answers for every fault and its coverage.
///
/// # Panics
/// When it can not be compiled.
#[must_use]
pub fn digits(name: &'static str, chip: &str) -> Network {
    compiled(name, chip, &["answers.faults=10000000", "rate.window=8", "encode.budget=x1"])
}

/// The digits perceptron for `chip` as it is compiled without settings.
///
/// # Panics
/// When it can not be compiled.
#[must_use]
pub fn perceptron(name: &'static str, chip: &str) -> Network {
    compiled(name, chip, &[])
}

fn compiled(name: &'static str, chip: &str, settings: &[&str]) -> Network {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/digits");
    let settings = Settings::parse(settings.iter().copied());
    let settings = settings.unwrap_or_else(|error| panic!("{error}"));
    let request = Request {
        settings: settings.to_map(),
        options: settings.into(),
        calibration_count: 200,
        // The network divides by 16 itself.
        prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
        ..Request::new(folder.join("digits_mlp.onnx"), chip, folder.join("train.npz"))
    };
    let spiking = spandrel::chips::find(chip).is_ok_and(|chip| chip.spiking().is_some());
    let image = if spiking {
        spandrel::rate::compile(&request, &mut ()).map(|made| made.image)
    } else {
        compile(&request, &mut ()).map(|made| made.image)
    };
    Network { name, image: image.unwrap_or_else(|error| panic!("{error}")) }
}
