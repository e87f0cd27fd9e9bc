//! Damaged images are refused by name: every flipped bit, every truncation, and, behind
//! checksums made right again, every rule of the format.

mod breaks;
mod digital_breaks;
mod spiking_breaks;

use breaks::{Break, frame_breaks, program_breaks, record_breaks};
use digital_breaks::digital_breaks;
use spandrel_core::image::{ENTRY_BYTES, HEADER_BYTES, Image, ImageError, SEAL_BYTES, Tag, reseal};
use spandrel_tests::{
    fuzzing,
    images::{ImageBuilder, builder::assembled, conv, digital, mlp, recurrent, spiking},
    repair::repair,
    rules::RULES,
};
use spiking_breaks::spiking_breaks;
use std::collections::{BTreeMap, BTreeSet};

/// The perceptron with known answers: 2 kilobytes that hold every kind of section but ORIGIN.
fn small() -> ImageBuilder {
    let mut builder = mlp::image();
    let samples: Vec<&[i32]> = mlp::SAMPLES.iter().map(|s| &s[..]).collect();
    builder.record_networks(&samples);
    builder
}

#[test]
fn every_flipped_bit_is_refused() {
    let bytes = small().build();
    Image::parse(&bytes).unwrap();
    let mut names = BTreeMap::<&str, usize>::new();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match Image::parse(&damaged) {
            Ok(_) => panic!("byte {}, bit {} may flip unseen", bit / 8, bit % 8),
            Err(error) => *names.entry(error.name()).or_default() += 1,
        }
    }
    println!("{} bits: {names:?}", bytes.len() * 8);
    assert_eq!(names.values().sum::<usize>(), bytes.len() * 8);
    for name in ["bad-magic", "header-checksum", "section-checksum", "digest-mismatch", "signature-not-built"]
    {
        assert!(names.contains_key(name), "{name}");
    }
}

#[test]
fn every_truncation_and_every_appendix_is_refused() {
    let bytes = small().build();
    for length in 0..bytes.len() {
        let error = Image::parse(&bytes[..length]).expect_err("a part of an image is no image");
        let expected = if length < HEADER_BYTES { "too-short" } else { "length-mismatch" };
        assert_eq!(error.name(), expected, "{length} bytes");
    }
    for more in 1..64 {
        let longer = [&bytes[..], &vec![0; more]].concat();
        assert_eq!(Image::parse(&longer).unwrap_err().name(), "length-mismatch");
    }
}

#[test]
fn every_byte_changed_behind_the_checksums_is_refused_or_runs() {
    let (mut refused, mut accepted) = (0, 0);
    let images = [small(), conv::image(), recurrent::image(), digital::image(), spiking::image()];
    for bytes in images.iter().map(ImageBuilder::build) {
        for at in 0..bytes.len() - SEAL_BYTES {
            let old = bytes[at];
            for new in [0, 1, 2, 3, old ^ 0x80, old.wrapping_add(1), old.wrapping_sub(1), 0xFF] {
                for mend in [|bytes: &mut [u8]| reseal(bytes).ok(), repair] {
                    let mut damaged = bytes.clone();
                    damaged[at] = new;
                    // Where the structure is gone there is nothing to seal; it is parsed as it is.
                    let _ = mend(&mut damaged);
                    if fuzzing::exercise(&damaged, new) { accepted += 1 } else { refused += 1 }
                }
            }
        }
    }
    println!("refused {refused}, accepted {accepted}");
    // Behind the checksums many bytes are free (weights, origins, codes): both must occur a lot.
    assert!(refused > 10_000 && accepted > 10_000, "refused {refused}, accepted {accepted}");
}

#[test]
fn every_rule_can_be_broken_and_is_named_with_its_place() {
    let mut met = BTreeSet::new();
    let mut wrong = Vec::new();
    let kinds = digital_breaks().into_iter().chain(spiking_breaks());
    for Break { rule, place, bytes } in
        frame_breaks().into_iter().chain(record_breaks()).chain(kinds).chain(program_breaks())
    {
        let found = Image::parse(&bytes)
            .map(drop)
            .map_err(|error: ImageError| (error.name(), (error.place.section, error.place.field)));
        // An empty rule marks a change that must be accepted: the neighbour of one that must not.
        let expected = if rule.is_empty() { Ok(()) } else { Err((rule, place)) };
        if found != expected {
            wrong.push(format!("expected {expected:?}, found {found:?}"));
        }
        met.insert(rule);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let missing: Vec<_> = RULES.iter().filter(|rule| !met.contains(*rule)).collect();
    assert!(missing.is_empty(), "rules without a case: {missing:?}");
    println!("{} rules met", met.len() - 1);
}

#[test]
fn an_unknown_section_that_is_not_critical_is_skipped() {
    let builder = small();
    let mut sections = builder.sections();
    sections.push((Tag(*b"LATER\0\0\0"), vec![1, 2, 3]));
    let mut bytes = assembled(&builder.chip, builder.placed_edges().1, &sections);
    let flags = HEADER_BYTES + ENTRY_BYTES * (sections.len() - 1) + 10;
    bytes[flags] = 0;
    reseal(&mut bytes).unwrap();
    Image::parse(&bytes).unwrap();
}
