//! The function after a sum.

use std::fmt;
use std::sync::Arc;

use crate::graph::Function;

/// One step of a function of one number.
#[derive(Clone, Copy, Debug, PartialEq)]
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

    /// The function's value. Functions of the graph are evaluated in f32, as the golden model does.
    pub fn apply(&self, z: f64) -> f64 {
        match self {
            Act::None => z,
            Act::Relu => z.max(0.0),
            Act::Curve(steps) => steps.iter().fold(z, |x, step| step.apply(x)),
        }
    }
}

impl Step {
    fn apply(self, x: f64) -> f64 {
        match self {
            Step::Map(function) => f64::from(function.apply(x as f32)),
            Step::Affine { scale, offset } => scale * x + offset,
        }
    }
}

/// The name in text forms, as in `relu` or `sigmoid`.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::None => f.write_str("none"),
            Act::Relu => f.write_str("relu"),
            Act::Curve(steps) => {
                for (at, step) in steps.iter().enumerate() {
                    if at > 0 {
                        f.write_str(">")?;
                    }
                    match step {
                        Step::Map(function) => write!(f, "{}", format!("{function:?}").to_lowercase())?,
                        Step::Affine { scale, offset } => write!(f, "{scale}x{offset:+}")?,
                    }
                }
                Ok(())
            }
        }
    }
}
