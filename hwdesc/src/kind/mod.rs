//! The three kinds of core, one file each: its parameters, its rules, and
//! what follows from them.

pub(crate) mod crossbar;
pub(crate) mod mac;
pub(crate) mod spiking;
