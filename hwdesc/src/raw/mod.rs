//! A lenient reader over the TOML tree: it takes what it can, and notes every
//! broken rule instead of stopping at the first. (Plain deserialisation would
//! stop at the first wrong type.)

mod doc;
mod nearest;
mod nested;
mod table;
mod values;

pub(crate) use doc::{Doc, Field};
pub(crate) use nearest::nearest;
pub(crate) use table::Table;
