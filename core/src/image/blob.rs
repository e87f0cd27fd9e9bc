//! BLOBS: directory of the weights, 48 bytes each; the weights lie in WEIGHTS.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 1 | encoding: 0 dense, 1 sign-magnitude, 2 codebook, 3 axon-typed, 4 sparse blocks |
//! | 1 | 1 | bits of a field, 1..=32 (sign-magnitude: of the magnitude, 1..=16; codebook: of the index, 1..=8; axon-typed: 1) |
//! | 2 | 2 | flags: bit 0 = codebook per column; sparse: rows of a block, 1..=256 |
//! | 4 | 4 | rows, bias rows included |
//! | 8 | 4 | columns |
//! | 12 | 4 | values table (codebook: 2^bits entries, or columns x 2^bits; axon-typed: columns x types), else 0xFFFF_FFFF |
//! | 16 | 4 | types table (axon-typed: one type a row), else 0xFFFF_FFFF |
//! | 20 | 4 | number of axon types, else 0 |
//! | 24 | 8 | offset in WEIGHTS |
//! | 32 | 8 | length in bytes |
//! | 40 | 8 | reserved, 0 |
//!
//! A *column* holds all weights that one output sums. Columns follow one another; within a
//! column the weight of row 0 comes first. Fields of `bits` bits are packed with the first
//! field in the lowest bits of the first byte; every column starts on a byte.
//!
//! * dense: two's complement fields.
//! * sign-magnitude: a column's magnitudes, then (from a byte) a bit a row, 1 = negative.
//! * codebook: indices into the values table.
//! * axon-typed: 1-bit synapses; a set bit stands for values[column * types + type of row].
//! * sparse blocks: u32 starts[columns + 1] in blocks, then u32 first row of each block, then
//!   the blocks, each `rows of a block` dense fields and starting on a byte.

use super::{
    error::{ImageError, Rule},
    tag::Tag,
};
use crate::bytes::{Fields, Sink};

/// Bytes of a record.
pub const BLOB_BYTES: usize = 48;
/// The blob reference that names none.
pub const NO_BLOB: u32 = u32::MAX;

/// How weights are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Two's complement fields.
    Dense,
    /// Magnitudes and a sign plane.
    SignMagnitude,
    /// Indices into a table.
    Codebook,
    /// One-bit synapses over typed axons.
    AxonTyped,
    /// Dense blocks of consecutive rows; what lies between is zero.
    SparseBlocks,
}

impl Encoding {
    const ALL: [Self; 5] =
        [Self::Dense, Self::SignMagnitude, Self::Codebook, Self::AxonTyped, Self::SparseBlocks];

    const fn code(self) -> u8 {
        match self {
            Self::Dense => 0,
            Self::SignMagnitude => 1,
            Self::Codebook => 2,
            Self::AxonTyped => 3,
            Self::SparseBlocks => 4,
        }
    }
}

/// Directory entry of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// How weights are held.
    pub encoding: Encoding,
    /// Bits of a field.
    pub bits: u8,
    /// See the table above.
    pub flags: u16,
    /// Rows, bias rows included.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
    /// Values table, or none.
    pub values: u32,
    /// Types table, or none.
    pub types: u32,
    /// Number of axon types.
    pub type_count: u32,
    /// Offset in WEIGHTS.
    pub offset: u64,
    /// Length in bytes.
    pub length: u64,
}

impl Blob {
    /// Bytes of a dense run of `rows` fields.
    #[must_use]
    pub const fn run_bytes(&self, rows: u32) -> u64 {
        (rows as u64 * self.bits as u64).div_ceil(8)
    }

    /// Bytes of a column; for sparse blocks, of a block.
    #[must_use]
    pub const fn stride(&self) -> u64 {
        match self.encoding {
            Encoding::SignMagnitude => self.run_bytes(self.rows) + (self.rows as u64).div_ceil(8),
            Encoding::SparseBlocks => self.run_bytes(self.flags as u32),
            Encoding::Dense | Encoding::Codebook | Encoding::AxonTyped => self.run_bytes(self.rows),
        }
    }

    /// Reads record `record`. References and the data's extent are checked by the image.
    ///
    /// # Errors
    /// A field out of range.
    pub fn parse(bytes: &[u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::BLOBS, record, field, rule);
        let short = error("record", Rule::TooShort);
        let code = bytes.u8_at(0).ok_or(short)?;
        let encoding = *Encoding::ALL
            .get(usize::from(code))
            .ok_or(error("encoding", Rule::UnknownCode(u32::from(code))))?;
        let blob = Self {
            encoding,
            bits: bytes.u8_at(1).ok_or(short)?,
            flags: bytes.u16_at(2).ok_or(short)?,
            rows: bytes.u32_at(4).ok_or(short)?,
            columns: bytes.u32_at(8).ok_or(short)?,
            values: bytes.u32_at(12).ok_or(short)?,
            types: bytes.u32_at(16).ok_or(short)?,
            type_count: bytes.u32_at(20).ok_or(short)?,
            offset: bytes.u64_at(24).ok_or(short)?,
            length: bytes.u64_at(32).ok_or(short)?,
        };
        if bytes.u64_at(40).ok_or(short)? != 0 {
            return Err(error("reserved", Rule::NotZero));
        }
        let (bits_max, flags_ok) = match encoding {
            Encoding::Dense => (32, blob.flags == 0),
            Encoding::SignMagnitude => (16, blob.flags == 0),
            Encoding::Codebook => (8, blob.flags <= 1),
            Encoding::AxonTyped => (1, blob.flags == 0),
            Encoding::SparseBlocks => (32, (1..=256).contains(&blob.flags)),
        };
        if blob.bits == 0 || blob.bits > bits_max {
            return Err(error("bits", Rule::OutOfRange));
        }
        if !flags_ok {
            return Err(error("flags", Rule::OutOfRange));
        }
        // 2^24 rows or columns leave every product below within 64 bits.
        if blob.rows == 0 || blob.rows > 1 << 24 {
            return Err(error("rows", Rule::OutOfRange));
        }
        if blob.columns == 0 || blob.columns > 1 << 24 {
            return Err(error("columns", Rule::OutOfRange));
        }
        let needed = blob.stride() * u64::from(blob.columns);
        if encoding != Encoding::SparseBlocks && blob.length != needed {
            return Err(error("length", Rule::LengthMismatch));
        }
        Ok(blob)
    }

    /// Writes the record; the inverse of [`Blob::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put_u8(self.encoding.code());
        sink.put_u8(self.bits);
        sink.put_u16(self.flags);
        sink.put_u32(self.rows);
        sink.put_u32(self.columns);
        sink.put_u32(self.values);
        sink.put_u32(self.types);
        sink.put_u32(self.type_count);
        sink.put_u64(self.offset);
        sink.put_u64(self.length);
        sink.put_u64(0);
    }
}
