//! Bodies of the fuzz targets, shared with the seeded suites. Each panics when it finds something.

mod arithmetic;
#[cfg(feature = "host")]
mod engines;
#[cfg(feature = "host")]
mod files;
mod image;
mod mac;
#[cfg(feature = "host")]
mod nir_file;
// The writer of small ONNX files, which the tests of the pipeline use too.
#[cfg(feature = "host")]
#[allow(dead_code, reason = "the tests of the pipeline use all of it")]
#[path = "../../host/tests/pipeline_common/onnx.rs"]
mod onnx;
#[cfg(feature = "host")]
mod pipeline;
mod program;
mod spiking;

pub use arithmetic::{check_array, check_layer};
#[cfg(feature = "host")]
pub use engines::{check_engines, program};
#[cfg(feature = "host")]
pub use files::{hwdesc, nir, npz, onnx, refused_well, samples};
pub use image::{WORDS_MAX, exercise, image};
pub use mac::check_mac;
#[cfg(feature = "host")]
pub use pipeline::pipeline;
pub use program::check_program;
pub use spiking::check_spiking;

use crate::{coverage::Coverage, generate::Source};

/// Target `oracle`: random arrays, digital cores, spiking cores, layers and programs; core = oracle.
pub fn oracle(data: &[u8]) {
    let mut u = Source::new(data);
    let mut coverage = Coverage::new();
    match u.int_in_range(0..=4u8).unwrap_or(0) {
        0 => check_array(&mut u, &mut coverage),
        1 => check_mac(&mut u, &mut coverage),
        2 => check_layer(&mut u, &mut coverage),
        4 => check_spiking(&mut u, &mut coverage),
        _ => check_program(&mut u, &mut coverage),
    }
}

/// A target: its name and body.
#[cfg(feature = "host")]
pub type Target = (&'static str, fn(&[u8]));

/// Every fuzz target, in the order of fuzz/Cargo.toml.
#[cfg(feature = "host")]
pub const TARGETS: [Target; 8] = [
    ("image", image),
    ("oracle", oracle),
    ("program", program),
    ("hwdesc", hwdesc),
    ("onnx", onnx),
    ("nir", nir),
    ("samples", samples),
    ("pipeline", pipeline),
];
