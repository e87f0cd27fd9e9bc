//! Arrays as files hold them: a shape and numbers of one type.

/// An array read from a file or to be written to one, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The dimensions, slowest first; their product is the number of elements.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: ArrayData,
}

/// The elements of an [`Array`].
#[derive(Clone, Debug, PartialEq)]
pub enum ArrayData {
    /// Unsigned bytes; booleans are read as 0 and 1.
    U8(Vec<u8>),
    /// Signed bytes.
    I8(Vec<i8>),
    /// 16-bit whole numbers.
    I16(Vec<i16>),
    /// 32-bit whole numbers; u16 is read into it.
    I32(Vec<i32>),
    /// 64-bit whole numbers; u32 and u64 (below 2^63) are read into it.
    I64(Vec<i64>),
    /// 32-bit floating point; 64-bit floating point is rounded to it.
    F32(Vec<f32>),
}

impl ArrayData {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            ArrayData::U8(v) => v.len(),
            ArrayData::I8(v) => v.len(),
            ArrayData::I16(v) => v.len(),
            ArrayData::I32(v) => v.len(),
            ArrayData::I64(v) => v.len(),
            ArrayData::F32(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements at `order`, in that order. Panics when one is outside.
    pub(crate) fn gather(&self, order: &[usize]) -> Self {
        fn pick<T: Copy>(from: &[T], order: &[usize]) -> Vec<T> {
            order.iter().map(|&i| from[i]).collect()
        }
        match self {
            ArrayData::U8(v) => ArrayData::U8(pick(v, order)),
            ArrayData::I8(v) => ArrayData::I8(pick(v, order)),
            ArrayData::I16(v) => ArrayData::I16(pick(v, order)),
            ArrayData::I32(v) => ArrayData::I32(pick(v, order)),
            ArrayData::I64(v) => ArrayData::I64(pick(v, order)),
            ArrayData::F32(v) => ArrayData::F32(pick(v, order)),
        }
    }
}

/// An element type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Element {
    /// Bytes of one element.
    pub(crate) fn width(self) -> usize {
        match self {
            Element::Bool | Element::U8 | Element::I8 => 1,
            Element::U16 | Element::I16 => 2,
            Element::U32 | Element::I32 | Element::F32 => 4,
            Element::U64 | Element::I64 | Element::F64 => 8,
        }
    }

    /// Decodes `bytes`, whose length is a multiple of the width. `None` when a u64 is 2^63 or more.
    pub(crate) fn decode(self, bytes: Vec<u8>, big_endian: bool) -> Option<ArrayData> {
        /// Chunks of N bytes in little-endian order.
        fn words<const N: usize>(bytes: &[u8], big_endian: bool) -> impl Iterator<Item = [u8; N]> {
            bytes.as_chunks::<N>().0.iter().map(move |chunk| {
                let mut chunk = *chunk;
                if big_endian {
                    chunk.reverse();
                }
                chunk
            })
        }
        let big = big_endian;
        if self == Element::U8 {
            return Some(ArrayData::U8(bytes));
        }
        let bytes = bytes.as_slice();
        Some(match self {
            Element::Bool | Element::U8 => ArrayData::U8(bytes.iter().map(|&b| u8::from(b != 0)).collect()),
            Element::I8 => ArrayData::I8(bytes.iter().map(|&b| b.cast_signed()).collect()),
            Element::U16 => {
                ArrayData::I32(words::<2>(bytes, big).map(|w| i32::from(u16::from_le_bytes(w))).collect())
            }
            Element::I16 => ArrayData::I16(words::<2>(bytes, big).map(i16::from_le_bytes).collect()),
            Element::U32 => {
                ArrayData::I64(words::<4>(bytes, big).map(|w| i64::from(u32::from_le_bytes(w))).collect())
            }
            Element::I32 => ArrayData::I32(words::<4>(bytes, big).map(i32::from_le_bytes).collect()),
            Element::U64 => {
                let wide = words::<8>(bytes, big).map(|w| i64::try_from(u64::from_le_bytes(w)).ok());
                ArrayData::I64(wide.collect::<Option<_>>()?)
            }
            Element::I64 => ArrayData::I64(words::<8>(bytes, big).map(i64::from_le_bytes).collect()),
            Element::F32 => ArrayData::F32(words::<4>(bytes, big).map(f32::from_le_bytes).collect()),
            Element::F64 => {
                ArrayData::F32(words::<8>(bytes, big).map(|w| f64::from_le_bytes(w) as f32).collect())
            }
        })
    }
}
