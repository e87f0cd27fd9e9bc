//! Chip descriptions: TOML in; a checked [`Chip`], or every error at once, out.
//!
//! A chip is a description file. Adding one of a known kind needs no Rust:
//! write the file and pass its path. The format is documented field by field
//! in `docs/chip-description.md`.
//!
//! In reading order: [`parse`], [`Chip`], what all kinds share
//! (`parts`), the three kinds ([`Crossbar`], [`Mac`], [`Spiking`]), sources
//! of values (`source`), built-in chips and files ([`find`], `builtin`),
//! errors ([`DescError`]), and the private lenient reader over TOML (`raw`).
//!
//! ```
//! let prime = spandrel_hwdesc::builtin("prime").unwrap();
//! assert_eq!(prime.core_outputs().get(), 128);
//! let wrong = prime.with(&[("crossbar.dac_bits", "4")]).unwrap_err();
//! assert!(wrong[0].to_string().contains("crossbar.dac_bits must divide crossbar.input_bits"));
//! ```

mod builtin;
mod change;
mod chip;
mod error;
mod kind;
mod parse;
mod parts;
mod raw;
mod source;
mod units;

pub use builtin::{builtin, builtin_names, builtin_text, find, load};
pub use chip::{Chip, Kind};
pub use error::{DescError, Place, Rule, render};
pub use kind::crossbar::{Crossbar, Polarity, ReadRounding, Readout};
pub use kind::mac::{Mac, Overflow, Requantise, Rounding};
pub use kind::spiking::{Decay, Fire, Limits, Reset, Setting, Spiking};
pub use parse::{MAX_BYTES, parse};
pub use parts::{Activation, Cost, Encoding, Fabric, FanOut, PartialSums, Per, Signals, Step, Topology};
pub use source::{Mark, Source};
pub use units::{Arrays, Bitlines, Bits, Columns, Cores, Limit, Rows, Ticks};
