//! Every right shift of the core and of the fast engine, for all words of 64 bits and all shifts.

mod common;

use common::{away_from_zero, magnitude_shift, proved, refuted, values};
use spandrel_core::arith::{shift_floor, shift_toward_zero};
use spandrel_core::mac::{Rounding, round_shift_64};
use spandrel_solver::Term;
use spandrel_solver::term::Order;

/// `core/src/arith/round.rs`: 2^bits - 1 is added to what is negative.
fn core_toward_zero(value: &Term, bits: u32) -> Term {
    let up = value.like((1 << bits) - 1);
    value.choose(Order::Less, &value.like(0), &(value + &up).shr(bits), &value.shr(bits))
}

/// `host/src/engine/fast/spiking.rs`: the same without a branch.
fn engine_decayed(product: &Term, bits: u32) -> Term {
    let up = product.like((1 << bits) - 1);
    (product + &(&product.shr(63) & &up)).shr(bits)
}

/// `core/src/mac/requant.rs`.
fn core_round_shift(value: &Term, bits: u32, rounding: Rounding) -> Term {
    let floor = value.shr(bits);
    let rest = value - &floor.shl(bits);
    let half = value.like(1 << (bits - 1));
    let [zero, one] = [0, 1].map(|word| value.like(word));
    let above = half.test(Order::Less, &rest);
    let tie = |also: &Term| rest.choose(Order::Equal, &half, also, &above);
    let up = match rounding {
        Rounding::Floor => zero,
        Rounding::TowardZero => {
            let some = rest.choose(Order::Equal, &zero, &zero, &one);
            value.choose(Order::Less, &zero, &some, &zero)
        }
        Rounding::HalfUp => tie(&one),
        Rounding::HalfEven => tie(&(&floor & &one)),
        Rounding::Gemmlowp => tie(&value.choose(Order::Less, &zero, &zero, &one)),
    };
    &floor + &up
}

/// The roundings as they are named: in 68 bits, where nothing is lost.
fn named(value: &Term, bits: u32, rounding: Rounding) -> Term {
    let wide = value.resize(68);
    let nearest = (&wide + &wide.like(1 << (bits - 1))).shr(bits);
    let rounded = match rounding {
        Rounding::Floor => wide.shr(bits),
        Rounding::TowardZero => magnitude_shift(&wide, bits),
        Rounding::HalfUp => nearest,
        Rounding::HalfEven => {
            let rest = &wide & &wide.like((1 << bits) - 1);
            let odd = &nearest & &wide.like(1);
            let even = &nearest - &odd;
            rest.choose(Order::Equal, &wide.like(1 << (bits - 1)), &even, &nearest)
        }
        Rounding::Gemmlowp => away_from_zero(&wide, bits),
    };
    rounded.resize(64)
}

const ROUNDINGS: [Rounding; 5] =
    [Rounding::Floor, Rounding::TowardZero, Rounding::HalfUp, Rounding::HalfEven, Rounding::Gemmlowp];

#[test]
fn shifts_toward_zero_are_those_of_sign_and_magnitude() {
    let value = Term::variable("value", 64);
    for bits in 0..63 {
        let (core, engine) = (core_toward_zero(&value, bits), engine_decayed(&value, bits));
        for word in values(64) {
            let own = i128::from(shift_toward_zero(word as i64, bits));
            let operands = [("value".to_owned(), word)].into();
            assert_eq!((core.value(&operands), engine.value(&operands)), (own, own), "{word} >> {bits}");
            let floor = value.shr(bits).value(&operands);
            assert_eq!(floor, i128::from(shift_floor(word as i64, bits)));
        }
        let written = magnitude_shift(&value, bits);
        proved(&format!("core, {bits} bits"), &[], &core, &written);
        proved(&format!("engine, {bits} bits"), &[], &engine, &written);
    }
}

#[test]
fn every_rounding_is_the_one_that_it_is_called() {
    let value = Term::variable("value", 64);
    for rounding in ROUNDINGS {
        for bits in 1..64 {
            let core = core_round_shift(&value, bits, rounding);
            for word in values(64) {
                let own = round_shift_64(word as i64, bits, rounding);
                let operands = [("value".to_owned(), word)].into();
                assert_eq!(core.value(&operands), i128::from(own), "{word} >> {bits} {rounding:?}");
            }
            proved(&format!("{rounding:?}, {bits} bits"), &[], &core, &named(&value, bits, rounding));
        }
    }
}

#[test]
fn a_rounding_under_another_name_has_a_counterexample() {
    let value = Term::variable("value", 64);
    for (one, other) in [(Rounding::HalfUp, Rounding::Gemmlowp), (Rounding::HalfUp, Rounding::HalfEven)] {
        let found = refuted(&[], &core_round_shift(&value, 4, one), &named(&value, 4, other));
        // They differ in ties alone.
        assert_eq!(found["value"].rem_euclid(16), 8, "{found:?}");
    }
    // One less than what makes the floor a ceiling.
    let up = value.like((1 << 5) - 2);
    let weak = (&value + &(&value.shr(63) & &up)).shr(5);
    let found = refuted(&[], &weak, &magnitude_shift(&value, 5));
    assert!(found["value"] < 0, "{found:?}");
}
