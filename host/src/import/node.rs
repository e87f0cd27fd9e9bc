//! One ONNX node to one node of the graph, or to a folded constant.

use std::sync::Arc;

use super::attributes::Attributes;
use super::constant::{self, Constant};
use super::onnx::{NodeProto, data_type};
use super::reader::{Known, Reader};
use super::shaping;
use crate::diagnostic::{Diagnostic, Diagnostics, Result};
use crate::graph::{Binary, Op, PackedMatrix, ShapeError, Tensor, Unary, ValueId, View, element_count};

/// The attributes that may occur, by operator and version of the operator set.
fn known_attributes(operator: &str, opset: i64) -> &'static [&'static str] {
    match operator {
        "Gemm" => &["alpha", "beta", "transA", "transB"],
        "Flatten" | "Softmax" | "LogSoftmax" => &["axis"],
        "Reshape" if opset >= 14 => &["allowzero"],
        "Transpose" => &["perm"],
        "Squeeze" | "Unsqueeze" if opset < 13 => &["axes"],
        "Dropout" if opset < 12 => &["ratio"],
        "Dropout" => &["seed"],
        "BatchNormalization" if opset < 9 => &["epsilon", "momentum", "spatial"],
        "BatchNormalization" if opset < 14 => &["epsilon", "momentum"],
        "BatchNormalization" => &["epsilon", "momentum", "training_mode"],
        "Cast" if opset >= 19 => &["to", "saturate", "round_mode"],
        "Cast" => &["to"],
        "Constant" => &["value", "value_float", "value_floats", "value_int", "value_ints"],
        _ => &[],
    }
}

/// What an operator does, its constants still by name.
enum Action {
    Node(Op),
    View(View, Vec<usize>),
    Transpose(Vec<usize>),
}

impl Reader {
    /// What the first output of `node` stands for; `Known::Refused` when an operand was refused before.
    pub(crate) fn convert(&mut self, node: &NodeProto, name: &str, place: &str) -> Result<Known> {
        let operator = node.op_type.as_str();
        let attributes = Attributes::new(node, known_attributes(operator, self.opset), place)?;
        let Some(output) = node.output.first().filter(|o| !o.is_empty()) else {
            let rule = "the node has no output";
            return Err(Diagnostic::error("SP0105", place, rule, "export the model again").into());
        };
        if operator == "Constant" {
            return constant_node(&attributes, place);
        }
        self.check_operand_count(node, place)?;
        if node.input.iter().any(|i| {
            !i.is_empty() && !matches!(self.known.get(i), Some(Known::Computed(_) | Known::Constant(..)))
        }) {
            return Ok(Known::Refused);
        }
        // Whole numbers are only moved, never computed with.
        if let Some(Known::Constant(Constant::Int(shape, data), _)) = self.known.get(&node.input[0])
            && let Some(constant) = int_constant(operator, shape, data, &attributes)?
        {
            return Ok(Known::Constant(constant, None));
        }
        let action = self.action(node, &attributes, place)?;
        let operands = match &action {
            Action::Node(_) => node.input.as_slice(),
            Action::View(..) | Action::Transpose(_) => &node.input[..1],
        };
        let constants: Option<Vec<Arc<Tensor>>> = operands.iter().map(|name| self.float(name)).collect();
        if let Some(constants) = constants {
            return self.fold(&action, &constants, place);
        }
        let mut inputs: Vec<ValueId> = Vec::with_capacity(operands.len());
        let mut found = Diagnostics::default();
        for operand in operands.iter().filter(|o| !o.is_empty()) {
            match self.handle(operand, place) {
                Ok(Some(value)) => inputs.push(value),
                Ok(None) => return Ok(Known::Refused),
                Err(faults) => found.extend(faults),
            }
        }
        found.into_result(())?;
        let added = match action {
            Action::Node(op) => self.builder.node(name, op, &inputs, output),
            Action::View(view, shape) => self.builder.view(name, view, inputs[0], output, &shape),
            Action::Transpose(_) => {
                let rule = "Transpose of a value that depends on the input is not supported yet";
                let way_out = "only constants can be transposed; reorder the samples with --layout instead";
                return Err(Diagnostic::error("SP0105", place, rule, way_out).into());
            }
        };
        added.map(Known::Computed).map_err(|e| shape_fault(e, place))
    }

    fn check_operand_count(&self, node: &NodeProto, place: &str) -> Result<()> {
        let opset = self.opset;
        let (least, most) = match node.op_type.as_str() {
            "MatMul" | "Add" | "Sub" | "Mul" | "Div" | "Reshape" => (2, 2),
            "Gemm" if opset < 11 => (3, 3),
            "Gemm" => (2, 3),
            "BatchNormalization" => (5, 5),
            "Dropout" if opset >= 12 => (1, 3),
            "Squeeze" if opset >= 13 => (1, 2),
            "Unsqueeze" if opset >= 13 => (2, 2),
            _ => (1, 1),
        };
        let given = node.input.len();
        if given < least || given > most || node.input[..least].iter().any(String::is_empty) {
            let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
            let rule =
                format!("{} takes {range} inputs, here are {given} or some are left out", node.op_type);
            return Err(Diagnostic::error("SP0105", place, rule, "export the model again").into());
        }
        Ok(())
    }

    fn float(&self, name: &str) -> Option<Arc<Tensor>> {
        match self.known.get(name) {
            Some(Known::Constant(Constant::Float(tensor), _)) => Some(tensor.clone()),
            _ => None,
        }
    }

    /// The shape of an operand and whether it is batched.
    fn shape(&self, name: &str) -> (Vec<usize>, bool) {
        match self.known.get(name) {
            Some(Known::Computed(value)) => (self.builder.value(*value).shape.clone(), true),
            Some(Known::Constant(Constant::Float(tensor), _)) => (tensor.shape().to_vec(), false),
            _ => (Vec::new(), false),
        }
    }

    fn int_operand(&self, name: &str, what: &str, place: &str) -> Result<Vec<i64>> {
        match self.known.get(name) {
            Some(Known::Constant(constant, _)) if constant.ints().is_some() => {
                Ok(constant.ints().unwrap_or_default().to_vec())
            }
            _ => {
                let rule = format!("the {what} {name:?} is not a constant list of whole numbers");
                let way_out = "export the model with fixed shapes, so that they are constants";
                Err(Diagnostic::error("SP0105", place, rule, way_out).into())
            }
        }
    }

    fn action(&self, node: &NodeProto, attributes: &Attributes<'_>, place: &str) -> Result<Action> {
        let (shape, batched) = self.shape(&node.input[0]);
        let rank = shape.len() + usize::from(batched);
        let value_error = |rule: String, way_out: &str| -> Result<Action> {
            Err(Diagnostic::error("SP0106", place, rule, way_out).into())
        };
        Ok(match node.op_type.as_str() {
            "MatMul" => Action::Node(Op::MatMul),
            "Gemm" => {
                if attributes.int("transA", 0)? != 0 {
                    return value_error(
                        "transA is not 0".into(),
                        "export the model with the samples as rows",
                    );
                }
                let (alpha, beta) = (attributes.float("alpha", 1.0)?, attributes.float("beta", 1.0)?);
                Action::Node(Op::Gemm { alpha, beta, trans_b: attributes.int("transB", 0)? != 0 })
            }
            "Add" => Action::Node(Op::Binary(Binary::Add)),
            "Sub" => Action::Node(Op::Binary(Binary::Sub)),
            "Mul" => Action::Node(Op::Binary(Binary::Mul)),
            "Div" => Action::Node(Op::Binary(Binary::Div)),
            "Relu" => Action::Node(Op::Unary(Unary::Relu)),
            "Sigmoid" => Action::Node(Op::Unary(Unary::Sigmoid)),
            "Softmax" | "LogSoftmax" => {
                // Before version 13 all axes from `axis` on were normalised together.
                let coerced = self.opset < 13;
                let axis = attributes.axis("axis", if coerced { 1 } else { -1 }, rank)?;
                let Some(first) = axis.checked_sub(1).filter(|_| batched) else {
                    let way_out = "the sum must run over the elements of one sample";
                    return value_error(format!("axis {axis} includes the batch dimension"), way_out);
                };
                let last = if coerced { shape.len() - 1 } else { first };
                Action::Node(Op::Softmax { first, last, log: node.op_type == "LogSoftmax" })
            }
            "BatchNormalization" => {
                if attributes.int("training_mode", 0)? != 0 {
                    return value_error("training_mode is not 0".into(), "export the model for inference");
                }
                if attributes.int("spatial", 1)? != 1 && shape.len() > 1 {
                    return value_error(
                        "spatial is not 1".into(),
                        "export the model with a newer operator set",
                    );
                }
                Action::Node(Op::BatchNormalization { epsilon: attributes.float("epsilon", 1e-5)? })
            }
            "Flatten" => Action::View(
                View::Flatten,
                shaping::flatten(&shape, batched, attributes.int("axis", 1)?, place)?,
            ),
            "Reshape" => {
                let target = self.int_operand(&node.input[1], "shape", place)?;
                let allow_zero = attributes.int("allowzero", 0)? != 0;
                Action::View(View::Reshape, shaping::reshape(&shape, batched, &target, allow_zero, place)?)
            }
            "Squeeze" | "Unsqueeze" => {
                let axes = match node.input.get(1).filter(|n| !n.is_empty()) {
                    Some(name) => Some(self.int_operand(name, "list of axes", place)?),
                    None => attributes.ints("axes")?.map(<[i64]>::to_vec),
                };
                if node.op_type == "Squeeze" {
                    let shape = shaping::squeeze(&shape, batched, axes.as_deref(), place)?;
                    Action::View(View::Squeeze, shape)
                } else {
                    let Some(axes) = axes else {
                        return value_error(
                            "the attribute \"axes\" is missing".into(),
                            "export the model again",
                        );
                    };
                    Action::View(View::Unsqueeze, shaping::unsqueeze(&shape, batched, &axes, place)?)
                }
            }
            "Identity" => Action::View(View::Identity, shape),
            "Dropout" => {
                if let Some(mode) = node.input.get(2).filter(|n| !n.is_empty())
                    && self.int_operand(mode, "training mode", place)? != [0]
                {
                    return value_error("the training mode is on".into(), "export the model for inference");
                }
                Action::View(View::Dropout, shape)
            }
            "Cast" => {
                let to = attributes.int("to", 0)?;
                if to != i64::from(data_type::FLOAT) {
                    let kind = i32::try_from(to).map_or_else(|_| to.to_string(), data_type::name);
                    return value_error(
                        format!("a cast to {kind}"),
                        "only casts to FLOAT are supported: export the network in 32-bit floating point",
                    );
                }
                Action::View(View::Cast, shape)
            }
            "Transpose" => {
                let perm = match attributes.ints("perm")? {
                    Some(perm) => perm.iter().map(|&p| usize::try_from(p).unwrap_or(usize::MAX)).collect(),
                    None => (0..rank).rev().collect(),
                };
                Action::Transpose(perm)
            }
            other => {
                let rule = format!("the operator {other} is not supported");
                return Err(Diagnostic::error("SP0104", place, rule, "use another operator").into());
            }
        })
    }

    /// Computes the result of an operator whose operands are all constants.
    fn fold(&mut self, action: &Action, operands: &[Arc<Tensor>], place: &str) -> Result<Known> {
        let misfit = || -> Diagnostics {
            let shapes: Vec<_> = operands.iter().map(|t| format!("{:?}", t.shape())).collect();
            let rule = format!("constants of shape {} do not fit together here", shapes.join(", "));
            Diagnostic::error("SP0108", place, rule, "export the model again").into()
        };
        // Checked before computing: small operands may broadcast to a huge result.
        let bound = match (action, operands) {
            (Action::Node(Op::MatMul), [a, b]) => {
                a.shape().iter().take(1).chain(b.shape().iter().skip(1)).copied().collect()
            }
            _ => largest_broadcast(operands),
        };
        let count = element_count(&bound).unwrap_or(usize::MAX);
        self.folding_budget = self.folding_budget.checked_sub(count).ok_or_else(|| {
            let rule = "computing with constants yields more than 2^28 elements";
            Diagnostic::error("SP0115", place, rule, "simplify the model before exporting it")
        })?;
        let result = match (action, operands) {
            (Action::Node(Op::Binary(op)), [a, b]) => crate::graph::fold_binary(*op, a, b),
            (Action::Node(Op::Unary(op)), [a]) => {
                Tensor::new(a.shape().to_vec(), a.data().iter().map(|&v| op.apply(v)).collect())
            }
            (Action::Node(Op::MatMul), [a, b]) => product(a, b),
            (Action::View(_, shape), [a, ..]) => a.reshaped(shape.clone()),
            (Action::Transpose(perm), [a]) => a.transposed(perm),
            _ => {
                let rule = "this operator is not applied to constants";
                let way_out = "simplify the model before exporting it (onnx-simplifier does)";
                return Err(Diagnostic::error("SP0105", place, rule, way_out).into());
            }
        };
        let tensor = result.ok_or_else(misfit)?;
        constant::finite(tensor.data(), tensor.shape(), place)?;
        Ok(Known::Constant(Constant::Float(Arc::new(tensor)), None))
    }
}

/// The largest shape that broadcasting can make of the operands: the larger dimension at each axis.
fn largest_broadcast(operands: &[Arc<Tensor>]) -> Vec<usize> {
    let rank = operands.iter().map(|t| t.shape().len()).max().unwrap_or(0);
    let dim =
        |t: &Tensor, axis: usize| (axis + t.shape().len()).checked_sub(rank).map_or(1, |i| t.shape()[i]);
    (0..rank).map(|axis| operands.iter().map(|t| dim(t, axis)).max().unwrap_or(1)).collect()
}

fn shape_fault(error: ShapeError, place: &str) -> Diagnostics {
    let code = if error.unsupported { "SP0105" } else { "SP0108" };
    Diagnostic::error(code, place, error.rule, error.way_out).into()
}

/// The product of two constant matrices.
fn product(a: &Tensor, b: &Tensor) -> Option<Tensor> {
    let ([m, k], [rows, n]) = (a.shape(), b.shape()) else { return None };
    if k != rows || element_count(&[*m, *n])? == 0 {
        return None;
    }
    let mut out = vec![0.0; m * n];
    PackedMatrix::new(*k, *n, b.data()).multiply(a.data(), &mut out);
    Tensor::new(vec![*m, *n], out)
}

/// Identity and Cast of whole numbers; `None` for other operators.
fn int_constant(
    operator: &str,
    shape: &[usize],
    data: &Arc<Vec<i64>>,
    attributes: &Attributes<'_>,
) -> Result<Option<Constant>> {
    Ok(match operator {
        "Identity" => Some(Constant::Int(shape.to_vec(), data.clone())),
        "Cast" => match i32::try_from(attributes.int("to", 0)?) {
            Ok(data_type::INT64) => Some(Constant::Int(shape.to_vec(), data.clone())),
            Ok(data_type::FLOAT) => {
                let floats = data.iter().map(|&v| v as f32).collect();
                Tensor::new(shape.to_vec(), floats).map(|t| Constant::Float(Arc::new(t)))
            }
            _ => None,
        },
        _ => None,
    })
}

fn constant_node(attributes: &Attributes<'_>, place: &str) -> Result<Known> {
    let fault = |rule: &str| -> Diagnostics {
        Diagnostic::error("SP0106", place, rule, "give exactly one of value, value_float(s), value_int(s)")
            .into()
    };
    let names = ["value", "value_float", "value_floats", "value_int", "value_ints"];
    if names.iter().filter(|n| attributes.has(n)).count() != 1 {
        return Err(fault("the constant has no single value"));
    }
    let floats = |shape: Vec<usize>, data: Vec<f32>| -> Result<Constant> {
        constant::finite(&data, &shape, place)?;
        let tensor = Tensor::new(shape, data).ok_or_else(|| fault("the constant is too large"))?;
        Ok(Constant::Float(Arc::new(tensor)))
    };
    let constant = if let Some(tensor) = attributes.tensor("value")? {
        constant::read(tensor, place)?
    } else if attributes.has("value_float") {
        floats(Vec::new(), vec![attributes.float("value_float", 0.0)?])?
    } else if let Some(list) = attributes.floats("value_floats")? {
        floats(vec![list.len()], list.to_vec())?
    } else if attributes.has("value_int") {
        Constant::Int(Vec::new(), Arc::new(vec![attributes.int("value_int", 0)?]))
    } else if let Some(list) = attributes.ints("value_ints")? {
        Constant::Int(vec![list.len()], Arc::new(list.to_vec()))
    } else {
        return Err(fault("the constant has no value"));
    };
    Ok(Known::Constant(constant, None))
}
