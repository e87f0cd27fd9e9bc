//! What a user may choose about rate codes.

/// Choices for trained networks on spiking chips; `--set rate.KEY=VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub struct RateOptions {
    /// Ticks in which a value is counted.
    pub window: u32,
    /// Neurons that carry a part of a sum together, at other thresholds; `None`: four where the chip resets to zero, up to eight where
    /// channels are few, else one.
    pub copies: Option<usize>,
    /// Neurons that carry another value together; `None`: up to four where the chip resets to zero, else one.
    pub signals: Option<usize>,
    /// On typed axons with 1-bit synapses: axons, each of another type, that bring a signal to neurons with weights of their own.
    pub axons: u8,
    /// Corrections of each layer by simulated counts.
    pub passes: usize,
}

impl Default for RateOptions {
    fn default() -> Self {
        Self { window: 64, copies: None, signals: None, axons: 4, passes: 6 }
    }
}
