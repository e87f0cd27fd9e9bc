//! A board whose chip is behind its bus, with a fault injector; and the campaign that counts what its checks find.
//!
//! * [`chip`]: configuration memory, cores, bus, and what can be done to each.
//! * [`judge`]: one fault, and which answers show it.
//! * [`defect`]: what a broken core computes, apart from the compiler's fault simulator.
//! * [`networks`]: images, with their coverage.
//! * [`campaign`]: many faults of every class.
//! * [`pooled`]: a class over all networks.
//! * [`witness`]: why a fault was missed.
#![forbid(unsafe_code)]

pub mod campaign;
pub mod chip;
pub mod defect;
pub mod judge;
pub mod networks;
pub mod pooled;
pub mod report;
pub mod unpack;
pub mod witness;
