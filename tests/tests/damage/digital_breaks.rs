//! One resealed image for each rule of a digital core's record.

use crate::breaks::Break;
use spandrel_core::{
    image::{NO_BLOB, Subject, Tag},
    mac::{Activation, Bias, Mac, Param, Requant, Rounding},
};
use spandrel_tests::images::{Answer, ImageBuilder, digital, weights};

/// Patches the first configuration's record from `at`, and seals.
fn patched(at: usize, content: &[u8], rule: &'static str, field: &'static str) -> Break {
    let builder = digital::image();
    let mut sections = builder.sections();
    let target = sections.iter_mut().find(|(tag, _)| *tag == Tag::CONFIGS).expect("there are configurations");
    target.1[at..at + content.len()].copy_from_slice(content);
    Break { rule, place: (Tag::CONFIGS, field), bytes: builder.assembled(&sections) }
}

/// Changes the first configuration, and what belongs to it.
fn changed(change: fn(&mut Mac, &mut ImageBuilder), rule: &'static str, field: &'static str) -> Break {
    let mut builder = digital::image();
    let spandrel_core::image::Config::Mac(mut mac) = builder.configs[0] else { panic!("a digital core") };
    change(&mut mac, &mut builder);
    builder.configs[0] = spandrel_core::image::Config::Mac(mac);
    Break { rule, place: (Tag::CONFIGS, field), bytes: builder.build() }
}

/// A known answer of configuration 0 in test mode.
fn answer(shift: Option<u8>, relu: Option<bool>, rule: &'static str, field: &'static str) -> Break {
    let mut builder = digital::image();
    let subject = Subject::Config { config: 0, shift, relu };
    builder.answers.push(Answer { subject, inputs: vec![0; 3], answers: vec![0; 4] });
    Break { rule, place: (Tag::VECTORS, field), bytes: builder.build() }
}

/// A table of `entries` for a parameter of each column.
fn column<T>(b: &mut ImageBuilder, entries: &[i32]) -> Param<T> {
    Param::Column { table: b.table(entries) }
}

pub(crate) fn digital_breaks() -> Vec<Break> {
    let range = "out-of-range";
    vec![
        patched(2, &[1], "not-zero", "reserved"),
        patched(17, &[4], "not-zero", "reserved"),
        patched(22, &[1], "not-zero", "reserved"),
        patched(40, &[1], "not-zero", "reserved"),
        patched(52, &[0], "not-zero", "reserved"),
        patched(19, &[3], "unknown-code", "requantise"),
        patched(20, &[5], "unknown-code", "rounding"),
        patched(23, &[3], "unknown-code", "activation"),
        patched(27, &[3], "unknown-code", "bias_words"),
        patched(6, &[0x11], range, "rows"),
        patched(8, &[0], range, "columns"),
        patched(16, &[25], range, "input_bits"),
        patched(28, &[0, 1], range, "input_zero"),
        patched(18, &[65], range, "accumulator_bits"),
        patched(21, &[33], range, "multiplier_bits"),
        patched(26, &[3], range, "pool"),
        // Gemmlowp needs a multiplier and 32 bits.
        patched(18, &[33], range, "rounding"),
        changed(
            |m, _| m.requant = Requant::Shift { shift: Param::Core(1), rounding: Rounding::Gemmlowp },
            range,
            "rounding",
        ),
        changed(
            |m, _| m.requant = Requant::Shift { shift: Param::Core(63), rounding: Rounding::Floor },
            "",
            "",
        ),
        changed(
            |m, _| m.requant = Requant::Shift { shift: Param::Core(64), rounding: Rounding::Floor },
            range,
            "shift",
        ),
        changed(|m, _| m.requant = Requant::None, range, "output_zero"),
        changed(|m, _| (m.rows, m.blob) = (0, NO_BLOB), "", ""),
        changed(|m, _| m.rows = 0, range, "blob"),
        changed(|m, _| m.blob = NO_BLOB, "dangling-reference", "blob"),
        changed(|m, _| m.rows = 2, range, "rows"),
        changed(
            |m, b| {
                (m.columns, m.bias, m.requant) = (
                    2,
                    Bias::Words { table: b.table(&[0, 0]) },
                    Requant::Shift { shift: Param::Core(0), rounding: Rounding::Floor },
                )
            },
            range,
            "columns",
        ),
        changed(|m, _| m.bias = Bias::Words { table: 99 }, "dangling-reference", "bias_table"),
        changed(|m, b| m.bias = Bias::Words { table: b.table(&[0; 5]) }, "length-mismatch", "bias_table"),
        changed(|m, b| m.bias = Bias::Pairs { table: b.table(&[0; 4]) }, "length-mismatch", "bias_table"),
        changed(
            |m, b| m.activation = Activation::Table { table: b.table(&[0; 15]), bits: 4 },
            "length-mismatch",
            "table",
        ),
        changed(|m, b| m.activation = Activation::Table { table: b.table(&[0; 16]), bits: 4 }, "", ""),
        changed(
            |m, b| m.activation = Activation::Table { table: b.table(&[0; 16]), bits: 0 },
            range,
            "z_bits",
        ),
        changed(
            |m, b| {
                m.activation =
                    Activation::PiecewiseLinear { table: b.table(&[0; 3]), bits: 4, product_shift: 0 }
            },
            "length-mismatch",
            "table",
        ),
        // Three segments over two codes.
        changed(
            |m, b| {
                m.activation =
                    Activation::PiecewiseLinear { table: b.table(&[0; 6]), bits: 1, product_shift: 0 }
            },
            "length-mismatch",
            "table",
        ),
        changed(
            |m, b| {
                m.activation =
                    Activation::PiecewiseLinear { table: b.table(&[0; 2]), bits: 1, product_shift: 63 }
            },
            range,
            "product_shift",
        ),
        changed(
            |m, b| {
                m.requant = Requant::Multiplier {
                    bits: 8,
                    multiplier: column(b, &[0, 0, 128, 0]),
                    shift: Param::Core(0),
                    rounding: Rounding::Floor,
                }
            },
            range,
            "multiplier_table",
        ),
        changed(
            |m, b| {
                m.requant = Requant::Multiplier {
                    bits: 32,
                    multiplier: Param::Core(1),
                    shift: column(b, &[0, 0, 63, 0]),
                    rounding: Rounding::Gemmlowp,
                }
            },
            range,
            "shift_table",
        ),
        changed(
            |m, b| {
                m.requant = Requant::Multiplier {
                    bits: 32,
                    multiplier: Param::Core(1),
                    shift: column(b, &[0, 0, 63, 0]),
                    rounding: Rounding::Floor,
                }
            },
            "",
            "",
        ),
        changed(
            |m, b| m.requant = Requant::Shift { shift: column(b, &[0, 0, -1, 0]), rounding: Rounding::Floor },
            range,
            "shift_table",
        ),
        // 2^20 rows of 24-bit inputs: weights of 20 bits sum to less than 2^63, of 21 bits to more.
        overflow(21, "accumulator-overflow", "rows"),
        overflow(20, "", ""),
        answer(None, None, "", ""),
        answer(Some(1), None, range, "shift"),
        answer(None, Some(true), range, "activation"),
    ]
}

/// A core of as many rows as a configuration may have and weights of `bits` bits.
fn overflow(bits: u8, rule: &'static str, field: &'static str) -> Break {
    let mut builder = digital::image();
    let spandrel_core::image::Config::Mac(mac) = builder.configs[0] else { panic!("a digital core") };
    // Sparse, so that it takes no room.
    let mut packed = weights::sparse_blocks(bits, 1, &[vec![1]]);
    packed.blob.rows = 1 << 20;
    let blob = builder.blob(packed);
    let requant = Requant::Shift { shift: Param::Core(0), rounding: Rounding::Floor };
    let (bias, input_bits, columns, pool) = (Bias::None, 24, 1, 1);
    builder.mac(Mac { rows: 1 << 20, columns, blob, bias, requant, input_bits, pool, ..mac });
    Break { rule, place: (Tag::CONFIGS, field), bytes: builder.build() }
}
