//! The image format, both directions side by side: every layout's reader and writer stand in
//! the same file, so that compiler and firmware can not disagree.
//!
//! An image is a header, a section directory, sections in directory order, and a seal.
//! All numbers are little-endian. Sections start on multiples of 8; what lies between is zero.

mod access;
mod aside;
mod blob;
mod check;
mod check_config;
mod check_program;
mod config;
mod config_mac;
mod config_spiking;
mod coverage;
mod decoder;
mod directory;
mod edge;
mod encoder;
mod error;
mod header;
mod list;
mod plan;
#[cfg(feature = "float")]
mod probability;
mod program;
mod seal;
mod table;
mod tag;
mod vector;
mod view;
mod write;

pub use access::{AXES_MAX, Access, Axis, Cursor, DIMS_MAX, Dim, LOOP_REGISTERS, TERMS_MAX, Term};
pub use aside::{ChipLimits, HOST, OriginRun, Origins, Placement, Route, Side};
pub use blob::{BLOB_BYTES, Blob, Encoding, NO_BLOB};
pub use config::{CONFIG_BYTES, Config};
pub use coverage::{COVERAGE_BYTES, Coverage, CoverageWay, FaultClass};
pub use decoder::{Decoder, Reading};
pub use directory::{ENTRY_BYTES, Entry, SECTION_VERSION};
pub use edge::{Codec, EDGE_BYTES, Edge};
pub use encoder::{Encoder, Mapping};
pub use error::{ImageError, Place, Rule};
pub use header::{HEADER_BYTES, Header, MAGIC, SECTIONS_MAX, VERSION_MAJOR, VERSION_MINOR};
pub use list::{List, emit_list};
pub use plan::{CONTROL_WORDS, Plan};
pub use program::{Combine, INSTRUCTION_BYTES, Instruction, NO_REGISTER, ResetTarget};
pub(crate) use seal::CRC32;
pub use seal::{Digest32, SEAL_BYTES, SIGNATURE_BYTES, SIGNED_SEAL_BYTES, Seal, Signature, crc32, sha256};
pub use table::{NO_TABLE, Table, Tables};
pub use tag::Tag;
pub use vector::{Subject, Values, Vector};
pub use view::Image;
pub use write::{WriteError, assemble, assembled_len, prepare_signed, put_signature, reseal};
