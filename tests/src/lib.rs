//! What the test suites share.
//!
//! * [`images`]: a builder in which an image reads like assembly, and hand-assembled images.
//! * [`run`]: an image on the core machine, everything it shows recorded.
//! * [`naive`]: a second machine, written from the format's document, over vectors and wide integers.
//! * [`engines`]: the three engines on one image, compared value by value.
//! * [`generate`]: random crossbars, layers and programs, from any source of bytes.
//! * [`coverage`]: what a run of generated cases must have met.
//! * [`repair`]: checksums, plan and offsets of a damaged image made right again.
//! * [`rules`]: the names of the rules an image can break.
//! * [`fuzzing`]: the bodies of the fuzz targets, which committed seeds replay on stable.
//! * [`chip`]: a simulated chip behind a bus, to be loaded, verified and damaged.
//! * [`qemu`]: the firmware, built and run under QEMU; [`elf`]: what its ELF holds.
#![forbid(unsafe_code)]

pub mod board;
#[cfg(feature = "host")]
pub mod boards;
pub mod chip;
pub mod coverage;
pub mod elf;
#[cfg(feature = "host")]
pub mod engines;
pub mod fuzzing;
pub mod generate;
pub mod images;
pub mod naive;
pub mod qemu;
pub mod repair;
pub mod rules;
pub mod run;
