//! Spiking networks beside what simulators and chips recorded: not in this repository, so only where the folder exists.

use crate::data::locate;
use crate::process::{Result, cargo, demand, root};

/// Runs the comparison and writes the tables into docs/spiking.md.
///
/// # Errors
/// The recordings are not there, or the run fails.
pub(crate) fn recordings() -> Result<()> {
    let folder = locate(None)?;
    if !folder.join("nir").is_dir() {
        let place = folder.display();
        return Err(format!("the recordings are not here: {place} has no folder nir/; nothing was run"));
    }
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "spandrel-recordings", "--"]);
    command.arg(&folder).arg(root().join("docs/spiking.md"));
    demand(&mut command, "recordings")
}
