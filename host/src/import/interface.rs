//! The network's single input and single output, and the rule for the batch dimension.

use super::OPSETS;
use super::onnx::{DimensionProto, GraphProto, ModelProto, ValueInfoProto, data_type};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::graph::{MAX_SAMPLE_LEN, element_count};

/// The version of the operator set `ai.onnx`.
pub(crate) fn opset(model: &ModelProto) -> Result<i64, Diagnostic> {
    let is_default = |domain: &str| domain.is_empty() || domain == "ai.onnx";
    let version = model.opset_import.iter().filter(|o| is_default(&o.domain)).map(|o| o.version).max();
    let (least, most) = (OPSETS.start(), OPSETS.end());
    match version {
        Some(version) if OPSETS.contains(&version) => Ok(version),
        Some(version) => {
            let rule =
                format!("the model uses operator set {version}; versions {least} to {most} are supported");
            let way_out = "export it with a supported version, or convert it with onnx.version_converter";
            Err(Diagnostic::error("SP0102", "opset_import", rule, way_out))
        }
        None => {
            let rule = "the model does not state the version of the operator set ai.onnx";
            let way_out = format!("export the model again with operator set {least} to {most}");
            Err(Diagnostic::error("SP0102", "opset_import", rule, way_out))
        }
    }
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|n| format!("{n:?}")).collect::<Vec<_>>().join(", ")
}

/// The name of the only input that is not an initialiser, and the shape of one sample.
pub(crate) fn input(graph: &GraphProto) -> Result<(&str, Vec<usize>), Diagnostics> {
    let initializers: std::collections::BTreeSet<&str> =
        graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let inputs: Vec<&ValueInfoProto> =
        graph.input.iter().filter(|i| !initializers.contains(i.name.as_str())).collect();
    let [input] = inputs.as_slice() else {
        let rule = match inputs.len() {
            0 => "the model has no input".to_owned(),
            n => format!("the model has {n} inputs: {}", quoted(inputs.iter().map(|i| i.name.as_str()))),
        };
        let way_out = "export a network with exactly one input";
        return Err(Diagnostic::error("SP0103", "graph inputs", rule, way_out).into());
    };
    let place = format!("input {:?}", input.name);
    Ok((&input.name, sample_shape(input, &place)?))
}

/// The name of the only output.
pub(crate) fn output(graph: &GraphProto) -> Result<&str, Diagnostic> {
    match graph.output.as_slice() {
        [output] => Ok(&output.name),
        outputs => {
            let rule = match outputs.len() {
                0 => "the model has no output".to_owned(),
                n => {
                    format!("the model has {n} outputs: {}", quoted(outputs.iter().map(|o| o.name.as_str())))
                }
            };
            Err(Diagnostic::error(
                "SP0103",
                "graph outputs",
                rule,
                "export a network with exactly one output",
            ))
        }
    }
}

fn sample_shape(input: &ValueInfoProto, place: &str) -> Result<Vec<usize>, Diagnostics> {
    let fail = |code, rule: String, way_out: &str| Err(Diagnostic::error(code, place, rule, way_out).into());
    let Some(tensor) = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        return fail(
            "SP0109",
            "the input is not a tensor".into(),
            "export a network whose input is a tensor",
        );
    };
    if tensor.elem_type != data_type::FLOAT {
        let rule = format!("the input's element type is {}, not FLOAT", data_type::name(tensor.elem_type));
        return fail("SP0109", rule, "export the network in 32-bit floating point");
    }
    let Some(shape) = &tensor.shape else {
        return fail("SP0107", "the input has no shape".into(), "export the model with a fixed input shape");
    };
    let Some((batch, dims)) = shape.dim.split_first() else {
        return fail("SP0107", "the input has no dimensions".into(), "its first dimension must be the batch");
    };
    if let Some(fixed) = batch.dim_value.filter(|&v| v != 1 && v != 0) {
        let rule = format!("the input's first dimension, the batch, is fixed to {fixed}");
        return fail("SP0107", rule, "export the model with a batch of 1 or a named batch dimension");
    }
    if dims.is_empty() {
        let rule = "the input has only one dimension, which is taken as the batch";
        return fail("SP0107", rule.into(), "export the model with a batch dimension in front");
    }
    let mut found = Diagnostics::default();
    let mut sample = Vec::with_capacity(dims.len());
    for (axis, dim) in dims.iter().enumerate() {
        match fixed(dim) {
            Ok(dim) => sample.push(dim),
            Err(what) => found.push(Diagnostic::error(
                "SP0107",
                place,
                format!("dimension {} is {what}; only the first, the batch, may be left open", axis + 1),
                "export the model with fixed dimensions (an option --dim NAME=SIZE is not available yet)",
            )),
        }
    }
    if found.is_empty() && element_count(&sample).is_none_or(|count| count > MAX_SAMPLE_LEN) {
        let rule = format!("one sample of shape {sample:?} has more than 2^24 elements");
        found.push(Diagnostic::error("SP0115", place, rule, "use a smaller input"));
    }
    found.into_result(sample)
}

fn fixed(dim: &DimensionProto) -> Result<usize, String> {
    match (dim.dim_value, dim.dim_param.as_deref()) {
        (Some(value), _) if value >= 1 => usize::try_from(value).map_err(|_| value.to_string()),
        (_, Some(name)) if !name.is_empty() => Err(format!("named {name:?}")),
        (Some(value), _) => Err(value.to_string()),
        _ => Err("not stated".to_owned()),
    }
}
