//! What a network's maker may give beside it: how populations are cut into cores, what raw values mean, and what counts mean.

use spandrel_core::image::Codec;

/// Codes of raw values, by a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawCodes {
    /// How raw values are held.
    pub raw: Codec,
    /// The raw value that the first code stands for; what lies outside counts as the nearest one inside.
    pub lo: i32,
    /// A code for every raw value from there on.
    pub codes: Vec<i32>,
    /// Axons of the input for each raw value, which all get its code.
    pub signals: u8,
    /// For each element of the input the raw value that it is; `None`: the same order.
    pub order: Option<Vec<u32>>,
}

/// What the counts of an output mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoding {
    /// Neurons of the population in the order in which they are told, those of a value next to each other.
    pub signals: Vec<u32>,
    /// Neurons of a value, whose counts are added up.
    pub each: u8,
    /// What a spike counts, and what no spike counts.
    pub unit: f64,
    /// See `unit`.
    pub zero: f64,
    /// Whether the index of the largest value is a class.
    pub decides: bool,
}

/// What is given; the default is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given {
    /// For each population the neurons of each of its cores, in order; none: as many on a core as fit.
    pub cores: Vec<Vec<u32>>,
    /// Codes of raw values; without them raw values are codes.
    pub codes: Option<RawCodes>,
    /// One an output; none: each count is a value, the largest decides.
    pub decoding: Vec<Decoding>,
}
