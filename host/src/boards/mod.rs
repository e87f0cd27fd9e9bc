//! What an image takes on a microcontroller: flash, RAM and instructions, for each board that the firmware of `firmware-sim` runs on.
//!
//! Memory is exact where the image states it, and measured of the firmware otherwise. Instructions are a model: what the machine
//! does is counted in the program ([`Counts`]), and each count has a cost for each instruction set, fitted to measurements
//! (`target`); `cargo xtask boards` measures, fits and writes docs/boards.md, which states how far model and measurement lie apart.

mod counts;
mod target;

pub use counts::{CHECK_COSTS, COSTS, Check, Counts};
pub use target::{TARGETS, Target};

use spandrel_core::image::Image;

/// What an image takes on a target. Bytes, and instructions as QEMU counts them.
#[derive(Clone, Debug, PartialEq)]
pub struct Needs {
    /// Bytes of the image, in flash.
    pub image: u64,
    /// Bytes of the firmware, in flash.
    pub firmware: u64,
    /// Bytes of RAM for the machine's state.
    pub state: u64,
    /// Bytes of RAM for the stack at its deepest, the library's objects included.
    pub stack: u64,
    /// Instructions of one inference: reset, encoding, program.
    pub inference: u64,
    /// Instructions of checking the image: checksums, digest, every rule of the format.
    pub check: u64,
    /// Instructions of the known answers of configurations.
    pub config_answers: u64,
    /// Instructions of the known answers of the network.
    pub network_answers: u64,
    /// Multiplications of an input by a weight in one inference.
    pub multiply_accumulates: u64,
    /// What the board has no room for: what, needed, available, in bytes.
    pub lacking: Option<(&'static str, u64, u64)>,
}

impl Needs {
    /// What `image` takes on `target`.
    #[must_use]
    pub fn of(image: &Image<'_>, target: &Target) -> Self {
        let bytes = image.header().total_bytes;
        let state = u64::from(image.header().ram_words) * 4;
        let counts = Counts::inference(image);
        let rooms = [("image", bytes, target.image_room), ("machine", state, target.machine_room)];
        Self {
            image: bytes,
            firmware: target.firmware,
            state,
            stack: target.stack,
            inference: counts.instructions(&target.costs),
            check: Check::of(image).instructions(&target.check_costs),
            config_answers: Counts::config_answers(image).instructions(&target.costs),
            network_answers: Counts::network_answers(image).instructions(&target.costs),
            multiply_accumulates: counts.multiply_accumulates(),
            lacking: rooms.into_iter().find(|(_, needed, room)| needed > room),
        }
    }

    /// Instructions of the full verification: checking, then all known answers.
    #[must_use]
    pub fn verification(&self) -> u64 {
        self.check + self.config_answers + self.network_answers
    }
}
