//! C3: two images, section by section, with the exact place of every difference: the one at hand, and the one that
//! compiling the model again gives.
//!
//! Weights are compared as the arrays hold them, configuration by configuration, so a changed weight is named by node,
//! core, unit and row, whatever checksums, digests and known answers say.

use std::fmt::Debug;

use spandrel_core::image::{Config, Image, List, Side, Tag};

use super::{
    decode,
    report::{Evidence, Failure},
    spiking,
};
use crate::notes::Notes;
use crate::report::hex;

/// Differences listed per section.
const LISTED: usize = 8;

/// Compares `found` with the image `expected`. A case is a weight, a record or a section.
#[must_use]
pub fn images(expected: &Image<'_>, found: &Image<'_>) -> Evidence {
    let mut evidence = Evidence::default();
    weights(expected, found, &mut evidence);
    let weights = evidence.cases;
    records(expected, found, &mut evidence);
    sections(expected, found, &mut evidence);
    evidence.cases += 1;
    if expected.header().ram_words != found.header().ram_words
        || expected.header().chip != found.header().chip
    {
        evidence.fail(Failure::new("the header", header(expected), header(found)));
    }
    let same = expected.digest() == found.digest();
    let renamed = !same && renamed(expected, found);
    evidence.text = format!(
        "{weights} weights of {} configurations, {} records and sections compared; the image's bytes are {}",
        found.config_count(),
        evidence.cases - weights,
        match (same, renamed) {
            (true, _) => "identical",
            (_, true) => "identical but for the model's file name in the notes",
            _ => "not identical",
        }
    );
    if !same && !renamed && evidence.wrong == 0 {
        evidence.fail(Failure::new("the image digest", hex(expected.digest()), hex(found.digest())));
    }
    evidence
}

fn header(image: &Image<'_>) -> String {
    let header = image.header();
    let name: String = header.chip.iter().take_while(|byte| **byte != 0).map(|byte| *byte as char).collect();
    format!("chip {name:?}, {} words of memory", header.ram_words)
}

/// The weights `[column][line]` of configuration `core`, decoded bit by bit from the section's bytes.
fn core_weights(image: &Image<'_>, core: u32) -> Option<Vec<Vec<i32>>> {
    match image.config(core)? {
        Config::Spiking(spiking) => spiking::weights(image, &spiking),
        _ => decode::core(image, core).map(decode::Core::into_weights),
    }
}

fn weights(expected: &Image<'_>, found: &Image<'_>, evidence: &mut Evidence) {
    let all = |image: &Image<'_>| -> Result<Vec<Vec<Vec<i32>>>, u32> {
        (0..image.config_count()).map(|core| core_weights(image, core).ok_or(core)).collect()
    };
    let (ours, theirs) = match (all(expected), all(found)) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (Err(core), _) | (_, Err(core)) => {
            evidence.fail(decode::refusal(found, core));
            return;
        }
    };
    if ours.len() != theirs.len() {
        evidence.fail(Failure::new("the number of configurations", ours.len(), theirs.len()));
    }
    for (core, (ours, theirs)) in (0u32..).zip(ours.iter().zip(&theirs)) {
        let shape =
            |weights: &[Vec<i32>]| format!("{} x {}", weights.first().map_or(0, Vec::len), weights.len());
        if shape(ours) != shape(theirs) {
            let failure = Failure::new("the shape of the array", shape(ours), shape(theirs));
            evidence.fail(failure.at(found, core, None));
            continue;
        }
        for (unit, (ours, theirs)) in (0u32..).zip(ours.iter().zip(theirs)) {
            evidence.cases += ours.len() as u64;
            if ours == theirs {
                continue;
            }
            for (row, (expected_weight, weight)) in (0u32..).zip(ours.iter().zip(theirs)) {
                if expected_weight != weight {
                    // The place is named after the image that was compiled again: the other's provenance may be false.
                    let failure = Failure::new(line(expected, core, row), expected_weight, weight);
                    evidence.fail(Failure { row: Some(row), ..failure.at(expected, core, Some(unit)) });
                }
            }
        }
    }
}

/// What word line `row` carries.
fn line(image: &Image<'_>, core: u32, row: u32) -> String {
    let from = image.origins().nodes(core).map(|(_, from)| from);
    match (image.config(core).is_some_and(|config| row >= config.rows()), from) {
        (true, _) => "the weight of a bias row".into(),
        (false, Some(from)) => match image.origins().element(core, Side::Row, row) {
            Some((element, signal)) => {
                format!("the weight from {from:?} element {element}, signal {signal},")
            }
            None => format!("the weight from {from:?}"),
        },
        (false, None) => "the weight".into(),
    }
}

/// Compares `count` records that `get` reads.
fn each<T: PartialEq + Debug>(
    name: &str,
    counts: (u32, u32),
    get: impl Fn(u32) -> (Option<T>, Option<T>),
    evidence: &mut Evidence,
) {
    if counts.0 != counts.1 {
        evidence.fail(Failure::new(format!("the number of records in section {name}"), counts.0, counts.1));
    }
    let mut listed = 0;
    for record in 0..counts.0.min(counts.1) {
        evidence.cases += 1;
        let (expected, found) = get(record);
        if expected != found {
            if listed < LISTED {
                let text = |value: Option<T>| value.map_or("nothing".into(), |value| format!("{value:?}"));
                let what = format!("record {record} of section {name}");
                evidence.fail(Failure::new(what, text(expected), text(found)));
            } else {
                evidence.wrong += 1;
            }
            listed += 1;
        }
    }
}

fn records(a: &Image<'_>, b: &Image<'_>, evidence: &mut Evidence) {
    for core in 0..a.config_count().min(b.config_count()) {
        evidence.cases += 1;
        let (expected, found) = (a.config(core), b.config(core));
        if expected != found {
            let text = |config| format!("{config:?}");
            let failure = Failure::new("the configuration", text(expected), text(found));
            evidence.fail(failure.at(a, core, None));
        }
    }
    let counts = (a.instruction_count(), b.instruction_count());
    each("PROGRAM", counts, |at| (a.instruction(at), b.instruction(at)), evidence);
    each("EDGES", (a.edge_count(), b.edge_count()), |at| (a.edge(at), b.edge(at)), evidence);
    each("ACCESS", (a.access_count(), b.access_count()), |at| (a.access(at), b.access(at)), evidence);
    each("ENCODERS", (a.input_count(), b.input_count()), |at| (a.encoder(at), b.encoder(at)), evidence);
    each("DECODERS", (a.decoder_count(), b.decoder_count()), |at| (a.decoder(at), b.decoder(at)), evidence);
    each(
        "PLACES",
        (a.placement_count(), b.placement_count()),
        |at| (a.placement(at), b.placement(at)),
        evidence,
    );
    each("ROUTES", (a.route_count(), b.route_count()), |at| (a.route(at), b.route(at)), evidence);
    each("BLOBS", (a.blob_count(), b.blob_count()), |at| (a.blob(at), b.blob(at)), evidence);
    for tag in [Tag::TABLES, Tag::VECTORS, Tag::ORIGIN] {
        if let (Ok(ours), Ok(theirs)) = (List::parse(tag, a.section(tag)), List::parse(tag, b.section(tag))) {
            let words = |bytes: Option<&[u8]>| bytes.map(hex_short);
            let get = |at| (words(ours.get(at)), words(theirs.get(at)));
            each(tag.text(), (ours.count(), theirs.count()), get, evidence);
        }
    }
}

/// Whether the notes differ, and in nothing but the name of the model's file: its content is compared by digest.
fn renamed(a: &Image<'_>, b: &Image<'_>) -> bool {
    let (Ok(mut ours), Ok(theirs)) = (Notes::of(a, ""), Notes::of(b, "")) else { return false };
    let differ = ours != theirs;
    ours.model.file.clone_from(&theirs.model.file);
    differ && ours == theirs
}

/// Long records by their SHA-256, short ones as they are.
fn hex_short(bytes: &[u8]) -> String {
    if bytes.len() <= 32 {
        hex(bytes)
    } else {
        format!("sha256 {}", hex(&spandrel_core::image::sha256(bytes)))
    }
}

/// Sections as bytes: whatever the comparisons above did not look at. A section of which a difference is already named
/// is not named again.
fn sections(a: &Image<'_>, b: &Image<'_>, evidence: &mut Evidence) {
    for tag in Tag::KNOWN {
        evidence.cases += 1;
        let (expected, found) = (a.section(tag), b.section(tag));
        let named = evidence.wrong > 0 && !matches!(tag, Tag::NOTES | Tag::CHIP);
        if expected == found || named || (tag == Tag::NOTES && renamed(a, b)) {
            continue;
        }
        let at =
            expected.iter().zip(found).position(|(x, y)| x != y).unwrap_or(expected.len().min(found.len()));
        let byte = |bytes: &[u8]| bytes.get(at).map_or("the end".to_owned(), |byte| format!("{byte:#04x}"));
        let what = format!("byte {at} of section {tag}");
        evidence.fail(Failure::new(what, byte(expected), byte(found)));
    }
}
