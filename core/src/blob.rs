//! Weights as they lie in flash, read a few rows of a column at a time and never copied whole.

use crate::{
    bytes::Fields,
    image::{Blob, Encoding, Tables},
};

/// Rows that are decoded at a time. A multiple of 8, so that every chunk starts on a byte
/// whatever the width of a field.
pub const CHUNK_ROWS: usize = 32;

/// Room for one chunk at the widest field.
pub const SCRATCH_BYTES: usize = CHUNK_ROWS * 4;

/// The weight store did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StoreFault;

/// Where the bytes of WEIGHTS can be had.
pub trait WeightStore {
    /// `length` bytes (at most [`SCRATCH_BYTES`]) from `offset`: borrowed where the store is
    /// memory-mapped, otherwise read into `scratch`.
    ///
    /// # Errors
    /// The store failed, or the range lies outside it.
    fn bytes<'b>(
        &'b self,
        offset: u64,
        length: usize,
        scratch: &'b mut [u8; SCRATCH_BYTES],
    ) -> Result<&'b [u8], StoreFault>;
}

impl WeightStore for &[u8] {
    fn bytes<'b>(
        &'b self,
        offset: u64,
        length: usize,
        _: &'b mut [u8; SCRATCH_BYTES],
    ) -> Result<&'b [u8], StoreFault> {
        let offset = usize::try_from(offset).map_err(|_| StoreFault)?;
        self.slice_at(offset, length).ok_or(StoreFault)
    }
}

/// One column of a blob.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a, W> {
    blob: Blob,
    tables: Tables<'a>,
    store: &'a W,
    column: u32,
}

/// Field `index` of `bits` bits; zero beyond the end of the bytes.
fn field(bytes: &[u8], index: usize, bits: u8) -> u32 {
    match bits {
        8 => return u32::from(bytes.get(index).copied().unwrap_or(0)),
        16 => return u32::from(bytes.u16_at(index * 2).unwrap_or(0)),
        _ => {}
    }
    let bits = usize::from(bits);
    let first = index * bits;
    let mut window = 0u64;
    // Five bytes hold any field of up to 32 bits, wherever it starts.
    for (place, at) in (first / 8..).take(5).enumerate() {
        window |= u64::from(bytes.get(at).copied().unwrap_or(0)) << (8 * place);
    }
    ((window >> (first % 8)) & ((1u64 << bits) - 1)) as u32
}

/// Two's complement value of a field of `bits` bits.
fn signed(field: u32, bits: u8) -> i32 {
    let unused = 32 - u32::from(bits.clamp(1, 32));
    ((field << unused) as i32) >> unused
}

impl<'a, W: WeightStore> Column<'a, W> {
    /// Column `column` of `blob`.
    #[must_use]
    pub const fn new(blob: Blob, tables: Tables<'a>, store: &'a W, column: u32) -> Self {
        Self { blob, tables, store, column }
    }

    /// Weights of rows `first`.. into `out`; `first` must be a multiple of 8, and `out` at
    /// most [`CHUNK_ROWS`] long. Rows beyond the blob's last one read as zero.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(&self, first: u32, out: &mut [i32]) -> Result<(), StoreFault> {
        let Self { blob, .. } = self;
        let rows = (out.len() as u32).min(blob.rows.saturating_sub(first));
        out.fill(0);
        if rows == 0 {
            return Ok(());
        }
        let start = blob.offset + blob.stride() * u64::from(self.column);
        match blob.encoding {
            Encoding::SparseBlocks => return self.read_sparse(first, rows, out),
            Encoding::SignMagnitude => {
                self.fields(start, first, rows, blob.bits, out)?;
                let signs_at = start + blob.run_bytes(blob.rows) + u64::from(first / 8);
                let mut scratch = [0; SCRATCH_BYTES];
                let signs = self.store.bytes(signs_at, rows.div_ceil(8) as usize, &mut scratch)?;
                for (eight, signs) in out.chunks_mut(8).zip(signs) {
                    for (place, weight) in eight.iter_mut().enumerate() {
                        let sign = -i32::from(signs >> place & 1);
                        *weight = (*weight ^ sign).wrapping_sub(sign);
                    }
                }
            }
            Encoding::Dense => {
                self.fields(start, first, rows, blob.bits, out)?;
                for weight in out.iter_mut().take(rows as usize) {
                    *weight = signed(*weight as u32, blob.bits);
                }
            }
            Encoding::Codebook => {
                self.fields(start, first, rows, blob.bits, out)?;
                let book = if blob.flags == 1 { (self.column as usize) << blob.bits } else { 0 };
                let values = self.tables.get(blob.values).ok_or(StoreFault)?;
                for weight in out.iter_mut().take(rows as usize) {
                    *weight = values.get(book + *weight as usize).ok_or(StoreFault)?;
                }
            }
            Encoding::AxonTyped => {
                self.fields(start, first, rows, 1, out)?;
                let types = self.tables.get(blob.types).ok_or(StoreFault)?;
                let values = self.tables.get(blob.values).ok_or(StoreFault)?;
                let base = self.column as usize * blob.type_count as usize;
                for (row, weight) in (first as usize..).zip(out.iter_mut().take(rows as usize)) {
                    if *weight != 0 {
                        let kind = types.get(row).and_then(|kind| usize::try_from(kind).ok());
                        let value = kind.and_then(|kind| values.get(base.checked_add(kind)?));
                        *weight = value.ok_or(StoreFault)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Raw fields of rows `first`..`first + rows` of the run that starts at byte `start`.
    fn fields(&self, start: u64, first: u32, rows: u32, bits: u8, out: &mut [i32]) -> Result<(), StoreFault> {
        let at = start + u64::from(first / 8) * u64::from(bits);
        let length = (rows as usize * usize::from(bits)).div_ceil(8);
        let mut scratch = [0; SCRATCH_BYTES];
        let bytes = self.store.bytes(at, length, &mut scratch)?;
        if bits == 8 {
            for (target, byte) in out.iter_mut().zip(bytes) {
                *target = i32::from(*byte);
            }
            return Ok(());
        }
        for (index, target) in out.iter_mut().take(rows as usize).enumerate() {
            *target = field(bytes, index, bits) as i32;
        }
        Ok(())
    }

    fn word(&self, at: u64) -> Result<u32, StoreFault> {
        let mut scratch = [0; SCRATCH_BYTES];
        self.store.bytes(at, 4, &mut scratch)?.u32_at(0).ok_or(StoreFault)
    }

    fn read_sparse(&self, first: u32, rows: u32, out: &mut [i32]) -> Result<(), StoreFault> {
        let Self { blob, .. } = self;
        let height = u32::from(blob.flags);
        let starts = blob.offset + u64::from(self.column) * 4;
        let begin = self.word(starts)?;
        let end = self.word(starts + 4)?;
        let rows_at = blob.offset + (u64::from(blob.columns) + 1) * 4;
        let total = self.word(rows_at - 4)?;
        let blocks_at = rows_at + u64::from(total) * 4;
        for block in begin..end {
            let row = self.word(rows_at + u64::from(block) * 4)?;
            if row >= first + rows {
                break;
            }
            let data = blocks_at + u64::from(block) * blob.stride();
            for index in first.max(row)..(first + rows).min(row.saturating_add(height)) {
                let bit = u64::from(index - row) * u64::from(blob.bits);
                let mut scratch = [0; SCRATCH_BYTES];
                let length = ((bit % 8) + u64::from(blob.bits)).div_ceil(8) as usize;
                let bytes = self.store.bytes(data + bit / 8, length, &mut scratch)?;
                let mut window = 0u64;
                for (place, byte) in bytes.iter().enumerate() {
                    window |= u64::from(*byte) << (8 * place);
                }
                let value = (window >> (bit % 8)) & ((1u64 << blob.bits) - 1);
                if let Some(target) = out.get_mut((index - first) as usize) {
                    *target = signed(value as u32, blob.bits);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{field, signed};

    #[test]
    fn fields_cross_bytes() {
        // 3-bit fields 5, 2, 7 in the lowest bits first: 0b1_010_101 with 7 = 0b111 -> bits 6..9.
        let bytes = [0b1101_0101, 0b0000_0001];
        assert_eq!([field(&bytes, 0, 3), field(&bytes, 1, 3), field(&bytes, 2, 3)], [5, 2, 7]);
        assert_eq!(field(&[0x34, 0x12], 0, 16), 0x1234);
        assert_eq!(field(&[0xFF; 5], 1, 32), 0xFF);
    }

    #[test]
    fn two_complement_fields() {
        assert_eq!(signed(0b111, 3), -1);
        assert_eq!(signed(0b011, 3), 3);
        assert_eq!(signed(0x8000_0000, 32), i32::MIN);
    }
}
