//! Digital cores, worked by hand, and gemmlowp's roundings against what they approximate.

use spandrel_oracle::{
    Mac, MacActivation, MacRounding, Requant, check_mac, gemmlowp, mac_finish, mac_sum, round_fraction, wrap,
};

fn mac() -> Mac {
    Mac {
        input_bits: 8,
        input_signed: true,
        input_zero: 0,
        bias: 0,
        accumulator_bits: 32,
        wraps: false,
        requant: Requant::None,
        output_zero: 0,
        activation: MacActivation::Clamp,
        out_lo: -1000,
        out_hi: 1000,
    }
}

#[test]
fn roundings_of_quarters() {
    use MacRounding::{Floor, HalfEven, HalfUp, TowardZero};
    // Quarters from -6 to 6 quarters: -1.5, -1.25, ..., 1.5.
    for (rounding, expected) in [
        (Floor, [-2, -2, -1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1]),
        (TowardZero, [-1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]),
        (HalfUp, [-1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2]),
        (HalfEven, [-2, -1, -1, -1, 0, 0, 0, 0, 0, 1, 1, 1, 2]),
    ] {
        let found: Vec<i128> = (-6..=6).map(|quarters| round_fraction(quarters, 2, rounding)).collect();
        assert_eq!(found, expected, "{rounding:?}");
    }
}

#[test]
fn gemmlowp_by_hand_and_near_the_truth() {
    // 100 * 0.75 / 2^3 = 9.375; the product, 75, is exact, so both roundings are one.
    assert_eq!(gemmlowp(100, 3 << 29, 34), 9);
    // 5 * 0.5 = 2.5 goes up to 3, 3 / 2 to 2 (one rounding: 1); -6 * 0.5 / 2 = -1.5 goes away from zero.
    assert_eq!((gemmlowp(5, 1 << 30, 32), gemmlowp(-6, 1 << 30, 32)), (2, -2));
    assert_eq!(gemmlowp(-(1 << 31), -(1 << 31), 31), (1 << 31) - 1);
    // Two roundings are at most one step from the truth.
    for value in (-70_000i128..70_000).step_by(331) {
        for multiplier in [1i128 << 30, (1 << 30) + 12_345_678, (1 << 31) - 1, -(1 << 31), 17] {
            for shift in 28..45 {
                let truth = round_fraction(value * multiplier, shift, MacRounding::HalfUp);
                assert!(
                    (gemmlowp(value, multiplier, shift) - truth).abs() <= 1,
                    "{value} {multiplier} {shift}"
                );
            }
        }
    }
}

#[test]
fn a_column_from_inputs_to_codes() {
    let core = Mac { input_zero: 5, bias: -1000, ..mac() };
    // 3 * 5 + 128 * 133 + 127 * 122 - 1000; the last input saturates to 127.
    assert_eq!(mac_sum(&core, &[10, -128, 300], &[3, -128, 127]), 31_533);
    let cut = Requant::Shift { shift: 4, rounding: MacRounding::HalfUp };
    let core = Mac { accumulator_bits: 12, requant: cut, out_lo: 0, out_hi: 255, ..mac() };
    assert_eq!([2000, 5000, -1, 8, 7].map(|sum| mac_finish(&core, sum)), [125, 128, 0, 1, 0]);
    // 5000 - 4096 = 904, / 16 = 56.5.
    assert_eq!(mac_finish(&Mac { wraps: true, ..core }, 5000), 57);
    assert_eq!((wrap(128, 8), wrap(-129, 8), wrap(-128, 8)), (-128, 127, -128));
    let scale = Requant::Multiplier { multiplier: 1 << 30, shift: 36, rounding: MacRounding::Gemmlowp };
    // 1000 / 64 = 15.625.
    assert_eq!(mac_finish(&Mac { requant: scale, output_zero: 3, ..mac() }, 1000), 19);
    let table = MacActivation::Table { bits: 2, entries: vec![7, 8, 9, 10] };
    let halved = Requant::Shift { shift: 1, rounding: MacRounding::Floor };
    let core = Mac { requant: halved, activation: table, ..mac() };
    assert_eq!([-100, -4, -1, 0, 3, 100].map(|sum| mac_finish(&core, sum)), [7, 7, 8, 9, 10, 10]);
    // Two parts of -2..=1: slope 3 below zero, 5 above; halves go up.
    let lines = MacActivation::PiecewiseLinear { bits: 2, pieces: vec![(3, 10), (5, 20)], product_shift: 1 };
    let core = Mac { requant: halved, activation: lines, ..mac() };
    // -6/2 + 10, -3/2 = -1.5 up, 0, 5/2 up.
    assert_eq!([-4, -2, 0, 2].map(|sum| mac_finish(&core, sum)), [7, 9, 20, 23]);
    assert!(check_mac(&Mac { out_lo: 1, out_hi: 0, ..mac() }).is_err());
    assert!(check_mac(&Mac { requant: scale, accumulator_bits: 33, ..mac() }).is_err());
}
