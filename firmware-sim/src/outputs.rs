//! What a sample emitted: digest and class; and the state's digest after every tick.

use crate::{
    board::{CODES_MAX, Clock, PENDING_MAX},
    facts::{Hex, state},
};

use spandrel_core::{
    image::{Digest32, Image, Reading},
    machine::{OutputDigest, Probe, Snapshot},
};

/// Observes one sample.
pub struct Outputs {
    digest: OutputDigest,
    /// Emitted signals that are held until the sample is done, so that hashing them is not counted as part of the inference.
    /// Beyond that they are hashed on the way.
    pending: heapless::Vec<(u16, i32), PENDING_MAX>,
    /// Output whose codes name the class, if any.
    output: Option<u16>,
    /// Its codes.
    codes: heapless::Vec<i32, CODES_MAX>,
    /// The sample, and the ticks that it has seen.
    sample: u32,
    ticks: u32,
    clock: Clock,
    /// Time, on the clock, that hashing and stating took: no part of the inference.
    aside: u64,
}

impl Outputs {
    /// Nothing emitted yet by `image` in sample `sample`.
    pub fn new(image: &Image<'_>, sample: u32, clock: Clock) -> Self {
        let output = class_decoder(image).map(|decoder| decoder.output);
        Self {
            digest: OutputDigest::new(),
            pending: heapless::Vec::new(),
            output,
            codes: heapless::Vec::new(),
            sample,
            ticks: 0,
            clock,
            aside: 0,
        }
    }

    /// Time that was spent aside since this was asked last, in ticks of the clock.
    pub fn aside(&mut self) -> u64 {
        core::mem::take(&mut self.aside)
    }

    /// `spandrel-output-1` of the sample.
    pub fn digest(&mut self) -> Digest32 {
        self.flush();
        self.digest.digest()
    }

    /// The class, if the image has a decoder for one and its codes were emitted.
    pub fn class(&self, image: &Image<'_>) -> Option<u32> {
        class_decoder(image)?.class(image.tables(), &self.codes)
    }

    fn flush(&mut self) {
        for (output, value) in &self.pending {
            self.digest.add(*output, *value);
        }
        self.pending.clear();
    }
}

fn class_decoder(image: &Image<'_>) -> Option<spandrel_core::image::Decoder> {
    (0..image.decoder_count())
        .filter_map(|number| image.decoder(number))
        .find(|decoder| decoder.reading == Reading::Class)
}

impl Probe for Outputs {
    fn tick(&mut self, snapshot: &Snapshot<'_, '_>) {
        let start = self.clock.now();
        state(format_args!("tick {} of {} state {}", self.ticks, self.sample, Hex(&snapshot.digest())));
        self.ticks = self.ticks.wrapping_add(1);
        self.aside += self.clock.since(start);
    }

    fn emit(&mut self, output: u16, _: u32, value: i32) {
        if self.pending.is_full() {
            self.flush();
        }
        // There is room after a flush.
        let _ = self.pending.push((output, value));
        if self.output == Some(output) {
            // A decoder that needs more codes than fit finds too few and names no class.
            let _ = self.codes.push(value);
        }
    }
}
