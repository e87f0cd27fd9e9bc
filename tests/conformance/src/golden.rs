//! The golden model of a case: imported, then evaluated in single precision. The only place that knows the importer's
//! and the evaluation's interface.

use spandrel::diagnostic::Diagnostics;
use spandrel::graph::{Golden, Graph, NodeEngine, Tensor2};
use spandrel::import;

use crate::values::Values;

/// A named result.
pub(crate) type Result = (Vec<usize>, Vec<f32>);

/// Imports `model`.
///
/// # Errors
/// What the importer refuses.
pub(crate) fn import(model: &[u8]) -> std::result::Result<Graph, Diagnostics> {
    import::parse_onnx(model, "model.onnx")
}

/// Evaluates `graph` on `inputs`; the outputs in the graph's order.
///
/// # Errors
/// What the evaluation refuses, as text.
pub(crate) fn evaluate(
    graph: &Graph,
    inputs: &[(&str, &Values)],
) -> std::result::Result<Vec<Result>, String> {
    let mut row = Vec::with_capacity(graph.sample_len());
    for &input in graph.inputs() {
        let value = graph.value(input);
        let given = inputs.iter().find(|(name, _)| *name == value.name);
        let (_, x) = given.ok_or_else(|| format!("the input {:?} is missing", value.name))?;
        if x.data.len() != value.len() {
            return Err(format!("the input {:?} of {:?} is given as {:?}", value.name, value.shape, x.shape));
        }
        row.extend(x.data.iter().map(|&v| v as f32));
    }
    let batch = Tensor2::new(1, row.len(), row).ok_or("no sample")?;
    let names: Vec<&str> = graph.outputs().iter().map(|&v| graph.value(v).name.as_str()).collect();
    let found = Golden::with_threads(graph, 1).values(&batch, &names).map_err(|e| e.to_string())?;
    let shapes = graph.outputs().iter().map(|&v| graph.value(v).shape.clone());
    Ok(shapes.zip(found).map(|(shape, values)| (shape, values.into_data())).collect())
}
