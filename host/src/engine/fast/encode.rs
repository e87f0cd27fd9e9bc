//! Raw samples into the head slot of the input edge.

use super::memory::Memory;
use crate::engine::{
    batch::{RawBatch, RawData},
    error::EngineError,
};
use spandrel_core::{
    image::{Codec, Edge, Encoder, Image, Mapping, NO_TABLE},
    machine::RunError,
};

/// Byte-wide raw values are looked up when the table of all their codes stays below so many entries.
const LOOKUP_MAX: usize = 1 << 20;

/// The encoder of input 0, taken apart once.
pub(super) struct Encode {
    encoder: Encoder,
    edge: Edge,
    params: Vec<i32>,
    order: Option<Vec<u32>>,
    /// Codes of all 256 raw values for each (channel, signal).
    lookup: Option<Vec<i32>>,
}

fn table(image: &Image<'_>, number: u32) -> Vec<i32> {
    let table = image.tables().get(number);
    table.map_or_else(Vec::new, |table| (0..table.len()).filter_map(|index| table.get(index)).collect())
}

impl Encode {
    /// `None` when the image has no input.
    pub(super) fn new(image: &Image<'_>) -> Option<Self> {
        let encoder = image.encoder(0)?;
        let edge = image.edge(encoder.edge)?;
        let order = (encoder.order != NO_TABLE)
            .then(|| table(image, encoder.order).iter().map(|element| *element as u32).collect());
        let mut encode = Self { encoder, edge, params: table(image, encoder.params), order, lookup: None };
        let rows = encoder.channels as usize * usize::from(encoder.signals);
        if matches!(encoder.raw, Codec::U8 | Codec::I8) && rows <= LOOKUP_MAX / 256 {
            let (lo, hi) = encoder.raw.range();
            let codes = (0..rows).flat_map(|row| (lo..=hi).map(move |raw| (row, raw)));
            encode.lookup = Some(codes.map(|(row, raw)| encode.code(row, raw)).collect());
        }
        Some(encode)
    }

    /// The code of `raw` for parameter row `row`, as the edge holds it.
    fn code(&self, row: usize, raw: i32) -> i32 {
        let Encoder { lo: code_lo, hi: code_hi, .. } = self.encoder;
        let code = match self.encoder.mapping {
            Mapping::Table { lo } => {
                let rows = self.encoder.channels as usize * usize::from(self.encoder.signals);
                let entries = self.params.len() / rows;
                let place = (i64::from(raw) - i64::from(lo)).clamp(0, entries as i64 - 1);
                i64::from(self.params[row * entries + place as usize])
            }
            Mapping::Affine { shift } => {
                let [multiplier, high, low] = [0, 1, 2].map(|place| self.params[row * 3 + place]);
                let addend = i64::from(high) * (1 << 32) + i64::from(low as u32);
                (i64::from(raw) * i64::from(multiplier)).saturating_add(addend) >> shift
            }
        };
        let code = code.clamp(i64::from(code_lo), i64::from(code_hi)) as i32;
        let (lo, hi) = self.edge.codec.range();
        code.clamp(lo, hi)
    }

    /// Encodes the whole block.
    pub(super) fn feed(&self, batch: &RawBatch<'_>, memory: &mut Memory) -> Result<(), EngineError> {
        self.check(batch)?;
        match batch.data() {
            RawData::U8(values) => self.fill(values, memory),
            RawData::I8(values) => self.fill(values, memory),
            RawData::I16(values) => self.fill(values, memory),
            RawData::I32(values) => self.fill(values, memory),
        }
        Ok(())
    }

    /// Refuses raw values outside the encoder's raw type.
    fn check(&self, batch: &RawBatch<'_>) -> Result<(), EngineError> {
        let (lo, hi) = self.encoder.raw.range();
        let data = match batch.data() {
            RawData::U8(_) => (0, 255),
            RawData::I8(_) => (-128, 127),
            RawData::I16(_) => (-32768, 32767),
            RawData::I32(_) => (i32::MIN, i32::MAX),
        };
        if data.0 >= lo && data.1 <= hi {
            return Ok(());
        }
        for sample in 0..batch.len() {
            for (index, value) in (0..).zip(batch.sample(sample)) {
                if !(lo..=hi).contains(&value) {
                    return Err(EngineError::Refused {
                        sample,
                        error: RunError::RawOutOfRange { index, value },
                    });
                }
            }
        }
        Ok(())
    }

    fn fill<T: Copy + Into<i32>>(&self, values: &[T], memory: &mut Memory) {
        let Encoder { length, inner, channels, edge, raw, .. } = self.encoder;
        let signals = usize::from(self.encoder.signals);
        let (length, lanes) = (length as usize, memory.lanes);
        let raw_lo = raw.range().0;
        let ring = &mut memory.rings[edge as usize];
        let head = ring.at(&self.edge, 0, lanes);
        for index in 0..length {
            let element = self.order.as_ref().map_or(index as u32, |order| order[index]);
            let channel = (element / inner % channels) as usize;
            for signal in 0..signals {
                let row = channel * signals + signal;
                let to = head + (element as usize * signals + signal) * lanes;
                let target = &mut ring.data[to..to + lanes];
                let source = values[index..].iter().step_by(length);
                match &self.lookup {
                    Some(lookup) => {
                        let codes = &lookup[row * 256..(row + 1) * 256];
                        for (code, value) in target.iter_mut().zip(source) {
                            *code = codes[((*value).into() - raw_lo) as usize & 255];
                        }
                    }
                    None => {
                        for (code, value) in target.iter_mut().zip(source) {
                            *code = self.code(row, (*value).into());
                        }
                    }
                }
            }
        }
    }
}
