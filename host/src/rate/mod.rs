//! Trained networks on spiking chips by rate coding: every value is a number of spikes in a window of ticks.
//!
//! 1. [`build`]: the reformed network as layers of neurons that each compute max(W x + b, 0), sums too long for a core in parts;
//! 2. [`tune`]: whole numbers, layer by layer, against the counts that simulated neurons give (`simulate`);
//! 3. [`place`]: neurons on cores, copies where one neuron reaches one core only;
//! 4. [`compile`]: a [`crate::spiking::SpikingNetwork`] of it all, and its image.
//!
//! [`ideal`] tells what a window allows at best.

mod build;
mod compile;
mod fit;
pub mod ideal;
mod input;
mod layer;
mod maximum;
mod merge;
mod network;
mod options;
mod pack;
mod range;
mod shift;
mod simulate;
mod target;
mod told;
mod trial;
mod tune;
mod typed;

pub use build::{Layers, Limits, Told, build};
pub use compile::{compile, compile_for};
pub use layer::{From, Layer, Role, Variant};
pub use options::RateOptions;
pub use pack::{Item, Placed, Room, What, place};
pub use simulate::{Numbers, Soma, Train};
pub use tune::{Effort, Fed, Registers, Tuned, TunedLayer, tune};
