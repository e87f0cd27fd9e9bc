//! The network itself.

use super::{
    neuron::Neuron,
    start::{early, starts},
    synapses::Synapses,
};

/// How what is fed becomes spikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A sample holds a spike count for every axon in each of `steps` ticks, tick by tick, each at most this.
    Raster {
        /// Most spikes of an axon in a tick, 1..=255.
        spikes: u8,
        /// Ticks that a sample holds, at most those of the network; none come in the ticks after them.
        steps: u32,
    },
    /// A sample holds a code for every axon, 0..=window: so many spikes, evenly spaced over that many ticks.
    Rate {
        /// Ticks.
        window: u32,
    },
}

/// Spikes from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Axons.
    pub size: usize,
    /// What is fed.
    pub code: Code,
}

/// Neurons of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// Its name.
    pub name: String,
    /// Neurons.
    pub size: usize,
    /// Channels, height and width, where the neurons are a picture, channel by channel: neighbours then share cores.
    pub picture: Option<[usize; 3]>,
    /// What they do.
    pub neuron: Neuron,
    /// The tick in which they start; `None`: the longest path in delays from the input, and shorter paths must be delayed to it.
    pub start: Option<u32>,
    /// Ticks for which they live, from the population's start on; 0: as long as the sample runs.
    pub window: u32,
}

/// Where spikes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The input.
    Input,
    /// A population, by number.
    Population(usize),
}

/// Synapses from a source to a population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Projection {
    /// Where spikes come from.
    pub from: Source,
    /// The population they go to, by number.
    pub to: usize,
    /// Weights, before the core's shift.
    pub synapses: Synapses,
    /// Ticks from sending to arriving: at least 1 from populations; 0 from the input is the same tick.
    pub delay: u16,
}

/// What is told of a population.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// Spikes of each neuron over the sample.
    Counts,
    /// Spikes of each neuron in each tick, tick by tick.
    Raster,
    /// The potential of each neuron after the last tick. Such a population sends no spikes.
    Potentials,
    /// The potential of each neuron after each tick, tick by tick. Such a population sends no spikes.
    PotentialRaster,
}

impl Read {
    /// Whether potentials leave instead of spikes.
    #[must_use]
    pub const fn potentials(self) -> bool {
        matches!(self, Self::Potentials | Self::PotentialRaster)
    }

    /// Whether every tick is told.
    #[must_use]
    pub const fn every_tick(self) -> bool {
        matches!(self, Self::Raster | Self::PotentialRaster)
    }
}

/// Something that is emitted; output k of the image is number k.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// The population.
    pub population: usize,
    /// What is told of it.
    pub read: Read,
}

/// A spiking network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpikingNetwork {
    /// Its name.
    pub name: String,
    /// What is fed.
    pub input: Input,
    /// Neurons.
    pub populations: Vec<Population>,
    /// Synapses.
    pub projections: Vec<Projection>,
    /// What is told.
    pub outputs: Vec<Output>,
    /// Ticks of a sample. Of rate codes: the window, and the longest way of delays.
    pub ticks: u32,
}

impl SpikingNetwork {
    /// Lengthens the delays of shorter paths, so that everything from the input arrives at a population together.
    pub fn align(&mut self) {
        let starts = starts(self);
        for (number, ticks) in early(self, &starts) {
            let projection = &mut self.projections[number];
            projection.delay = projection.delay.saturating_add(u16::try_from(ticks).unwrap_or(u16::MAX));
        }
    }

    /// Signals of a source.
    #[must_use]
    pub fn size(&self, source: Source) -> usize {
        match source {
            Source::Input => self.input.size,
            Source::Population(number) => self.populations.get(number).map_or(0, |own| own.size),
        }
    }

    /// Name of a source.
    #[must_use]
    pub fn name(&self, source: Source) -> &str {
        match source {
            Source::Input => &self.input.name,
            Source::Population(number) => {
                self.populations.get(number).map_or("no population", |own| own.name.as_str())
            }
        }
    }

    /// Most spikes that a signal of a source has in a tick.
    #[must_use]
    pub fn spikes(&self, source: Source) -> u16 {
        match source {
            Source::Input => match self.input.code {
                Code::Raster { spikes, .. } => spikes.into(),
                Code::Rate { .. } => 1,
            },
            Source::Population(number) => self.populations.get(number).map_or(1, |own| own.neuron.spikes_out),
        }
    }

    /// Values of a sample.
    #[must_use]
    pub fn sample_length(&self) -> usize {
        match self.input.code {
            Code::Raster { steps, .. } => self.input.size.saturating_mul(steps as usize),
            Code::Rate { .. } => self.input.size,
        }
    }
}
