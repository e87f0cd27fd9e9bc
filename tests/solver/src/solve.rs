//! Formulas as bit-vectors, and what Z3 says of them.

use std::collections::BTreeMap;

use z3::ast::{BV, Bool};
use z3::{Params, SatResult, Solver};

use crate::term::{Node, Op, Order, Term};

/// Milliseconds after which a question is given up: not proved is not proved.
const PATIENCE: u32 = 120_000;

/// What the solver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// So for all operands.
    Proved,
    /// Not so for these, which evaluation has confirmed.
    Counterexample(BTreeMap<String, i128>),
    /// No answer.
    Unknown(String),
}

/// Words that occur many times are made once. Operands have at most 64 bits.
#[derive(Default)]
struct Words {
    made: BTreeMap<usize, BV>,
    operands: BTreeMap<String, (BV, u32)>,
}

impl Words {
    fn of(&mut self, term: &Term) -> BV {
        let key = std::rc::Rc::as_ptr(&term.node) as usize;
        if let Some(word) = self.made.get(&key) {
            return word.clone();
        }
        let word = match &*term.node {
            Node::Variable(name) => {
                let own = (BV::new_const(name.as_str(), term.width), term.width);
                let held = self.operands.entry(name.clone()).or_insert(own);
                assert_eq!(held.1, term.width, "one width of {name}");
                held.0.clone()
            }
            Node::Literal(value) => {
                // Texts are of numbers without a sign.
                let low = *value as u128 & (u128::MAX >> (128 - term.width));
                BV::from_str(term.width, &low.to_string()).expect("a number")
            }
            Node::Binary(op, a, b) => {
                let (a, b) = (self.of(a), self.of(b));
                match op {
                    Op::Add => a.bvadd(&b),
                    Op::Sub => a.bvsub(&b),
                    Op::Mul => a.bvmul(&b),
                    Op::And => a.bvand(&b),
                    Op::Xor => a.bvxor(&b),
                    Op::Shl => a.bvshl(&b),
                    Op::Shr => a.bvashr(&b),
                    Op::Lshr => a.bvlshr(&b),
                }
            }
            Node::Resize(a) if a.width < term.width => self.of(a).sign_ext(term.width - a.width),
            Node::Resize(a) => self.of(a).extract(term.width - 1, 0),
            Node::Choose(order, a, b, yes, no) => {
                let (a, b) = (self.of(a), self.of(b));
                let so: Bool = match order {
                    Order::Less => a.bvslt(&b),
                    Order::Equal => a.eq(&b),
                };
                so.ite(&self.of(yes), &self.of(no))
            }
        };
        self.made.insert(key, word.clone());
        word
    }
}

/// Whether `a` and `b` are the same word for all operands for which every word of `given` is not 0.
///
/// # Panics
/// The solver's counterexample is none: then formulas and bit-vectors do not mean the same.
#[must_use]
pub fn equal(given: &[Term], a: &Term, b: &Term) -> Answer {
    let mut words = Words::default();
    let solver = Solver::new();
    let mut params = Params::new();
    params.set_u32("timeout", PATIENCE);
    solver.set_params(&params);
    for term in given {
        solver.assert(words.of(term).eq(BV::from_i64(0, term.width)).not());
    }
    let differ = words.of(a).eq(words.of(b)).not();
    solver.assert(&differ);
    match solver.check() {
        SatResult::Unsat => Answer::Proved,
        SatResult::Unknown => Answer::Unknown(solver.get_reason_unknown().unwrap_or_default()),
        SatResult::Sat => {
            let model = solver.get_model().expect("a model of what is satisfiable");
            let mut found = BTreeMap::new();
            for (name, (word, width)) in &words.operands {
                let value = model.eval(word, true).and_then(|word| word.as_u64()).expect("a number");
                let unused = 64 - width;
                found.insert(name.clone(), i128::from(((value << unused) as i64) >> unused));
            }
            assert!(given.iter().all(|term| term.value(&found) != 0), "{found:?}");
            assert_ne!(a.value(&found), b.value(&found), "{found:?}");
            Answer::Counterexample(found)
        }
    }
}

/// Whether the word `claim` is not 0 for all operands for which every word of `given` is not.
#[must_use]
pub fn holds(given: &[Term], claim: &Term) -> Answer {
    equal(given, &claim.choose(Order::Equal, &claim.like(0), &claim.like(0), &claim.like(1)), &claim.like(1))
}
