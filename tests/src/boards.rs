//! Example networks measured on the emulated boards, and the model of `spandrel inspect --target` beside them.

mod fit;
mod margin;
mod table;

pub use fit::{fit, fitted};
pub use margin::{MARGIN, beyond};
pub use table::write;

use crate::{
    board::agree_quietly,
    qemu::{Board, Firmware},
};
use spandrel::boards::{Check, Counts};
use spandrel::compile::{Prepare, Request, compile};
use spandrel::rate;
use spandrel::samples::{SampleData, Samples};
use spandrel::settings::Settings;
use spandrel_core::image::Image;
use std::path::{Path, PathBuf};

/// Samples that are measured, and averaged.
const SAMPLES: usize = 3;

/// Model, chip, settings, and whether the costs are fitted to it.
type Example = (&'static str, &'static str, &'static [(&'static str, &'static str)], bool);

/// The example networks. Those that the costs are not fitted to are only predicted.
const NETWORKS: [Example; 16] = [
    ("digits_mlp", "prime", &[("encode.budget", "x1")], true),
    ("digits_cnn", "prime", &[("encode.budget", "x1")], true),
    ("digits_mlp", "prime", &[], false),
    ("digits_mlp", "isaac", &[], true),
    ("digits_cnn", "isaac", &[], false),
    ("digits_mlp", "diannao", &[], true),
    ("digits_cnn", "diannao", &[], true),
    ("digits_mlp", "tpu", &[], false),
    ("digits_cnn", "tpu", &[], true),
    ("digits_mlp", "tianji-ann", &[], true),
    ("digits_cnn", "tianji-ann", &[], true),
    ("digits_cnn", "prime", &[], true),
    ("digits_mlp", "tianji", &[("rate.window", "16")], true),
    ("digits_mlp", "truenorth", &[("rate.window", "16")], true),
    ("digits_mlp", "tianji-subtract", &[("rate.window", "16")], false),
    ("digits_mlp", "tianji-subtract", &[("rate.window", "32")], true),
];

/// An image to be measured.
#[derive(Debug)]
pub struct Network {
    /// Model, chip and settings.
    pub name: String,
    /// Whether the costs are fitted to it.
    pub fitted: bool,
    /// Whether its cores spike, so that instructions depend on the samples.
    pub spiking: bool,
    /// The image.
    pub image: Vec<u8>,
    /// Raw values of the samples.
    pub samples: Vec<Vec<i32>>,
}

/// What a board took.
#[derive(Clone, Debug)]
pub struct Took {
    /// Instructions of an inference, averaged over the samples.
    pub inference: f64,
    /// Instructions of checking the image.
    pub check: f64,
    /// Instructions of all known answers.
    pub answers: f64,
    /// Stack at its deepest, in bytes.
    pub stack: u64,
}

/// An image on a board.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Model, chip and settings.
    pub name: String,
    /// Whether the costs are fitted to it.
    pub fitted: bool,
    /// Whether its cores spike.
    pub spiking: bool,
    /// The board.
    pub board: Board,
    /// Bytes of the firmware's ELF that lie in flash.
    pub firmware: u64,
    /// What it took, or what the board had no room for.
    pub took: Result<Took, String>,
    /// The image.
    pub image: Vec<u8>,
}

fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

/// Compiles the example networks.
///
/// # Errors
/// One does not compile.
pub fn networks() -> Result<Vec<Network>, String> {
    named(|_| true)
}

/// Compiles those whose name (model, chip and settings) is `wanted`.
///
/// # Errors
/// One does not compile.
pub fn named(wanted: impl Fn(&str) -> bool) -> Result<Vec<Network>, String> {
    let test = Samples::read(&digits("test.npz"), None).map_err(|error| error.to_string())?.first(SAMPLES);
    let SampleData::U8(pixels) = &test.data else { return Err("the digits are bytes".into()) };
    let samples: Vec<Vec<i32>> =
        pixels.chunks_exact(64).map(|image| image.iter().map(|&v| i32::from(v)).collect()).collect();
    let network = |name: String, (model, chip, choices, fitted): Example| {
        let mut settings = Settings::default();
        for (key, value) in choices {
            settings.set(key, value).map_err(|error| format!("{name}: {error:?}"))?;
        }
        let request = Request {
            prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
            options: settings.into(),
            ..Request::new(digits(&format!("{model}.onnx")), chip, digits("train.npz"))
        };
        let spiking = choices.iter().any(|(key, _)| key.starts_with("rate."));
        let image = if spiking {
            rate::compile(&request, &mut ()).map_err(|error| format!("{name}: {error}"))?.image
        } else {
            compile(&request, &mut ()).map_err(|error| format!("{name}: {error}"))?.image
        };
        Ok(Network { name, fitted, spiking, image, samples: samples.clone() })
    };
    let name = |(model, chip, choices, _): &Example| {
        let choices: String = choices.iter().map(|(key, value)| format!(", {key}={value}")).collect();
        format!("{model} on {chip}{choices}")
    };
    NETWORKS
        .into_iter()
        .map(|own| (name(&own), own))
        .filter(|(name, _)| wanted(name))
        .map(|(name, own)| network(name, own))
        .collect()
}

/// Runs every network on every board; each digest is compared with the host's.
///
/// # Errors
/// A board could not be run, or gave another digest.
pub fn measure(networks: &[Network], tell: &mut dyn FnMut(&str)) -> Result<Vec<Measured>, String> {
    let mut measured = Vec::new();
    for board in Board::ALL {
        let Some(firmware) = Firmware::on(board)? else { return Err("the boards were skipped".into()) };
        let in_flash = firmware.flash_bytes()?;
        for network in networks {
            let took = took(firmware, network)?;
            let text = match &took {
                Ok(took) => format!("{:.0} instructions", took.inference),
                Err(refusal) => refusal.clone(),
            };
            tell(&format!("{} on {}: {text}", network.name, board.name()));
            measured.push(Measured {
                name: network.name.clone(),
                fitted: network.fitted,
                spiking: network.spiking,
                board,
                firmware: in_flash,
                took,
                image: network.image.clone(),
            });
        }
    }
    Ok(measured)
}

/// One network on one board; what the board has no room for is no failure.
fn took(firmware: &Firmware, network: &Network) -> Result<Result<Took, String>, String> {
    let session = agree_quietly(firmware, &network.image, &network.samples)?;
    if let Some(refusal) = session.fact("too-large") {
        return Ok(Err(refusal.to_owned()));
    }
    let number = |name: &str| -> Result<f64, String> {
        let fact = session.fact(name).ok_or_else(|| format!("{}: no {name}", network.name))?;
        fact.parse().map_err(|error| format!("{name} {fact}: {error}"))
    };
    let samples = session.samples();
    let total: u64 = samples.iter().map(|sample| sample.instructions).sum();
    Ok(Ok(Took {
        inference: total as f64 / samples.len().max(1) as f64,
        check: number("parse-instructions")?,
        answers: number("known-answers-instructions")?,
        stack: number("stack-bytes")? as u64,
    }))
}

impl Measured {
    /// The image, parsed.
    ///
    /// # Panics
    /// It was accepted before it was measured, and is now no image.
    #[must_use]
    pub fn parsed(&self) -> Image<'_> {
        Image::parse(&self.image).expect("an image that was run")
    }

    /// What an inference and the known answers do, and what checking does.
    #[must_use]
    pub fn counts(&self) -> (Counts, Counts, Check) {
        let image = self.parsed();
        let (cores, network) = (Counts::config_answers(&image), Counts::network_answers(&image));
        let mut answers = cores;
        answers.0.iter_mut().zip(network.0).for_each(|(sum, count)| *sum += count);
        (Counts::inference(&image), answers, Check::of(&image))
    }
}
