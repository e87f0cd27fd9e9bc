//! Reads of a crossbar: digits, partials, the composed and the exact readout of the core.

mod common;

use std::collections::BTreeMap;

use common::{magnitude_shift, proved, refuted, values};
use spandrel_core::arith::Rounding;
use spandrel_core::crossbar::{Activation, Crossbar, Partials, Polarity, Readout, compose};
use spandrel_solver::Term;
use spandrel_solver::term::Order;

/// PRIME's array: 3 bits a driver, 4 a cell, two of each, reads of 6 bits.
fn prime(shift: u8, rounding: Rounding) -> Crossbar {
    Crossbar {
        rows: 256,
        bias_rows: 0,
        columns: 1,
        blob: 0,
        input_bits: 6,
        dac_bits: 3,
        cell_bits: 4,
        slices: 2,
        output_bits: 6,
        polarity: Polarity::Differential,
        readout: Readout::Composed { shift, rounding },
        adder_bits: 16,
        sum_shift: 0,
        activation: Activation::None,
        pool: 1,
        bias_code: 63,
        out_lo: -63,
        out_hi: 63,
    }
}

/// Passes and slices in the order of the partials, and the power of two that each stands for.
const PARTS: [(u8, u8, u32); 4] = [(0, 0, 0), (0, 1, 4), (1, 0, 3), (1, 1, 7)];

/// A partial of weight 2^weight at shift s as `core/src/crossbar/compose.rs` has it, not yet clipped.
fn share(partial: &Term, weight: u32, shift: u32, rounding: Rounding) -> Term {
    match (shift.checked_sub(weight), rounding) {
        (Some(bits), Rounding::Floor) => partial.shr(bits),
        (Some(bits), Rounding::TowardZero) => {
            let up = partial.like((1 << bits) - 1);
            partial.choose(Order::Less, &partial.like(0), &(partial + &up).shr(bits), &partial.shr(bits))
        }
        (None, _) => partial.shl(weight - shift),
    }
}

/// The composed read of four partials in 64 bits, as the core adds it.
fn composed(partials: &[Term], shift: u32, rounding: Rounding) -> Term {
    let shares = partials
        .iter()
        .zip(PARTS)
        .map(|(partial, (.., weight))| share(&partial.resize(64), weight, shift, rounding).clip(-63, 63));
    shares.reduce(|sum, share| &sum + &share).expect("four").clip(-63, 63)
}

/// Partials as any four words of `width` bits.
fn any(width: u32) -> Vec<Term> {
    PARTS.iter().map(|(pass, slice, _)| Term::variable(&format!("partial {pass} {slice}"), width)).collect()
}

/// The sum that the partials stand for.
fn full(partials: &[Term]) -> Term {
    let parts = partials.iter().zip(PARTS).map(|(partial, (.., weight))| partial.resize(64).shl(weight));
    parts.reduce(|sum, part| &sum + &part).expect("four")
}

/// That no share is clipped at `shift`.
fn unclipped(partials: &[Term], shift: u32, rounding: Rounding) -> Vec<Term> {
    let mut given = Vec::new();
    for (partial, (.., weight)) in partials.iter().zip(PARTS) {
        let own = share(&partial.resize(64), weight, shift, rounding);
        given.push(own.choose(Order::Equal, &own.clip(-63, 63), &own.like(1), &own.like(0)));
    }
    given
}

const ROUNDINGS: [Rounding; 2] = [Rounding::TowardZero, Rounding::Floor];

/// The formula above is the core's: on sums of random lines, at every shift.
#[test]
fn the_formula_is_the_cores() {
    let mut state = 7u64;
    let mut next = |below: i32| {
        state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        (state >> 33) as i32 % below
    };
    let terms = any(31);
    for rounding in ROUNDINGS {
        for shift in 0..=40u8 {
            let core = prime(shift, rounding);
            for lines in [1, 3, 40, 256] {
                let mut partials = Partials::zero();
                (0..lines).for_each(|_| partials.add(&core, next(64), next(511) - 255));
                let operands: BTreeMap<String, i128> = PARTS
                    .iter()
                    .map(|(pass, slice, _)| {
                        (format!("partial {pass} {slice}"), partials.get(&core, *pass, *slice).into())
                    })
                    .collect();
                let own = compose(&core, &partials, shift, rounding);
                assert_eq!(composed(&terms, shift.into(), rounding).value(&operands), i128::from(own));
            }
        }
    }
}

/// Every share is partial * 2^k / 2^s, rounded as it is called, for all partials of 31 bits and all shifts: the specification's word
/// for it, in 80 bits, where the product is whole.
#[test]
fn a_share_is_the_rounded_quotient() {
    let partial = Term::variable("partial", 31);
    for rounding in ROUNDINGS {
        for shift in 0..=40 {
            for weight in [0, 1, 3, 4, 7, 8, 12, 16, 23, 30] {
                let code = share(&partial.resize(64), weight, shift, rounding);
                let whole = partial.resize(80).shl(weight);
                let written = match rounding {
                    Rounding::Floor => whole.shr(shift),
                    Rounding::TowardZero => magnitude_shift(&whole, shift),
                };
                proved(&format!("2^{weight} at {shift}, {rounding:?}"), &[], &code.resize(80), &written);
            }
        }
    }
}

/// The composed read has a closed form: the sum that the partials stand for, less what the shares lose, over 2^s. It is a sum of shares, so
/// it is proved share by share, for all partials of 31 bits: share * 2^s = partial * 2^k - lost, where lost are the low s bits, of the
/// magnitude under its sign when rounding is toward zero.
#[test]
fn a_composed_read_is_the_sum_less_what_the_shares_lose() {
    let partial = Term::variable("partial", 31);
    for rounding in ROUNDINGS {
        for (shift, (.., weight)) in (0..=40).flat_map(|shift| PARTS.map(|part| (shift, part))) {
            let code = share(&partial.resize(64), weight, shift, rounding).resize(80);
            let whole = partial.resize(80).shl(weight);
            let (low, zero) = (whole.like((1 << shift) - 1), whole.like(0));
            let below = &zero - &(&(&zero - &whole) & &low);
            let lost = match rounding {
                Rounding::Floor => &whole & &low,
                Rounding::TowardZero => whole.choose(Order::Less, &zero, &below, &(&whole & &low)),
            };
            let what = format!("2^{weight} at {shift}, {rounding:?}");
            proved(&what, &[], &code.shl(shift), &(&whole - &lost));
        }
    }
}

/// "For unsigned operands that do not clip this composition lies 0..3 below the true target, never above"; of signed ones under
/// floor alike.
#[test]
fn a_composed_read_lies_at_most_three_below_its_target() {
    let partials = any(16);
    let zero = Term::literal(0, 16);
    for shift in 0..=16 {
        for (rounding, signed) in [(Rounding::TowardZero, false), (Rounding::Floor, true)] {
            let mut given = unclipped(&partials, shift, rounding);
            if !signed {
                given.extend(
                    partials.iter().map(|partial| {
                        partial.choose(Order::Less, &zero, &partial.like(0), &partial.like(1))
                    }),
                );
            }
            let code = composed(&partials, shift, rounding);
            // The sum of the reads may clip; the target does then, too.
            let below = &full(&partials).shr(shift).clip(-63, 63) - &code;
            let held = below.choose(Order::Equal, &below.clip(0, 3), &below.like(1), &below.like(0));
            proved(&format!("shift {shift}, {rounding:?}"), &given, &held, &below.like(1));
            if shift == 16 && signed {
                // The bound is met: three is not two.
                let weak = below.choose(Order::Equal, &below.clip(0, 2), &below.like(1), &below.like(0));
                let found = refuted(&given, &weak, &below.like(1));
                assert_eq!(below.value(&found), 3, "{found:?}");
            }
        }
    }
}

/// One line's partials: `core/src/crossbar/partials.rs` has them twice, plain and, for many lines, without branches. For all words of
/// 32 bits as codes and weights, also those that saturate.
#[test]
fn lines_in_a_row_give_the_partials_of_single_lines() {
    let (code, weight) = (Term::variable("code", 32), Term::variable("weight", 32));
    let zero = Term::literal(0, 32);
    for (dac, cell) in [(1, 1), (1, 2), (2, 1), (2, 2), (2, 4), (3, 4), (4, 2), (4, 4), (8, 8)] {
        for offset in [false, true] {
            let top = (1 << (2 * dac)) - 1;
            let limit = if offset { (1 << (2 * cell - 1)) - 1 } else { (1 << (2 * cell)) - 1 };
            let floor = if offset { -limit - 1 } else { -limit };
            let (x, w) = (code.clip(0, top), weight.clip(floor, limit));
            let (dac_mask, cell_mask) = (zero.like((1 << dac) - 1), zero.like((1 << cell) - 1));
            // As `add` has it.
            let negative = w.test(Order::Less, &zero);
            let (magnitude, sign) = if offset {
                (&w + &zero.like(limit + 1), zero.like(1))
            } else {
                (w.choose(Order::Less, &zero, &(&zero - &w), &w), &zero.like(1) - &negative.shl(1))
            };
            // As `add_lines` has it.
            let moved = &w + &zero.like(if offset { limit + 1 } else { 0 });
            let mask = moved.shr(31);
            let folded = &(&moved ^ &mask) - &mask;
            for (pass, slice) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let what = format!("{dac} {cell} {offset}: {pass} {slice}");
                let digit = &x.shr(pass * dac) & &dac_mask;
                let line = &(&digit ^ &mask) - &mask;
                let signed = sign.choose(Order::Equal, &zero.like(1), &digit, &(&zero - &digit));
                let held = &folded.shr(slice * cell) & &cell_mask;
                let cells = &magnitude.shr(slice * cell) & &cell_mask;
                // Factor by factor; a word line without a cell gives nothing either way.
                proved(&what, &[], &held, &cells);
                let some = cells.choose(Order::Equal, &zero, &zero.like(0), &zero.like(1));
                proved(&what, &[some], &line, &signed);
            }
        }
    }
}

/// What the exact readout adds up is the product, digit by digit: for all codes and weights of these widths, offset and differential. The
/// fast engine's whole products rest on it (`host/src/engine/fast/cells.rs`).
#[test]
fn digits_add_up_to_the_product() {
    for (dac, passes, cell, slices) in [(3, 2, 4, 2), (1, 6, 2, 3), (2, 2, 2, 4), (1, 4, 1, 6), (6, 1, 8, 1)]
    {
        let (x, m) = (Term::variable("x", 7), Term::variable("m", 9));
        let given = [
            x.choose(Order::Less, &x.like(0), &x.like(0), &x.like(1)),
            m.choose(Order::Less, &m.like(0), &m.like(0), &m.like(1)),
        ];
        let (x_bits, m_bits) = (dac * passes, cell * slices);
        let x = &x.resize(24) & &Term::literal((1 << x_bits) - 1, 24);
        let m = &m.resize(24) & &Term::literal((1 << m_bits) - 1, 24);
        let mut sum = x.like(0);
        for (pass, slice) in (0..passes).flat_map(|pass| (0..slices).map(move |slice| (pass, slice))) {
            let line = &x.shr(pass * dac) & &x.like((1 << dac) - 1);
            let held = &m.shr(slice * cell) & &m.like((1 << cell) - 1);
            sum = &sum + &(&line * &held).shl(pass * dac + slice * cell);
        }
        proved(&format!("{dac} {passes} {cell} {slices}"), &given, &sum, &(&x * &m));
    }
}

#[test]
fn a_weakened_readout_has_a_counterexample() {
    let partials = any(16);
    // One share rounded the other way.
    let mut weak = partials.clone();
    weak[3] = &weak[3] + &weak[3].like(1);
    let found = refuted(&[], &composed(&weak, 9, Rounding::Floor), &composed(&partials, 9, Rounding::Floor));
    assert!(found.contains_key("partial 1 1"), "{found:?}");
    // Without the demand that no share clips, the bound does not hold.
    let code = composed(&partials, 10, Rounding::Floor);
    let below = &full(&partials).shr(10).clip(-63, 63) - &code;
    let held = below.choose(Order::Equal, &below.clip(0, 3), &below.like(1), &below.like(0));
    let found = refuted(&[], &held, &below.like(1));
    assert!(!(0..=3).contains(&below.value(&found)), "{found:?}");
    assert!(values(8).contains(&-128));
}
