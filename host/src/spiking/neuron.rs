//! Neurons of a population: the parameters of a spiking core with values in place of tables.

use spandrel_core::mac::Param;
use spandrel_core::{
    mac::Overflow,
    spiking::{Current, Fire, Limit, Output, Reset, Spiking},
};
use spandrel_hwdesc as hwdesc;

/// A parameter: one value for all neurons of a population, or one each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// For all.
    All(i32),
    /// One each, in the order of the neurons.
    Each(Vec<i32>),
}

impl Values {
    /// The value of neuron `neuron`; 0 beyond the end.
    #[must_use]
    pub fn get(&self, neuron: usize) -> i32 {
        match self {
            Self::All(value) => *value,
            Self::Each(values) => values.get(neuron).copied().unwrap_or(0),
        }
    }

    /// The values that occur.
    pub fn iter(&self) -> impl Iterator<Item = i32> {
        match self {
            Self::All(value) => std::slice::from_ref(value).iter().copied(),
            Self::Each(values) => values.iter().copied(),
        }
    }
}

impl From<i32> for Values {
    fn from(value: i32) -> Self {
        Self::All(value)
    }
}

/// What the neurons of a population do in a tick. Numbers and units are those of [`Spiking`], whose documentation holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neuron {
    /// T before its shift.
    pub threshold: Values,
    /// Left shift of T.
    pub threshold_shift: u8,
    /// Left shift of the weighted sum.
    pub weight_shift: u8,
    /// L.
    pub leak: Values,
    /// What remains of U in a tick, of 2^`decay_bits`; without it U is the sum alone.
    pub current_keep: Option<Values>,
    /// U's register: bits and overflow.
    pub current_register: (u8, Overflow),
    /// What remains of V in a tick, of 2^`decay_bits`.
    pub keep: Values,
    /// Bits of the fraction of both.
    pub decay_bits: u8,
    /// V's register: bits and ends.
    pub potential_register: (u8, Limit),
    /// Least potential.
    pub floor: Option<Values>,
    /// When a neuron fires.
    pub fire: Fire,
    /// V after a spike; `None` = V - T.
    pub reset: Option<Values>,
    /// Most spikes in a tick.
    pub spikes_out: u16,
    /// Ticks after a spike for which V is held.
    pub refractory: Values,
    /// Whether U goes on collecting meanwhile.
    pub refractory_collects: bool,
    /// V at the first tick of a window.
    pub v_init: Values,
}

impl Neuron {
    /// A neuron of `chip` that fires above 0, has no leak, does not decay, and resets as the chip does first: a form to fill in.
    #[must_use]
    pub fn of(chip: &hwdesc::Spiking) -> Self {
        let bits = |bits: hwdesc::Bits| u8::try_from(bits.get()).unwrap_or(u8::MAX);
        let decay = chip.potential_decay.or(chip.current_decay);
        let decay_bits = decay.map_or(0, |decay| bits(decay.bits));
        Self {
            threshold: Values::All(1),
            threshold_shift: chip.threshold_shift as u8,
            weight_shift: chip.weight_shift as u8,
            leak: Values::All(0),
            // d = 0 of the chip's own offset.
            current_keep: chip
                .current_decay
                .map(|decay| Values::All((1 << decay_bits) - decay.offset as i32)),
            current_register: (
                chip.current_bits.map_or(32, bits),
                match chip.current_overflow {
                    Some(hwdesc::Overflow::Wrap) => Overflow::Wrap,
                    _ => Overflow::Saturate,
                },
            ),
            keep: Values::All(1 << decay_bits),
            decay_bits,
            potential_register: (
                bits(chip.potential_bits),
                match (chip.potential_overflow, chip.potential_limits) {
                    (hwdesc::Overflow::Wrap, _) => Limit::Wrap,
                    (_, hwdesc::Limits::Symmetric) => Limit::Symmetric,
                    _ => Limit::TwosComplement,
                },
            ),
            floor: None,
            fire: match chip.fire {
                hwdesc::Fire::AboveThreshold => Fire::AboveThreshold,
                _ => Fire::AtThreshold,
            },
            reset: if chip.reset.first() == Some(&hwdesc::Reset::Subtract) {
                None
            } else {
                Some(Values::All(0))
            },
            spikes_out: 1,
            refractory: Values::All(0),
            refractory_collects: false,
            v_init: Values::All(0),
        }
    }

    /// Every parameter that can differ from neuron to neuron, in the order of [`spandrel_core::spiking::PARAMS`].
    #[must_use]
    pub fn values(&self) -> [Option<&Values>; 8] {
        let reset = self.reset.as_ref().filter(|reset| **reset != Values::All(0));
        [
            Some(&self.threshold),
            Some(&self.leak),
            self.current_keep.as_ref(),
            Some(&self.keep),
            reset,
            Some(&self.v_init),
            self.floor.as_ref(),
            Some(&self.refractory),
        ]
    }

    /// The configuration of a core of these neurons; `param` makes a parameter of the values that number `which` of
    /// [`Neuron::values`] gives.
    pub fn core(&self, mut param: impl FnMut(&Values) -> Param<i32>) -> Spiking {
        let current = self.current_keep.as_ref().map(|keep| Current {
            keep: param(keep),
            bits: self.current_register.0,
            overflow: self.current_register.1,
        });
        let refractory = param(&self.refractory);
        let reset = match &self.reset {
            None => Reset::Subtract,
            Some(Values::All(0)) => Reset::Zero,
            Some(values) => Reset::Value(param(values)),
        };
        Spiking {
            rows: 0,
            columns: 1,
            blob: spandrel_core::image::NO_BLOB,
            spikes_in: 1,
            weight_shift: self.weight_shift,
            decay_bits: self.decay_bits,
            keep: param(&self.keep),
            leak: param(&self.leak),
            floor: self.floor.as_ref().map(&mut param),
            potential_bits: self.potential_register.0,
            limit: self.potential_register.1,
            fire: self.fire,
            threshold: param(&self.threshold),
            threshold_shift: self.threshold_shift,
            reset,
            spikes_out: self.spikes_out,
            refractory_collects: self.refractory_collects
                && current.is_some()
                && refractory != Param::Core(0),
            current,
            refractory,
            v_init: param(&self.v_init),
            window: 0,
            output: Output::Spikes,
        }
    }
}
