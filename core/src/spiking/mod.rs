//! The spiking core: neurons that integrate weighted spikes tick by tick.
//!
//! One tick of a neuron, in this order:
//!
//! ```text
//! collect    sum = sum over axons of w x, shifted left            exact, 32 bits         axon, synapse
//! current    U   = U keep / 2^d toward zero, + sum                wraps or saturates     soma
//! potential  V   = V keep / 2^d toward zero, + U + L
//! floor      V   = max(V, floor), then saturates or wraps to its bits
//! fire       spikes when V >= T, or V > T
//! reset      V   = 0, or a value, or V - spikes T; the refractory counter is set
//! send       the spikes leave in the neuron's sum register; SCATTER takes them to an edge
//! ```
//!
//! Without a current U is the sum alone. A chip's decay of d in 4096 is `keep` = 4096 - d. Delays are no part of a core: they are
//! the ages at which edges are read.
//!
//! A core's state is lent to it: a clock, then a word a neuron for V, for U if there is a current, and for the refractory
//! counter if there is one ([`Spiking::state_words`]). The clock counts the core's invocations. Negative, the core waits; at
//! 0 its *window* begins: V := v_init, U := 0, the counter := 0; after `window` ticks it rests. A core that waits or rests
//! neither leaks nor fires. Programs set the clock by RESET: to -k for a layer that starts k ticks after the input.

mod axon;
mod config;
mod rate;
mod soma;
mod synapse;

pub use axon::spikes_of;
pub use config::{Current, Fire, Limit, Output, PARAMS, Reset, Spiking};
pub use rate::rate_spike;
pub use soma::{Cell, Ticked, next_clock, running, soma};
pub use synapse::read_column;

#[cfg(test)]
mod tests;
