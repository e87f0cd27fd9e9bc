//! The worked examples of `docs/image-format.md`, literally, and a few more corners.

use super::{
    Activation, Bias, Mac, Overflow, Param, Requant, Rounding, bias, doubling_high_product, finish, gemmlowp,
    read_column, requantise, round_shift, round_shift_64,
};
use crate::{
    blob::Column,
    bytes::Fields,
    image::{Blob, CONFIG_BYTES, Config, Encoding, List, NO_BLOB, NO_TABLE, Tables, Tag, emit_list},
};

fn mac() -> Mac {
    Mac {
        rows: 0,
        columns: 1,
        blob: NO_BLOB,
        input_bits: 8,
        input_signed: true,
        input_zero: 0,
        accumulator_bits: 32,
        overflow: Overflow::Saturate,
        bias: Bias::None,
        requant: Requant::None,
        output_zero: 0,
        activation: Activation::Clamp,
        pool: 1,
        out_lo: i32::MIN,
        out_hi: i32::MAX,
    }
}

/// Runs `body` with tables of the given entries.
fn with_tables<R>(entries: &[&[i32]], body: impl FnOnce(&Tables<'_>) -> R) -> R {
    let mut words: heapless::Vec<[u8; 256], 4> = heapless::Vec::new();
    for table in entries {
        let mut bytes = [0u8; 256];
        for (slot, entry) in bytes.chunks_mut(4).zip(table.iter()) {
            slot.copy_from_slice(&entry.to_le_bytes());
        }
        words.push(bytes).unwrap();
    }
    let records: heapless::Vec<&[u8], 4> =
        words.iter().zip(entries).map(|(bytes, table)| &bytes[..table.len() * 4]).collect();
    let mut list: heapless::Vec<u8, 1024> = heapless::Vec::new();
    emit_list(&records, &mut |part: &[u8]| list.extend_from_slice(part).unwrap());
    body(&Tables(List::parse(Tag::TABLES, &list).unwrap()))
}

/// value, bits, then toward zero, floor, half up, half even, and gemmlowp's second step.
#[test]
fn every_rounding() {
    use Rounding::{Floor, Gemmlowp, HalfEven, HalfUp, TowardZero};
    for (value, bits, results) in [
        (5i128, 1, [2i128, 2, 3, 2, 3]),
        (-5, 1, [-2, -3, -2, -2, -3]),
        (7, 1, [3, 3, 4, 4, 4]),
        (-7, 1, [-3, -4, -3, -4, -4]),
        (11, 2, [2, 2, 3, 3, 3]),
        (-11, 2, [-2, -3, -3, -3, -3]),
        (-8, 3, [-1, -1, -1, -1, -1]),
        (1, 5, [0, 0, 0, 0, 0]),
        (-1, 5, [0, -1, 0, 0, 0]),
        (-3, 0, [-3, -3, -3, -3, -3]),
        (i64::MIN as i128, 63, [-1, -1, -1, -1, -1]),
        (i64::MAX as i128, 63, [0, 0, 1, 1, 1]),
        // 3 * 2^62 / 2^63 = 1.5.
        (3 << 62, 63, [1, 1, 2, 2, 2]),
        (-(3 << 62), 63, [-1, -2, -1, -2, -2]),
    ] {
        let found = [TowardZero, Floor, HalfUp, HalfEven, Gemmlowp].map(|r| round_shift(value, bits, r));
        assert_eq!(found, results, "{value} / 2^{bits}");
        if let Ok(value) = i64::try_from(value) {
            let found =
                [TowardZero, Floor, HalfUp, HalfEven, Gemmlowp].map(|r| round_shift_64(value, bits, r));
            assert_eq!(found.map(i128::from), results, "{value} / 2^{bits} in 64 bits");
        }
    }
}

#[test]
fn gemmlowp_in_two_steps() {
    // 2^30 is 0.5: the product of 3 is 1.5, to 2; of -3 it is -1.5, to -1.
    assert_eq!([3, -3, 1, -1].map(|v| doubling_high_product(v, 1 << 30)), [2, -1, 1, 0]);
    assert_eq!(doubling_high_product(i32::MIN, i32::MIN), i32::MAX);
    assert_eq!(doubling_high_product(i32::MIN, i32::MAX), -i32::MAX);
    // Shift 32: 3 * 0.5 = 1.5, to 2, halved 1. One rounding would give 0.75, so 1 too; but 5 * 0.5 = 2.5, to 3, halved 1.5, to 2
    // where one rounding of 1.25 gives 1.
    assert_eq!((gemmlowp(3, 1 << 30, 32), gemmlowp(5, 1 << 30, 32)), (1, 2));
    // -5 * 0.5 = -2.5, to -2, halved -1; -6 * 0.5 = -3, halved -1.5, to -2.
    assert_eq!((gemmlowp(-5, 1 << 30, 32), gemmlowp(-6, 1 << 30, 32)), (-1, -2));
    // Shift 29 is a left shift by 2 first: 7 * 4 * 0.75 = 21.
    assert_eq!(gemmlowp(7, 3 << 29, 29), 21);
    // The left shift saturates: 2^30 * 4 goes to 2^31 - 1, times 0.5 gives 2^30 (1073741823.5, up).
    assert_eq!(gemmlowp(1 << 30, 1 << 30, 29), 1 << 30);
    // Shift 62, the largest: 2^31 - 1 times 0.5, / 2^31 = 0.5, away from zero.
    assert_eq!((gemmlowp(i32::MAX, 1 << 30, 62), gemmlowp(i32::MIN, 1 << 30, 62)), (1, -1));
}

#[test]
fn requantisation_saturation_zero_point_and_clip() {
    let multiplier = |rounding| Requant::Multiplier {
        bits: 32,
        multiplier: Param::Core(1 << 30),
        shift: Param::Core(36),
        rounding,
    };
    with_tables(&[], |tables| {
        // 1000 / 64 = 15.625, plus 3.
        let tpu =
            Mac { requant: multiplier(Rounding::HalfUp), output_zero: 3, out_lo: -128, out_hi: 127, ..mac() };
        for (sum, code) in [(1000, 19), (-1000, -13), (7904, 127), (7999, 127), (-100_000, -128)] {
            assert_eq!(finish(&tpu, tables, 0, sum), code, "{sum}");
        }
        // A ReLU clips at the zero point.
        assert_eq!(finish(&Mac { out_lo: 3, ..tpu }, tables, 0, -1000), 3);
        // The cut of 8 unsigned bits reaches every code: no sign bit is lost.
        let cut = Requant::Shift { shift: Param::Core(4), rounding: Rounding::HalfUp };
        let unsigned = Mac { accumulator_bits: 12, requant: cut, out_lo: 0, out_hi: 255, ..mac() };
        for (sum, code) in [(2000, 125), (2047, 128), (5000, 128), (-5000, 0), (8, 1), (7, 0)] {
            assert_eq!(finish(&unsigned, tables, 0, sum), code, "{sum}");
        }
        // The same 12 bits wrapped: 5000 - 4096 = 904, / 16 = 56.5, up.
        let wrapped = Mac { overflow: Overflow::Wrap, ..unsigned };
        assert_eq!([5000, 2048].map(|sum| finish(&wrapped, tables, 0, sum)), [57, 0]);
        // Unrequantised, the accumulator leaves, saturated to 32 bits.
        let raw = Mac { rows: 1, accumulator_bits: 40, ..mac() };
        assert_eq!([-5, 1 << 35, i64::MIN].map(|sum| finish(&raw, tables, 0, sum)), [-5, i32::MAX, i32::MIN]);
        // 64 bits times 32 bits: no intermediate is cut off.
        let wide = Mac { rows: 1, accumulator_bits: 64, requant: multiplier(Rounding::Floor), ..mac() };
        assert_eq!(requantise(&wide, tables, 0, i64::MIN), -(1 << 57));
    });
}

#[test]
fn parameters_of_each_column() {
    let requant = Requant::Multiplier {
        bits: 8,
        multiplier: Param::Column { table: 0 },
        shift: Param::Column { table: 1 },
        rounding: Rounding::HalfEven,
    };
    with_tables(&[&[100, -100, 127], &[3, 4, 0], &[1, -1, 0, 5, -1, -2]], |tables| {
        let core = Mac { columns: 3, requant, bias: Bias::Pairs { table: 2 }, ..mac() };
        // 5 * 100 / 8 = 62.5, 5 * -100 / 16 = -31.25, 5 * 127.
        assert_eq!([0, 1, 2].map(|column| finish(&core, tables, column, 5)), [62, -31, 635]);
        assert_eq!([0, 1, 2].map(|column| bias(&core, tables, column)), [0x1_FFFF_FFFF, 5, -2]);
        let words = Mac { bias: Bias::Words { table: 0 }, ..core };
        assert_eq!([0, 1, 2].map(|column| bias(&words, tables, column)), [100, -100, 127]);
    });
}

#[test]
fn tables_and_linear_pieces() {
    let requant = Requant::Shift { shift: Param::Core(1), rounding: Rounding::Floor };
    with_tables(&[&[70, 71, 72, 73, 74, 75, 76, 77], &[-3, 1, 5, 10, 6, 20]], |tables| {
        // z of 3 bits is -4..=3.
        let table = Activation::Table { table: 0, bits: 3 };
        let core = Mac { requant, activation: table, out_lo: 0, out_hi: 76, ..mac() };
        for (sum, code) in [(0, 74), (-8, 70), (-100, 70), (5, 76), (7, 76), (-1, 73)] {
            assert_eq!(finish(&core, tables, 0, sum), code, "{sum}");
        }
        // The zero point moves z before it saturates.
        assert_eq!(finish(&Mac { output_zero: -2, ..core }, tables, 0, 100), 76);
        assert_eq!(finish(&Mac { output_zero: -2, ..core }, tables, 0, 4), 74);
        // Three pieces over -4..=3: z + 4 below 2.67, below 5.33, above. Slopes -3, 5, 6; intercepts 1, 10, 20; product / 4.
        let pieces = Activation::PiecewiseLinear { table: 1, bits: 3, product_shift: 2 };
        let core = Mac { requant, activation: pieces, ..mac() };
        // z = -4: 12/4 + 1; -2: 6/4 = 1.5, up, + 1; -1: -5/4 = -1.25, to -1, + 10; 1: 5/4, to 1, + 10; 2: 12/4 + 20; 3: 18/4 =
        // 4.5, up, + 20.
        for (z, code) in [(-4, 4), (-2, 3), (-1, 9), (1, 11), (2, 23), (3, 25), (9, 25)] {
            assert_eq!(finish(&core, tables, 0, z * 2), code, "{z}");
        }
    });
}

/// Weights 3, -128, 127 on inputs 10, -128, 300 (saturates to 127) around zero point 5: 3 * 5 + 128 * 133 + 127 * 122 = 32533.
#[test]
fn the_sum_of_a_column() {
    let blob = Blob {
        encoding: Encoding::Dense,
        bits: 8,
        flags: 0,
        rows: 3,
        columns: 1,
        values: NO_TABLE,
        types: NO_TABLE,
        type_count: 0,
        offset: 0,
        length: 3,
    };
    with_tables(&[&[-1000]], |tables| {
        let store: &[u8] = &[3, 0x80, 127];
        let core = Mac { rows: 3, blob: 0, input_zero: 5, bias: Bias::Words { table: 0 }, ..mac() };
        let read = |core: &Mac, inputs: [i32; 3]| {
            let column = Column::new(blob, *tables, &store, 0);
            read_column(core, tables, &column, 0, |row| inputs[row as usize]).unwrap()
        };
        assert_eq!(read(&core, [10, -128, 300]), 31_533);
        // Unsigned inputs start at 0, so -128 saturates to it: 3 * 5 + 128 * 5 + 127 * 250 - 1000.
        assert_eq!(read(&Mac { input_signed: false, ..core }, [10, -128, 300]), 31_405);
    });
}

#[test]
fn several_cores_add() {
    // 32-bit registers saturate while adding; the accumulator's own ends come once, with the finish.
    let narrow = Mac { accumulator_bits: 8, ..mac() };
    assert_eq!(narrow.add(100, 100), 200);
    assert_eq!(narrow.accumulator(narrow.add(200, -90)), 110);
    assert_eq!(narrow.accumulator(200), 127);
    assert_eq!(mac().add(i64::from(i32::MAX), 5), i64::from(i32::MAX));
    // Wider ones keep 64 bits.
    let wide = Mac { rows: 1, accumulator_bits: 33, ..mac() };
    assert_eq!((wide.add(1 << 40, 5), wide.accumulator(1 << 40)), ((1 << 40) + 5, (1 << 32) - 1));
    // Wrapping at every addition is wrapping at the end.
    let wrap = Mac { overflow: Overflow::Wrap, ..narrow };
    assert_eq!((wrap.add(100, 100), wrap.add(wrap.add(100, 100), -90)), (-56, 110));
}

#[test]
fn records_are_read_as_written_and_nothing_else_is() {
    let core = Mac {
        rows: 7,
        blob: 3,
        columns: 6,
        input_zero: -128,
        bias: Bias::Pairs { table: 5 },
        requant: Requant::Multiplier {
            bits: 17,
            multiplier: Param::Column { table: 9 },
            shift: Param::Core(40),
            rounding: Rounding::Gemmlowp,
        },
        activation: Activation::PiecewiseLinear { table: 2, bits: 11, product_shift: 8 },
        output_zero: 77,
        pool: 3,
        out_lo: -5,
        out_hi: 9,
        ..mac()
    };
    let others = [
        mac(),
        Mac {
            requant: Requant::Shift { shift: Param::Column { table: 1 }, rounding: Rounding::HalfEven },
            ..core
        },
        Mac { overflow: Overflow::Wrap, input_signed: false, input_zero: 255, ..core },
        Mac { activation: Activation::Table { table: 2, bits: 4 }, bias: Bias::Words { table: 1 }, ..core },
    ];
    for core in others.into_iter().chain([core]) {
        let mut bytes: heapless::Vec<u8, CONFIG_BYTES> = heapless::Vec::new();
        Config::Mac(core).emit(&mut |part: &[u8]| bytes.extend_from_slice(part).unwrap());
        assert_eq!(bytes.len(), CONFIG_BYTES);
        assert_eq!(Config::parse(&bytes, 0), Ok(Config::Mac(core)));
        // Every single bit matters: flipped, the record is refused or means something else.
        for bit in 0..CONFIG_BYTES * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Config::parse(&other, 0), Ok(Config::Mac(core)), "bit {bit}");
        }
        assert_eq!(bytes.u16_at(0), Some(2));
    }
}

#[test]
fn rules_of_the_parameters() {
    let gemmlowp = |bits, shift| Requant::Multiplier {
        bits: 32,
        multiplier: Param::Core(1),
        shift: Param::Core(shift),
        rounding: [Rounding::Gemmlowp, Rounding::Floor][usize::from(bits)],
    };
    let cut = |rounding, shift| Requant::Shift { shift: Param::Core(shift), rounding };
    let wide = Mac { rows: 1, accumulator_bits: 40, ..mac() };
    for (core, field) in [
        (Mac { accumulator_bits: 33, ..mac() }, "accumulator_bits"),
        (Mac { accumulator_bits: 1, ..mac() }, "accumulator_bits"),
        (Mac { input_bits: 25, ..mac() }, "input_bits"),
        (Mac { input_zero: 128, ..mac() }, "input_zero"),
        (Mac { columns: 4, pool: 3, ..mac() }, "pool"),
        (Mac { pool: 0, ..mac() }, "pool"),
        (Mac { out_lo: 1, out_hi: 0, ..mac() }, "out_lo"),
        (Mac { output_zero: 1, ..mac() }, "output_zero"),
        (Mac { activation: Activation::Table { table: 0, bits: 8 }, ..mac() }, "activation"),
        (Mac { requant: cut(Rounding::Gemmlowp, 1), ..mac() }, "rounding"),
        (Mac { requant: cut(Rounding::Floor, 64), ..mac() }, "shift"),
        (Mac { requant: gemmlowp(false, 63), ..mac() }, "shift"),
        (Mac { requant: gemmlowp(false, 1), ..wide }, "rounding"),
    ] {
        assert_eq!(core.check().unwrap_err().0, field);
    }
    for core in [
        mac(),
        wide,
        Mac { requant: gemmlowp(true, 63), ..wide },
        Mac { requant: gemmlowp(false, 62), ..mac() },
    ] {
        assert_eq!(core.check(), Ok(()));
    }
}
