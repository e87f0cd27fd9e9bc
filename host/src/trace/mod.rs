//! Executions signal by signal, and the first place where two of them differ.
//!
//! [`Trace`] is what every core put out and what left the machine, in program order. [`record`] makes one by running an engine, [`Trace::read`]
//! takes one from a file, which may as well be the recorded dump of a chip; [`Comparison`] says where two begin to differ,
//! and by which cores the difference reaches an output. docs/cli.md has the form of the files.

mod compare;
mod file;

pub use compare::{Comparison, Difference, EmitDifference};

use std::cell::Cell;

use spandrel_core::image::Digest32;
use spandrel_core::machine::{Address, Probe};

use crate::diagnostic::{Diagnostic, Result};
use crate::engine::{ExactEngine, RawBatch};

/// Values that a trace holds at most: some 900 MB.
pub const MOST: usize = 32 << 20;

/// A core's unit has put out a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Sample, from 0.
    pub sample: i32,
    /// Tick since the last reset.
    pub tick: i32,
    /// Invocation since the last reset; -1 when it is not known.
    pub invocation: i32,
    /// Number of the instruction; -1 when it is not known.
    pub instruction: i32,
    /// Configuration.
    pub core: i32,
    /// Column of the configuration.
    pub unit: i32,
    /// Output code; 0 or 1 of a spiking unit.
    pub value: i32,
}

/// A signal has left the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// Sample, from 0.
    pub sample: i32,
    /// Output.
    pub output: i32,
    /// Its signal.
    pub index: i32,
    /// Code.
    pub value: i32,
}

/// One execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Digest of the image that ran, when it is known.
    pub image: Option<Digest32>,
    /// What units put out, in the order of the program.
    pub fired: Vec<Fired>,
    /// What left the machine, in the order of the program.
    pub emitted: Vec<Emitted>,
}

/// Runs `engine` on `batch` and keeps every value.
///
/// # Errors
/// As the engine; SP0605: there is more to keep than [`MOST`].
pub fn record(engine: &mut dyn ExactEngine, batch: &RawBatch<'_>) -> Result<Trace> {
    let sample = Cell::new(0);
    let image = Some(*engine.image().digest());
    let mut recorder = Recorder { trace: Trace { image, ..Trace::default() }, sample: &sample, full: false };
    engine.observe(batch, &mut recorder, &mut |number, _| sample.set(small(number as u64 + 1)))?;
    if recorder.full {
        let rule = format!("the samples give more than {MOST} values");
        return Err(Diagnostic::error("SP0605", "the trace", rule, "record fewer samples").into());
    }
    Ok(recorder.trace)
}

struct Recorder<'s> {
    trace: Trace,
    sample: &'s Cell<i32>,
    full: bool,
}

impl Recorder<'_> {
    /// Whether there is room for one more.
    fn room(&mut self) -> bool {
        self.full |= self.trace.fired.len() + self.trace.emitted.len() >= MOST;
        !self.full
    }
}

impl Probe for Recorder<'_> {
    fn unit(&mut self, at: &Address, value: i32) {
        if self.room() {
            self.trace.fired.push(Fired {
                sample: self.sample.get(),
                tick: small(at.tick),
                invocation: small(at.invocation),
                instruction: small(u64::from(at.instruction)),
                core: small(u64::from(at.core)),
                unit: small(u64::from(at.unit)),
                value,
            });
        }
    }

    fn emit(&mut self, output: u16, index: u32, value: i32) {
        if self.room() {
            let (sample, output) = (self.sample.get(), i32::from(output));
            self.trace.emitted.push(Emitted { sample, output, index: small(u64::from(index)), value });
        }
    }
}

/// Numbers beyond 2^31 - 1 do not occur in a trace that has room for its values.
fn small(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
