//! Spandrel: from a trained network to the verified configuration of a neuromorphic or in-memory-computing chip.
//!
//! [`compile`] is the pipeline on one page: the first file to read.

pub mod boards;
pub mod bound;
pub mod budget;
pub mod chips;
pub mod cli;
pub mod compile;
pub mod confidence;
pub mod costs;
pub mod diagnostic;
pub mod dots;
pub mod emit;
pub mod encode;
pub mod engine;
pub mod evaluate;
pub mod exact;
pub mod expand;
pub mod faults;
mod fed;
pub mod graph;
pub mod import;
pub mod lower;
pub mod map;
pub mod nir;
pub mod notes;
pub mod numeric;
mod prove;
pub mod ranged;
pub mod rate;
pub mod report;
mod request;
pub mod samples;
pub mod samples_raw;
pub mod sequence;
pub mod settings;
pub mod spikes;
pub mod spiking;
pub mod sweep;
pub mod target;
pub mod trace;
pub mod tune;
pub mod verify;
