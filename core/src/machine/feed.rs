//! Raw samples into the machine: encoders run while values arrive, so no raw sample is ever stored.

use super::{control::Status, fault::RunError, memory, run::Machine};
use crate::blob::WeightStore;

impl<W: WeightStore> Machine<'_, '_, W> {
    /// Encodes raw values `first`.. of input `input` and returns how many there were; a sample may come in pieces.
    ///
    /// # Errors
    /// A sample is under way, no such input, too many values, a value outside the raw type.
    pub fn feed(
        &mut self,
        input: u32,
        first: u32,
        raw: impl IntoIterator<Item = i32>,
    ) -> Result<u32, RunError> {
        if self.status() == Status::Running {
            return Err(RunError::Busy);
        }
        let encoder = self.image.encoder(input).ok_or(RunError::NoSuchInput(input))?;
        let edge = self.image.edge(encoder.edge).ok_or(RunError::NoSuchInput(input))?;
        let head = memory::slot(self.ram, &edge, 0);
        let mut fed = 0;
        for (index, value) in (u64::from(first)..).zip(raw) {
            let too_long = RunError::SampleTooLong { length: encoder.length };
            let index = u32::try_from(index).map_err(|_| too_long)?;
            let element = encoder.element(self.image.tables(), index).ok_or(too_long)?;
            if encoder.raw.saturate(value) != value {
                return Err(RunError::RawOutOfRange { index, value });
            }
            for signal in 0..encoder.signals {
                let code = encoder.code(self.image.tables(), element, signal, value).unwrap_or(0);
                let to = element.saturating_mul(u32::from(encoder.signals)).saturating_add(u32::from(signal));
                let _ = memory::write(self.ram, &edge, head, to, code);
            }
            fed += 1;
        }
        Ok(fed)
    }
}
