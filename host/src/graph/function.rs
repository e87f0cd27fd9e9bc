//! Element-wise functions of one number.

use std::fmt;

/// A comparison; the result is 1 where it holds and 0 where it does not, NaN compares as IEEE 754 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// a < b
    Less,
    /// a <= b
    LessOrEqual,
    /// a = b
    Equal,
    /// a >= b
    GreaterOrEqual,
    /// a > b
    Greater,
}

impl Relation {
    /// 1 where the relation holds, else 0.
    pub fn apply(self, a: f32, b: f32) -> f32 {
        let holds = match self {
            Relation::Less => a < b,
            Relation::LessOrEqual => a <= b,
            Relation::Equal => a == b,
            Relation::GreaterOrEqual => a >= b,
            Relation::Greater => a > b,
        };
        f32::from(u8::from(holds))
    }

    /// The ONNX operator.
    pub fn name(self) -> &'static str {
        match self {
            Relation::Less => "Less",
            Relation::LessOrEqual => "LessOrEqual",
            Relation::Equal => "Equal",
            Relation::GreaterOrEqual => "GreaterOrEqual",
            Relation::Greater => "Greater",
        }
    }
}

/// How a real number becomes a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, halves to the even one (ONNX Round, QuantizeLinear).
    HalfEven,
    /// To the nearest, halves away from zero.
    HalfAway,
    /// To the nearest, halves towards plus infinity.
    HalfUp,
    /// To the nearest, halves towards minus infinity.
    HalfDown,
    /// Towards minus infinity.
    Floor,
    /// Towards plus infinity.
    Ceil,
    /// Towards zero.
    Trunc,
    /// Away from zero.
    Up,
}

impl Rounding {
    /// The rounded number; NaN and infinities stay what they are.
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Rounding::HalfEven => libm::rintf(x),
            Rounding::HalfAway => libm::roundf(x),
            // Beyond 2^23 every number is whole, and adding a half would round.
            Rounding::HalfUp | Rounding::HalfDown if x.is_nan() || x.abs() >= 8_388_608.0 => x,
            Rounding::HalfUp => {
                let floor = libm::floorf(x);
                if x - floor >= 0.5 { floor + 1.0 } else { floor }
            }
            Rounding::HalfDown => {
                let ceil = libm::ceilf(x);
                if ceil - x >= 0.5 { ceil - 1.0 } else { ceil }
            }
            Rounding::Floor => libm::floorf(x),
            Rounding::Ceil => libm::ceilf(x),
            Rounding::Trunc => libm::truncf(x),
            Rounding::Up => libm::copysignf(libm::ceilf(x.abs()), x),
        }
    }
}

/// The grid of a quantisation: code = clip(round(x / scale + `zero_point`), lo, hi).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Distance of two neighbouring values; positive.
    pub scale: f32,
    /// The code of the value 0; it need not be whole (QONNX).
    pub zero_point: f32,
    /// The least code.
    pub lo: f32,
    /// The greatest code.
    pub hi: f32,
    /// How x / scale is rounded. With `HalfEven` and a whole zero point it is rounded before the zero point is added, as ONNX
    /// says; a zero point that is not whole is added before.
    pub rounding: Rounding,
}

impl Grid {
    /// The code of `x`; NaN gives the least.
    pub fn code(&self, x: f32) -> f32 {
        let scaled = x / self.scale;
        let code = if self.zero_point == libm::truncf(self.zero_point) {
            self.rounding.apply(scaled) + self.zero_point
        } else {
            self.rounding.apply(scaled + self.zero_point)
        };
        // `max` and `min` turn NaN into the bound.
        code.max(self.lo).min(self.hi)
    }

    /// The value that `code` stands for.
    pub fn value(&self, code: f32) -> f32 {
        (code - self.zero_point) * self.scale
    }
}

/// An element-wise function of one operand. All parameters are finite. Formulas are those of ONNX's operators.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// max(x, 0)
    Relu,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// tanh(x)
    Tanh,
    /// exp(x)
    Exp,
    /// The natural logarithm.
    Log,
    /// The square root; NaN below 0.
    Sqrt,
    /// 1 / x
    Reciprocal,
    /// |x|
    Abs,
    /// -x
    Neg,
    /// The error function.
    Erf,
    /// To a whole number: Floor, Ceil, Round (`HalfEven`), casts to whole numbers (`Trunc`).
    Round(Rounding),
    /// -1, 0 or 1.
    Sign,
    /// x * x
    Square,
    /// min(max(x, lo), hi); an open side is the infinity of its sign, the only infinite parameter there is. With lo > hi
    /// the result is hi.
    Clip {
        /// The least result.
        lo: f32,
        /// The greatest result.
        hi: f32,
    },
    /// x where x >= 0, else `alpha` x.
    LeakyRelu {
        /// The slope below 0.
        alpha: f32,
    },
    /// x where x > 0, else `alpha` (exp(x) - 1).
    Elu {
        /// Minus the limit at minus infinity.
        alpha: f32,
    },
    /// max(0, x) + min(0, `alpha` (exp(x / `alpha`) - 1)).
    Celu {
        /// Minus the limit at minus infinity.
        alpha: f32,
    },
    /// `gamma` x where x > 0, else `gamma` (`alpha` exp(x) - `alpha`).
    Selu {
        /// Minus the limit at minus infinity, before `gamma`.
        alpha: f32,
        /// Factor of the result.
        gamma: f32,
    },
    /// x times the normal distribution function, or its approximation by tanh.
    Gelu {
        /// Whether the approximation is meant.
        tanh: bool,
    },
    /// max(0, min(1, `alpha` x + `beta`))
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at 0.
        beta: f32,
    },
    /// x max(0, min(1, x / 6 + 1 / 2))
    HardSwish,
    /// log(1 + exp(x))
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// x sigmoid(`alpha` x)
    Swish {
        /// Factor inside the sigmoid.
        alpha: f32,
    },
    /// x tanh(softplus(x))
    Mish,
    /// x where x > `alpha`, else 0.
    ThresholdedRelu {
        /// The threshold.
        alpha: f32,
    },
    /// x + `bias` where x < -`lambd`, x - `bias` where x > `lambd`, else 0.
    Shrink {
        /// Half the width of the zone that becomes 0.
        lambd: f32,
        /// What is taken off the magnitude outside.
        bias: f32,
    },
    /// x to the power of `exponent`.
    Pow {
        /// The exponent.
        exponent: f32,
    },
    /// sin(x)
    Sin,
    /// cos(x)
    Cos,
    /// tan(x)
    Tan,
    /// asin(x)
    Asin,
    /// acos(x)
    Acos,
    /// atan(x)
    Atan,
    /// sinh(x)
    Sinh,
    /// cosh(x)
    Cosh,
    /// asinh(x)
    Asinh,
    /// acosh(x)
    Acosh,
    /// atanh(x)
    Atanh,
    /// 1 where x is NaN, else 0.
    IsNan,
    /// 1 where x is one of the chosen infinities, else 0.
    IsInf {
        /// Whether minus infinity counts.
        negative: bool,
        /// Whether plus infinity counts.
        positive: bool,
    },
    /// 1 where x is 0, else 0.
    Not,
    /// 1 where x stands in the relation to `with` (x on the left), else 0.
    Compare {
        /// The relation.
        relation: Relation,
        /// The right side.
        with: f32,
    },
    /// The code of x (QuantizeLinear); a whole number carried as f32.
    Quantize(Grid),
    /// The value of the code of x: quantised and dequantised again (QONNX's Quant, QuantizeLinear followed by
    /// DequantizeLinear).
    FakeQuant(Grid),
}

/// The name and, in braces, the parameters: `Clip {lo=0 hi=6}`.
impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Function::Clip { lo, hi } => write!(f, " {{lo={lo} hi={hi}}}"),
            Function::LeakyRelu { alpha }
            | Function::Elu { alpha }
            | Function::Celu { alpha }
            | Function::Swish { alpha }
            | Function::ThresholdedRelu { alpha } => write!(f, " {{alpha={alpha}}}"),
            Function::Selu { alpha, gamma } => write!(f, " {{alpha={alpha} gamma={gamma}}}"),
            Function::Gelu { tanh } => write!(f, " {{tanh={}}}", u8::from(*tanh)),
            Function::HardSigmoid { alpha, beta } => write!(f, " {{alpha={alpha} beta={beta}}}"),
            Function::Shrink { lambd, bias } => write!(f, " {{lambd={lambd} bias={bias}}}"),
            Function::Pow { exponent } => write!(f, " {{exponent={exponent}}}"),
            Function::Compare { with, .. } => write!(f, " {{with={with}}}"),
            Function::Round(rounding) => write!(f, " {{rounding={rounding:?}}}"),
            Function::Quantize(g) | Function::FakeQuant(g) => {
                let Grid { scale, zero_point, lo, hi, rounding } = g;
                write!(
                    f,
                    " {{scale={scale:e} zero_point={zero_point} lo={lo} hi={hi} rounding={rounding:?}}}"
                )
            }
            _ => Ok(()),
        }
    }
}
