//! The activation functions that recurrent operators name.

use super::Kind;
use crate::diagnostic::Result;
use crate::graph::Function;
use crate::import::context::Context;

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    /// One function.
    Plain(Function),
    /// `alpha` x + `beta`
    Affine { alpha: f32, beta: f32 },
    /// `alpha` tanh(`beta` x)
    ScaledTanh { alpha: f32, beta: f32 },
}

/// The activation functions of each direction, in the order of the operator's definition.
pub(super) fn activations(
    ctx: &Context<'_, '_>,
    kind: Kind,
    directions: usize,
) -> Result<Vec<Vec<Activation>>> {
    let attributes = ctx.attributes();
    let usual: &[&str] = match kind {
        Kind::Rnn => &["Tanh"],
        Kind::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        Kind::Gru => &["Sigmoid", "Tanh"],
    };
    let names = attributes
        .texts("activations")?
        .unwrap_or_else(|| usual.repeat(directions).into_iter().map(str::to_owned).collect());
    if names.len() != usual.len() * directions {
        let rule = format!("{} activation functions, {} are needed", names.len(), usual.len() * directions);
        return ctx.refuse("SP0106", rule, "name one for each place of each direction");
    }
    let alphas = attributes.floats("activation_alpha")?.unwrap_or_default();
    let betas = attributes.floats("activation_beta")?.unwrap_or_default();
    if alphas.iter().chain(betas).any(|value| !value.is_finite()) {
        let rule = "a parameter of an activation function is not a finite number";
        return ctx.refuse("SP0106", rule, "export the model again");
    }
    // The lists hold values only for those functions that have the parameter, in order.
    let (mut alphas, mut betas) = (alphas.iter().copied(), betas.iter().copied());
    let mut made = Vec::with_capacity(names.len());
    for name in &names {
        let mut alpha = |usual: f32| alphas.next().unwrap_or(usual);
        let mut beta = |usual: f32| betas.next().unwrap_or(usual);
        made.push(match name.to_ascii_lowercase().as_str() {
            "affine" => Activation::Affine { alpha: alpha(1.0), beta: beta(0.0) },
            "scaledtanh" => Activation::ScaledTanh { alpha: alpha(1.0), beta: beta(1.0) },
            "relu" => Activation::Plain(Function::Relu),
            "tanh" => Activation::Plain(Function::Tanh),
            "sigmoid" => Activation::Plain(Function::Sigmoid),
            "softsign" => Activation::Plain(Function::Softsign),
            "softplus" => Activation::Plain(Function::Softplus),
            "leakyrelu" => Activation::Plain(Function::LeakyRelu { alpha: alpha(0.01) }),
            "thresholdedrelu" => Activation::Plain(Function::ThresholdedRelu { alpha: alpha(1.0) }),
            "elu" => Activation::Plain(Function::Elu { alpha: alpha(1.0) }),
            "hardsigmoid" => {
                Activation::Plain(Function::HardSigmoid { alpha: alpha(0.2), beta: beta(0.5) })
            }
            _ => {
                let rule = format!("the activation function {name:?} is not known");
                let way_out = "ONNX has Affine, Elu, HardSigmoid, LeakyRelu, Relu, ScaledTanh, Sigmoid, Softplus, \
                               Softsign, Tanh and ThresholdedRelu here";
                return ctx.refuse("SP0106", rule, way_out);
            }
        });
    }
    Ok(made.chunks(usual.len()).map(<[_]>::to_vec).collect())
}
