//! Samples per second of both engines on a perceptron of 784-256-256-10 on arrays of 256 rows and 128 columns.
//!
//! `cargo bench -p spandrel --bench engine`

#[path = "../tests/engine_common/mod.rs"]
mod engine_common;

use divan::{Bencher, counter::ItemsCount};
use engine_common::{Rng, build::perceptron};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel_core::image::Image;
use std::sync::LazyLock;

const INPUTS: usize = 784;

static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| perceptron(&[784, 256, 256, 10], 1));

/// Codes as dense as those of a photograph: none is zero by design.
fn samples(count: usize) -> Vec<u8> {
    let mut rng = Rng(2);
    (0..count * INPUTS).map(|_| rng.range(0, 63) as u8).collect()
}

fn run(bencher: Bencher<'_, '_>, count: usize, engine: &mut dyn ExactEngine) {
    let raw = samples(count);
    let batch = RawBatch::new(RawData::U8(&raw), INPUTS).expect("whole samples");
    // Decodes the weights, which a run of a test set does once.
    engine.run_batch(&batch.slice(0..1)).expect("a run");
    bencher.counter(ItemsCount::new(count)).bench_local(|| engine.run_batch(&batch).expect("a run"));
}

#[divan::bench(args = [1, 2], sample_count = 5, sample_size = 1)]
fn core(bencher: Bencher<'_, '_>, threads: usize) {
    let image = Image::parse(&IMAGE).expect("an image");
    let mut engine = CoreEngine::new(&image, Options::with_threads(threads)).expect("an engine");
    run(bencher, 64, &mut engine);
}

#[divan::bench(args = [1, 2], sample_count = 10, sample_size = 1)]
fn fast(bencher: Bencher<'_, '_>, threads: usize) {
    let image = Image::parse(&IMAGE).expect("an image");
    let mut engine = FastEngine::new(&image, Options::with_threads(threads)).expect("an engine");
    run(bencher, 5000, &mut engine);
}

/// What `compile` and `run` pay once: parsing, lowering, decoding.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn fast_first_sample(bencher: Bencher<'_, '_>) {
    let raw = samples(1);
    let batch = RawBatch::new(RawData::U8(&raw), INPUTS).expect("whole samples");
    bencher.bench_local(|| {
        let image = Image::parse(&IMAGE).expect("an image");
        FastEngine::new(&image, Options::with_threads(1))
            .expect("an engine")
            .run_batch(&batch)
            .expect("a run")
    });
}

fn main() {
    divan::main();
}
