//! Makes a damaged image's frame right again: memory plan, edge offsets, checksums, digest. What a
//! mutation did to the *content* then reaches the rules behind the checksums, and often the machine.

use spandrel_core::{
    bytes::Fields,
    image::{
        Access, CONFIG_BYTES, Config, EDGE_BYTES, ENTRY_BYTES, Edge, Entry, HEADER_BYTES, Header,
        INSTRUCTION_BYTES, Instruction, List, ResetTarget, Tag, reseal,
    },
};

/// Range of a section's bytes.
fn section(bytes: &[u8], tag: Tag) -> Option<std::ops::Range<usize>> {
    let header = Header::parse(bytes).ok()?;
    (0..header.sections as usize)
        .filter_map(|index| Entry::parse(bytes, HEADER_BYTES + ENTRY_BYTES * index))
        .find(|entry| entry.tag == tag)
        .and_then(|entry| {
            let start = usize::try_from(entry.offset).ok()?;
            let end = start.checked_add(usize::try_from(entry.length).ok()?)?;
            (end <= bytes.len()).then_some(start..end)
        })
}

fn records(bytes: &[u8], tag: Tag, size: usize) -> impl Iterator<Item = &[u8]> {
    section(bytes, tag).map(|range| &bytes[range]).unwrap_or(&[]).chunks_exact(size)
}

/// Words before the first edge, as far as the program can be understood.
fn words_before_edges(bytes: &[u8]) -> Option<u64> {
    let list = |tag| section(bytes, tag).and_then(|range| List::parse(tag, &bytes[range]).ok());
    let (tables, accesses) = (list(Tag::TABLES), list(Tag::ACCESS));
    let elements = |index: u32| -> Option<u64> {
        let access = Access::parse(accesses?.get(index)?, index).ok()?;
        let table = tables.and_then(|tables| tables.get(access.table)).map_or(0, <[u8]>::len) / 4;
        Some(u64::from(access.elements(table)?))
    };
    let configs: Vec<Option<Config>> =
        records(bytes, Tag::CONFIGS, CONFIG_BYTES).map(|bytes| Config::parse(bytes, 0).ok()).collect();
    let mut open: Vec<(u16, u32)> = Vec::new();
    let (mut inputs, mut sums, mut state) = (0u64, 0u64, 0u64);
    for bytes in records(bytes, Tag::PROGRAM, INSTRUCTION_BYTES) {
        match Instruction::parse(bytes, 0).ok()? {
            Instruction::Loop { register, trips } => open.push((register.into(), trips)),
            Instruction::End { .. } => drop(open.pop()),
            Instruction::Gather { access, first } => {
                inputs = inputs.max(u64::from(first) + elements(access)?)
            }
            Instruction::Scatter { access, first, .. }
            | Instruction::Add { access, first, .. }
            | Instruction::Rate { access, first, .. } => {
                sums = sums.max(u64::from(first) + elements(access)?)
            }
            Instruction::Invoke { config, state: first, register, stride, .. } => {
                let config = (*configs.get(config as usize)?)?;
                inputs = inputs.max(config.rows().into());
                sums = sums.max(config.sums().into());
                let trips = open.iter().find(|(r, _)| *r == register).map_or(1, |(_, trips)| *trips);
                let last = u64::from(trips.checked_sub(1)?) * u64::from(stride);
                state = state.max(last + u64::from(first) + u64::from(config.state_words()));
            }
            Instruction::Reset(ResetTarget::State { first, words, .. }) => {
                state = state.max(u64::from(first) + u64::from(words));
            }
            _ => {}
        }
    }
    Some(32 + inputs + sums + state)
}

/// Gives edges their offsets and the header its words of memory, as far as the rest can be
/// understood; then seals again. `None` when the bytes have no image's structure.
pub fn repair(bytes: &mut [u8]) -> Option<()> {
    if let (Some(before), Some(edges)) = (words_before_edges(bytes), section(bytes, Tag::EDGES)) {
        let mut at = before;
        for start in edges.step_by(EDGE_BYTES) {
            let Some(Ok(edge)) = bytes.slice_at(start, EDGE_BYTES).map(|edge| Edge::parse(edge, 0)) else {
                break;
            };
            let Ok(offset) = u32::try_from(at) else { break };
            bytes[start + 12..start + 16].copy_from_slice(&offset.to_le_bytes());
            at += u64::from(edge.slot_words()) * u64::from(edge.slots) + u64::from(edge.slots > 1);
        }
        if let Ok(words) = u32::try_from(at) {
            bytes[36..40].copy_from_slice(&words.to_le_bytes());
        }
    }
    reseal(bytes).ok()
}
