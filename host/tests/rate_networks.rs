//! Trained networks on spiking chips by rate codes: the example's networks end to end.

use std::path::{Path, PathBuf};

use spandrel::compile::{Prepare, Request};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::nir::SpikingCompiled;
use spandrel::rate;
use spandrel::settings::Settings;
use spandrel_core::image::Image;
use spandrel_hwdesc::builtin;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

fn request(model: &str, chip: &str, settings: &[&str]) -> Request {
    let settings = Settings::parse(settings.iter().copied()).expect("settings");
    Request {
        test: Some(example("test.npz")),
        calibration_count: 256,
        prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
        settings: settings.to_map(),
        options: settings.into(),
        ..Request::new(example(model), chip, example("train.npz"))
    }
}

fn compiled(model: &str, chip: &str, settings: &[&str]) -> SpikingCompiled {
    let request = request(model, chip, settings);
    rate::compile(&request, &mut ()).unwrap_or_else(|error| panic!("{model} on {chip}: {error}"))
}

/// Accuracy is near that of the ideal network, and both engines count the same spikes.
#[test]
fn digits_on_every_chip() {
    for (chip, least) in [("tianji-subtract", 0.03), ("tianji", 0.06), ("truenorth", 0.05)] {
        let made = compiled("digits_mlp.onnx", chip, &["rate.window=32"]);
        let report = &made.report;
        let (ideal, own) = (report.ideal_accuracy.unwrap_or(0.0), report.accuracy.unwrap_or(0.0));
        assert!(ideal > 0.9 && own > ideal - least, "{chip}: ideal {ideal}, image {own}");
        assert!(report.claims.iter().any(|claim| claim.id == "C3"), "{:?}", report.claims);
        let image = Image::parse(&made.image).expect("an image");
        let length = image.encoder(0).expect("an encoder").length as usize;
        let raw: Vec<i32> = (0..4 * length).map(|at| (at * 7 % 17) as i32).collect();
        let batch = RawBatch::new(RawData::I32(&raw), length).expect("a batch");
        let mut fast = FastEngine::new(&image, Options::default()).expect("an engine");
        let mut core = CoreEngine::new(&image, Options::default()).expect("an engine");
        let fast = fast.run_batch(&batch).expect("outputs");
        let core = core.run_batch(&batch).expect("outputs");
        for sample in 0..4 {
            assert!(fast.output(sample, 0).eq(core.output(sample, 0)), "{chip}, sample {sample}");
        }
    }
}

/// What a reset to zero loses is made good by several neurons a value: each layer's values are at least 2 dB clearer than on one
/// neuron each (3.5 dB and more were measured).
#[test]
fn several_neurons_make_good_what_a_reset_loses() {
    let of = |signals: &str| {
        let report = compiled("digits_mlp.onnx", "tianji", &["rate.window=32", signals]).report;
        report.populations.iter().filter_map(|own| own.snr_db).collect::<Vec<f64>>()
    };
    let (one, several) = (of("rate.signals=1"), of("rate.signals=auto"));
    assert!(one.len() == 3 && one.len() == several.len(), "{one:?} and {several:?}");
    assert!(one.iter().zip(&several).all(|(one, several)| *several > one + 2.0), "{one:?} and {several:?}");
}

/// A reader's sums are not cut in parts for the sake of copies, those behind a maximum neither.
#[test]
fn copies_cut_no_wide_sum() {
    let quick = ["rate.window=16", "rate.passes=1"];
    let report = compiled("digits_cnn.onnx", "tianji", &quick).report;
    let parts = report.populations.iter().filter(|own| own.name.ends_with("(part)")).count();
    assert_eq!(parts, 0, "{:?}", report.remarks);
}

#[test]
fn same_bytes_twice() {
    let once = || compiled("digits_mlp.onnx", "tianji", &["rate.window=8", "rate.passes=2"]).image;
    assert_eq!(once(), once());
}

/// Convolutions and maxima.
#[test]
fn pictures_and_maxima() {
    for chip in ["tianji-subtract", "truenorth"] {
        let report = compiled("digits_cnn.onnx", chip, &["rate.window=32", "rate.passes=2"]).report;
        let (ideal, own) = (report.ideal_accuracy.unwrap_or(0.0), report.accuracy.unwrap_or(0.0));
        assert!(ideal > 0.9 && own > ideal - 0.03, "{chip}: ideal {ideal}, image {own}");
        assert!(report.populations.iter().any(|own| own.name.ends_with("(maximum)")));
    }
}

/// Copies and relays repeat spikes: they cost cores, and classes stay the same.
#[test]
fn copies_change_no_count() {
    for chip in ["tianji", "truenorth"] {
        let quick = ["rate.window=16", "rate.passes=1"];
        let with = compiled("digits_mlp.onnx", chip, &quick).report;
        let without =
            compiled("digits_mlp.onnx", chip, &[&quick[..], &["expand.transmission=off"]].concat()).report;
        assert_eq!((with.accuracy, with.agreement), (without.accuracy, without.agreement), "{chip}");
        assert!(with.cores >= without.cores, "{chip}: {} and {} cores", with.cores, without.cores);
    }
}

/// A sum of more values than a core has axons crosses in parts, and relays are counted.
#[test]
fn parts_where_cores_are_small() {
    let changes = [("spiking.axons", "32"), ("spiking.neurons", "64")];
    let small = builtin("tianji-subtract").expect("it is built in").with(&changes).expect("a chip");
    let request = request("digits_mlp.onnx", "tianji-subtract", &["rate.window=64"]);
    let made = rate::compile_for(&request, &small, &mut ()).unwrap_or_else(|error| panic!("{error}"));
    let parts = made.report.populations.iter().filter(|own| own.name.ends_with("(part)")).count();
    let reduce = made.report.populations.iter().filter(|own| own.name.ends_with("(reduce)")).count();
    assert!(parts >= 2 && reduce >= 1, "{:?}", made.report.populations);
    let (ideal, own) = (made.report.ideal_accuracy.unwrap_or(0.0), made.report.accuracy.unwrap_or(0.0));
    assert!(ideal > 0.9 && own > ideal - 0.05, "ideal {ideal}, image {own}");
}

#[test]
fn what_can_not_be_done_is_refused() {
    let refused = |chip: &str, settings: &[&str]| {
        let error = rate::compile(&request("digits_mlp.onnx", chip, settings), &mut ());
        error.expect_err("it can not be done").to_string()
    };
    let long = refused("tianji", &["rate.window=2000"]);
    assert!(long.contains("SP0303") && long.contains("at most 1024"), "{long}");
    let currents = refused("loihi", &[]);
    assert!(currents.contains("SP0401") && currents.contains("current_decay"), "{currents}");
    let crossbar = refused("prime", &[]);
    assert!(crossbar.contains("SP0401"), "{crossbar}");
}
