//! RISC-V, 32 bits: semihosting, faults, the stack and its paint, the counter of instructions. Start-up is `riscv-rt`'s.

use super::{EXIT_BROKEN, exit, line};
use core::arch::asm;

/// What the stack is painted with.
pub(super) const PAINT: u32 = 0xCCCC_CCCC;
/// Bytes below the stack pointer that painting leaves alone: its own frame lies there.
const MARGIN: usize = 256;

/// Paints the stack that is not in use.
#[inline(never)]
pub(super) fn start() {
    let pointer: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack)) };
    for at in (stack().0..pointer - MARGIN).step_by(size_of::<u32>()) {
        // SAFETY: below the stack pointer and above the stack's end nothing is in use.
        unsafe { (at as *mut u32).write_volatile(PAINT) };
    }
}

/// The stack's lowest address and the one behind its highest.
pub(super) fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    (&raw const _stack_end as usize, &raw const _stack_start as usize)
}

/// Lets `cycles` go by, or a few more.
pub(super) fn delay(cycles: u32) {
    riscv::asm::delay(cycles);
}

/// Instructions since the start.
pub(super) fn instructions() -> u64 {
    riscv::register::minstret::read64()
}

/// A semihosting operation: a break between two marks that the debugger, or QEMU, answers.
///
/// # Safety
/// `argument` must be what the operation asks for.
pub(super) unsafe fn semihost(operation: usize, argument: usize) {
    // SAFETY: the caller's. a0 is given back, memory may be read. The three instructions must be uncompressed and lie in one page.
    unsafe {
        asm!(
            ".balign 16", ".option push", ".option norvc",
            "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7",
            ".option pop",
            inout("a0") operation => _, in("a1") argument, options(nostack)
        );
    }
}

#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &riscv_rt::TrapFrame) -> ! {
    line(format_args!("hard-fault {:#010x}", riscv::register::mepc::read()));
    exit(EXIT_BROKEN)
}
