//! Example networks on the emulated boards: measures them, sets the model of `spandrel inspect --target` beside the measurements, and
//! writes the tables of docs/boards.md. With `--fit` it prints the costs that fit the measurements best, for host/src/boards/target.rs.
//!
//! `cargo xtask boards` runs it.

use spandrel_tests::boards::{self, Measured};
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [] => Err("usage: boards --fit, or boards DOCUMENT".to_owned()),
        [option] if option == "--fit" => measure().map(|measured| print!("{}", boards::fit(&measured))),
        [document, ..] => measure().and_then(|measured| {
            eprint!("{}", boards::fit(&measured));
            boards::write(&measured, &PathBuf::from(document))
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("boards: {text}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<Vec<Measured>, String> {
    boards::measure(&boards::networks()?, &mut |line| eprintln!("{line}"))
}
