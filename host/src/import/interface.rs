//! The network's inputs: shapes made complete.

use super::onnx::{DimensionProto, GraphProto, ModelProto, ValueInfoProto, data_type};
use super::{OPSETS, Options};
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

/// One input that is not an initialiser.
pub(crate) struct Input<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: Vec<usize>,
    pub(crate) element: i32,
}

fn true_inputs(graph: &GraphProto) -> impl Iterator<Item = &ValueInfoProto> {
    // Up to IR version 3 initialisers are listed among the inputs.
    let initializers: std::collections::BTreeSet<&str> =
        graph.initializer.iter().map(|t| t.name.as_str()).collect();
    graph.input.iter().filter(move |i| !initializers.contains(i.name.as_str()))
}

/// The names of the inputs that are not initialisers.
pub(crate) fn input_names(graph: &GraphProto) -> impl Iterator<Item = &str> {
    true_inputs(graph).map(|input| input.name.as_str())
}

/// The names that an input's dimensions have instead of sizes.
fn dimension_names(input: &ValueInfoProto) -> impl Iterator<Item = &str> {
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let dims = tensor.and_then(|tensor| tensor.shape.as_ref()).into_iter().flat_map(|shape| &shape.dim);
    dims.filter_map(|dim| dim.dim_param.as_deref()).filter(|name| !name.is_empty())
}

/// The inputs that are not initialisers, with their complete shapes.
pub(crate) fn inputs<'a>(graph: &'a GraphProto, options: &Options) -> Result<Vec<Input<'a>>, Diagnostics> {
    let mut found = Diagnostics::default();
    let mut inputs = Vec::new();
    for input in true_inputs(graph) {
        match complete(input, options) {
            Ok(input) => inputs.push(input),
            Err(faults) => found.extend(faults),
        }
    }
    let named: std::collections::BTreeSet<&str> = true_inputs(graph).flat_map(dimension_names).collect();
    for name in options.dims.keys().filter(|name| !named.contains(name.as_str())) {
        let rule = format!("no input has a dimension named {name:?}");
        let way_out = match named.is_empty() {
            true => "leave it out: all dimensions have sizes".to_owned(),
            false => format!("named are {}", named.iter().copied().collect::<Vec<_>>().join(", ")),
        };
        found.push(Diagnostic::error("SP0107", format!("--dim {name}"), rule, way_out));
    }
    if inputs.is_empty() && found.is_empty() {
        let way_out = "export a network with at least one input";
        found.push(Diagnostic::error("SP0103", "graph inputs", "the model has no input", way_out));
    }
    found.into_result(inputs)
}

/// The input with a batch left open set to 1.
fn complete<'a>(input: &'a ValueInfoProto, options: &Options) -> Result<Input<'a>, Diagnostics> {
    let place = format!("input {:?}", input.name);
    let fail = |code, rule: String, way_out: &str| Err(Diagnostic::error(code, &place, rule, way_out).into());
    let Some(tensor) = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()) else {
        return fail(
            "SP0109",
            "the input is not a tensor".into(),
            "export a network whose inputs are tensors",
        );
    };
    if !data_type::is_float(tensor.elem_type) && !data_type::is_whole(tensor.elem_type) {
        let rule = format!("the input's element type is {}", data_type::name(tensor.elem_type));
        return fail("SP0109", rule, "export the network in 32-bit floating point");
    }
    let Some(shape) = &tensor.shape else {
        return fail("SP0107", "the input has no shape".into(), "export the model with a fixed input shape");
    };
    let mut found = Diagnostics::default();
    let mut sizes = Vec::with_capacity(shape.dim.len());
    for (axis, dim) in shape.dim.iter().enumerate() {
        match fixed(dim, options) {
            Ok(size) => sizes.push(size),
            // The batch: a sample is computed on its own.
            Err(Open::Named(_) | Open::Unknown) if axis == 0 => sizes.push(1),
            Err(Open::Named(name)) => found.push(Diagnostic::error(
                "SP0107",
                &place,
                format!("dimension {axis} is named {name:?}; only the first, the batch, may be left open"),
                format!("give it a size with --dim {name}=N, or export the model with fixed dimensions"),
            )),
            Err(Open::Unknown) => found.push(Diagnostic::error(
                "SP0107",
                &place,
                format!("dimension {axis} is not stated; only the first, the batch, may be left open"),
                "export the model with fixed dimensions, or with named ones and --dim NAME=N",
            )),
            Err(Open::Wrong(what)) => found.push(Diagnostic::error(
                "SP0107",
                &place,
                format!("dimension {axis} is {what}"),
                "export the model with fixed dimensions",
            )),
        }
    }
    if found.is_empty() && element_count(&sizes).is_none_or(|count| count > MAX_SAMPLE_LEN) {
        let rule = format!("one sample of shape {sizes:?} has more than 2^24 elements");
        found.push(Diagnostic::error("SP0115", &place, rule, "use a smaller input"));
    }
    found.into_result(Input { name: &input.name, shape: sizes, element: tensor.elem_type })
}

/// Why a dimension has no size.
enum Open {
    /// A name without a size.
    Named(String),
    /// Nothing.
    Unknown,
    /// A number that is no size.
    Wrong(String),
}

fn fixed(dim: &DimensionProto, options: &Options) -> Result<usize, Open> {
    match (dim.dim_value, dim.dim_param.as_deref()) {
        (Some(value), _) if value >= 1 => usize::try_from(value).map_err(|_| Open::Wrong(value.to_string())),
        (_, Some(name)) if !name.is_empty() => match options.dims.get(name) {
            Some(&size) if size >= 1 => Ok(size),
            _ => Err(Open::Named(name.to_owned())),
        },
        // Some exporters write 0 or -1 for a size they do not know.
        (Some(0 | -1), _) | (None, _) => Err(Open::Unknown),
        (Some(value), _) => Err(Open::Wrong(value.to_string())),
    }
}
