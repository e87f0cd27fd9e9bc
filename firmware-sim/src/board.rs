//! The board: every access to hardware, and every `unsafe` of the firmware.
//!
//! MPS2 with FPGA image AN386 (Arm application note 386): CMSDK UARTs at 0x4000_4000 (in) and
//! 0x4000_5000 (log), CMSDK timer 0 at 0x4000_0000, all clocked at 25 MHz; 16 MiB of PSRAM at
//! 0x2100_0000. Verdicts leave through semihosting.
//!
//! Why the `unsafe` here is sound:
//!
//! * Registers are read and written through constant, aligned addresses of devices that the
//!   map above places there; no Rust object lives at them.
//! * [`Board::take`] succeeds once, so that the PSRAM, which no linker section and thus no
//!   Rust object occupies, is borrowed mutably once. Any bit pattern is a `u8` and a `u32`.
//! * There is one core, and the firmware enables no interrupt. The logger's cell is borrowed
//!   between `acquire` and `release` only, and a flag refuses a second `acquire`.
#![allow(unsafe_code)]

use core::{
    cell::UnsafeCell,
    fmt,
    panic::PanicInfo,
    sync::atomic::{AtomicBool, Ordering},
};
// Linked for its critical section alone: one core, interrupts masked.
use cortex_m as _;
use cortex_m_semihosting::hprintln;

const UART_IN: usize = 0x4000_4000;
const UART_LOG: usize = 0x4000_5000;
const UART_DATA: usize = 0x0;
const UART_STATE: usize = 0x4;
const UART_CTRL: usize = 0x8;
const UART_BAUDDIV: usize = 0x10;
const UART_TX_FULL: u32 = 1 << 0;
const UART_RX_FULL: u32 = 1 << 1;
const UART_TX_ENABLE: u32 = 1 << 0;
const UART_RX_ENABLE: u32 = 1 << 1;

const TIMER: usize = 0x4000_0000;
const TIMER_CTRL: usize = 0x0;
const TIMER_VALUE: usize = 0x4;
const TIMER_RELOAD: usize = 0x8;

const PSRAM: usize = 0x2100_0000;
/// Bytes of PSRAM that hold what the stream delivers: the image, then sample by sample.
const STREAM_BYTES: usize = 12 << 20;
/// Words of PSRAM that the machine can be lent.
const MACHINE_WORDS: usize = (4 << 20) / 4;

/// Timer ticks a second.
pub const TICKS_PER_SECOND: u32 = 25_000_000;

/// The exit code of a firmware that could not reach a verdict.
pub const EXIT_BROKEN: u32 = 2;

fn read(register: usize) -> u32 {
    // SAFETY: see the module's documentation, first point; private to this file.
    unsafe { (register as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: as in `read`.
    unsafe { (register as *mut u32).write_volatile(value) }
}

/// What the firmware owns of the board.
pub struct Board {
    /// The stream that image and samples come from.
    pub uart: Uart,
    /// The clock.
    pub clock: Clock,
    /// Room for an image and samples.
    pub stream: &'static mut [u8],
    /// Room for the machine.
    pub machine: &'static mut [u32],
}

impl Board {
    /// The board, on the first call only.
    pub fn take() -> Option<Self> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::AcqRel) {
            return None;
        }
        write(TIMER + TIMER_RELOAD, u32::MAX);
        write(TIMER + TIMER_VALUE, u32::MAX);
        write(TIMER + TIMER_CTRL, 1);
        for (uart, enable) in [(UART_IN, UART_RX_ENABLE), (UART_LOG, UART_TX_ENABLE)] {
            // The smallest divider the device accepts; QEMU takes any speed.
            write(uart + UART_BAUDDIV, 16);
            // Drops what stood in the register before. In QEMU it is also what makes the sending side
            // look whether the receiver is enabled; without it the first byte comes a second late.
            let _ = read(uart + UART_DATA);
            write(uart + UART_CTRL, enable);
        }
        // SAFETY: second point of the module's documentation; the two ranges do not overlap.
        let (stream, machine) = unsafe {
            (
                core::slice::from_raw_parts_mut(PSRAM as *mut u8, STREAM_BYTES),
                core::slice::from_raw_parts_mut((PSRAM + STREAM_BYTES) as *mut u32, MACHINE_WORDS),
            )
        };
        Some(Self { uart: Uart(()), clock: Clock(()), stream, machine })
    }
}

/// The receiving UART.
pub struct Uart(());

impl Uart {
    /// The next byte, if one has come.
    pub fn poll(&mut self) -> Option<u8> {
        (read(UART_IN + UART_STATE) & UART_RX_FULL != 0).then(|| read(UART_IN + UART_DATA) as u8)
    }
}

/// Timer 0, counting up at [`TICKS_PER_SECOND`], wrapping after 171 seconds.
#[derive(Clone, Copy)]
pub struct Clock(());

impl Clock {
    /// Ticks since the start.
    pub fn now(&self) -> u32 {
        ticks()
    }
}

fn ticks() -> u32 {
    u32::MAX - read(TIMER + TIMER_VALUE)
}

/// Most bytes of stack in use since the start: what of the painted stack has lost its paint.
pub fn stack_high_water() -> usize {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    const PAINT: u32 = 0xCCCC_CCCC;
    let (end, start) = (&raw const _stack_end, &raw const _stack_start);
    let mut at = end;
    // SAFETY: memory.x places the stack between these symbols; words below the high-water mark
    // are plain memory, read as volatile because Rust knows no object there.
    while at < start && unsafe { at.read_volatile() } == PAINT {
        at = at.wrapping_add(1);
    }
    start as usize - at as usize
}

/// One fact on the host's standard output.
pub fn line(fact: fmt::Arguments<'_>) {
    hprintln!("{}", fact);
}

/// Ends QEMU with an exit code.
pub fn exit(code: u32) -> ! {
    const EXIT_EXTENDED: usize = 0x20;
    const APPLICATION_EXIT: usize = 0x2_0026;
    loop {
        // SAFETY: operation 0x20 takes the address of two words and touches nothing else.
        unsafe { cortex_m_semihosting::syscall(EXIT_EXTENDED, &[APPLICATION_EXIT, code as usize]) };
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // No defmt: the panic may have come from within a log record.
    match info.location() {
        Some(at) => line(format_args!("panic {} {}", at.file(), at.line())),
        None => line(format_args!("panic - 0")),
    }
    exit(EXIT_BROKEN)
}

#[cortex_m_rt::exception]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    line(format_args!("hard-fault {:#010x}", frame.pc()));
    exit(EXIT_BROKEN)
}

#[cortex_m_rt::exception]
unsafe fn DefaultHandler(number: i16) {
    line(format_args!("exception {number}"));
    exit(EXIT_BROKEN)
}

/// defmt over the second UART, in the default (rzCOBS) encoding.
#[defmt::global_logger]
struct Logger;

static IN_RECORD: AtomicBool = AtomicBool::new(false);

struct EncoderCell(UnsafeCell<defmt::Encoder>);

// SAFETY: third point of the module's documentation.
unsafe impl Sync for EncoderCell {}

static ENCODER: EncoderCell = EncoderCell(UnsafeCell::new(defmt::Encoder::new()));

fn send(bytes: &[u8]) {
    for byte in bytes {
        while read(UART_LOG + UART_STATE) & UART_TX_FULL != 0 {}
        write(UART_LOG + UART_DATA, u32::from(*byte));
    }
}

fn with_encoder(body: impl FnOnce(&mut defmt::Encoder)) {
    // SAFETY: third point of the module's documentation; the closures do not log.
    body(unsafe { &mut *ENCODER.0.get() });
}

// SAFETY: one context; a record within a record is refused.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        if IN_RECORD.swap(true, Ordering::AcqRel) {
            line(format_args!("panic log-within-log 0"));
            exit(EXIT_BROKEN);
        }
        with_encoder(|encoder| encoder.start_frame(send));
    }

    unsafe fn flush() {}

    unsafe fn release() {
        with_encoder(|encoder| encoder.end_frame(send));
        IN_RECORD.store(false, Ordering::Release);
    }

    unsafe fn write(bytes: &[u8]) {
        with_encoder(|encoder| encoder.write(bytes, send));
    }
}

defmt::timestamp!("{=u32:us}", ticks() / (TICKS_PER_SECOND / 1_000_000));
