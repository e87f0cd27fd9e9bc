//! BBC micro:bit, an nRF51822: UART at 0x4000_2000, TIMER0 at 0x4000_8000, both clocked at 16 MHz; 256 KiB of flash, whose last
//! 96 KiB the flash controller (NVMC, 0x4001_E000) fills with the image.
//!
//! While it writes or erases, the processor stands still, and on a real board bytes of the UART would be lost unless its hardware
//! flow control (RTS) is wired to the sender; QEMU's stream waits by itself.

use super::{arch, read, write};

/// The board's name.
pub const NAME: &str = "microbit";
/// Emitted signals held until a sample is done.
pub const PENDING_MAX: usize = 8;
/// Codes that a class can be read from.
pub const CODES_MAX: usize = 256;

/// Ticks of the timer a second.
pub const TICKS_PER_SECOND: u64 = 16_000_000;
/// The timer wraps after 268 seconds.
pub const TICK_MASK: u64 = u32::MAX as u64;
/// A tick is 62.5 ns.
pub const INSTRUCTIONS_PER_TICKS: (u64, u64) = (125, 2);

const UART: usize = 0x4000_2000;
const UART_START_RX: usize = UART;
const UART_START_TX: usize = UART + 0x008;
const UART_RX_READY: usize = UART + 0x108;
const UART_TX_READY: usize = UART + 0x11C;
const UART_ENABLE: usize = UART + 0x500;
const UART_RXD: usize = UART + 0x518;
const UART_TXD: usize = UART + 0x51C;
const UART_BAUDRATE: usize = UART + 0x524;

const TIMER: usize = 0x4000_8000;
const TIMER_START: usize = TIMER;
const TIMER_CAPTURE_0: usize = TIMER + 0x040;
const TIMER_BITMODE: usize = TIMER + 0x508;
const TIMER_PRESCALER: usize = TIMER + 0x510;
const TIMER_CC_0: usize = TIMER + 0x540;

const NVMC: usize = 0x4001_E000;
const NVMC_READY: usize = NVMC + 0x400;
const NVMC_CONFIG: usize = NVMC + 0x504;
const NVMC_ERASE_PAGE: usize = NVMC + 0x508;
const NVMC_READ: u32 = 0;
const NVMC_WRITE: u32 = 1;
const NVMC_ERASE: u32 = 2;

const STORE: usize = 0x2_8000;
const STORE_BYTES: usize = 96 << 10;
const PAGE: usize = 1 << 10;
/// Bytes of RAM for a sample.
const SAMPLE_BYTES: usize = 512;

pub(super) fn start() {
    write(TIMER_BITMODE, 3_u32); // 32 bits
    write(TIMER_PRESCALER, 0_u32);
    write(TIMER_START, 1_u32);
    write(UART_BAUDRATE, 0x01D7_E000_u32); // 115,200
    write(UART_ENABLE, 4_u32);
    write(UART_START_RX, 1_u32);
    write(UART_START_TX, 1_u32);
    // The first byte is sent without waiting for one before it.
    write(UART_TX_READY, 1_u32);
}

/// # Safety
/// Called once.
pub(super) unsafe fn lend() -> (Store, &'static mut [u8], &'static mut [u32]) {
    let (from, to) = (arch::statics_end(), arch::stack().0);
    let machine = from + SAMPLE_BYTES;
    let words = to.saturating_sub(machine) / size_of::<u32>();
    // SAFETY: the memory map leaves what lies between the statics and the stack to nobody; both ends are aligned.
    let (sample, machine) = unsafe {
        (
            core::slice::from_raw_parts_mut(from as *mut u8, SAMPLE_BYTES),
            core::slice::from_raw_parts_mut(machine as *mut u32, words),
        )
    };
    (Store { word: [0; 4] }, sample, machine)
}

pub(super) fn receive() -> Option<u8> {
    (read::<u32>(UART_RX_READY) != 0).then(|| {
        // Before the byte is taken: the next one sets it again.
        write(UART_RX_READY, 0_u32);
        read::<u32>(UART_RXD) as u8
    })
}

pub(super) fn send(byte: u8) {
    while read::<u32>(UART_TX_READY) == 0 {}
    write(UART_TX_READY, 0_u32);
    write(UART_TXD, u32::from(byte));
}

pub(super) fn ticks() -> u64 {
    write(TIMER_CAPTURE_0, 1_u32);
    u64::from(read::<u32>(TIMER_CC_0))
}

/// The last part of the flash. It is written in whole words.
pub struct Store {
    word: [u8; 4],
}

impl Store {
    /// Bytes that it holds.
    pub fn room(&self) -> usize {
        STORE_BYTES
    }

    /// Makes room for `length` bytes: erases their pages.
    pub fn prepare(&mut self, length: usize) {
        control(NVMC_ERASE);
        for page in (STORE..STORE + length.min(STORE_BYTES)).step_by(PAGE) {
            write(NVMC_ERASE_PAGE, page as u32);
            ready();
        }
        control(NVMC_WRITE);
    }

    /// Puts a byte, the bytes before it having been put.
    pub fn put(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.word.get_mut(at % 4) {
            *place = byte;
        }
        if at % 4 == 3 {
            self.word_at(at - 3);
        }
    }

    /// The first `length` bytes, all of which have been put; none if they are more than the room.
    pub fn into_bytes(mut self, length: usize) -> &'static [u8] {
        if !length.is_multiple_of(4) {
            self.word_at(length - length % 4);
        }
        control(NVMC_READ);
        if length > STORE_BYTES {
            return &[];
        }
        // SAFETY: this part of the flash belongs to the store alone, which ends here: it is read from now on.
        unsafe { core::slice::from_raw_parts(STORE as *const u8, length) }
    }

    fn word_at(&mut self, at: usize) {
        if at < STORE_BYTES {
            write(STORE + at, u32::from_le_bytes(self.word));
            ready();
        }
    }
}

fn control(mode: u32) {
    write(NVMC_CONFIG, mode);
    ready();
}

fn ready() {
    while read::<u32>(NVMC_READY) == 0 {}
}
