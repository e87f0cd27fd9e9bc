//! The machine of `spandrel-core` on every sample.

use super::{
    ExactEngine, SampleDone,
    batch::RawBatch,
    error::EngineError,
    limits::{Options, emissions, side_by_side},
    outputs::Outputs,
};
use spandrel_core::{
    image::Image,
    machine::{Address, Machine, Probe, Snapshot, Step},
};

/// `spandrel-core` itself.
#[derive(Debug)]
pub struct CoreEngine<'i> {
    image: Image<'i>,
    options: Options,
}

impl<'i> CoreEngine<'i> {
    /// An engine for `image`.
    ///
    /// # Errors
    /// The image's memory is larger than `options` allow.
    pub fn new(image: &Image<'i>, options: Options) -> Result<Self, EngineError> {
        let ram = u64::from(image.header().ram_words) * 4;
        options.allow("the machine's memory", ram.saturating_mul(options.threads.get() as u64))?;
        Ok(Self { image: *image, options })
    }

    fn check(&self, batch: &RawBatch<'_>) -> Result<(), EngineError> {
        batch.fits(&self.image)?;
        let emitted = emissions(&self.image).saturating_mul(batch.len() as u64);
        self.options.allow("what the samples emit", emitted.saturating_mul(4))
    }
}

/// Collects what is emitted, and passes everything on.
struct Collect<'p> {
    outputs: Outputs,
    inner: &'p mut dyn Probe,
}

impl Collect<'_> {
    fn address(&self, at: &Address) -> Address {
        Address { sample: self.outputs.samples as u64, ..*at }
    }
}

impl Probe for Collect<'_> {
    fn read(&mut self, at: &Address, value: i32) {
        self.inner.read(&self.address(at), value);
    }

    fn unit(&mut self, at: &Address, value: i32) {
        self.inner.unit(&self.address(at), value);
    }

    fn emit(&mut self, output: u16, index: u32, value: i32) {
        self.outputs.codes.push(value);
        if self.outputs.samples == 0 {
            self.outputs.tags.push(output);
        }
        self.inner.emit(output, index, value);
    }

    fn tick(&mut self, state: &Snapshot<'_, '_>) {
        self.inner.tick(state);
    }
}

fn samples(
    image: &Image<'_>,
    batch: &RawBatch<'_>,
    inner: &mut dyn Probe,
    done: &mut SampleDone<'_>,
) -> Result<Outputs, EngineError> {
    let mut ram = vec![0; image.header().ram_words as usize];
    let refused = |sample| move |error| EngineError::Refused { sample, error };
    let mut machine = Machine::new(image, image.weights(), &mut ram).map_err(refused(0))?;
    let mut collect = Collect { outputs: Outputs::default(), inner };
    for sample in 0..batch.len() {
        if sample.is_multiple_of(batch.sequence()) {
            machine.reset();
        }
        let mut step = machine.run(batch.sample(sample), &mut collect).map_err(refused(sample))?;
        while step == Step::Running {
            step = machine.step(u64::MAX, &mut collect);
        }
        if let Step::Fault(fault) = step {
            return Err(EngineError::Stopped { sample, fault });
        }
        done(sample, &machine.snapshot());
        collect.outputs.samples += 1;
    }
    Ok(collect.outputs)
}

impl ExactEngine for CoreEngine<'_> {
    fn name(&self) -> &'static str {
        "core"
    }

    fn image(&self) -> &Image<'_> {
        &self.image
    }

    fn run_batch(&mut self, batch: &RawBatch<'_>) -> Result<Outputs, EngineError> {
        self.check(batch)?;
        side_by_side(batch, self.options.threads, |part| samples(&self.image, &part, &mut (), &mut |_, _| {}))
    }

    fn observe(
        &mut self,
        batch: &RawBatch<'_>,
        probe: &mut dyn Probe,
        done: &mut SampleDone<'_>,
    ) -> Result<Outputs, EngineError> {
        self.check(batch)?;
        samples(&self.image, batch, probe, done)
    }
}
