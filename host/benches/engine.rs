//! Samples per second of both engines on arrays of 256 rows and 128 columns: a perceptron of 784-256-256-10, a network of two
//! convolutions on 28 x 28 pixels, and MLPerf Tiny's residual network on 32 x 32 x 3.
//!
//! `cargo bench -p spandrel --bench engine`

#[path = "../tests/engine_common/mod.rs"]
mod engine_common;

use divan::{Bencher, counter::ItemsCount};
use engine_common::{
    Rng,
    build::perceptron,
    conv::{lenet, resnet8},
};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::image::Image;
use std::sync::LazyLock;

/// An image and the length of its samples.
struct Case {
    image: Vec<u8>,
    inputs: usize,
}

static PERCEPTRON: LazyLock<Case> =
    LazyLock::new(|| Case { image: perceptron(&[784, 256, 256, 10], 1), inputs: 784 });
static LENET: LazyLock<Case> = LazyLock::new(|| Case { image: lenet(1), inputs: 784 });
static RESNET: LazyLock<Case> = LazyLock::new(|| Case { image: resnet8(1), inputs: 3072 });

/// Codes as dense as those of a photograph: none is zero by design.
fn samples(case: &Case, count: usize) -> Vec<u8> {
    let mut rng = Rng(2);
    (0..count * case.inputs).map(|_| rng.range(0, 63) as u8).collect()
}

fn run(bencher: Bencher<'_, '_>, case: &Case, count: usize, engine: &mut dyn ExactEngine) {
    let raw = samples(case, count);
    let batch = RawBatch::new(RawData::U8(&raw), case.inputs).expect("whole samples");
    // Decodes the weights, which a run of a test set does once.
    engine.run_batch(&batch.slice(0..1)).expect("a run");
    bencher.counter(ItemsCount::new(count)).bench_local(|| engine.run_batch(&batch).expect("a run"));
}

fn core(bencher: Bencher<'_, '_>, case: &Case, count: usize, threads: usize) {
    let image = Image::parse(&case.image).expect("an image");
    let mut engine = CoreEngine::new(&image, Options::with_threads(threads)).expect("an engine");
    run(bencher, case, count, &mut engine);
}

fn fast(bencher: Bencher<'_, '_>, case: &Case, count: usize, threads: usize) {
    let image = Image::parse(&case.image).expect("an image");
    let mut engine = FastEngine::new(&image, Options::with_threads(threads)).expect("an engine");
    run(bencher, case, count, &mut engine);
}

#[divan::bench(args = [1, 2], sample_count = 5, sample_size = 1)]
fn perceptron_core(bencher: Bencher<'_, '_>, threads: usize) {
    core(bencher, &PERCEPTRON, 64, threads);
}

#[divan::bench(args = [1, 2], sample_count = 10, sample_size = 1)]
fn perceptron_fast(bencher: Bencher<'_, '_>, threads: usize) {
    fast(bencher, &PERCEPTRON, 5000, threads);
}

#[divan::bench(args = [1, 2], sample_count = 2, sample_size = 1)]
fn lenet_core(bencher: Bencher<'_, '_>, threads: usize) {
    core(bencher, &LENET, 4, threads);
}

#[divan::bench(args = [1, 2], sample_count = 3, sample_size = 1)]
fn lenet_fast(bencher: Bencher<'_, '_>, threads: usize) {
    fast(bencher, &LENET, 500, threads);
}

#[divan::bench(args = [1, 2], sample_count = 2, sample_size = 1)]
fn resnet_core(bencher: Bencher<'_, '_>, threads: usize) {
    core(bencher, &RESNET, 2, threads);
}

#[divan::bench(args = [1, 2], sample_count = 3, sample_size = 1)]
fn resnet_fast(bencher: Bencher<'_, '_>, threads: usize) {
    fast(bencher, &RESNET, 128, threads);
}

/// What `compile` and `run` pay once: parsing, lowering, decoding.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn perceptron_first_sample(bencher: Bencher<'_, '_>) {
    first_sample(bencher, &PERCEPTRON);
}

/// As above; and positions side by side are all there is to fill a product with.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn resnet_first_sample(bencher: Bencher<'_, '_>) {
    first_sample(bencher, &RESNET);
}

fn first_sample(bencher: Bencher<'_, '_>, case: &Case) {
    let raw = samples(case, 1);
    let batch = RawBatch::new(RawData::U8(&raw), case.inputs).expect("whole samples");
    bencher.bench_local(|| {
        let image = Image::parse(&case.image).expect("an image");
        FastEngine::new(&image, Options::with_threads(1))
            .expect("an engine")
            .run_batch(&batch)
            .expect("a run")
    });
}

fn main() {
    divan::main();
}
