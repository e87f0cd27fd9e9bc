//! Every reference between sections, the program's nesting and its needs: after this, running can not go astray.

use super::{
    access::{Access, last_signal},
    aside::{ChipLimits, OriginRun, PLACE_BYTES, ROUTE_BYTES},
    blob::{BLOB_BYTES, Blob, Encoding},
    config::{CONFIG_BYTES, Config},
    decoder::{DECODER_BYTES, Decoder},
    edge::{Codec, EDGE_BYTES, Edge},
    encoder::{ENCODER_BYTES, Encoder, Mapping},
    error::{ImageError, Rule},
    list::{fixed_count, fixed_record},
    plan::Plan,
    program::INSTRUCTION_BYTES,
    table::NO_TABLE,
    tag::Tag,
    vector::{Subject, Vector},
    view::{Counts, Image},
};
use crate::{bytes::Fields, crossbar::Readout};

/// Checks everything and fills in counts, plan and work.
pub(crate) fn all(image: &mut Image<'_>) -> Result<(), ImageError> {
    ChipLimits::parse(image.section(Tag::CHIP))?;
    image.counts = Counts {
        edges: fixed_count(Tag::EDGES, image.section(Tag::EDGES), EDGE_BYTES)?,
        blobs: fixed_count(Tag::BLOBS, image.section(Tag::BLOBS), BLOB_BYTES)?,
        configs: fixed_count(Tag::CONFIGS, image.section(Tag::CONFIGS), CONFIG_BYTES)?,
        program: fixed_count(Tag::PROGRAM, image.section(Tag::PROGRAM), INSTRUCTION_BYTES)?,
        encoders: fixed_count(Tag::ENCODERS, image.section(Tag::ENCODERS), ENCODER_BYTES)?,
        decoders: fixed_count(Tag::DECODERS, image.section(Tag::DECODERS), DECODER_BYTES)?,
        places: fixed_count(Tag::PLACES, image.section(Tag::PLACES), PLACE_BYTES)?,
        routes: fixed_count(Tag::ROUTES, image.section(Tag::ROUTES), ROUTE_BYTES)?,
    };
    let mut walk = Walk::new(image);
    tables(image)?;
    edge_records(image)?;
    accesses(image)?;
    blobs(image, &mut walk)?;
    super::check_config::check(image, &mut walk)?;
    let needs = super::check_program::check(image)?;
    image.plan = Plan { inputs: needs.inputs, sums: needs.sums, state: needs.state, edges: 0 };
    image.work = needs.work;
    let overflow = ImageError::new(Tag::HEADER, 0, "ram_words", Rule::OutOfRange);
    image.plan.edges = edges(image, image.plan.edges_at().ok_or(overflow)?)?;
    let needed = image.plan.words().ok_or(overflow)?;
    if needed != image.header.ram_words {
        let rule = Rule::RamMismatch { stated: image.header.ram_words, needed };
        return Err(ImageError::new(Tag::HEADER, 0, "ram_words", rule));
    }
    encoders(image, &mut walk)?;
    decoders(image)?;
    vectors(image)?;
    let coverage = image.section(Tag::COVERAGE);
    super::coverage::check(coverage, fixed_count(Tag::COVERAGE, coverage, super::coverage::COVERAGE_BYTES)?)?;
    aside(image)
}

/// Tables may be shared, so checking each user's entries could take the square of the image's length. Real images walk each
/// table a few times; one that asks for more than this is refused.
pub(super) struct Walk {
    left: u64,
}

impl Walk {
    fn new(image: &Image<'_>) -> Self {
        Self { left: image.header.total_bytes.saturating_mul(16).saturating_add(1 << 20) }
    }

    pub(super) fn over(&mut self, tag: Tag, record: u32, entries: usize) -> Result<(), ImageError> {
        self.left = self.left.checked_sub(entries as u64).ok_or(ImageError::new(
            tag,
            record,
            "tables",
            Rule::TooLong,
        ))?;
        Ok(())
    }
}

/// Each edge by itself, before anything refers to it.
fn edge_records(image: &Image<'_>) -> Result<(), ImageError> {
    for record in 0..image.counts.edges {
        let bytes = fixed_record(image.section(Tag::EDGES), record, EDGE_BYTES).unwrap_or(&[]);
        Edge::parse(bytes, record)?;
    }
    Ok(())
}

fn tables(image: &Image<'_>) -> Result<(), ImageError> {
    // Entries are whole words because records of a list start on words.
    for index in 0..image.tables.count() {
        if image.tables.get(index).is_none_or(|table| table.is_empty()) {
            return Err(ImageError::new(Tag::TABLES, index, "entries", Rule::OutOfRange));
        }
    }
    Ok(())
}

fn accesses(image: &Image<'_>) -> Result<(), ImageError> {
    for record in 0..image.access.count() {
        let error = |field, rule| ImageError::new(Tag::ACCESS, record, field, rule);
        let access = Access::parse(image.access.get(record).unwrap_or(&[]), record)?;
        let edge_bytes = fixed_record(image.section(Tag::EDGES), access.edge, EDGE_BYTES)
            .ok_or(error("edge", Rule::DanglingReference(access.edge)))?;
        let edge = Edge::parse(edge_bytes, access.edge)?;
        if access.table != NO_TABLE && image.tables.get(access.table).is_none() {
            return Err(error("table", Rule::DanglingReference(access.table)));
        }
        if access.age >= edge.slots {
            return Err(error("age", Rule::OutOfRange));
        }
        if last_signal(&access).is_none_or(|last| last >= u64::from(edge.length)) {
            return Err(error("axis", Rule::BeyondEdge));
        }
        if image.elements(&access).is_none_or(|elements| elements > 1 << 26) {
            return Err(error("count", Rule::OutOfRange));
        }
    }
    Ok(())
}

/// Edges lie one behind the other from word `first`; returns their words.
fn edges(image: &Image<'_>, first: u32) -> Result<u32, ImageError> {
    let mut at = first;
    for record in 0..image.counts.edges {
        let error = |field, rule| ImageError::new(Tag::EDGES, record, field, rule);
        let bytes = fixed_record(image.section(Tag::EDGES), record, EDGE_BYTES).unwrap_or(&[]);
        let edge = Edge::parse(bytes, record)?;
        if edge.ram_offset != at {
            return Err(error("ram_offset", Rule::OutOfRange));
        }
        at = edge.words().and_then(|words| at.checked_add(words)).ok_or(error("slots", Rule::OutOfRange))?;
    }
    Ok(at - first)
}

fn blobs(image: &Image<'_>, walk: &mut Walk) -> Result<(), ImageError> {
    for record in 0..image.counts.blobs {
        let error = |field, rule| ImageError::new(Tag::BLOBS, record, field, rule);
        let bytes = fixed_record(image.section(Tag::BLOBS), record, BLOB_BYTES).unwrap_or(&[]);
        let blob = Blob::parse(bytes, record)?;
        let weights = image.weights();
        let data = usize::try_from(blob.offset)
            .ok()
            .zip(usize::try_from(blob.length).ok())
            .and_then(|(offset, length)| weights.slice_at(offset, length))
            .ok_or(error("offset", Rule::OutOfRange))?;
        let entries = |field, table: u32| {
            image
                .tables
                .get(table)
                .map(|t| t.len() as u64)
                .ok_or(error(field, Rule::DanglingReference(table)))
        };
        let columns = u64::from(blob.columns);
        match blob.encoding {
            Encoding::Codebook => {
                let books = if blob.flags == 1 { columns } else { 1 };
                if entries("values", blob.values)? != books << blob.bits {
                    return Err(error("values", Rule::LengthMismatch));
                }
            }
            Encoding::AxonTyped => {
                if entries("values", blob.values)? != columns * u64::from(blob.type_count) {
                    return Err(error("values", Rule::LengthMismatch));
                }
                if entries("types", blob.types)? != u64::from(blob.rows) {
                    return Err(error("types", Rule::LengthMismatch));
                }
                walk.over(Tag::BLOBS, record, blob.rows as usize)?;
                let types = image.tables.get(blob.types);
                for row in 0..blob.rows as usize {
                    let kind =
                        types.and_then(|types| types.get(row)).and_then(|kind| u32::try_from(kind).ok());
                    if kind.is_none_or(|kind| kind >= blob.type_count) {
                        return Err(error("types", Rule::OutOfRange));
                    }
                }
            }
            Encoding::SparseBlocks => {
                walk.over(Tag::BLOBS, record, data.len() / 4)?;
                sparse(&blob, data).ok_or(error("blocks", Rule::OutOfRange))?;
            }
            Encoding::Dense | Encoding::SignMagnitude => {}
        }
        let uses = (
            matches!(blob.encoding, Encoding::Codebook | Encoding::AxonTyped),
            blob.encoding == Encoding::AxonTyped,
        );
        if (!uses.0 && blob.values != NO_TABLE)
            || (!uses.1 && (blob.types != NO_TABLE || blob.type_count != 0))
        {
            return Err(error("tables", Rule::OutOfRange));
        }
    }
    Ok(())
}

/// Starts never fall, first rows leave room for a block, the data is as long as the starts say.
fn sparse(blob: &Blob, data: &[u8]) -> Option<()> {
    let columns = blob.columns as usize;
    let mut previous = 0;
    for column in 0..=columns {
        let start = data.u32_at(column * 4)?;
        if start < previous || (column == 0 && start != 0) {
            return None;
        }
        previous = start;
    }
    let blocks = previous as usize;
    let rows_at = (columns + 1) * 4;
    let block = usize::try_from(blob.stride()).ok()?;
    let expected = rows_at.checked_add(blocks.checked_mul(4)?)?.checked_add(blocks.checked_mul(block)?)?;
    if data.len() != expected {
        return None;
    }
    for column in 0..columns {
        let mut next = 0u32;
        for index in data.u32_at(column * 4)?..data.u32_at(column * 4 + 4)? {
            // Blocks of a column are in row order and do not overlap, so a column can be read in one pass.
            let first = data.u32_at(rows_at + index as usize * 4)?;
            if first < next || first.checked_add(u32::from(blob.flags))? > blob.rows {
                return None;
            }
            next = first + u32::from(blob.flags);
        }
    }
    Some(())
}

fn encoders(image: &Image<'_>, walk: &mut Walk) -> Result<(), ImageError> {
    for record in 0..image.counts.encoders {
        let error = |field, rule| ImageError::new(Tag::ENCODERS, record, field, rule);
        let bytes = fixed_record(image.section(Tag::ENCODERS), record, ENCODER_BYTES).unwrap_or(&[]);
        let encoder = Encoder::parse(bytes, record)?;
        let edge = image.edge(encoder.edge).ok_or(error("edge", Rule::DanglingReference(encoder.edge)))?;
        if u64::from(encoder.length) * u64::from(encoder.signals) > u64::from(edge.length) {
            return Err(error("length", Rule::BeyondEdge));
        }
        let params = image
            .tables
            .get(encoder.params)
            .ok_or(error("params", Rule::DanglingReference(encoder.params)))?;
        let (entries, unit) = (params.len() as u64, encoder.param_unit());
        let fits = match encoder.mapping {
            Mapping::Table { .. } => entries >= unit && entries.is_multiple_of(unit),
            Mapping::Affine { .. } => entries == unit,
        };
        if !fits {
            return Err(error("params", Rule::LengthMismatch));
        }
        if encoder.order == NO_TABLE {
            continue;
        }
        let order =
            image.tables.get(encoder.order).ok_or(error("order", Rule::DanglingReference(encoder.order)))?;
        if order.len() as u64 != u64::from(encoder.length) {
            return Err(error("order", Rule::LengthMismatch));
        }
        walk.over(Tag::ENCODERS, record, order.len())?;
        for index in 0..order.len() {
            let element = order.get(index).and_then(|element| u32::try_from(element).ok());
            if element.is_none_or(|element| element >= encoder.length) {
                return Err(error("order", Rule::OutOfRange));
            }
        }
    }
    Ok(())
}

fn decoders(image: &Image<'_>) -> Result<(), ImageError> {
    for record in 0..image.counts.decoders {
        let error = |field, rule| ImageError::new(Tag::DECODERS, record, field, rule);
        let bytes = fixed_record(image.section(Tag::DECODERS), record, DECODER_BYTES).unwrap_or(&[]);
        let decoder = Decoder::parse(bytes, record)?;
        for (field, table, entries) in [
            ("coefficients", decoder.coefficients, decoder.codes()),
            ("offsets", decoder.offsets, u64::from(decoder.values) * 2),
        ] {
            if table == NO_TABLE {
                continue;
            }
            let table = image.tables.get(table).ok_or(error(field, Rule::DanglingReference(table)))?;
            if table.len() as u64 != entries {
                return Err(error(field, Rule::LengthMismatch));
            }
        }
    }
    Ok(())
}

fn vectors(image: &Image<'_>) -> Result<(), ImageError> {
    for record in 0..image.vectors.count() {
        let error = |field, rule| ImageError::new(Tag::VECTORS, record, field, rule);
        let vector = Vector::parse(image.vectors.get(record).unwrap_or(&[]), record)?;
        match vector.subject {
            Subject::Network { input, .. } => {
                let encoder = image.encoder(input).ok_or(error("input", Rule::DanglingReference(input)))?;
                if vector.inputs.len() != encoder.length {
                    return Err(error("inputs", Rule::LengthMismatch));
                }
                if vector.inputs.codec() != encoder.raw && vector.inputs.codec() != Codec::I32 {
                    return Err(error("input codec", Rule::OutOfRange));
                }
            }
            Subject::Config { config, shift, relu } => {
                let config =
                    image.config(config).ok_or(error("configuration", Rule::DanglingReference(config)))?;
                let exact = match config {
                    Config::Crossbar(crossbar) => matches!(crossbar.readout, Readout::Exact { .. }),
                    Config::Mac(_) | Config::Spiking(_) => true,
                };
                if shift.is_some() && exact {
                    return Err(error("shift", Rule::OutOfRange));
                }
                if relu.is_some() && !matches!(config, Config::Crossbar(_)) {
                    return Err(error("activation", Rule::OutOfRange));
                }
                // In test mode the bias rows may be driven as well.
                let lines = match config {
                    Config::Crossbar(crossbar) => crossbar.rows.saturating_add(crossbar.bias_rows),
                    Config::Mac(_) | Config::Spiking(_) => config.rows(),
                };
                let driven = [config.rows(), lines].contains(&vector.inputs.len());
                if !driven || vector.answers.len() != config.columns() {
                    return Err(error("inputs", Rule::LengthMismatch));
                }
            }
        }
    }
    Ok(())
}

fn aside(image: &Image<'_>) -> Result<(), ImageError> {
    for record in 0..image.counts.places {
        let config = image.placement(record).map_or(u32::MAX, |placement| placement.config);
        if config >= image.counts.configs {
            return Err(ImageError::new(Tag::PLACES, record, "config", Rule::DanglingReference(config)));
        }
    }
    if core::str::from_utf8(image.section(Tag::NOTES)).is_err() {
        return Err(ImageError::new(Tag::NOTES, 0, "text", Rule::NotText));
    }
    for record in 1..image.origins.count() {
        let runs = image.origins.get(record).and_then(|bytes| bytes.get(8..));
        let whole = runs.is_some_and(|runs| runs.len().is_multiple_of(OriginRun::BYTES));
        if !whole {
            return Err(ImageError::new(Tag::ORIGIN, record, "runs", Rule::LengthMismatch));
        }
    }
    Ok(())
}
