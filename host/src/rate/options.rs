//! What a user may choose about rate codes.

/// Choices for trained networks on spiking chips; `--set rate.KEY=VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub struct RateOptions {
    /// Ticks in which a value is counted.
    pub window: u32,
    /// Corrections of each layer by simulated counts.
    pub passes: usize,
}

impl Default for RateOptions {
    fn default() -> Self {
        Self { window: 64, passes: 6 }
    }
}
