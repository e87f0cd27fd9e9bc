//! A mapped program.

use std::fmt;

use spandrel_core::image::{
    Access, Config, Decoder, Edge, Encoder, Instruction, OriginRun, Placement, Route,
};

/// The weights of one configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobData {
    /// Rows, bias rows included.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Column by column, rows in word-line order, bias rows last.
    pub weights: Vec<i16>,
    /// How they are held.
    pub form: BlobForm,
}

/// How weights are held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobForm {
    /// Magnitudes of so many bits, and signs.
    SignMagnitude(u8),
    /// Two's complement of so many bits.
    Dense(u8),
    /// Indices of so many bits into a table of values, 2^bits for all columns or for each: its number.
    Codebook {
        /// Bits of an index.
        bits: u8,
        /// The table.
        table: u32,
        /// Whether each column has values of its own.
        per_column: bool,
    },
    /// One bit, which stands for a value for each column and type of row; a clear one for 0.
    AxonTyped {
        /// The table of the rows' types.
        types: u32,
        /// The table of values, type by type within a column.
        values: u32,
        /// How many types there are.
        kinds: u32,
    },
}

/// Where a configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Name of the node it computes.
    pub node: String,
    /// Name of the value it reads.
    pub input: String,
    /// What its columns and rows stand for.
    pub runs: Vec<OriginRun>,
}

/// Everything that goes into an image but known answers and notes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// Signal buffers.
    pub edges: Vec<Edge>,
    /// Integer tables.
    pub tables: Vec<Vec<i32>>,
    /// Access patterns.
    pub accesses: Vec<Access>,
    /// Weights.
    pub blobs: Vec<BlobData>,
    /// Core configurations.
    pub configs: Vec<Config>,
    /// Instructions.
    pub instructions: Vec<Instruction>,
    /// Input encoders.
    pub encoders: Vec<Encoder>,
    /// Output decoders.
    pub decoders: Vec<Decoder>,
    /// Which core holds which configuration.
    pub placements: Vec<Placement>,
    /// How signals travel.
    pub routes: Vec<Route>,
    /// Where configurations come from.
    pub origins: Vec<Origin>,
    /// The code that stands for level 0: what lies outside an edge reads it.
    pub base: i32,
    /// Signals of the widest maximum.
    pub maxima: u32,
    /// Bits of a weight's magnitude in blobs.
    pub weight_bits: u8,
    /// Words that the machine must be lent.
    pub ram_words: u32,
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program: {} configurations, {} words of memory", self.configs.len(), self.ram_words)?;
        for (number, edge) in self.edges.iter().enumerate() {
            writeln!(f, "edge {number}: {} x {:?}, {} slots", edge.length, edge.codec, edge.slots)?;
        }
        for (number, (config, origin)) in self.configs.iter().zip(&self.origins).enumerate() {
            let place = self.placements.iter().find(|place| place.config as usize == number);
            let place = place.map_or("nowhere".to_owned(), |p| {
                format!("chip {} core {} phase {}", p.chip, p.core, p.phase)
            });
            let Config::Crossbar(c) = config else {
                let (rows, columns) = (config.rows(), config.columns());
                writeln!(
                    f,
                    "config {number}: {rows} rows x {columns} columns, {config:?}, on {place}, {:?} <- {:?}",
                    origin.node, origin.input
                )?;
                continue;
            };
            writeln!(
                f,
                "config {number}: {} + {} rows x {} columns, {:?}, sum-shift {}, {:?}, on {place}, {:?} <- {:?}",
                c.rows,
                c.bias_rows,
                c.columns,
                c.readout,
                c.sum_shift,
                c.activation,
                origin.node,
                origin.input
            )?;
        }
        for (number, instruction) in self.instructions.iter().enumerate() {
            writeln!(f, "{number:5} {instruction:?}")?;
        }
        Ok(())
    }
}
