//! defmt over the UART's sending side, in the default (rzCOBS) encoding.

use super::{Clock, EXIT_BROKEN, chip, exit, line};
use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering},
};
// Linked for its critical section alone: one core, interrupts masked.
#[cfg(target_arch = "arm")]
use cortex_m as _;

#[defmt::global_logger]
struct Logger;

static IN_RECORD: AtomicBool = AtomicBool::new(false);

struct EncoderCell(UnsafeCell<defmt::Encoder>);

// SAFETY: third point of the module above's documentation.
unsafe impl Sync for EncoderCell {}

static ENCODER: EncoderCell = EncoderCell(UnsafeCell::new(defmt::Encoder::new()));

fn send(bytes: &[u8]) {
    bytes.iter().for_each(|byte| chip::send(*byte));
}

fn with_encoder(body: impl FnOnce(&mut defmt::Encoder)) {
    // SAFETY: third point of the module above's documentation; the closures do not log.
    body(unsafe { &mut *ENCODER.0.get() });
}

// SAFETY: one context; a record within a record is refused.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        if IN_RECORD.load(Ordering::Acquire) {
            line(format_args!("panic log-within-log 0"));
            exit(EXIT_BROKEN);
        }
        IN_RECORD.store(true, Ordering::Release);
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

// Microseconds of the board's time.
defmt::timestamp!("{=u64:us}", Clock(()).instructions(chip::ticks()) / 1000);
