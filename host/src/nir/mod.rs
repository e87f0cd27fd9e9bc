//! Spiking networks from NIR files: import, the choice of a discretisation, and the golden model.
//!
//! NIR (Pedersen et al., "Neuromorphic intermediate representation: a unified instruction set for interoperable brain-inspired
//! computing", 2024) describes continuous dynamics. How they become steps is left open there and chosen here: see [`Scheme`].

mod activity;
mod agree;
mod choice;
mod compile;
mod effective;
mod events;
mod fields;
mod graph;
mod hdf;
mod lava;
mod lava_network;
mod linear;
mod op;
mod options;
mod order;
mod paths;
mod quantise;
mod rasters;
mod read;
mod registers;
mod scheme;
mod shapes;
mod simulate;
mod soma;
mod window;

use std::path::Path;

pub use activity::Activity;
pub use agree::agreement;
pub use compile::{SpikingCompiled, SpikingReport, compile, compile_for, is_spiking};
pub(crate) use compile::{is_whole, register_claims};
pub use events::{Event, parse_bs2, raster};
pub use graph::{NirEdge, NirGraph, NirNode};
pub use lava::{LavaLayer, LavaNetwork, read_lava};
pub use linear::Columns;
pub use op::{Neuron, NeuronKind, NirOp, Param};
pub use options::SpikingOptions;
pub use quantise::{DecayRounding, QuantiseOptions, Quantised, QuantisedPopulation, Reaches, quantise};
pub use rasters::{Binning, Rasters};
pub use scheme::{DEFAULT_DT, Integration, PRESETS, ResetRule, Scheme};
pub use simulate::Simulator;
pub use soma::{Decay, Reset, Soma};
pub use window::{Convolution, Pooling};

use crate::diagnostic::{Diagnostics, Result};
use hdf::Tree;

/// Reads a NIR file.
///
/// # Errors
/// Everything that is wrong with it: SP0001 and SP0003 for the file, SP0130 where it is no NIR file, SP0131 for fields of
/// nodes, SP0132 for edges, SP0133 for types of nodes that are not supported, SP0103, SP0108, SP0112 and SP0115 for the graph.
pub fn read_nir(path: &Path) -> Result<NirGraph> {
    graph(&Tree::read(path)?, &path.display().to_string())
}

/// As [`read_nir`], from `bytes`; `name` stands for them in the errors.
///
/// # Errors
/// As [`read_nir`], but for those of the file.
pub fn parse_nir(bytes: Vec<u8>, name: &str) -> Result<NirGraph> {
    graph(&Tree::parse_named(bytes, name)?, name)
}

fn graph(tree: &Tree, place: &str) -> Result<NirGraph> {
    let mut found = Diagnostics::default();
    let raw = read::read(tree, &mut found);
    NirGraph::new(raw, found).map_err(|found| found.within(place))
}
