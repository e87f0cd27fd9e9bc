//! One column of one invocation: the only place that knows core kinds.

use crate::{
    arith::saturate_i32,
    blob::{Column, StoreFault, WeightStore},
    crossbar,
    image::{Blob, Config, Image},
    mac::{self, Mac},
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
        let input = |row: u32| inputs.get(row as usize).copied().unwrap_or(0) as i32;
        let tables = image.tables();
        let held = self.blob.map(|blob| Column::new(blob, *tables, weights, column));
        match self.config {
            Config::Crossbar(crossbar) => {
                let read = match held {
                    Some(held) => crossbar::read_column(&crossbar, &held, input)?,
                    None => 0,
                };
                let slot = sums.get_mut(column as usize).ok_or(StoreFault)?;
                let sum = if accumulate { (*slot as i32).saturating_add(read) } else { read };
                *slot = sum as u32;
                let output = finishing.then(|| crossbar::finish(&crossbar, tables, sum));
                Ok(ColumnResult {
                    read,
                    output: output.map(|code| pooled(sums, column, crossbar.pool, code)),
                })
            }
            Config::Mac(core) => {
                let read = match held {
                    Some(held) => mac::read_column(&core, tables, &held, column, input)?,
                    None => mac::bias(&core, tables, column),
                };
                let before = if accumulate { sum_at(&core, sums, column).ok_or(StoreFault)? } else { 0 };
                let sum = core.add(before, read);
                set_sum(&core, sums, column, sum).ok_or(StoreFault)?;
                let output = finishing.then(|| mac::finish(&core, tables, column, sum));
                let output = output.map(|code| pooled(sums, column, core.pool, code));
                Ok(ColumnResult { read: saturate_i32(read), output })
            }
        }
    }
}

/// The sum of column `column`: one register, or two when it is wide.
fn sum_at(mac: &Mac, sums: &[u32], column: u32) -> Option<i64> {
    let low = *sums.get(column as usize)?;
    if !mac.wide() {
        return Some(i64::from(low as i32));
    }
    let high = *sums.get(mac.columns.checked_add(column)? as usize)?;
    Some(i64::from(high as i32) << 32 | i64::from(low))
}

fn set_sum(mac: &Mac, sums: &mut [u32], column: u32, sum: i64) -> Option<()> {
    *sums.get_mut(column as usize)? = sum as u32;
    if mac.wide() {
        *sums.get_mut(mac.columns.checked_add(column)? as usize)? = (sum >> 32) as u32;
    }
    Some(())
}

/// Puts a finished code in its register; outputs move together when only the largest of a group is kept. Since
/// group g writes register g and reads sums from g * pool up, nothing is overwritten unread.
fn pooled(sums: &mut [u32], column: u32, pool: u8, code: i32) -> i32 {
    let pool = u32::from(pool.max(1));
    if let Some(slot) = sums.get_mut((column / pool) as usize) {
        *slot = if column.is_multiple_of(pool) { code } else { code.max(*slot as i32) } as u32;
    }
    code
}
