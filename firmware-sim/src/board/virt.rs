//! QEMU's `virt` with one RV32IMAC hart: NS16550A UART at 0x1000_0000, 128 MiB of memory from 0x8000_0000. The clock is the
//! hart's own counter of instructions.

use super::{arch, plain, read, write};
pub use plain::Store;

/// The board's name.
pub const NAME: &str = "virt";
/// Emitted signals held until a sample is done.
pub const PENDING_MAX: usize = 256;
/// Codes that a class can be read from.
pub const CODES_MAX: usize = 2048;

/// Instructions a second, as with QEMU's `-icount shift=0`.
pub const TICKS_PER_SECOND: u64 = 1_000_000_000;
/// The counter has 64 bits.
pub const TICK_MASK: u64 = u64::MAX;
/// It counts instructions.
pub const INSTRUCTIONS_PER_TICKS: (u64, u64) = (1, 1);

// The registers are bytes.
const UART: usize = 0x1000_0000;
const UART_DATA: usize = UART;
const UART_STATE: usize = UART + 5;
const UART_RX_READY: u8 = 1 << 0;
const UART_TX_EMPTY: u8 = 1 << 5;

const LENT: usize = 0x8100_0000;
/// Bytes for an image.
const STORE_BYTES: usize = 11 << 20;
/// Bytes for a sample.
const SAMPLE_BYTES: usize = 1 << 20;
/// Words that the machine can be lent.
const MACHINE_WORDS: usize = (4 << 20) / 4;

/// The UART works from the start. Its queues stay off: enabling them drops the byte that may have come.
pub(super) fn start() {}

/// # Safety
/// Called once.
pub(super) unsafe fn lend() -> (Store, &'static mut [u8], &'static mut [u32]) {
    // SAFETY: the memory map ends below, and the three ranges do not overlap.
    unsafe {
        (
            Store::new(core::slice::from_raw_parts_mut(LENT as *mut u8, STORE_BYTES)),
            core::slice::from_raw_parts_mut((LENT + STORE_BYTES) as *mut u8, SAMPLE_BYTES),
            core::slice::from_raw_parts_mut((LENT + STORE_BYTES + SAMPLE_BYTES) as *mut u32, MACHINE_WORDS),
        )
    }
}

pub(super) fn receive() -> Option<u8> {
    (read::<u8>(UART_STATE) & UART_RX_READY != 0).then(|| read(UART_DATA))
}

pub(super) fn send(byte: u8) {
    while read::<u8>(UART_STATE) & UART_TX_EMPTY == 0 {}
    write(UART_DATA, byte);
}

pub(super) fn ticks() -> u64 {
    arch::instructions()
}
