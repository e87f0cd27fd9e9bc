//! Images written like assembly: declare edges, tables, weights and configurations, then list
//! the program's instructions. Offsets, checksums and the memory plan are worked out here,
//! apart from the reader, so that a reader that computes them wrongly is found.

pub mod builder;
pub mod conv;
pub mod digital;
pub mod minimal;
pub mod mlp;
mod needs;
pub mod pattern;
mod prime;
pub mod recurrent;
pub mod spiking;
pub mod weights;

pub use builder::{Answer, ImageBuilder, Sections};
pub use pattern::Pattern;
pub use prime::prime;
pub use weights::Packed;
