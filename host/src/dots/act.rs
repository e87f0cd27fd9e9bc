//! The function after a sum.

use std::fmt;
use std::sync::Arc;

use crate::graph::{Binary, Function};

/// One step of a function of one number.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A function of the graph.
    Map(Function),
    /// `scale * x + offset`
    Affine {
        /// Factor.
        scale: f64,
        /// Summand.
        offset: f64,
    },
    /// `op(a(x), b(x))`; a constant operand is an affine step of scale 0.
    Join {
        /// The operator.
        op: Binary,
        /// Steps that give the left operand.
        a: Arc<[Step]>,
        /// Steps that give the right operand.
        b: Arc<[Step]>,
    },
    /// `a(x)` where `c(x)` is not 0, else `b(x)`.
    Choose {
        /// The condition.
        c: Arc<[Step]>,
        /// What holds where it is met.
        a: Arc<[Step]>,
        /// What holds elsewhere.
        b: Arc<[Step]>,
    },
}

/// The function after a sum, the same for all channels.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// None: the sum itself.
    None,
    /// max(z, 0)
    Relu,
    /// Any other function: its steps, the first one applied first.
    Curve(Arc<[Step]>),
}

impl Act {
    /// The function that `function` alone is.
    pub fn of(function: Function) -> Self {
        match function {
            Function::Relu => Act::Relu,
            other => Act::Curve([Step::Map(other)].into()),
        }
    }

    /// Whether it is the sigmoid alone.
    pub fn is_sigmoid(&self) -> bool {
        matches!(self, Act::Curve(steps) if **steps == [Step::Map(Function::Sigmoid)])
    }

    /// The function that `steps` are, the simplest form of it.
    pub fn from_steps(steps: Vec<Step>) -> Self {
        match steps.as_slice() {
            [] => Act::None,
            [Step::Map(Function::Relu)] => Act::Relu,
            _ => Act::Curve(steps.into()),
        }
    }

    /// Whether `f(s z) = s f(z)` for every positive s, as of leaky ReLUs: such a function leaves scales free.
    pub fn is_homogeneous(&self) -> bool {
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (a.abs() + b.abs());
        let scales = |z: f64| {
            let f = self.apply(z);
            f.is_finite() && [0.25, 3.0, 64.0].iter().all(|s| same(self.apply(s * z), s * f))
        };
        self.apply(0.0) == 0.0 && [-8.0, -1.0, -0.3, 0.3, 1.0, 8.0].into_iter().all(scales)
    }

    /// The function's value: arithmetic and the common functions in f64, other functions of the graph in f32, as the golden
    /// model does.
    pub fn apply(&self, z: f64) -> f64 {
        match self {
            Act::None => z,
            Act::Relu => z.max(0.0),
            Act::Curve(steps) => run(steps, z),
        }
    }
}

fn run(steps: &[Step], x: f64) -> f64 {
    steps.iter().fold(x, |x, step| step.apply(x))
}

impl Step {
    /// The step's value, in f64 where [`Act::apply`] says so.
    pub fn apply(&self, x: f64) -> f64 {
        match self {
            Step::Map(function) => map(*function, x),
            Step::Affine { scale, offset } => scale * x + offset,
            Step::Join { op, a, b } => {
                let (a, b) = (run(a, x), run(b, x));
                match op {
                    Binary::Add => a + b,
                    Binary::Sub => a - b,
                    Binary::Mul => a * b,
                    Binary::Div => a / b,
                    other => f64::from(other.apply(a as f32, b as f32)),
                }
            }
            Step::Choose { c, a, b } => run(if run(c, x) == 0.0 { b } else { a }, x),
        }
    }
}

fn map(function: Function, x: f64) -> f64 {
    match function {
        Function::Relu => x.max(0.0),
        Function::Sigmoid => crate::numeric::sigmoid(x),
        Function::Tanh => libm::tanh(x),
        Function::Exp => libm::exp(x),
        Function::Log => libm::log(x),
        Function::Sqrt => libm::sqrt(x),
        Function::Erf => libm::erf(x),
        Function::Reciprocal => 1.0 / x,
        Function::Abs => x.abs(),
        Function::Neg => -x,
        Function::Square => x * x,
        Function::LeakyRelu { alpha } if x < 0.0 => f64::from(alpha) * x,
        Function::LeakyRelu { .. } => x,
        other => f64::from(other.apply(x as f32)),
    }
}

/// The name in text forms, as in `relu` or `sigmoid`.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::None => f.write_str("none"),
            Act::Relu => f.write_str("relu"),
            Act::Curve(steps) => write(steps, f),
        }
    }
}

fn write(steps: &[Step], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if steps.is_empty() {
        return f.write_str("x");
    }
    for (at, step) in steps.iter().enumerate() {
        if at > 0 {
            f.write_str(">")?;
        }
        match step {
            Step::Map(function) => write!(f, "{}", function.name().to_lowercase())?,
            Step::Affine { scale, offset } if *scale == 0.0 => write!(f, "{offset}")?,
            Step::Affine { scale, offset } => write!(f, "{scale}x{offset:+}")?,
            Step::Join { op, a, b } => {
                write!(f, "{}(", op.name().to_lowercase())?;
                write(a, f)?;
                f.write_str(", ")?;
                write(b, f)?;
                f.write_str(")")?;
            }
            Step::Choose { c, a, b } => {
                for (name, steps) in [("where(", c), (", ", a), (", ", b)] {
                    f.write_str(name)?;
                    write(steps, f)?;
                }
                f.write_str(")")?;
            }
        }
    }
    Ok(())
}
