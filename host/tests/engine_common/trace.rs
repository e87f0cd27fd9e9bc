//! Everything an engine shows, in order.

use spandrel::engine::{EngineError, ExactEngine, Outputs, RawBatch};
use spandrel_core::machine::{Address, Probe, Snapshot};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Read(Address, i32),
    Unit(Address, i32),
    Emit(u16, u32, i32),
    Tick([u8; 32]),
    Done(usize, [u8; 32]),
}

#[derive(Default)]
pub(crate) struct Trace(pub(crate) Vec<Event>);

impl Probe for Trace {
    fn read(&mut self, at: &Address, value: i32) {
        self.0.push(Event::Read(*at, value));
    }
    fn unit(&mut self, at: &Address, value: i32) {
        self.0.push(Event::Unit(*at, value));
    }
    fn emit(&mut self, output: u16, index: u32, value: i32) {
        self.0.push(Event::Emit(output, index, value));
    }
    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.0.push(Event::Tick(state.digest()));
    }
}

/// Runs `batch` and returns every event and the outputs.
pub(crate) fn observe(
    engine: &mut dyn ExactEngine,
    batch: &RawBatch<'_>,
) -> Result<(Vec<Event>, Outputs), EngineError> {
    let mut trace = Trace::default();
    let mut ends = Vec::new();
    let outputs =
        engine.observe(batch, &mut trace, &mut |sample, state| ends.push((sample, state.digest())))?;
    trace.0.extend(ends.into_iter().map(|(sample, digest)| Event::Done(sample, digest)));
    Ok((trace.0, outputs))
}
