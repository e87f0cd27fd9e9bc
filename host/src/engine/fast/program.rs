//! An image, taken apart once: what the interpreter needs, and nothing that it would read twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, OnceLock},
};

use super::{
    access::Pattern,
    array::Array,
    cells::{CellFormat, Cells},
    digital::Digital,
    encode::Encode,
    nest::{Nest, Subject, nests},
    spiking::{Axons, Neurons},
};
use crate::engine::error::EngineError;
use spandrel_core::{
    blob::StoreFault,
    crossbar::Activation,
    image::{Config, Edge, Image, Instruction},
};

/// Bytes up to which all decoded weights together are kept as the products take them; beyond, they are kept small and
/// made ready at every read.
const READY: u64 = 256 << 20;

/// What a configuration describes.
#[derive(Debug)]
pub(super) enum Kind {
    Crossbar(Array),
    Mac(Digital),
    Spiking(Neurons),
}

/// A configuration.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) kind: Kind,
    /// Number of its decoded cells; none without an array.
    cells: Option<usize>,
}

impl Core {
    /// Input registers that an invocation reads.
    pub(super) const fn rows(&self) -> usize {
        match &self.kind {
            Kind::Crossbar(array) => array.crossbar.rows as usize,
            Kind::Mac(digital) => digital.mac.rows as usize,
            Kind::Spiking(neurons) => neurons.spiking.rows as usize,
        }
    }

    /// Sum registers that an invocation takes.
    pub(super) const fn sums(&self) -> usize {
        match &self.kind {
            Kind::Crossbar(array) => array.crossbar.columns as usize,
            Kind::Mac(digital) => digital.mac.columns as usize * if digital.mac.wide() { 2 } else { 1 },
            Kind::Spiking(neurons) => neurons.spiking.columns as usize,
        }
    }

    /// Bytes of scratch that a lane takes.
    pub(super) fn lane_bytes(&self) -> u64 {
        match &self.kind {
            Kind::Crossbar(array) => array.lane_bytes(),
            Kind::Mac(digital) => digital.lane_bytes(),
            Kind::Spiking(neurons) => neurons.lane_bytes(),
        }
    }
}

/// The lowered image. Shared by all threads.
pub(super) struct Program<'i> {
    pub(super) image: Image<'i>,
    pub(super) edges: Vec<Edge>,
    pub(super) encode: Option<Encode>,
    /// Access patterns in number order.
    pub(super) patterns: Vec<Pattern>,
    /// Configurations in number order.
    pub(super) cores: Vec<Core>,
    pub(super) instructions: Vec<Instruction>,
    /// Loops that run side by side, by the number of their first instruction.
    pub(super) nests: Vec<Option<Nest>>,
    /// Whether weights are kept ready.
    ready: bool,
    formats: Vec<CellFormat>,
    cells: Vec<OnceLock<Result<Cells, StoreFault>>>,
}

impl fmt::Debug for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("instructions", &self.instructions).finish_non_exhaustive()
    }
}

/// The configurations in number order.
fn configs(image: &Image<'_>) -> Result<Vec<Config>, EngineError> {
    (0..image.config_count())
        .map(|number| match image.config(number) {
            Some(config @ (Config::Crossbar(_) | Config::Mac(_) | Config::Spiking(_))) => Ok(config),
            _ => Err(EngineError::NotLowered { config: number }),
        })
        .collect()
}

/// The blob of a spiking core.
fn spiking_blob(config: &Config) -> Option<u32> {
    if let Config::Spiking(spiking) = config { Some(spiking.blob) } else { None }
}

/// Bytes of all decoded cells, kept ready or small.
fn cells_bytes(image: &Image<'_>, configs: &[Config], ready: bool) -> u64 {
    let formats: BTreeSet<CellFormat> = configs.iter().filter_map(CellFormat::of).collect();
    let axons: BTreeSet<u32> = configs.iter().filter_map(spiking_blob).collect();
    let axons = axons.into_iter().map(|blob| Axons::bytes(image, blob));
    formats.iter().map(|format| format.bytes(image, ready)).chain(axons).fold(0, u64::saturating_add)
}

impl<'i> Program<'i> {
    /// Bytes of all decoded cells.
    pub(super) fn cells_bytes(image: &Image<'_>) -> Result<u64, EngineError> {
        let configs = configs(image)?;
        let ready = cells_bytes(image, &configs, true);
        Ok(if ready <= READY { ready } else { cells_bytes(image, &configs, false) })
    }

    pub(super) fn new(image: &Image<'i>) -> Result<Self, EngineError> {
        let mut formats: Vec<CellFormat> = Vec::new();
        let mut numbers: BTreeMap<CellFormat, usize> = BTreeMap::new();
        let configs = configs(image)?;
        let ready = cells_bytes(image, &configs, true) <= READY;
        let mut cores = Vec::with_capacity(configs.len());
        let mut axons: BTreeMap<u32, Arc<Axons>> = BTreeMap::new();
        for config in configs {
            let cells = CellFormat::of(&config).map(|format| {
                *numbers.entry(format).or_insert_with(|| {
                    formats.push(format);
                    formats.len() - 1
                })
            });
            let kind = match config {
                Config::Crossbar(crossbar) => {
                    let table = match crossbar.activation {
                        Activation::Table { table, .. } => image.tables().get(table),
                        Activation::None | Activation::Relu => None,
                    };
                    let entries = table.map_or(0, |table| table.len());
                    let table = (0..entries).filter_map(|index| table.and_then(|table| table.get(index)));
                    Kind::Crossbar(Array { crossbar, table: table.collect() })
                }
                Config::Mac(mac) => Kind::Mac(Digital { mac }),
                Config::Spiking(spiking) => {
                    Kind::Spiking(Neurons { spiking, axons: axons.entry(spiking.blob).or_default().clone() })
                }
                _ => continue,
            };
            cores.push(Core { kind, cells });
        }
        let edges: Vec<Edge> = (0..image.edge_count()).filter_map(|number| image.edge(number)).collect();
        let patterns: Vec<Pattern> = (0..image.access_count())
            .filter_map(|number| image.access(number))
            .map(|access| Pattern::new(image, &access))
            .collect();
        let instructions: Vec<Instruction> =
            (0..image.instruction_count()).filter_map(|number| image.instruction(number)).collect();
        let nests = nests(&Subject {
            instructions: &instructions,
            patterns: &patterns,
            cores: &cores,
            edges: &edges,
            sums: image.plan().sums as usize,
        });
        Ok(Self {
            image: *image,
            edges,
            encode: Encode::new(image),
            patterns,
            cores,
            instructions,
            nests,
            ready,
            cells: formats.iter().map(|_| OnceLock::new()).collect(),
            formats,
        })
    }

    /// The decoded cells of a core; the first call decodes them.
    pub(super) fn cells(&self, core: &Core) -> Result<Option<&Cells>, StoreFault> {
        let Some(number) = core.cells else { return Ok(None) };
        let cells =
            self.cells[number].get_or_init(|| Cells::decode(&self.image, self.formats[number], self.ready));
        match cells {
            Ok(cells) => Ok(Some(cells)),
            Err(fault) => Err(*fault),
        }
    }

    /// Bytes of buffers and scratch that one sample of a block takes.
    pub(super) fn lane_bytes(&self) -> u64 {
        let plan = self.image.plan();
        let signals: u64 = self.edges.iter().map(|edge| u64::from(edge.length) * u64::from(edge.slots)).sum();
        let scratch = self.cores.iter().map(Core::lane_bytes).max().unwrap_or(0);
        (signals + u64::from(plan.inputs) + u64::from(plan.sums) + u64::from(plan.state)) * 4 + scratch
    }
}
