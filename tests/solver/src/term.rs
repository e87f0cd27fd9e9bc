//! Words of 1 to 100 bits, two's complement, and what processors do to them. Whatever does not fit wraps, as it does there.

use std::collections::BTreeMap;
use std::ops::{Add, BitAnd, BitXor, Mul, Sub};
use std::rc::Rc;

/// What is done with two words of one width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Both.
    And,
    /// One of the two.
    Xor,
    /// Left shift by a constant.
    Shl,
    /// Arithmetic right shift by a constant.
    Shr,
    /// Logical right shift by a constant.
    Lshr,
}

/// How two words of one width compare, as signed numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Less.
    Less,
    /// Equal.
    Equal,
}

#[derive(Debug)]
pub(crate) enum Node {
    Variable(String),
    Literal(i128),
    Binary(Op, Term, Term),
    /// Sign-extended, or cut to the low bits.
    Resize(Term),
    /// The third when the first two compare so, else the fourth.
    Choose(Order, Term, Term, Term, Term),
}

/// A formula and its width in bits.
#[derive(Clone, Debug)]
pub struct Term {
    pub(crate) node: Rc<Node>,
    /// Bits.
    pub width: u32,
}

/// `value` cut to `width` bits and extended again.
fn cut(value: i128, width: u32) -> i128 {
    let unused = 128 - width;
    (value << unused) >> unused
}

impl Term {
    fn new(node: Node, width: u32) -> Self {
        assert!((1..=100).contains(&width), "{width} bits");
        Self { node: Rc::new(node), width }
    }

    /// An operand: any word of `width` bits.
    #[must_use]
    pub fn variable(name: &str, width: u32) -> Self {
        Self::new(Node::Variable(name.to_owned()), width)
    }

    /// A constant, which fits.
    #[must_use]
    pub fn literal(value: i128, width: u32) -> Self {
        assert_eq!(cut(value, width), value, "{value} in {width} bits");
        Self::new(Node::Literal(value), width)
    }

    /// A constant of this word's width.
    #[must_use]
    pub fn like(&self, value: i128) -> Self {
        Self::literal(value, self.width)
    }

    fn binary(&self, op: Op, other: &Self) -> Self {
        assert_eq!(self.width, other.width, "{op:?}");
        Self::new(Node::Binary(op, self.clone(), other.clone()), self.width)
    }

    /// Shifted left; shifts by the width or more leave nothing.
    #[must_use]
    pub fn shl(&self, bits: u32) -> Self {
        assert!(bits < self.width);
        self.binary(Op::Shl, &self.like(bits.into()))
    }

    /// Shifted right with copies of the sign.
    #[must_use]
    pub fn shr(&self, bits: u32) -> Self {
        assert!(bits < self.width);
        self.binary(Op::Shr, &self.like(bits.into()))
    }

    /// Shifted right with zeros.
    #[must_use]
    pub fn lshr(&self, bits: u32) -> Self {
        assert!(bits < self.width);
        self.binary(Op::Lshr, &self.like(bits.into()))
    }

    /// In `width` bits: sign-extended, or cut to the low bits.
    #[must_use]
    pub fn resize(&self, width: u32) -> Self {
        Self::new(Node::Resize(self.clone()), width)
    }

    /// `yes` where this compares with `other` so, else `no`.
    #[must_use]
    pub fn choose(&self, order: Order, other: &Self, yes: &Self, no: &Self) -> Self {
        assert_eq!((self.width, yes.width), (other.width, no.width));
        let [a, b, c, d] = [self, other, yes, no].map(Clone::clone);
        Self::new(Node::Choose(order, a, b, c, d), yes.width)
    }

    /// Moved to the nearer of two ends, `lo <= hi`.
    #[must_use]
    pub fn clip(&self, lo: i128, hi: i128) -> Self {
        let (lo, hi) = (self.like(lo), self.like(hi));
        let above = hi.choose(Order::Less, self, &hi, self);
        self.choose(Order::Less, &lo, &lo, &above)
    }

    /// 1 where this compares with `other` so, else 0, in this width.
    #[must_use]
    pub fn test(&self, order: Order, other: &Self) -> Self {
        self.choose(order, other, &self.like(1), &self.like(0))
    }

    /// The value for operands by name.
    ///
    /// # Panics
    /// An operand has no value.
    #[must_use]
    pub fn value(&self, operands: &BTreeMap<String, i128>) -> i128 {
        let value = match &*self.node {
            Node::Variable(name) => operands[name],
            Node::Literal(value) => *value,
            Node::Binary(op, a, b) => {
                let (a, b) = (a.value(operands), b.value(operands));
                let low = u128::MAX >> (128 - self.width);
                match op {
                    Op::Add => a.wrapping_add(b),
                    Op::Sub => a.wrapping_sub(b),
                    Op::Mul => a.wrapping_mul(b),
                    Op::And => a & b,
                    Op::Xor => a ^ b,
                    Op::Shl => a << b,
                    Op::Shr => a >> b,
                    Op::Lshr => ((a as u128 & low) >> b) as i128,
                }
            }
            Node::Resize(a) => a.value(operands),
            Node::Choose(order, a, b, yes, no) => {
                let (a, b) = (a.value(operands), b.value(operands));
                let so = match order {
                    Order::Less => a < b,
                    Order::Equal => a == b,
                };
                if so { yes.value(operands) } else { no.value(operands) }
            }
        };
        cut(value, self.width)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $op:ident) => {
        impl $trait for &Term {
            type Output = Term;
            fn $method(self, other: &Term) -> Term {
                self.binary(Op::$op, other)
            }
        }
    };
}
operator!(Add, add, Add);
operator!(Sub, sub, Sub);
operator!(Mul, mul, Mul);
operator!(BitAnd, bitand, And);
operator!(BitXor, bitxor, Xor);
