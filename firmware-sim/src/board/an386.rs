//! MPS2 with FPGA image AN386 (Arm application note 386): CMSDK UART at 0x4000_4000, CMSDK timer 0 at 0x4000_0000, both clocked
//! at 25 MHz; 16 MiB of PSRAM at 0x2100_0000.

use super::{plain, read, write};
pub use plain::Store;

/// The board's name.
pub const NAME: &str = "mps2-an386";
/// Emitted signals held until a sample is done.
pub const PENDING_MAX: usize = 256;
/// Codes that a class can be read from.
pub const CODES_MAX: usize = 2048;

/// Ticks of the timer a second.
pub const TICKS_PER_SECOND: u64 = 25_000_000;
/// The timer wraps after 171 seconds.
pub const TICK_MASK: u64 = u32::MAX as u64;
/// A tick is 40 ns.
pub const INSTRUCTIONS_PER_TICKS: (u64, u64) = (40, 1);

const UART: usize = 0x4000_4000;
const UART_DATA: usize = UART;
const UART_STATE: usize = UART + 0x4;
const UART_CTRL: usize = UART + 0x8;
const UART_BAUDDIV: usize = UART + 0x10;
const UART_TX_FULL: u32 = 1 << 0;
const UART_RX_FULL: u32 = 1 << 1;
const UART_TX_RX_ENABLE: u32 = 1 << 0 | 1 << 1;

const TIMER: usize = 0x4000_0000;
const TIMER_CTRL: usize = TIMER;
const TIMER_VALUE: usize = TIMER + 0x4;
const TIMER_RELOAD: usize = TIMER + 0x8;

const PSRAM: usize = 0x2100_0000;
/// Bytes of PSRAM for an image.
const STORE_BYTES: usize = 11 << 20;
/// Bytes of PSRAM for a sample.
const SAMPLE_BYTES: usize = 1 << 20;
/// Words of PSRAM that the machine can be lent.
const MACHINE_WORDS: usize = (4 << 20) / 4;

pub(super) fn start() {
    write(TIMER_RELOAD, u32::MAX);
    write(TIMER_VALUE, u32::MAX);
    write(TIMER_CTRL, 1);
    // The smallest divider the device accepts; QEMU takes any speed.
    write(UART_BAUDDIV, 16);
    // Drops what stood in the register before. In QEMU it is also what makes the sending side
    // look whether the receiver is enabled; without it the first byte comes a second late.
    let _: u32 = read(UART_DATA);
    write(UART_CTRL, UART_TX_RX_ENABLE);
}

/// # Safety
/// Called once.
pub(super) unsafe fn lend() -> (Store, &'static mut [u8], &'static mut [u32]) {
    // SAFETY: nothing else lies in the PSRAM, and the three ranges do not overlap.
    unsafe {
        (
            Store::new(core::slice::from_raw_parts_mut(PSRAM as *mut u8, STORE_BYTES)),
            core::slice::from_raw_parts_mut((PSRAM + STORE_BYTES) as *mut u8, SAMPLE_BYTES),
            core::slice::from_raw_parts_mut((PSRAM + STORE_BYTES + SAMPLE_BYTES) as *mut u32, MACHINE_WORDS),
        )
    }
}

pub(super) fn receive() -> Option<u8> {
    (read::<u32>(UART_STATE) & UART_RX_FULL != 0).then(|| read::<u32>(UART_DATA) as u8)
}

pub(super) fn send(byte: u8) {
    while read::<u32>(UART_STATE) & UART_TX_FULL != 0 {}
    write(UART_DATA, u32::from(byte));
}

pub(super) fn ticks() -> u64 {
    u64::from(u32::MAX - read::<u32>(TIMER_VALUE))
}
