//! Which positions of a large program are looked at line by line.

use super::stimuli::Chance;
use crate::dots::DotNode;

/// Positions this near to an end of their grid are always looked at.
const BORDER: usize = 2;

/// All positions, or those at the borders and a seeded share of the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampling {
    /// Share of the positions, in 2^-32; `None` for all.
    share: Option<u64>,
    seed: u64,
}

impl Sampling {
    /// As many positions as keep `work` within `budget`; borders come on top.
    pub(super) fn new(work: u64, budget: u64, seed: u64) -> Self {
        let share = (work > budget).then(|| ((u128::from(budget) << 32) / u128::from(work)) as u64);
        Self { share, seed }
    }

    /// Whether every position is looked at.
    pub(super) fn all(&self) -> bool {
        self.share.is_none()
    }

    /// Whether position `position` of node `number` is looked at.
    pub(super) fn takes(&self, node: &DotNode, number: usize, position: usize) -> bool {
        let Some(share) = self.share else { return true };
        // In the middle of a grid windows lie inside as a rule.
        let mut rest = position;
        if position == node.positions() / 2 {
            return true;
        }
        for &extent in node.grid.iter().rev() {
            let index = rest % extent;
            rest /= extent;
            if extent > 1 && (index < BORDER || index + BORDER >= extent) {
                return true;
            }
        }
        let mut chance = Chance::new(self.seed ^ (number as u64) << 40, position as u64 + 1);
        node.positions() == 1 || chance.next() >> 32 < share
    }
}
