//! Claim C3: the image, decoded by the reader that the firmware uses, is the program that was mapped.

use spandrel_core::blob::{CHUNK_ROWS, Column};
use spandrel_core::image::Image;

use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::map::Program;

/// Decodes `bytes` and compares every record and every weight with `program`; returns how many were compared.
///
/// # Errors
/// SP0310 for every difference found (the first of each kind of record).
pub fn check_image(program: &Program, bytes: &[u8]) -> Result<u64> {
    let way_out = "this is a fault of the compiler: report it with the model";
    let image = Image::parse(bytes)
        .map_err(|error| Diagnostic::error("SP0310", "image", format!("it is refused: {error}"), way_out))?;
    let mut found = Diagnostics::default();
    let mut compared = 0u64;
    let mut same = |what: &str, wrong: Option<usize>, count: usize| {
        compared += count as u64;
        if let Some(at) = wrong {
            let rule = format!("{what} {at} of the image differs from the program's");
            found.push(Diagnostic::error("SP0310", "image", rule, way_out));
        }
    };
    macro_rules! compare {
        ($what:literal, $records:expr, $count:expr, $get:expr) => {
            let wrong = if $records.len() != $count as usize {
                Some($count as usize)
            } else {
                (0..$records.len()).find(|&i| $get(i as u32).as_ref() != Some(&$records[i]))
            };
            same($what, wrong, $records.len());
        };
    }
    compare!("edge", program.edges, image.edge_count(), |i| image.edge(i));
    compare!("access pattern", program.accesses, image.access_count(), |i| image.access(i));
    compare!("configuration", program.configs, image.config_count(), |i| image.config(i));
    compare!("instruction", program.instructions, image.instruction_count(), |i| image.instruction(i));
    compare!("encoder", program.encoders, image.input_count(), |i| image.encoder(i));
    compare!("decoder", program.decoders, image.decoder_count(), |i| image.decoder(i));
    compare!("placement", program.placements, image.placement_count(), |i| image.placement(i));
    compare!("route", program.routes, image.route_count(), |i| image.route(i));
    compare!("table", program.tables, image.tables().count(), |i| image
        .tables()
        .get(i)
        .map(|table| (0..table.len()).filter_map(|at| table.get(at)).collect::<Vec<i32>>()));
    for (number, data) in program.blobs.iter().enumerate() {
        let blob = image.blob(number as u32);
        let weights = image.weights();
        let wrong = match blob {
            Some(blob) if blob.rows as usize == data.rows && blob.columns as usize == data.columns => {
                (0..data.columns).find(|&c| {
                    let column = Column::new(blob, *image.tables(), &weights, c as u32);
                    let want = &data.weights[c * data.rows..(c + 1) * data.rows];
                    want.chunks(CHUNK_ROWS).enumerate().any(|(at, want)| {
                        let mut have = vec![0; want.len()];
                        column.read((at * CHUNK_ROWS) as u32, &mut have).is_err()
                            || have.iter().zip(want).any(|(have, want)| *have != i32::from(*want))
                    })
                })
            }
            _ => Some(0),
        };
        same(&format!("weights {number}, column"), wrong, data.weights.len());
    }
    for (config, origin) in program.origins.iter().enumerate() {
        let nodes = image.origins().nodes(config as u32);
        let right = nodes == Some((origin.node.as_str(), origin.input.as_str()));
        same("provenance", (!right).then_some(config), 1);
    }
    found.into_result(compared)
}
