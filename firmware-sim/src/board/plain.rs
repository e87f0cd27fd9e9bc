//! A store in memory: for boards with room for a whole image in RAM.

/// Memory that an image is received into and stays in.
pub struct Store(&'static mut [u8]);

impl Store {
    /// A store in `memory`.
    pub(super) fn new(memory: &'static mut [u8]) -> Self {
        Self(memory)
    }

    /// Bytes that it holds.
    pub fn room(&self) -> usize {
        self.0.len()
    }

    /// Makes room for `length` bytes.
    pub fn prepare(&mut self, _length: usize) {}

    /// Puts a byte, the bytes before it having been put.
    pub fn put(&mut self, at: usize, byte: u8) {
        if let Some(place) = self.0.get_mut(at) {
            *place = byte;
        }
    }

    /// The first `length` bytes, all of which have been put; none if they are more than the room.
    pub fn into_bytes(self, length: usize) -> &'static [u8] {
        self.0.get(..length).unwrap_or(&[])
    }
}
