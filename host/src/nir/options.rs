//! What a user may choose about spiking networks.

use super::quantise::DecayRounding;
use super::rasters::Binning;
use super::scheme::{DEFAULT_DT, ResetRule, Scheme};
use crate::diagnostic::{Diagnostic, Result};

/// Choices for spiking networks; `--set spiking.KEY=VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub struct SpikingOptions {
    /// The discretisation: one of the presets.
    pub scheme: String,
    /// The length of a step in the file's unit of time; `None`: [`DEFAULT_DT`], or 1 where the network has no time constants.
    pub dt: Option<f64>,
    /// What a spike leaves behind; `None`: as the scheme says.
    pub reset: Option<ResetRule>,
    /// The threshold's register; `None`: as precise as possible.
    pub threshold: Option<i32>,
    /// How decays become whole numbers.
    pub decay: DecayRounding,
    /// How events become steps.
    pub events: Binning,
}

impl Default for SpikingOptions {
    fn default() -> Self {
        Self {
            scheme: "euler".into(),
            dt: None,
            reset: None,
            threshold: None,
            decay: DecayRounding::Nearest,
            events: Binning { bin: 1000, steps: 300 },
        }
    }
}

impl SpikingOptions {
    /// The scheme for a network that has time constants, or has none.
    ///
    /// # Errors
    /// SP0134: there is no preset of this name.
    pub fn scheme(&self, has_time: bool) -> Result<Scheme> {
        let dt = self.dt.unwrap_or(if has_time { DEFAULT_DT } else { 1.0 });
        let mut scheme = Scheme::preset(&self.scheme, dt).ok_or_else(|| {
            let rule = format!("there is no discretisation `{}`", self.scheme);
            Diagnostic::error("SP0134", "spiking.scheme", rule, "spandrel compile --help lists them")
        })?;
        if let Some(reset) = self.reset {
            scheme.reset = reset;
            scheme.several &= reset == ResetRule::Subtract;
        }
        Ok(scheme)
    }
}
