//! Cortex-M: semihosting, faults, and where the stack lies. Start-up and painting are `cortex-m-rt`'s.

use super::{EXIT_BROKEN, exit, line};
use core::arch::asm;

/// What `cortex-m-rt` paints the stack with.
pub(super) const PAINT: u32 = 0xCCCC_CCCC;

pub(super) fn start() {}

/// The stack's lowest address and the one behind its highest.
pub(super) fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    (&raw const _stack_end as usize, &raw const _stack_start as usize)
}

/// The first word behind all statics.
#[cfg(board = "microbit")]
pub(super) fn statics_end() -> usize {
    unsafe extern "C" {
        static __sheap: u32;
    }
    &raw const __sheap as usize
}

/// Lets `cycles` go by, or a few more.
pub(super) fn delay(cycles: u32) {
    cortex_m::asm::delay(cycles);
}

/// A semihosting operation: a break that the debugger, or QEMU, answers.
///
/// # Safety
/// `argument` must be what the operation asks for.
pub(super) unsafe fn semihost(operation: usize, argument: usize) {
    // SAFETY: the caller's. r0 is given back, memory may be read.
    unsafe { asm!("bkpt #0xAB", inout("r0") operation => _, in("r1") argument, options(nostack)) };
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
