//! A spiking core's parameters in the oracle's terms. The tests' naive machine takes this file by its path where it is built without the compiler.

use spandrel_core::{
    mac::{Overflow, Param},
    spiking::{Fire, Limit, Reset, Spiking},
};
use spandrel_oracle as oracle;

/// A neuron in the oracle's terms; `value` gives what a parameter is for it.
#[must_use]
pub fn oracle_neuron(spiking: &Spiking, value: impl Fn(Param<i32>) -> i128) -> oracle::Neuron {
    let decay = |keep: Param<i32>| oracle::Decay { keep: value(keep), of: 1 << spiking.decay_bits };
    oracle::Neuron {
        spikes_in: spiking.spikes_in.into(),
        weight_unit: 1 << spiking.weight_shift,
        current: spiking.current.map(|current| {
            let ends = match current.overflow {
                Overflow::Wrap => oracle::Ends::Wrap,
                Overflow::Saturate => oracle::Ends::Clip,
            };
            (decay(current.keep), oracle::Register { bits: current.bits.into(), ends })
        }),
        decay: decay(spiking.keep),
        leak: value(spiking.leak),
        floor: spiking.floor.map(&value),
        potential: oracle::Register {
            bits: spiking.potential_bits.into(),
            ends: match spiking.limit {
                Limit::Wrap => oracle::Ends::Wrap,
                Limit::TwosComplement => oracle::Ends::Clip,
                Limit::Symmetric => oracle::Ends::ClipEvenly,
            },
        },
        threshold: value(spiking.threshold) << spiking.threshold_shift,
        above: spiking.fire == Fire::AboveThreshold,
        reset: match spiking.reset {
            Reset::Zero => oracle::SpikeReset::To(0),
            Reset::Value(reset) => oracle::SpikeReset::To(value(reset)),
            Reset::Subtract => oracle::SpikeReset::By,
        },
        spikes_out: spiking.spikes_out.into(),
        refractory: value(spiking.refractory),
        refractory_collects: spiking.refractory_collects,
        v_init: value(spiking.v_init),
        window: (spiking.window > 0).then(|| spiking.window.into()),
    }
}
