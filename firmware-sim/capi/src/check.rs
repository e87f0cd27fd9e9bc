//! Checks in slices: known answers on the core models, and a chip's configuration read back.

use crate::bus::{Bus, Map, spandrel_bus, spandrel_window};
use crate::image::spandrel_image;
use crate::raw::{self, Object};
use crate::status::{self, SPANDREL_MORE, SPANDREL_OK, spandrel_error};
use spandrel_core::{
    image::Image,
    verify::{Extent, KnownAnswers, KnownProgress, KnownStep, ReadBack, ReadBackStep},
};

/// A check of known answers.
pub struct spandrel_answers {
    _opaque: [u8; 0],
}

/// Words of 64 bits that a check of known answers needs at most.
pub const SPANDREL_ANSWERS_WORDS: usize = 24;

/// A check, where it is, and the words it computes in.
pub struct Answers {
    known: KnownAnswers<'static, 'static, &'static [u8]>,
    progress: KnownProgress,
    ram: &'static mut [u32],
}

impl Object for spandrel_answers {
    type Inner = Answers;
    const MAGIC: u32 = 0x534e_4153;
    const WORDS: usize = SPANDREL_ANSWERS_WORDS;
}
const _: () = raw::fits::<spandrel_answers>();

/// A check that reads configuration back.
pub struct spandrel_readback {
    _opaque: [u8; 0],
}

/// Words of 64 bits that reading back needs at most.
pub const SPANDREL_READBACK_WORDS: usize = 24;

/// A check, and the chip.
pub struct Back {
    check: ReadBack<'static, 'static>,
    bus: Bus,
    map: Map,
}

impl Object for spandrel_readback {
    type Inner = Back;
    const MAGIC: u32 = 0x4b42_5253;
    const WORDS: usize = SPANDREL_READBACK_WORDS;
}
const _: () = raw::fits::<spandrel_readback>();

/// The exact number of 64-bit words that a check of known answers needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_answers_words() -> usize {
    raw::words::<spandrel_answers>()
}

/// A check of the image's known answers on the core models, which has not begun. It computes in the words that a machine needs: the
/// same ones as a machine's, if that is opened or reset behind the check.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_answers_open(
    memory: *mut u64,
    words: usize,
    image: *const spandrel_image,
    ram: *mut u32,
    ram_words: usize,
    answers: *mut *mut spandrel_answers,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: the head of spandrel.h has C promise what these functions ask for.
    unsafe {
        let opened = raw::shared(image).and_then(|image: &'static Image<'static>| {
            let needed = image.header().ram_words as usize;
            if ram_words < needed {
                return Err(status::too_small(needed, ram_words));
            }
            let known = KnownAnswers::new(image, image.weights());
            let ram = raw::slice_mut(ram, ram_words)?;
            raw::place(memory, words, answers, Answers { known, progress: KnownProgress::new(), ram })
        });
        raw::finish(opened.map(|()| SPANDREL_OK), error)
    }
}

/// Goes on for about `budget` work units. SPANDREL_MORE: step again. SPANDREL_OK: all answers are met. SPANDREL_WRONG: `error` names
/// vector, configuration, column, and both values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_answers_step(
    answers: *mut spandrel_answers,
    budget: u64,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(answers, |own| match own.known.step(&mut own.progress, own.ram, budget) {
            KnownStep::Running => Ok(SPANDREL_MORE),
            KnownStep::Same(_) => Ok(SPANDREL_OK),
            KnownStep::Wrong(found) => Err(status::mismatch(&found)),
        });
        raw::finish(outcome, error)
    }
}

/// The exact number of 64-bit words that reading back needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_readback_words() -> usize {
    raw::words::<spandrel_readback>()
}

/// A comparison of the chip's configuration with the image, which has not begun. With `pieces` 0 everything is read; otherwise so many
/// pieces of 32 bytes, drawn with `seed`: another seed each time finds other damage.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_readback_open(
    memory: *mut u64,
    words: usize,
    image: *const spandrel_image,
    bus: *const spandrel_bus,
    windows: *const spandrel_window,
    window_count: usize,
    pieces: u32,
    seed: u64,
    readback: *mut *mut spandrel_readback,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let opened = raw::shared(image).and_then(|image| {
            let (bus, map) =
                (Bus::new(raw::read(bus)?)?, Map { windows: raw::slice(windows, window_count)? });
            let check = ReadBack::new(image, extent(pieces, seed));
            raw::place(memory, words, readback, Back { check, bus, map })
        });
        raw::finish(opened.map(|()| SPANDREL_OK), error)
    }
}

/// What is read back: everything for 0 pieces.
pub const fn extent(pieces: u32, seed: u64) -> Extent {
    if pieces == 0 { Extent::All } else { Extent::Sample { seed, pieces } }
}

/// Reads about `budget` bytes, at least one piece. SPANDREL_MORE: step again. SPANDREL_OK: everything is as the image says.
/// SPANDREL_DIFFERS: `error` names section, byte, configuration, core and column.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_readback_step(
    readback: *mut spandrel_readback,
    budget: u32,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(readback, |own| match own.check.step(&mut own.bus, &own.map, budget) {
            ReadBackStep::Running => Ok(SPANDREL_MORE),
            ReadBackStep::Same(_) => Ok(SPANDREL_OK),
            ReadBackStep::Differs(found) => Err(status::difference(&found)),
            ReadBackStep::Failed(error) => Err(status::bus(&error)),
        });
        raw::finish(outcome, error)
    }
}

/// The probability, in millionths and rounded down, that `drawn` pieces out of `pieces` meet at least one of `damaged`.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_detection_ppm(pieces: u64, damaged: u64, drawn: u32) -> u32 {
    spandrel_core::verify::detection_ppm(pieces, damaged, drawn)
}
