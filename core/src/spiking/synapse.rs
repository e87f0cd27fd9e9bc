//! The synapses of one neuron: the weighted sum of the spikes that arrive in a tick.

use super::{axon::spikes_of, config::Spiking};
use crate::blob::{CHUNK_ROWS, Column, StoreFault, WeightStore};

/// Reads one neuron: the sum of weight * spikes over `input(row)`, shifted left by the core's weight shift, exactly.
///
/// # Errors
/// The weight store failed.
pub fn read_column<W: WeightStore>(
    spiking: &Spiking,
    column: &Column<'_, W>,
    input: impl Fn(u32) -> i32,
) -> Result<i32, StoreFault> {
    let mut sum = 0i64;
    let mut first = 0;
    while first < spiking.rows {
        let rows = (spiking.rows - first).min(CHUNK_ROWS as u32);
        // Weights of a chunk in which nothing arrives are not read.
        if (first..first + rows).any(|row| spikes_of(spiking, input(row)) != 0) {
            let mut weights = [0i32; CHUNK_ROWS];
            let chunk = weights.get_mut(..rows as usize).unwrap_or(&mut []);
            column.read(first, chunk)?;
            for (row, weight) in (first..).zip(chunk.iter()) {
                sum += i64::from(spikes_of(spiking, input(row))) * i64::from(*weight);
            }
        }
        first += rows;
    }
    // Parsing has shown that the shifted sum fits 32 bits for any spikes.
    Ok((sum << spiking.weight_shift) as i32)
}
