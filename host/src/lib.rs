//! Spandrel: from a trained network to the verified configuration of a neuromorphic or in-memory-computing chip.

pub mod diagnostic;
pub mod engine;
pub mod graph;
pub mod import;
pub mod samples;
