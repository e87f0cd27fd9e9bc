//! What holds for all operands: exhaustively at tiny widths, and on seeded random operands at PRIME's and others.
//!
//! Write m for the partials that a composed readout truncates (those of weight 2^k with k < s). Without clipping:
//!
//! - floor, and any rounding of non-negative operands: the read lies 0..=m-1 below the target (0 when m = 0), never
//!   above. The fractions lost by m floors sum to less than m, and target and read are both integers.
//! - toward zero, signed: the read lies within m-1 of the target when every partial is truncated. Otherwise it lies
//!   within m, for a partial read exactly can give the sum the other sign than the truncated ones have.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use spandrel_oracle::{Crossbar, Polarity, Read, Readout, Rounding, full_by_bits, read_array};

const ROUNDINGS: [Rounding; 2] = [Rounding::TowardZero, Rounding::Floor];

/// A composed, differential array; 60 output bits never clip here.
fn composed(shape: (u32, u32, u32, u32), output_bits: u32, shift: u32, rounding: Rounding) -> Crossbar {
    let (input_bits, dac_bits, cell_bits, slices) = shape;
    let readout = Readout::Composed { shift, rounding };
    Crossbar {
        input_bits,
        dac_bits,
        cell_bits,
        slices,
        output_bits,
        polarity: Polarity::Differential,
        readout,
    }
}

fn read(core: &Crossbar, x: &[i128], w: &[i128]) -> Read {
    read_array(core, x, &[w.to_vec()]).unwrap().remove(0)
}

/// The weights 2^k of the partials, in the order of `partials` read row by row.
fn places(core: &Crossbar) -> Vec<u32> {
    let mut places = Vec::new();
    for p in 0..core.input_bits / core.dac_bits {
        for q in 0..core.slices {
            places.push(p * core.dac_bits + q * core.cell_bits);
        }
    }
    places
}

/// How far below and above its target an unclipped read may lie.
fn error_bound(core: &Crossbar, w: &[i128]) -> (i128, i128) {
    let Readout::Composed { shift, rounding } = core.readout else { return (0, 0) };
    let places = places(core);
    let m = places.iter().filter(|&&k| k < shift).count();
    let below = m.saturating_sub(1) as i128;
    if rounding == Rounding::Floor || w.iter().all(|&w| w >= 0) {
        (below, 0)
    } else if m == places.len() {
        (below, below)
    } else {
        (m as i128, m as i128)
    }
}

/// The digits, recombined, are the operands' product sum.
fn check_full(core: &Crossbar, x: &[i128], w: &[i128], r: &Read) {
    assert_eq!(r.full, full_by_bits(x, w));
    let recombined: i128 =
        r.partials.iter().flatten().zip(places(core)).map(|(partial, k)| partial << k).sum();
    let stored = match core.polarity {
        Polarity::Differential => 0,
        Polarity::Offset => x.iter().sum::<i128>() << (core.cell_bits * core.slices - 1),
    };
    assert_eq!(recombined, r.full + stored);
}

/// Every vector of `len` values from `lo` to `hi`.
fn all_vectors(len: usize, lo: i128, hi: i128) -> Vec<Vec<i128>> {
    let mut vectors = vec![vec![]];
    for _ in 0..len {
        vectors = vectors.iter().flat_map(|v| (lo..=hi).map(move |n| [&v[..], &[n]].concat())).collect();
    }
    vectors
}

#[test]
fn composition_error_exhaustively() {
    // Partials of weight 2^0, 2^1, 2^1, 2^2: m is 0, 1, 3, 4, 4 for s = 0..=4.
    let extremes = |rounding, s| {
        let core = composed((2, 1, 1, 2), 60, s, rounding);
        let (mut least, mut greatest) = (0, 0);
        for x in all_vectors(3, 0, 3) {
            for w in all_vectors(3, -3, 3) {
                let r = read(&core, &x, &w);
                let (below, above) = error_bound(&core, &w);
                let error = r.value - r.target;
                assert!((-below..=above).contains(&error), "{rounding:?} s={s} {x:?} {w:?}: {r:?}");
                assert!(!r.clipped);
                check_full(&core, &x, &w, &r);
                (least, greatest) = (error.min(least), error.max(greatest));
            }
        }
        (least, greatest)
    };
    for rounding in ROUNDINGS {
        for s in 0..=5 {
            extremes(rounding, s);
        }
    }
    // The bounds are reached. Floor, s = 4: x = 3, w = -3 has four partials of -1, each read as -1, and a target of
    // -9 / 16, that is -1. Toward zero, s = 1: an odd sum whose half the one truncated partial, LL, has to carry
    // against the sign of the sum: x = (1, 1), w = (-2, 1) has LL = 1, LH = -1, so -1 where -1 / 2 gives 0.
    assert_eq!(extremes(Rounding::Floor, 4), (-3, 0));
    assert_eq!(extremes(Rounding::TowardZero, 1), (-1, 1));
}

#[test]
fn exact_readout_exhaustively() {
    // Two rows of one-bit input digits and one-bit cells sum to at most 2: two bits of converter lose nothing.
    for polarity in [Polarity::Differential, Polarity::Offset] {
        let readout = Readout::Exact { adc_bits: 2 };
        let core = Crossbar {
            input_bits: 2,
            dac_bits: 1,
            cell_bits: 1,
            slices: 3,
            output_bits: 1,
            polarity,
            readout,
        };
        let (lo, hi) = spandrel_oracle::weight_range(&core);
        for x in all_vectors(2, 0, 3) {
            for w in all_vectors(2, lo, hi) {
                let r = read(&core, &x, &w);
                check_full(&core, &x, &w, &r);
                assert_eq!((r.value, r.target, r.clipped), (r.full, r.full, false));
            }
        }
    }
}

/// Widths (input, DAC, cell, slices) from one pass and one slice to four of each.
fn shapes() -> impl Strategy<Value = (u32, u32, u32, u32)> {
    (1u32..=4, 1u32..=3, 1u32..=4, 1u32..=4)
        .prop_map(|(passes, dac, cell, slices)| (passes * dac, dac, cell, slices))
}

/// Rows of PRIME's widths: `lo..=255` weights on 6-bit inputs, some columns dense in large values.
fn prime_rows(lo: i128) -> impl Strategy<Value = Vec<(i128, i128)>> {
    let any = (0i128..=63, lo..=255);
    let large = (48i128..=63, 192i128..=255);
    prop::collection::vec(prop_oneof![3 => any, 1 => large], 0..=256)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x0005_ca1e),
        ..ProptestConfig::default()
    })]

    #[test]
    fn prime_unsigned_lies_0_to_3_below(rows in prime_rows(0), repeated in (0i128..=63, 0i128..=255, 0usize..=256)) {
        // Columns of unlike rows, and of one row over and over, whose low bits do not average out.
        let (x, w): (Vec<i128>, Vec<i128>) = rows.into_iter().unzip();
        let same = (vec![repeated.0; repeated.2], vec![repeated.1; repeated.2]);
        for rounding in ROUNDINGS {
            let core = composed((6, 3, 4, 2), 6, 16, rounding);
            for (x, w) in [(&x, &w), (&same.0, &same.1)] {
                let r = read(&core, x, w);
                prop_assert!(!r.clipped, "256 rows cannot clip at s = 16");
                prop_assert!((0..=3).contains(&(r.target - r.value)), "{:?}", r);
                prop_assert_eq!(r.partials[0][0] >> 16, 0);
                check_full(&core, x, w, &r);
            }
        }
    }

    #[test]
    fn any_shape_keeps_its_bound(
        shape in shapes(),
        s in 0u32..=30,
        seeds in prop::collection::vec((any::<u32>(), any::<i32>()), 0..40),
    ) {
        let x: Vec<i128> = seeds.iter().map(|&(x, _)| i128::from(x) % (1 << shape.0)).collect();
        let w: Vec<i128> = seeds.iter().map(|&(_, w)| i128::from(w) % (1 << (shape.2 * shape.3))).collect();
        let negated: Vec<i128> = w.iter().map(|w| -w).collect();
        let magnitudes: Vec<i128> = w.iter().map(|w| w.abs()).collect();
        for rounding in ROUNDINGS {
            let core = composed(shape, 60, s, rounding);
            for w in [&w, &negated, &magnitudes] {
                let r = read(&core, &x, w);
                let (below, above) = error_bound(&core, w);
                prop_assert!((-below..=above).contains(&(r.value - r.target)), "{:?} {:?}", core, r);
                prop_assert!(!r.clipped);
                check_full(&core, &x, w, &r);
            }
        }
        // Toward zero is odd, clipping included; on non-negative weights the roundings agree; floor never exceeds.
        let toward_zero = composed(shape, 6, s, Rounding::TowardZero);
        let floor = composed(shape, 6, s, Rounding::Floor);
        prop_assert_eq!(read(&toward_zero, &x, &w).value, -read(&toward_zero, &x, &negated).value);
        prop_assert_eq!(read(&toward_zero, &x, &magnitudes), read(&floor, &x, &magnitudes));
        prop_assert!(read(&floor, &x, &w).value <= read(&toward_zero, &x, &w).value);
    }

    #[test]
    fn clipping_is_per_read_then_once(rows in prime_rows(-255), s in 6u32..=16) {
        let (x, w): (Vec<i128>, Vec<i128>) = rows.into_iter().unzip();
        for rounding in ROUNDINGS {
            let narrow = read(&composed((6, 3, 4, 2), 6, s, rounding), &x, &w);
            let wide = read(&composed((6, 3, 4, 2), 60, s, rounding), &x, &w);
            let unclipped: Vec<i128> = wide.reads.concat();
            let clipped: Vec<i128> = unclipped.iter().map(|&read| read.clamp(-63, 63)).collect();
            let sum: i128 = clipped.iter().sum();
            prop_assert_eq!(&narrow.reads.concat(), &clipped);
            prop_assert_eq!(narrow.value, sum.clamp(-63, 63));
            prop_assert_eq!(narrow.clipped, clipped != unclipped || sum.abs() > 63);
            prop_assert_eq!(narrow.target, wide.target);
        }
    }
}
