//! CONFIGS: core configurations, 64 bytes each.
//!
//! The first two bytes name the kind: 1 crossbar, 2 mac (see [`super::config_mac`]), 3 spiking (see [`super::config_spiking`]).
//! A crossbar:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 2 | kind, 1 |
//! | 2 | 2 | reserved, 0 |
//! | 4 | 4 | rows: inputs taken from the input registers (0: no array, the sum alone is finished) |
//! | 8 | 4 | bias rows behind them, driven by the bias code |
//! | 12 | 4 | columns: outputs |
//! | 16 | 4 | blob, or 0xFFFF_FFFF without an array |
//! | 20 | 1 | input bits, 1..=16 |
//! | 21 | 1 | DAC bits: passes = input bits / DAC bits |
//! | 22 | 1 | cell bits, 1..=8 |
//! | 23 | 1 | slices: cells of a weight's magnitude; cell bits * slices <= 16 |
//! | 24 | 1 | output bits of a composed read, 1..=24 |
//! | 25 | 1 | polarity: 0 differential pair, 1 offset weights |
//! | 26 | 1 | readout: 0 composed, 1 exact |
//! | 27 | 1 | ADC bits of an exact read, 1..=24, else 0 |
//! | 28 | 1 | rounding of a composed read: 0 toward zero, 1 floor |
//! | 29 | 1 | shift s of a composed read, 0..=40, else 0 |
//! | 30 | 1 | adder bits, 2..=32 |
//! | 31 | 1 | sum shift, 0..=31 |
//! | 32 | 1 | activation: 0 none, 1 ReLU, 2 table |
//! | 33 | 1 | outputs of which the maximum is kept, 1..=16 |
//! | 34 | 2 | reserved, 0 |
//! | 36 | 4 | bias code, 0..2^input bits |
//! | 40 | 4 | smallest output code |
//! | 44 | 4 | largest output code |
//! | 48 | 4 | activation table, or 0xFFFF_FFFF |
//! | 52 | 4 | the key that the table's first entry stands for |
//! | 56 | 8 | reserved, 0 |

use super::{
    config_mac::{KIND_MAC, emit_mac, parse_mac},
    config_spiking::{KIND_SPIKING, emit_spiking, parse_spiking},
    error::{ImageError, Rule},
    tag::Tag,
};
use crate::{
    arith::Rounding,
    bytes::{Fields, Sink},
    crossbar::{Activation, Crossbar, Polarity, Readout},
    mac::Mac,
    spiking::Spiking,
};

/// Bytes of a record.
pub const CONFIG_BYTES: usize = 64;

const KIND_CROSSBAR: u16 = 1;

/// A core configuration of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Config {
    /// A processing-in-memory array with its periphery.
    Crossbar(Crossbar),
    /// A digital multiply-accumulate core.
    Mac(Mac),
    /// Neurons that integrate spikes.
    Spiking(Spiking),
}

impl Config {
    /// Inputs taken from the input registers.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        match self {
            Self::Crossbar(crossbar) => crossbar.rows,
            Self::Mac(mac) => mac.rows,
            Self::Spiking(spiking) => spiking.rows,
        }
    }

    /// Outputs written to the sum registers, before a maximum of neighbours is taken.
    #[must_use]
    pub const fn columns(&self) -> u32 {
        match self {
            Self::Crossbar(crossbar) => crossbar.columns,
            Self::Mac(mac) => mac.columns,
            Self::Spiking(spiking) => spiking.columns,
        }
    }

    /// Sum registers that an invocation takes: one a column, two where the accumulator is wider than one.
    #[must_use]
    pub const fn sums(&self) -> u32 {
        match self {
            Self::Mac(mac) if mac.wide() => 2 * mac.columns,
            _ => self.columns(),
        }
    }

    /// Words of state that an invocation is lent. Crossbars and digital cores keep none; a spiking core's are laid out as
    /// [`Spiking::state_words`] says.
    #[must_use]
    pub const fn state_words(&self) -> u32 {
        match self {
            Self::Crossbar(_) | Self::Mac(_) => 0,
            Self::Spiking(spiking) => spiking.state_words(),
        }
    }

    /// The blob it reads, or [`super::blob::NO_BLOB`].
    #[must_use]
    pub const fn blob(&self) -> u32 {
        match self {
            Self::Crossbar(crossbar) => crossbar.blob,
            Self::Mac(mac) => mac.blob,
            Self::Spiking(spiking) => spiking.blob,
        }
    }

    /// Work units of a column: a unit a weight, and one for what follows the sum.
    #[must_use]
    pub const fn column_work(&self) -> u64 {
        match self {
            Self::Crossbar(crossbar) => crossbar.rows as u64 + crossbar.bias_rows as u64 + 1,
            Self::Mac(mac) => mac.rows as u64 + 1,
            Self::Spiking(spiking) => spiking.rows as u64 + 1,
        }
    }

    /// Reads record `record`. References are checked by the image.
    ///
    /// # Errors
    /// An unknown kind, a field out of range.
    pub fn parse(bytes: &[u8], record: u32) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::CONFIGS, record, field, rule);
        match bytes.u16_at(0).ok_or(error("kind", Rule::TooShort))? {
            KIND_CROSSBAR => parse_crossbar(bytes, record).map(Self::Crossbar),
            KIND_MAC => parse_mac(bytes, record).map(Self::Mac),
            KIND_SPIKING => parse_spiking(bytes, record).map(Self::Spiking),
            other => Err(error("kind", Rule::UnknownCode(u32::from(other)))),
        }
    }

    /// Writes the record; the inverse of [`Config::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        match self {
            Self::Crossbar(crossbar) => emit_crossbar(crossbar, sink),
            Self::Mac(mac) => emit_mac(mac, sink),
            Self::Spiking(spiking) => emit_spiking(spiking, sink),
        }
    }
}

fn parse_crossbar(bytes: &[u8], record: u32) -> Result<Crossbar, ImageError> {
    let error = |field, rule| ImageError::new(Tag::CONFIGS, record, field, rule);
    let byte = |at: usize, field| bytes.u8_at(at).ok_or(error(field, Rule::TooShort));
    let word = |at: usize, field| bytes.u32_at(at).ok_or(error(field, Rule::TooShort));
    if bytes.u16_at(2) != Some(0) || bytes.u16_at(34) != Some(0) || bytes.u64_at(56) != Some(0) {
        return Err(error("reserved", Rule::NotZero));
    }
    let readout = byte(26, "readout")?;
    let (adc_bits, shift) = (byte(27, "adc_bits")?, byte(29, "shift")?);
    let rounding = match byte(28, "rounding")? {
        0 => Rounding::TowardZero,
        1 => Rounding::Floor,
        code => return Err(error("rounding", Rule::UnknownCode(u32::from(code)))),
    };
    let crossbar = Crossbar {
        rows: word(4, "rows")?,
        bias_rows: word(8, "bias_rows")?,
        columns: word(12, "columns")?,
        blob: word(16, "blob")?,
        input_bits: byte(20, "input_bits")?,
        dac_bits: byte(21, "dac_bits")?,
        cell_bits: byte(22, "cell_bits")?,
        slices: byte(23, "slices")?,
        output_bits: byte(24, "output_bits")?,
        polarity: match byte(25, "polarity")? {
            0 => Polarity::Differential,
            1 => Polarity::Offset,
            code => return Err(error("polarity", Rule::UnknownCode(u32::from(code)))),
        },
        readout: match (readout, adc_bits, shift, rounding) {
            (0, 0, shift, rounding) => Readout::Composed { shift, rounding },
            (0, ..) => return Err(error("adc_bits", Rule::NotZero)),
            (1, adc_bits, 0, Rounding::TowardZero) => Readout::Exact { adc_bits },
            (1, ..) => return Err(error("shift", Rule::NotZero)),
            (code, ..) => return Err(error("readout", Rule::UnknownCode(u32::from(code)))),
        },
        adder_bits: byte(30, "adder_bits")?,
        sum_shift: byte(31, "sum_shift")?,
        activation: match byte(32, "activation")? {
            0 => Activation::None,
            1 => Activation::Relu,
            2 => Activation::Table {
                table: word(48, "table")?,
                lo: bytes.i32_at(52).ok_or(error("table_lo", Rule::TooShort))?,
            },
            code => return Err(error("activation", Rule::UnknownCode(u32::from(code)))),
        },
        pool: byte(33, "pool")?,
        bias_code: word(36, "bias_code")?,
        out_lo: bytes.i32_at(40).ok_or(error("out_lo", Rule::TooShort))?,
        out_hi: bytes.i32_at(44).ok_or(error("out_hi", Rule::TooShort))?,
    };
    let table_unused = word(48, "table")? == u32::MAX && bytes.i32_at(52) == Some(0);
    if !matches!(crossbar.activation, Activation::Table { .. }) && !table_unused {
        return Err(error("table", Rule::NotZero));
    }
    crossbar.check().map_err(|(field, rule)| error(field, rule))?;
    Ok(crossbar)
}

fn emit_crossbar(crossbar: &Crossbar, sink: &mut impl Sink) {
    sink.put_u16(KIND_CROSSBAR);
    sink.put_u16(0);
    sink.put_u32(crossbar.rows);
    sink.put_u32(crossbar.bias_rows);
    sink.put_u32(crossbar.columns);
    sink.put_u32(crossbar.blob);
    let (readout, adc_bits, rounding, shift) = match crossbar.readout {
        Readout::Composed { shift, rounding } => (0, 0, u8::from(rounding == Rounding::Floor), shift),
        Readout::Exact { adc_bits } => (1, adc_bits, 0, 0),
    };
    let (activation, table, lo) = match crossbar.activation {
        Activation::None => (0, u32::MAX, 0),
        Activation::Relu => (1, u32::MAX, 0),
        Activation::Table { table, lo } => (2, table, lo),
    };
    sink.put(&[crossbar.input_bits, crossbar.dac_bits, crossbar.cell_bits, crossbar.slices]);
    sink.put(&[crossbar.output_bits, u8::from(crossbar.polarity == Polarity::Offset), readout, adc_bits]);
    sink.put(&[rounding, shift, crossbar.adder_bits, crossbar.sum_shift]);
    sink.put(&[activation, crossbar.pool, 0, 0]);
    sink.put_u32(crossbar.bias_code);
    sink.put_i32(crossbar.out_lo);
    sink.put_i32(crossbar.out_hi);
    sink.put_u32(table);
    sink.put_i32(lo);
    sink.put_u64(0);
}
