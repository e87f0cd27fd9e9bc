//! Examples worked by hand. PRIME's digits: x = 8 xh + xl, |w| = 16 wh + wl; partials LL, LH, HL, HH of weight
//! 2^0, 2^4, 2^3, 2^7 stand at `[0][0]`, `[0][1]`, `[1][0]`, `[1][1]`.

use spandrel_oracle::{
    Activation, Adder, Crossbar, Fault, Polarity, Read, Readout, Rounding, argmax, check_adder,
    check_crossbar, finish, full_by_bits, inputs_are_legal, max_pool, read_array, weights_are_legal,
};

fn prime(shift: u32, rounding: Rounding) -> Crossbar {
    Crossbar {
        input_bits: 6,
        dac_bits: 3,
        cell_bits: 4,
        slices: 2,
        output_bits: 6,
        polarity: Polarity::Differential,
        readout: Readout::Composed { shift, rounding },
    }
}

/// Two-bit inputs in passes of one bit, four-bit weights in cells of two.
fn exact(polarity: Polarity, adc_bits: u32) -> Crossbar {
    let readout = Readout::Exact { adc_bits };
    Crossbar { input_bits: 2, dac_bits: 1, cell_bits: 2, slices: 2, output_bits: 6, polarity, readout }
}

/// One column given as runs of (rows, x, w).
fn read(core: &Crossbar, runs: &[(usize, i128, i128)]) -> Read {
    let x: Vec<i128> = runs.iter().flat_map(|&(n, x, _)| vec![x; n]).collect();
    let w: Vec<i128> = runs.iter().flat_map(|&(n, _, w)| vec![w; n]).collect();
    let read = read_array(core, &x, std::slice::from_ref(&w)).unwrap().remove(0);
    assert_eq!(read.full, full_by_bits(&x, &w));
    read
}

#[test]
fn prime_full_range() {
    // 256 rows of 63 * 255: every partial is 256 * 7 * 15 = 26880. HH >> 9 = 52 (6 bits), LH >> 12 = 6 (3 bits),
    // HL >> 13 = 3 (2 bits), LL >> 16 = 0; together 61. full = 4112640 = 62.75 * 65536.
    let r = read(&prime(16, Rounding::TowardZero), &[(256, 63, 255)]);
    assert_eq!(r.partials, [[26880, 26880], [26880, 26880]]);
    assert_eq!(r.reads, [[0, 6], [3, 52]]);
    assert_eq!((r.value, r.full, r.target, r.clipped), (61, 4112640, 62, false));
    // The same, negative. Toward zero mirrors it.
    let r = read(&prime(16, Rounding::TowardZero), &[(256, 63, -255)]);
    assert_eq!(r.reads, [[0, -6], [-3, -52]]);
    assert_eq!((r.value, r.full, r.target, r.clipped), (-61, -4112640, -62, false));
    // Floor takes each read one further down, LL's -0.41 to -1 too. No read clips, but their sum -65 does, to -63.
    let r = read(&prime(16, Rounding::Floor), &[(256, 63, -255)]);
    assert_eq!(r.reads, [[-1, -7], [-4, -53]]);
    assert_eq!((r.value, r.target, r.clipped), (-63, -63, true));
}

#[test]
fn prime_three_below_target() {
    // x = 39 = (4, 7), w = 165 = (10, 5) on 139 rows; x = 46 = (5, 6), w = 249 = (15, 9) on 117.
    // HH = 139*40 + 117*75 = 14335, >> 9 = 27; LH = 139*70 + 117*90 = 20260, >> 12 = 4;
    // HL = 139*20 + 117*45 = 8045, >> 13 = 0; LL = 139*35 + 117*54 = 11183, nothing. 31, and
    // full = 139*6435 + 117*11454 = 2234583 = 34.1 * 65536.
    let r = read(&prime(16, Rounding::TowardZero), &[(139, 39, 165), (117, 46, 249)]);
    assert_eq!(r.partials, [[11183, 20260], [8045, 14335]]);
    assert_eq!(r.reads, [[0, 4], [0, 27]]);
    assert_eq!((r.value, r.full, r.target, r.clipped), (31, 2234583, 34, false));
}

#[test]
fn a_clipped_read_ruins_the_sum() {
    // x = 63 = (7, 7), w = 16 = (1, 0); x = 7 = (0, 7), w = -255 = -(15, 15); 128 rows each.
    // HH = 896, LH = 896 - 13440 = -12544, HL = 0, LL = -13440; full = 128 * (1008 - 1785) = -99456.
    // At s = 10: HH >> 3 = 112 clips to 63, LH >> 6 = -196 clips to -63, LL >> 10 = -13.1 gives -13.
    let runs = [(128, 63, 16), (128, 7, -255)];
    let r = read(&prime(10, Rounding::TowardZero), &runs);
    assert_eq!(r.partials, [[-13440, -12544], [0, 896]]);
    assert_eq!(r.reads, [[-13, -63], [0, 63]]);
    assert_eq!((r.value, r.full, r.target, r.clipped), (-13, -99456, -97, true));
    // It is s = 10 with rounding toward zero and no other setting; floor makes it -98 and -14.
    let settings = |rounding| {
        let outcome = |s| read(&prime(s, rounding), &runs);
        (0..=16).filter(|&s| (outcome(s).target, outcome(s).value) == (-97, -13)).collect::<Vec<u32>>()
    };
    assert_eq!(settings(Rounding::TowardZero), [10]);
    assert_eq!(settings(Rounding::Floor), []);
    let r = read(&prime(10, Rounding::Floor), &runs);
    assert_eq!((r.value, r.target), (-14, -98));
}

#[test]
fn prime_small_shifts() {
    // x = 43 = (5, 3), w = 166 = (10, 6): HH = 50, LH = 30, HL = 30, LL = 18, full = 7138 = 55.8 * 128.
    // At s = 7: 50 >> 0, 30 >> 3 = 3, 30 >> 4 = 1, 18 >> 7 = 0.
    let r = read(&prime(7, Rounding::Floor), &[(1, 43, 166)]);
    assert_eq!((r.reads, r.value, r.full, r.target), (vec![vec![0, 3], vec![1, 50]], 54, 7138, 55));
    // x = 9 = (1, 1), w = 17 = (1, 1), all partials 1, full = 153. At s = 2 three of them shift left:
    // HH << 5 = 32, LH << 2 = 4, HL << 1 = 2, LL >> 2 = 0.
    let r = read(&prime(2, Rounding::TowardZero), &[(1, 9, 17)]);
    assert_eq!((r.reads, r.value, r.target), (vec![vec![0, 4], vec![2, 32]], 38, 38));
    // Negative: 153 / 4 = 38.25, so toward zero stays at -38 and floor, through LL, goes to -39.
    let r = read(&prime(2, Rounding::TowardZero), &[(1, 9, -17)]);
    assert_eq!((r.reads, r.value, r.target), (vec![vec![0, -4], vec![-2, -32]], -38, -38));
    let r = read(&prime(2, Rounding::Floor), &[(1, 9, -17)]);
    assert_eq!((r.reads, r.value, r.target), (vec![vec![-1, -4], vec![-2, -32]], -39, -39));
    // At s = 0: HH << 7 = 128 clips to 63, LH << 4 = 16, HL << 3 = 8, LL = 1; 88 clips to 63.
    let r = read(&prime(0, Rounding::Floor), &[(1, 9, 17)]);
    assert_eq!((r.reads, r.value, r.target), (vec![vec![1, 16], vec![8, 63]], 63, 153));
    assert!(r.clipped);
    // A shift left that stays in range is exact: x = 3 = (0, 3), w = 17, LH << 4 = 48, LL = 3.
    let r = read(&prime(0, Rounding::Floor), &[(1, 3, 17)]);
    assert_eq!((r.value, r.target, r.clipped), (51, 51, false));
}

#[test]
fn exact_differential() {
    // x = 3 = bits (1, 1), w = -6 = -(1, 2): partials -2 and -1 in both passes,
    // -2 - 4*1 - 2*2 - 8*1 = -18. A one-bit converter reads -1 four times: -1 - 4 - 2 - 8 = -15.
    let r = read(&exact(Polarity::Differential, 2), &[(1, 3, -6)]);
    assert_eq!(r.partials, [[-2, -1], [-2, -1]]);
    assert_eq!((r.value, r.target, r.clipped), (-18, -18, false));
    let r = read(&exact(Polarity::Differential, 1), &[(1, 3, -6)]);
    assert_eq!(r.reads, [[-1, -1], [-1, -1]]);
    assert_eq!((r.value, r.full, r.clipped), (-15, -18, true));
}

#[test]
fn exact_offset() {
    // w = -8 is stored as 0, w = 5 as 13 = (3, 1). x = 3 and 1: both rows drive the low pass, the first the high one.
    // Partials 1 and 3, then 0 and 0: 1 + 4*3 = 13, minus 8 * (3 + 1) = -19 = -24 + 5.
    let r = read(&exact(Polarity::Offset, 2), &[(1, 3, -8), (1, 1, 5)]);
    assert_eq!(r.partials, [[1, 3], [0, 0]]);
    assert_eq!((r.value, r.full, r.target, r.clipped), (-19, -19, -19, false));
    // A one-bit converter reads 1 for 3: 1 + 4 - 32.
    let r = read(&exact(Polarity::Offset, 1), &[(1, 3, -8), (1, 1, 5)]);
    assert_eq!((r.value, r.clipped), (-27, true));
}

#[test]
fn adder_adds_saturates_shifts_activates_clips() {
    let adder = |adder_bits, sum_shift, activation, out_lo, out_hi| Adder {
        adder_bits,
        sum_shift,
        activation,
        out_lo,
        out_hi,
    };
    let plain = |bits, shift| adder(bits, shift, Activation::None, -1000, 1000);
    // Saturation at both ends of two's complement, after the whole sum and not on the way.
    assert_eq!(finish(&plain(8, 0), &[63, 63, 63]), 127);
    assert_eq!(finish(&plain(8, 0), &[-63, -63, -63]), -128);
    assert_eq!(finish(&plain(8, 0), &[100, 100, -100]), 100);
    // It comes before the shift: 252 saturates to 127, >> 2 = 31, where 252 >> 2 would be 63.
    assert_eq!(finish(&plain(8, 2), &[63, 63, 63, 63]), 31);
    assert_eq!(finish(&plain(16, 2), &[63, 63, 63, 63]), 63);
    // The shift goes toward zero: -7 / 2 = -3.5.
    assert_eq!(finish(&plain(16, 1), &[-7]), -3);
    assert_eq!(finish(&plain(16, 0), &[]), 0);
    // ReLU, then the clip to the next input range.
    let relu = adder(16, 0, Activation::Relu, 0, 63);
    assert_eq!([-5, 0, 5, 63, 64].map(|part| finish(&relu, &[part])), [0, 0, 5, 63, 63]);
    // Each of the two does its own part: ReLU where the range would let negatives pass, and the clip's lower end
    // where no ReLU stands before it.
    assert_eq!(finish(&adder(16, 0, Activation::Relu, -63, 63), &[-5]), 0);
    assert_eq!(finish(&adder(16, 0, Activation::None, -63, 63), &[-64]), -63);
    // A table from -2 to 1: indices clamp to its ends; its entries are clipped as well.
    let table = adder(16, 0, Activation::Table { lo: -2, entries: vec![10, 20, 30, 90] }, 0, 63);
    assert_eq!([-9, -2, -1, 0, 1, 9].map(|part| finish(&table, &[part])), [10, 10, 20, 30, 63, 63]);
    let faulty = adder(0, 127, Activation::Table { lo: 0, entries: vec![] }, 1, 0);
    assert_eq!(check_adder(&faulty).unwrap_err().faults.len(), 4);
}

#[test]
fn pooling_and_ties() {
    assert_eq!(max_pool(&[1, 4, 2, 3, -5, -2, -9, -2], 4), [4, -2]);
    assert_eq!(argmax(&[3, 7, 7, 1, 7]), 1);
    assert_eq!(argmax(&[-4, -4]), 0);
    assert_eq!(argmax(&[0, 1, 2]), 2);
}

#[test]
fn illegal_operands_are_named() {
    let core = prime(16, Rounding::Floor);
    assert!(weights_are_legal(&core, &[vec![255, -255]]).is_ok());
    assert!(inputs_are_legal(&core, &[0, 63]).is_ok());
    let error = weights_are_legal(&core, &[vec![0, 0], vec![0, 256]]).unwrap_err();
    assert_eq!(error.faults, [Fault::Weight { column: 1, row: 1, value: 256, lo: -255, hi: 255 }]);
    assert_eq!(error.to_string(), "weight 256 at column 1, row 1 lies outside -255..=255");
    // An input, a weight and a height wrong at once are all reported.
    let error = read_array(&core, &[1, -1], &[vec![-256]]).unwrap_err();
    let expected = [
        Fault::Input { row: 1, value: -1, lo: 0, hi: 63 },
        Fault::Weight { column: 0, row: 0, value: -256, lo: -255, hi: 255 },
        Fault::Height { column: 0, found: 1, wanted: 2 },
    ];
    assert_eq!(error.faults, expected);
    // An offset array has one more weight below zero than above.
    let core = exact(Polarity::Offset, 4);
    assert!(weights_are_legal(&core, &[vec![-8, 7]]).is_ok());
    assert_eq!(weights_are_legal(&core, &[vec![-9, 8]]).unwrap_err().faults.len(), 2);
}

#[test]
fn illegal_descriptions_are_refused() {
    let good = prime(16, Rounding::Floor);
    for bad in [
        Crossbar { dac_bits: 0, ..good.clone() },
        Crossbar { dac_bits: 4, ..good.clone() },
        Crossbar { input_bits: 33, dac_bits: 1, ..good.clone() },
        Crossbar { cell_bits: 0, ..good.clone() },
        Crossbar { cell_bits: u32::MAX, slices: u32::MAX, ..good.clone() },
        Crossbar { output_bits: 0, ..good.clone() },
        Crossbar { polarity: Polarity::Offset, ..good.clone() },
        prime(127, Rounding::Floor),
        exact(Polarity::Offset, 65),
    ] {
        assert_eq!(check_crossbar(&bad).unwrap_err().faults.len(), 1, "{bad:?}");
        assert!(read_array(&bad, &[1], &[vec![1]]).is_err());
    }
}
