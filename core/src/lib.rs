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
//! # Modules, in reading order
//!
//! 1. [`arith`]: one function per rounding and saturation rule.
//! 2. [`bytes`], [`image`]: the byte layouts, both directions side by side.
//! 3. [`blob`]: weights as they lie in flash.
//! 4. [`crossbar`]: the processing-in-memory array.
//! 5. [`machine`]: the bounded program that ties configurations together.
//! 6. [`verify`]: known answers.
#![no_std]
#![forbid(unsafe_code)]

pub mod arith;
pub mod blob;
pub mod bytes;
pub mod crossbar;
pub mod image;
pub mod machine;
pub mod verify;
