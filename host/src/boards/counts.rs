//! How often the machine does what, counted in an image's program without running it.
//!
//! Counts do not depend on the sample. What the cores skip for inputs of zero they skip in the measurements too, so a
//! fitted cost holds for samples like those it was fitted to; a spiking core that hardly spikes takes less.

use spandrel_core::image::{Config, Encoding, Image, Instruction, ResetTarget, Subject};
use spandrel_core::mac::Activation;

use crate::engine::repeated;

/// What has a cost in instructions, in the order of [`Counts`] and of a target's costs.
pub const COSTS: [&str; 16] = [
    "sample begun and ended",
    "instruction of the program",
    "signal moved",
    "word reset, or hashed (16 of them)",
    "signal encoded",
    "column of a crossbar",
    "line of a crossbar column, two passes of two slices",
    "line of a crossbar column, any other",
    "partial of such a line",
    "column of a digital core",
    "piecewise linear output of a digital core",
    "weight of a digital core",
    "neuron of a spiking core",
    "synapse of a spiking core",
    "weight held in other than 8 bits",
    "weight held in sparse blocks",
];

/// What checking an image costs, in the order of [`Check`].
pub const CHECK_COSTS: [&str; 3] = ["image", "byte of weights", "byte of anything else"];

/// How often each of [`COSTS`] is met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub [u64; COSTS.len()]);

const SAMPLE: usize = 0;
const STEP: usize = 1;
const MOVED: usize = 2;
const WORD: usize = 3;
const ENCODED: usize = 4;
const CROSSBAR_COLUMN: usize = 5;
const FAST_LINE: usize = 6;
const LINE: usize = 7;
const PARTIAL: usize = 8;
const MAC_COLUMN: usize = 9;
const PIECEWISE: usize = 10;
const WEIGHT: usize = 11;
const NEURON: usize = 12;
const SYNAPSE: usize = 13;
const FIELD: usize = 14;
const SPARSE: usize = 15;

/// A word that is hashed takes as long as so many that are reset.
const HASHED_AS_RESET: u64 = 16;

impl Counts {
    /// One inference: the machine's reset, encoding, the program.
    #[must_use]
    pub fn inference(image: &Image<'_>) -> Self {
        let mut counts = Self::default();
        counts.add(SAMPLE, 1);
        counts.add(WORD, u64::from(image.header().ram_words));
        for encoder in (0..image.input_count()).filter_map(|input| image.encoder(input)) {
            counts.add(ENCODED, u64::from(encoder.length) * u64::from(encoder.signals));
        }
        for (times, step) in repeated(image) {
            counts.add(STEP, times);
            counts.step(image, &step, times);
        }
        counts
    }

    /// The known answers of all configurations that have one.
    #[must_use]
    pub fn config_answers(image: &Image<'_>) -> Self {
        let mut counts = Self::default();
        for vector in (0..image.vector_count()).filter_map(|number| image.vector(number)) {
            if let Subject::Config { config, .. } = vector.subject
                && let Some(config) = image.config(config)
            {
                counts.invoke(image, &config, 1);
            }
        }
        counts
    }

    /// The known answers of the network: an inference each, and the digest of the state behind it.
    #[must_use]
    pub fn network_answers(image: &Image<'_>) -> Self {
        let vectors = (0..image.vector_count()).filter_map(|number| image.vector(number));
        let networks = vectors.filter(|vector| matches!(vector.subject, Subject::Network { .. })).count();
        let mut counts = Self::inference(image);
        counts.add(WORD, u64::from(image.header().ram_words) * HASHED_AS_RESET);
        counts.0 = counts.0.map(|count| count.saturating_mul(networks as u64));
        counts
    }

    /// Instructions, each count at its cost.
    #[must_use]
    pub fn instructions(&self, costs: &[f64; COSTS.len()]) -> u64 {
        self.0.iter().zip(costs).map(|(count, cost)| *count as f64 * cost).sum::<f64>().round() as u64
    }

    /// Products of an input and a weight.
    #[must_use]
    pub fn multiply_accumulates(&self) -> u64 {
        [FAST_LINE, LINE, WEIGHT, SYNAPSE].iter().filter_map(|at| self.0.get(*at)).sum()
    }

    fn add(&mut self, at: usize, times: u64) {
        if let Some(count) = self.0.get_mut(at) {
            *count = count.saturating_add(times);
        }
    }

    fn step(&mut self, image: &Image<'_>, step: &Instruction, times: u64) {
        match step {
            Instruction::Gather { access, .. }
            | Instruction::Scatter { access, .. }
            | Instruction::Add { access, .. }
            | Instruction::Rate { access, .. }
            | Instruction::Emit { access, .. } => {
                let elements = image.access(*access).and_then(|access| image.elements(&access)).unwrap_or(0);
                self.add(MOVED, times * u64::from(elements));
            }
            Instruction::Invoke { config, .. } => {
                if let Some(config) = image.config(*config) {
                    self.invoke(image, &config, times);
                }
            }
            Instruction::Tick => self.add(STEP, times * u64::from(image.edge_count())),
            Instruction::Reset(target) => {
                let words = match target {
                    ResetTarget::Sums => image.plan().sums,
                    ResetTarget::Edge(edge) => image.edge(*edge).and_then(|edge| edge.words()).unwrap_or(0),
                    ResetTarget::State { words, .. } => *words,
                };
                self.add(WORD, times * u64::from(words));
            }
            Instruction::Loop { .. } | Instruction::End { .. } => {}
        }
    }

    fn invoke(&mut self, image: &Image<'_>, config: &Config, times: u64) {
        let columns = times * u64::from(config.columns());
        let weights = columns * (config.column_work() - 1);
        match config {
            Config::Crossbar(crossbar) => {
                self.add(CROSSBAR_COLUMN, columns);
                let (passes, slices) = (crossbar.passes(), crossbar.slices);
                if (passes, slices) == (2, 2) {
                    self.add(FAST_LINE, weights);
                } else {
                    self.add(LINE, weights);
                    self.add(PARTIAL, weights * u64::from(passes) * u64::from(slices));
                }
            }
            Config::Mac(core) => {
                self.add(MAC_COLUMN, columns);
                self.add(WEIGHT, weights);
                if matches!(core.activation, Activation::PiecewiseLinear { .. }) {
                    self.add(PIECEWISE, columns);
                }
            }
            Config::Spiking(_) => {
                self.add(NEURON, columns);
                self.add(SYNAPSE, weights);
            }
            // A kind that this version does not know has no cost yet.
            _ => {}
        }
        match image.blob(config.blob()) {
            Some(blob) if blob.encoding == Encoding::SparseBlocks => self.add(SPARSE, weights),
            Some(blob) if blob.bits != 8 => self.add(FIELD, weights),
            _ => {}
        }
    }
}

/// How often each of [`CHECK_COSTS`] is met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Check(pub [u64; CHECK_COSTS.len()]);

impl Check {
    /// Checking `image`.
    #[must_use]
    pub fn of(image: &Image<'_>) -> Self {
        let weights = image.weights().len() as u64;
        Self([1, weights, image.header().total_bytes.saturating_sub(weights)])
    }

    /// Instructions, each count at its cost.
    #[must_use]
    pub fn instructions(&self, costs: &[f64; CHECK_COSTS.len()]) -> u64 {
        self.0.iter().zip(costs).map(|(count, cost)| *count as f64 * cost).sum::<f64>().round() as u64
    }
}
