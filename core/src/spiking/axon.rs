//! The axon: how many spikes arrive.

use super::config::Spiking;

/// The spikes that an input register stands for: 0 when it is negative, and never more than the core's `spikes_in`. On a chip
/// whose axons carry a spike or none that is 1 for whatever is not 0.
#[must_use]
#[inline]
pub const fn spikes_of(spiking: &Spiking, register: i32) -> i32 {
    let most = spiking.spikes_in as i32;
    if register < 0 {
        0
    } else if register > most {
        most
    } else {
        register
    }
}
