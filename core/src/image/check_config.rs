//! What configurations refer to: blobs of their size, weights that they can hold, tables of the right length and content.

use super::{
    blob::{Blob, Encoding, NO_BLOB},
    check::Walk,
    config::{CONFIG_BYTES, Config},
    error::{ImageError, Rule},
    list::fixed_record,
    table::Table,
    tag::Tag,
    view::Image,
};
use crate::{
    arith::saturate_bits,
    crossbar::{self, Crossbar, weight_floor, weight_limit},
    mac::{self, Bias, Mac, Param, Requant, reach},
    spiking::{PARAMS, Spiking},
};

/// Checks every configuration.
pub(super) fn check(image: &Image<'_>, walk: &mut Walk) -> Result<(), ImageError> {
    for record in 0..image.counts.configs {
        let bytes = fixed_record(image.section(Tag::CONFIGS), record, CONFIG_BYTES).unwrap_or(&[]);
        let place = Place { image, record };
        match Config::parse(bytes, record)? {
            Config::Crossbar(crossbar) => place.crossbar(&crossbar, walk)?,
            Config::Mac(mac) => place.mac(&mac, walk)?,
            Config::Spiking(spiking) => place.spiking(&spiking, walk)?,
        }
    }
    Ok(())
}

/// The configuration under examination.
struct Place<'c, 'i> {
    image: &'c Image<'i>,
    record: u32,
}

impl<'i> Place<'_, 'i> {
    const fn error(&self, field: &'static str, rule: Rule) -> ImageError {
        ImageError::new(Tag::CONFIGS, self.record, field, rule)
    }

    fn table(&self, table: u32, field: &'static str) -> Result<Table<'i>, ImageError> {
        self.image.tables.get(table).ok_or(self.error(field, Rule::DanglingReference(table)))
    }

    fn table_of(&self, table: u32, entries: u64, field: &'static str) -> Result<Table<'i>, ImageError> {
        let table = self.table(table, field)?;
        if table.len() as u64 == entries { Ok(table) } else { Err(self.error(field, Rule::LengthMismatch)) }
    }

    /// The blob of `lines` rows and `columns` columns; none when there are no rows.
    fn blob(&self, blob: u32, lines: u32, columns: u32) -> Result<Option<Blob>, ImageError> {
        if lines == 0 {
            return if blob == NO_BLOB { Ok(None) } else { Err(self.error("blob", Rule::OutOfRange)) };
        }
        let found = self.image.blob(blob).ok_or(self.error("blob", Rule::DanglingReference(blob)))?;
        if found.rows != lines {
            return Err(self.error("rows", Rule::OutOfRange));
        }
        if found.columns != columns {
            return Err(self.error("columns", Rule::OutOfRange));
        }
        Ok(Some(found))
    }

    /// The largest magnitude of a weight that `blob` can hold. The value `spared`, and the lowest one of two's complement
    /// fields if there is a spared one, count as one step nearer to zero: they saturate.
    fn largest(&self, blob: &Blob, spared: Option<i32>, walk: &mut Walk) -> Result<u64, ImageError> {
        Ok(match blob.encoding {
            Encoding::SignMagnitude => (1u64 << blob.bits) - 1,
            Encoding::Dense | Encoding::SparseBlocks => {
                (1u64 << (blob.bits - 1)) - u64::from(spared.is_some())
            }
            Encoding::Codebook | Encoding::AxonTyped => {
                let values = self.image.tables.get(blob.values);
                let count = values.map_or(0, |values| values.len());
                walk.over(Tag::CONFIGS, self.record, count)?;
                (0..count)
                    .filter_map(|index| values.and_then(|values| values.get(index)))
                    .map(|value| if Some(value) == spared { 0 } else { u64::from(value.unsigned_abs()) })
                    .max()
                    .unwrap_or(0)
            }
        })
    }

    fn crossbar(&self, crossbar: &Crossbar, walk: &mut Walk) -> Result<(), ImageError> {
        if let crossbar::Activation::Table { table, .. } = crossbar.activation {
            self.table(table, "table")?;
        }
        let lines = crossbar.rows + crossbar.bias_rows;
        let Some(blob) = self.blob(crossbar.blob, lines, crossbar.columns)? else { return Ok(()) };
        // -2^(bits-1) saturates to the largest magnitude, as `crossbar` says.
        let largest = self.largest(&blob, Some(weight_floor(crossbar)), walk)?;
        if largest > u64::from(weight_limit(crossbar).unsigned_abs()) {
            return Err(self.error("weights", Rule::OutOfRange));
        }
        Ok(())
    }

    fn mac(&self, mac: &Mac, walk: &mut Walk) -> Result<(), ImageError> {
        let columns = u64::from(mac.columns);
        match mac.bias {
            Bias::None => {}
            Bias::Words { table } => {
                self.table_of(table, columns, "bias_table")?;
            }
            Bias::Pairs { table } => {
                self.table_of(table, columns * 2, "bias_table")?;
            }
        }
        match mac.activation {
            mac::Activation::Clamp => {}
            mac::Activation::Table { table, bits } => {
                self.table_of(table, 1 << bits, "table")?;
            }
            mac::Activation::PiecewiseLinear { table, bits, .. } => {
                let entries = self.table(table, "table")?.len() as u64;
                // No more segments than values of z.
                if !entries.is_multiple_of(2) || entries / 2 > 1 << bits {
                    return Err(self.error("table", Rule::LengthMismatch));
                }
            }
        }
        if let Requant::Multiplier { bits, multiplier: Param::Column { table }, .. } = mac.requant {
            self.entries(table, columns, "multiplier_table", walk, |entry| {
                saturate_bits(i64::from(entry), bits) == i64::from(entry)
            })?;
        }
        if let Requant::Shift { shift: Param::Column { table }, .. }
        | Requant::Multiplier { shift: Param::Column { table }, .. } = mac.requant
        {
            let most = i32::from(mac.shift_max());
            self.entries(table, columns, "shift_table", walk, |entry| (0..=most).contains(&entry))?;
        }
        let Some(blob) = self.blob(mac.blob, mac.rows, mac.columns)? else { return Ok(()) };
        let largest = self.largest(&blob, None, walk)?;
        // At most 32 + 20 + 25 bits.
        let sum = u128::from(largest) * u128::from(mac.rows) * u128::from(reach(mac).unsigned_abs());
        if sum > i64::MAX as u128 {
            return Err(self.error("rows", Rule::AccumulatorOverflow));
        }
        Ok(())
    }

    fn spiking(&self, spiking: &Spiking, walk: &mut Walk) -> Result<(), ImageError> {
        for ((param, lo, hi), name) in spiking.params().into_iter().zip(PARAMS) {
            if let Some(Param::Column { table }) = param {
                self.entries(table, spiking.columns.into(), name, walk, |entry| (lo..=hi).contains(&entry))?;
            }
        }
        let Some(blob) = self.blob(spiking.blob, spiking.rows, spiking.columns)? else { return Ok(()) };
        let largest = self.largest(&blob, None, walk)?;
        // At most 32 + 20 + 16 + 16 bits.
        let sum = (u128::from(largest) * u128::from(spiking.rows) * u128::from(spiking.spikes_in))
            << spiking.weight_shift;
        if sum > i32::MAX as u128 {
            return Err(self.error("rows", Rule::AccumulatorOverflow));
        }
        Ok(())
    }

    /// A table of `count` entries that all satisfy `fits`.
    fn entries(
        &self,
        table: u32,
        count: u64,
        field: &'static str,
        walk: &mut Walk,
        fits: impl Fn(i32) -> bool,
    ) -> Result<(), ImageError> {
        let table = self.table_of(table, count, field)?;
        walk.over(Tag::CONFIGS, self.record, table.len())?;
        let fine = (0..table.len()).all(|index| table.get(index).is_some_and(&fits));
        if fine { Ok(()) } else { Err(self.error(field, Rule::OutOfRange)) }
    }
}
