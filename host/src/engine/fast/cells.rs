//! Weights in the form in which products take them, decoded once per blob and format.
//!
//! A crossbar whose partials are rounded or clipped one by one needs the digits that its cells hold. Where no partial can
//! reach the end of its converter, the shares add up to the product of codes and weights, whatever the digits; so they
//! do for a digital core. Then one product of whole weights and whole codes gives the read.

use spandrel_core::{
    arith::digit_max,
    blob::{CHUNK_ROWS, Column, StoreFault},
    crossbar::{Crossbar, Polarity, Readout, input_limit, weight_floor, weight_limit},
    image::{Blob, Config, Encoding, Image},
    mac::{Mac, reach},
};

use super::product::{EXACT, EXACT_WIDE};

/// How weights lie on bit lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// Digits of so many bits in so many slices, of magnitudes or of offset weights.
    Digits { bits: u8, slices: u8, offset: bool },
    /// As they are.
    Whole,
}

/// What makes two configurations share their decoded cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CellFormat {
    blob: u32,
    form: Form,
    /// Ends that weights saturate at.
    floor: i32,
    limit: i32,
    /// The largest digit, or distance from the zero point, on a word line; and the largest code.
    drive: (u32, u32),
    /// The largest partial that every converter passes on unclipped; 0 where reads are composed.
    clear: u32,
}

/// In which numbers a product is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    /// f32.
    Single,
    /// f64.
    Double,
    /// i64.
    Integer,
}

impl Precision {
    /// For products whose magnitudes sum up to at most `sum`.
    const fn of(sum: u64) -> Self {
        match sum {
            0..EXACT => Self::Single,
            EXACT..EXACT_WIDE => Self::Double,
            _ => Self::Integer,
        }
    }
}

/// Numbers, as small as they can be kept or ready for a product.
#[derive(Debug)]
pub(super) enum Store {
    /// One byte each.
    Byte(Vec<i8>),
    /// Two bytes each.
    Short(Vec<i16>),
    /// Four bytes each.
    Long(Vec<i32>),
    /// Ready.
    Single(Vec<f32>),
    /// Ready.
    Double(Vec<f64>),
}

/// A blob's cells.
#[derive(Debug)]
pub(super) struct Cells {
    /// Slice by slice, column by column, word lines fastest.
    pub(super) store: Store,
    /// Word lines.
    pub(super) lines: usize,
    /// Bit lines.
    pub(super) bit_lines: usize,
    /// Whether whole weights stand where the format asks for digits.
    pub(super) whole: bool,
    pub(super) precision: Precision,
}

impl Store {
    /// For numbers within `lo..=hi`.
    fn with_capacity((lo, hi): (i64, i64), count: usize) -> Self {
        match width(lo, hi) {
            1 => Self::Byte(Vec::with_capacity(count)),
            2 => Self::Short(Vec::with_capacity(count)),
            _ => Self::Long(Vec::with_capacity(count)),
        }
    }

    fn get(&self, index: usize) -> i32 {
        match self {
            Self::Byte(values) => i32::from(values[index]),
            Self::Short(values) => i32::from(values[index]),
            Self::Long(values) => values[index],
            Self::Single(values) => values[index] as i32,
            Self::Double(values) => values[index] as i32,
        }
    }

    fn push(&mut self, value: i32) {
        match self {
            Self::Byte(values) => values.push(value as i8),
            Self::Short(values) => values.push(value as i16),
            Self::Long(values) => values.push(value),
            Self::Single(values) => values.push(value as f32),
            Self::Double(values) => values.push(f64::from(value)),
        }
    }

    /// As f32, in `room` unless they are kept so.
    pub(super) fn single<'s>(&'s self, room: &'s mut Vec<f32>) -> &'s [f32] {
        room.clear();
        match self {
            Self::Single(values) => return values,
            Self::Byte(values) => room.extend(values.iter().map(|value| f32::from(*value))),
            Self::Short(values) => room.extend(values.iter().map(|value| f32::from(*value))),
            Self::Long(values) => room.extend(values.iter().map(|value| *value as f32)),
            Self::Double(values) => room.extend(values.iter().map(|value| *value as f32)),
        }
        room
    }

    /// As f64, in `room` unless they are kept so.
    pub(super) fn double<'s>(&'s self, room: &'s mut Vec<f64>) -> &'s [f64] {
        room.clear();
        match self {
            Self::Double(values) => return values,
            Self::Byte(values) => room.extend(values.iter().map(|value| f64::from(*value))),
            Self::Short(values) => room.extend(values.iter().map(|value| f64::from(*value))),
            Self::Long(values) => room.extend(values.iter().map(|value| f64::from(*value))),
            Self::Single(values) => room.extend(values.iter().map(|value| f64::from(*value))),
        }
        room
    }

    /// As i64, in `room`.
    pub(super) fn integer<'s>(&self, room: &'s mut Vec<i64>) -> &'s [i64] {
        room.clear();
        match self {
            Self::Byte(values) => room.extend(values.iter().map(|value| i64::from(*value))),
            Self::Short(values) => room.extend(values.iter().map(|value| i64::from(*value))),
            Self::Long(values) => room.extend(values.iter().map(|value| i64::from(*value))),
            Self::Single(values) => room.extend(values.iter().map(|value| *value as i64)),
            Self::Double(values) => room.extend(values.iter().map(|value| *value as i64)),
        }
        room
    }
}

/// Bytes of a number within `lo..=hi`.
fn width(lo: i64, hi: i64) -> u64 {
    let fits = |min: i64, max: i64| lo >= min && hi <= max;
    if fits(i8::MIN.into(), i8::MAX.into()) {
        1
    } else if fits(i16::MIN.into(), i16::MAX.into()) {
        2
    } else {
        4
    }
}

/// The smallest and the largest weight that `blob` can hold.
fn range(image: &Image<'_>, blob: &Blob) -> (i64, i64) {
    match blob.encoding {
        Encoding::SignMagnitude => (1 - (1 << blob.bits), (1 << blob.bits) - 1),
        Encoding::Dense | Encoding::SparseBlocks => (-(1 << (blob.bits - 1)), (1 << (blob.bits - 1)) - 1),
        Encoding::Codebook | Encoding::AxonTyped => {
            let values = image.tables().get(blob.values);
            let values =
                values.iter().flat_map(|table| (0..table.len()).filter_map(|index| table.get(index)));
            values.fold((0, 0), |(lo, hi), value| (lo.min(value.into()), hi.max(value.into())))
        }
    }
}

impl CellFormat {
    /// The format that a configuration needs; `None` without an array.
    pub(super) fn of(config: &Config) -> Option<Self> {
        match config {
            Config::Crossbar(crossbar) => Self::crossbar(crossbar),
            Config::Mac(mac) => Self::mac(mac),
            _ => None,
        }
    }

    fn crossbar(crossbar: &Crossbar) -> Option<Self> {
        let Crossbar { blob, cell_bits, slices, dac_bits, .. } = *crossbar;
        let offset = crossbar.polarity == Polarity::Offset;
        (crossbar.rows + crossbar.bias_rows > 0).then(|| Self {
            blob,
            form: Form::Digits { bits: cell_bits, slices, offset },
            floor: weight_floor(crossbar),
            limit: weight_limit(crossbar),
            drive: (digit_max(dac_bits).unsigned_abs(), input_limit(crossbar).unsigned_abs()),
            clear: match crossbar.readout {
                Readout::Composed { .. } => 0,
                Readout::Exact { adc_bits } => digit_max(adc_bits).unsigned_abs(),
            },
        })
    }

    fn mac(mac: &Mac) -> Option<Self> {
        let drive = reach(mac).unsigned_abs();
        (mac.rows > 0).then_some(Self {
            blob: mac.blob,
            form: Form::Whole,
            floor: i32::MIN,
            limit: i32::MAX,
            drive: (drive, drive),
            clear: 0,
        })
    }

    /// Numbers that the cells hold, and bytes that each takes when kept small.
    fn counts(&self, image: &Image<'_>) -> (u64, u64) {
        let Some(blob) = image.blob(self.blob) else { return (0, 0) };
        let (slices, (lo, hi)) = match self.form {
            Form::Digits { bits, slices, .. } => (u64::from(slices), (1 - (1 << bits), (1 << bits) - 1)),
            Form::Whole => (1, range(image, &blob)),
        };
        ((u64::from(blob.rows) * u64::from(blob.columns)).saturating_mul(slices), width(lo, hi))
    }

    /// Bytes of the decoded cells, kept small or ready.
    pub(super) fn bytes(&self, image: &Image<'_>, ready: bool) -> u64 {
        let (count, bytes) = self.counts(image);
        // Ready numbers are f32, or f64 where those do not suffice.
        count.saturating_mul(if ready { 8 } else { bytes })
    }

    /// The digits of a weight, lowest first; none of whole ones.
    fn digits(&self, weight: i32) -> impl Iterator<Item = i32> + use<> {
        let (bits, slices, cell) = match self.form {
            Form::Digits { bits, slices, offset } => {
                (u32::from(bits), u32::from(slices), if offset { weight - self.floor } else { weight })
            }
            Form::Whole => (1, 0, 0),
        };
        (0..slices).map(move |slice| {
            let digit = ((cell.unsigned_abs() >> (slice * bits)) & ((1 << bits) - 1)) as i32;
            if cell < 0 { -digit } else { digit }
        })
    }
}

impl CellFormat {
    const fn slices(&self) -> usize {
        match self.form {
            Form::Digits { slices, .. } => slices as usize,
            Form::Whole => 1,
        }
    }

    /// The digits of `count` weights, slice by slice.
    fn sliced(&self, weights: &Store, count: usize) -> Store {
        let Form::Digits { bits, slices, .. } = self.form else { return Store::Byte(Vec::new()) };
        let slices = usize::from(slices);
        let mut digits = Store::with_capacity((1 - (1 << bits), (1 << bits) - 1), count * slices);
        for slice in 0..slices {
            for index in 0..count {
                digits.push(self.digits(weights.get(index)).nth(slice).unwrap_or(0));
            }
        }
        digits
    }
}

impl Cells {
    /// Decodes the blob of `format`, ready for products or small.
    pub(super) fn decode(image: &Image<'_>, format: CellFormat, ready: bool) -> Result<Self, StoreFault> {
        let blob = image.blob(format.blob).ok_or(StoreFault)?;
        let (lines, columns) = (blob.rows as usize, blob.columns as usize);
        let count = lines * columns;
        let (lo, hi) = range(image, &blob);
        let mut store =
            Store::with_capacity((lo.max(format.floor.into()), hi.min(format.limit.into())), count);
        // Of any bit line, the largest sum of magnitudes: of whole weights, and of a slice's digits.
        let (mut whole_sum, mut digit_sum) = (0u64, 0u64);
        let reader = image.weights();
        for column in 0..columns {
            let cells = Column::new(blob, *image.tables(), &reader, column as u32);
            let (mut sum, mut sums) = (0u64, [0u64; 16]);
            for first in (0..lines).step_by(CHUNK_ROWS) {
                let mut chunk = [0i32; CHUNK_ROWS];
                let rows = CHUNK_ROWS.min(lines - first);
                cells.read(first as u32, &mut chunk[..rows])?;
                for weight in &chunk[..rows] {
                    let weight = (*weight).clamp(format.floor, format.limit);
                    sum += u64::from(weight.unsigned_abs());
                    for (slice, digit) in format.digits(weight).enumerate() {
                        sums[slice] += u64::from(digit.unsigned_abs());
                    }
                    store.push(weight);
                }
            }
            whole_sum = whole_sum.max(sum);
            digit_sum = sums.into_iter().fold(digit_sum, u64::max);
        }
        let partial = digit_sum.saturating_mul(u64::from(format.drive.0));
        // Without a clipped partial the shares add up to the whole product.
        let whole = format.form == Form::Whole || partial <= u64::from(format.clear);
        let precision = if whole {
            Precision::of(whole_sum.saturating_mul(u64::from(format.drive.1)))
        } else {
            store = format.sliced(&store, count);
            Precision::of(partial)
        };
        if ready {
            store = match precision {
                Precision::Single => {
                    let mut ready = Vec::with_capacity(count);
                    store.single(&mut ready);
                    Store::Single(ready)
                }
                Precision::Double => {
                    let mut ready = Vec::with_capacity(count);
                    store.double(&mut ready);
                    Store::Double(ready)
                }
                Precision::Integer => store,
            };
        }
        let bit_lines = columns * if whole { 1 } else { format.slices() };
        Ok(Self { store, lines, bit_lines, whole, precision })
    }
}
