//! The coded graph as an engine of named values: the same classes as the image, values close to the golden model's.

use std::path::{Path, PathBuf};

use spandrel::compile::{Prepare, Request, compile};
use spandrel::engine::ExactEngine;
use spandrel::engine::{FastEngine, Options};
use spandrel::evaluate::{Readout, class_of};
use spandrel::graph::{Golden, NodeEngine};
use spandrel::import::read_onnx;
use spandrel::samples::{Feed, Preprocess, SampleSet, Samples};
use spandrel::samples_raw::RawSamples;
use spandrel::tune::CodedNodes;
use spandrel_core::image::Image;

fn digits(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/digits").join(name)
}

#[test]
fn named_values_of_the_coded_graph_are_those_of_the_image() {
    let request = Request {
        prepare: Prepare { scale: Some(vec![1.0]), ..Prepare::default() },
        ..Request::new(digits("digits_mlp.onnx"), "prime", digits("train.npz"))
    };
    let compiled = compile(&request, &mut ()).unwrap();
    let mut coded = CodedNodes { graph: &compiled.coded, input: &compiled.input, target: &compiled.target };

    let graph = read_onnx(&request.model).unwrap();
    let samples = Samples::read(&digits("test.npz"), None).unwrap();
    let preprocess = Preprocess::new(&samples.data, Some(&[1.0]), None, None).unwrap();
    let feed = Feed::new(&samples.shape, &graph.value(graph.input()).shape, None, preprocess).unwrap();
    let batch = feed.batch(&samples, 0..samples.count);

    // Every dot node against the golden model: far above noise on samples that tuning has not seen.
    let names: Vec<String> = compiled.coded.encoded.dot.nodes.iter().map(|node| node.name.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let have = coded.values(&batch, &names).unwrap();
    let want = Golden::new(&graph).values(&batch, &names).unwrap();
    let hidden = names.len() - 1;
    for ((name, have), want) in names.iter().zip(&have).zip(&want).take(hidden) {
        let (mut signal, mut error) = (0.0f64, 0.0f64);
        for (a, b) in have.data().iter().zip(want.data()) {
            signal += f64::from(b * b);
            error += f64::from((a - b) * (a - b));
        }
        assert!(signal > 100.0 * error, "{name}: {:.1} dB", 10.0 * (signal / error).log10());
    }

    // The output's class is the image's on every sample.
    let image = Image::parse(&compiled.image).unwrap();
    let set = SampleSet::from(samples);
    let raw = RawSamples::new(&set, &[]).unwrap();
    let outputs =
        FastEngine::new(&image, Options::default()).unwrap().run_batch(&raw.batch().unwrap()).unwrap();
    let readout = Readout::new(&image).unwrap();
    let classes = have[hidden].argmax();
    let differ =
        (0..set.count).filter(|&i| class_of(&readout.values(&outputs, i).unwrap()) != classes[i]).count();
    // Values are rounded to f32 here and exact there: a tie may fall to the other side.
    assert!(differ <= 1, "{differ} of {} classes differ", set.count);
    assert!(coded.values(&batch, &["no such node"]).is_err());
}
