//! Element-wise operators of two operands.

use super::apply::power;
use super::function::Relation;

/// An element-wise operator of two operands a and b.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a * b
    Mul,
    /// a / b
    Div,
    /// The larger; NaN wins.
    Max,
    /// The smaller; NaN wins.
    Min,
    /// a to the power of b
    Pow,
    /// 1 where a stands in the relation to b, else 0.
    Compare(Relation),
    /// 1 where both are not 0, else 0.
    And,
    /// 1 where one is not 0, else 0.
    Or,
    /// 1 where exactly one is not 0, else 0.
    Xor,
    /// The remainder of a / b, with the sign of a (C's `fmod`) or that of b (Python's `%`).
    Mod {
        /// Whether the sign is that of a.
        fmod: bool,
    },
    /// a where a >= 0, else a * b: b is the slope.
    PRelu,
}

impl Binary {
    /// The operator applied to two numbers.
    pub fn apply(self, a: f32, b: f32) -> f32 {
        let truth = |holds: bool| f32::from(u8::from(holds));
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            // f32::max and f32::min pass over NaN.
            Binary::Max if a.is_nan() || b.is_nan() => f32::NAN,
            Binary::Min if a.is_nan() || b.is_nan() => f32::NAN,
            Binary::Max => {
                if a < b {
                    b
                } else {
                    a
                }
            }
            Binary::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Binary::Pow => power(a, b),
            Binary::Compare(relation) => relation.apply(a, b),
            Binary::And => truth(a != 0.0 && b != 0.0),
            Binary::Or => truth(a != 0.0 || b != 0.0),
            Binary::Xor => truth((a != 0.0) != (b != 0.0)),
            Binary::Mod { fmod } => {
                let rest = libm::fmodf(a, b);
                if !fmod && rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
            }
            Binary::PRelu => {
                if a < 0.0 {
                    a * b
                } else {
                    a
                }
            }
        }
    }

    /// The ONNX operator.
    pub fn name(self) -> &'static str {
        match self {
            Binary::Add => "Add",
            Binary::Sub => "Sub",
            Binary::Mul => "Mul",
            Binary::Div => "Div",
            Binary::Max => "Max",
            Binary::Min => "Min",
            Binary::Pow => "Pow",
            Binary::Compare(relation) => relation.name(),
            Binary::And => "And",
            Binary::Or => "Or",
            Binary::Xor => "Xor",
            Binary::Mod { .. } => "Mod",
            Binary::PRelu => "PRelu",
        }
    }
}
