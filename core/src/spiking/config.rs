//! Parameters of a spiking core and the rules they obey.

use crate::{
    arith::saturate_bits,
    image::Rule,
    mac::{Overflow, Param},
};

/// When a neuron fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fire {
    /// V >= T.
    AtThreshold,
    /// V > T.
    AboveThreshold,
}

/// What becomes of the potential when a neuron has fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// V := 0.
    Zero,
    /// V := the value, a potential.
    Value(Param<i32>),
    /// V := V - T, once for each spike.
    Subtract,
}

/// What a potential that does not fit its bits becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Its low bits, two's complement.
    Wrap,
    /// The nearer of -2^(bits-1) and 2^(bits-1) - 1.
    TwosComplement,
    /// The nearer of -(2^(bits-1) - 1) and 2^(bits-1) - 1.
    Symmetric,
}

/// A synaptic current that remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current {
    /// U := U keep / 2^`decay_bits`, toward zero; 0..=2^`decay_bits`.
    pub keep: Param<i32>,
    /// Bits of U, two's complement, 2..=32.
    pub bits: u8,
    /// What a current that does not fit becomes.
    pub overflow: Overflow,
}

/// What a neuron's sum register holds after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The number of spikes sent.
    Spikes,
    /// V after the reset: a readout that does not travel as spikes.
    Potential,
}

/// Parameters of a spiking core's configuration. The layout is in [`crate::image::Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spiking {
    /// Axons: inputs taken from the input registers.
    pub rows: u32,
    /// Neurons.
    pub columns: u32,
    /// Blob that holds the weights, or [`crate::image::NO_BLOB`] without axons.
    pub blob: u32,
    /// Most spikes that an axon brings in a tick, at least 1.
    pub spikes_in: u16,
    /// Left shift of the weighted sum, 0..=16.
    pub weight_shift: u8,
    /// The current; without one U is the sum alone.
    pub current: Option<Current>,
    /// Bits of the fraction in which what remains of U and V is given, 0..=16.
    pub decay_bits: u8,
    /// V := V keep / 2^`decay_bits`, toward zero; 0..=2^`decay_bits`, which is no decay.
    pub keep: Param<i32>,
    /// L, added in every tick.
    pub leak: Param<i32>,
    /// Least potential, a potential.
    pub floor: Option<Param<i32>>,
    /// Bits of V, 2..=32.
    pub potential_bits: u8,
    /// What a potential that does not fit becomes.
    pub limit: Limit,
    /// When a neuron fires.
    pub fire: Fire,
    /// T before its shift: at least 0, at least 1 where a neuron may fire several times a tick; shifted at most 2^31 - 1.
    pub threshold: Param<i32>,
    /// Left shift of T, 0..=16.
    pub threshold_shift: u8,
    /// What becomes of V.
    pub reset: Reset,
    /// Most spikes that a neuron sends in a tick, at least 1.
    pub spikes_out: u16,
    /// Ticks after a spike for which V is held and its input is lost, 0..=65535.
    pub refractory: Param<i32>,
    /// Whether the current goes on collecting meanwhile. Only with a current.
    pub refractory_collects: bool,
    /// V at the first tick of a window, a potential.
    pub v_init: Param<i32>,
    /// Ticks of a window; 0 = it never ends.
    pub window: u32,
    /// What leaves.
    pub output: Output,
}

/// Names of the parameters that neurons may have of their own, in the order of their fields in an image.
pub const PARAMS: [&str; 8] =
    ["threshold", "leak", "current_keep", "keep", "reset_value", "v_init", "floor", "refractory"];

impl Spiking {
    /// Whether neurons have a refractory counter: not when all of them are refractory for 0 ticks by one parameter.
    #[must_use]
    #[inline]
    pub const fn counts_refractory(&self) -> bool {
        !matches!(self.refractory, Param::Core(0))
    }

    /// Words of a core's state: its clock, then V of every neuron, then U of every neuron if there is a current, then the
    /// counters of every neuron if there are any.
    #[must_use]
    pub const fn state_words(&self) -> u32 {
        1 + self.columns * (1 + self.current.is_some() as u32 + self.counts_refractory() as u32)
    }

    /// Where within the state U begins; where V does is 1.
    #[must_use]
    pub const fn current_at(&self) -> u32 {
        1 + self.columns
    }

    /// Where within the state the refractory counters begin.
    #[must_use]
    pub const fn refractory_at(&self) -> u32 {
        1 + self.columns * (1 + self.current.is_some() as u32)
    }

    /// Smallest potential.
    #[must_use]
    pub const fn least(&self) -> i64 {
        let most = self.most();
        if matches!(self.limit, Limit::Symmetric) { -most } else { -most - 1 }
    }

    /// Largest potential.
    #[must_use]
    pub const fn most(&self) -> i64 {
        saturate_bits(i64::MAX, self.potential_bits)
    }

    /// The parameters named by [`PARAMS`], each with its smallest and largest value; `None` when the core has none.
    #[must_use]
    pub fn params(&self) -> [(Option<Param<i32>>, i32, i32); 8] {
        let scale = 1i32 << self.decay_bits.min(16);
        // At most 32 bits, as checked before anything is made of it.
        let (least, most) = (self.least() as i32, self.most() as i32);
        let reset = match self.reset {
            Reset::Value(value) => Some(value),
            Reset::Zero | Reset::Subtract => None,
        };
        [
            (Some(self.threshold), i32::from(self.spikes_out > 1), i32::MAX >> self.threshold_shift.min(16)),
            (Some(self.leak), i32::MIN, i32::MAX),
            (self.current.map(|current| current.keep), 0, scale),
            (Some(self.keep), 0, scale),
            (reset, least, most),
            (Some(self.v_init), least, most),
            (self.floor, least, most),
            (Some(self.refractory), 0, 65_535),
        ]
    }

    /// Checks every rule that concerns the parameters alone. What tables hold, and that no sum passes 32 bits, is checked
    /// with the image.
    ///
    /// # Errors
    /// The field and the rule it breaks.
    pub fn check(&self) -> Result<(), (&'static str, Rule)> {
        let range = |ok: bool, field| if ok { Ok(()) } else { Err((field, Rule::OutOfRange)) };
        range(self.rows <= 1 << 20, "rows")?;
        range(self.columns >= 1 && self.columns <= 1 << 24, "columns")?;
        range((2..=32).contains(&self.potential_bits), "potential_bits")?;
        if let Some(current) = self.current {
            range((2..=32).contains(&current.bits), "current_bits")?;
        }
        range(self.decay_bits <= 16, "decay_bits")?;
        range(self.weight_shift <= 16, "weight_shift")?;
        range(self.threshold_shift <= 16, "threshold_shift")?;
        range(self.spikes_in >= 1, "spikes_in")?;
        range(self.spikes_out >= 1, "spikes_out")?;
        range(self.window <= i32::MAX as u32, "window")?;
        range(
            !self.refractory_collects || (self.current.is_some() && self.counts_refractory()),
            "refractory_collects",
        )?;
        for ((param, lo, hi), name) in self.params().into_iter().zip(PARAMS) {
            if let Some(Param::Core(value)) = param {
                range((lo..=hi).contains(&value), name)?;
            }
        }
        Ok(())
    }
}
