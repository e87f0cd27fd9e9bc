//! What a batch emitted.

use spandrel_core::{image::Digest32, machine::OutputDigest};

/// Emitted signals of all samples. Every sample emits the same number of signals on the same outputs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Outputs {
    /// Values: sample after sample, within a sample in the order of emission.
    pub codes: Vec<i32>,
    /// The output number of each emitted signal of a sample.
    pub tags: Vec<u16>,
    /// Number of samples.
    pub samples: usize,
}

impl Outputs {
    /// Signals that a sample emits.
    #[must_use]
    pub fn per_sample(&self) -> usize {
        self.tags.len()
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples
    }

    /// Whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// All signals of sample `index`, in the order of emission. Panics beyond the last sample.
    #[must_use]
    pub fn sample(&self, index: usize) -> &[i32] {
        assert!(index < self.samples, "sample {index} of {}", self.samples);
        &self.codes[index * self.per_sample()..(index + 1) * self.per_sample()]
    }

    /// The signals of sample `index` on output `output`, in the order of emission.
    pub fn output(&self, index: usize, output: u16) -> impl Iterator<Item = i32> + '_ {
        let pairs = self.sample(index).iter().zip(&self.tags);
        pairs.filter(move |(_, tag)| **tag == output).map(|(value, _)| *value)
    }

    /// `spandrel-output-1` over all samples in order.
    #[must_use]
    pub fn digest(&self) -> Digest32 {
        let mut digest = OutputDigest::new();
        for index in 0..self.samples {
            for (value, tag) in self.sample(index).iter().zip(&self.tags) {
                digest.add(*tag, *value);
            }
        }
        digest.digest()
    }
}
