//! One suite over all engines: naive machine = core engine = fast engine on generated cases, and the firmware under QEMU on some.
//!
//! `SPANDREL_SUITE_CASES` and `SPANDREL_SUITE_QEMU` say how many, `SPANDREL_SUITE_SEED` from where on, `SPANDREL_SUITE_THREADS` on how many
//! threads. With `--nocapture` the figures are printed: cases of each kind, events, and the values of every parameter. Generators that
//! never saturate, tie, pad or draw a parameter's range fail the suite.

use proptest::{
    prelude::RngExt,
    test_runner::{RngAlgorithm, TestRng},
};
use spandrel_core::image::Image;
use spandrel_tests::{
    board::agree,
    coverage::Coverage,
    fuzzing::check_engines,
    generate::{Any, KINDS, Source, any},
    qemu::Firmware,
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

/// Bytes that a case is drawn from; the largest take about so many.
const BYTES: usize = 8192;

/// What must be met, wherever the seed begins.
const EVENTS: &[&str] = &[
    // Values that leave a range.
    "an input of a digital core saturates",
    "an accumulator saturates",
    "an accumulator wraps",
    "a sum of more than 32 bits",
    "a sum register saturates",
    "a write saturates",
    "a current leaves its register",
    "a potential leaves its register",
    "a floor holds",
    "a code at the lower end",
    "a code at the upper end",
    // Ties and roundings.
    "a tie in rounding",
    "two roundings show",
    "an inexact negative quotient",
    "the threshold is met exactly",
    "rounding toward zero",
    "rounding down",
    "rounding half up",
    "rounding half to even",
    "gemmlowp's rounding",
    // Edges of the data.
    "padding",
    "partial padding",
    "a dropped write",
    "an index table",
    "an older slot",
    "a maximum is kept",
    "a clear on tick",
    "pooling",
    "a digital core pools",
    "a configuration without an array",
    "a digital core without weights",
    "a window begins",
    "a core waits for its window",
    "a core rests after its window",
    "a neuron fires several times in a tick",
    "a refractory neuron collects",
    "dense weights",
    "sign-magnitude weights",
    "codebook weights",
    "axon-typed weights",
    "sparse weights",
];

/// Parameters and how many values of each must be drawn.
const PARAMETERS: &[(&str, usize)] = &[
    ("array: rows", 20),
    ("array: bias rows", 4),
    ("array: input bits", 10),
    ("array: driver bits", 8),
    ("array: cell bits", 8),
    ("array: slices", 8),
    ("array: output bits", 16),
    ("array: shift", 25),
    ("array: converter bits", 12),
    ("array: adder bits", 25),
    ("array: sum shift", 6),
    ("array: pool", 4),
    ("digital core: rows", 13),
    ("digital core: input bits", 20),
    ("digital core: accumulator bits", 40),
    ("digital core: multiplier bits", 20),
    ("digital core: input zero point", 100),
    ("digital core: output zero point", 100),
    ("spiking core: potential bits", 25),
    ("spiking core: decay bits", 12),
    ("spiking core: weight shift", 9),
    ("spiking core: threshold shift", 9),
    ("spiking core: window", 7),
    ("spiking core: spikes out", 3),
];

fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Bytes of case `number`.
fn bytes(number: u64) -> Vec<u8> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    (0..BYTES / 8).flat_map(|_| rng.random::<u64>().to_le_bytes()).collect()
}

/// Names the case when a check panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("case {} fails: SPANDREL_SUITE_SEED={} SPANDREL_SUITE_CASES=1", self.0, self.0);
        }
    }
}

#[derive(Default)]
struct Figures {
    met: Coverage,
    /// Cases and values compared, by kind.
    kinds: BTreeMap<&'static str, (u64, u64)>,
}

#[test]
fn all_engines_show_the_same() {
    let (cases, seed) = (asked("SPANDREL_SUITE_CASES", 6000), asked("SPANDREL_SUITE_SEED", 0));
    let threads = asked("SPANDREL_SUITE_THREADS", 2).max(1);
    let start = Instant::now();
    let (next, compared) = (AtomicU64::new(seed), AtomicU64::new(0));
    let work = || {
        let mut figures = Figures::default();
        while compared.load(Ordering::Relaxed) < cases {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let _named = Named(number);
            let (kind, values) = check_engines(&mut Source::new(&bytes(number)), &mut figures.met);
            // A program that takes too long, or a layer that can not be: drawn, but no case.
            if values > 0 {
                compared.fetch_add(1, Ordering::Relaxed);
                let own = figures.kinds.entry(kind).or_default();
                *own = (own.0 + 1, own.1 + values as u64);
            }
        }
        figures
    };
    let mut all = Figures::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let figures = worker.join().expect("the reason stands above");
            all.met.add(&figures.met);
            for (kind, (cases, values)) in figures.kinds {
                let own = all.kinds.entry(kind).or_default();
                *own = (own.0 + cases, own.1 + values);
            }
        }
    });
    let drawn = next.into_inner() - seed;
    let (count, values) = all.kinds.values().fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
    println!(
        "{count} cases compared of {drawn} drawn from {seed} on, {values} values, {:.0} s",
        start.elapsed().as_secs_f64()
    );
    for (kind, (cases, values)) in &all.kinds {
        println!("{cases:>9}  {kind}, {values} values");
    }
    all.met.ranges().iter().for_each(|line| println!("{line}"));
    assert!(count >= cases);
    // One case alone, to look at a failure, meets little.
    if cases < 1000 {
        return;
    }
    all.met.demand(20, EVENTS);
    for kind in KINDS {
        let own = all.kinds.get(kind).map_or(0, |own| own.0);
        assert!(own * 10 > cases, "only {own} cases of the kind {kind}");
    }
    let poor: Vec<_> = PARAMETERS.iter().filter(|(name, least)| all.met.values(name) < *least).collect();
    let drawn: Vec<_> = poor.iter().map(|(name, _)| all.met.values(name)).collect();
    assert!(poor.is_empty(), "parameters with fewer values than these: {poor:?}, {drawn:?}");
}

/// The same generated cases on an emulated Cortex-M4: outputs, and states after every tick, are the core's here.
#[test]
fn the_board_shows_the_same() {
    let firmware = Firmware::ready().unwrap_or_else(|reason| panic!("{reason}"));
    let Some(firmware) = firmware else { return };
    let (cases, seed) = (asked("SPANDREL_SUITE_QEMU", 6), asked("SPANDREL_SUITE_SEED", 0));
    let start = Instant::now();
    let (mut kinds, mut compared, mut samples_run) = (BTreeMap::<&str, u64>::new(), 0, 0);
    for number in seed.. {
        if compared == cases {
            break;
        }
        let _named = Named(number);
        let Some(Any { kind, image, samples }) = any(&mut Source::new(&bytes(number))) else { continue };
        let built = image.build();
        let parsed = Image::parse(&built).unwrap_or_else(|error| panic!("{error}: {image:?}"));
        // An emulated processor is slow.
        if parsed.work() > 1 << 14 || samples.is_empty() || samples[0].is_empty() {
            continue;
        }
        let session = agree(firmware, &built, &samples);
        samples_run += session.samples().len();
        *kinds.entry(kind).or_default() += 1;
        compared += 1;
    }
    println!(
        "{compared} cases, {samples_run} samples under QEMU, from {seed} on, {:.0} s: {kinds:?}",
        start.elapsed().as_secs_f64()
    );
    assert!(compared == cases && samples_run as u64 >= cases);
}
