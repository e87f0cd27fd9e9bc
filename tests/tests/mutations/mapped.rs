//! Faults of the mapper: the image holds what was mapped, and what was mapped is not the tuned network.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use spandrel::compile::{Compiled, Prepare, Request, compile};
use spandrel::settings::Settings;
use spandrel::verify::{check_mapping, prove_no_wrap};
use spandrel_core::{
    crossbar::{Crossbar, Readout},
    image::{Config, Image, Tag},
};
use spandrel_tests::images::builder::assembled;

/// Calibration samples of the perceptron.
pub const CALIBRATION: usize = 64;

pub fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

/// How the perceptron is compiled.
pub fn request() -> Request {
    let settings =
        Settings::parse(["tune=nearest", "encode.budget=x1"]).unwrap_or_else(|error| panic!("{error}"));
    Request {
        settings: settings.to_map(),
        options: settings.into(),
        calibration_count: CALIBRATION,
        prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
        ..Request::new(digits("digits_mlp.onnx"), "prime", digits("train.npz"))
    }
}

pub fn compiled() -> Compiled {
    compile(&request(), &mut ()).unwrap_or_else(|error| panic!("{error}"))
}

/// The image with one section changed, its checksums right.
fn changed(bytes: &[u8], section: Tag, change: &dyn Fn(&mut Vec<u8>)) -> Vec<u8> {
    let image = Image::parse(bytes).expect("a legal image");
    let sections = Tag::KNOWN.map(|tag| {
        let mut content = image.section(tag).to_vec();
        if tag == section {
            change(&mut content);
        }
        (tag, content)
    });
    let sections = sections.into_iter().filter(|(_, content)| !content.is_empty()).collect();
    assembled("prime", image.header().ram_words, &sections)
}

fn configured(bytes: &[u8], number: u32, change: fn(&mut Crossbar)) -> Vec<u8> {
    let image = Image::parse(bytes).expect("a legal image");
    let mut configs = Vec::new();
    for at in 0..image.config_count() {
        let mut config = image.config(at).expect("in range");
        if let (true, Config::Crossbar(crossbar)) = (at == number, &mut config) {
            change(crossbar);
        }
        config.emit(&mut |part: &[u8]| configs.extend_from_slice(part));
    }
    changed(bytes, Tag::CONFIGS, &|content| content.clone_from(&configs))
}

/// The faults and what caught them.
pub fn caught() -> Vec<(String, BTreeSet<&'static str>)> {
    let right = compiled();
    let bytes = &right.image;
    assert!(check_mapping(&right.coded, &Image::parse(bytes).expect("legal")).evidence.holds());
    let shift = |crossbar: &mut Crossbar| {
        if let Readout::Composed { shift, .. } = &mut crossbar.readout {
            *shift += 1;
        }
    };
    // A route takes 16 bytes: edge, from, to, signals.
    let faults = [
        ("one route missing", changed(bytes, Tag::ROUTES, &|all| all.truncate(all.len() - 16))),
        ("one route to another core", changed(bytes, Tag::ROUTES, &|all| all[8] ^= 1)),
        (
            "one weight wrong",
            changed(bytes, Tag::WEIGHTS, &|all| all[0] = if all[0] == 0 { 1 } else { all[0] - 1 }),
        ),
        ("two cores in one place", changed(bytes, Tag::PLACES, &|all| all.copy_within(0..16, 16))),
        ("shift of a core off by one", configured(bytes, 1, shift)),
        ("sum shift of a core off by one", configured(bytes, 1, |crossbar| crossbar.sum_shift += 1)),
    ];
    let claims = |bytes: &[u8]| {
        let image = Image::parse(bytes).expect("a legal image");
        let found = [
            ("C4", check_mapping(&right.coded, &image).evidence.wrong > 0),
            ("C6", prove_no_wrap(&image).evidence.wrong > 0),
        ];
        found.into_iter().filter(|(_, wrong)| *wrong).map(|(claim, _)| claim).collect()
    };
    faults.iter().map(|(name, bytes)| ((*name).to_owned(), claims(bytes))).collect()
}
