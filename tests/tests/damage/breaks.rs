//! One resealed image for each way of breaking a rule: what is broken, and the refusal it must meet.

use crate::small;
use spandrel_core::image::{
    Access, Codec, Combine, HEADER_BYTES, Instruction, ResetTarget, SEAL_BYTES, Subject, Tag, reseal,
};
use spandrel_tests::images::{Answer, ImageBuilder, Pattern, Sections, weights};

/// One way to break one rule.
pub(crate) struct Break {
    pub(crate) rule: &'static str,
    pub(crate) place: (Tag, &'static str),
    pub(crate) bytes: Vec<u8>,
}

/// Patches `content` over section `tag` from `at`, and seals.
fn section(tag: Tag, at: usize, content: &[u8], rule: &'static str, field: &'static str) -> Break {
    let builder = small();
    let mut sections = builder.sections();
    let target = sections.iter_mut().find(|(t, _)| *t == tag).expect("the small image has the section");
    target.1[at..at + content.len()].copy_from_slice(content);
    Break { rule, place: (tag, field), bytes: builder.assembled(&sections) }
}

/// Changes the small image's builder.
fn built(change: fn(&mut ImageBuilder), rule: &'static str, tag: Tag, field: &'static str) -> Break {
    let mut builder = small();
    change(&mut builder);
    Break { rule, place: (tag, field), bytes: builder.build() }
}

/// Changes the list of sections.
fn sections(change: fn(&mut Sections), rule: &'static str, tag: Tag, field: &'static str) -> Break {
    let builder = small();
    let mut sections = builder.sections();
    change(&mut sections);
    Break { rule, place: (tag, field), bytes: builder.assembled(&sections) }
}

/// Changes the finished bytes; seals again if asked.
fn bytes(change: fn(&mut Vec<u8>), seal: bool, rule: &'static str, tag: Tag, field: &'static str) -> Break {
    let mut bytes = small().build();
    change(&mut bytes);
    if seal {
        reseal(&mut bytes).expect("the structure is still there");
    }
    Break { rule, place: (tag, field), bytes }
}

fn instruction(new: Instruction, rule: &'static str, field: &'static str) -> Break {
    let mut builder = small();
    builder.program.insert(0, new);
    Break { rule, place: (Tag::PROGRAM, field), bytes: builder.build() }
}

fn access(change: fn(&mut Access), rule: &'static str, field: &'static str) -> Break {
    let mut builder = small();
    change(&mut builder.accesses[0]);
    Break { rule, place: (Tag::ACCESS, field), bytes: builder.build() }
}

pub(crate) fn frame_breaks() -> Vec<Break> {
    let header = Tag::HEADER;
    vec![
        bytes(|b| b.truncate(7), false, "too-short", header, "magic"),
        bytes(|b| b.truncate(40), false, "too-short", header, "header"),
        bytes(|b| b[0] = b'X', false, "bad-magic", header, "magic"),
        bytes(|b| b[8] = 2, false, "unsupported-version", header, "version"),
        bytes(|b| b.push(0), false, "length-mismatch", header, "total_bytes"),
        bytes(|b| b[12] = 1, false, "not-zero", header, "reserved"),
        bytes(|b| b[72] = 1, false, "not-zero", header, "reserved"),
        bytes(|b| b[32] = 65, false, "out-of-range", header, "sections"),
        bytes(|b| b[40] ^= 1, false, "header-checksum", header, "checksum"),
        bytes(|b| b[36] += 1, true, "ram-mismatch", header, "ram_words"),
        bytes(|b| b[24] -= 1, true, "out-of-range", header, "seal_offset"),
        bytes(|b| b[HEADER_BYTES + 8] = 2, true, "unsupported-version", Tag::CHIP, "section"),
        bytes(|b| b[HEADER_BYTES + 10] = 3, true, "not-zero", Tag::CHIP, "section"),
        bytes(|b| b[HEADER_BYTES + 16] += 8, true, "section-order", Tag::CHIP, "section"),
        bytes(
            |b| {
                let at = b.len() - SEAL_BYTES - 9;
                b[at] ^= 1;
            },
            false,
            "section-checksum",
            Tag::WEIGHTS,
            "section",
        ),
        bytes(
            |b| {
                let at = b.len() - SEAL_BYTES;
                b[at] ^= 1;
            },
            false,
            "digest-mismatch",
            Tag::SEAL,
            "digest",
        ),
        bytes(
            |b| {
                let at = b.len() - SEAL_BYTES + 32;
                b[at] = 2;
            },
            false,
            "signature-not-built",
            Tag::SEAL,
            "signature",
        ),
        bytes(
            |b| {
                let at = b.len() - 1;
                b[at] = 1;
            },
            false,
            "not-zero",
            Tag::SEAL,
            "reserved",
        ),
        sections(
            |s| s.push((Tag(*b"FUTURE\0\0"), vec![1])),
            "unknown-critical-section",
            Tag(*b"FUTURE\0\0"),
            "section",
        ),
        sections(|s| s.push(s[1].clone()), "duplicate-section", Tag::EDGES, "section"),
        sections(|s| s.retain(|(t, _)| *t != Tag::CHIP), "missing-section", Tag::CHIP, "section"),
        sections(|s| s.retain(|(t, _)| *t != Tag::EDGES), "missing-section", Tag::EDGES, "section"),
        sections(|s| s.retain(|(t, _)| *t != Tag::PROGRAM), "missing-section", Tag::PROGRAM, "section"),
        sections(|s| s[0].1.truncate(31), "length-mismatch", Tag::CHIP, "length"),
        sections(|s| s[1].1.truncate(47), "length-mismatch", Tag::EDGES, "length"),
        sections(|s| s[2].1.extend([0; 4]), "length-mismatch", Tag::TABLES, "start"),
        sections(|s| s[2].1[4] = 0, "out-of-range", Tag::TABLES, "start"),
        sections(|s| s[2].1.truncate(3), "too-short", Tag::TABLES, "start"),
        sections(|s| s[3].1[3] = 0xFF, "too-short", Tag::ACCESS, "start"),
        section(Tag::CHIP, 2, &[1], "not-zero", "reserved"),
        built(|b| b.notes = "\u{0}".into(), "", Tag::NOTES, ""),
        sections(
            |s| s.iter_mut().find(|(t, _)| *t == Tag::NOTES).expect("notes").1[0] = 0xFF,
            "not-text",
            Tag::NOTES,
            "text",
        ),
    ]
}

pub(crate) fn record_breaks() -> Vec<Break> {
    let (edges, blobs, configs) = (Tag::EDGES, Tag::BLOBS, Tag::CONFIGS);
    vec![
        // Edges.
        section(edges, 4, &[9], "unknown-code", "codec"),
        section(edges, 5, &[2], "not-zero", "flags"),
        section(edges, 12, &[0], "out-of-range", "ram_offset"),
        built(|b| b.edges[2].length = 0, "out-of-range", edges, "length"),
        built(|b| b.edges[0].slots = 0, "out-of-range", edges, "slots"),
        built(|b| b.edges[0].reset = 256, "out-of-range", edges, "reset"),
        // Tables and patterns.
        built(|b| b.tables.push(vec![]), "out-of-range", Tag::TABLES, "entries"),
        access(|a| a.edge = 9, "dangling-reference", "edge"),
        access(|a| (a.table, a.dims) = (77, Default::default()), "dangling-reference", "table"),
        access(|a| a.table = 0, "out-of-range", "dimensions"),
        access(|a| a.age = 1, "out-of-range", "age"),
        access(|a| a.axes[0].extent += 1, "beyond-edge", "axis"),
        access(|a| a.axes[0].pitch = u32::MAX, "beyond-edge", "axis"),
        access(|a| a.axes[0].extent = 0, "out-of-range", "axis.extent"),
        access(|a| a.axes.clear(), "out-of-range", "axes"),
        access(|a| a.dims[0].count = 0, "out-of-range", "dimension"),
        access(|a| a.dims[0].axis = 1, "out-of-range", "dimension"),
        access(|a| a.dims[0].count = (1 << 26) + 1, "out-of-range", "count"),
        // Blobs.
        section(blobs, 0, &[5], "unknown-code", "encoding"),
        section(blobs, 40, &[1], "not-zero", "reserved"),
        section(blobs, 1, &[17], "out-of-range", "bits"),
        section(blobs, 2, &[1], "out-of-range", "flags"),
        section(blobs, 4, &[0], "out-of-range", "rows"),
        section(blobs, 8, &[0], "out-of-range", "columns"),
        section(blobs, 24, &[0xFF], "out-of-range", "offset"),
        section(blobs, 32, &[1], "length-mismatch", "length"),
        section(blobs, 12, &[0], "out-of-range", "tables"),
        built(
            |b| {
                b.blob(weights::codebook(2, &[vec![0, 1, 2, 3]], &[vec![0, 1]]));
                b.tables.last_mut().expect("a codebook").pop();
            },
            "length-mismatch",
            blobs,
            "values",
        ),
        built(
            |b| {
                b.blob(weights::codebook(2, &[vec![0, 1, 2, 3]], &[vec![0, 1]]));
                b.blobs.last_mut().expect("a blob").blob.values = 99;
            },
            "dangling-reference",
            blobs,
            "values",
        ),
        built(
            |b| {
                b.blob(weights::axon_typed(&[0, 1], &[vec![5, 6]], &[vec![true, false]]));
                b.tables.last_mut().expect("types")[1] = 2;
            },
            "out-of-range",
            blobs,
            "types",
        ),
        built(
            |b| {
                b.blob(weights::sparse_blocks(4, 2, &[vec![0, 0, 1, 1]]));
                // The block's first row: 2 -> 3, where two rows do not fit.
                b.blobs.last_mut().expect("a blob").bytes[8] = 3;
            },
            "out-of-range",
            blobs,
            "blocks",
        ),
        // Configurations.
        section(configs, 0, &[4], "unknown-code", "kind"),
        section(configs, 2, &[1], "not-zero", "reserved"),
        section(configs, 16, &[9], "dangling-reference", "blob"),
        section(configs, 4, &[4], "out-of-range", "rows"),
        section(configs, 12, &[3], "out-of-range", "columns"),
        section(configs, 20, &[0], "out-of-range", "input_bits"),
        section(configs, 21, &[4], "out-of-range", "dac_bits"),
        section(configs, 22, &[9], "out-of-range", "cell_bits"),
        section(configs, 23, &[0], "out-of-range", "slices"),
        section(configs, 24, &[25], "out-of-range", "output_bits"),
        section(configs, 25, &[2], "unknown-code", "polarity"),
        section(configs, 25, &[1], "out-of-range", "polarity"),
        section(configs, 26, &[2], "unknown-code", "readout"),
        section(configs, 27, &[1], "not-zero", "adc_bits"),
        section(configs, 28, &[2], "unknown-code", "rounding"),
        section(configs, 29, &[41], "out-of-range", "shift"),
        section(configs, 26, &[1, 8, 0, 1], "not-zero", "shift"),
        section(configs, 30, &[33], "out-of-range", "adder_bits"),
        section(configs, 31, &[32], "out-of-range", "sum_shift"),
        section(configs, 32, &[3], "unknown-code", "activation"),
        section(configs, 33, &[0], "out-of-range", "pool"),
        section(configs, 33, &[3], "out-of-range", "pool"),
        section(configs, 36, &[64], "out-of-range", "bias_code"),
        section(configs, 40, &[64], "out-of-range", "out_lo"),
        section(configs, 48, &[0], "not-zero", "table"),
        section(configs, 32, &[2], "dangling-reference", "table"),
        section(configs, 22, &[3], "out-of-range", "weights"),
        section(configs, 20, &[16, 16, 8, 1, 6, 0, 0, 0, 0, 8], "", ""),
        section(
            configs,
            4,
            &[0, 0, 16, 0, 0, 0, 16, 0, 4, 0, 0, 0, 0, 0, 0, 0, 16, 16, 8, 2],
            "accumulator-overflow",
            "rows",
        ),
        section(configs, 20, &[8, 1, 2, 8, 6, 0, 1, 9, 0, 0], "accumulator-overflow", "adc_bits"),
        // Encoders and decoders.
        section(Tag::ENCODERS, 0, &[0], "unknown-code", "raw"),
        section(Tag::ENCODERS, 1, &[2], "unknown-code", "kind"),
        section(Tag::ENCODERS, 3, &[63], "out-of-range", "shift"),
        section(Tag::ENCODERS, 2, &[17], "out-of-range", "signals"),
        section(Tag::ENCODERS, 2, &[2], "beyond-edge", "length"),
        section(Tag::ENCODERS, 12, &[0], "out-of-range", "length"),
        section(Tag::ENCODERS, 12, &[2], "length-mismatch", "params"),
        section(Tag::ENCODERS, 8, &[9], "dangling-reference", "edge"),
        section(Tag::ENCODERS, 20, &[9], "dangling-reference", "params"),
        section(Tag::ENCODERS, 24, &[9, 0, 0, 0], "dangling-reference", "order"),
        section(Tag::ENCODERS, 24, &[0, 0, 0, 0], "length-mismatch", "order"),
        section(Tag::ENCODERS, 32, &[64], "out-of-range", "range"),
        section(Tag::ENCODERS, 40, &[1], "not-zero", "reserved"),
        built(
            |b| {
                b.encoders[0].order = b.tables.len() as u32;
                b.tables.push(vec![0, 1, 2, 3, 4, 6]);
            },
            "out-of-range",
            Tag::ENCODERS,
            "order",
        ),
        section(Tag::DECODERS, 2, &[2], "unknown-code", "reading"),
        section(Tag::DECODERS, 3, &[0], "out-of-range", "values"),
        section(Tag::DECODERS, 8, &[9, 0, 0, 0], "dangling-reference", "coefficients"),
        section(Tag::DECODERS, 12, &[0, 0, 0, 0], "length-mismatch", "offsets"),
        section(Tag::DECODERS, 24, &[1], "not-zero", "reserved"),
        // Beside the program.
        section(Tag::PLACES, 0, &[9], "dangling-reference", "config"),
        built(|b| b.origins = vec![vec![], vec![0; 12]], "length-mismatch", Tag::ORIGIN, "runs"),
    ]
}

pub(crate) fn program_breaks() -> Vec<Break> {
    let program = Tag::PROGRAM;
    let vectors = |change: fn(&mut Answer), rule, field| {
        let mut builder = small();
        change(&mut builder.answers[0]);
        Break { rule, place: (Tag::VECTORS, field), bytes: builder.build() }
    };
    vec![
        section(program, 0, &[11], "unknown-code", "opcode"),
        section(program, 0, &[0], "unknown-code", "opcode"),
        section(program, 1, &[1], "not-zero", "reserved"),
        section(program, 15, &[1], "not-zero", "reserved"),
        section(program, 64 + 1, &[3], "unknown-code", "mode"),
        section(program, 64 + 1, &[2], "out-of-range", "mode"),
        section(program, 16 + 12, &[1], "not-zero", "stride"),
        section(program, 16 + 2, &[8, 0], "out-of-range", "register"),
        section(program, 16 + 2, &[7, 0], "loop-register", "register"),
        section(program, 4, &[99], "dangling-reference", "access"),
        section(program, 16 + 4, &[99], "dangling-reference", "config"),
        section(program, 8, &[0xFF; 4], "out-of-range", "first"),
        instruction(Instruction::Tick, "", ""),
        instruction(Instruction::Loop { register: 0, trips: 1 }, "loop-nesting", "register"),
        instruction(Instruction::End { register: 0, start: 0 }, "loop-nesting", "register"),
        instruction(Instruction::Loop { register: 8, trips: 1 }, "out-of-range", "register"),
        instruction(Instruction::Loop { register: 0, trips: 0 }, "out-of-range", "trips"),
        instruction(
            Instruction::Rate { register: 0, access: 0, first: 0, window: 1 },
            "loop-register",
            "register",
        ),
        instruction(
            Instruction::Rate { register: 0, access: 0, first: 0, window: 0 },
            "out-of-range",
            "window",
        ),
        instruction(Instruction::Reset(ResetTarget::Edge(9)), "dangling-reference", "edge"),
        instruction(
            Instruction::Reset(ResetTarget::State { first: 1, words: u32::MAX, value: 0 }),
            "out-of-range",
            "words",
        ),
        built(
            |b| {
                b.repeat(1, u32::MAX, |b| b.repeat(2, u32::MAX, |b| b.tick()));
            },
            "too-long",
            program,
            "trips",
        ),
        built(|b| b.repeat(1, 2, |b| b.repeat(1, 2, |b| b.tick())), "loop-register", program, "register"),
        built(
            |b| {
                // A pattern that names a register of no open loop.
                b.emit(0, Pattern::run(0, 6, 0, 1).term(0, 3, 1));
            },
            "loop-register",
            program,
            "access",
        ),
        built(
            |b| {
                let ring = b.ring(Codec::U8, 4, 2, 0);
                b.scatter(Combine::Set, Pattern::run(ring, 4, 0, 4).age(1), 0);
            },
            "out-of-range",
            program,
            "access",
        ),
        // Known answers.
        section(Tag::VECTORS, 16, &[9], "unknown-code", "kind"),
        section(Tag::VECTORS, 16 + 1, &[1], "not-zero", "flags"),
        section(Tag::VECTORS, 16 + 10, &[1], "not-zero", "reserved"),
        section(Tag::VECTORS, 16 + 8, &[0], "unknown-code", "input codec"),
        section(Tag::VECTORS, 16 + 9, &[5], "unknown-code", "answer codec"),
        section(Tag::VECTORS, 16 + 12, &[0xFF; 4], "too-short", "inputs"),
        section(Tag::VECTORS, 16 + 16, &[0xFF; 4], "too-short", "answers"),
        section(Tag::VECTORS, 16 + 16, &[1], "length-mismatch", "record"),
        vectors(
            |a| {
                let Subject::Network { digest, .. } = a.subject else { return };
                a.subject = Subject::Network { input: 7, digest };
            },
            "dangling-reference",
            "input",
        ),
        vectors(|a| a.inputs.push(0), "length-mismatch", "inputs"),
        vectors(
            |a| a.subject = Subject::Config { config: 9, shift: None, relu: None },
            "dangling-reference",
            "configuration",
        ),
        vectors(
            |a| a.subject = Subject::Config { config: 0, shift: Some(41), relu: None },
            "out-of-range",
            "test mode",
        ),
        vectors(
            |a| a.subject = Subject::Config { config: 0, shift: None, relu: None },
            "length-mismatch",
            "inputs",
        ),
    ]
}
