//! Bit-exact models of neuromorphic cores and processing-in-memory crossbars,
//! the image that configures them, and the machine that runs it.
//!
//! # The contract
//!
//! * `no_std`, no allocation, no `unsafe`, no floating point on the bit-exact path.
//! * Parsing ([`image::Image::parse`]) accepts arbitrary bytes: it never panics, never
//!   reads outside them, and terminates after an amount of work bounded by their length.
//! * After parsing succeeded nothing reachable panics, and [`machine::Machine::step`]
//!   does a bounded amount of work. What can still go wrong (a weight store that
//!   fails to answer, flash that changes underneath) is a [`machine::Fault`].
//! * The same image and the same samples give the same bits on every target.
//!
//! # From firmware
//!
//! Parse once, run the known answers once, then feed and step for each sample. Weights stay in flash; the only memory is the
//! words lent, [`image::Header::ram_words`] of them, and what the caller keeps of the emitted codes.
//!
//! ```
//! use spandrel_core::{image::Image, machine::{Machine, Probe, Step}, verify::KnownAnswers};
//!
//! /// Keeps what the image emits.
//! struct Codes { codes: [i32; 128], count: usize }
//!
//! impl Probe for Codes {
//!     fn emit(&mut self, _output: u16, _index: u32, code: i32) {
//!         if let Some(slot) = self.codes.get_mut(self.count) {
//!             *slot = code;
//!             self.count += 1;
//!         }
//!     }
//! }
//!
//! fn classify(flash: &[u8], ram: &mut [u32], raw: impl Iterator<Item = i32>) -> Option<u32> {
//!     // An `ImageError`: show it, `name()` and `way_out()` say what is wrong with the bytes and what to do.
//!     let image = Image::parse(flash).ok()?;
//!     // A `Mismatch` names the first core, unit and value that differ.
//!     KnownAnswers::new(&image, image.weights()).check(ram).ok()?;
//!     // A `RunError`: too little memory, or a sample that does not fit the input.
//!     let mut machine = Machine::new(&image, image.weights(), ram).ok()?;
//!     machine.feed(0, 0, raw).ok()?;
//!     machine.start().ok()?;
//!     let mut codes = Codes { codes: [0; 128], count: 0 };
//!     loop {
//!         // A thousand work units at a time, so that a control loop keeps its period.
//!         match machine.step(1_000, &mut codes) {
//!             Step::Running => {}
//!             Step::SampleDone => break,
//!             Step::Fault(_) => return None,
//!         }
//!     }
//!     image.decoder(0)?.class(image.tables(), codes.codes.get(..codes.count)?)
//! }
//! ```
//!
//! An image that holds state between samples goes on from the sample before; [`machine::Machine::reset`] begins a new sequence.
//!
//! *Time*: [`image::Image::work`] is the number of work units of a sample; a unit took 113 instructions on a Cortex-M4 (PRIME,
//! `opt-level` 3). *Flash*: the image, and about 96 KB for the whole firmware of `firmware-sim`, whose README has the figures and
//! how they were measured. *Errors*: [`image::Rule`] lists why images are refused, [`machine::RunError`] why calls are,
//! [`machine::FaultKind`] why a machine stops, [`verify::MismatchKind`] what a known answer shows; `docs/image-format.md` lists the
//! names.
//!
//! # Modules, in reading order
//!
//! 1. [`arith`]: one function per rounding and saturation rule.
//! 2. [`bytes`], [`image`]: the byte layouts, both directions side by side.
//! 3. [`blob`]: weights as they lie in flash.
//! 4. [`crossbar`]: the processing-in-memory array; [`mac`]: the digital core; [`spiking`]: neurons.
//! 5. [`machine`]: the bounded program that ties configurations together.
//! 6. [`verify`]: known answers.
//! 7. [`load`]: images into chips and flash, piece by piece.
#![no_std]
#![forbid(unsafe_code)]

pub mod arith;
pub mod blob;
pub mod bytes;
pub mod crossbar;
pub mod image;
pub mod load;
pub mod mac;
pub mod machine;
pub mod spiking;
pub mod verify;
