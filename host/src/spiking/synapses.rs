//! Weights of a projection, and which of them are not zero.

/// A convolution over pictures, channel by channel, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels, height and width of the source.
    pub from: [usize; 3],
    /// Channels, height and width of the population.
    pub to: [usize; 3],
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps down and to the right.
    pub stride: [usize; 2],
    /// Rows above and columns to the left that are outside.
    pub padding: [usize; 2],
    /// Groups of channels.
    pub groups: usize,
    /// \[target channel\]\[source channel of its group\]\[row\]\[column\]
    pub weights: Vec<i32>,
}

/// Weights of a projection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synapses {
    /// \[target\]\[source\]
    Dense(Vec<i32>),
    /// (source, target, weight), in any order; what occurs twice is added up.
    Sparse(Vec<(u32, u32, i32)>),
    /// One weight for each target, from the source of the same number.
    Diagonal(Vec<i32>),
    /// A convolution.
    Convolution(Convolution),
    /// 1-bit synapses on typed axons: the weight is `values[target][type of source]` where the bit is set.
    Typed {
        /// The type of each source.
        types: Vec<u8>,
        /// How many types there are.
        kinds: usize,
        /// \[target\]\[type\]
        values: Vec<i32>,
        /// \[target\]\[source\]
        bits: Vec<bool>,
    },
}

impl Convolution {
    /// Calls `each` with (source, weight) of neuron `target`.
    fn row(&self, target: usize, mut each: impl FnMut(usize, i32)) {
        let [_, height, width] = self.to;
        let (channel, y, x) = (target / (height * width), target / width % height, target % width);
        let (inner, outer) = (self.from[0] / self.groups.max(1), self.to[0] / self.groups.max(1));
        let group = channel / outer.max(1);
        for c in 0..inner {
            for (row, column) in (0..self.kernel[0]).flat_map(|r| (0..self.kernel[1]).map(move |c| (r, c))) {
                let inside = |at: usize, step: usize, own: usize, padding: usize, extent: usize| {
                    (at * step + own).checked_sub(padding).filter(|at| *at < extent)
                };
                let up = inside(y, self.stride[0], row, self.padding[0], self.from[1]);
                let left = inside(x, self.stride[1], column, self.padding[1], self.from[2]);
                if let (Some(up), Some(left)) = (up, left) {
                    let source = ((group * inner + c) * self.from[1] + up) * self.from[2] + left;
                    let own = ((channel * inner + c) * self.kernel[0] + row) * self.kernel[1] + column;
                    each(source, self.weights[own]);
                }
            }
        }
    }
}

impl Synapses {
    /// The weights of each of `targets` neurons that are not zero, sources rising. The sizes must have been checked.
    #[must_use]
    pub fn rows(&self, sources: usize, targets: usize) -> Vec<Vec<(u32, i32)>> {
        let mut rows = vec![Vec::new(); targets];
        match self {
            Self::Dense(weights) => {
                for (row, weights) in rows.iter_mut().zip(weights.chunks_exact(sources.max(1))) {
                    row.extend((0..).zip(weights.iter().copied()));
                }
            }
            Self::Sparse(triples) => {
                for (source, target, weight) in triples {
                    if let Some(row) = rows.get_mut(*target as usize) {
                        row.push((*source, *weight));
                    }
                }
                for row in &mut rows {
                    row.sort_by_key(|(source, _)| *source);
                    row.dedup_by(|later, kept| {
                        let same = later.0 == kept.0;
                        if same {
                            kept.1 = kept.1.saturating_add(later.1);
                        }
                        same
                    });
                }
            }
            Self::Diagonal(weights) => {
                for ((row, weight), source) in rows.iter_mut().zip(weights).zip(0..) {
                    row.push((source, *weight));
                }
            }
            Self::Convolution(convolution) => {
                for (target, row) in rows.iter_mut().enumerate() {
                    convolution.row(target, |source, weight| row.push((source as u32, weight)));
                    row.sort_by_key(|(source, _)| *source);
                }
            }
            Self::Typed { types, kinds, values, bits } => {
                for (target, row) in rows.iter_mut().enumerate() {
                    for (source, kind) in types.iter().enumerate() {
                        if bits[target * types.len() + source] {
                            row.push((source as u32, values[target * kinds + usize::from(*kind)]));
                        }
                    }
                }
            }
        }
        for row in &mut rows {
            row.retain(|(_, weight)| *weight != 0);
        }
        rows
    }

    /// What is wrong with the sizes, for a projection of `sources` signals to `targets` neurons.
    #[must_use]
    pub fn misfit(&self, sources: usize, targets: usize) -> Option<String> {
        let expected = |what: &str, found: usize, wanted: usize| {
            (found != wanted).then(|| format!("{what}: {found}, expected {wanted}"))
        };
        let product = sources.saturating_mul(targets);
        match self {
            Self::Dense(weights) => expected("weights", weights.len(), product),
            Self::Sparse(triples) => triples
                .iter()
                .find(|(source, target, _)| *source as usize >= sources || *target as usize >= targets)
                .map(|(source, target, _)| {
                    format!("a synapse from {source} to {target} of {sources} x {targets}")
                }),
            Self::Diagonal(weights) => {
                expected("weights", weights.len(), targets).or_else(|| expected("sources", sources, targets))
            }
            Self::Convolution(c) => {
                let count = |shape: &[usize]| shape.iter().fold(1usize, |all, own| all.saturating_mul(*own));
                if c.groups == 0 || !c.from[0].is_multiple_of(c.groups) || !c.to[0].is_multiple_of(c.groups) {
                    return Some(format!("{} groups of {} and {} channels", c.groups, c.from[0], c.to[0]));
                }
                let weights = count(&[c.to[0], c.from[0] / c.groups, c.kernel[0], c.kernel[1]]);
                expected("source pixels", count(&c.from), sources)
                    .or_else(|| expected("target pixels", count(&c.to), targets))
                    .or_else(|| expected("weights", c.weights.len(), weights))
            }
            Self::Typed { types, kinds, values, bits } => expected("axon types", types.len(), sources)
                .or_else(|| expected("values", values.len(), kinds.saturating_mul(targets)))
                .or_else(|| expected("synapses", bits.len(), product))
                .or_else(|| {
                    let wrong = types.iter().find(|kind| usize::from(**kind) >= *kinds)?;
                    Some(format!("axon type {wrong} of {kinds}"))
                }),
        }
    }
}
