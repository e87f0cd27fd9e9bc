//! The text form: sizes, parameters and ranges, one line a part.

use std::fmt;

use super::{
    network::{Code, Source, SpikingNetwork},
    neuron::Values,
    synapses::Synapses,
};
use spandrel_core::spiking::PARAMS;

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(value) => write!(f, "{value}"),
            Self::Each(values) => {
                let (least, most) = (values.iter().min(), values.iter().max());
                write!(f, "{}..={}", least.unwrap_or(&0), most.unwrap_or(&0))
            }
        }
    }
}

impl fmt::Display for Synapses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense(weights) => write!(f, "{} dense weights", weights.len()),
            Self::Sparse(triples) => write!(f, "{} sparse weights", triples.len()),
            Self::Diagonal(weights) => write!(f, "{} weights one to one", weights.len()),
            Self::Convolution(c) => write!(
                f,
                "convolution {:?} -> {:?}, kernel {:?}, stride {:?}, padding {:?}, {} groups",
                c.from, c.to, c.kernel, c.stride, c.padding, c.groups
            ),
            Self::Typed { kinds, bits, .. } => {
                write!(
                    f,
                    "{} one-bit synapses on axons of {kinds} types",
                    bits.iter().filter(|bit| **bit).count()
                )
            }
        }
    }
}

impl fmt::Display for SpikingNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "spiking network {:?}: {} ticks", self.name, self.ticks)?;
        write!(f, "input {:?}: {} axons, ", self.input.name, self.input.size)?;
        match self.input.code {
            Code::Raster { spikes, steps } => {
                writeln!(f, "a raster of {steps} ticks of at most {spikes} spikes")?
            }
            Code::Rate { window } => writeln!(f, "rate codes over {window} ticks")?,
        }
        for (number, own) in self.populations.iter().enumerate() {
            write!(f, "population {number} {:?}: {} neurons", own.name, own.size)?;
            if let Some(picture) = own.picture {
                write!(f, " {picture:?}")?;
            }
            for (values, name) in own.neuron.values().into_iter().zip(PARAMS) {
                if let Some(values) = values {
                    write!(f, ", {name} {values}")?;
                }
            }
            if own.neuron.reset.is_none() {
                f.write_str(", reset by subtraction")?;
            }
            if let Some(start) = own.start {
                write!(f, ", starts at {start}")?;
            }
            writeln!(f, ", window {}", own.window)?;
        }
        for own in &self.projections {
            let to = self.name(Source::Population(own.to));
            writeln!(
                f,
                "projection {:?} -> {to:?}: delay {}, {}",
                self.name(own.from),
                own.delay,
                own.synapses
            )?;
        }
        for (number, own) in self.outputs.iter().enumerate() {
            writeln!(
                f,
                "output {number}: {:?} of {:?}",
                own.read,
                self.name(Source::Population(own.population))
            )?;
        }
        Ok(())
    }
}
