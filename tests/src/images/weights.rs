//! Weight matrices packed in every encoding. A matrix is `[column][row]`.

use spandrel_core::image::{Blob, Encoding, NO_TABLE};

/// A packed matrix: its directory entry (offset still 0), its bytes, and the tables it needs.
#[derive(Clone, Debug)]
pub struct Packed {
    /// Directory entry; `values` and `types` hold [`NO_TABLE`] until the builder has placed the tables.
    pub blob: Blob,
    /// What goes into WEIGHTS.
    pub bytes: Vec<u8>,
    /// The values table, if the encoding has one.
    pub values: Option<Vec<i32>>,
    /// The types table, if the encoding has one.
    pub types: Option<Vec<i32>>,
    /// The matrix that the bytes stand for, `[column][row]`.
    pub matrix: Vec<Vec<i32>>,
}

/// Appends fields to a run, lowest bits first.
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    const fn new() -> Self {
        Self { bytes: Vec::new(), used: 0 }
    }

    fn put(&mut self, value: u32, bits: u8) {
        // A bit at a time: slow, and hard to get wrong.
        for bit in 0..bits {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= u8::from(value >> bit & 1 == 1) << (self.used % 8);
            self.used += 1;
        }
    }
}

fn run(values: impl IntoIterator<Item = u32>, bits: u8) -> Vec<u8> {
    let mut out = Bits::new();
    for value in values {
        out.put(value, bits);
    }
    out.bytes
}

fn packed(encoding: Encoding, bits: u8, flags: u16, matrix: &[Vec<i32>], bytes: Vec<u8>) -> Packed {
    let blob = Blob {
        encoding,
        bits,
        flags,
        rows: matrix.first().map_or(0, Vec::len) as u32,
        columns: matrix.len() as u32,
        values: NO_TABLE,
        types: NO_TABLE,
        type_count: 0,
        offset: 0,
        length: bytes.len() as u64,
    };
    Packed { blob, bytes, values: None, types: None, matrix: matrix.to_vec() }
}

/// Two's complement fields of `bits` bits.
#[must_use]
pub fn dense(bits: u8, matrix: &[Vec<i32>]) -> Packed {
    let bytes = matrix.iter().flat_map(|column| run(column.iter().map(|w| *w as u32), bits)).collect();
    packed(Encoding::Dense, bits, 0, matrix, bytes)
}

/// Magnitudes of `bits` bits and a plane of signs.
#[must_use]
pub fn sign_magnitude(bits: u8, matrix: &[Vec<i32>]) -> Packed {
    let mut bytes = Vec::new();
    for column in matrix {
        bytes.extend(run(column.iter().map(|w| w.unsigned_abs()), bits));
        bytes.extend(run(column.iter().map(|w| u32::from(*w < 0)), 1));
    }
    packed(Encoding::SignMagnitude, bits, 0, matrix, bytes)
}

/// Indices of `bits` bits into `books`: one codebook for all columns, or one each.
/// `indices` is `[column][row]`.
#[must_use]
pub fn codebook(bits: u8, books: &[Vec<i32>], indices: &[Vec<u32>]) -> Packed {
    let per_column = books.len() > 1;
    let matrix: Vec<Vec<i32>> = (0..)
        .zip(indices)
        .map(|(c, column)| {
            let book = &books[if per_column { c } else { 0 }];
            column.iter().map(|index| book[*index as usize]).collect()
        })
        .collect();
    let bytes = indices.iter().flat_map(|column| run(column.iter().copied(), bits)).collect();
    let mut packed = packed(Encoding::Codebook, bits, u16::from(per_column), &matrix, bytes);
    packed.values = Some(books.concat());
    packed
}

/// One-bit synapses: `types[row]` is the row's axon type, `values[column][type]` what a set bit
/// of `synapses[column][row]` stands for.
#[must_use]
pub fn axon_typed(types: &[u32], values: &[Vec<i32>], synapses: &[Vec<bool>]) -> Packed {
    let matrix: Vec<Vec<i32>> = synapses
        .iter()
        .zip(values)
        .map(|(column, values)| {
            column
                .iter()
                .zip(types)
                .map(|(set, kind)| if *set { values[*kind as usize] } else { 0 })
                .collect()
        })
        .collect();
    let bytes = synapses.iter().flat_map(|column| run(column.iter().map(|s| u32::from(*s)), 1)).collect();
    let mut packed = packed(Encoding::AxonTyped, 1, 0, &matrix, bytes);
    packed.blob.type_count = values.first().map_or(0, Vec::len) as u32;
    packed.values = Some(values.concat());
    packed.types = Some(types.iter().map(|kind| *kind as i32).collect());
    packed
}

/// Dense blocks of `height` rows; blocks that would hold only zeros are left out. A column
/// starts a block at the first weight that is not zero and not yet covered.
///
/// # Panics
/// When `height` is more than the rows.
#[must_use]
pub fn sparse_blocks(bits: u8, height: u16, matrix: &[Vec<i32>]) -> Packed {
    let (mut starts, mut firsts, mut blocks) = (vec![0u32], Vec::new(), Vec::new());
    for column in matrix {
        let height = usize::from(height);
        assert!(height <= column.len(), "blocks must not be taller than the matrix");
        let mut row = 0;
        while let Some(first) = (row..column.len()).find(|row| column[*row] != 0) {
            // A block must not run past the end, nor start before the previous one's end.
            let first = first.min(column.len() - height).max(row);
            if first + height > column.len() {
                // No room: the previous block ends too late. The caller's matrix does not fit the blocks.
                return sparse_blocks(bits, 1, matrix);
            }
            firsts.push(first as u32);
            blocks.extend(run(column[first..first + height].iter().map(|w| *w as u32), bits));
            row = first + height;
        }
        starts.push(firsts.len() as u32);
    }
    let bytes = starts.iter().chain(&firsts).flat_map(|word| word.to_le_bytes()).chain(blocks).collect();
    packed(Encoding::SparseBlocks, bits, height, matrix, bytes)
}

#[cfg(test)]
mod tests {
    use super::{dense, sign_magnitude, sparse_blocks};

    #[test]
    fn fields_are_packed_from_the_lowest_bit() {
        // 3-bit fields 1, -1 (111), 2: 0b10_111_001, 0b0.
        assert_eq!(dense(3, &[vec![1, -1, 2]]).bytes, [0b1011_1001, 0]);
        // Magnitudes 5 and 3 in 4 bits, then signs 0, 1.
        assert_eq!(sign_magnitude(4, &[vec![5, -3]]).bytes, [0x35, 0b10]);
    }

    #[test]
    fn empty_blocks_are_left_out() {
        let packed = sparse_blocks(8, 2, &[vec![0, 0, 0, 7, 0, 0], vec![0; 6]]);
        assert_eq!(packed.bytes, [&[0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0][..], &[7, 0]].concat());
    }
}
