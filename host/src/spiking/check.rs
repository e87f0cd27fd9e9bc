//! The network against itself and against a chip: every rule that is broken, at once.

use spandrel_core::spiking::{Limit, PARAMS};
use spandrel_hwdesc::{Chip, Encoding, Reset, Setting, Spiking};

use super::{
    network::{Code, Population, Projection, Source, SpikingNetwork},
    neuron::{Neuron, Values},
    start::{early, starts},
    synapses::Synapses,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Result};

/// A network that obeys a chip's rules: evidence that [`SpikingNetwork::check`] found nothing.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'n> {
    pub(super) network: &'n SpikingNetwork,
    pub(super) chip: &'n Chip,
}

impl<'n> Checked<'n> {
    /// The network.
    #[must_use]
    pub const fn network(&self) -> &'n SpikingNetwork {
        self.network
    }

    /// The chip.
    #[must_use]
    pub const fn chip(&self) -> &'n Chip {
        self.chip
    }

    /// The first tick of every population's window.
    #[must_use]
    pub fn starts(&self) -> Vec<u32> {
        starts(self.network)
    }
}

/// Ticks and signals beyond which a sample is refused before anything is made of it.
const TICKS_MAX: u32 = 1 << 20;
const SIGNALS_MAX: usize = 1 << 26;

impl SpikingNetwork {
    /// Checks sizes and references, delays, and every parameter against the registers of `chip`.
    ///
    /// # Errors
    /// SP0401 for a chip without neurons, SP0321 for what does not fit together, SP0322 for what does not fit the chip, SP0323 for
    /// delays.
    pub fn check<'n>(&'n self, chip: &'n Chip) -> Result<Checked<'n>> {
        let Some(spiking) = chip.spiking() else {
            let rule = format!("cores of kind {} hold no neurons", chip.kind().name());
            let way_out = "choose a chip of kind spiking, such as loihi or tianji";
            return Err(
                Diagnostic::error("SP0401", format!("chip {:?}: kind", chip.name()), rule, way_out).into()
            );
        };
        let mut checker = Checker { network: self, chip, spiking, found: Diagnostics::default() };
        checker.shape();
        if checker.found.is_empty() {
            self.populations.iter().for_each(|population| checker.population(population));
            self.projections.iter().for_each(|projection| checker.weights(projection));
            checker.delays();
        }
        checker.found.into_result(Checked { network: self, chip })
    }
}

struct Checker<'n> {
    network: &'n SpikingNetwork,
    chip: &'n Chip,
    spiking: &'n Spiking,
    found: Diagnostics,
}

impl Checker<'_> {
    fn refuse(&mut self, code: &'static str, place: &str, rule: impl Into<String>, way_out: &str) {
        self.found.push(Diagnostic::error(code, place, rule, way_out));
    }

    fn between(&self, projection: &Projection) -> String {
        let to = self.network.name(Source::Population(projection.to));
        format!("projection {:?} -> {to:?}", self.network.name(projection.from))
    }

    /// Sizes, names and references.
    fn shape(&mut self) {
        let network = self.network;
        let sizes = "make the network's sizes fit together";
        if network.ticks == 0 || network.ticks > TICKS_MAX {
            let rule = format!("{} ticks a sample; 1..={TICKS_MAX} are possible", network.ticks);
            self.refuse("SP0321", "ticks", rule, "shorten the sample");
        }
        let raster = matches!(network.input.code, Code::Raster { .. });
        let fed = network.input.size.saturating_mul(if raster { network.ticks as usize } else { 1 });
        if fed == 0 || fed > SIGNALS_MAX {
            let rule = format!("{fed} values a sample; 1..={SIGNALS_MAX} are possible");
            self.refuse("SP0321", &format!("input {:?}", network.input.name), rule, "feed fewer values");
        }
        match network.input.code {
            Code::Raster { spikes: 0, .. } | Code::Raster { steps: 0, .. } | Code::Rate { window: 0 } => {
                let place = format!("input {:?}", network.input.name);
                self.refuse("SP0321", &place, "it can bring no spikes", "allow at least one");
            }
            Code::Raster { steps, .. } if steps > network.ticks => {
                let rule = format!("a raster of {steps} ticks in a sample of {}", network.ticks);
                self.refuse(
                    "SP0321",
                    &format!("input {:?}", network.input.name),
                    rule,
                    "run as long as the raster",
                );
            }
            Code::Rate { window } if window > 1 << 16 => {
                let rule = format!("a window of {window} ticks; at most 65536 are possible");
                self.refuse("SP0321", &format!("input {:?}", network.input.name), rule, "shorten the window");
            }
            _ => {}
        }
        for population in &network.populations {
            let place = format!("population {:?}", population.name);
            let pixels = population.picture.map(|[c, h, w]| c.saturating_mul(h).saturating_mul(w));
            if population.size == 0 || population.size > SIGNALS_MAX {
                self.refuse("SP0321", &place, format!("{} neurons", population.size), sizes);
            } else if pixels.is_some_and(|pixels| pixels != population.size) {
                let rule = format!("a picture of {:?} for {} neurons", population.picture, population.size);
                self.refuse("SP0321", &place, rule, sizes);
            }
            for (values, name) in population.neuron.values().into_iter().zip(PARAMS) {
                if let Some(Values::Each(values)) = values
                    && values.len() != population.size
                {
                    let rule = format!("{} values of {name} for {} neurons", values.len(), population.size);
                    self.refuse("SP0321", &place, rule, sizes);
                }
            }
        }
        let count = network.populations.len();
        for projection in &network.projections {
            let from_outside = matches!(projection.from, Source::Population(from) if from >= count);
            if projection.to >= count || from_outside {
                let rule = format!("it names a population beyond the last of {count}");
                let place = self.between(projection);
                self.refuse("SP0321", &place, rule, "name populations that are there");
                continue;
            }
            let sizes_of = (network.size(projection.from), network.size(Source::Population(projection.to)));
            if let Some(rule) = projection.synapses.misfit(sizes_of.0, sizes_of.1) {
                let place = self.between(projection);
                self.refuse("SP0321", &place, rule, sizes);
            }
        }
        for output in &network.outputs {
            let place = format!("output of population {}", output.population);
            let Some(population) = network.populations.get(output.population) else {
                self.refuse("SP0321", &place, "there is no such population", "name one that is there");
                continue;
            };
            let signals = population.size.saturating_mul(if output.read.every_tick() {
                network.ticks as usize
            } else {
                1
            });
            if signals > 1 << 24 {
                self.refuse("SP0321", &place, format!("{signals} values leave"), "read counts instead");
            }
            let number = Source::Population(output.population);
            let sends = network.projections.iter().any(|projection| projection.from == number);
            let mixed = network.outputs.iter().any(|other| {
                other.population == output.population && other.read.potentials() != output.read.potentials()
            });
            if output.read.potentials() && (sends || mixed) {
                let rule = "its potentials leave in place of its spikes, and it sends spikes too";
                let way_out = "read potentials of a population that nothing else reads";
                self.refuse("SP0321", &place, rule, way_out);
            }
        }
        if network.outputs.is_empty() {
            self.refuse("SP0321", "outputs", "nothing leaves the network", "read at least one population");
        }
    }

    /// Parameters against registers.
    fn population(&mut self, population: &Population) {
        let (chip, neuron) = (self.spiking, &population.neuron);
        let place = format!("population {:?}", population.name);
        let template = Neuron::of(chip);
        let fixed = [
            ("threshold_shift", neuron.threshold_shift == template.threshold_shift),
            ("weight_shift", self.shifts().contains(&i64::from(neuron.weight_shift))),
            ("decay_bits", neuron.decay_bits == template.decay_bits),
            ("potential_register", neuron.potential_register == template.potential_register),
            ("fire", neuron.fire == template.fire),
            (
                "current_register",
                neuron.current_keep.is_none() || neuron.current_register == template.current_register,
            ),
        ];
        for (field, _) in fixed.into_iter().filter(|(_, same)| !same) {
            let rule = format!("{field} is not the chip's");
            self.refuse("SP0322", &place, rule, "begin with the neuron of the chip, Neuron::of");
        }
        if chip.potential_bits.get() > 32 || chip.current_bits.is_some_and(|bits| bits.get() > 32) {
            let rule = "registers of more than 32 bits are not run by this version";
            self.refuse("SP0401", &place, rule, "give the chip potentials and currents of at most 32 bits");
            return;
        }
        let half = 1i64 << (chip.potential_bits.get() - 1);
        let symmetric = template.potential_register.1 == Limit::Symmetric;
        let potential = (-half + i64::from(symmetric), half - 1);
        let leak = if chip.leak_bits.get() == 0 { 0 } else { 1i64 << (chip.leak_bits.get() - 1) };
        let several = i64::from(neuron.spikes_out > 1);
        let threshold =
            ((1i64 << chip.threshold_bits.get()) - 1).min(i64::from(i32::MAX >> neuron.threshold_shift));
        let scale = 1i64 << neuron.decay_bits;
        let keep = |decay: Option<spandrel_hwdesc::Decay>| {
            decay.map_or((scale, scale), |decay| {
                (1 - i64::from(decay.offset), scale - i64::from(decay.offset))
            })
        };
        let configurable = |setting| if setting == Setting::Configurable { potential } else { (0, 0) };
        let ranges = [
            (several, threshold),
            (-leak, leak - i64::from(leak > 0)),
            keep(chip.current_decay),
            keep(chip.potential_decay),
            potential,
            configurable(chip.v_init),
            configurable(chip.floor),
            (0, i64::from(chip.refractory_max.get().min(65_535))),
        ];
        for ((values, (lo, hi)), name) in neuron.values().into_iter().zip(ranges).zip(PARAMS) {
            let outside =
                values.and_then(|values| values.iter().find(|v| !(lo..=hi).contains(&i64::from(*v))));
            if let Some(value) = outside {
                let rule = format!("{name} {value}; this chip holds {lo}..={hi}");
                self.refuse(
                    "SP0322",
                    &place,
                    rule,
                    "scale the network so that it fits, or choose another chip",
                );
            }
        }
        let has = |mode| chip.reset.contains(&mode);
        let (mode, held) = match &neuron.reset {
            None => ("by subtraction", has(Reset::Subtract)),
            Some(Values::All(0)) => ("to zero", has(Reset::Zero) || has(Reset::Value)),
            Some(_) => ("to a value", has(Reset::Value)),
        };
        if !held {
            let rule = format!("a reset {mode}, which this chip does not have");
            self.refuse("SP0322", &place, rule, "choose one of the chip's resets, or another chip");
        }
        if neuron.current_keep.is_some() && chip.current_decay.is_none() {
            self.refuse(
                "SP0322",
                &place,
                "a current that remembers, which this chip does not have",
                "leave it out",
            );
        }
        if neuron.floor.is_some() && chip.floor == Setting::None {
            self.refuse("SP0322", &place, "a floor, which this chip does not have", "leave it out");
        }
        if neuron.spikes_out == 0 || u32::from(neuron.spikes_out) > chip.spikes_max {
            let rule = format!("{} spikes a tick; this chip has 1..={}", neuron.spikes_out, chip.spikes_max);
            self.refuse("SP0322", &place, rule, "let neurons fire less often, or choose another chip");
        }
    }

    /// Left shifts of the weighted sum: the chip's own, moved by the point of its weights where that can be chosen.
    fn shifts(&self) -> std::ops::RangeInclusive<i64> {
        let own = i64::from(self.spiking.weight_shift);
        let points = self.chip.weights().iter().filter_map(|encoding| match encoding {
            Encoding::DynamicFixedPoint { point_min: Some(least), point_max: Some(most), .. } => {
                Some((i64::from(*least), i64::from(*most)))
            }
            _ => None,
        });
        let (least, most) = points.fold((0, 0), |(lo, hi), (least, most)| (lo.min(least), hi.max(most)));
        (own - most).max(0)..=(own - least).min(16)
    }

    fn weights(&mut self, projection: &Projection) {
        let place = self.between(projection);
        let values: Box<dyn Iterator<Item = i32> + '_> = match &projection.synapses {
            Synapses::Dense(weights) | Synapses::Diagonal(weights) => Box::new(weights.iter().copied()),
            Synapses::Sparse(triples) => Box::new(triples.iter().map(|(_, _, weight)| *weight)),
            Synapses::Convolution(convolution) => Box::new(convolution.weights.iter().copied()),
            Synapses::Typed { values, .. } => Box::new(values.iter().copied()),
        };
        let (least, most) = values.fold((0, 0), |(lo, hi), weight| (lo.min(weight), hi.max(weight)));
        let typed = match &projection.synapses {
            Synapses::Typed { kinds, .. } => Some(*kinds as u64),
            _ => None,
        };
        let holds = |encoding: &Encoding| {
            let fits = match encoding {
                Encoding::AxonTyped { types, .. } => typed.is_some_and(|kinds| kinds <= u64::from(*types)),
                _ => typed.is_none(),
            };
            let (lo, hi) = encoding.range();
            fits && lo <= i64::from(least) && i64::from(most) <= hi
        };
        if !self.chip.weights().iter().any(holds) {
            let what = if typed.is_some() { "typed axons with values" } else { "weights" };
            let rule = format!("{what} of {least}..={most}, which no weight set of this chip holds");
            self.refuse("SP0322", &place, rule, "scale or encode the weights as the chip does");
        }
    }

    fn delays(&mut self) {
        let (network, most) = (self.network, self.spiking.delay_max.get());
        for projection in &network.projections {
            let place = self.between(projection);
            if projection.delay == 0 && projection.from != Source::Input {
                let rule = "spikes between populations take at least one tick: a delay of 0 would be a cycle without delay or an order of cores";
                self.refuse("SP0323", &place, rule, "give it a delay of 1");
            }
            if u32::from(projection.delay) > most {
                let rule = format!("a delay of {} ticks; this chip has at most {most}", projection.delay);
                self.refuse(
                    "SP0323",
                    &place,
                    rule,
                    "shorten it, or relay the spikes over another population",
                );
            }
        }
        for (number, ticks) in early(network, &starts(network)) {
            let place = self.between(&network.projections[number]);
            let rule = format!("its first spikes arrive {ticks} ticks before those of the longest path");
            self.refuse(
                "SP0323",
                &place,
                rule,
                "lengthen its delay (SpikingNetwork::align), or give the population a start",
            );
        }
        let Code::Rate { window } = network.input.code else { return };
        for projection in network.projections.iter().filter(|projection| projection.from == Source::Input) {
            let own = network.populations[projection.to].window;
            if network.ticks > window && (own == 0 || own > window) {
                let place = self.between(projection);
                let rule = format!(
                    "a sample of {} ticks goes on after the {window} ticks of its rate codes",
                    network.ticks
                );
                self.refuse(
                    "SP0323",
                    &place,
                    rule,
                    "give the population a window of at most as many ticks as the codes",
                );
            }
        }
    }
}
