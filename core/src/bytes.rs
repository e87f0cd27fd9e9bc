//! Little-endian fields in byte slices, without panics, and the sink that emission writes to.

/// Reads fields at fixed offsets; `None` when the field lies outside the bytes.
pub trait Fields {
    /// The byte at `at`.
    fn u8_at(&self, at: usize) -> Option<u8>;
    /// Two bytes from `at`, little-endian.
    fn u16_at(&self, at: usize) -> Option<u16>;
    /// Four bytes from `at`, little-endian.
    fn u32_at(&self, at: usize) -> Option<u32>;
    /// Four bytes from `at`, little-endian, two's complement.
    fn i32_at(&self, at: usize) -> Option<i32>;
    /// Eight bytes from `at`, little-endian.
    fn u64_at(&self, at: usize) -> Option<u64>;
    /// `length` bytes from `at`.
    fn slice_at(&self, at: usize, length: usize) -> Option<&[u8]>;
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

impl Fields for [u8] {
    fn u8_at(&self, at: usize) -> Option<u8> {
        self.get(at).copied()
    }
    fn u16_at(&self, at: usize) -> Option<u16> {
        array_at(self, at).map(u16::from_le_bytes)
    }
    fn u32_at(&self, at: usize) -> Option<u32> {
        array_at(self, at).map(u32::from_le_bytes)
    }
    fn i32_at(&self, at: usize) -> Option<i32> {
        array_at(self, at).map(i32::from_le_bytes)
    }
    fn u64_at(&self, at: usize) -> Option<u64> {
        array_at(self, at).map(u64::from_le_bytes)
    }
    fn slice_at(&self, at: usize, length: usize) -> Option<&[u8]> {
        self.get(at..at.checked_add(length)?)
    }
}

/// Where emission puts its bytes. A closure `|bytes: &[u8]| ...` is a sink.
pub trait Sink {
    /// Takes `bytes`, in order.
    fn put(&mut self, bytes: &[u8]);
    /// One byte.
    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }
    /// Two bytes, little-endian.
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }
    /// Four bytes, little-endian.
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }
    /// Four bytes, little-endian, two's complement.
    fn put_i32(&mut self, value: i32) {
        self.put(&value.to_le_bytes());
    }
    /// Eight bytes, little-endian.
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }
}

impl<F: FnMut(&[u8])> Sink for F {
    fn put(&mut self, bytes: &[u8]) {
        self(bytes);
    }
}
