//! Known answers of the whole network, on a chip with a fault.

use spandrel_core::{
    image::{Config, Image, Subject},
    machine::{Address, Machine, Probe, Step},
};

use super::{broken::Broken, fault::Defect};

/// A chip with a fault while it runs a sample.
struct Chip<'b, 'i> {
    broken: &'b Broken<'i>,
    expected: Vec<i32>,
    emitted: usize,
    wrong: bool,
    /// Spikes on their way a tick longer, and whether the first ones have been met.
    late: i32,
    met: bool,
}

impl Probe for Chip<'_, '_> {
    fn emit(&mut self, _: u16, _: u32, value: i32) {
        self.wrong |= self.expected.get(self.emitted) != Some(&value);
        self.emitted += 1;
    }

    fn configured(&mut self, at: &Address, config: Config) -> Config {
        if at.core == self.broken.fault().config { self.broken.configured(config, at.unit) } else { config }
    }

    fn broken_read(&mut self, at: &Address, inputs: &[u32], read: i64) -> i64 {
        // A register of a range has done its work already.
        let ranged = matches!(self.broken.fault().defect, Defect::Range { .. });
        if at.core != self.broken.fault().config || ranged || !self.broken.concerns(at.unit) {
            return read;
        }
        self.broken.read(self.broken.config(), at.unit, &|row| inputs[row as usize] as i32)
    }

    fn sent(&mut self, at: &Address, value: i32) -> i32 {
        if at.core != self.broken.fault().config {
            return value;
        }
        match (self.broken.fault().defect, self.broken.config()) {
            (Defect::Output { column, high }, Config::Spiking(own)) if column == at.unit => {
                if high {
                    own.spikes_out.into()
                } else {
                    0
                }
            }
            (Defect::Spike { column, late }, _) if column == at.unit => {
                if value > 0 && !self.met {
                    (self.met, self.late) = (true, if late { value } else { 0 });
                    return 0;
                }
                value + std::mem::take(&mut self.late)
            }
            _ => value,
        }
    }
}

/// Whether a known answer of the whole network shows the fault. A machine that stops shows it as well.
pub(super) fn shows(image: &Image<'_>, broken: &Broken<'_>, ram: &mut [u32]) -> bool {
    let vectors = (0..image.vector_count()).filter_map(|number| image.vector(number));
    vectors.into_iter().any(|vector| {
        let Subject::Network { .. } = vector.subject else { return false };
        let expected = (0..vector.answers.len()).filter_map(|at| vector.answers.get(at)).collect();
        let mut chip = Chip { broken, expected, emitted: 0, wrong: false, late: 0, met: false };
        let raw = (0..vector.inputs.len()).filter_map(|at| vector.inputs.get(at));
        let ran =
            Machine::new(image, image.weights(), ram).and_then(|mut machine| machine.run(raw, &mut chip));
        ran != Ok(Step::SampleDone) || chip.wrong || chip.emitted != chip.expected.len()
    })
}
