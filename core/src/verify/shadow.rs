//! Shadowing: the core model runs live inputs beside the chip, and compares what both give, a bounded amount at a time.

use crate::{
    blob::WeightStore,
    image::Image,
    machine::{Fault, Machine, Probe, RunError, Step},
};

/// The first output that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deviation {
    /// The sample, counted from the first shadowed one.
    pub sample: u64,
    /// The output.
    pub output: u16,
    /// The signal of that output.
    pub index: u32,
    /// What the model gives.
    pub expected: i32,
    /// What the chip gave; `None` when it gave nothing.
    pub found: Option<i32>,
}

/// How far a shadowed sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ShadowStep {
    /// Step again.
    Running,
    /// The sample is through: so many outputs agree.
    Same(u32),
    /// An output differs.
    Deviates(Deviation),
    /// The model stopped.
    Fault(Fault),
}

/// A model of the chip on lent memory. State that outlives samples is kept, as on the chip.
#[derive(Debug)]
pub struct Shadow<'i, 'r, W> {
    machine: Machine<'i, 'r, W>,
    samples: u64,
    same: u32,
}

/// Compares as signals leave.
struct Beside<'c, C> {
    chip: &'c mut C,
    sample: u64,
    same: u32,
    first: Option<Deviation>,
}

impl<C: FnMut(u16, u32) -> Option<i32>> Probe for Beside<'_, C> {
    fn emit(&mut self, output: u16, index: u32, expected: i32) {
        if self.first.is_some() {
            return;
        }
        let found = (self.chip)(output, index);
        if found == Some(expected) {
            self.same = self.same.saturating_add(1);
        } else {
            self.first = Some(Deviation { sample: self.sample, output, index, expected, found });
        }
    }
}

impl<'i, 'r, W: WeightStore> Shadow<'i, 'r, W> {
    /// A model of `image` in its reset state; the chip must be in its own.
    ///
    /// # Errors
    /// Too little memory.
    pub fn new(image: &Image<'i>, weights: W, ram: &'r mut [u32]) -> Result<Self, RunError> {
        Ok(Self { machine: Machine::new(image, weights, ram)?, samples: 0, same: 0 })
    }

    /// Begins a sample that the chip gets too: the raw values of input `input`. Networks with several inputs are fed one after
    /// the other; [`Shadow::start`] follows.
    ///
    /// # Errors
    /// As [`Machine::feed`].
    pub fn feed(&mut self, input: u32, raw: impl Iterator<Item = i32>) -> Result<(), RunError> {
        self.machine.feed(input, 0, raw).map(drop)
    }

    /// Starts the sample.
    ///
    /// # Errors
    /// As [`Machine::start`].
    pub fn start(&mut self) -> Result<(), RunError> {
        self.same = 0;
        self.machine.start()
    }

    /// Runs the model for about `budget` work units. `chip` tells what the chip gave as signal so and so of an output; it is
    /// asked once for each, in the order in which the image emits them, and must have them by then.
    pub fn step(&mut self, budget: u64, chip: &mut impl FnMut(u16, u32) -> Option<i32>) -> ShadowStep {
        let mut beside = Beside { chip, sample: self.samples, same: self.same, first: None };
        let step = self.machine.step(budget, &mut beside);
        let (same, first) = (beside.same, beside.first);
        self.same = same;
        if let Some(deviation) = first {
            return ShadowStep::Deviates(deviation);
        }
        match step {
            Step::Running => ShadowStep::Running,
            Step::SampleDone => {
                self.samples = self.samples.saturating_add(1);
                ShadowStep::Same(same)
            }
            Step::Fault(fault) => ShadowStep::Fault(fault),
        }
    }
}
