//! The command `spandrel`.

use std::process::ExitCode;

fn main() -> ExitCode {
    spandrel::cli::main()
}
