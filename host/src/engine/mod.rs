//! Engines that run an image on a whole set of samples, bit for bit alike.
//!
//! * [`CoreEngine`] is the machine of `spandrel-core` itself, the one that runs on a chip's controller.
//! * [`FastEngine`] lowers the same program for many samples at once and reads arrays as matrix products.
//!
//! Samples are independent, or in sequences ([`RawBatch::in_sequences`]): every edge, register and word of state is back at its reset value
//! before each sample, or before the first one of each sequence. What an engine
//! gives does not depend on the number of threads, on the size of blocks, or on the processor's SIMD level.
//!
//! # What a probe sees
//!
//! With a probe the samples run one after the other and every value is shown in the order of the machine
//! ([`Probe`]). `Address::sample` is the number of the sample within the batch; ticks and invocations count from the
//! last reset.

mod batch;
mod error;
mod fast;
mod limits;
mod machine;
mod outputs;

pub use batch::{RawBatch, RawData, RawSample};
pub use error::EngineError;
pub use fast::FastEngine;
#[allow(unused_imports, reason = "not every solver needs both")]
pub(crate) use fast::product::{double as product_f64, float as product};
pub use limits::Options;
pub(crate) use limits::{emissions, repeated};
pub use machine::CoreEngine;
pub use outputs::Outputs;

use spandrel_core::{
    image::{Digest32, Image, Instruction, ResetTarget},
    machine::{Probe, Snapshot},
};

/// What [`ExactEngine::observe`] calls after each sample, with the sample's number and the state it left behind.
pub type SampleDone<'a> = dyn FnMut(usize, &Snapshot<'_, '_>) + 'a;

/// Whether what a sample leaves in `image`'s memory can change what the next one gives: a ring that its program does not reset.
#[must_use]
pub fn holds_state(image: &Image<'_>) -> bool {
    let program = || (0..image.instruction_count()).filter_map(|at| image.instruction(at));
    let reset = |edge| program().any(|own| own == Instruction::Reset(ResetTarget::Edge(edge)));
    let ring = |edge: &u32| image.edge(*edge).is_some_and(|edge| edge.slots > 1);
    (0..image.edge_count()).filter(ring).any(|edge| !reset(edge))
}

/// An engine that computes exactly what the machine of `spandrel-core` computes.
pub trait ExactEngine {
    /// The engine's name, as the command line knows it.
    fn name(&self) -> &'static str;

    /// The image it runs.
    fn image(&self) -> &Image<'_>;

    /// Runs every sample of `batch` through input 0 and collects what is emitted.
    ///
    /// # Errors
    /// The samples do not fit the input, a raw value lies outside the input's type, the machine stops, or the
    /// limits of [`Options`] do not suffice. Of several samples at fault the first one is named.
    fn run_batch(&mut self, batch: &RawBatch<'_>) -> Result<Outputs, EngineError>;

    /// As [`ExactEngine::run_batch`], showing every value to `probe` and the state after each sample to `done`.
    ///
    /// # Errors
    /// As [`ExactEngine::run_batch`]; the probe has then seen the samples before the one at fault.
    fn observe(
        &mut self,
        batch: &RawBatch<'_>,
        probe: &mut dyn Probe,
        done: &mut SampleDone<'_>,
    ) -> Result<Outputs, EngineError>;

    /// Runs `batch`, with a probe or, much faster, without.
    ///
    /// # Errors
    /// As [`ExactEngine::run_batch`].
    fn run(&mut self, batch: &RawBatch<'_>, probe: Option<&mut dyn Probe>) -> Result<Outputs, EngineError> {
        match probe {
            None => self.run_batch(batch),
            Some(probe) => self.observe(batch, probe, &mut |_, _| {}),
        }
    }

    /// The state digest (`spandrel-state-1`) after each sample.
    ///
    /// # Errors
    /// As [`ExactEngine::run_batch`].
    fn state_digests(&mut self, batch: &RawBatch<'_>) -> Result<Vec<Digest32>, EngineError> {
        let mut digests = Vec::with_capacity(batch.len());
        self.observe(batch, &mut (), &mut |_, state| digests.push(state.digest()))?;
        Ok(digests)
    }
}
