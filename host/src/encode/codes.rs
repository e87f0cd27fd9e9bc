//! Codes of whole values.

/// The codes of one value on many samples: one row of all its signals a sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodeMap {
    width: usize,
    data: Vec<i32>,
}

impl CodeMap {
    /// Codes of rows of `width`.
    pub fn new(width: usize, data: Vec<i32>) -> Self {
        Self { width, data }
    }

    /// Signals of a sample.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.data.len() / self.width.max(1)
    }

    /// The codes of one sample.
    pub fn row(&self, sample: usize) -> &[i32] {
        &self.data[sample * self.width..(sample + 1) * self.width]
    }

    /// All codes.
    pub fn data(&self) -> &[i32] {
        &self.data
    }

    /// All codes, to be changed.
    pub fn data_mut(&mut self) -> &mut [i32] {
        &mut self.data
    }
}
