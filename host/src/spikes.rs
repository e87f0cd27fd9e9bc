//! The compilers of spiking chips, and which of them a request is for.

use spandrel_hwdesc::Chip;

use crate::compile::{Request, Watcher};
use crate::diagnostic::Result;
use crate::nir::{self, SpikingCompiled};
use crate::rate;

/// Compiles what is for a spiking chip: a spiking network on any chip that takes it, or any network on a spiking chip. `None` for all
/// other requests, which [`crate::compile`] takes.
///
/// # Errors
/// As those of [`nir`] and [`rate`].
pub fn compile_for(
    request: &Request,
    chip: &Chip,
    watcher: &mut dyn Watcher,
) -> Option<Result<SpikingCompiled>> {
    if nir::is_spiking(&request.model) {
        Some(nir::compile_for(request, chip, watcher))
    } else if chip.spiking().is_some() {
        Some(rate::compile_for(request, chip, watcher))
    } else {
        None
    }
}
