//! The scale of a population: what its real parameters become in a chip's registers.

use spandrel_core::spiking::Fire;

use super::effective::Effective;
use super::quantise::{DecayRounding, QuantiseOptions, QuantisedPopulation, refusal};
use super::registers::Registers;
use super::scheme::Scheme;
use super::soma::Reset;
use crate::diagnostic::Diagnostics;
use crate::spiking::{Neuron, Values};

/// The scale of a population.
pub(super) struct Choice {
    scale: f64,
    shift: u8,
    error: f64,
}

impl Choice {
    pub(super) fn new(
        population: &Effective,
        registers: &Registers<'_>,
        (potential, current): (f64, f64),
        options: &QuantiseOptions,
        place: &str,
        found: &mut Diagnostics,
    ) -> Self {
        let weights = population.maps.iter().flat_map(|(_, map)| &map.weights).chain(&population.drive);
        let largest = weights.clone().fold(0.0_f64, |most, w| most.max(w.abs()));
        let finite = population.threshold.iter().copied().filter(|t| t.is_finite());
        let threshold = finite.fold(0.0_f64, |most, t| most.max(t.abs()));
        let leak = population.leak.iter().fold(0.0_f64, |most, l| most.max(l.abs()));
        let unit = f64::from(1_u32 << registers.neuron.threshold_shift);
        if let (Some(register), true) = (options.threshold, threshold > 0.0) {
            let scale = f64::from(register) * unit / threshold;
            let shift = registers.spiking.weight_shift as u8;
            let choice = Self { scale, shift, error: 0.0 };
            if largest * scale / f64::from(1_u32 << shift) > registers.weight as f64 + 0.5 {
                let rule = format!(
                    "with a threshold of {register} weights reach {:.1}",
                    largest * scale / f64::from(1_u32 << shift)
                );
                found.push(refusal(place, &rule, "choose a smaller threshold (spiking.threshold), or auto"));
            }
            return choice.measured(population);
        }
        // Twice what samples reach, and the threshold with a spike's weight on top.
        let reach = (2.0 * potential).max(threshold + largest).max(f64::MIN_POSITIVE);
        let mut most = registers.potential as f64 / reach;
        if threshold > 0.0 {
            most = most.min(registers.threshold as f64 * unit / threshold);
        }
        if leak > 0.0 {
            most = most.min(registers.leak as f64 / leak);
        }
        if population.current_keep.is_some() && current > 0.0 {
            most = most.min(registers.current as f64 / (2.0 * current));
        }
        if largest == 0.0 {
            return Self { scale: most, shift: *registers.shifts.start(), error: 0.0 };
        }
        // The largest shift whose weights use their whole range; below it, ever smaller weights.
        let full = |shift: u8| registers.weight as f64 * f64::from(1_u32 << shift) / largest;
        let shift = registers.shifts.clone().rev().find(|&shift| full(shift) <= most);
        let (shift, top) = shift.map_or((*registers.shifts.start(), most), |shift| (shift, full(shift)));
        // Among scales that use at least three quarters of the range, the one whose rounded weights are nearest.
        let candidates =
            (0..=64).map(|i| Self { scale: top * (1.0 - f64::from(i) / 256.0), shift, error: 0.0 });
        candidates
            .map(|choice| choice.measured(population))
            .min_by(|a, b| a.error.total_cmp(&b.error))
            .unwrap_or(Self { scale: top, shift, error: 0.0 })
    }

    fn measured(mut self, population: &Effective) -> Self {
        let weights = population.maps.iter().flat_map(|(_, map)| &map.weights).chain(&population.drive);
        let unit = f64::from(1_u32 << self.shift) / self.scale;
        let (mut sum, mut count, mut largest) = (0.0, 0.0, 0.0_f64);
        for &weight in weights {
            let error = f64::from(self.weight(weight)) * unit - weight;
            sum += error * error;
            count += 1.0;
            largest = largest.max(weight.abs());
        }
        self.error = if count > 0.0 && largest > 0.0 { (sum / count).sqrt() / largest } else { 0.0 };
        self
    }

    pub(super) fn weight(&self, weight: f64) -> i32 {
        (weight * self.scale / f64::from(1_u32 << self.shift)).round() as i32
    }

    pub(super) fn told(&self, population: &Effective, start: u32) -> QuantisedPopulation {
        QuantisedPopulation {
            node: population.node,
            start,
            scale: self.scale,
            shift: self.shift,
            weight_error: self.error,
        }
    }

    pub(super) fn neuron(
        &self,
        population: &Effective,
        registers: &Registers<'_>,
        scheme: &Scheme,
        options: &QuantiseOptions,
        place: &str,
        found: &mut Diagnostics,
    ) -> Neuron {
        let template = &registers.neuron;
        let whole = |x: f64| (x * self.scale).round().clamp(-2_147_483_648.0, 2_147_483_647.0) as i32;
        let values = |list: &[f64], f: &dyn Fn(f64) -> i32| gathered(list.iter().map(|&x| f(x)).collect());
        let unit = f64::from(1_u32 << template.threshold_shift);
        // A chip that fires at the threshold fires above one that is a unit less, and the other way round.
        let wants_at = scheme.fires_at_threshold;
        let own_at = template.fire == Fire::AtThreshold;
        let fires_at = |t: f64| {
            if !t.is_finite() {
                return i32::try_from(registers.threshold).unwrap_or(i32::MAX);
            }
            let exact = t * self.scale / unit;
            match (wants_at, own_at) {
                (false, true) => exact.floor() as i32 + 1,
                (true, false) => exact.ceil() as i32 - 1,
                _ => exact.round() as i32,
            }
        };
        let has_decay = registers.spiking.potential_decay.is_some();
        if !has_decay && population.keep.iter().any(|&keep| keep != 1.0) {
            let field = format!("{place}; chip {:?}: spiking.potential_decay", registers.chip.name());
            let rule = "the potential decays, which this chip's does not";
            found.push(refusal(
                &field,
                rule,
                "choose a chip whose potentials decay (loihi), or train with IF neurons",
            ));
        }
        let keep = |offset: u32, keep: f64| decay(keep, template.decay_bits, offset, options.decay);
        let offset = |decay: Option<spandrel_hwdesc::Decay>| decay.map_or(0, |decay| decay.offset);
        let reset = if population.reset.iter().all(|r| *r == Reset::Subtract) {
            None
        } else {
            let to = |r: &Reset| if let Reset::To(value) = r { whole(*value) } else { 0 };
            Some(gathered(population.reset.iter().map(to).collect()))
        };
        let several = scheme.several && reset.is_none();
        Neuron {
            threshold: values(&population.threshold, &fires_at),
            weight_shift: self.shift,
            leak: values(&population.leak, &whole),
            current_keep: population
                .current_keep
                .as_ref()
                .map(|keeps| values(keeps, &|x| keep(offset(registers.spiking.current_decay), x)))
                .or_else(|| {
                    // A chip that always has a current forgets it at once.
                    let forgets = 1 - offset(registers.spiking.current_decay) as i32;
                    registers.spiking.current_decay.filter(|_| forgets == 0).map(|_| Values::All(0))
                }),
            keep: if has_decay {
                values(&population.keep, &|x| keep(offset(registers.spiking.potential_decay), x))
            } else {
                Values::All(1 << template.decay_bits)
            },
            floor: population.floor.as_ref().map(|floor| values(floor, &whole)),
            reset,
            spikes_out: if several {
                u16::try_from(registers.spiking.spikes_max).unwrap_or(u16::MAX)
            } else {
                1
            },
            ..template.clone()
        }
    }
}

/// What remains in a tick, of 2^bits.
fn decay(keep: f64, bits: u8, offset: u32, rounding: DecayRounding) -> i32 {
    let whole = 1_i32 << bits;
    match rounding {
        DecayRounding::Nearest => {
            let most = whole - offset as i32;
            ((keep * f64::from(whole)).round() as i32).clamp(1 - offset as i32, most)
        }
        DecayRounding::Down => whole - offset as i32 - ((1.0 - keep) * f64::from(whole - 1)).floor() as i32,
    }
}

/// One value where all are the same.
fn gathered(values: Vec<i32>) -> Values {
    match values.first() {
        Some(first) if values.iter().all(|v| v == first) => Values::All(*first),
        _ => Values::Each(values),
    }
}
