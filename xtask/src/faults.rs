//! Faults of chips on simulated boards.

use crate::process::{Result, cargo, demand, root};

/// Runs the campaign and writes the tables into docs/faults.md.
///
/// # Errors
/// The run fails, or the document has no place for the tables.
pub(crate) fn faults(arguments: &[String]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "spandrel-faults", "--"]);
    command.arg(root().join("docs/faults.md")).args(arguments);
    demand(&mut command, "faults")
}
