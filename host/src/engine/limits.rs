//! Threads and memory, shared by the engines.

use super::{batch::RawBatch, error::EngineError, outputs::Outputs};
use spandrel_core::image::{Image, Instruction};
use std::num::NonZeroUsize;

/// How an engine may use the computer. None of it changes results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads, at least 1; the default is what the computer offers.
    pub threads: NonZeroUsize,
    /// Bytes of memory that each of signals, decoded weights and outputs may take; the default is 8 GiB.
    pub memory: u64,
}

impl Default for Options {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self { threads, memory: 8 << 30 }
    }
}

impl Options {
    /// The default with `threads` threads (0 counts as 1).
    #[must_use]
    pub fn with_threads(threads: usize) -> Self {
        Self { threads: NonZeroUsize::new(threads).unwrap_or(NonZeroUsize::MIN), ..Self::default() }
    }

    /// Refuses `what` when it needs more than the allowed memory.
    pub(super) fn allow(&self, what: &'static str, needed: u64) -> Result<(), EngineError> {
        let limit = self.memory;
        if needed > limit { Err(EngineError::TooLarge { what, needed, limit }) } else { Ok(()) }
    }
}

/// The instructions of a sample in their order, each with how often it runs; saturated.
pub(crate) fn repeated<'i>(image: &'i Image<'_>) -> impl Iterator<Item = (u64, Instruction)> + use<'i> {
    let mut runs = vec![1u64];
    (0..image.instruction_count()).filter_map(|number| image.instruction(number)).map(move |step| {
        let times = runs.last().copied().unwrap_or(1);
        match step {
            Instruction::Loop { trips, .. } => runs.push(times.saturating_mul(u64::from(trips))),
            Instruction::End { .. } => drop(runs.pop()),
            _ => {}
        }
        (times, step)
    })
}

/// Signals that a sample of `image` emits; `u64::MAX` when they pass that.
pub(crate) fn emissions(image: &Image<'_>) -> u64 {
    repeated(image).fold(0, |total: u64, (times, step)| {
        let Instruction::Emit { access, .. } = step else { return total };
        let elements = image.access(access).and_then(|access| image.elements(&access)).unwrap_or(0);
        total.saturating_add(times.saturating_mul(u64::from(elements)))
    })
}

/// Cuts `batch` into one run of samples per thread, runs them side by side, and joins what they emitted in order. Of several
/// errors the one of the first run stands, so that it is the same for any number of threads.
pub(super) fn side_by_side<'b>(
    batch: &RawBatch<'b>,
    threads: NonZeroUsize,
    work: impl Fn(RawBatch<'b>) -> Result<Outputs, EngineError> + Sync,
) -> Result<Outputs, EngineError> {
    let share = batch.len().div_ceil(threads.get()).max(1).next_multiple_of(batch.sequence());
    let starts: Vec<usize> = (0..batch.len()).step_by(share).collect();
    let part = |first: usize| batch.slice(first..(first + share).min(batch.len()));
    let parts: Vec<Result<Outputs, EngineError>> = if starts.len() <= 1 {
        starts.iter().map(|first| work(part(*first))).collect()
    } else {
        std::thread::scope(|scope| {
            let work = &work;
            let handles: Vec<_> =
                starts.iter().map(|first| (part(*first), scope.spawn(move || work(part(*first))))).collect();
            handles
                .into_iter()
                .map(|(_, handle)| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    };
    let mut all = Outputs::default();
    for (first, outputs) in starts.iter().zip(parts) {
        let outputs = outputs.map_err(|error| error.shifted(*first))?;
        all.codes.extend_from_slice(&outputs.codes);
        all.samples += outputs.samples;
        all.tags = outputs.tags;
    }
    Ok(all)
}
