//! Who is told what happens in a block.

use std::ops::Range;

use super::{memory::Memory, snapshot::Ram};
use crate::engine::outputs::Outputs;
use spandrel_core::{
    image::Image,
    machine::{Address, Probe},
};

/// Sees rows of lanes in program order.
pub(super) trait Watch {
    /// A column's read and, when it is finished, its output.
    fn column(&mut self, at: &Address, read: &[i32], output: Option<&[i32]>);
    /// Signal `index` of an EMIT of `output`.
    fn emit(&mut self, output: u16, index: u32, values: &[i32]);
    /// Time has advanced.
    fn tick(&mut self, image: &Image<'_>, memory: &Memory);
}

/// Collects what is emitted.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) outputs: Outputs,
    per_sample: usize,
    /// First sample of the block under way.
    first: usize,
    /// Signals that the block has emitted.
    next: usize,
}

impl Record {
    /// For `samples` samples that emit `per_sample` signals each.
    pub(super) fn new(per_sample: usize, samples: usize) -> Self {
        let codes = vec![0; per_sample * samples];
        let tags = Vec::with_capacity(per_sample);
        Self { outputs: Outputs { codes, tags, samples }, per_sample, first: 0, next: 0 }
    }

    /// The next block holds `samples`.
    pub(super) fn begin(&mut self, samples: Range<usize>) {
        self.first = samples.start;
        self.next = 0;
    }
}

impl Watch for Record {
    fn column(&mut self, _: &Address, _: &[i32], _: Option<&[i32]>) {}

    fn emit(&mut self, output: u16, _: u32, values: &[i32]) {
        let targets = self.outputs.codes[self.first * self.per_sample..].chunks_exact_mut(self.per_sample);
        for (target, value) in targets.zip(values) {
            target[self.next] = *value;
        }
        self.next += 1;
        if self.outputs.tags.len() < self.next {
            self.outputs.tags.push(output);
        }
    }

    fn tick(&mut self, _: &Image<'_>, _: &Memory) {}
}

/// Collects, and shows every value of a block of one sample to a probe.
pub(super) struct Show<'s> {
    pub(super) record: &'s mut Record,
    pub(super) probe: &'s mut dyn Probe,
    pub(super) ram: &'s mut Ram,
    pub(super) sample: usize,
}

impl Watch for Show<'_> {
    fn column(&mut self, at: &Address, read: &[i32], output: Option<&[i32]>) {
        let at = Address { sample: self.sample as u64, ..*at };
        self.probe.read(&at, read[0]);
        if let Some(output) = output {
            self.probe.unit(&at, output[0]);
        }
    }

    fn emit(&mut self, output: u16, index: u32, values: &[i32]) {
        self.record.emit(output, index, values);
        self.probe.emit(output, index, values[0]);
    }

    fn tick(&mut self, image: &Image<'_>, memory: &Memory) {
        self.ram.fill(image, memory);
        self.probe.tick(&self.ram.snapshot(image));
    }
}
