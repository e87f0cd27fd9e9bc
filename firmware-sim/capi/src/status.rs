//! Statuses, and the error that tells place, rule and way out.

use core::ffi::c_char;
use spandrel_core::{
    image::{ImageError, Tag},
    load::{LoadError, Refusal, bus::BusError},
    machine::{Fault, FaultKind, RunError},
    verify::{Difference, Finding, Mismatch, MismatchKind, Seat, Verdict},
};

/// What every function returns: one of the SPANDREL_ numbers below. Later versions may add numbers.
pub type spandrel_status = u32;

/// Done.
pub const SPANDREL_OK: u32 = 0;
/// Not done yet: call again, with more bytes where bytes are wanted.
pub const SPANDREL_MORE: u32 = 1;
/// A pointer is NULL or not aligned, or a callback is missing.
pub const SPANDREL_BAD_POINTER: u32 = 16;
/// Too few words were lent; `error.expected` has the number needed where an error is passed.
pub const SPANDREL_TOO_SMALL: u32 = 17;
/// No object of that kind lies there.
pub const SPANDREL_BAD_OBJECT: u32 = 18;
/// The object is in use by the call that called back, or a sample is under way.
pub const SPANDREL_BUSY: u32 = 19;
/// There is no such input, output or index, or a value is out of range.
pub const SPANDREL_OUT_OF_RANGE: u32 = 20;
/// The bytes break a rule of the format: damaged on the way, or written by another version.
pub const SPANDREL_BAD_IMAGE: u32 = 32;
/// The image is whole, and the policy does not take it: `error.rule` says why (`unsigned`, `rolled-back`, ...).
pub const SPANDREL_REFUSED: u32 = 33;
/// A callback of the bus, the port or the flash failed; `error.found` has what it returned.
pub const SPANDREL_BUS: u32 = 34;
/// The chip has no room for a section.
pub const SPANDREL_NO_ROOM: u32 = 35;
/// Loading has stopped before: open the loader anew.
pub const SPANDREL_STOPPED: u32 = 36;
/// A sample does not fit: too long, too short, or a value outside the raw type.
pub const SPANDREL_BAD_SAMPLE: u32 = 48;
/// The machine has stopped: image or lent words were changed underneath.
pub const SPANDREL_FAULT: u32 = 49;
/// A value, of the models or of a chip that was asked, is not the known answer.
pub const SPANDREL_WRONG: u32 = 64;
/// A byte of the chip's configuration is not the image's.
pub const SPANDREL_DIFFERS: u32 = 65;

/// A number in an error that does not apply.
pub const SPANDREL_NONE: u32 = u32::MAX;

/// The fault is on the way to the chip or back: what was written or read again is right.
pub const SPANDREL_TRANSFER: u32 = 1;
/// The fault is in the chip's configuration memory: it does not hold what was written, or no longer.
pub const SPANDREL_CONFIGURATION: u32 = 2;
/// The configuration is right, and the chip computes something else.
pub const SPANDREL_COMPUTATION: u32 = 3;

/// Why, where, and what to do. Only the library writes it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct spandrel_error {
    /// The status that was returned.
    pub status: u32,
    /// The rule, a stable name such as `section-checksum`; ends with NUL.
    pub rule: [c_char; 32],
    /// The image's section, empty if it is about none; ends with NUL.
    pub section: [c_char; 12],
    /// The field of the record, or what is too large; ends with NUL.
    pub field: [c_char; 32],
    /// The record of the section, or the instruction.
    pub record: u32,
    /// The vector of known answers.
    pub vector: u32,
    /// The configuration.
    pub config: u32,
    /// The physical core that holds it.
    pub core: u32,
    /// The column, or the number of the emitted signal.
    pub unit: u32,
    /// Where the fault is, as the self-test judges: SPANDREL_TRANSFER, SPANDREL_CONFIGURATION or SPANDREL_COMPUTATION.
    pub seat: u32,
    /// Where in the section, in bytes.
    pub offset: u64,
    /// What should be there.
    pub expected: i64,
    /// What is there.
    pub found: i64,
    /// What to do about it: `way_out_length` bytes that do not end with NUL (print them with `%.*s`).
    pub way_out: *const c_char,
    /// Bytes of `way_out`.
    pub way_out_length: usize,
}

fn text<const N: usize>(of: &str) -> [c_char; N] {
    let mut out = [0; N];
    // The last one stays NUL.
    for (to, from) in out.iter_mut().take(N.saturating_sub(1)).zip(of.bytes()) {
        *to = from as c_char;
    }
    out
}

impl spandrel_error {
    /// An error that says no more than its status and rule.
    #[must_use]
    pub fn new(status: u32, rule: &str, way_out: &'static str) -> Self {
        Self {
            status,
            rule: text(rule),
            section: [0; 12],
            field: [0; 32],
            record: SPANDREL_NONE,
            vector: SPANDREL_NONE,
            config: SPANDREL_NONE,
            core: SPANDREL_NONE,
            unit: SPANDREL_NONE,
            seat: SPANDREL_NONE,
            offset: 0,
            expected: 0,
            found: 0,
            way_out: way_out.as_ptr().cast(),
            way_out_length: way_out.len(),
        }
    }

    fn values(mut self, expected: impl Into<i64>, found: impl Into<i64>) -> Self {
        (self.expected, self.found) = (expected.into(), found.into());
        self
    }

    /// The same error with another way out.
    #[must_use]
    pub fn way_out(mut self, text: &'static str) -> Self {
        (self.way_out, self.way_out_length) = (text.as_ptr().cast(), text.len());
        self
    }

    fn section(mut self, tag: Tag) -> Self {
        self.section = text(tag.text());
        self
    }
}

/// Length as a signed number; none is so long that it would not fit.
fn signed(length: u64) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

const LEND_MORE: &str = "lend more words: the size functions and spandrel_facts tell how many";

/// Fewer words than needed.
#[must_use]
pub fn too_small(needed: usize, lent: usize) -> spandrel_error {
    spandrel_error::new(SPANDREL_TOO_SMALL, "too-small", LEND_MORE)
        .values(signed(needed as u64), signed(lent as u64))
}

/// A status without more to say.
#[must_use]
pub fn plain(status: u32) -> spandrel_error {
    let (rule, way_out) = match status {
        SPANDREL_BAD_POINTER => {
            ("bad-pointer", "pass pointers that are aligned and not NULL, and all callbacks")
        }
        SPANDREL_TOO_SMALL => ("too-small", LEND_MORE),
        SPANDREL_BAD_OBJECT => {
            ("bad-object", "open the object first, and pass it where its kind is asked for")
        }
        SPANDREL_BUSY => ("busy", "wait until the call or the sample that is under way has ended"),
        SPANDREL_STOPPED => ("stopped", "open the loader anew and begin at the image's first byte"),
        _ => ("out-of-range", "ask spandrel_facts how many there are"),
    };
    spandrel_error::new(status, rule, way_out)
}

/// An image that breaks a rule.
#[must_use]
pub fn image(error: &ImageError) -> spandrel_error {
    let mut out =
        spandrel_error::new(SPANDREL_BAD_IMAGE, error.name(), error.way_out()).section(error.place.section);
    (out.record, out.field) = (error.place.record, text(error.place.field));
    out
}

/// An image that the policy does not take.
#[must_use]
pub fn refused(refusal: &Refusal) -> spandrel_error {
    let mut out = spandrel_error::new(SPANDREL_REFUSED, refusal.name(), refusal.way_out());
    match *refusal {
        Refusal::OtherRevision { image, least, .. } | Refusal::RolledBack { image, least } => {
            out.values(least, image)
        }
        Refusal::OtherKind { image, chip } => out.values(chip, image),
        Refusal::BeyondChip { what, needed, available } => {
            out.field = text(what);
            out.values(available, needed)
        }
        Refusal::TooLong { bytes, room } => out.values(signed(room), signed(bytes)),
        _ => out,
    }
}

/// A bus that failed.
#[must_use]
pub fn bus(error: &BusError<u32>) -> spandrel_error {
    match error {
        BusError::Bus(code) => spandrel_error::new(
            SPANDREL_BUS,
            "bus",
            "`found` is what the callback returned; the chip is held: mend the bus and load again",
        )
        .values(0, *code),
        BusError::NoRoom(tag) => spandrel_error::new(
            SPANDREL_NO_ROOM,
            "no-room",
            "give the section a larger window, or a smaller image",
        )
        .section(*tag),
    }
}

/// Flash that failed.
#[must_use]
pub fn flash(code: u32) -> spandrel_error {
    let way_out =
        "`found` is what the callback returned; the slot in use stays: mend the flash and update anew";
    spandrel_error::new(SPANDREL_BUS, "flash", way_out).values(0, code)
}

/// Slots that do not fit the flash.
#[must_use]
pub fn layout() -> spandrel_error {
    let way_out = "start and half are multiples of SPANDREL_FLASH_BLOCK, half two of them or more, and both slots within `capacity`";
    spandrel_error::new(SPANDREL_OUT_OF_RANGE, "layout", way_out)
}

/// Loading that stopped.
#[must_use]
pub fn load(error: &LoadError<BusError<u32>>) -> spandrel_error {
    match error {
        LoadError::Image(error) => image(error),
        LoadError::Refused(refusal) => refused(refusal),
        LoadError::Target(error) => bus(error),
        LoadError::Stopped => plain(SPANDREL_STOPPED),
    }
}

/// A machine that has stopped.
#[must_use]
pub fn fault(fault: &Fault) -> spandrel_error {
    let rule = match fault.kind {
        FaultKind::WeightStore => "weight-store",
        FaultKind::Corrupted => "corrupted",
    };
    let way_out = "image bytes or lent words changed underneath: check what else writes there, then reset";
    spandrel_error { record: fault.at, ..spandrel_error::new(SPANDREL_FAULT, rule, way_out) }
}

/// A call that the machine refuses.
#[must_use]
pub fn run(error: &RunError) -> spandrel_error {
    let sample = |rule| {
        spandrel_error::new(
            SPANDREL_BAD_SAMPLE,
            rule,
            "feed what spandrel_image_input says: so many values, in that range",
        )
    };
    match *error {
        RunError::MemoryTooSmall { needed } => too_small(needed as usize, 0),
        RunError::NoSuchInput(input) => plain(SPANDREL_OUT_OF_RANGE).values(0, input),
        RunError::SampleTooLong { length } => sample("sample-too-long").values(length, 0),
        RunError::SampleTooShort { length, fed } => sample("sample-too-short").values(length, fed),
        RunError::RawOutOfRange { index, value } => {
            spandrel_error { record: index, ..sample("raw-out-of-range").values(0, value) }
        }
        RunError::Busy => plain(SPANDREL_BUSY),
        RunError::NotThisImage => fault(&Fault { at: 0, kind: FaultKind::Corrupted }),
    }
}

/// A known answer that is not met.
#[must_use]
pub fn mismatch(mismatch: &Mismatch) -> spandrel_error {
    let wrong = |rule| {
        let way_out = "this firmware or this image computes something else than the compiler did: do not use its results";
        spandrel_error::new(SPANDREL_WRONG, rule, way_out)
    };
    let out = match mismatch.kind {
        MismatchKind::Unit { core, unit, expected, found } => {
            spandrel_error { config: core, unit, ..wrong("wrong-unit").values(expected, found) }
        }
        MismatchKind::Output { index, expected, found } => {
            spandrel_error { unit: index, ..wrong("wrong-output").values(expected, found) }
        }
        MismatchKind::OutputCount { expected, found } => wrong("wrong-count").values(expected, found),
        MismatchKind::State => wrong("wrong-state"),
        MismatchKind::Fault { instruction, kind } => fault(&Fault { at: instruction, kind }),
        MismatchKind::Refused(ref error) => run(error),
        MismatchKind::TooLong { work } => wrong("too-long").values(0, signed(work)),
    };
    spandrel_error { vector: mismatch.vector, ..out }
}

/// A known answer that a chip does not give; `core` is the physical core that was asked, if one was.
#[must_use]
pub fn answer(found: &Mismatch, core: Option<u32>) -> spandrel_error {
    let way_out = "the chip computes something else: read its configuration back; if that is right, the core named, or what joins cores, is broken";
    let core = core.unwrap_or(SPANDREL_NONE);
    spandrel_error { core, ..mismatch(found).way_out(way_out) }
}

/// What the self-test found.
#[must_use]
pub fn verdict(verdict: &Verdict) -> spandrel_error {
    let out = match &verdict.finding {
        Finding::Byte(found) => difference(found),
        Finding::Answer(found) => answer(found, verdict.core),
    };
    let (seat, way_out) = match verdict.seat {
        Seat::Transfer => {
            (SPANDREL_TRANSFER, "the wire to the chip is disturbed: check it, slow it down, and load again")
        }
        Seat::Configuration => {
            (SPANDREL_CONFIGURATION, "load the image again; if it comes back, the cell is broken")
        }
        Seat::Computation => (
            SPANDREL_COMPUTATION,
            "the configuration is right and the answer is not: use the core no more, or the chip",
        ),
    };
    spandrel_error { seat, ..out.way_out(way_out) }
}

/// Configuration that is not the image's.
#[must_use]
pub fn difference(at: &Difference) -> spandrel_error {
    let way_out = "the chip lost its configuration or got another: load the image again; if it comes back, the cell is broken";
    let out = spandrel_error::new(SPANDREL_DIFFERS, "differs", way_out).section(at.section);
    spandrel_error {
        offset: at.offset,
        config: at.config.unwrap_or(SPANDREL_NONE),
        core: at.core.unwrap_or(SPANDREL_NONE),
        unit: at.unit.unwrap_or(SPANDREL_NONE),
        ..out.values(at.expected, at.found)
    }
}

/// What an export comes to: a status, or an error with one.
pub type Outcome = Result<u32, spandrel_error>;

/// For a status that stands alone.
///
/// # Errors
/// Always.
pub fn fail<T>(status: u32) -> Result<T, spandrel_error> {
    Err(plain(status))
}
