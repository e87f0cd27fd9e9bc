//! What generated cases met. A property that holds because its generator never saturates proves
//! nothing, so every suite demands the cases it was written for.

use std::collections::{BTreeMap, BTreeSet};

use spandrel_core::{
    crossbar::{Crossbar, Readout},
    image::{Config, Encoding},
    mac::{Mac, Requant},
    spiking::Spiking,
};

use crate::images::ImageBuilder;

/// Values of one parameter that are told apart.
const KEPT: usize = 256;

/// Counts of named events, and which values parameters had.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    events: BTreeMap<&'static str, u64>,
    parameters: BTreeMap<&'static str, BTreeSet<i64>>,
}

impl Coverage {
    /// Nothing met yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { events: BTreeMap::new(), parameters: BTreeMap::new() }
    }

    /// `event` has happened.
    pub fn hit(&mut self, event: &'static str) {
        *self.events.entry(event).or_default() += 1;
    }

    /// `event` has happened if `when`.
    pub fn hit_if(&mut self, when: bool, event: &'static str) {
        if when {
            self.hit(event);
        }
    }

    /// How often `event` has happened.
    #[must_use]
    pub fn count(&self, event: &str) -> u64 {
        self.events.get(event).copied().unwrap_or(0)
    }

    /// The parameter `name` was `value`.
    pub fn value(&mut self, name: &'static str, value: i64) {
        let seen = self.parameters.entry(name).or_default();
        if seen.len() < KEPT {
            seen.insert(value);
        }
    }

    /// How many values the parameter `name` had; counting ends at 256.
    #[must_use]
    pub fn values(&self, name: &str) -> usize {
        self.parameters.get(name).map_or(0, BTreeSet::len)
    }

    /// Notes the parameters of all configurations of `image`.
    pub fn parameters(&mut self, image: &ImageBuilder) {
        for config in &image.configs {
            match config {
                Config::Crossbar(core) => self.crossbar(core),
                Config::Mac(core) => self.mac(core),
                Config::Spiking(core) => self.spiking(core),
                _ => self.hit("a configuration of another kind"),
            }
        }
        for blob in &image.blobs {
            self.hit(match blob.blob.encoding {
                Encoding::Dense => "dense weights",
                Encoding::SignMagnitude => "sign-magnitude weights",
                Encoding::Codebook => "codebook weights",
                Encoding::AxonTyped => "axon-typed weights",
                Encoding::SparseBlocks => "sparse weights",
            });
        }
    }

    fn crossbar(&mut self, core: &Crossbar) {
        self.value("array: rows", core.rows.into());
        self.value("array: bias rows", core.bias_rows.into());
        self.value("array: input bits", core.input_bits.into());
        self.value("array: driver bits", core.dac_bits.into());
        self.value("array: cell bits", core.cell_bits.into());
        self.value("array: slices", core.slices.into());
        self.value("array: output bits", core.output_bits.into());
        self.value("array: adder bits", core.adder_bits.into());
        self.value("array: sum shift", core.sum_shift.into());
        self.value("array: pool", core.pool.into());
        match core.readout {
            Readout::Composed { shift, .. } => self.value("array: shift", shift.into()),
            Readout::Exact { adc_bits } => self.value("array: converter bits", adc_bits.into()),
        }
    }

    fn mac(&mut self, core: &Mac) {
        self.value("digital core: rows", core.rows.into());
        self.value("digital core: input bits", core.input_bits.into());
        self.value("digital core: input zero point", core.input_zero.into());
        self.value("digital core: accumulator bits", core.accumulator_bits.into());
        self.value("digital core: output zero point", core.output_zero.into());
        self.value("digital core: pool", core.pool.into());
        if let Requant::Multiplier { bits, .. } = core.requant {
            self.value("digital core: multiplier bits", bits.into());
        }
    }

    fn spiking(&mut self, core: &Spiking) {
        self.value("spiking core: rows", core.rows.into());
        self.value("spiking core: spikes in", core.spikes_in.into());
        self.value("spiking core: spikes out", core.spikes_out.into());
        self.value("spiking core: weight shift", core.weight_shift.into());
        self.value("spiking core: threshold shift", core.threshold_shift.into());
        self.value("spiking core: decay bits", core.decay_bits.into());
        self.value("spiking core: potential bits", core.potential_bits.into());
        self.value("spiking core: window", core.window.into());
    }

    /// Adds what `other` met.
    pub fn add(&mut self, other: &Self) {
        for (event, count) in &other.events {
            *self.events.entry(event).or_default() += count;
        }
        for (name, values) in &other.parameters {
            values.iter().for_each(|value| self.value(name, *value));
        }
    }

    /// A line for each parameter: its least and greatest value, and how many there were.
    #[must_use]
    pub fn ranges(&self) -> Vec<String> {
        let line = |(name, values): (&&str, &BTreeSet<i64>)| {
            let (least, most) = (values.first()?, values.last()?);
            let more = if values.len() == KEPT { " or more" } else { "" };
            Some(format!("{:>9}{more}  {name}: {least}..={most}", values.len()))
        };
        self.parameters.iter().filter_map(line).collect()
    }

    /// Prints all counts and insists that each of `events` has happened `least` times.
    ///
    /// # Panics
    /// When one has not.
    pub fn demand(&self, least: u64, events: &[&str]) {
        for (event, count) in &self.events {
            println!("{count:>9}  {event}");
        }
        let missing: Vec<_> = events.iter().filter(|event| self.count(event) < least).collect();
        assert!(missing.is_empty(), "met fewer than {least} times: {missing:?}");
    }
}
