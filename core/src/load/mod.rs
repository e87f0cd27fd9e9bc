//! Getting an image into a chip or into flash, piece by piece.
//!
//! 1. [`Policy`]: what this board accepts: chip, key, counter, room.
//! 2. [`Loader`]: takes the bytes as they come, checks everything the format promises, and calls a [`Target`].
//! 3. [`bus`]: a chip as a target: configuration registers behind a bus, and the map from sections to them.
//! 4. [`slots`]: two slots in flash as a target: one runs while the other is written, and power may fail at any byte.

pub mod bus;
#[cfg(feature = "signature")]
mod ed25519;
mod outcome;
mod policy;
pub mod slots;
pub mod spi;
mod stream;
mod target;

pub use outcome::{LoadError, Progress};
pub use policy::{Chip, Policy, PublicKey, Refusal};
pub use stream::{LOADER_SECTIONS, Loader, peek};
pub use target::{SectionAt, Target};
