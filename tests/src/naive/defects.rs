//! What a chip with a defect does in place of what it should.

use super::Naive;
use spandrel_core::image::Config;

/// A chip's defects.
pub trait Defects {
    /// The registers that column `unit` of configuration `core` works with, to which `config` was written.
    fn configured(&self, core: u32, unit: usize, config: Config) -> Config;

    /// What column `unit` of configuration `core` reads for `inputs` with the registers `config`; `None` where it reads what it should.
    fn read(&self, core: u32, unit: usize, config: &Config, inputs: &[i128]) -> Option<i128>;

    /// What neuron `unit` of configuration `core` sends in place of `value`.
    fn sent(&mut self, core: u32, unit: usize, value: i128) -> i128;
}

impl Naive<'_> {
    /// Registers as they read.
    pub(super) fn registers_of(&self, core: u32, unit: usize) -> Config {
        let config = self.image.configs[core as usize];
        self.defects.as_ref().map_or(config, |own| own.configured(core, unit, config))
    }

    /// `healthy`, or what the defect makes of it.
    pub(super) fn read_of(&self, core: u32, unit: usize, config: &Config, healthy: i128) -> i128 {
        let inputs = &self.inputs[..config.rows() as usize];
        self.defects.as_ref().and_then(|own| own.read(core, unit, config, inputs)).unwrap_or(healthy)
    }

    /// What leaves.
    pub(super) fn sent_by(&mut self, core: u32, unit: usize, value: i128) -> i128 {
        self.defects.as_mut().map_or(value, |own| own.sent(core, unit, value))
    }
}
