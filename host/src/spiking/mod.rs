//! Spiking networks in a chip's integers: populations, projections, inputs and outputs, and their way to an image.
//!
//! [`SpikingNetwork`] is what importers and converters make: weights, thresholds, leaks and decays are already the whole numbers
//! that a chip's registers hold. From here on nothing is approximated:
//!
//! 1. [`SpikingNetwork::check`] against a chip, every rule that is broken at once, gives [`Checked`];
//! 2. [`split`] cuts populations into the chip's cores;
//! 3. [`emit`] writes the image: a loop over ticks with an invocation a core, a ring of spikes a population.
//!
//! Time: a spike sent at tick t arrives at t + delay, and delays between populations are at least 1, so that layers are
//! pipelined: a population's window starts at its longest path in delays from the inputs ([`Checked::starts`]).

mod bounds;
mod check;
mod emit;
mod given;
mod network;
mod neuron;
mod place;
mod split;
mod start;
mod synapses;
mod text;

pub use bounds::{Reach, reach};
pub use check::Checked;
pub use emit::{SpikingProgram, emit, emit_given, program, program_given};
pub use given::{Decoding, Given, RawCodes};
pub use network::{Code, Input, Output, Population, Projection, Read, Source, SpikingNetwork};
pub use neuron::{Neuron, Values};
pub use split::{Axon, Core, split, split_given};
pub use synapses::{Convolution, Synapses};
