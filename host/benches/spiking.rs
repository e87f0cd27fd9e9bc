//! Ticks and synaptic events per second of both engines on a spiking perceptron of 784-256-256-10, rate codes over 64 ticks, one
//! thread. A synaptic event is a spike that reaches a synapse whose weight is not 0.
//!
//! `cargo bench -p spandrel --bench spiking`; items are ticks of one sample, or events.

use divan::{Bencher, counter::ItemsCount};
use spandrel::engine::{CoreEngine, ExactEngine, FastEngine, Options, RawBatch, RawData};
use spandrel::spiking::{
    Code, Input, Neuron, Output, Population, Projection, Read, Source, SpikingNetwork, Synapses, Values, emit,
};
use spandrel_core::{
    image::Image,
    machine::{Address, Probe},
};
use std::sync::LazyLock;

const SIZES: [usize; 4] = [784, 256, 256, 10];
const WINDOW: u32 = 64;
const TICKS: u32 = WINDOW + 3;

/// The same numbers every time, 0..below.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
    (*state >> 33) % below
}

static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let chip = spandrel_hwdesc::builtin("loihi").expect("it is built in");
    let mut state = 1;
    let mut network = SpikingNetwork {
        name: "perceptron".into(),
        input: Input { name: "x".into(), size: SIZES[0], code: Code::Rate { window: WINDOW } },
        populations: Vec::new(),
        projections: Vec::new(),
        outputs: vec![Output { population: 2, read: Read::Counts }],
        ticks: TICKS,
    };
    for (to, sizes) in SIZES.windows(2).enumerate() {
        // A layer whose neurons fire at a few percent of what reaches them.
        let threshold = Values::All(40 * (sizes[0] as f64).sqrt() as i32);
        let neuron =
            Neuron { threshold, current_keep: None, ..Neuron::of(chip.spiking().expect("a spiking chip")) };
        network.populations.push(Population {
            name: format!("layer {to}"),
            size: sizes[1],
            picture: None,
            neuron,
            start: None,
            window: WINDOW,
        });
        network.projections.push(Projection {
            from: if to == 0 { Source::Input } else { Source::Population(to - 1) },
            to,
            synapses: Synapses::Dense(
                (0..sizes[0] * sizes[1]).map(|_| random(&mut state, 120) as i32 - 55).collect(),
            ),
            delay: 1,
        });
    }
    emit(&network.check(&chip).expect("a network"), "").expect("an image")
});

/// Pictures of which a fifth is not black, as those of digits.
fn samples(count: usize) -> Vec<i32> {
    let mut state = 2;
    (0..count * SIZES[0])
        .map(
            |_| if random(&mut state, 5) == 0 { random(&mut state, u64::from(WINDOW) + 1) as i32 } else { 0 },
        )
        .collect()
}

/// Counts spikes times the synapses that they reach.
struct Events(u64);

impl Probe for Events {
    fn unit(&mut self, at: &Address, spikes: i32) {
        let reached = SIZES.get(at.core as usize + 2).copied().unwrap_or(0);
        self.0 += spikes as u64 * reached as u64;
    }
}

/// Synaptic events of `count` samples, but for the few whose weight is 0.
fn events(image: &Image<'_>, raw: &[i32]) -> u64 {
    let mut events = Events(raw.iter().map(|code| *code as u64 * SIZES[1] as u64).sum());
    let batch = RawBatch::new(RawData::I32(raw), SIZES[0]).expect("whole samples");
    let mut engine = FastEngine::new(image, Options::with_threads(1)).expect("an engine");
    engine.run(&batch, Some(&mut events)).expect("a run");
    events.0
}

fn run(bencher: Bencher<'_, '_>, what: &str, count: usize, engine: &mut dyn ExactEngine) {
    let raw = samples(count);
    let image = Image::parse(&IMAGE).expect("an image");
    let items = if what == "ticks" { u64::from(TICKS) * count as u64 } else { events(&image, &raw) };
    let batch = RawBatch::new(RawData::I32(&raw), SIZES[0]).expect("whole samples");
    engine.run_batch(&batch.slice(0..1)).expect("a run");
    bencher.counter(ItemsCount::new(items)).bench_local(|| engine.run_batch(&batch).expect("a run"));
}

#[divan::bench(args = ["ticks", "events"], sample_count = 5, sample_size = 1)]
fn perceptron_core(bencher: Bencher<'_, '_>, what: &str) {
    let image = Image::parse(&IMAGE).expect("an image");
    let mut engine = CoreEngine::new(&image, Options::with_threads(1)).expect("an engine");
    run(bencher, what, 2, &mut engine);
}

#[divan::bench(args = ["ticks", "events"], sample_count = 5, sample_size = 1)]
fn perceptron_fast(bencher: Bencher<'_, '_>, what: &str) {
    let image = Image::parse(&IMAGE).expect("an image");
    let mut engine = FastEngine::new(&image, Options::with_threads(1)).expect("an engine");
    run(bencher, what, 256, &mut engine);
}

/// One sample at a time: a lane of its own.
#[divan::bench(args = ["ticks", "events"], sample_count = 5, sample_size = 1)]
fn perceptron_fast_alone(bencher: Bencher<'_, '_>, what: &str) {
    let image = Image::parse(&IMAGE).expect("an image");
    let mut engine = FastEngine::new(&image, Options::with_threads(1)).expect("an engine").with_block(1);
    run(bencher, what, 16, &mut engine);
}

fn main() {
    divan::main();
}
