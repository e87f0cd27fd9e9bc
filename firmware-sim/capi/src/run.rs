//! An inference on the core models, in slices.

use crate::image::spandrel_image;
use crate::raw::{self, Object};
use crate::status::{
    self, SPANDREL_BUSY, SPANDREL_MORE, SPANDREL_OK, SPANDREL_TOO_SMALL, fail, spandrel_error,
};
use spandrel_core::machine::{Machine, OutputDigest, Probe, Status, Step};

/// A machine that runs an image.
pub struct spandrel_run {
    _opaque: [u8; 0],
}

/// Words of 64 bits that a machine needs at most, beside the image's own words.
pub const SPANDREL_RUN_WORDS: usize = 120;

/// A machine, and the digest of what the sample has emitted.
pub struct Running {
    machine: Machine<'static, 'static, &'static [u8]>,
    emitted: OutputDigest,
}

impl Object for spandrel_run {
    type Inner = Running;
    const MAGIC: u32 = 0x4e55_5253;
    const WORDS: usize = SPANDREL_RUN_WORDS;
}
const _: () = raw::fits::<spandrel_run>();

/// Where emitted codes go. Set `count` and `lost` to 0 before each sample.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_outputs {
    /// Room for `capacity` codes, in the order in which the image emits them.
    pub codes: *mut i32,
    /// Room for the number of the output of each; NULL: nobody wants to know.
    pub numbers: *mut u16,
    /// How many codes there is room for.
    pub capacity: u32,
    /// How many there are.
    pub count: u32,
    /// How many there was no room for.
    pub lost: u32,
}

/// Appends what is emitted.
struct Append<'a> {
    codes: &'a mut [i32],
    numbers: &'a mut [u16],
    count: u32,
    lost: u32,
    digest: &'a mut OutputDigest,
}

impl Probe for Append<'_> {
    fn emit(&mut self, output: u16, _: u32, code: i32) {
        self.digest.add(output, code);
        match self.codes.get_mut(self.count as usize) {
            Some(to) => *to = code,
            None => {
                self.lost = self.lost.saturating_add(1);
                return;
            }
        }
        if let Some(to) = self.numbers.get_mut(self.count as usize) {
            *to = output;
        }
        self.count = self.count.saturating_add(1);
    }
}

/// The exact number of 64-bit words that a machine needs on this target.
#[unsafe(no_mangle)]
pub extern "C" fn spandrel_run_words() -> usize {
    raw::words::<spandrel_run>()
}

/// A machine in its reset state, on `ram_words` words: `spandrel_facts` tells how many it needs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_run_open(
    memory: *mut u64,
    words: usize,
    image: *const spandrel_image,
    ram: *mut u32,
    ram_words: usize,
    run: *mut *mut spandrel_run,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: the head of spandrel.h has C promise what these functions ask for.
    unsafe {
        let opened = raw::shared(image).and_then(|image| {
            let machine = Machine::new(image, image.weights(), raw::slice_mut(ram, ram_words)?);
            let machine = machine.map_err(|error| status::run(&error))?;
            raw::place(memory, words, run, Running { machine, emitted: OutputDigest::new() })
        });
        raw::finish(opened.map(|()| SPANDREL_OK), error)
    }
}

/// Begins anew: state and counters are cleared, a sample under way is given up. Images that hold state between samples need it where
/// a new sequence begins, others never.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_run_reset(run: *mut spandrel_run) -> u32 {
    // SAFETY: as above.
    let outcome = unsafe {
        raw::with(run, |run| {
            run.machine.reset();
            Ok(SPANDREL_OK)
        })
    };
    outcome.unwrap_or_else(|error| error.status)
}

/// Feeds raw values `first`, `first + 1`, ... of input `input`; a sample may come in pieces.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_run_feed(
    run: *mut spandrel_run,
    input: u32,
    first: u32,
    values: *const i32,
    count: usize,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(run, |run| {
            let values = raw::slice(values, count)?.iter().copied();
            let fed = run.machine.feed(input, first, values);
            fed.map(|_| SPANDREL_OK).map_err(|error| status::run(&error))
        });
        raw::finish(outcome, error)
    }
}

/// As `spandrel_run_feed`, from bytes without sign: pixels as they come from a sensor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_run_feed_bytes(
    run: *mut spandrel_run,
    input: u32,
    first: u32,
    values: *const u8,
    count: usize,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(run, |run| {
            let values = raw::slice(values, count)?.iter().map(|value| i32::from(*value));
            let fed = run.machine.feed(input, first, values);
            fed.map(|_| SPANDREL_OK).map_err(|error| status::run(&error))
        });
        raw::finish(outcome, error)
    }
}

/// Starts the inference on what was fed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_run_start(run: *mut spandrel_run, error: *mut spandrel_error) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(run, |run| {
            run.machine.start().map_err(|error| status::run(&error))?;
            run.emitted = OutputDigest::new();
            Ok(SPANDREL_OK)
        });
        raw::finish(outcome, error)
    }
}

/// Goes on for about `budget` work units, at least one piece of work. SPANDREL_MORE: step again. SPANDREL_OK: the sample is done, and
/// its codes stand in `outputs`. SPANDREL_TOO_SMALL: it is done, and `outputs.lost` codes found no room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_run_step(
    run: *mut spandrel_run,
    budget: u64,
    outputs: *mut spandrel_outputs,
    error: *mut spandrel_error,
) -> u32 {
    // SAFETY: as above.
    unsafe {
        let outcome = raw::with(run, |run| {
            let mut to = raw::read(outputs.cast_const())?;
            let numbers = if to.numbers.is_null() { 0 } else { to.capacity as usize };
            let mut append = Append {
                codes: raw::slice_mut(to.codes, to.capacity as usize)?,
                numbers: raw::slice_mut(to.numbers, numbers)?,
                count: to.count,
                lost: to.lost,
                digest: &mut run.emitted,
            };
            let step = run.machine.step(budget, &mut append);
            (to.count, to.lost) = (append.count, append.lost);
            raw::write(outputs, to)?;
            match step {
                Step::Running => Ok(SPANDREL_MORE),
                Step::SampleDone if to.lost > 0 => fail(SPANDREL_TOO_SMALL),
                Step::SampleDone => Ok(SPANDREL_OK),
                Step::Fault(fault) => Err(status::fault(&fault)),
            }
        });
        raw::finish(outcome, error)
    }
}

/// `spandrel-state-1` of the machine's state, 32 bytes: the same on every target.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_run_state_digest(run: *mut spandrel_run, digest: *mut u8) -> u32 {
    // SAFETY: as above; the digest is 32 bytes, which need no alignment.
    let outcome = unsafe {
        raw::with(run, |run| raw::write(digest.cast::<[u8; 32]>(), run.machine.snapshot().digest()))
    };
    outcome.unwrap_or_else(|error| error.status)
}

/// `spandrel-output-1` of what the sample emitted, 32 bytes: the same on every target. SPANDREL_BUSY within a sample.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spandrel_run_output_digest(run: *mut spandrel_run, digest: *mut u8) -> u32 {
    // SAFETY: as above.
    let outcome = unsafe {
        raw::with(run, |run| {
            if run.machine.status() == Status::Running {
                return fail(SPANDREL_BUSY);
            }
            raw::write(digest.cast::<[u8; 32]>(), run.emitted.digest())
        })
    };
    outcome.unwrap_or_else(|error| error.status)
}
