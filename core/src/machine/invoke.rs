//! One column of one invocation: the only place that knows core kinds.

use crate::{
    blob::{Column, StoreFault, WeightStore},
    crossbar::{Crossbar, finish, read_column},
    image::{Blob, Config, Image},
};

/// A configuration with its blob at hand.
#[derive(Clone, Copy)]
pub(crate) struct Core {
    pub(crate) config: Config,
    blob: Option<Blob>,
}

/// What a column gave.
pub(crate) struct ColumnResult {
    pub(crate) read: i32,
    pub(crate) output: Option<i32>,
}

impl Core {
    pub(crate) fn load(image: &Image<'_>, number: u32) -> Option<Self> {
        let config = image.config(number)?;
        Some(Self { config, blob: image.blob(config.blob()) })
    }

    /// Work units of a column.
    pub(crate) fn column_work(&self) -> u64 {
        let Config::Crossbar(crossbar) = self.config;
        u64::from(crossbar.rows) + u64::from(crossbar.bias_rows) + 1
    }

    /// Reads column `column`, adds it to its sum or replaces it, and finishes it if asked.
    pub(crate) fn column<W: WeightStore>(
        &self,
        image: &Image<'_>,
        weights: &W,
        inputs: &[u32],
        sums: &mut [u32],
        column: u32,
        (accumulate, finishing): (bool, bool),
    ) -> Result<ColumnResult, StoreFault> {
        let Config::Crossbar(crossbar) = self.config;
        let read = match self.blob {
            Some(blob) => {
                let input = |row: u32| inputs.get(row as usize).copied().unwrap_or(0) as i32;
                read_column(&crossbar, &Column::new(blob, *image.tables(), weights, column), input)?
            }
            None => 0,
        };
        let slot = sums.get_mut(column as usize).ok_or(StoreFault)?;
        let sum = if accumulate { (*slot as i32).saturating_add(read) } else { read };
        *slot = sum as u32;
        let output = if finishing { Some(pooled(&crossbar, image, sums, column, sum)) } else { None };
        Ok(ColumnResult { read, output })
    }
}

/// Finishes `sum`; outputs move together when only the largest of a group is kept. Since
/// group g writes sum g and reads sums from g * pool up, nothing is overwritten unread.
fn pooled(crossbar: &Crossbar, image: &Image<'_>, sums: &mut [u32], column: u32, sum: i32) -> i32 {
    let value = finish(crossbar, image.tables(), sum);
    let pool = u32::from(crossbar.pool.max(1));
    let Some(slot) = sums.get_mut((column / pool) as usize) else { return value };
    let kept = if column.is_multiple_of(pool) { value } else { value.max(*slot as i32) };
    *slot = kept as u32;
    value
}
