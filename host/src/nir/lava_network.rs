//! lava-dl networks are whole numbers already: their way to a chip changes none of them.

use spandrel_hwdesc::Chip;

use super::lava::LavaNetwork;
use super::registers::Registers;
use crate::diagnostic::Result;
use crate::spiking::{
    Code, Input, Neuron, Output, Population, Projection, Read, Source, SpikingNetwork, Synapses, Values,
};

impl LavaNetwork {
    /// The network on `chip`, for samples of `steps` steps of spikes; the output's spikes are counted.
    ///
    /// Decays d become what remains of 4096, 4096 - d, and thresholds their mantissa; weights count 2^6 each, as do
    /// thresholds: the chip's own shifts must be these, or the network is refused when it is checked.
    ///
    /// # Errors
    /// SP0401 for a chip that holds no such network.
    pub fn on(&self, chip: &Chip, steps: u32) -> Result<SpikingNetwork> {
        let registers = Registers::new(chip)?;
        let mut network = SpikingNetwork {
            name: "lava".into(),
            input: Input {
                name: "input".into(),
                size: self.layers.first().map_or(0, |layer| layer.inputs),
                code: Code::Raster { spikes: 1, steps },
            },
            populations: Vec::new(),
            projections: Vec::new(),
            outputs: Vec::new(),
            ticks: steps + self.layers.len().saturating_sub(1) as u32,
        };
        for (i, layer) in self.layers.iter().enumerate() {
            // Weights of mixed signs are even on the chip: half of them, one shift further, where 8 bits are too few.
            let beyond = layer.weight.iter().any(|w| i64::from(w.abs()) > registers.weight);
            let halves = beyond && layer.weight.iter().all(|w| w % 2 == 0);
            let weights = layer.weight.iter().map(|w| if halves { w / 2 } else { *w }).collect();
            network.populations.push(Population {
                name: layer.name.clone(),
                size: layer.outputs,
                picture: None,
                neuron: Neuron {
                    threshold: Values::All(layer.threshold),
                    weight_shift: 6 + u8::from(halves),
                    current_keep: Some(Values::All(4096 - layer.current_decay)),
                    keep: Values::All(4096 - layer.voltage_decay),
                    decay_bits: 12,
                    reset: Some(Values::All(0)),
                    ..registers.neuron.clone()
                },
                start: Some(i as u32),
                window: steps,
            });
            let from = if i == 0 { Source::Input } else { Source::Population(i - 1) };
            let delay = u16::from(i > 0);
            network.projections.push(Projection { from, to: i, synapses: Synapses::Dense(weights), delay });
        }
        if let Some(last) = self.layers.len().checked_sub(1) {
            network.outputs.push(Output { population: last, read: Read::Counts });
        }
        Ok(network)
    }
}
