//! PROGRAM: instructions of 16 bytes, executed from the first to the last once per sample.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | opcode |
//! | 1 | 1 | a |
//! | 2 | 2 | b |
//! | 4 | 4 | c |
//! | 8 | 4 | d |
//! | 12 | 4 | e |
//!
//! | opcode | a | b | c | d | e |
//! |---|---|---|---|---|---|
//! | 1 LOOP | register | 0 | trips, at least 1 | 0 | 0 |
//! | 2 END | register | 0 | instruction number of its LOOP | 0 | 0 |
//! | 3 GATHER | 0 | 0 | pattern | first input register | 0 |
//! | 4 INVOKE | bit 0 accumulate, bit 1 finish | register of the state term, or 0xFFFF | configuration | first word of state | words per unit of the register |
//! | 5 SCATTER | 0 set, 1 add | 0 | pattern | first sum register | 0 |
//! | 6 ADD | 0 set, 1 add, 2 maximum | 0 | pattern | first sum register | 0 |
//! | 7 RATE | register of the tick | 0 | pattern | first sum register | window in ticks |
//! | 8 TICK | 0 | 0 | 0 | 0 | 0 |
//! | 9 RESET | 0 sums, 1 edge, 2 state | 0 | edge, or first word | words (2), else 0 | value (2), else 0 |
//! | 10 EMIT | 0 | output | pattern | 0 | 0 |
//!
//! A LOOP sets its register to 0 and runs its body `trips` times, the register counting up.
//! Fields that an opcode does not use are 0. There are no jumps and trip counts are constants,
//! so running time and memory are known before running.

use super::{
    access::LOOP_REGISTERS,
    error::{ImageError, Rule},
    tag::Tag,
};
use crate::bytes::{Fields, Sink};

/// Bytes of a record.
pub const INSTRUCTION_BYTES: usize = 16;
/// The register field that names none.
pub const NO_REGISTER: u16 = 0xFFFF;

/// How SCATTER stores and ADD combines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// The new value alone.
    Set,
    /// The sum, saturated to the target's range.
    Add,
    /// The larger one.
    Max,
}

/// What RESET fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetTarget {
    /// All sum registers, with zero.
    Sums,
    /// Every slot of an edge, with its reset code.
    Edge(u32),
    /// Words of state, with a value.
    State {
        /// First word.
        first: u32,
        /// Number of words.
        words: u32,
        /// The value.
        value: i32,
    },
}

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Repeat what follows up to the matching END.
    Loop {
        /// Loop register.
        register: u8,
        /// Number of repetitions.
        trips: u32,
    },
    /// Closes a loop.
    End {
        /// Loop register.
        register: u8,
        /// Instruction number of the LOOP.
        start: u32,
    },
    /// Input registers := signals.
    Gather {
        /// Pattern.
        access: u32,
        /// First input register.
        first: u32,
    },
    /// Run a configuration on input registers and sum registers.
    Invoke {
        /// Add to the sum registers instead of setting them.
        accumulate: bool,
        /// Then shift, activate and clip the sums.
        finish: bool,
        /// Configuration.
        config: u32,
        /// First word of state.
        state: u32,
        /// Loop register that moves the state, or [`NO_REGISTER`].
        register: u16,
        /// Words of state per unit of the register.
        stride: u32,
    },
    /// Signals := sum registers.
    Scatter {
        /// Set or add.
        combine: Combine,
        /// Pattern.
        access: u32,
        /// First sum register.
        first: u32,
    },
    /// Sum registers := or += signals, or the larger of both.
    Add {
        /// How.
        combine: Combine,
        /// Pattern.
        access: u32,
        /// First sum register.
        first: u32,
    },
    /// Sum registers := spikes of rate codes: for code c at tick t of a window w,
    /// 1 if floor((t+1)c/w) > floor(tc/w), else 0.
    Rate {
        /// Loop register that counts the window's ticks.
        register: u8,
        /// Pattern.
        access: u32,
        /// First sum register.
        first: u32,
        /// Window in ticks.
        window: u32,
    },
    /// Time advances: rings turn.
    Tick,
    /// Back to the reset values.
    Reset(ResetTarget),
    /// Signals leave the chip.
    Emit {
        /// Output number.
        output: u16,
        /// Pattern.
        access: u32,
    },
}

const fn combine(code: u8) -> Option<Combine> {
    Some(match code {
        0 => Combine::Set,
        1 => Combine::Add,
        2 => Combine::Max,
        _ => return None,
    })
}

impl Instruction {
    /// The instruction's name as in the table above.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Loop { .. } => "LOOP",
            Self::End { .. } => "END",
            Self::Gather { .. } => "GATHER",
            Self::Invoke { .. } => "INVOKE",
            Self::Scatter { .. } => "SCATTER",
            Self::Add { .. } => "ADD",
            Self::Rate { .. } => "RATE",
            Self::Tick => "TICK",
            Self::Reset(_) => "RESET",
            Self::Emit { .. } => "EMIT",
        }
    }

    /// Reads record `record`. References and nesting are checked by the image.
    ///
    /// # Errors
    /// An unknown opcode or mode, an unused field that is not 0.
    pub fn parse(bytes: &[u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::PROGRAM, record, field, rule);
        let short = error("record", Rule::TooShort);
        let op = bytes.u8_at(0).ok_or(short)?;
        let a = bytes.u8_at(1).ok_or(short)?;
        let b = bytes.u16_at(2).ok_or(short)?;
        let c = bytes.u32_at(4).ok_or(short)?;
        let d = bytes.u32_at(8).ok_or(short)?;
        let e = bytes.u32_at(12).ok_or(short)?;
        let mode = combine(a).ok_or(error("mode", Rule::UnknownCode(u32::from(a))));
        let instruction = match op {
            1 => Self::Loop { register: a, trips: c },
            2 => Self::End { register: a, start: c },
            3 => Self::Gather { access: c, first: d },
            4 => Self::Invoke {
                accumulate: a & 1 != 0,
                finish: a & 2 != 0,
                config: c,
                state: d,
                register: b,
                stride: e,
            },
            5 => Self::Scatter { combine: mode?, access: c, first: d },
            6 => Self::Add { combine: mode?, access: c, first: d },
            7 => Self::Rate { register: a, access: c, first: d, window: e },
            8 => Self::Tick,
            9 => Self::Reset(match a {
                0 => ResetTarget::Sums,
                1 => ResetTarget::Edge(c),
                2 => ResetTarget::State { first: c, words: d, value: e as i32 },
                _ => return Err(error("target", Rule::UnknownCode(u32::from(a)))),
            }),
            10 => Self::Emit { output: b, access: c },
            other => return Err(error("opcode", Rule::UnknownCode(u32::from(other)))),
        };
        // Whatever the instruction does not carry must be zero: writing it again shows that.
        let mut again = [0u8; INSTRUCTION_BYTES];
        instruction.write(&mut again);
        if bytes != again {
            return Err(error("reserved", Rule::NotZero));
        }
        let register = match instruction {
            Self::Loop { register, .. } | Self::End { register, .. } | Self::Rate { register, .. } => {
                u16::from(register)
            }
            Self::Invoke { register, .. } if register != NO_REGISTER => register,
            _ => 0,
        };
        if usize::from(register) >= LOOP_REGISTERS {
            return Err(error("register", Rule::OutOfRange));
        }
        match instruction {
            Self::Loop { trips: 0, .. } => Err(error("trips", Rule::OutOfRange)),
            Self::Rate { window: 0, .. } => Err(error("window", Rule::OutOfRange)),
            Self::Scatter { combine: Combine::Max, .. } => Err(error("mode", Rule::OutOfRange)),
            Self::Invoke { register: NO_REGISTER, stride: 1.., .. } => Err(error("stride", Rule::NotZero)),
            _ => Ok(instruction),
        }
    }

    fn write(&self, out: &mut [u8; INSTRUCTION_BYTES]) {
        let mode = |combine: &Combine| match combine {
            Combine::Set => 0u8,
            Combine::Add => 1,
            Combine::Max => 2,
        };
        let (op, a, b, c, d, e) = match self {
            Self::Loop { register, trips } => (1, *register, 0, *trips, 0, 0),
            Self::End { register, start } => (2, *register, 0, *start, 0, 0),
            Self::Gather { access, first } => (3, 0, 0, *access, *first, 0),
            Self::Invoke { accumulate, finish, config, state, register, stride } => {
                (4, u8::from(*accumulate) | u8::from(*finish) << 1, *register, *config, *state, *stride)
            }
            Self::Scatter { combine, access, first } => (5, mode(combine), 0, *access, *first, 0),
            Self::Add { combine, access, first } => (6, mode(combine), 0, *access, *first, 0),
            Self::Rate { register, access, first, window } => (7, *register, 0, *access, *first, *window),
            Self::Tick => (8, 0, 0, 0, 0, 0),
            Self::Reset(ResetTarget::Sums) => (9, 0, 0, 0, 0, 0),
            Self::Reset(ResetTarget::Edge(edge)) => (9, 1, 0, *edge, 0, 0),
            Self::Reset(ResetTarget::State { first, words, value }) => {
                (9, 2, 0, *first, *words, *value as u32)
            }
            Self::Emit { output, access } => (10, 0, *output, *access, 0, 0),
        };
        let mut at = 0;
        let mut sink = |bytes: &[u8]| {
            if let Some(target) = out.get_mut(at..at + bytes.len()) {
                target.copy_from_slice(bytes);
            }
            at += bytes.len();
        };
        sink.put_u8(op);
        sink.put_u8(a);
        sink.put_u16(b);
        sink.put_u32(c);
        sink.put_u32(d);
        sink.put_u32(e);
    }

    /// Writes the record; the inverse of [`Instruction::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        let mut bytes = [0u8; INSTRUCTION_BYTES];
        self.write(&mut bytes);
        sink.put(&bytes);
    }
}
