//! Observers: two see what one sees, a lent one what an owned one sees, and where both change a value the second gets what the first
//! makes of it.

use spandrel_core::image::{Config, Image};
use spandrel_core::machine::{Address, Machine, Probe, Snapshot, Step};
use spandrel_tests::images::{mlp, prime};
use spandrel_tests::run::{self, Shown};

/// Sees everything, and makes `times * value + more` of what it may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Changed {
    times: i32,
    more: i32,
    reads: Vec<i32>,
    units: Vec<i32>,
    emits: Vec<(u16, u32, i32)>,
    ticks: Vec<[u8; 32]>,
    /// Input registers that a read was made of.
    inputs: Vec<u32>,
}

impl Probe for Changed {
    fn read(&mut self, _: &Address, value: i32) {
        self.reads.push(value);
    }
    fn unit(&mut self, _: &Address, value: i32) {
        self.units.push(value);
    }
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        self.emits.push((output, index, value));
    }
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.ticks.push(state.digest());
    }
    fn configured(&mut self, _: &Address, config: Config) -> Config {
        let Config::Crossbar(mut own) = config else { return config };
        own.sum_shift = (self.times * i32::from(own.sum_shift) + self.more) as u8;
        Config::Crossbar(own)
    }
    fn broken_read(&mut self, _: &Address, inputs: &[u32], read: i64) -> i64 {
        self.inputs = inputs.to_vec();
        i64::from(self.times) * read + i64::from(self.more)
    }
    fn sent(&mut self, _: &Address, value: i32) -> i32 {
        self.times * value + self.more
    }
}

const AT: Address = Address { sample: 1, tick: 2, invocation: 3, instruction: 4, core: 5, unit: 6 };

fn changing(times: i32, more: i32) -> Changed {
    Changed { times, more, ..Changed::default() }
}

/// Everything that `probe` can be told, and what it makes of three values.
fn told(probe: &mut impl Probe, state: &Snapshot<'_, '_>) -> (u8, i64, i32) {
    probe.read(&AT, 11);
    probe.unit(&AT, 12);
    probe.emit(1, 2, 13);
    probe.tick(state);
    let config = probe.configured(&AT, Config::Crossbar(prime(3, 0, 4, 0, 8)));
    let Config::Crossbar(config) = config else { panic!("{config:?}") };
    (config.sum_shift, probe.broken_read(&AT, &[7, 8], 10), probe.sent(&AT, -3))
}

#[test]
fn whoever_observes_is_told_everything_and_changes_come_one_after_the_other() {
    let bytes = mlp::image().build();
    let image = Image::parse(&bytes).expect("a valid image");
    let mut ram = run::memory(&image);
    let machine = Machine::new(&image, image.weights(), &mut ram).expect("memory");
    let state = machine.snapshot();
    assert_eq!(told(&mut (), &state), (0, 10, -3), "nobody changes nothing");

    let (mut twice, mut more) = (changing(2, 0), changing(1, 3));
    assert_eq!(told(&mut (&mut twice, &mut more), &state), (3, 23, -3));
    let mut seen = [twice, more];
    for own in &mut seen {
        assert_eq!(
            (&own.reads[..], &own.units[..], &own.emits[..]),
            (&[11][..], &[12][..], &[(1, 2, 13)][..])
        );
        assert_eq!((&own.ticks[..], &own.inputs[..]), (&[state.digest()][..], &[7, 8][..]));
    }
    let [twice, more] = seen;
    assert_eq!(told(&mut (more, twice), &state), (6, 26, 0), "in the other order");
}

#[test]
fn a_run_is_the_same_whoever_looks_on() {
    let bytes = mlp::image().build();
    let image = Image::parse(&bytes).expect("a valid image");
    let alone = run::whole(&image, &[&mlp::SAMPLES[0]]);
    let mut ram = run::memory(&image);
    let mut machine = Machine::new(&image, image.weights(), &mut ram).expect("memory");
    machine.feed(0, 0, mlp::SAMPLES[0]).expect("a sample");
    machine.start().expect("idle");
    let (mut first, mut second) = (Shown::default(), Shown::default());
    assert_eq!(machine.step(u64::MAX, &mut (&mut first, &mut second)), Step::SampleDone);
    for seen in [&mut first, &mut second] {
        seen.digest = machine.snapshot().digest();
    }
    assert_eq!((&first, &second), (&alone, &alone));
    assert_eq!(first.values(), mlp::OUTPUTS[0]);
}

/// The image has signals 18 0 20 2 on its second edge, worked by hand.
#[test]
fn a_snapshot_tells_signals_and_has_none_beyond_the_edge() {
    let bytes = mlp::image().build();
    let image = Image::parse(&bytes).expect("a valid image");
    let mut ram = run::memory(&image);
    let mut machine = Machine::new(&image, image.weights(), &mut ram).expect("memory");
    machine.feed(0, 0, mlp::SAMPLES[0]).expect("a sample");
    machine.start().expect("idle");
    assert_eq!(machine.step(u64::MAX, &mut ()), Step::SampleDone);
    let state = machine.snapshot();
    let hidden: Vec<Option<i32>> = (0..5).map(|signal| state.signal(1, 0, signal)).collect();
    assert_eq!(hidden, [Some(18), Some(0), Some(20), Some(2), None]);
    assert_eq!((state.signal(3, 0, 0), state.state(0)), (None, None), "no such edge, no state");
}
