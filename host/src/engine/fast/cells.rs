//! Weights as the digits that the cells hold, decoded once per blob and cell format.

use spandrel_core::{
    blob::{CHUNK_ROWS, Column, StoreFault},
    crossbar::{Crossbar, Polarity},
    image::Image,
};

/// What makes two configurations share their decoded cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CellFormat {
    blob: u32,
    cell_bits: u8,
    slices: u8,
    offset: bool,
}

impl CellFormat {
    pub(super) const fn of(crossbar: &Crossbar) -> Self {
        Self {
            blob: crossbar.blob,
            cell_bits: crossbar.cell_bits,
            slices: crossbar.slices,
            offset: matches!(crossbar.polarity, Polarity::Offset),
        }
    }

    /// Bytes of the decoded cells.
    pub(super) fn bytes(&self, image: &Image<'_>) -> u64 {
        image.blob(self.blob).map_or(0, |blob| {
            (u64::from(blob.rows) * u64::from(blob.columns)).saturating_mul(4 * u64::from(self.slices))
        })
    }
}

/// A blob's cells.
#[derive(Debug)]
pub(super) struct Cells {
    /// Signed digits: slice by slice, column by column, word lines fastest.
    pub(super) digits: Vec<f32>,
    /// Word lines.
    pub(super) lines: usize,
    /// The largest sum of digit magnitudes on any bit line.
    pub(super) heaviest: u64,
}

impl Cells {
    /// Decodes the blob of `format`.
    pub(super) fn decode(image: &Image<'_>, format: CellFormat) -> Result<Self, StoreFault> {
        let blob = image.blob(format.blob).ok_or(StoreFault)?;
        let (lines, columns) = (blob.rows as usize, blob.columns as usize);
        let (slices, bits) = (usize::from(format.slices), u32::from(format.cell_bits));
        let mut digits = vec![0.0; lines * columns * slices];
        let mut heaviest = 0;
        // Differential: magnitudes up to 2^total - 1. Offset: one of the bits holds the offset.
        let total = u32::from(format.slices) * bits;
        let offset = if format.offset { 1i32 << (total - 1) } else { 0 };
        let limit = if format.offset { offset - 1 } else { ((1i64 << total) - 1) as i32 };
        // Offset weights reach one step further below zero: the stored value is then 0.
        let floor = if format.offset { -offset } else { -limit };
        let store = image.weights();
        for column in 0..columns {
            let reader = Column::new(blob, *image.tables(), &store, column as u32);
            let mut sums = [0u64; 16];
            for first in (0..lines).step_by(CHUNK_ROWS) {
                let mut chunk = [0i32; CHUNK_ROWS];
                let rows = CHUNK_ROWS.min(lines - first);
                reader.read(first as u32, &mut chunk[..rows])?;
                for (row, weight) in chunk[..rows].iter().enumerate() {
                    let cell = (*weight).clamp(floor, limit) + offset;
                    for (slice, sum) in sums.iter_mut().enumerate().take(slices) {
                        let digit = (cell.unsigned_abs() >> (slice as u32 * bits)) & ((1 << bits) - 1);
                        *sum += u64::from(digit);
                        let value = if cell < 0 { -(digit as f32) } else { digit as f32 };
                        digits[(slice * columns + column) * lines + first + row] = value;
                    }
                }
            }
            heaviest = sums.into_iter().fold(heaviest, u64::max);
        }
        Ok(Self { digits, lines, heaviest })
    }
}
