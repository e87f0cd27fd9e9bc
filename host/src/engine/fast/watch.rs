//! Who is told what happens in a block.

use super::{memory::Memory, snapshot::Ram};
use crate::engine::outputs::Outputs;
use spandrel_core::{
    image::Image,
    machine::{Address, Probe},
};

/// Sees rows of lanes in program order.
pub(super) trait Watch {
    /// A column's read and, when it is finished, its output, position by position, lanes within. The address is that of the
    /// first position.
    fn column(&mut self, at: &Address, read: &[i32], output: Option<&[i32]>);
    /// So many positions run side by side from here on, each with so many invocations.
    fn begin(&mut self, positions: usize, invocations: u64);
    /// They are done.
    fn end(&mut self);
    /// The most positions that may run side by side.
    fn positions(&self) -> usize;
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
    /// Sample of the first lane of the block under way, and samples from lane to lane.
    first: usize,
    pitch: usize,
    /// Signals that the block has emitted.
    next: usize,
}

impl Record {
    /// For `samples` samples that emit `per_sample` signals each.
    pub(super) fn new(per_sample: usize, samples: usize) -> Self {
        let codes = vec![0; per_sample * samples];
        let tags = Vec::with_capacity(per_sample);
        Self { outputs: Outputs { codes, tags, samples }, per_sample, first: 0, pitch: 1, next: 0 }
    }

    /// The next block holds sample `first` and, lane by lane, those `pitch` further on.
    pub(super) fn begin(&mut self, first: usize, pitch: usize) {
        (self.first, self.pitch) = (first, pitch);
        self.next = 0;
    }
}

impl Watch for Record {
    fn column(&mut self, _: &Address, _: &[i32], _: Option<&[i32]>) {}

    fn begin(&mut self, _: usize, _: u64) {}

    fn end(&mut self) {}

    fn positions(&self) -> usize {
        usize::MAX
    }

    fn emit(&mut self, output: u16, _: u32, values: &[i32]) {
        let targets = self.outputs.codes[self.first * self.per_sample..].chunks_exact_mut(self.per_sample);
        for (target, value) in targets.step_by(self.pitch).zip(values) {
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
    pub(super) held: Held,
}

/// What positions side by side have shown, until the machine's order can be restored.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Positions under way, and invocations of each; none outside of such a run.
    positions: usize,
    invocations: u64,
    columns: Vec<(Address, bool)>,
    /// Of every column the reads at all positions, then the outputs if it is finished.
    values: Vec<i32>,
}

/// Positions side by side while every value is shown: their values are held until all are known.
const SHOWN: usize = 64;

impl Show<'_> {
    fn show(&mut self, at: &Address, read: i32, output: Option<i32>) {
        let at = Address { sample: self.sample as u64, ..*at };
        self.probe.read(&at, read);
        if let Some(output) = output {
            self.probe.unit(&at, output);
        }
    }
}

impl Watch for Show<'_> {
    fn column(&mut self, at: &Address, read: &[i32], output: Option<&[i32]>) {
        if self.held.positions == 0 {
            return self.show(at, read[0], output.map(|output| output[0]));
        }
        self.held.columns.push((*at, output.is_some()));
        self.held.values.extend_from_slice(read);
        self.held.values.extend_from_slice(output.unwrap_or(&[]));
    }

    fn begin(&mut self, positions: usize, invocations: u64) {
        self.held = Held { positions, invocations, ..Held::default() };
    }

    fn end(&mut self) {
        let Held { positions, invocations, columns, values } = std::mem::take(&mut self.held);
        for position in 0..positions {
            let mut first = position;
            for (at, finished) in &columns {
                let at = Address { invocation: at.invocation + position as u64 * invocations, ..*at };
                let output = finished.then(|| values[first + positions]);
                self.show(&at, values[first], output);
                first += positions * (1 + usize::from(*finished));
            }
        }
    }

    fn positions(&self) -> usize {
        SHOWN
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
