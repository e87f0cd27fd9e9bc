//! The cores of an image, decoded a second time: bit by bit from the section's bytes, with none of the readers that
//! the engines use.

use spandrel_core::{
    crossbar::{Crossbar, Polarity},
    image::{Blob, Config, Encoding, Image},
};

use super::{digital::Digital, report::Failure};

/// A configuration with all that it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "an image has few, next to the weights they hold")]
pub enum Core {
    /// A crossbar.
    Crossbar(Array),
    /// A digital core.
    Digital(Digital),
}

impl Core {
    /// Weights `[column][line]`.
    #[must_use]
    pub fn weights(&self) -> &[Vec<i32>] {
        match self {
            Self::Crossbar(array) => &array.weights,
            Self::Digital(digital) => &digital.weights,
        }
    }

    /// The weights alone.
    pub(super) fn into_weights(self) -> Vec<Vec<i32>> {
        match self {
            Self::Crossbar(array) => array.weights,
            Self::Digital(digital) => digital.weights,
        }
    }

    /// Columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.weights().len()
    }

    /// Inputs taken from the input registers.
    #[must_use]
    pub const fn rows(&self) -> usize {
        match self {
            Self::Crossbar(array) => array.crossbar.rows as usize,
            Self::Digital(digital) => digital.mac.rows as usize,
        }
    }

    /// Word lines, bias rows included.
    #[must_use]
    pub const fn lines(&self) -> usize {
        match self {
            Self::Crossbar(array) => array.lines(),
            Self::Digital(digital) => digital.mac.rows as usize,
        }
    }

    /// The crossbar, if it is one.
    #[must_use]
    pub const fn array(&self) -> Option<&Array> {
        match self {
            Self::Crossbar(array) => Some(array),
            Self::Digital(_) => None,
        }
    }
}

/// A crossbar with its weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Parameters.
    pub crossbar: Crossbar,
    /// Weights `[column][line]`, inputs first, then bias rows; empty columns without an array. Weights that the
    /// cells can not hold are saturated to the nearest one.
    pub weights: Vec<Vec<i32>>,
}

impl Array {
    /// Word lines, bias rows included.
    #[must_use]
    pub const fn lines(&self) -> usize {
        self.crossbar.rows as usize + self.crossbar.bias_rows as usize
    }
}

/// Largest weight of `crossbar`. The least one is its negative, and one less with offset weights.
#[must_use]
pub fn largest(crossbar: &Crossbar) -> i64 {
    let bits = u32::from(crossbar.cell_bits) * u32::from(crossbar.slices);
    match crossbar.polarity {
        Polarity::Differential => (1i64 << bits) - 1,
        Polarity::Offset => (1i64 << (bits.max(1) - 1)) - 1,
    }
}

/// All configurations in number order; `Err` names the first one that can not be decoded.
///
/// # Errors
/// The number of a configuration of an unknown kind, or whose blob or tables do not reach.
pub fn cores(image: &Image<'_>) -> Result<Vec<Core>, u32> {
    (0..image.config_count()).map(|number| core(image, number).ok_or(number)).collect()
}

/// The failure to report for a configuration that [`cores`] names.
#[must_use]
pub fn refusal(image: &Image<'_>, core: u32) -> Failure {
    Failure::new(
        "the configuration",
        "a crossbar, a digital core, or nothing but spiking cores",
        "unreadable",
    )
    .at(image, core, None)
}

/// Configuration `number`; `None` as [`cores`] refuses.
pub(super) fn core(image: &Image<'_>, number: u32) -> Option<Core> {
    match image.config(number)? {
        Config::Crossbar(crossbar) => array(image, crossbar).map(Core::Crossbar),
        Config::Mac(mac) => Digital::decode(image, mac).map(Core::Digital),
        _ => None,
    }
}

fn array(image: &Image<'_>, crossbar: Crossbar) -> Option<Array> {
    if crossbar.rows + crossbar.bias_rows == 0 {
        return Some(Array { crossbar, weights: vec![Vec::new(); crossbar.columns as usize] });
    }
    let limit = largest(&crossbar);
    let floor = if crossbar.polarity == Polarity::Offset { -limit - 1 } else { -limit };
    let mut weights = weights(image, crossbar.blob)?;
    weights.iter_mut().flatten().for_each(|weight| *weight = (*weight).clamp(floor as i32, limit as i32));
    Some(Array { crossbar, weights })
}

/// The weights of blob `number`, column by column, as they are held.
pub(super) fn weights(image: &Image<'_>, number: u32) -> Option<Vec<Vec<i32>>> {
    let blob = image.blob(number)?;
    (0..blob.columns as usize)
        .map(|column| {
            let raw = column_of(image, &blob, column)?;
            raw.into_iter().map(|weight| i32::try_from(weight).ok()).collect()
        })
        .collect()
}

/// `count` bits from bit `first`, lowest first.
fn bits(bytes: &[u8], first: usize, count: usize) -> Option<u64> {
    let mut value = 0;
    for place in 0..count {
        let at = first + place;
        let bit = bytes.get(at / 8)? >> (at % 8) & 1;
        value |= u64::from(bit) << place;
    }
    Some(value)
}

fn two_complement(field: u64, bits: usize) -> i64 {
    let value = field as i64;
    if field >> (bits - 1) & 1 == 1 { value - (1i64 << bits) } else { value }
}

fn column_of(image: &Image<'_>, blob: &Blob, column: usize) -> Option<Vec<i64>> {
    let from = usize::try_from(blob.offset).ok()?;
    let data = image.weights().get(from..from.checked_add(usize::try_from(blob.length).ok()?)?)?;
    let (rows, width) = (blob.rows as usize, usize::from(blob.bits));
    let packed = (rows * width).div_ceil(8);
    let run = |start: usize| -> Option<Vec<u64>> {
        let bytes = data.get(start..)?;
        (0..rows).map(|row| bits(bytes, row * width, width)).collect()
    };
    match blob.encoding {
        Encoding::Dense => {
            let fields = run(column * packed)?;
            Some(fields.into_iter().map(|field| two_complement(field, width)).collect())
        }
        Encoding::SignMagnitude => {
            let start = column * (packed + rows.div_ceil(8));
            let signs = data.get(start + packed..)?;
            let fields = run(start)?;
            let signed = fields.into_iter().enumerate().map(|(row, field)| {
                Some(if bits(signs, row, 1)? == 1 { -(field as i64) } else { field as i64 })
            });
            signed.collect()
        }
        Encoding::Codebook => {
            let values = image.tables().get(blob.values)?;
            let book = if blob.flags == 1 { column << width } else { 0 };
            let fields = run(column * packed)?;
            fields.into_iter().map(|field| values.get(book + field as usize).map(i64::from)).collect()
        }
        Encoding::AxonTyped => {
            let (types, values) = (image.tables().get(blob.types)?, image.tables().get(blob.values)?);
            let fields = run(column * packed)?;
            let typed = fields.into_iter().enumerate().map(|(row, field)| {
                if field == 0 {
                    return Some(0);
                }
                let kind = usize::try_from(types.get(row)?).ok()?;
                values.get(column * blob.type_count as usize + kind).map(i64::from)
            });
            typed.collect()
        }
        Encoding::SparseBlocks => sparse(data, blob, column),
    }
}

fn sparse(data: &[u8], blob: &Blob, column: usize) -> Option<Vec<i64>> {
    let word = |at: usize| -> Option<usize> {
        Some(u32::from_le_bytes(data.get(at * 4..at * 4 + 4)?.try_into().ok()?) as usize)
    };
    let (columns, height, width) = (blob.columns as usize, usize::from(blob.flags), usize::from(blob.bits));
    let blocks = word(columns)?;
    let firsts = columns + 1;
    let packed = (height * width).div_ceil(8);
    let mut out = vec![0; blob.rows as usize];
    for block in word(column)?..word(column + 1)? {
        let first = word(firsts + block)?;
        let bytes = data.get((firsts + blocks) * 4 + block * packed..)?;
        for row in 0..height {
            *out.get_mut(first + row)? = two_complement(bits(bytes, row * width, width)?, width);
        }
    }
    Some(out)
}
