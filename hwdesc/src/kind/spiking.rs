//! Spiking kind: potentials that integrate weighted spikes tick by tick.

use serde::Serialize;

use crate::kind::mac::Overflow;
use crate::parts::Encoding;
use crate::raw::{Field, Table};
use crate::units::{Bits, Columns, Rows, Ticks};

/// A multiplicative decay, truncated toward zero:
/// x := x * (2^bits - (d + offset)) / 2^bits, d in 0..2^bits configurable per core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Decay {
    /// Bits of the fraction; Loihi's 4096 is 12.
    pub bits: Bits,
    /// Added to the configured d.
    pub offset: u32,
}

/// A value that a chip fixes or lets be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// The chip has none of it (no floor, or a start at 0).
    None,
    /// Any value of the register's width, per core.
    Configurable,
}

/// When a neuron fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Fire {
    /// V >= T.
    #[serde(rename = ">=")]
    AtThreshold,
    /// V > T.
    #[serde(rename = ">")]
    AboveThreshold,
}

/// What becomes of the potential after a spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// V := 0.
    Zero,
    /// V := a configurable value.
    Value,
    /// V := V - T.
    Subtract,
}

/// Which negative values a saturating potential can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    /// -2^(bits-1)..=2^(bits-1) - 1.
    TwosComplement,
    /// -(2^(bits-1) - 1)..=2^(bits-1) - 1.
    Symmetric,
}

/// Parameters of a spiking core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Spiking {
    /// Inputs of a core; the largest fan-in of a neuron.
    pub axons: Rows,
    /// Neurons of a core.
    pub neurons: Columns,
    /// Widest code a spike count carries: n bits in a window of 2^n ticks.
    pub window_bits_max: Bits,
    /// Width of the constant leak or bias L, sign included; 0 when there is none.
    pub leak_bits: Bits,
    /// Width of the threshold T, unsigned.
    pub threshold_bits: Bits,
    /// Left shift of every weight before it is added.
    pub weight_shift: u32,
    /// Left shift of the threshold before it is compared.
    pub threshold_shift: u32,
    /// Width of the potential V, sign included.
    pub potential_bits: Bits,
    /// What V does when it does not fit.
    pub potential_overflow: Overflow,
    /// The range V saturates to.
    pub potential_limits: Limits,
    /// Width of the current U, where there is a current decay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_bits: Option<Bits>,
    /// What U does when it does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_overflow: Option<Overflow>,
    /// A lower bound on V before it saturates.
    pub floor: Setting,
    /// Comparison with the threshold.
    pub fire: Fire,
    /// Reset modes the chip has, at least one.
    pub reset: Vec<Reset>,
    /// Most spikes of a neuron in a tick.
    pub spikes_max: u32,
    /// Longest refractory time; 0 when there is none.
    pub refractory_max: Ticks,
    /// Longest delay of a spike, at least 1.
    pub delay_max: Ticks,
    /// Potential at the first tick of a window.
    pub v_init: Setting,
    /// Decay of the current; without it U is the sum alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_decay: Option<Decay>,
    /// Decay of the potential; without it V only integrates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub potential_decay: Option<Decay>,
}

impl Decay {
    fn read(table: Option<Table<'_, '_>>) -> Option<Option<Decay>> {
        let Some(mut table) = table else { return Some(None) };
        let bits = table.int("bits", 1..=16);
        let offset = table.int("offset", 0..=1);
        table.finish();
        Some(Some(Decay { bits: Bits::new(bits?.value), offset: offset?.value }))
    }
}

impl Spiking {
    pub(crate) fn read(mut table: Table<'_, '_>, weights: &[(Field<u32>, Encoding)]) -> Option<Spiking> {
        let t = &mut table;
        let axons = t.int("axons", 1..=65536);
        let neurons = t.int("neurons", 1..=65536);
        let window_bits_max = t.int("window_bits_max", 1..=16);
        let leak_bits = t.int("leak_bits", 0..=32);
        let threshold_bits = t.int("threshold_bits", 1..=32);
        let weight_shift = t.int_or("weight_shift", 0..=16, 0);
        let threshold_shift = t.int_or("threshold_shift", 0..=16, 0);
        let potential_bits = t.int("potential_bits", 2..=48);
        let overflows = [("saturate", Overflow::Saturate), ("wrap", Overflow::Wrap)];
        let potential_overflow = t.choice("potential_overflow", &overflows, None);
        let ranges = [("twos_complement", Limits::TwosComplement), ("symmetric", Limits::Symmetric)];
        let potential_limits = t.choice("potential_limits", &ranges, Some("twos_complement"));
        let current_bits = t.int_opt("current_bits", 2..=48);
        let current_overflow = match t.has("current_overflow") {
            true => t.choice("current_overflow", &overflows, None).map(Some),
            false => Some(None),
        };
        let settings = [("none", Setting::None), ("configurable", Setting::Configurable)];
        let floor = t.choice("floor", &settings, None);
        let fire = t.choice("fire", &[(">=", Fire::AtThreshold), (">", Fire::AboveThreshold)], None);
        let modes = [("zero", Reset::Zero), ("value", Reset::Value), ("subtract", Reset::Subtract)];
        let reset = t.choices("reset", &modes);
        let spikes_max = t.int_or("spikes_max", 1..=65535, 1);
        let refractory_max = t.int_or("refractory_max", 0..=65535, 0);
        let delay_max = t.int_or("delay_max", 1..=65535, 1);
        let v_init = t.choice("v_init", &settings, Some("none"));
        let current_decay = t.table_opt("current_decay").and_then(Decay::read);
        let potential_decay = t.table_opt("potential_decay").and_then(Decay::read);

        let doc = table.doc;
        if let Some(reset) = reset.as_ref().filter(|f| f.value.is_empty()) {
            let allowed = "a list of \"zero\", \"value\", \"subtract\", at least one";
            doc.range(reset, "a neuron must have a way to reset", allowed, "name a reset mode");
        }
        for (potential, (field, encoding)) in
            potential_bits.iter().flat_map(|p| weights.iter().map(move |w| (p, w)))
        {
            let shift = weight_shift.as_ref().map_or(0, |f| f.value);
            if matches!(encoding, Encoding::SignMagnitude { .. }) {
                let because = "sign and magnitude composed of cells belong to crossbars";
                let allowed = "\"fraction\", \"axon_typed\", \"dynamic_fixed_point\", \"shared\"";
                doc.contradiction(field, because, allowed, "choose an encoding a spiking core can hold");
            } else if potential.value < field.value + shift {
                let least = field.value + shift;
                let because = format!("the potential must hold one weight: {} + weight_shift", field.path);
                doc.contradiction(
                    potential,
                    &because,
                    &format!("{least}..=48"),
                    "raise spiking.potential_bits",
                );
            }
        }
        if let (Some(potential), Some(threshold), Some(shift)) =
            (&potential_bits, &threshold_bits, &threshold_shift)
        {
            let most = (potential.value - 1).saturating_sub(shift.value);
            if threshold.value > most {
                let because =
                    "the largest shifted threshold must fit the potential, or the neuron can never fire";
                let allowed = format!("1..={most} (spiking.potential_bits is {})", potential.value);
                let help = "lower spiking.threshold_bits or raise spiking.potential_bits";
                doc.contradiction(threshold, because, &allowed, help);
            }
        }
        if let (Some(bits), Some(overflow), Some(decay)) = (&current_bits, &current_overflow, &current_decay)
        {
            let given = bits.is_some() || overflow.is_some();
            let both = bits.is_some() && overflow.is_some();
            if given && decay.is_none() {
                let because =
                    "without [spiking.current_decay] the current is the sum alone and has no register";
                let help = "remove it, or add [spiking.current_decay]";
                if let Some(bits) = bits {
                    doc.contradiction(bits, because, "absent", help);
                }
                if let Some(overflow) = overflow {
                    doc.contradiction(overflow, because, "absent", help);
                }
            }
            if decay.is_some() && !both {
                table.absent(
                    "current_bits",
                    "a current that decays must state current_bits and current_overflow",
                    "2..=48, and \"saturate\" or \"wrap\"",
                );
            }
        }
        if let (Some(limits), Some(overflow)) = (&potential_limits, &potential_overflow)
            && limits.value == Limits::Symmetric
            && overflow.value == Overflow::Wrap
        {
            let because = "a potential that wraps uses all values of its register";
            let help = "use potential_overflow \"saturate\" with symmetric limits";
            doc.contradiction(limits, because, "\"twos_complement\"", help);
        }
        table.finish();

        Some(Spiking {
            axons: Rows::new(axons?.value),
            neurons: Columns::new(neurons?.value),
            window_bits_max: Bits::new(window_bits_max?.value),
            leak_bits: Bits::new(leak_bits?.value),
            threshold_bits: Bits::new(threshold_bits?.value),
            weight_shift: weight_shift?.value,
            threshold_shift: threshold_shift?.value,
            potential_bits: Bits::new(potential_bits?.value),
            potential_overflow: potential_overflow?.value,
            potential_limits: potential_limits?.value,
            current_bits: current_bits?.map(|f| Bits::new(f.value)),
            current_overflow: current_overflow?.map(|f| f.value),
            floor: floor?.value,
            fire: fire?.value,
            reset: reset?.value,
            spikes_max: spikes_max?.value,
            refractory_max: Ticks::new(refractory_max?.value),
            delay_max: Ticks::new(delay_max?.value),
            v_init: v_init?.value,
            current_decay: current_decay?,
            potential_decay: potential_decay?,
        })
    }
}
