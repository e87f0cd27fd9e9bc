//! Example networks on the emulated boards, and the tables of docs/boards.md.

use crate::process::{Result, cargo, demand, root};

/// Measures and writes the tables; with `--fit` prints costs for host/src/boards/target.rs instead.
///
/// # Errors
/// QEMU or a target is missing, or a board gave another digest than the host.
pub(crate) fn boards(arguments: &[String]) -> Result<()> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "spandrel-tests", "--bin", "boards", "--"]);
    match arguments {
        [] => command.arg(root().join("docs/boards.md")),
        [option] if option == "--fit" => command.arg(option),
        _ => return Err("boards takes --fit or nothing".into()),
    };
    demand(&mut command, "boards")
}
