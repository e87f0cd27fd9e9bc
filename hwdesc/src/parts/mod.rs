//! What every kind of chip shares: weight encodings, activations and the order
//! of the steps after a sum, fan-out, fabric and costs.

mod activation;
mod fabric;
mod weights;

use crate::raw::{Field, Table};
use crate::units::Bits;

pub(crate) use activation::read_order;
pub use activation::{Activation, Step};
pub use fabric::{Cost, Fabric, FanOut, Topology};
pub use weights::{Encoding, Per};

/// How wide the signals between cores are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signals {
    /// Width of an input. On a spiking chip: the widest code a window can
    /// carry, n bits in 2^n ticks.
    pub input_bits: Bits,
    /// Inputs may be negative.
    pub input_signed: bool,
    /// Width of an output, its sign included when it is signed.
    pub output_bits: Bits,
    /// Outputs to other cores may be negative.
    pub output_signed: bool,
}

/// How partial sums of several cores may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialSums {
    /// Not at all: a sum must fit one core or be approximated.
    None,
    /// Output codes are added digitally in a register of this width.
    Adder {
        /// Width of the register, sign included.
        bits: Bits,
    },
    /// Sums stay in the accumulator, before requantisation.
    Accumulator {
        /// Width of the accumulator, sign included.
        bits: Bits,
    },
}

/// Notes a range whose start lies above its end.
pub(crate) fn ordered(table: &Table<'_, '_>, low: &Option<Field<u32>>, high: &Option<Field<u32>>) {
    if let (Some(low), Some(high)) = (low, high)
        && low.value > high.value
    {
        let allowed = format!("at most {} (the value of {})", high.value, high.path);
        let help = format!("lower {} or raise {}", low.path, high.path);
        table.doc.contradiction(low, "a range's start must not lie above its end", &allowed, &help);
    }
}
