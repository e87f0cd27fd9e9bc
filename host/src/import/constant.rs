//! Constants of the file: checked element counts, element types, finite values; folding of constant expressions.

use std::sync::Arc;

use super::onnx::{TensorProto, data_type};
use crate::diagnostic::Diagnostic;
use crate::graph::{Tensor, element_count};

/// A constant as the importer needs it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    /// Numbers the network computes with.
    Float(Arc<Tensor>),
    /// Numbers that shape it: shape and elements.
    Int(Vec<usize>, Arc<Vec<i64>>),
    /// An element type that is not supported; an error only where it is used.
    Other(String),
}

impl Constant {
    /// Whole numbers, in one dimension or none.
    pub(crate) fn ints(&self) -> Option<&[i64]> {
        match self {
            Constant::Int(shape, data) if shape.len() <= 1 => Some(data),
            _ => None,
        }
    }
}

/// Reads one tensor. `place` names it for the errors: no data, wrong length, too large, another file.
pub(crate) fn read(tensor: &TensorProto, place: &str) -> Result<Constant, Diagnostic> {
    let fault = |rule: String, way_out: &str| Err(Diagnostic::error("SP0109", place, rule, way_out));
    if tensor.data_location == 1 || !tensor.external_data.is_empty() {
        let location =
            tensor.external_data.iter().find(|e| e.key == "location").map_or("?", |e| e.value.as_str());
        return Err(Diagnostic::error(
            "SP0114",
            place,
            format!("the tensor's data lies in the file {location:?}; external data is not read yet"),
            "save the model with all tensors inside: onnx.save(model, path, save_as_external_data=False)",
        ));
    }
    let mut shape = Vec::with_capacity(tensor.dims.len());
    for &dim in &tensor.dims {
        match usize::try_from(dim) {
            Ok(dim) => shape.push(dim),
            Err(_) => return fault(format!("the dimension {dim} is negative"), "export the model again"),
        }
    }
    let Some(count) = element_count(&shape) else {
        let rule = format!("the shape {shape:?} has more than 2^28 elements");
        return Err(Diagnostic::error("SP0115", place, rule, "use a smaller network"));
    };
    let raw = |width: usize| -> Result<bool, Diagnostic> {
        if tensor.raw_data.is_empty() {
            return Ok(false);
        }
        if tensor.raw_data.len() != count * width {
            let (have, want) = (tensor.raw_data.len(), count * width);
            let rule = format!("the shape {shape:?} needs {want} bytes of data, here are {have}");
            return Err(Diagnostic::error(
                "SP0109",
                place,
                rule,
                "the file is damaged: export the model again",
            ));
        }
        Ok(true)
    };
    let checked = |have: usize| {
        if have == count {
            return Ok(());
        }
        let rule = format!("the shape {shape:?} needs {count} elements, here are {have}");
        Err(Diagnostic::error("SP0109", place, rule, "the file is damaged: export the model again"))
    };
    let bytes = &tensor.raw_data;
    match tensor.data_type {
        data_type::FLOAT | data_type::DOUBLE => {
            let data: Vec<f32> = if tensor.data_type == data_type::FLOAT {
                if raw(4)? {
                    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
                } else {
                    tensor.float_data.clone()
                }
            } else if raw(8)? {
                bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()
            } else {
                tensor.double_data.iter().map(|&v| v as f32).collect()
            };
            checked(data.len())?;
            finite(&data, &shape, place)?;
            let tensor = Tensor::new(shape, data);
            tensor.map_or_else(
                || fault("wrong length".into(), "export again"),
                |t| Ok(Constant::Float(Arc::new(t))),
            )
        }
        data_type::INT64 | data_type::INT32 | data_type::BOOL => {
            let data: Vec<i64> = match tensor.data_type {
                data_type::INT64 if raw(8)? => {
                    bytes.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
                }
                data_type::INT64 => tensor.int64_data.clone(),
                data_type::INT32 if raw(4)? => {
                    bytes.as_chunks::<4>().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect()
                }
                data_type::BOOL if raw(1)? => bytes.iter().map(|&b| i64::from(b)).collect(),
                _ => tensor.int32_data.iter().map(|&v| i64::from(v)).collect(),
            };
            checked(data.len())?;
            Ok(Constant::Int(shape, Arc::new(data)))
        }
        other => Ok(Constant::Other(data_type::name(other))),
    }
}

/// Refuses NaN and infinity, naming the first element.
pub(crate) fn finite(data: &[f32], shape: &[usize], place: &str) -> Result<(), Diagnostic> {
    let Some(first) = data.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    let others = data[first + 1..].iter().filter(|v| !v.is_finite()).count();
    let mut index = vec![0; shape.len()];
    let mut rest = first;
    for (i, &dim) in index.iter_mut().zip(shape).rev() {
        *i = rest % dim;
        rest /= dim;
    }
    let more = if others == 0 { String::new() } else { format!(", and {others} more are not finite") };
    let rule = format!("element {index:?} is {}{more}", data[first]);
    Err(Diagnostic::error(
        "SP0110",
        place,
        rule,
        "train or export the model again: every weight must be finite",
    ))
}
