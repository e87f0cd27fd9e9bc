//! The machine: runs an image's program on lent memory, a bounded amount at a time.
//!
//! * Memory is one slice of words, laid out as [`crate::image::Plan`] says. Program counter,
//!   loop registers and counters live in it too, so a run can be sliced, or [`Machine::resume`]d
//!   by a machine made anew over the same words.
//! * [`Machine::step`] spends a budget of *work units*: a signal moved or a cell read is one
//!   unit. Every step does at least one piece of work and finishes the piece it began: a column of
//!   an array, one signal, one ring, one RESET. So it overshoots by at most the largest of these.
//! * A [`Probe`] sees every value with its [`Address`]: digest, trace, known answers and
//!   shadowing are probes, not modes.
//! * State that outlives a sample (rings, lent state) is kept until the program RESETs it.

mod control;
mod digest;
mod fault;
mod feed;
mod invoke;
mod memory;
mod probe;
mod run;

pub use control::Status;
pub use digest::{OUTPUT_DIGEST, OutputDigest, STATE_DIGEST, Snapshot};
pub use fault::{Fault, FaultKind, RunError, Step};
pub use probe::{Address, Probe};
pub use run::Machine;
