//! What all core-ops that read the same lines have in common: prepared once, however many blocks of columns there are.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use super::codes::{Pick, Sources};
use super::free::{INPUTS_MAX, RealMap, Ridge, SAMPLES_MAX};
use super::round::{ErrorFeedback, RUN, WHOLE_MAX};
use crate::expand::OpLine;
use crate::numeric::Matrix;

/// The codes on the lines of a core-op, and what is solved for them.
pub struct Prepared {
    /// The lines.
    pub lines: Arc<[OpLine]>,
    /// Codes on the lines, one row a pick.
    pub codes: Matrix,
    /// The lines of each group: the columns of one group have no weight on those of another.
    pub blocks: Vec<Range<usize>>,
    /// Of each group its own codes, where there are several.
    parts: Vec<Matrix>,
    ridges: OnceCell<Vec<Option<Ridge>>>,
    feedback: OnceCell<Vec<(Range<usize>, ErrorFeedback)>>,
}

impl Prepared {
    /// Reads the codes that the lines of node `node` bring for `picks`.
    pub fn new(sources: Sources<'_>, node: usize, lines: &Arc<[OpLine]>, picks: &[Pick]) -> Self {
        let codes = sources.matrix(node, lines, picks);
        let mut blocks: Vec<Range<usize>> = Vec::new();
        let mut from = 0;
        for group in lines.chunk_by(|a, b| a.group == b.group) {
            blocks.push(from..from + group.len());
            from += group.len();
        }
        let parts = if blocks.len() > 1 {
            blocks.iter().map(|b| codes.columns(b.clone())).collect()
        } else {
            Vec::new()
        };
        Self {
            lines: lines.clone(),
            codes,
            blocks,
            parts,
            ridges: OnceCell::new(),
            feedback: OnceCell::new(),
        }
    }

    fn part(&self, block: usize) -> &Matrix {
        self.parts.get(block).unwrap_or(&self.codes)
    }

    /// Ridge regression of the outputs `own` of a group (rows of `map` and of `z`) towards the golden sums `z`.
    pub fn refit(&self, map: &mut RealMap, block: usize, own: &[usize], z: &Matrix, lambda: f64) {
        let made = || (0..self.blocks.len()).map(|block| Ridge::new(self.part(block), lambda)).collect();
        if let Some(ridge) = &self.ridges.get_or_init(made)[block] {
            ridge.refit_block(map, self.part(block), self.blocks[block].clone(), own, z);
        }
    }

    /// Rounding with error feedback for every group; nothing when the moments of one can not be inverted.
    pub fn feedback(&self) -> &[(Range<usize>, ErrorFeedback)] {
        self.feedback.get_or_init(|| {
            let of = |block: usize| Some((self.blocks[block].clone(), ErrorFeedback::of(self.part(block))?));
            (0..self.blocks.len()).map(of).collect::<Option<_>>().unwrap_or_default()
        })
    }
}

/// What is done otherwise with sums of very many inputs, for the report; `None` where nothing is.
pub fn remark(node: &str, lines: usize, picks: usize) -> Option<String> {
    let wide = lines > WHOLE_MAX.min(INPUTS_MAX);
    wide.then(|| {
        format!(
            "{node:?}: of {lines} inputs, runs of {RUN} make good each other's rounding errors; {} of {picks} samples \
             take part in the free phase",
            picks.min(SAMPLES_MAX)
        )
    })
}
