//! The way out to the host, through semihosting: facts, line by line, and the exit code. A panic becomes a fact.

use super::{EXIT_BROKEN, arch};
use core::{
    fmt::{self, Write as _},
    panic::PanicInfo,
};

const WRITE_TEXT: usize = 0x04;
const EXIT_EXTENDED: usize = 0x20;
const APPLICATION_EXIT: usize = 0x2_0026;

/// Text is handed over in pieces that end with a zero byte.
struct Console {
    piece: [u8; Console::PIECE + 1],
    filled: usize,
}

impl Console {
    const PIECE: usize = 63;

    fn flush(&mut self) {
        if let Some(end) = self.piece.get_mut(self.filled) {
            *end = 0;
        }
        // SAFETY: the operation reads bytes from this address up to a zero, which stands at the latest at the array's end.
        unsafe { arch::semihost(WRITE_TEXT, self.piece.as_ptr() as usize) };
        self.filled = 0;
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if self.filled == Self::PIECE {
                self.flush();
            }
            if let Some(place) = self.piece.get_mut(self.filled) {
                *place = byte;
            }
            self.filled += 1;
        }
        Ok(())
    }
}

/// One fact on the host's console.
pub fn line(fact: fmt::Arguments<'_>) {
    let mut console = Console { piece: [0; Console::PIECE + 1], filled: 0 };
    let _ = writeln!(console, "{fact}");
    console.flush();
}

/// Ends QEMU with an exit code.
pub fn exit(code: u32) -> ! {
    let block = [APPLICATION_EXIT, code as usize];
    loop {
        // SAFETY: the operation takes the address of two words and touches nothing else.
        unsafe { arch::semihost(EXIT_EXTENDED, block.as_ptr() as usize) };
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
