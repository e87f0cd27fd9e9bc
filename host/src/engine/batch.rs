//! Raw samples: the integers that an image's encoder takes.

use std::ops::Range;

use super::error::EngineError;
use spandrel_core::image::Image;

/// Raw values of all samples, one sample after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawData<'a> {
    /// 0..=255.
    U8(&'a [u8]),
    /// -128..=127.
    I8(&'a [i8]),
    /// -32768..=32767.
    I16(&'a [i16]),
    /// Any i32.
    I32(&'a [i32]),
}

impl<'a> RawData<'a> {
    /// Number of raw values.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::I16(values) => values.len(),
            Self::I32(values) => values.len(),
        }
    }

    /// Whether there are no values.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of `range`. Panics when it reaches beyond the end.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        match self {
            Self::U8(values) => Self::U8(&values[range]),
            Self::I8(values) => Self::I8(&values[range]),
            Self::I16(values) => Self::I16(&values[range]),
            Self::I32(values) => Self::I32(&values[range]),
        }
    }

    /// Value `index`. Panics beyond the end.
    #[must_use]
    pub fn get(&self, index: usize) -> i32 {
        match self {
            Self::U8(values) => i32::from(values[index]),
            Self::I8(values) => i32::from(values[index]),
            Self::I16(values) => i32::from(values[index]),
            Self::I32(values) => values[index],
        }
    }
}

/// Raw samples of equal length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawBatch<'a> {
    data: RawData<'a>,
    length: usize,
    /// Samples from reset to reset.
    sequence: usize,
}

/// The raw values of one sample, in order.
#[derive(Clone, Debug)]
pub struct RawSample<'a> {
    data: RawData<'a>,
    next: usize,
}

impl Iterator for RawSample<'_> {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        let value = (self.next < self.data.len()).then(|| self.data.get(self.next));
        self.next += 1;
        value
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.data.len().saturating_sub(self.next);
        (left, Some(left))
    }
}

impl ExactSizeIterator for RawSample<'_> {}

impl<'a> RawBatch<'a> {
    /// Samples of `length` raw values each.
    ///
    /// # Errors
    /// [`EngineError::Uneven`]: the values are no whole number of samples, or `length` is 0.
    pub const fn new(data: RawData<'a>, length: usize) -> Result<Self, EngineError> {
        if length == 0 || !data.len().is_multiple_of(length) {
            return Err(EngineError::Uneven { values: data.len(), length });
        }
        Ok(Self { data, length, sequence: 1 })
    }

    /// The same samples as sequences of `sequence` each (at least 1): what a sample leaves in edges and state stays for the next one of
    /// its sequence, and before the first one everything is reset.
    ///
    /// # Errors
    /// [`EngineError::Sequence`]: the samples are no whole number of sequences.
    pub const fn in_sequences(self, sequence: usize) -> Result<Self, EngineError> {
        let samples = self.len();
        if sequence == 0 || !samples.is_multiple_of(sequence) {
            return Err(EngineError::Sequence { samples, sequence });
        }
        Ok(Self { sequence, ..self })
    }

    /// Samples of a sequence: 1 where every sample begins from the reset state.
    #[must_use]
    pub const fn sequence(&self) -> usize {
        self.sequence
    }

    /// All values.
    #[must_use]
    pub const fn data(&self) -> RawData<'a> {
        self.data
    }

    /// Raw values of a sample.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// Number of samples.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.data.len() / self.length
    }

    /// Whether there are no samples.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The raw values of sample `index`. Panics beyond the last one.
    #[must_use]
    pub fn sample(&self, index: usize) -> RawSample<'a> {
        RawSample { data: self.data.slice(index * self.length..(index + 1) * self.length), next: 0 }
    }

    /// The samples of `range`, which begins where a sequence does. Panics when it reaches beyond the last one.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        debug_assert!(range.start.is_multiple_of(self.sequence), "a sequence is not cut");
        Self { data: self.data.slice(range.start * self.length..range.end * self.length), ..*self }
    }

    /// Sample `index` as a batch of its own. Panics beyond the last one.
    pub(super) fn alone(&self, index: usize) -> Self {
        Self { sequence: 1, ..*self }.slice(index..index + 1)
    }

    /// Checks that the samples have the length that input 0 of `image` takes.
    pub(super) fn fits(&self, image: &Image<'_>) -> Result<(), EngineError> {
        let encoder = image.encoder(0).ok_or(EngineError::NoInput)?;
        if self.length as u64 == u64::from(encoder.length) {
            Ok(())
        } else {
            Err(EngineError::SampleLength { found: self.length, needed: encoder.length })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RawBatch, RawData};

    #[test]
    fn samples_follow_one_another() {
        let batch = RawBatch::new(RawData::I8(&[1, -2, 3, -4, 5, -6]), 2).unwrap();
        assert_eq!(batch.len(), 3);
        assert_eq!(batch.sample(1).collect::<Vec<_>>(), [3, -4]);
        assert_eq!(batch.slice(1..3).sample(1).collect::<Vec<_>>(), [5, -6]);
    }

    #[test]
    fn sequences_are_whole() {
        let batch = RawBatch::new(RawData::U8(&[1, 2, 3, 4, 5, 6]), 1).unwrap();
        assert_eq!(batch.sequence(), 1);
        let pairs = batch.in_sequences(2).unwrap();
        assert_eq!(pairs.slice(2..6).sequence(), 2);
        assert!(batch.in_sequences(4).is_err());
        assert!(batch.in_sequences(0).is_err());
    }

    #[test]
    fn uneven_samples_are_refused() {
        assert!(RawBatch::new(RawData::U8(&[1, 2, 3]), 2).is_err());
        assert!(RawBatch::new(RawData::U8(&[]), 0).is_err());
        assert!(RawBatch::new(RawData::U8(&[]), 2).unwrap().is_empty());
    }
}
