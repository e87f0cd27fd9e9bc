//! The same program for many samples at once.
//!
//! No instruction depends on data: loops have constant trips, and a pattern names the same signals for every sample.
//! So each instruction is interpreted once for a *block* of samples, and every buffer has one more dimension, the
//! *lane* of the sample within its block, which runs fastest in memory. A move becomes the copy of a row of lanes; an
//! array's partials become one matrix product, slices and columns of the cells by lines, times lines by passes and lanes.
//!
//! # Positions side by side
//!
//! A layer with thousands of positions is a loop over a small body. Where no iteration can tell that another one ran before it
//! (`nest` says how that is found out), its iterations are lanes too: registers then have a lane for each sample at each of the
//! positions that fit near the processor, and an invocation is one product for all of them. All other loops are stepped.
//! A probe is told in the machine's order all the same.
//!
//! # Why floating point is exact here
//!
//! A partial is a sum of products of integer digits. When the sum of the magnitudes of all products, taken over the weights
//! at hand and the largest digit a driver can hold, is below 2^24, then every product and every partial sum is
//! an integer below 2^24, which f32 holds exactly: neither the order of the sum, nor fused operations, nor the width of
//! the registers can change a bit. Below 2^53 the same is true of f64; beyond, the sum is made of 64-bit integers. The bound is
//! computed from each core's weights when they are decoded. Digital cores are summed so, and crossbars whose converters
//! clip no partial: there whole weights meet whole codes. What follows a digital core's sum is left to the functions of
//! `spandrel-core`. Spiking cores add integers, an axon's weights at a time (`spiking`).

mod access;
mod array;
mod cells;
mod digital;
mod drive;
mod encode;
mod memory;
mod moves;
mod nest;
pub(crate) mod product;
mod program;
mod ranges;
mod run;
mod sequences;
mod snapshot;
mod spiking;
mod watch;

use super::{
    ExactEngine, SampleDone,
    batch::RawBatch,
    error::EngineError,
    limits::{Options, emissions, side_by_side},
    outputs::Outputs,
};
use program::Program;
use run::Workspace;
use spandrel_core::{image::Image, machine::Probe};
use watch::{Held, Record, Show};

/// Samples of a block, unless memory is short: beyond, the matrix products gain no more.
const LANES: usize = 128;

/// Bytes for the buffers of all blocks under way. More would not be faster, only further away.
const BUFFERS: u64 = 512 << 20;

/// The batch engine.
#[derive(Debug)]
pub struct FastEngine<'i> {
    program: Program<'i>,
    options: Options,
    lanes: usize,
}

impl<'i> FastEngine<'i> {
    /// Lowers the program of `image`. Weights are decoded when they are first read.
    ///
    /// # Errors
    /// Decoded weights or the buffers of one sample need more memory than `options` allow, or a configuration is of a
    /// kind that this engine does not lower.
    pub fn new(image: &Image<'i>, options: Options) -> Result<Self, EngineError> {
        options.allow("the decoded weights", Program::cells_bytes(image)?)?;
        let program = Program::new(image)?;
        let lane = program.lane_bytes();
        let threads = options.threads.get() as u64;
        options.allow("the signals of one sample", lane.saturating_mul(threads))?;
        let room = BUFFERS.min(options.memory) / threads / lane.max(1);
        let lanes = usize::try_from(room).unwrap_or(LANES).clamp(1, LANES);
        Ok(Self { program, options, lanes })
    }

    /// The same engine with blocks of at most `lanes` samples (at least 1). Results are the same.
    #[must_use]
    pub fn with_block(mut self, lanes: usize) -> Self {
        self.lanes = lanes.clamp(1, self.lanes);
        self
    }

    /// Samples of a block.
    #[must_use]
    pub const fn block(&self) -> usize {
        self.lanes
    }

    /// Loop nests whose iterations run side by side; all others are stepped through.
    #[must_use]
    pub fn nests(&self) -> usize {
        self.program.nests.iter().flatten().count()
    }

    fn check(&self, batch: &RawBatch<'_>) -> Result<(), EngineError> {
        batch.fits(&self.program.image)?;
        let emitted = emissions(&self.program.image).saturating_mul(batch.len() as u64);
        self.options.allow("what the samples emit", emitted.saturating_mul(4))
    }

    fn part(&self, batch: &RawBatch<'_>) -> Result<Outputs, EngineError> {
        let mut workspace = Workspace::default();
        let mut record = Record::new(emissions(&self.program.image) as usize, batch.len());
        let mut first = 0;
        while first < batch.len() {
            let end = (first + self.lanes * batch.sequence()).min(batch.len());
            sequences::run(&self.program, &mut workspace, &batch.slice(first..end), first, &mut record)?;
            first = end;
        }
        Ok(record.outputs)
    }
}

impl ExactEngine for FastEngine<'_> {
    fn name(&self) -> &'static str {
        "fast"
    }

    fn image(&self) -> &Image<'_> {
        &self.program.image
    }

    fn run_batch(&mut self, batch: &RawBatch<'_>) -> Result<Outputs, EngineError> {
        self.check(batch)?;
        side_by_side(batch, self.options.threads, |part| self.part(&part))
    }

    fn observe(
        &mut self,
        batch: &RawBatch<'_>,
        probe: &mut dyn Probe,
        done: &mut SampleDone<'_>,
    ) -> Result<Outputs, EngineError> {
        self.check(batch)?;
        let image = self.program.image;
        let mut workspace = Workspace::default();
        let mut record = Record::new(emissions(&image) as usize, batch.len());
        let mut ram = snapshot::Ram::new(&image);
        for sample in 0..batch.len() {
            record.begin(sample, 1);
            let fresh = sample.is_multiple_of(batch.sequence());
            let one = batch.alone(sample);
            let mut show = Show {
                record: &mut record,
                probe: &mut *probe,
                ram: &mut ram,
                sample,
                held: Held::default(),
            };
            self.program
                .run(&mut workspace, &one, fresh, &mut show)
                .map_err(|error| error.shifted(sample))?;
            ram.fill(&image, workspace.memory());
            done(sample, &ram.snapshot(&image));
        }
        Ok(record.outputs)
    }
}
