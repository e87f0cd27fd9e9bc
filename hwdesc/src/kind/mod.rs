//! The three kinds of core, one file each: its parameters, its rules, and
//! what follows from them.

pub(crate) mod crossbar;
mod crossbar_check;
pub(crate) mod mac;
pub(crate) mod spiking;
