//! A model under tract.

use std::collections::BTreeMap;
use std::io::Cursor;

use tract_onnx::prelude::*;

/// How far tract rewrites the model before it runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Not at all: one node of tract for a node of the file, or a few.
    Plain,
    /// Fused and packed for this processor, as an application would run it.
    Optimised,
}

/// Evaluates the ONNX model `file` for `rows` samples of `shape`, `input` holding them row by row, and returns the
/// values `names`, row by row. A model whose batch is fixed at 1 is evaluated sample by sample: `whole_batch` is
/// false.
///
/// # Errors
/// Those of tract.
pub fn values(
    file: &[u8],
    form: Form,
    shape: &[usize],
    input: &[f32],
    whole_batch: bool,
    names: &[&str],
) -> TractResult<BTreeMap<String, Vec<f32>>> {
    let sample_len: usize = shape.iter().product();
    let rows = input.len() / sample_len;
    let at_once = if whole_batch { rows } else { 1 };
    let dims: Vec<usize> = std::iter::once(at_once).chain(shape.iter().copied()).collect();

    let mut model = onnx().model_for_read(&mut Cursor::new(file))?;
    model.set_input_fact(0, f32::fact(&dims).into())?;
    let outlets = names
        .iter()
        .map(|name| {
            let outlet = model.find_outlet_label(name);
            outlet.ok_or_else(|| TractError::msg(format!("tract has no value called {name:?}")))
        })
        .collect::<TractResult<Vec<_>>>()?;
    model.select_output_outlets(&outlets)?;
    let model = match form {
        Form::Plain => model.into_typed()?,
        Form::Optimised => model.into_optimized()?,
    };
    let runnable = model.into_runnable()?;

    let mut results: Vec<Vec<f32>> = vec![Vec::new(); names.len()];
    for samples in input.chunks_exact(at_once * sample_len) {
        let given = Tensor::from_shape(&dims, samples)?;
        let outputs = runnable.run(tvec!(given.into()))?;
        for (result, output) in results.iter_mut().zip(&outputs) {
            result.extend_from_slice(output.try_as_plain_ram()?.as_slice::<f32>()?);
        }
    }
    Ok(names.iter().map(|&n| n.to_owned()).zip(results).collect())
}
