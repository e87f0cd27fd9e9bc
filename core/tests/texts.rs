//! What the core says of errors and names: the texts that logs and users see, and that none stands for two things.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use spandrel_core::image::{
    Combine, CoverageWay, FaultClass, ImageError, Instruction, NO_REGISTER, ResetTarget, Rule, Tag,
    WriteError,
};
use spandrel_core::load::{LoadError, Refusal};
use spandrel_core::machine::RunError;

#[test]
fn every_refusal_has_a_name_figures_and_a_way_out() {
    let refusals = [
        (Refusal::OtherChip, "other-chip", "compile the network"),
        (
            Refusal::OtherRevision { image: 5, least: 1, most: 3 },
            "other-revision: 5, not 1 to 3",
            "compile the network",
        ),
        (Refusal::OtherKind { image: 2, chip: 1 }, "other-kind: 2, not 1", "compile the network"),
        (
            Refusal::BeyondChip { what: "rows", needed: 300, available: 256 },
            "beyond-chip: 300 rows, not 256",
            "compile the network",
        ),
        (
            Refusal::TooLong { bytes: 4097, room: 4096 },
            "too-long-for-slot: 4097 bytes, not 4096",
            "larger slot",
        ),
        (Refusal::Unsigned, "unsigned", "sign the image with the key"),
        (Refusal::WrongSignature, "wrong-signature", "sign the image with the key"),
        (Refusal::BadKey, "bad-key", "32 bytes"),
        (Refusal::NoSignatures, "no-signatures", "feature `signature`"),
        (Refusal::RolledBack { image: 2, least: 3 }, "rolled-back: 2, not 3", "a counter that is not below"),
        (Refusal::NoLimits, "no-limits", "the version that this loader belongs to"),
        (Refusal::TooManySections(40), "too-many-sections: 40", "the version that this loader belongs to"),
    ];
    let mut names = Vec::new();
    for (refusal, text, way_out) in refusals {
        assert_eq!(refusal.to_string(), text);
        assert!(text.starts_with(refusal.name()), "{text}");
        assert!(!names.contains(&refusal.name()), "{text} is another's name");
        names.push(refusal.name());
        assert!(refusal.way_out().contains(way_out), "{text}: {}", refusal.way_out());
    }
}

#[test]
fn why_loading_stopped_is_told() {
    let image = ImageError::new(Tag::EDGES, 3, "length", Rule::OutOfRange);
    let errors: [(LoadError<&str>, String); 4] = [
        (LoadError::Image(image), image.to_string()),
        (LoadError::Refused(Refusal::Unsigned), "unsigned".into()),
        (LoadError::Target("no power"), "target: \"no power\"".into()),
        (LoadError::Stopped, "stopped".into()),
    ];
    for (error, text) in errors {
        assert_eq!(error.to_string(), text);
    }
    assert!(image.to_string().contains("EDGES") && image.to_string().contains("length"), "{image}");
}

#[test]
fn why_a_call_is_refused_is_told_with_its_figures() {
    let errors = [
        (RunError::MemoryTooSmall { needed: 77 }, "the machine needs 77 words of memory"),
        (RunError::NoSuchInput(4), "the image has no input 4"),
        (RunError::SampleTooLong { length: 6 }, "a sample has 6 raw values, not more"),
        (RunError::SampleTooShort { length: 6, fed: 5 }, "a sample has 6 raw values, 5 were given"),
        (RunError::RawOutOfRange { index: 2, value: -9 }, "raw value 2 is -9, outside the input's raw type"),
        (RunError::Busy, "a sample is under way: step until it is done, or reset"),
        (RunError::NotThisImage, "the lent words hold no run of this image"),
    ];
    for (error, text) in errors {
        assert_eq!(error.to_string(), text);
    }
    let errors = [
        (WriteError::BufferTooSmall(129), "buffer too small: 129 bytes are needed"),
        (WriteError::ChipName, "the chip's name must be at most 24 ASCII bytes"),
        (WriteError::NotAnImage, "the bytes do not have the structure of an image"),
    ];
    for (error, text) in errors {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn classes_and_ways_of_faults_have_names_in_the_order_of_their_codes() {
    let names = FaultClass::ALL.map(|class| class.name());
    let expected = [
        "stuck cell",
        "flipped weight bit",
        "dead axon",
        "stuck output",
        "lost or late spike",
        "range register",
    ];
    assert_eq!(names, expected);
    assert_eq!(CoverageWay::ALL.map(|way| way.name()), ["test mode", "normal path", "both"]);
}

#[test]
fn instructions_have_the_names_of_the_documents_table() {
    let instructions = [
        (Instruction::Loop { register: 0, trips: 2 }, "LOOP"),
        (Instruction::End { register: 0, start: 0 }, "END"),
        (Instruction::Gather { access: 0, first: 0 }, "GATHER"),
        (
            Instruction::Invoke {
                accumulate: false,
                finish: true,
                config: 0,
                state: 0,
                register: NO_REGISTER,
                stride: 0,
            },
            "INVOKE",
        ),
        (Instruction::Scatter { combine: Combine::Set, access: 0, first: 0 }, "SCATTER"),
        (Instruction::Add { combine: Combine::Add, access: 0, first: 0 }, "ADD"),
        (Instruction::Rate { access: 0, first: 0, register: 0, window: 1 }, "RATE"),
        (Instruction::Tick, "TICK"),
        (Instruction::Reset(ResetTarget::Sums), "RESET"),
        (Instruction::Emit { output: 0, access: 0 }, "EMIT"),
    ];
    let document = include_str!("../../docs/image-format.md");
    for (instruction, name) in instructions {
        assert_eq!(instruction.name(), name);
        let mut code = None;
        instruction.emit(&mut |bytes: &[u8]| code = code.or_else(|| bytes.first().copied()));
        let row = format!("| {} {name} |", code.expect("an instruction has bytes"));
        assert!(document.contains(&row), "{row} stands in the table");
    }
}
