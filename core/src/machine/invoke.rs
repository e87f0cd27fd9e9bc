//! One column of one invocation: the only place that knows core kinds.

use super::probe::{Address, Probe};
use crate::{
    arith::saturate_i32,
    blob::{Column, StoreFault, WeightStore},
    crossbar,
    image::{Blob, Config, Image, Tables},
    mac::{self, Mac},
    spiking::{self, Spiking},
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

    /// Reads the column at `at`, adds it to its sum or replaces it, and finishes it if asked. `state` is the state lent to this
    /// invocation, as long as the configuration asks for. `probe` may put a defect in the way.
    pub(crate) fn column<W: WeightStore>(
        &self,
        (image, weights): (&Image<'_>, &W),
        inputs: &[u32],
        (sums, state): (&mut [u32], &mut [u32]),
        at: &Address,
        (accumulate, finishing): (bool, bool),
        probe: &mut impl Probe,
    ) -> Result<ColumnResult, StoreFault> {
        let column = at.unit;
        let input = |row: u32| inputs.get(row as usize).copied().unwrap_or(0) as i32;
        let tables = image.tables();
        let held = self.blob.map(|blob| Column::new(blob, *tables, weights, column));
        match probe.configured(at, self.config) {
            Config::Crossbar(crossbar) => {
                let read = match held {
                    Some(held) => crossbar::read_column(&crossbar, &held, input)?,
                    None => 0,
                };
                let read = saturate_i32(probe.broken_read(at, inputs, i64::from(read)));
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
                let read = probe.broken_read(at, inputs, read);
                let before = if accumulate { sum_at(&core, sums, column).ok_or(StoreFault)? } else { 0 };
                let sum = core.add(before, read);
                set_sum(&core, sums, column, sum).ok_or(StoreFault)?;
                let output = finishing.then(|| mac::finish(&core, tables, column, sum));
                let output = output.map(|code| pooled(sums, column, core.pool, code));
                Ok(ColumnResult { read: saturate_i32(read), output })
            }
            Config::Spiking(core) => {
                let read = match held {
                    Some(held) => spiking::read_column(&core, &held, input)?,
                    None => 0,
                };
                let read = saturate_i32(probe.broken_read(at, inputs, i64::from(read)));
                let slot = sums.get_mut(column as usize).ok_or(StoreFault)?;
                let sum = if accumulate { (*slot as i32).saturating_add(read) } else { read };
                *slot = sum as u32;
                if !finishing {
                    return Ok(ColumnResult { read, output: None });
                }
                let output = tick(&core, tables, state, column, sum).ok_or(StoreFault)?;
                let output = probe.sent(at, output);
                *slot = output as u32;
                Ok(ColumnResult { read, output: Some(output) })
            }
        }
    }
}

/// Takes neuron `neuron` through one tick; the last one moves the core's clock.
fn tick(spiking: &Spiking, tables: &Tables<'_>, state: &mut [u32], neuron: u32, sum: i32) -> Option<i32> {
    let word = |first: u32| usize::try_from(first.checked_add(neuron)?).ok();
    let potential_at = word(1)?;
    let current_at = word(spiking.current_at())?;
    let refractory_at = word(spiking.refractory_at())?;
    let clock = *state.first()? as i32;
    let mut cell = spiking::Cell { potential: *state.get(potential_at)? as i32, ..spiking::Cell::default() };
    if spiking.current.is_some() {
        cell.current = *state.get(current_at)? as i32;
    }
    if spiking.counts_refractory() {
        cell.refractory = *state.get(refractory_at)? as i32;
    }
    let ticked = spiking::soma(spiking, tables, neuron, clock, cell, sum);
    *state.get_mut(potential_at)? = ticked.cell.potential as u32;
    if spiking.current.is_some() {
        *state.get_mut(current_at)? = ticked.cell.current as u32;
    }
    if spiking.counts_refractory() {
        *state.get_mut(refractory_at)? = ticked.cell.refractory as u32;
    }
    if neuron.checked_add(1)? == spiking.columns {
        *state.first_mut()? = spiking::next_clock(clock) as u32;
    }
    Some(ticked.output(spiking))
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
