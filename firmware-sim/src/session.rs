//! One session: receive and check an image, run its known answers, then samples as they come.

use crate::{
    board::{Board, Clock, stack_high_water, stack_room},
    facts::{Class, Hex, Word, state},
    outputs::Outputs,
    stream::{Frames, StreamError},
};
use spandrel_core::{
    image::{Image, ImageError, Values},
    machine::{Fault, Machine, RunError, Step},
    verify::{KnownAnswers, Mismatch, MismatchKind},
};

/// Work units between two looks at the clock: what a control loop would grant the network.
const SLICE: u64 = 1024;

/// Work units of a sample (a cell read, a signal moved) beyond which the board would be
/// busy for minutes: the image is refused rather than begun.
const WORK_MAX: u64 = 1 << 30;

/// Why a session did not end well.
pub enum End {
    /// The image breaks a rule of the format.
    Refused(ImageError),
    /// The image needs more than the board has.
    TooLarge {
        /// What there is too little of: `image-bytes`, `machine-words` or `work`.
        what: &'static str,
        /// What the image needs.
        needed: u64,
        /// What the board has.
        available: u64,
    },
    /// A known answer is not met.
    Mismatch(Mismatch),
    /// The machine stopped.
    Fault {
        /// Sample number.
        sample: u32,
        /// Where and why.
        fault: Fault,
    },
    /// A sample does not fit the image.
    SampleLength {
        /// Sample number.
        sample: u32,
        /// Bytes that the image's inputs take.
        expected: u64,
        /// Bytes of the frame.
        found: u64,
    },
    /// The machine refused a call.
    Run {
        /// Sample number.
        sample: u32,
        /// Why.
        error: RunError,
    },
    /// The stream broke off.
    Stream(StreamError),
    /// The stack has filled the room for it, and may have gone beyond: nothing that was computed counts.
    Stack {
        /// Bytes of stack that there are.
        room: usize,
    },
}

fn instructions(clock: Clock, start: u64) -> u64 {
    clock.instructions(clock.since(start))
}

/// Runs one session on the board.
///
/// # Errors
/// The first reason not to accept the image or a sample.
pub fn run(board: Board) -> Result<(), End> {
    let Board { uart, clock, mut store, sample, machine: words } = board;
    let mut frames = Frames::new(uart, clock);
    let length = match frames.keep(&mut store) {
        Ok(length) => length,
        Err(StreamError::TooLong { length, room }) => {
            let (needed, available) = (u64::from(length), u64::from(room));
            return Err(End::TooLarge { what: "image-bytes", needed, available });
        }
        Err(error) => return Err(End::Stream(error)),
    };
    let image = accept(store.into_bytes(length), words, clock)?;
    samples(&mut frames, &image, sample, words, clock)
}

// Functions that are not inlined: what one of them takes of the stack is free while the next one runs.

/// Parses the image and runs its known answers.
#[inline(never)]
fn accept<'b>(bytes: &'b [u8], words: &mut [u32], clock: Clock) -> Result<Image<'b>, End> {
    state(format_args!("image-bytes {}", bytes.len()));
    defmt::info!("received {=usize} bytes", bytes.len());
    let start = clock.now();
    let image = parse(bytes)?;
    state(format_args!("parse-instructions {}", instructions(clock, start)));
    state(format_args!("image-digest {}", Hex(image.digest())));
    state(format_args!("chip {} {}", Word(image.header().chip_name()), image.header().chip_revision));
    state(format_args!("machine-words {}", image.header().ram_words));
    state(format_args!("work {}", image.work()));
    defmt::info!(
        "image for chip {=str}: {=u32} configurations, {=u32} instructions, {=u32} words of memory, {=u64} work units a sample",
        image.header().chip_name(),
        image.config_count(),
        image.instruction_count(),
        image.header().ram_words,
        image.work()
    );
    for (what, needed, available) in [
        ("machine-words", u64::from(image.header().ram_words), words.len() as u64),
        ("work", image.work(), WORK_MAX),
    ] {
        if needed > available {
            return Err(End::TooLarge { what, needed, available });
        }
    }
    known_answers(&image, words, clock)?;
    Ok(image)
}

#[inline(never)]
fn parse(bytes: &[u8]) -> Result<Image<'_>, End> {
    Image::parse(bytes).map_err(End::Refused)
}

/// Runs the image's known answers.
#[inline(never)]
fn known_answers(image: &Image<'_>, words: &mut [u32], clock: Clock) -> Result<(), End> {
    let start = clock.now();
    let checked = KnownAnswers::new(image, image.weights()).check(words).map_err(End::Mismatch)?;
    state(format_args!(
        "known-answers networks={} configs={} values={}",
        checked.networks, checked.configs, checked.values
    ));
    state(format_args!("known-answers-instructions {}", instructions(clock, start)));
    stack_holds()?;
    if checked.values == 0 {
        defmt::warn!("the image holds no known answers: nothing was compared");
    } else {
        defmt::info!("known answers are met: {}", checked);
    }
    Ok(())
}

/// Runs samples until a frame of length 0.
#[inline(never)]
fn samples(
    frames: &mut Frames,
    image: &Image<'_>,
    room: &mut [u8],
    words: &mut [u32],
    clock: Clock,
) -> Result<(), End> {
    let run = |sample, error| End::Run { sample, error };
    let mut machine = Machine::new(image, image.weights(), words).map_err(|error| run(0, error))?;
    for sample in 0.. {
        let frame = frames.receive(room).map_err(End::Stream)?;
        if frame.is_empty() {
            break;
        }
        let start = clock.now();
        // Samples are independent, as in the host's engines.
        machine.reset();
        feed(&mut machine, sample, frame)?;
        machine.start().map_err(|error| run(sample, error))?;
        let mut outputs = Outputs::new(image, sample, clock);
        let (mut slices, mut longest, mut aside) = (0u32, 0u64, 0u64);
        loop {
            let slice = clock.now();
            let step = machine.step(SLICE, &mut outputs);
            slices = slices.saturating_add(1);
            let hashing = clock.instructions(outputs.aside());
            aside += hashing;
            longest = longest.max(instructions(clock, slice).saturating_sub(hashing));
            match step {
                Step::Running => {}
                Step::SampleDone => break,
                Step::Fault(fault) => return Err(End::Fault { sample, fault }),
            }
        }
        let total = instructions(clock, start).saturating_sub(aside);
        stack_holds()?;
        let class = outputs.class(image);
        state(format_args!(
            "sample {sample} class {} output {} state {} instructions {total} slices {slices} longest {longest}",
            Class(class),
            Hex(&outputs.digest()),
            Hex(&machine.snapshot().digest()),
        ));
        defmt::info!(
            "sample {=u32}: class {}, {=u64} instructions in {=u32} slices, the longest of {=u64}",
            sample,
            class,
            total,
            slices,
            longest
        );
    }
    state(format_args!("stack-bytes {}", stack_high_water()));
    Ok(())
}

/// The stack has not gone beyond its room so far.
fn stack_holds() -> Result<(), End> {
    let room = stack_room();
    if stack_high_water() < room { Ok(()) } else { Err(End::Stack { room }) }
}

/// Hands a frame's raw values to the image's inputs, one input behind the other.
fn feed(machine: &mut Machine<'_, '_, &[u8]>, sample: u32, frame: &[u8]) -> Result<(), End> {
    let image = *machine.image();
    let encoders = || (0..image.input_count()).filter_map(|input| Some((input, image.encoder(input)?)));
    let width = |encoder: &spandrel_core::image::Encoder| {
        u64::from(encoder.length) * u64::from(encoder.raw.bits() / 8)
    };
    let expected = encoders().fold(0u64, |sum, (_, encoder)| sum.saturating_add(width(&encoder)));
    let length = End::SampleLength { sample, expected, found: frame.len() as u64 };
    if expected != frame.len() as u64 {
        return Err(length);
    }
    let mut rest = frame;
    for (input, encoder) in encoders() {
        let split = rest.split_at_checked(width(&encoder) as usize);
        let values = split.and_then(|(bytes, behind)| {
            rest = behind;
            Values::new(encoder.raw, bytes, encoder.length)
        });
        let Some(values) = values else { return Err(length) };
        let raw = (0..values.len()).filter_map(|index| values.get(index));
        machine.feed(input, 0, raw).map_err(|error| End::Run { sample, error })?;
    }
    Ok(())
}

impl End {
    /// States the reason, for programs and for people, and gives the verdict and the exit code.
    pub fn report(&self) -> (&'static str, u32) {
        match self {
            Self::Refused(error) => {
                let place = error.place;
                state(format_args!(
                    "refused {} {} {} {}",
                    error.name(),
                    Word(place.section.text()),
                    place.record,
                    Word(place.field)
                ));
                defmt::error!(
                    "image refused: section {}, record {=u32}, {=str}: {=str} {}; {=str}",
                    place.section,
                    place.record,
                    place.field,
                    error.name(),
                    error.rule,
                    error.way_out()
                );
                ("refused", 1)
            }
            Self::TooLarge { what, needed, available } => {
                state(format_args!("too-large {what} {needed} {available}"));
                defmt::error!(
                    "image refused: it needs {=u64} {=str}, this board has {=u64}; compile for a larger board",
                    needed,
                    what,
                    available
                );
                ("refused", 1)
            }
            Self::Mismatch(mismatch) => {
                report_mismatch(mismatch);
                ("failed", 1)
            }
            Self::Fault { sample, fault } => {
                state(format_args!("fault sample {sample} instruction {} {:?}", fault.at, fault.kind));
                defmt::error!("sample {=u32}: the machine stopped: {}", sample, fault);
                ("failed", 1)
            }
            Self::SampleLength { sample, expected, found } => {
                state(format_args!("bad-sample {sample} expected {expected} found {found}"));
                defmt::error!(
                    "sample {=u32} has {=u64} bytes, the image's inputs take {=u64}; send raw values in the encoders' raw types",
                    sample,
                    found,
                    expected
                );
                ("broken", 2)
            }
            Self::Run { sample, error } => {
                state(format_args!("run-error sample {sample}: {error}"));
                defmt::error!("sample {=u32}: {}", sample, error);
                ("failed", 1)
            }
            Self::Stack { room } => {
                state(format_args!("stack-overflow {room}"));
                defmt::error!("the stack of {=usize} bytes is used up; reserve more in boards/", room);
                ("broken", 2)
            }
            Self::Stream(error) => {
                match error {
                    StreamError::Silent { expected, received } => {
                        state(format_args!("stream-silent expected {expected} received {received}"));
                    }
                    StreamError::TooLong { length, room } => {
                        state(format_args!("stream-too-long length {length} room {room}"));
                    }
                }
                defmt::error!("the stream broke: {}; send whole frames, and a frame of length 0 last", error);
                ("broken", 2)
            }
        }
    }
}

fn report_mismatch(mismatch: &Mismatch) {
    let vector = mismatch.vector;
    match mismatch.kind {
        MismatchKind::Unit { core, unit, expected, found } => {
            state(format_args!(
                "known-answer vector {vector} core {core} unit {unit} expected {expected} found {found}"
            ));
        }
        MismatchKind::Output { index, expected, found } => {
            state(format_args!(
                "known-answer vector {vector} output {index} expected {expected} found {found}"
            ));
        }
        MismatchKind::OutputCount { expected, found } => {
            state(format_args!("known-answer vector {vector} count expected {expected} found {found}"));
        }
        MismatchKind::State => state(format_args!("known-answer vector {vector} state")),
        MismatchKind::Fault { instruction, kind } => {
            state(format_args!("known-answer vector {vector} fault {instruction} {kind:?}"));
        }
        MismatchKind::Refused(error) => state(format_args!("known-answer vector {vector} refused: {error}")),
        MismatchKind::TooLong { work } => {
            state(format_args!("known-answer vector {vector} takes {work} units"))
        }
    }
    defmt::error!("a known answer is not met: {}; transfer the image again or replace the core", mismatch);
}
