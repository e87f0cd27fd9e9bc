//! What stands beside the program and is never read by the machine: the chip's limits,
//! placement, routes, provenance, notes.
//!
//! CHIP, one record of 32 bytes:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 2 | core kind, as in CONFIGS |
//! | 2 | 2 | reserved, 0 |
//! | 4 | 4 | inputs of a core |
//! | 8 | 4 | outputs of a core |
//! | 12 | 4 | cores available |
//! | 16 | 16 | reserved, 0 |
//!
//! PLACES, 16 bytes a record: configuration u32, chip u32, core u32, phase u32 (configurations
//! with the same core and different phases share it in time).
//!
//! ROUTES, 16 bytes a record: edge u32, from configuration u32, to configuration u32
//! (0xFFFF_FFFF = the host), signals u32.
//!
//! ORIGIN, a list. Record 0: names, UTF-8, each ended by a zero byte, padded with zeros. Record
//! 1 + c belongs to configuration c: name index of its node u32, name index of its input node
//! u32, then runs {side u32 (0 column, 1 row), first u32, count u32, element u32, stride u32,
//! signal u32}: units first.. of that side stand for elements element, element + stride, ... .

use super::{
    error::{ImageError, Rule},
    list::List,
    tag::Tag,
};
use crate::bytes::{Fields, Sink};

/// Bytes of a CHIP record.
pub(super) const CHIP_BYTES: usize = 32;
/// Bytes of a PLACES record.
pub(super) const PLACE_BYTES: usize = 16;
/// Bytes of a ROUTES record.
pub(super) const ROUTE_BYTES: usize = 16;
/// The configuration number that stands for the host.
pub const HOST: u32 = u32::MAX;

/// The limits a loader compares with the chip at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChipLimits {
    /// Core kind, as in CONFIGS.
    pub kind: u16,
    /// Inputs of a core.
    pub rows: u32,
    /// Outputs of a core.
    pub columns: u32,
    /// Cores available.
    pub cores: u32,
}

impl ChipLimits {
    /// Reads the section.
    ///
    /// # Errors
    /// A wrong length, reserved bytes in use.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageError> {
        let error = |field, rule| ImageError::new(Tag::CHIP, 0, field, rule);
        let short = error("record", Rule::TooShort);
        if bytes.len() != CHIP_BYTES {
            return Err(error("length", Rule::LengthMismatch));
        }
        if bytes.u16_at(2) != Some(0) || bytes.u64_at(16) != Some(0) || bytes.u64_at(24) != Some(0) {
            return Err(error("reserved", Rule::NotZero));
        }
        Ok(Self {
            kind: bytes.u16_at(0).ok_or(short)?,
            rows: bytes.u32_at(4).ok_or(short)?,
            columns: bytes.u32_at(8).ok_or(short)?,
            cores: bytes.u32_at(12).ok_or(short)?,
        })
    }

    /// Writes the section; the inverse of [`ChipLimits::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put_u16(self.kind);
        sink.put_u16(0);
        sink.put_u32(self.rows);
        sink.put_u32(self.columns);
        sink.put_u32(self.cores);
        sink.put_u64(0);
        sink.put_u64(0);
    }
}

/// Which physical core holds a configuration, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Configuration.
    pub config: u32,
    /// Chip.
    pub chip: u32,
    /// Core of the chip.
    pub core: u32,
    /// Phase.
    pub phase: u32,
}

/// A bundle of signals from one configuration to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Edge that carries them.
    pub edge: u32,
    /// Source, or [`HOST`].
    pub from: u32,
    /// Target, or [`HOST`].
    pub to: u32,
    /// Number of signals.
    pub signals: u32,
}

fn four(bytes: &[u8]) -> Option<[u32; 4]> {
    Some([bytes.u32_at(0)?, bytes.u32_at(4)?, bytes.u32_at(8)?, bytes.u32_at(12)?])
}

impl Placement {
    /// Reads a record.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        four(bytes).map(|[config, chip, core, phase]| Self { config, chip, core, phase })
    }

    /// Writes the record; the inverse of [`Placement::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        for word in [self.config, self.chip, self.core, self.phase] {
            sink.put_u32(word);
        }
    }
}

impl Route {
    /// Reads a record.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        four(bytes).map(|[edge, from, to, signals]| Self { edge, from, to, signals })
    }

    /// Writes the record; the inverse of [`Route::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        for word in [self.edge, self.from, self.to, self.signals] {
            sink.put_u32(word);
        }
    }
}

/// Which side of a core a run of provenance speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Outputs.
    Column,
    /// Inputs.
    Row,
}

/// Where units of a configuration come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginRun {
    /// Outputs or inputs.
    pub side: Side,
    /// First unit.
    pub first: u32,
    /// Number of units.
    pub count: u32,
    /// Element of the node's value that the first unit stands for.
    pub element: u32,
    /// Elements from unit to unit.
    pub stride: u32,
    /// Signal of the element.
    pub signal: u32,
}

impl OriginRun {
    /// Bytes of a run.
    pub const BYTES: usize = 24;

    /// Reads a run.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            side: match bytes.u32_at(0)? {
                0 => Side::Column,
                1 => Side::Row,
                _ => return None,
            },
            first: bytes.u32_at(4)?,
            count: bytes.u32_at(8)?,
            element: bytes.u32_at(12)?,
            stride: bytes.u32_at(16)?,
            signal: bytes.u32_at(20)?,
        })
    }

    /// Writes the run; the inverse of [`OriginRun::parse`].
    pub fn emit(&self, sink: &mut impl Sink) {
        sink.put_u32(u32::from(self.side == Side::Row));
        for word in [self.first, self.count, self.element, self.stride, self.signal] {
            sink.put_u32(word);
        }
    }
}

/// Provenance of all configurations.
#[derive(Clone, Copy, Debug)]
pub struct Origins<'a>(pub(crate) List<'a>);

impl<'a> Origins<'a> {
    /// Name `index`.
    #[must_use]
    pub fn name(&self, index: u32) -> Option<&'a str> {
        let names = self.0.get(0)?;
        let name = names.split(|byte| *byte == 0).nth(usize::try_from(index).ok()?)?;
        core::str::from_utf8(name).ok()
    }

    /// Names of the node that configuration `config` computes and of the one it reads.
    #[must_use]
    pub fn nodes(&self, config: u32) -> Option<(&'a str, &'a str)> {
        let record = self.0.get(config.checked_add(1)?)?;
        Some((self.name(record.u32_at(0)?)?, self.name(record.u32_at(4)?)?))
    }

    /// Element and signal that `unit` of configuration `config` stands for on `side`.
    #[must_use]
    pub fn element(&self, config: u32, side: Side, unit: u32) -> Option<(u32, u32)> {
        let runs = self.0.get(config.checked_add(1)?)?.get(8..)?;
        runs.chunks_exact(OriginRun::BYTES).filter_map(OriginRun::parse).find_map(|run| {
            let step = unit.checked_sub(run.first).filter(|step| *step < run.count)?;
            let element = step.checked_mul(run.stride)?.checked_add(run.element)?;
            (run.side == side).then_some((element, run.signal))
        })
    }
}
