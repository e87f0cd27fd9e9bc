//! EDGES: buffers of signals, 16 bytes each.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | signals in a slot, at least 1 |
//! | 4 | 1 | codec: 0 bit, 1 u8, 2 i8, 3 i16, 4 i32 |
//! | 5 | 1 | flags: bit 0 = a TICK fills the new head slot with the reset code |
//! | 6 | 2 | slots, at least 1 |
//! | 8 | 4 | reset code, signed |
//! | 12 | 4 | first word in the machine's memory (the reader recomputes and compares it) |
//!
//! One slot is a plain buffer. `d + 1` slots form a ring: writes go to the head, a read of
//! age `a` sees what was written `a` ticks ago, and a TICK turns the ring by one slot.
//! A ring's first word holds its head; then come the slots, each starting on a word.
//! Within a word the signal with the lowest number takes the lowest bits.

use super::{
    error::{ImageError, Rule},
    tag::Tag,
};
use crate::bytes::{Fields, Sink};

/// Bytes of a record.
pub const EDGE_BYTES: usize = 16;

/// How a signal is held in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Codec {
    /// One bit: 0 or 1.
    Bit,
    /// 0..=255.
    U8,
    /// -128..=127.
    I8,
    /// -32768..=32767.
    I16,
    /// Any i32.
    I32,
}

impl Codec {
    /// The codec with this code.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Bit,
            1 => Self::U8,
            2 => Self::I8,
            3 => Self::I16,
            4 => Self::I32,
            _ => return None,
        })
    }

    /// The codec's code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Bit => 0,
            Self::U8 => 1,
            Self::I8 => 2,
            Self::I16 => 3,
            Self::I32 => 4,
        }
    }

    /// Bits of a signal.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Bit => 1,
            Self::U8 | Self::I8 => 8,
            Self::I16 => 16,
            Self::I32 => 32,
        }
    }

    /// Smallest and largest value.
    #[must_use]
    pub const fn range(self) -> (i32, i32) {
        match self {
            Self::Bit => (0, 1),
            Self::U8 => (0, 255),
            Self::I8 => (-128, 127),
            Self::I16 => (-32768, 32767),
            Self::I32 => (i32::MIN, i32::MAX),
        }
    }

    /// `value` saturated to the codec's range: what a write stores.
    #[must_use]
    pub const fn saturate(self, value: i32) -> i32 {
        let (lo, hi) = self.range();
        if value < lo {
            lo
        } else if value > hi {
            hi
        } else {
            value
        }
    }

    /// The value held in the low bits of `field`.
    #[must_use]
    pub const fn decode(self, field: u32) -> i32 {
        match self {
            Self::Bit => (field & 1) as i32,
            Self::U8 => (field & 0xFF) as i32,
            Self::I8 => (field & 0xFF) as u8 as i8 as i32,
            Self::I16 => (field & 0xFFFF) as u16 as i16 as i32,
            Self::I32 => field as i32,
        }
    }

    /// The low bits that hold `value` after saturation.
    #[must_use]
    pub const fn encode(self, value: i32) -> u32 {
        let value = self.saturate(value) as u32;
        match self {
            Self::I32 => value,
            _ => value & ((1u32 << self.bits()) - 1),
        }
    }
}

/// A buffer of signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Signals in a slot.
    pub length: u32,
    /// How a signal is held.
    pub codec: Codec,
    /// Whether a TICK fills the new head slot with the reset code.
    pub clear_on_tick: bool,
    /// Slots; more than one form a ring.
    pub slots: u16,
    /// What a reset writes.
    pub reset: i32,
    /// First word in the machine's memory.
    pub ram_offset: u32,
}

impl Edge {
    /// Words of one slot.
    #[must_use]
    pub const fn slot_words(&self) -> u32 {
        let bits = self.length as u64 * self.codec.bits() as u64;
        bits.div_ceil(32) as u32
    }

    /// Words of the edge, head included; `None` when they can not be counted.
    #[must_use]
    pub fn words(&self) -> Option<u32> {
        let head = u32::from(self.slots > 1);
        self.slot_words().checked_mul(u32::from(self.slots))?.checked_add(head)
    }

    /// Reads record `record`.
    ///
    /// # Errors
    /// A field out of range.
    pub fn parse(bytes: &[u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::EDGES, record, field, rule);
        let short = error("record", Rule::TooShort);
        let code = bytes.u8_at(4).ok_or(short)?;
        let codec = Codec::from_code(code).ok_or(error("codec", Rule::UnknownCode(u32::from(code))))?;
        let flags = bytes.u8_at(5).ok_or(short)?;
        let edge = Self {
            length: bytes.u32_at(0).ok_or(short)?,
            codec,
            clear_on_tick: flags & 1 != 0,
            slots: bytes.u16_at(6).ok_or(short)?,
            reset: bytes.i32_at(8).ok_or(short)?,
            ram_offset: bytes.u32_at(12).ok_or(short)?,
        };
        if flags > 1 {
            return Err(error("flags", Rule::NotZero));
        }
        // 2^26 signals keep every bit count within 32 bits.
        if edge.length == 0 || edge.length > 1 << 26 {
            return Err(error("length", Rule::OutOfRange));
        }
        if edge.slots == 0 {
            return Err(error("slots", Rule::OutOfRange));
        }
        if codec.saturate(edge.reset) != edge.reset {
            return Err(error("reset", Rule::OutOfRange));
        }
        Ok(edge)
    }

    /// Writes the record; the inverse of [`Edge::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put_u32(self.length);
        sink.put_u8(self.codec.code());
        sink.put_u8(u8::from(self.clear_on_tick));
        sink.put_u16(self.slots);
        sink.put_i32(self.reset);
        sink.put_u32(self.ram_offset);
    }
}
