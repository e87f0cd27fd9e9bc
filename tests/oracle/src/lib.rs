//! A naive oracle of the cores' arithmetic, in wide integers.
//!
//! The bit-exact models of this project are compared with the functions here.
//! The comparison is worth something only while the two are independent, so
//! this package depends on no other package, was written from the arithmetic's
//! description alone, and prefers the long way round: every number is an
//! `i128`, a right shift is written as a division, a digit as a quotient and a
//! remainder. It is far too slow for anything but tests.
//!
//! - [`read_array`]: one array, from inputs and weights to the array's read;
//! - [`finish`]: the digital adder over the arrays of one sum, and what follows;
//! - [`mac_sum`], [`mac_finish`]: a column of a digital core, from inputs and weights to an output code;
//! - [`synapses`], [`tick`]: a neuron of a spiking core through one tick; [`rate_code`]: the spikes that stand for a code;
//! - [`max_pool`] and [`argmax`]: the units after it.
//!
//! # Bounds
//!
//! Inputs and weights have at most 32 bits and a slice of rows has fewer than
//! 2^60 elements, so every sum formed here is below 2^124 and fits.
#![forbid(unsafe_code)]

mod adder;
mod crossbar;
mod error;
mod mac;
mod spiking;

pub use adder::{Activation, Adder, argmax, check_adder, finish, max_pool};
pub use crossbar::{
    Crossbar, Polarity, Read, Readout, Rounding, check_crossbar, full_by_bits, input_range, inputs_are_legal,
    read_array, shift_right, weight_range, weights_are_legal,
};
pub use error::{Fault, OracleError};
pub use mac::{
    Mac, MacActivation, MacRounding, Requant, check_mac, gemmlowp, mac_finish, mac_sum, round_fraction, wrap,
};
pub use spiking::{Decay, Ends, Neuron, Register, Soma, SpikeReset, check_neuron, rate_code, synapses, tick};
