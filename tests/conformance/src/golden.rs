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
    let [(_, x)] = inputs else { return Err(format!("{} inputs", inputs.len())) };
    let rows = x.shape.first().copied().unwrap_or(1);
    let batch = Tensor2::new(rows, x.data.len() / rows.max(1), x.data.iter().map(|&v| v as f32).collect());
    let batch = batch.ok_or("the input has no batch")?;
    let found = Golden::with_threads(graph, 1).output(&batch).map_err(|e| e.to_string())?;
    let shape = [&[rows][..], &graph.value(graph.output()).shape].concat();
    Ok(vec![(shape, found.data().to_vec())])
}
