//! A microcontroller that takes an image over a byte stream, checks it, and runs it on the core models.
//!
//! Modules in reading order: [`session`] (what happens), [`stream`] (frames), [`outputs`]
//! (digest and class), [`facts`] (lines for programs), [`board`] (hardware, and all `unsafe`).
//! README.md has the protocol, the commands and the measured figures.
#![no_std]
#![no_main]

mod board;
mod facts;
mod outputs;
mod session;
mod stream;

use board::{Board, EXIT_BROKEN};
use facts::state;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    let Some(board) = Board::take() else { board::exit(EXIT_BROKEN) };
    state(format_args!("firmware {}", env!("CARGO_PKG_VERSION")));
    state(format_args!("board {}", board::NAME));
    defmt::info!(
        "Spandrel firmware {=str} on {=str} waits for an image",
        env!("CARGO_PKG_VERSION"),
        board::NAME
    );
    let (verdict, code) = match session::run(board) {
        Ok(()) => ("accepted", 0),
        Err(end) => end.report(),
    };
    state(format_args!("verdict {verdict}"));
    if code == 0 {
        defmt::info!("verdict: {=str}", verdict);
    } else {
        defmt::error!("verdict: {=str}", verdict);
    }
    board::exit(code)
}
