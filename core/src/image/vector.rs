//! VECTORS: known answers, as a list.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | kind: 0 whole network, 1 one configuration |
//! | 1 | 1 | flags: bit 0 = override the shift, bit 1 = override the activation (configurations in test mode) |
//! | 2 | 1 | shift in test mode, else 0 |
//! | 3 | 1 | activation in test mode (0 none, 1 ReLU), else 0 |
//! | 4 | 4 | configuration (kind 1), or input (kind 0) |
//! | 8 | 1 | codec of the inputs |
//! | 9 | 1 | codec of the answers |
//! | 10 | 2 | reserved, 0 |
//! | 12 | 4 | number of inputs |
//! | 16 | 4 | number of answers |
//! | 20 | 32 | state digest after the sample (kind 0), else 0 |
//! | 52 | n | inputs, then (from a multiple of 4) answers, each padded with zeros to a multiple of 4 |
//!
//! A network vector holds raw sample values and every emitted code in order. A configuration's
//! vector holds input codes and, for each column, what its array reads *before* sums and
//! activation, so that each array of a sum is answered for on its own. With an input for each bias row
//! as well (test mode) those are driven by it, and not by the bias code.

use super::{
    edge::Codec,
    error::{ImageError, Rule},
    seal::Digest32,
    tag::Tag,
};
use crate::bytes::{Fields, Sink};

/// Bytes before the data.
const HEAD_BYTES: usize = 52;

/// What a known answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A sample through the whole program.
    Network {
        /// Input number.
        input: u32,
        /// State digest after the sample.
        digest: Digest32,
    },
    /// One read of one configuration.
    Config {
        /// Configuration number.
        config: u32,
        /// Shift in test mode.
        shift: Option<u8>,
        /// Activation in test mode: `true` for ReLU, `false` for none.
        relu: Option<bool>,
    },
}

/// A run of small integers as they lie in an image.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    codec: Codec,
    bytes: &'a [u8],
    count: u32,
}

impl<'a> Values<'a> {
    /// Values over `bytes`, which must hold `count` of them, byte-wise.
    #[must_use]
    pub fn new(codec: Codec, bytes: &'a [u8], count: u32) -> Option<Self> {
        (codec != Codec::Bit && bytes.len() as u64 >= u64::from(count) * u64::from(codec.bits() / 8))
            .then_some(Self { codec, bytes, count })
    }

    /// Number of values.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How they are held.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// Value `index`.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<i32> {
        if index >= self.count {
            return None;
        }
        let at = usize::try_from(index).ok()?;
        Some(match self.codec {
            Codec::Bit => return None,
            Codec::U8 => i32::from(self.bytes.u8_at(at)?),
            Codec::I8 => i32::from(self.bytes.u8_at(at)? as i8),
            Codec::I16 => i32::from(self.bytes.u16_at(at.checked_mul(2)?)? as i16),
            Codec::I32 => self.bytes.i32_at(at.checked_mul(4)?)?,
        })
    }
}

/// A known answer.
#[derive(Clone, Copy, Debug)]
pub struct Vector<'a> {
    /// What it belongs to.
    pub subject: Subject,
    /// What goes in.
    pub inputs: Values<'a>,
    /// What must come out.
    pub answers: Values<'a>,
}

impl<'a> Vector<'a> {
    /// Reads record `record`. References are checked by the image.
    ///
    /// # Errors
    /// A field out of range.
    pub fn parse(bytes: &'a [u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::VECTORS, record, field, rule);
        let short = error("record", Rule::TooShort);
        let byte = |at: usize| bytes.u8_at(at).ok_or(short);
        let codec = |at: usize, field| {
            byte(at).and_then(|code| {
                Codec::from_code(code)
                    .filter(|codec| *codec != Codec::Bit)
                    .ok_or(error(field, Rule::UnknownCode(u32::from(code))))
            })
        };
        let number = bytes.u32_at(4).ok_or(short)?;
        let digest_bytes = bytes.slice_at(20, 32).ok_or(short)?;
        let (flags, shift, relu) = (byte(1)?, byte(2)?, byte(3)?);
        if bytes.u16_at(10) != Some(0) {
            return Err(error("reserved", Rule::NotZero));
        }
        let subject = match byte(0)? {
            0 => {
                if (flags, shift, relu) != (0, 0, 0) {
                    return Err(error("flags", Rule::NotZero));
                }
                let mut digest = [0u8; 32];
                digest.copy_from_slice(digest_bytes);
                Subject::Network { input: number, digest }
            }
            1 => {
                let unused = (flags & 1 == 0 && shift != 0) || (flags & 2 == 0 && relu != 0);
                if flags > 3 || unused || digest_bytes.iter().any(|byte| *byte != 0) {
                    return Err(error("flags", Rule::NotZero));
                }
                if shift > 40 || relu > 1 {
                    return Err(error("test mode", Rule::OutOfRange));
                }
                Subject::Config {
                    config: number,
                    shift: (flags & 1 != 0).then_some(shift),
                    relu: (flags & 2 != 0).then_some(relu == 1),
                }
            }
            code => return Err(error("kind", Rule::UnknownCode(u32::from(code)))),
        };
        let (inputs, at) =
            values(bytes, codec(8, "input codec")?, bytes.u32_at(12).ok_or(short)?, HEAD_BYTES)
                .ok_or(error("inputs", Rule::TooShort))?;
        let (answers, at) = values(bytes, codec(9, "answer codec")?, bytes.u32_at(16).ok_or(short)?, at)
            .ok_or(error("answers", Rule::TooShort))?;
        if at != bytes.len() {
            return Err(error("record", Rule::LengthMismatch));
        }
        Ok(Self { subject, inputs, answers })
    }

    /// Writes the record; the inverse of [`Vector::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        let (kind, flags, shift, relu, number, digest) = match self.subject {
            Subject::Network { input, digest } => (0, 0, 0, 0, input, digest),
            Subject::Config { config, shift, relu } => {
                let flags = u8::from(shift.is_some()) | u8::from(relu.is_some()) << 1;
                (1, flags, shift.unwrap_or(0), u8::from(relu.unwrap_or(false)), config, [0; 32])
            }
        };
        sink.put(&[kind, flags, shift, relu]);
        sink.put_u32(number);
        sink.put(&[self.inputs.codec.code(), self.answers.codec.code(), 0, 0]);
        sink.put_u32(self.inputs.count);
        sink.put_u32(self.answers.count);
        sink.put(&digest);
        for values in [self.inputs, self.answers] {
            let length = values.count as usize * (values.codec.bits() / 8) as usize;
            sink.put(values.bytes.get(..length).unwrap_or(&[]));
            for _ in length..length.next_multiple_of(4) {
                sink.put_u8(0);
            }
        }
    }
}

fn values(bytes: &[u8], codec: Codec, count: u32, at: usize) -> Option<(Values<'_>, usize)> {
    let length = usize::try_from(u64::from(count).checked_mul(u64::from(codec.bits() / 8))?).ok()?;
    let padded = length.checked_next_multiple_of(4)?;
    let run = bytes.slice_at(at, padded)?;
    if run.get(length..)?.iter().any(|byte| *byte != 0) {
        return None;
    }
    Some((Values { codec, bytes: run.get(..length)?, count }, at.checked_add(padded)?))
}
