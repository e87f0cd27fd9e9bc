//! What the fast engine does in 32 bits and without branches is what the core does in 64: `host/src/engine/fast/array.rs`, whose lines the formulas
//! were written from and are pinned to.

mod common;

use common::{magnitude_shift, proved, refuted, written_from};
use spandrel_solver::Term;
use spandrel_solver::term::Order;

/// A partial below 2^24, as an f32 holds it, converted.
fn partial() -> Term {
    Term::variable("partial", 25).resize(32)
}

/// `Share::add_narrow`: division toward zero.
fn toward_zero(partial: &Term, bits: u32, limit: i128) -> Term {
    let bits = bits.min(30);
    let up = partial.like((1 << bits) - 1);
    (partial + &(&partial.shr(31) & &up)).shr(bits).clip(-limit, limit)
}

/// `Share::add_narrow`: multiplication, of what is clipped before.
fn left(partial: &Term, bits: u32, limit: i128) -> Term {
    let top = (limit + (1 << bits) - 1) >> bits;
    partial.clip(-top, top).shl(bits).clip(-limit, limit)
}

#[test]
fn the_lines_are_still_those() {
    written_from(
        "host/src/engine/fast/array.rs",
        &[
            "let bits = bits.min(30);",
            "let up = (1 << bits) - 1;",
            "*sum += ((partial + ((partial >> 31) & up)) >> bits).clamp(-limit, limit);",
            "*sum += (*partial as i32 >> bits).clamp(-limit, limit);",
            "let top = ((i64::from(limit) + (1 << bits) - 1) >> bits) as i32;",
            "*sum += ((*partial as i32).clamp(-top, top) << bits).clamp(-limit, limit);",
            "let sum = (*sum).clamp(lo, hi);",
            "let magnitude = (sum.unsigned_abs() >> sum_shift) as i32;",
            "*value = (magnitude ^ sign).wrapping_sub(sign).max(floor);",
        ],
    );
    written_from(
        "host/src/engine/fast/spiking.rs",
        &["(product + ((product >> 63) & ((1i64 << bits) - 1))) >> bits"],
    );
}

/// For every partial, shift and width of a read.
#[test]
fn shares_in_32_bits_are_those_in_64() {
    let narrow = partial();
    let wide = narrow.resize(64);
    for limit in (1..=24).map(|bits| (1i128 << bits) - 1) {
        for bits in 0..=40 {
            let what = format!("{bits} bits, limit {limit}");
            let written = magnitude_shift(&wide, bits).clip(-limit, limit);
            proved(&what, &[], &toward_zero(&narrow, bits, limit).resize(64), &written);
            let floor = narrow.shr(bits.min(30)).clip(-limit, limit);
            proved(&what, &[], &floor.resize(64), &wide.shr(bits).clip(-limit, limit));
        }
        for bits in 1..=30 {
            let written = wide.shl(bits).clip(-limit, limit);
            proved(&format!("left {bits}"), &[], &left(&narrow, bits, limit).resize(64), &written);
        }
    }
}

/// `Array::finish`: the adder, and its shift on sign and magnitude; for all sums of 32 bits, all adders and shifts.
#[test]
fn the_periphery_shifts_toward_zero() {
    let sum = Term::variable("sum", 32);
    let zero = sum.like(0);
    for adder in 2..=32 {
        let hi = (1i128 << (adder - 1)) - 1;
        for shift in 0..=31 {
            let own = sum.clip(-hi - 1, hi);
            let magnitude = own.choose(Order::Less, &zero, &(&zero - &own), &own).lshr(shift);
            let sign = own.shr(31);
            let code = &(&magnitude ^ &sign) - &sign;
            let written = magnitude_shift(&sum.resize(64).clip(-hi - 1, hi), shift);
            proved(&format!("adder {adder}, shift {shift}"), &[], &code.resize(64), &written);
        }
    }
}

#[test]
fn a_weakened_trick_has_a_counterexample() {
    let narrow = partial();
    // Without the addend a negative partial is rounded down.
    let floor = narrow.shr(5).clip(-63, 63);
    let found = refuted(&[], &floor, &magnitude_shift(&narrow, 5).clip(-63, 63));
    assert!(found["partial"] < 0, "{found:?}");
    // A top that is rounded down clips too early.
    let top = 63 >> 2;
    let weak = narrow.clip(-top, top).shl(2).clip(-63, 63);
    let found = refuted(&[], &weak, &narrow.shl(2).clip(-63, 63));
    assert!(found["partial"].abs() > top, "{found:?}");
    // Of a partial of 32 bits something is left after 30 places.
    let wide = Term::variable("partial", 32);
    let written = magnitude_shift(&wide.resize(64), 40).clip(-63, 63).resize(32);
    let found = refuted(&[], &toward_zero(&wide, 40, 63), &written);
    assert!(found["partial"].abs() >= 1 << 24, "{found:?}");
}
