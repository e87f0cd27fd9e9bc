//! What the functions compute: single precision, exp and its kin from the `libm` crate, so that every machine gives the
//! same bits; and what is known of them as a whole.

use super::function::{Function, Relation, Rounding};

fn sigmoid(x: f32) -> f32 {
    // exp(-x) overflows to infinity for very negative x, which gives the right limit 0.
    1.0 / (1.0 + libm::expf(-x))
}

/// log(1 + exp(x)) without overflow.
fn softplus(x: f32) -> f32 {
    if x > 0.0 { x + libm::log1pf(libm::expf(-x)) } else { libm::log1pf(libm::expf(x)) }
}

/// `max(x, 0)`; NaN stays NaN, which `f32::max` would turn into 0.
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

fn truth(holds: bool) -> f32 {
    f32::from(u8::from(holds))
}

impl Function {
    /// The function of one number. NaN stays NaN except where whole numbers or truths are made.
    pub fn apply(&self, x: f32) -> f32 {
        match *self {
            Function::Relu => relu(x),
            Function::Sigmoid => sigmoid(x),
            Function::Tanh => libm::tanhf(x),
            Function::Exp => libm::expf(x),
            Function::Log => libm::logf(x),
            Function::Sqrt => libm::sqrtf(x),
            Function::Reciprocal => 1.0 / x,
            Function::Abs => x.abs(),
            Function::Neg => -x,
            Function::Erf => libm::erff(x),
            Function::Round(rounding) => rounding.apply(x),
            Function::Sign => {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    // Zero of either sign gives 0; NaN stays.
                    x + 0.0
                }
            }
            Function::Square => x * x,
            Function::Clip { lo, hi } => {
                let raised = if x < lo { lo } else { x };
                if raised > hi { hi } else { raised }
            }
            Function::LeakyRelu { alpha } => {
                if x < 0.0 {
                    alpha * x
                } else {
                    x
                }
            }
            Function::Elu { alpha } => {
                if x > 0.0 {
                    x
                } else {
                    alpha * libm::expm1f(x)
                }
            }
            Function::Celu { alpha } => {
                if x > 0.0 {
                    x
                } else {
                    alpha * libm::expm1f(x / alpha)
                }
            }
            Function::Selu { alpha, gamma } => {
                if x > 0.0 {
                    gamma * x
                } else {
                    gamma * (alpha * libm::expm1f(x))
                }
            }
            Function::Gelu { tanh: false } => {
                0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
            }
            Function::Gelu { tanh: true } => {
                // sqrt(2 / pi)
                let inner = 0.797_884_6_f32 * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + libm::tanhf(inner))
            }
            Function::HardSigmoid { alpha, beta } => Self::Clip { lo: 0.0, hi: 1.0 }.apply(alpha * x + beta),
            Function::HardSwish => x * Self::Clip { lo: 0.0, hi: 1.0 }.apply(x / 6.0 + 0.5),
            Function::Softplus => softplus(x),
            Function::Softsign => x / (1.0 + x.abs()),
            Function::Swish { alpha } => x * sigmoid(alpha * x),
            Function::Mish => x * libm::tanhf(softplus(x)),
            Function::ThresholdedRelu { alpha } => {
                if x <= alpha {
                    0.0
                } else {
                    x
                }
            }
            Function::Shrink { lambd, bias } => {
                if x < -lambd {
                    x + bias
                } else if x > lambd {
                    x - bias
                } else {
                    0.0 * x
                }
            }
            Function::Pow { exponent } => power(x, exponent),
            Function::Sin => libm::sinf(x),
            Function::Cos => libm::cosf(x),
            Function::Tan => libm::tanf(x),
            Function::Asin => libm::asinf(x),
            Function::Acos => libm::acosf(x),
            Function::Atan => libm::atanf(x),
            Function::Sinh => libm::sinhf(x),
            Function::Cosh => libm::coshf(x),
            Function::Asinh => libm::asinhf(x),
            Function::Acosh => libm::acoshf(x),
            Function::Atanh => libm::atanhf(x),
            Function::IsNan => truth(x.is_nan()),
            Function::IsInf { negative, positive } => {
                truth((negative && x == f32::NEG_INFINITY) || (positive && x == f32::INFINITY))
            }
            Function::Not => truth(x == 0.0),
            Function::Compare { relation, with } => relation.apply(x, with),
            Function::Quantize(grid) => grid.code(x),
            Function::FakeQuant(grid) => grid.value(grid.code(x)),
        }
    }

    /// The ONNX operator that it is, or the closest name.
    pub fn name(&self) -> &'static str {
        match self {
            Function::Relu => "Relu",
            Function::Sigmoid => "Sigmoid",
            Function::Tanh => "Tanh",
            Function::Exp => "Exp",
            Function::Log => "Log",
            Function::Sqrt => "Sqrt",
            Function::Reciprocal => "Reciprocal",
            Function::Abs => "Abs",
            Function::Neg => "Neg",
            Function::Erf => "Erf",
            Function::Round(Rounding::Floor) => "Floor",
            Function::Round(Rounding::Ceil) => "Ceil",
            Function::Round(_) => "Round",
            Function::Sign => "Sign",
            Function::Square => "Square",
            Function::Clip { .. } => "Clip",
            Function::LeakyRelu { .. } => "LeakyRelu",
            Function::Elu { .. } => "Elu",
            Function::Celu { .. } => "Celu",
            Function::Selu { .. } => "Selu",
            Function::Gelu { .. } => "Gelu",
            Function::HardSigmoid { .. } => "HardSigmoid",
            Function::HardSwish => "HardSwish",
            Function::Softplus => "Softplus",
            Function::Softsign => "Softsign",
            Function::Swish { .. } => "Swish",
            Function::Mish => "Mish",
            Function::ThresholdedRelu { .. } => "ThresholdedRelu",
            Function::Shrink { .. } => "Shrink",
            Function::Pow { .. } => "Pow",
            Function::Sin => "Sin",
            Function::Cos => "Cos",
            Function::Tan => "Tan",
            Function::Asin => "Asin",
            Function::Acos => "Acos",
            Function::Atan => "Atan",
            Function::Sinh => "Sinh",
            Function::Cosh => "Cosh",
            Function::Asinh => "Asinh",
            Function::Acosh => "Acosh",
            Function::Atanh => "Atanh",
            Function::IsNan => "IsNaN",
            Function::IsInf { .. } => "IsInf",
            Function::Not => "Not",
            Function::Compare { relation, .. } => relation.name(),
            Function::Quantize(_) => "QuantizeLinear",
            Function::FakeQuant(_) => "Quant",
        }
    }

    /// Least and greatest result over all finite operands, infinite where there is none; `None` where nothing is known or
    /// some operands have no result.
    pub fn bounds(&self) -> Option<[f32; 2]> {
        const INFINITY: f32 = f32::INFINITY;
        Some(match *self {
            Function::Relu | Function::Abs | Function::Square | Function::Exp | Function::Softplus => {
                [0.0, INFINITY]
            }
            Function::Sigmoid | Function::HardSigmoid { .. } => [0.0, 1.0],
            Function::IsNan | Function::IsInf { .. } | Function::Not | Function::Compare { .. } => [0.0, 1.0],
            Function::Tanh
            | Function::Erf
            | Function::Sign
            | Function::Softsign
            | Function::Sin
            | Function::Cos => [-1.0, 1.0],
            Function::Cosh => [1.0, INFINITY],
            Function::Atan => [-std::f32::consts::FRAC_PI_2, std::f32::consts::FRAC_PI_2],
            Function::Clip { lo, hi } => [lo.min(hi), hi],
            Function::Elu { alpha } | Function::Celu { alpha } if alpha >= 0.0 => [-alpha, INFINITY],
            Function::Selu { alpha, gamma } if alpha >= 0.0 && gamma >= 0.0 => [-alpha * gamma, INFINITY],
            Function::HardSwish => [-0.375, INFINITY],
            Function::Quantize(grid) => [grid.lo, grid.hi],
            Function::FakeQuant(grid) => [grid.value(grid.lo), grid.value(grid.hi)],
            Function::Neg | Function::Round(_) | Function::Sinh | Function::Asinh => [-INFINITY, INFINITY],
            _ => return None,
        })
    }

    /// Whether the function never decreases (`Some(true)`) or never increases (`Some(false)`) where it is defined; `None`
    /// when neither holds or it is not known.
    pub fn monotone(&self) -> Option<bool> {
        match *self {
            Function::Relu
            | Function::Sigmoid
            | Function::Tanh
            | Function::Exp
            | Function::Log
            | Function::Sqrt
            | Function::Erf
            | Function::Round(_)
            | Function::Sign
            | Function::Clip { .. }
            | Function::Softplus
            | Function::Softsign
            | Function::Asin
            | Function::Atan
            | Function::Sinh
            | Function::Asinh
            | Function::Acosh
            | Function::Atanh
            | Function::Quantize(_)
            | Function::FakeQuant(_) => Some(true),
            Function::Neg | Function::Acos => Some(false),
            Function::LeakyRelu { alpha } | Function::Elu { alpha } if alpha >= 0.0 => Some(true),
            Function::Celu { alpha } if alpha > 0.0 => Some(true),
            Function::Selu { alpha, gamma } if alpha >= 0.0 && gamma >= 0.0 => Some(true),
            Function::HardSigmoid { alpha, .. } => Some(alpha >= 0.0),
            Function::ThresholdedRelu { alpha } if alpha >= 0.0 => Some(true),
            Function::Compare { relation: Relation::Greater | Relation::GreaterOrEqual, .. } => Some(true),
            Function::Compare { relation: Relation::Less | Relation::LessOrEqual, .. } => Some(false),
            _ => None,
        }
    }
}

/// x to the power of `exponent`; whole exponents of common use by multiplication, as runtimes do.
pub(crate) fn power(x: f32, exponent: f32) -> f32 {
    if exponent == 2.0 {
        x * x
    } else if exponent == 3.0 {
        x * x * x
    } else {
        libm::powf(x, exponent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::function::Grid;

    #[test]
    fn functions_keep_their_limits() {
        assert_eq!(Function::Sigmoid.apply(-1e30), 0.0);
        assert_eq!(Function::Sigmoid.apply(1e30), 1.0);
        assert_eq!(Function::Sigmoid.apply(0.0), 0.5);
        assert_eq!(Function::Softplus.apply(-1e4), 0.0);
        assert_eq!(Function::Softplus.apply(1e4), 1e4);
        for f in [Function::Relu, Function::Sign, Function::Clip { lo: -1.0, hi: 1.0 }] {
            assert!(f.apply(f32::NAN).is_nan(), "{f}");
        }
    }

    #[test]
    fn halves_round_as_named() {
        let all = [
            (Rounding::HalfEven, [-2.0, -2.0, 0.0, 2.0, 2.0]),
            (Rounding::HalfAway, [-3.0, -2.0, 1.0, 2.0, 3.0]),
            (Rounding::HalfUp, [-2.0, -1.0, 1.0, 2.0, 3.0]),
            (Rounding::HalfDown, [-3.0, -2.0, 0.0, 1.0, 2.0]),
            (Rounding::Floor, [-3.0, -2.0, 0.0, 1.0, 2.0]),
            (Rounding::Ceil, [-2.0, -1.0, 1.0, 2.0, 3.0]),
            (Rounding::Trunc, [-2.0, -1.0, 0.0, 1.0, 2.0]),
            (Rounding::Up, [-3.0, -2.0, 1.0, 2.0, 3.0]),
        ];
        for (rounding, wanted) in all {
            let found = [-2.5, -1.5, 0.5, 1.5, 2.5].map(|x| rounding.apply(x));
            assert_eq!(found, wanted, "{rounding:?}");
        }
    }

    #[test]
    fn codes_saturate() {
        let grid = Grid { scale: 0.5, zero_point: 3.0, lo: -128.0, hi: 127.0, rounding: Rounding::HalfEven };
        assert_eq!([-1e9, 0.25, 0.75, 1e9].map(|x| grid.code(x)), [-128.0, 3.0, 5.0, 127.0]);
        assert_eq!(Function::FakeQuant(grid).apply(0.8), 1.0);
    }

    /// Bounds and direction are claims over all operands: tried on a fine grid.
    #[test]
    fn bounds_and_direction_hold_on_a_grid() {
        let grid = Grid { scale: 0.5, zero_point: 3.0, lo: -8.0, hi: 7.0, rounding: Rounding::Floor };
        let all = [
            Function::Relu,
            Function::Sigmoid,
            Function::Tanh,
            Function::Exp,
            Function::Abs,
            Function::Erf,
            Function::Round(Rounding::HalfDown),
            Function::Sign,
            Function::Clip { lo: -0.5, hi: 2.0 },
            Function::LeakyRelu { alpha: 0.1 },
            Function::Elu { alpha: 1.5 },
            Function::Celu { alpha: 2.0 },
            Function::Selu { alpha: 1.67, gamma: 1.05 },
            Function::Gelu { tanh: false },
            Function::HardSigmoid { alpha: 0.2, beta: 0.5 },
            Function::HardSwish,
            Function::Softplus,
            Function::Mish,
            Function::Softsign,
            Function::ThresholdedRelu { alpha: 0.3 },
            Function::Quantize(grid),
            Function::FakeQuant(grid),
            Function::Neg,
        ];
        for f in all {
            let mut last = f32::NAN;
            for i in -2_000..=2_000 {
                let y = f.apply(i as f32 / 200.0);
                if let Some([lo, hi]) = f.bounds() {
                    assert!((lo..=hi).contains(&y), "{f} of {i}/200 is {y}");
                }
                match f.monotone() {
                    Some(true) => assert!(last.is_nan() || y >= last, "{f} falls at {i}/200"),
                    Some(false) => assert!(last.is_nan() || y <= last, "{f} rises at {i}/200"),
                    None => {}
                }
                last = y;
            }
        }
    }
}
