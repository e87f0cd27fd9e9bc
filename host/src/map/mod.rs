//! Stage 6, mapping: coded core-ops become configurations on cores, buffers between them, and a program.
//!
//! Everything is expressed in the image format's own records, so that emission only writes them down and the decoded
//! image can be compared with the program record by record.

mod build;
mod configs;
mod edges;
mod ends;
mod fetch;
mod held;
mod place;
mod program;
mod records;
mod regular;
mod stepped;

pub use build::map;
pub use program::{BlobData, BlobForm, Origin, Program};
pub(crate) use records::{access, inverted, lay_out, table};
