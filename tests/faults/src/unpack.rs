//! What lies in a chip's configuration memory, as the naive machine takes it.

use spandrel_core::image::{Encoding, Image};
use spandrel_tests::images::{ImageBuilder, Packed};

use crate::defect::decoded;

/// The records of `image`. Weights are decoded bit by bit.
///
/// # Panics
/// For sparse blocks, which no compiler writes.
#[must_use]
pub fn unpack(image: &Image<'_>) -> ImageBuilder {
    let mut out = ImageBuilder::new(image.header().chip_name());
    if let Ok(limits) = image.chip() {
        out.limits = limits;
    }
    let tables = image.tables();
    out.tables = (0..tables.count())
        .filter_map(|number| tables.get(number))
        .map(|table| (0..table.len()).filter_map(|at| table.get(at)).collect())
        .collect();
    out.edges = (0..image.edge_count()).filter_map(|number| image.edge(number)).collect();
    out.accesses = (0..image.access_count()).filter_map(|number| image.access(number)).collect();
    out.configs = (0..image.config_count()).filter_map(|number| image.config(number)).collect();
    out.program = (0..image.instruction_count()).filter_map(|number| image.instruction(number)).collect();
    out.encoders = (0..image.input_count()).filter_map(|number| image.encoder(number)).collect();
    for blob in (0..image.blob_count()).filter_map(|number| image.blob(number)) {
        assert!(blob.encoding != Encoding::SparseBlocks, "sparse blocks");
        let bytes = image.weights()[blob.offset as usize..][..blob.length as usize].to_vec();
        let stride = blob.stride() as usize;
        let matrix = (0..blob.columns as usize)
            .map(|column| {
                let held = &bytes[column * stride..][..stride];
                decoded(&blob, &out.tables, column, held).into_iter().map(|weight| weight as i32).collect()
            })
            .collect();
        out.blobs.push(Packed { blob, bytes, values: None, types: None, matrix });
    }
    out
}
