//! An image on the core machine, with everything it shows recorded.

use spandrel_core::{
    image::{Digest32, Image},
    machine::{Address, Machine, Probe, Snapshot, Step},
};

/// Everything a run showed, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Emitted (output, index, value).
    pub outputs: Vec<(u16, u32, i32)>,
    /// Reads of arrays.
    pub reads: Vec<(Address, i32)>,
    /// Finished outputs of columns.
    pub units: Vec<(Address, i32)>,
    /// State digests after each tick.
    pub ticks: Vec<Digest32>,
    /// State digest at the end.
    pub digest: Digest32,
}

impl Probe for Shown {
    fn read(&mut self, at: &Address, value: i32) {
        self.reads.push((*at, value));
    }
    fn unit(&mut self, at: &Address, value: i32) {
        self.units.push((*at, value));
    }
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        self.outputs.push((output, index, value));
    }
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.ticks.push(state.digest());
    }
}

impl Shown {
    /// The emitted values alone.
    #[must_use]
    pub fn values(&self) -> Vec<i32> {
        self.outputs.iter().map(|(_, _, value)| *value).collect()
    }
}

/// Memory for `image`, filled with a pattern that a reset must overwrite.
#[must_use]
pub fn memory(image: &Image<'_>) -> Vec<u32> {
    vec![0xDEAD_BEEF; image.header().ram_words as usize]
}

/// Runs `samples` one after the other, each in one step. An empty sample feeds nothing.
///
/// # Panics
/// When the machine refuses a sample or faults.
#[must_use]
pub fn whole(image: &Image<'_>, samples: &[&[i32]]) -> Shown {
    let mut ram = memory(image);
    let mut shown = Shown::default();
    let mut machine = Machine::new(image, image.weights(), &mut ram).expect("enough memory");
    for sample in samples {
        if !sample.is_empty() {
            machine.feed(0, 0, sample.iter().copied()).expect("a legal sample");
        }
        machine.start().expect("nothing under way");
        assert_eq!(machine.step(u64::MAX, &mut shown), Step::SampleDone);
    }
    shown.digest = machine.snapshot().digest();
    shown
}

/// Runs `samples` with the budgets that `budget` gives, one after the other; when `resume` says
/// so, the machine is thrown away after a step and made anew over the lent words.
///
/// # Panics
/// When the machine refuses a sample, faults, or does not end within `limit` steps.
pub fn sliced(
    image: &Image<'_>,
    samples: &[&[i32]],
    mut budget: impl FnMut() -> u64,
    mut resume: impl FnMut() -> bool,
) -> Shown {
    let mut ram = memory(image);
    let mut shown = Shown::default();
    let _ = Machine::new(image, image.weights(), &mut ram).expect("enough memory");
    for sample in samples {
        let mut machine = Machine::resume(image, image.weights(), &mut ram).expect("its own words");
        if !sample.is_empty() {
            machine.feed(0, 0, sample.iter().copied()).expect("a legal sample");
        }
        machine.start().expect("nothing under way");
        // A loop's own instructions are counted as work too; one step more finds that the end is reached.
        let limit = image.work().saturating_mul(2).saturating_add(2);
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps <= limit, "the sample does not end within {limit} steps");
            match machine.step(budget(), &mut shown) {
                Step::SampleDone => break,
                Step::Running => {}
                Step::Fault(fault) => panic!("{fault:?}"),
            }
            if resume() {
                // The words travel: to other memory, as after a power cut.
                let moved = ram.clone();
                ram = moved;
                machine = Machine::resume(image, image.weights(), &mut ram).expect("its own words");
            }
        }
        shown.digest = machine.snapshot().digest();
    }
    shown
}
