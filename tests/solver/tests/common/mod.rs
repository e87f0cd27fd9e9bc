//! What the proofs share.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;

use spandrel_solver::term::Order;
use spandrel_solver::{Answer, Term, equal};

/// Demands a proof that `code` is `written`.
pub fn proved(what: &str, given: &[Term], code: &Term, written: &Term) {
    match equal(given, code, written) {
        Answer::Proved => {}
        other => panic!("{what}: {other:?}"),
    }
}

/// Demands a counterexample, and gives it.
pub fn refuted(given: &[Term], code: &Term, written: &Term) -> BTreeMap<String, i128> {
    match equal(given, code, written) {
        Answer::Counterexample(found) => found,
        other => panic!("a weakened formula must have a counterexample: {other:?}"),
    }
}

/// A right shift of the magnitude under the sign.
pub fn magnitude_shift(value: &Term, bits: u32) -> Term {
    let zero = value.like(0);
    let below = &zero - &(&zero - value).lshr(bits);
    value.choose(Order::Less, &zero, &below, &value.lshr(bits))
}

/// To nearest on the magnitude, ties up.
pub fn away_from_zero(value: &Term, bits: u32) -> Term {
    let (zero, half) = (value.like(0), value.like(1 << (bits - 1)));
    let below = &zero - &(&(&zero - value) + &half).lshr(bits);
    value.choose(Order::Less, &zero, &below, &(value + &half).lshr(bits))
}

/// Both ends of a word of `width` bits, what lies around zero and around powers of two, and others from a fixed sequence.
pub fn values(width: u32) -> Vec<i128> {
    let (low, high) = (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1);
    let mut all = vec![low, low + 1, high - 1, high];
    for power in (0..width - 1).map(|bit| 1i128 << bit) {
        all.extend([-power - 1, -power, 1 - power, power - 1, power, power + 1]);
    }
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    for _ in 0..64 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        all.push(i128::from(state as i64) >> (64 - width));
    }
    all.retain(|value| (low..=high).contains(value));
    all
}

/// Demands that `path`, from the repository's root, still holds the `lines` that a formula here was written from.
pub fn written_from(path: &str, lines: &[&str]) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for line in lines {
        assert!(
            text.lines().any(|own| own.trim() == *line),
            "{} has no line {line:?} any more: write the formula anew",
            path.display()
        );
    }
}
