//! What the firmware needs of a board; with its submodules every access to hardware, and every `unsafe` of the firmware.
//!
//! Three boards, chosen by the target: `microbit` (Cortex-M0), `an386` (Cortex-M4), `virt` (RISC-V). Each gives a clock, a UART, a
//! place for the image ([`Store`]) and memory to lend; `arm` and `riscv` hold what depends on the instruction set alone: start-up,
//! semihosting, faults, the stack. `host` and `log` are the two ways out: facts through semihosting, defmt records over the UART.
//!
//! Why the `unsafe` here is sound:
//!
//! * Registers are read and written through constant, aligned addresses of devices that the
//!   board's map places there; no Rust object lives at them.
//! * [`Board::take`] succeeds once, so that memory which no linker section and thus no
//!   Rust object occupies is borrowed mutably once. Any bit pattern is a `u8` and a `u32`.
//! * There is one core, and the firmware enables no interrupt. The logger's cell is borrowed
//!   between `acquire` and `release` only, and a flag refuses a second `acquire`.
#![allow(unsafe_code)]

#[cfg(target_arch = "arm")]
#[path = "arm.rs"]
mod arch;
#[cfg(target_arch = "riscv32")]
#[path = "riscv.rs"]
mod arch;
#[cfg(board = "mps2-an386")]
#[path = "an386.rs"]
mod chip;
#[cfg(board = "microbit")]
#[path = "microbit.rs"]
mod chip;
#[cfg(board = "virt")]
#[path = "virt.rs"]
mod chip;
mod host;
mod log;
#[cfg(not(board = "microbit"))]
mod plain;

pub use chip::{CODES_MAX, NAME, PENDING_MAX, Store};
pub use host::{exit, line};

use core::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a firmware that could not reach a verdict.
pub const EXIT_BROKEN: u32 = 2;

/// Reads a register as wide as `T`.
fn read<T>(register: usize) -> T {
    // SAFETY: see the module's documentation, first point; private to the boards, which read `u8` and `u32`.
    unsafe { (register as *const T).read_volatile() }
}

/// Writes a register as wide as `T`.
fn write<T>(register: usize, value: T) {
    // SAFETY: as in `read`.
    unsafe { (register as *mut T).write_volatile(value) }
}

/// What the firmware owns of the board.
pub struct Board {
    /// The stream that image and samples come from.
    pub uart: Uart,
    /// The clock.
    pub clock: Clock,
    /// Room for an image.
    pub store: Store,
    /// Room for a sample.
    pub sample: &'static mut [u8],
    /// Room for the machine.
    pub machine: &'static mut [u32],
}

impl Board {
    /// The board, on the first call only.
    pub fn take() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        // A Cortex-M0 has no swap; nothing interrupts between the two.
        if TAKEN.load(Ordering::Acquire) {
            return None;
        }
        TAKEN.store(true, Ordering::Release);
        arch::start();
        chip::start();
        // SAFETY: second point of the module's documentation.
        let (store, sample, machine) = unsafe { chip::lend() };
        Some(Self { uart: Uart(()), clock: Clock(()), store, sample, machine })
    }
}

/// The receiving side of the UART.
pub struct Uart(());

impl Uart {
    /// The next byte, if one has come.
    pub fn poll(&mut self) -> Option<u8> {
        chip::receive()
    }

    /// Lets some time go by: reading a device is what costs an emulator time. 1,000 cycles are less than a byte takes
    /// at 115,200 baud, so that a real UART without a queue loses nothing.
    pub fn wait(&self) {
        arch::delay(1000);
    }
}

/// A clock of [`chip::TICKS_PER_SECOND`], counting up.
#[derive(Clone, Copy)]
pub struct Clock(());

impl Clock {
    /// Ticks of the clock, modulo `chip::TICK_MASK` + 1.
    pub fn now(&self) -> u64 {
        chip::ticks()
    }

    /// Ticks since `start`.
    pub fn since(&self, start: u64) -> u64 {
        self.now().wrapping_sub(start) & chip::TICK_MASK
    }

    /// Instructions in `ticks`, rounded down: with QEMU's `-icount shift=0` an instruction takes one nanosecond of the board's time.
    pub fn instructions(&self, ticks: u64) -> u64 {
        let (instructions, of) = chip::INSTRUCTIONS_PER_TICKS;
        ticks.saturating_mul(instructions) / of
    }

    /// Whether `seconds` have gone by since `start`.
    pub fn past(&self, start: u64, seconds: u64) -> bool {
        self.since(start) > seconds * chip::TICKS_PER_SECOND
    }
}

/// Most bytes of stack in use since the start: what of the painted stack has lost its paint.
pub fn stack_high_water() -> usize {
    let (end, start) = arch::stack();
    let mut at = end;
    // SAFETY: the memory map places the stack between these addresses; words below the high-water mark
    // are plain memory, read as volatile because Rust knows no object there.
    while at < start && unsafe { (at as *const u32).read_volatile() } == arch::PAINT {
        at += size_of::<u32>();
    }
    start - at
}

/// Bytes of stack that there are.
pub fn stack_room() -> usize {
    let (end, start) = arch::stack();
    start - end
}
