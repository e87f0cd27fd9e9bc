//! Writing the sections.

use spandrel_core::image::{
    Blob, ChipLimits, Codec, Encoding, NO_TABLE, Subject, Tag, Values, Vector, assemble, assembled_len,
    emit_list,
};

use crate::diagnostic::{Diagnostic, Result};
use crate::map::{BlobData, BlobForm, Program};
use crate::target::Target;

/// A known answer before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorData {
    /// What it belongs to.
    pub subject: Subject,
    /// Codec of the inputs, and the inputs.
    pub inputs: (Codec, Vec<i32>),
    /// Codec of the answers, and the answers.
    pub answers: (Codec, Vec<i32>),
}

/// Bytes collected from records.
fn collect(write: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut |part: &[u8]| bytes.extend_from_slice(part));
    bytes
}

fn list(records: &[Vec<u8>]) -> Vec<u8> {
    if records.is_empty() {
        return Vec::new();
    }
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let mut bytes = Vec::new();
    emit_list(&records, &mut |part: &[u8]| bytes.extend_from_slice(part));
    bytes
}

fn held(codec: Codec, values: &[i32]) -> Vec<u8> {
    let width = codec.bits() as usize / 8;
    values.iter().flat_map(|v| codec.encode(*v).to_le_bytes().into_iter().take(width)).collect()
}

/// Fields of `bits` bits packed from the lowest bit up, then padded to a byte.
fn pack_fields(fields: impl Iterator<Item = u32>, bits: u8, bytes: &mut Vec<u8>) {
    let (mut window, mut filled) = (0u64, 0u32);
    for field in fields {
        window |= u64::from(field & mask(bits)) << filled;
        filled += u32::from(bits);
        while filled >= 8 {
            bytes.push(window as u8);
            window >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        bytes.push(window as u8);
    }
}

fn mask(bits: u8) -> u32 {
    if bits >= 32 { u32::MAX } else { (1 << bits) - 1 }
}

/// The columns of a blob, each starting on a byte.
fn pack(blob: &BlobData, tables: &[Vec<i32>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if blob.rows == 0 {
        return bytes;
    }
    for (number, column) in blob.weights.chunks_exact(blob.rows).enumerate() {
        match blob.form {
            BlobForm::SignMagnitude(bits) => {
                pack_fields(column.iter().map(|w| u32::from(w.unsigned_abs())), bits, &mut bytes);
                for eight in column.chunks(8) {
                    bytes.push(eight.iter().enumerate().fold(0, |byte, (i, w)| byte | u8::from(*w < 0) << i));
                }
            }
            BlobForm::Dense(bits) => {
                pack_fields(column.iter().map(|&w| i32::from(w) as u32), bits, &mut bytes);
            }
            BlobForm::Codebook { bits, table, per_column } => {
                let size = 1usize << bits;
                let first = if per_column { number * size } else { 0 };
                let values = &tables[table as usize][first..first + size];
                // Every weight is one of the values: the mapper made the table of them.
                let index = |w: &i16| values.iter().position(|&v| v == i32::from(*w)).unwrap_or(0) as u32;
                pack_fields(column.iter().map(index), bits, &mut bytes);
            }
            BlobForm::AxonTyped { .. } => {
                pack_fields(column.iter().map(|w| u32::from(*w != 0)), 1, &mut bytes);
            }
        }
    }
    bytes
}

/// The image of `program` with known answers and notes.
///
/// # Errors
/// SP0309 when the program does not fit the image format.
pub fn write_image(
    program: &Program,
    vectors: &[VectorData],
    notes: &str,
    target: &Target,
) -> Result<Vec<u8>> {
    let limits = ChipLimits {
        kind: if target.digital.is_some() { 2 } else { 1 },
        rows: target.rows as u32,
        columns: target.columns as u32,
        cores: u32::try_from(target.cores).unwrap_or(u32::MAX),
    };
    write_program(program, vectors, notes, (target.chip.name(), target.chip.revision()), limits)
}

/// The image of `program`, for a chip of that name and revision and of those limits.
///
/// # Errors
/// SP0309 when the program does not fit the image format.
pub fn write_program(
    program: &Program,
    vectors: &[VectorData],
    notes: &str,
    (name, revision): (&str, u32),
    limits: ChipLimits,
) -> Result<Vec<u8>> {
    let chip = collect(|mut sink| limits.emit(&mut sink));
    let edges = collect(|mut sink| program.edges.iter().for_each(|edge| edge.emit(&mut sink)));
    let tables: Vec<Vec<u8>> =
        program.tables.iter().map(|table| table.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let accesses: Vec<Vec<u8>> =
        program.accesses.iter().map(|access| collect(|mut sink| access.emit(&mut sink))).collect();
    let mut weights = Vec::new();
    let blobs = collect(|mut sink| {
        for data in &program.blobs {
            let bytes = pack(data, &program.tables);
            let (mut types, mut type_count) = (NO_TABLE, 0);
            let (encoding, bits, values, flags) = match data.form {
                BlobForm::SignMagnitude(bits) => (Encoding::SignMagnitude, bits, NO_TABLE, 0),
                BlobForm::Dense(bits) => (Encoding::Dense, bits, NO_TABLE, 0),
                BlobForm::AxonTyped { types: own, values, kinds } => {
                    (types, type_count) = (own, kinds);
                    (Encoding::AxonTyped, 1, values, 0)
                }
                BlobForm::Codebook { bits, table, per_column } => {
                    (Encoding::Codebook, bits, table, u16::from(per_column))
                }
            };
            let blob = Blob {
                encoding,
                bits,
                flags,
                rows: data.rows as u32,
                columns: data.columns as u32,
                values,
                types,
                type_count,
                offset: weights.len() as u64,
                length: bytes.len() as u64,
            };
            weights.extend(bytes);
            blob.emit(&mut sink);
        }
    });
    let configs = collect(|mut sink| program.configs.iter().for_each(|config| config.emit(&mut sink)));
    let instructions = collect(|mut sink| program.instructions.iter().for_each(|i| i.emit(&mut sink)));
    let encoders = collect(|mut sink| program.encoders.iter().for_each(|e| e.emit(&mut sink)));
    let decoders = collect(|mut sink| program.decoders.iter().for_each(|d| d.emit(&mut sink)));
    let places = collect(|mut sink| program.placements.iter().for_each(|p| p.emit(&mut sink)));
    let routes = collect(|mut sink| program.routes.iter().for_each(|r| r.emit(&mut sink)));
    let sections: Vec<(Tag, Vec<u8>)> = vec![
        (Tag::CHIP, chip),
        (Tag::EDGES, edges),
        (Tag::TABLES, list(&tables)),
        (Tag::ACCESS, list(&accesses)),
        (Tag::BLOBS, blobs),
        (Tag::CONFIGS, configs),
        (Tag::PROGRAM, instructions),
        (Tag::ENCODERS, encoders),
        (Tag::DECODERS, decoders),
        (Tag::VECTORS, vector_list(vectors)),
        (Tag::PLACES, places),
        (Tag::ROUTES, routes),
        (Tag::ORIGIN, origins(program)),
        (Tag::NOTES, notes.as_bytes().to_vec()),
        (Tag::WEIGHTS, weights),
    ];
    let sections: Vec<(Tag, &[u8])> = sections
        .iter()
        .filter(|(_, bytes)| !bytes.is_empty())
        .map(|(tag, bytes)| (*tag, bytes.as_slice()))
        .collect();
    let mut image = vec![0; assembled_len(&sections)];
    assemble(name, revision, program.ram_words, &sections, &mut image).map_err(|error| {
        let way_out = "shorten the chip's name to 24 ASCII bytes";
        Diagnostic::error("SP0309", format!("chip {name:?}"), error.to_string(), way_out)
    })?;
    Ok(image)
}

/// The section of known answers.
#[must_use]
pub fn vector_list(vectors: &[VectorData]) -> Vec<u8> {
    let records: Vec<Vec<u8>> = vectors
        .iter()
        .map(|vector| {
            let (inputs, answers) =
                (held(vector.inputs.0, &vector.inputs.1), held(vector.answers.0, &vector.answers.1));
            let values = |codec, bytes, count: usize| Values::new(codec, bytes, count as u32);
            let record = values(vector.inputs.0, &inputs, vector.inputs.1.len())
                .zip(values(vector.answers.0, &answers, vector.answers.1.len()))
                .map(|(inputs, answers)| Vector { subject: vector.subject, inputs, answers });
            collect(|mut sink| {
                if let Some(record) = record {
                    record.emit(&mut sink);
                }
            })
        })
        .collect();
    list(&records)
}

/// Provenance: a pool of names, then a record for each configuration.
fn origins(program: &Program) -> Vec<u8> {
    let mut names: Vec<&str> = Vec::new();
    let mut name = |text| {
        names.iter().position(|known| *known == text).unwrap_or_else(|| {
            names.push(text);
            names.len() - 1
        }) as u32
    };
    let mut records: Vec<Vec<u8>> = vec![Vec::new()];
    for origin in &program.origins {
        let mut record = name(&origin.node).to_le_bytes().to_vec();
        record.extend(name(&origin.input).to_le_bytes());
        for run in &origin.runs {
            run.emit(&mut |bytes: &[u8]| record.extend_from_slice(bytes));
        }
        records.push(record);
    }
    // A zero byte ends a name, so it can not be part of one.
    let pool = names.iter().flat_map(|name| name.bytes().filter(|b| *b != 0).chain([0]));
    records[0].extend(pool);
    let padded = records[0].len().next_multiple_of(4);
    records[0].resize(padded, 0);
    list(&records)
}
