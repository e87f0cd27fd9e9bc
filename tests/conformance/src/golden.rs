//! The golden model of a case: imported, then evaluated in single precision. The only place that knows the importer's
//! and the evaluation's interface.

use spandrel::diagnostic::Diagnostics;
use spandrel::graph::{Golden, Graph, NodeEngine, Tensor2};
use spandrel::import;

use crate::values::Values;

/// One output: shape and elements.
pub(crate) type Output = (Vec<usize>, Vec<f32>);

/// Why there is no result.
pub(crate) enum Fault {
    /// The inputs are not a sample of the network: what every reader of samples refuses.
    NoSample(String),
    /// Anything else, which must not be.
    Wrong(String),
}

/// Imports `model`.
///
/// # Errors
/// What the importer refuses.
pub(crate) fn import(model: &[u8]) -> Result<Graph, Diagnostics> {
    import::parse_onnx(model, "model.onnx")
}

/// What is `given` by name, in the order of the graph's inputs, with their shapes.
///
/// # Errors
/// See [`Fault`].
pub(crate) fn in_order<'v>(graph: &Graph, given: &[(&str, &'v Values)]) -> Result<Vec<&'v Values>, Fault> {
    let mut out = Vec::new();
    for &id in graph.inputs() {
        let value = graph.value(id);
        let (_, values) = given
            .iter()
            .find(|(name, _)| *name == value.name)
            .ok_or_else(|| Fault::Wrong(format!("the model has no input {:?}", value.name)))?;
        if values.shape != value.shape {
            let text =
                format!("input {:?}: a sample of {:?} for {:?}", value.name, values.shape, value.shape);
            return Err(Fault::NoSample(text));
        }
        out.push(*values);
    }
    Ok(out)
}

/// Evaluates `graph` on `inputs`, given by name; the outputs in the graph's order.
///
/// # Errors
/// See [`Fault`].
pub(crate) fn evaluate(graph: &Graph, inputs: &[(&str, &Values)]) -> Result<Vec<Output>, Fault> {
    let sample: Vec<f32> =
        in_order(graph, inputs)?.iter().flat_map(|values| values.data.iter().map(|&v| v as f32)).collect();
    let batch = Tensor2::new(1, sample.len(), sample).ok_or_else(|| Fault::Wrong("no sample".into()))?;
    let mut golden = Golden::with_threads(graph, 1);
    let mut outputs = Vec::new();
    for &id in graph.outputs() {
        let value = graph.value(id);
        let data = match value.constant() {
            Some(tensor) => tensor.data().to_vec(),
            None => {
                let mut found =
                    golden.values(&batch, &[&value.name]).map_err(|e| Fault::Wrong(e.to_string()))?;
                found.swap_remove(0).data().to_vec()
            }
        };
        outputs.push((value.shape.clone(), data));
    }
    Ok(outputs)
}
