//! INVOKE of a spiking core: state laid out as the document says, arithmetic by the oracle.

use super::{I32, Naive};
use spandrel_core::{
    image::Config,
    mac::Param,
    spiking::{Output, Reset, Spiking},
};
use spandrel_oracle as oracle;

#[cfg(not(feature = "host"))]
#[path = "../../../host/src/verify/oracle_terms.rs"]
mod oracle_terms;
#[cfg(feature = "host")]
use spandrel::verify as oracle_terms;

/// Neuron `neuron` of a configuration in the oracle's words.
#[must_use]
pub fn oracle_neuron(spiking: &Spiking, tables: &[Vec<i32>], neuron: usize) -> oracle::Neuron {
    oracle_terms::oracle_neuron(spiking, |param| match param {
        Param::Core(value) => i128::from(value),
        Param::Column { table } => i128::from(tables[table as usize][neuron]),
    })
}

impl Naive<'_> {
    pub(super) fn spiking(
        &mut self,
        (number, core): (u32, &Spiking),
        accumulate: bool,
        finish: bool,
        first: usize,
    ) {
        let (rows, neurons) = (core.rows as usize, core.columns as usize);
        let clock = self.state[first];
        let potentials = first + 1;
        let currents = potentials + neurons;
        let rests = currents + if core.current.is_some() { neurons } else { 0 };
        let counts = core.refractory != Param::Core(0);
        for neuron in 0..neurons {
            let model = oracle_neuron(core, &self.image.tables, neuron);
            let weights: Vec<i128> = match self.image.blobs.get(core.blob as usize) {
                Some(packed) => packed.matrix[neuron].iter().map(|weight| i128::from(*weight)).collect(),
                None => Vec::new(),
            };
            let read = oracle::synapses(&model, &self.inputs[..rows], &weights);
            let read = self.read_of(number, neuron, &Config::Spiking(*core), read);
            self.seen.reads.push(read);
            let sum = if accumulate { (self.sums[neuron] + read).clamp(I32.0, I32.1) } else { read };
            self.sums[neuron] = sum;
            if !finish {
                continue;
            }
            let before = oracle::Soma {
                v: self.state[potentials + neuron],
                u: if core.current.is_some() { self.state[currents + neuron] } else { 0 },
                rest: if counts { self.state[rests + neuron] } else { 0 },
            };
            let (after, spikes) = oracle::tick(&model, clock, before, sum);
            self.note_neuron(core, &model, clock, (before, after), (sum, spikes));
            self.state[potentials + neuron] = after.v;
            if core.current.is_some() {
                self.state[currents + neuron] = after.u;
            }
            if counts {
                self.state[rests + neuron] = after.rest;
            }
            let output = if core.output == Output::Spikes { spikes } else { after.v };
            let output = self.sent_by(number, neuron, output);
            self.sums[neuron] = output;
            self.seen.units.push(output);
        }
        if finish {
            self.state[first] = (clock + 1).min(I32.1);
        }
    }

    /// Notes what a neuron met, by asking the oracle for its neighbours.
    fn note_neuron(
        &mut self,
        core: &Spiking,
        model: &oracle::Neuron,
        clock: i128,
        (before, after): (oracle::Soma, oracle::Soma),
        (sum, spikes): (i128, i128),
    ) {
        let met = &mut self.met;
        let outside = clock < 0 || (core.window > 0 && clock >= i128::from(core.window));
        met.hit_if(clock < 0, "a core waits for its window");
        met.hit_if(clock >= 0 && outside, "a core rests after its window");
        met.hit_if(core.output == Output::Potential, "a potential leaves");
        if outside {
            return;
        }
        met.hit_if(clock == 0, "a window begins");
        met.hit(if spikes > 0 { "a neuron fires" } else { "a neuron stays silent" });
        met.hit_if(spikes > 1, "a neuron fires several times in a tick");
        if clock > 0 && before.rest > 0 {
            met.hit("a neuron is refractory");
            met.hit_if(core.refractory_collects && after.u != before.u, "a refractory neuron collects");
            return;
        }
        met.hit_if(before.rest < 0, "a counter holds foreign words");
        let free = |current: bool, potential: bool, floor: bool| {
            let mut other = model.clone();
            if current && let Some((_, register)) = &mut other.current {
                *register = wide_of(*register);
            }
            if potential {
                other.potential = wide_of(other.potential);
            }
            if floor {
                other.floor = None;
            }
            other
        };
        let shows = |model: &oracle::Neuron| oracle::tick(model, clock, before, sum) != (after, spikes);
        if core.current.is_some() {
            met.hit("a current");
            met.hit_if(shows(&free(true, false, false)), "a current leaves its register");
        }
        met.hit_if(shows(&free(false, true, false)), "a potential leaves its register");
        met.hit_if(core.floor.is_some() && shows(&free(false, false, true)), "a floor holds");
        met.hit_if(core.leak != Param::Core(0), "a leak");
        let mut turned = model.clone();
        turned.above = !turned.above;
        met.hit_if(shows(&turned), "the threshold is met exactly");
        if spikes > 0 {
            met.hit(match core.reset {
                Reset::Zero => "a reset to zero",
                Reset::Value(_) => "a reset to a value",
                Reset::Subtract => "a reset by subtraction",
            });
        }
        let odd = before.v < 0 && model.decay.of(before.v) * model.decay.of != before.v * model.decay.keep;
        met.hit_if(odd, "an inexact decay of a negative potential");
    }
}

/// The same register, wide enough for anything.
const fn wide_of(register: oracle::Register) -> oracle::Register {
    oracle::Register { bits: 60, ..register }
}
