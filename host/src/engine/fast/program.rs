//! An image, taken apart once: what the interpreter needs, and nothing that it would read twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::OnceLock,
};

use super::{
    access::Pattern,
    array::Array,
    cells::{CellFormat, Cells},
    encode::Encode,
};
use crate::engine::error::EngineError;
use spandrel_core::{
    blob::StoreFault,
    crossbar::{Activation, Crossbar},
    image::{Config, Edge, Image, Instruction},
};

/// The lowered image. Shared by all threads.
pub(super) struct Program<'i> {
    pub(super) image: Image<'i>,
    pub(super) edges: Vec<Edge>,
    pub(super) encode: Option<Encode>,
    /// Access patterns in number order.
    pub(super) patterns: Vec<Pattern>,
    /// Configurations in number order.
    pub(super) arrays: Vec<Array>,
    pub(super) instructions: Vec<Instruction>,
    formats: Vec<CellFormat>,
    cells: Vec<OnceLock<Result<Cells, StoreFault>>>,
}

impl fmt::Debug for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("instructions", &self.instructions).finish_non_exhaustive()
    }
}

/// The configurations in number order.
fn crossbars(image: &Image<'_>) -> Result<Vec<Crossbar>, EngineError> {
    (0..image.config_count())
        .map(|number| match image.config(number) {
            Some(Config::Crossbar(crossbar)) => Ok(crossbar),
            _ => Err(EngineError::NotLowered { config: number }),
        })
        .collect()
}

impl<'i> Program<'i> {
    /// Bytes of all decoded cells.
    pub(super) fn cells_bytes(image: &Image<'_>) -> Result<u64, EngineError> {
        let formats: BTreeSet<CellFormat> = crossbars(image)?.iter().map(CellFormat::of).collect();
        Ok(formats.iter().fold(0, |sum, format| sum.saturating_add(format.bytes(image))))
    }

    pub(super) fn new(image: &Image<'i>) -> Result<Self, EngineError> {
        let mut formats: Vec<CellFormat> = Vec::new();
        let mut numbers: BTreeMap<CellFormat, usize> = BTreeMap::new();
        let arrays = crossbars(image)?
            .into_iter()
            .map(|crossbar| {
                let cells = (crossbar.rows + crossbar.bias_rows > 0).then(|| {
                    let format = CellFormat::of(&crossbar);
                    *numbers.entry(format).or_insert_with(|| {
                        formats.push(format);
                        formats.len() - 1
                    })
                });
                let table = match crossbar.activation {
                    Activation::Table { table, .. } => image.tables().get(table),
                    Activation::None | Activation::Relu => None,
                };
                let table = table
                    .map_or_else(Vec::new, |table| (0..table.len()).filter_map(|i| table.get(i)).collect());
                Array { crossbar, cells, table }
            })
            .collect();
        Ok(Self {
            image: *image,
            edges: (0..image.edge_count()).filter_map(|number| image.edge(number)).collect(),
            encode: Encode::new(image),
            patterns: (0..image.access_count())
                .filter_map(|number| image.access(number))
                .map(|access| Pattern::new(image, &access))
                .collect(),
            arrays,
            instructions: (0..image.instruction_count())
                .filter_map(|number| image.instruction(number))
                .collect(),
            cells: formats.iter().map(|_| OnceLock::new()).collect(),
            formats,
        })
    }

    /// The decoded cells of an array; the first call decodes them.
    pub(super) fn cells(&self, array: &Array) -> Result<Option<&Cells>, StoreFault> {
        let Some(number) = array.cells else { return Ok(None) };
        match self.cells[number].get_or_init(|| Cells::decode(&self.image, self.formats[number])) {
            Ok(cells) => Ok(Some(cells)),
            Err(fault) => Err(*fault),
        }
    }

    /// Bytes of buffers and scratch that one sample of a block takes.
    pub(super) fn lane_bytes(&self) -> u64 {
        let plan = self.image.plan();
        let signals: u64 = self.edges.iter().map(|edge| u64::from(edge.length) * u64::from(edge.slots)).sum();
        let scratch = self.arrays.iter().map(Array::lane_bytes).max().unwrap_or(0);
        (signals + u64::from(plan.inputs) + u64::from(plan.sums) + u64::from(plan.state)) * 4 + scratch
    }
}
