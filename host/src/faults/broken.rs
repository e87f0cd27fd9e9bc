//! What a core with a fault computes.

use spandrel_core::{
    arith::{Rounding, digit_max, saturate_bits},
    blob::{Column, SCRATCH_BYTES, StoreFault, WeightStore},
    crossbar::{self, Crossbar, Polarity, Readout, input_limit, weight_floor, weight_limit},
    image::{Blob, Config, Encoding, Image},
    mac::{self, Param, Requant},
    spiking,
};

use super::{
    fault::{Defect, Fault},
    proof::held,
};

/// The weights with one byte changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Store<'i> {
    bytes: &'i [u8],
    /// Where, and what stands there.
    changed: Option<(u64, u8)>,
}

impl WeightStore for Store<'_> {
    fn bytes<'b>(
        &'b self,
        offset: u64,
        length: usize,
        scratch: &'b mut [u8; SCRATCH_BYTES],
    ) -> Result<&'b [u8], StoreFault> {
        let from = usize::try_from(offset).map_err(|_| StoreFault)?;
        let held = self.bytes.get(from..from.checked_add(length).ok_or(StoreFault)?).ok_or(StoreFault)?;
        let Some((at, byte)) = self.changed.filter(|(at, _)| (offset..offset + length as u64).contains(at))
        else {
            return Ok(held);
        };
        let own = scratch.get_mut(..length).ok_or(StoreFault)?;
        own.copy_from_slice(held);
        own[(at - offset) as usize] = byte;
        Ok(own)
    }
}

/// A core with a fault.
#[derive(Clone, Copy, Debug)]
pub struct Broken<'i> {
    image: Image<'i>,
    fault: Fault,
    config: Config,
    blob: Blob,
    store: Store<'i>,
}

/// What `bit` of a register that holds `value` makes of it, no more than `most`.
const fn stuck(value: u8, bit: u8, high: bool, most: u8) -> u8 {
    let read = if high { value | 1 << bit } else { value & !(1 << bit) };
    if read > most { most } else { read }
}

impl<'i> Broken<'i> {
    /// `None` when `image` has no such fault.
    #[must_use]
    pub fn new(image: &Image<'i>, fault: Fault) -> Option<Self> {
        let config = image.config(fault.config)?;
        let blob = image.blob(config.blob())?;
        let bytes = image.weights();
        let mut own = Self { image: *image, fault, config, blob, store: Store { bytes, changed: None } };
        let bit = match fault.defect {
            Defect::Bit { column, bit } => Some((column, bit, None)),
            Defect::Cell { column, row, slice, high, .. } if !matches!(config, Config::Crossbar(_)) => {
                Some((column, own.field_bit(row, slice), Some(high)))
            }
            _ => None,
        };
        if let Some((column, bit, level)) = bit {
            let at = blob.offset + u64::from(column) * blob.stride() + bit / 8;
            let held = *bytes.get(usize::try_from(at).ok()?)?;
            let mask = 1u8 << (bit % 8);
            let byte = match level {
                None => held ^ mask,
                Some(true) => held | mask,
                Some(false) => held & !mask,
            };
            own.store.changed = Some((at, byte));
        }
        Some(own)
    }

    /// Where bit `slice` of the field of `row` lies in its column.
    fn field_bit(&self, row: u32, slice: u8) -> u64 {
        let blob = &self.blob;
        if blob.encoding == Encoding::SignMagnitude && slice >= blob.bits {
            return blob.run_bytes(blob.rows) * 8 + u64::from(row);
        }
        u64::from(row) * u64::from(blob.bits) + u64::from(slice)
    }

    /// The fault.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// The image of the chip.
    #[must_use]
    pub const fn image(&self) -> &Image<'i> {
        &self.image
    }

    /// The configuration, as it should be.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Whether the read of column `unit` can be another one.
    #[must_use]
    pub fn concerns(&self, unit: u32) -> bool {
        match self.fault.defect {
            Defect::Spike { .. } => false,
            _ => self.fault.column().is_none_or(|column| column == unit),
        }
    }

    /// The registers of column `unit` as they read, where `config` was written to them.
    #[must_use]
    pub fn configured(&self, config: Config, unit: u32) -> Config {
        let Defect::Range { column, bit, high } = self.fault.defect else { return config };
        if column.is_some_and(|column| column != unit) {
            return config;
        }
        match config {
            Config::Crossbar(mut own) => {
                if let Readout::Composed { shift, rounding } = own.readout {
                    own.readout = Readout::Composed { shift: stuck(shift, bit, high, 40), rounding };
                }
                Config::Crossbar(own)
            }
            Config::Mac(mut own) => {
                let read = |shift: Param<u8>, most| match shift {
                    Param::Core(shift) => Param::Core(stuck(shift, bit, high, most)),
                    Param::Column { table } => {
                        let table = self.image.tables().get(table);
                        let shift = table.and_then(|table| table.get(unit as usize)).unwrap_or(0) as u8;
                        Param::Core(stuck(shift, bit, high, most))
                    }
                };
                own.requant = match own.requant {
                    Requant::None => Requant::None,
                    Requant::Shift { shift, rounding } => Requant::Shift { shift: read(shift, 63), rounding },
                    Requant::Multiplier { bits, multiplier, shift, rounding } => {
                        let most = if rounding == mac::Rounding::Gemmlowp { 62 } else { 63 };
                        Requant::Multiplier { bits, multiplier, shift: read(shift, most), rounding }
                    }
                };
                Config::Mac(own)
            }
            Config::Spiking(mut own) => {
                own.weight_shift = stuck(own.weight_shift, bit, high, 16);
                Config::Spiking(own)
            }
            other => other,
        }
    }

    /// What column `unit` reads for `input(row)`, with registers as [`Broken::configured`] gives them.
    ///
    /// # Panics
    /// Never with a column of the configuration.
    #[must_use]
    pub fn read(&self, config: &Config, unit: u32, input: &dyn Fn(u32) -> i32) -> i64 {
        if let Defect::Output { high, .. } = self.fault.defect
            && self.concerns(unit)
            && !matches!(config, Config::Spiking(_))
        {
            return if high { largest(config) } else { 0 };
        }
        let column = Column::new(self.blob, *self.image.tables(), &self.store, unit);
        let dead = match self.fault.defect {
            Defect::Axon { row } => Some(row),
            _ => None,
        };
        let driven = |row: u32| if Some(row) == dead { 0 } else { input(row) };
        let read = match config {
            Config::Crossbar(own) => {
                // Bias rows as rows, so that one of them can be dead.
                let all = Crossbar { rows: own.rows + own.bias_rows, bias_rows: 0, ..*own };
                let sent = |line: u32| if line < own.rows { input(line) } else { own.bias_code as i32 };
                if let (Defect::Cell { .. }, true) = (self.fault.defect, self.concerns(unit)) {
                    return self.stuck_read(&all, &column, &sent);
                }
                let driven = |line: u32| if Some(line) == dead { 0 } else { sent(line) };
                let read = crossbar::read_column(&all, &column, driven).map(i64::from);
                // The offset is taken off by what was sent, not by what arrived.
                let lost = dead.filter(|_| own.polarity == Polarity::Offset).map_or(0, |line| {
                    (i64::from(weight_limit(own)) + 1) * i64::from(sent(line).clamp(0, input_limit(own)))
                });
                read.map(|read| read - lost)
            }
            Config::Mac(own) => mac::read_column(own, self.image.tables(), &column, unit, driven),
            Config::Spiking(own) => spiking::read_column(own, &column, driven).map(i64::from),
            _ => Ok(0),
        };
        // The store is memory.
        read.unwrap_or(0)
    }

    /// Weights of column `unit` as they are held, `faulty` or as they should be.
    pub(super) fn column(&self, unit: u32, faulty: bool) -> Vec<i32> {
        let store = if faulty { self.store } else { Store { changed: None, ..self.store } };
        let column = Column::new(self.blob, *self.image.tables(), &store, unit);
        let mut weights = vec![0; self.blob.rows as usize];
        for (at, chunk) in weights.chunks_mut(32).enumerate() {
            // The store is memory.
            let _ = column.read(at as u32 * 32, chunk);
        }
        weights.iter_mut().for_each(|weight| *weight = held(&self.config, *weight));
        weights
    }

    /// How much more than it should a stuck cell holds, of a crossbar.
    pub(super) fn excess(&self) -> i64 {
        let (Defect::Cell { column, row, slice, negative, high }, Config::Crossbar(own)) =
            (self.fault.defect, self.config)
        else {
            return 0;
        };
        let column = Column::new(self.blob, *self.image.tables(), &self.store, column);
        let mut near = [0; 8];
        let held = column.read(row & !7, &mut near).map_or(0, |()| near[(row & 7) as usize]);
        let held = cell(&own, held, slice, negative);
        let level = if high { i64::from(digit_max(own.cell_bits)) } else { 0 };
        if negative { held - level } else { level - held }
    }

    /// The read of a crossbar's column with a stuck cell.
    fn stuck_read(&self, own: &Crossbar, column: &Column<'_, Store<'i>>, sent: &dyn Fn(u32) -> i32) -> i64 {
        let Defect::Cell { row, slice, .. } = self.fault.defect else { return 0 };
        let (mut partials, codes) = partials(own, column, sent);
        let excess = self.excess();
        for (pass, slices) in partials.chunks_exact_mut(usize::from(own.slices)).enumerate() {
            let code = sent(row).clamp(0, input_limit(own));
            slices[usize::from(slice)] += excess * digit(code, pass, own.dac_bits);
        }
        composed(own, &partials, codes)
    }
}

/// The largest value of an output's read.
fn largest(config: &Config) -> i64 {
    match config {
        Config::Crossbar(own) => match own.readout {
            Readout::Composed { .. } => i64::from(digit_max(own.output_bits)),
            Readout::Exact { adc_bits } => {
                let full =
                    weights_of(own).map(|weight| i64::from(digit_max(adc_bits)) << weight).sum::<i64>();
                full.min(i64::from(i32::MAX))
            }
        },
        Config::Mac(own) => saturate_bits(i64::MAX, own.accumulator_bits),
        _ => 0,
    }
}

/// Level of a cell that holds slice `slice` of `weight`.
fn cell(own: &Crossbar, weight: i32, slice: u8, negative: bool) -> i64 {
    let weight = weight.clamp(weight_floor(own), weight_limit(own));
    let stored = match own.polarity {
        Polarity::Offset => weight + weight_limit(own) + 1,
        Polarity::Differential if (weight < 0) == negative => weight.abs(),
        Polarity::Differential => 0,
    };
    digit(stored, slice.into(), own.cell_bits)
}

fn digit(value: i32, index: usize, bits: u8) -> i64 {
    i64::from(value >> (index * usize::from(bits)) & digit_max(bits))
}

/// Powers of two that partials weigh, pass by pass, slices within.
pub(super) fn weights_of(own: &Crossbar) -> impl Iterator<Item = u32> + use<> {
    let (slices, dac, cell) = (u32::from(own.slices), u32::from(own.dac_bits), u32::from(own.cell_bits));
    (0..u32::from(own.passes())).flat_map(move |pass| (0..slices).map(move |slice| pass * dac + slice * cell))
}

/// Partials of a column whose lines carry `sent`, and the sum of all codes.
fn partials<W: WeightStore>(
    own: &Crossbar,
    column: &Column<'_, W>,
    sent: &dyn Fn(u32) -> i32,
) -> (Vec<i64>, i64) {
    let slices = usize::from(own.slices);
    let mut out = vec![0i64; usize::from(own.passes()) * slices];
    let mut codes = 0;
    let mut chunk = [0; 32];
    for first in (0..own.rows).step_by(32) {
        // The store is memory.
        let _ = column.read(first, &mut chunk);
        for (line, weight) in (first..own.rows.min(first + 32)).zip(chunk) {
            let code = sent(line).clamp(0, input_limit(own));
            codes += i64::from(code);
            for (at, partial) in out.iter_mut().enumerate() {
                let (pass, slice) = (at / slices, (at % slices) as u8);
                let level = cell_levels(own, weight, slice);
                *partial += digit(code, pass, own.dac_bits) * level;
            }
        }
    }
    (out, codes)
}

/// What the cells of slice `slice` hold for `weight`: the level of the positive array without that of the negative one.
pub(super) fn cell_levels(own: &Crossbar, weight: i32, slice: u8) -> i64 {
    let below = if own.polarity == Polarity::Differential { cell(own, weight, slice, true) } else { 0 };
    cell(own, weight, slice, false) - below
}

/// What a partial of weight 2^`weight` adds to the read.
pub(super) fn share(own: &Crossbar, partial: i64, weight: u32) -> i64 {
    let (scaled, top) = match own.readout {
        Readout::Exact { adc_bits } => (partial, digit_max(adc_bits)),
        Readout::Composed { shift, rounding } => {
            let shift = u32::from(shift);
            let scaled = match (shift.checked_sub(weight), rounding) {
                (None, _) => partial << (weight - shift),
                (Some(places), Rounding::Floor) => partial.div_euclid(1 << places),
                (Some(places), Rounding::TowardZero) => partial / (1 << places),
            };
            (scaled, digit_max(own.output_bits))
        }
    };
    scaled.clamp(-i64::from(top), i64::from(top))
}

/// The read that partials make.
fn composed(own: &Crossbar, partials: &[i64], codes: i64) -> i64 {
    let shares =
        partials.iter().zip(weights_of(own)).map(|(partial, weight)| (share(own, *partial, weight), weight));
    match own.readout {
        Readout::Composed { .. } => {
            let top = i64::from(digit_max(own.output_bits));
            shares.map(|(share, _)| share).sum::<i64>().clamp(-top, top)
        }
        Readout::Exact { .. } => {
            let offset = if own.polarity == Polarity::Offset { i64::from(weight_limit(own)) + 1 } else { 0 };
            shares.map(|(share, weight)| share << weight).sum::<i64>() - offset * codes
        }
    }
}
