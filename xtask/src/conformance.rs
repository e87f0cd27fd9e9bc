//! ONNX's own operator test vectors: not in this repository, so only where the folder exists.

use crate::data::locate;
use crate::process::{Result, cargo, demand, root};

/// Runs all vectors and writes the table into docs/import.md; with `--only TEXT` shows the outcome of some.
///
/// # Errors
/// The vectors are not there, or a case gives a wrong result.
pub(crate) fn conformance(arguments: &[String]) -> Result<()> {
    let folder = locate(None)?;
    if !folder.join("conformance").is_dir() {
        let place = folder.display();
        return Err(format!(
            "the test vectors are not here: {place} has no folder conformance/; nothing was run"
        ));
    }
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "spandrel-conformance", "--"]);
    command.arg(&folder).args(arguments);
    if !arguments.iter().any(|argument| argument == "--only") {
        command.arg("--write").arg(root().join("docs/import.md"));
    }
    demand(&mut command, "conformance: a case is wrong, or the run itself")
}
