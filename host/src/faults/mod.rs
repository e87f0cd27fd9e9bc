//! Faults of a chip: what can break, which known answers show it, and what share of all faults that is.
//!
//! | class | a fault of it | on a crossbar | on a digital or spiking core |
//! |---|---|---|---|
//! | stuck cell | a cell holds its lowest or its highest level, whatever is written | a cell of a slice of a weight, in either array of a pair | a stored bit of a weight, stuck at 0 or 1 |
//! | flipped weight bit | a stored bit of a weight is the other one | the bits of a column as the image stores them | the same |
//! | dead axon | code 0 arrives on an input line, whatever is sent | a word line, bias rows included | an input register |
//! | stuck output | an output gives always the same | a read: 0, or the largest one | digital: the accumulator, 0 or its largest value; spiking: never, or in every tick as many spikes as there can be |
//! | lost or late spike | the first spikes that a neuron sends in a sample are lost, or come one tick late | | spiking |
//! | range register | a bit of it always reads 0, or 1 | the shift of a composed read (5 bits; 6 where the image's is beyond 31) | digital: the shift of the requantisation (6 bits); spiking: the weight shift (5 bits) |
//!
//! Every configuration is a core of its own, with its own copy of its weights. One fault at a time is there, and it stays.
//! What a register can not hold reads as the largest value that it can: shift 40 of a crossbar, 63 of a digital core (62 with
//! gemmlowp's rounding), 16 of a spiking core. The weighted sum of a spiking core keeps its low 32 bits.
//!
//! 1. [`Sites`]: all faults that a chip with this image can have, by class and number.
//! 2. [`Broken`]: what a core with a fault computes.
//! 3. [`undetectable`]: faults that can never show, proven.
//! 4. `vectors`: known answers of single cores, chosen by the faults that they show.
//! 5. `network`: whole samples on a chip with a fault.
//! 6. [`Simulator`]: which of an image's known answers show a fault.
//! 7. [`equip`]: an image with such answers, and with its coverage.

mod broken;
mod coverage;
mod fault;
mod network;
mod proof;
mod simulate;
mod sites;
mod vectors;

pub use broken::Broken;
pub use coverage::{AnswerOptions, Options, coverage, equip, ratio};
pub use fault::{Defect, Fault};
pub use proof::undetectable;
pub use simulate::Simulator;
pub use sites::Sites;
