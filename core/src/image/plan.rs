//! What the machine needs to run an image: register counts and the layout of the lent memory.
//!
//! | words | holds |
//! |---|---|
//! | [`CONTROL_WORDS`] | program counter, cursor, loop registers, counters |
//! | `inputs` | input registers |
//! | `sums` | sum registers |
//! | `state` | state lent to configurations |
//! | `edges` | edges in number order, each as [`super::edge`] says |

/// Words for the machine's own registers.
pub const CONTROL_WORDS: u32 = 32;

/// Layout of the lent memory, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Plan {
    /// Input registers.
    pub inputs: u32,
    /// Sum registers.
    pub sums: u32,
    /// Words of state.
    pub state: u32,
    /// Words of all edges.
    pub edges: u32,
}

impl Plan {
    /// First input register.
    #[must_use]
    pub const fn inputs_at(&self) -> u32 {
        CONTROL_WORDS
    }

    /// First sum register. `None` when the plan passes 32 bits; so below.
    #[must_use]
    pub fn sums_at(&self) -> Option<u32> {
        self.inputs_at().checked_add(self.inputs)
    }

    /// First word of state.
    #[must_use]
    pub fn state_at(&self) -> Option<u32> {
        self.sums_at()?.checked_add(self.sums)
    }

    /// First word of edges.
    #[must_use]
    pub fn edges_at(&self) -> Option<u32> {
        self.state_at()?.checked_add(self.state)
    }

    /// Words in all.
    #[must_use]
    pub fn words(&self) -> Option<u32> {
        self.edges_at()?.checked_add(self.edges)
    }
}
