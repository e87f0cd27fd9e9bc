//! What an observer sees.

use super::digest::Snapshot;
use crate::image::Config;

/// Where and when a value arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Address {
    /// Sample, from 0.
    pub sample: u64,
    /// Ticks since the first sample.
    pub tick: u64,
    /// Invocations since the first sample.
    pub invocation: u64,
    /// Instruction number.
    pub instruction: u32,
    /// Configuration number.
    pub core: u32,
    /// Column of the configuration.
    pub unit: u32,
}

/// An observer. Every method has a default that does nothing; `()` observes nothing.
///
/// Values come in program order; within an invocation column by column, a column's read before its output.
///
/// Three methods stand for a chip with a defect, and return what it has in place of what it should have:
/// [`Probe::configured`], [`Probe::broken_read`] and [`Probe::sent`]. A probe that only looks on leaves them alone.
pub trait Probe {
    /// What the array reads for a column, before the sum; a digital core's saturated to 32 bits.
    fn read(&mut self, at: &Address, value: i32) {
        let _ = (at, value);
    }

    /// A column's finished output code.
    fn unit(&mut self, at: &Address, value: i32) {
        let _ = (at, value);
    }

    /// Signal `index` of an EMIT of `output`.
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        let _ = (output, index, value);
    }

    /// Time has advanced; `state` can be digested.
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        let _ = state;
    }

    /// The registers that the column at `at` works with, in place of `config`; its shape must stay.
    fn configured(&mut self, at: &Address, config: Config) -> Config {
        let _ = at;
        config
    }

    /// What the array reads for the column at `at` in place of `read`, a digital core's in 64 bits; `inputs` are the input
    /// registers, as two's complement words.
    fn broken_read(&mut self, at: &Address, inputs: &[u32], read: i64) -> i64 {
        let _ = (at, inputs);
        read
    }

    /// What a neuron sends in place of `value`.
    fn sent(&mut self, at: &Address, value: i32) -> i32 {
        let _ = at;
        value
    }
}

impl Probe for () {}

impl<P: Probe + ?Sized> Probe for &mut P {
    fn read(&mut self, at: &Address, value: i32) {
        (**self).read(at, value);
    }
    fn unit(&mut self, at: &Address, value: i32) {
        (**self).unit(at, value);
    }
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        (**self).emit(output, index, value);
    }
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        (**self).tick(state);
    }
    fn configured(&mut self, at: &Address, config: Config) -> Config {
        (**self).configured(at, config)
    }
    fn broken_read(&mut self, at: &Address, inputs: &[u32], read: i64) -> i64 {
        (**self).broken_read(at, inputs, read)
    }
    fn sent(&mut self, at: &Address, value: i32) -> i32 {
        (**self).sent(at, value)
    }
}

impl<A: Probe, B: Probe> Probe for (A, B) {
    fn read(&mut self, at: &Address, value: i32) {
        self.0.read(at, value);
        self.1.read(at, value);
    }
    fn unit(&mut self, at: &Address, value: i32) {
        self.0.unit(at, value);
        self.1.unit(at, value);
    }
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        self.0.emit(output, index, value);
        self.1.emit(output, index, value);
    }
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.0.tick(state);
        self.1.tick(state);
    }
    fn configured(&mut self, at: &Address, config: Config) -> Config {
        let config = self.0.configured(at, config);
        self.1.configured(at, config)
    }
    fn broken_read(&mut self, at: &Address, inputs: &[u32], read: i64) -> i64 {
        let read = self.0.broken_read(at, inputs, read);
        self.1.broken_read(at, inputs, read)
    }
    fn sent(&mut self, at: &Address, value: i32) -> i32 {
        let value = self.0.sent(at, value);
        self.1.sent(at, value)
    }
}
