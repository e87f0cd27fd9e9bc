//! Constants of the file: checked element counts, element types, finite values.

use std::sync::Arc;

use super::onnx::{TensorProto, data_type};
use crate::diagnostic::Diagnostic;
use crate::graph::{Tensor, element_count};

/// The elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers {
    /// Numbers with fractions.
    Float(Arc<Tensor>),
    /// Whole numbers and truths: shape and elements.
    Int(Vec<usize>, Arc<Vec<i64>>),
    /// An element type that is not read; an error only where the constant is used.
    Unreadable,
}

/// A constant and its ONNX element type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    pub(crate) element: i32,
    pub(crate) numbers: Numbers,
}

impl Constant {
    pub(crate) fn float(tensor: Tensor) -> Self {
        Self { element: data_type::FLOAT, numbers: Numbers::Float(Arc::new(tensor)) }
    }

    pub(crate) fn int(shape: Vec<usize>, data: Vec<i64>) -> Self {
        Self { element: data_type::INT64, numbers: Numbers::Int(shape, Arc::new(data)) }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match &self.numbers {
            Numbers::Float(tensor) => tensor.shape(),
            Numbers::Int(shape, _) => shape,
            Numbers::Unreadable => &[],
        }
    }

    /// All whole numbers, row-major.
    pub(crate) fn ints(&self) -> Option<&[i64]> {
        if let Numbers::Int(_, data) = &self.numbers { Some(data) } else { None }
    }

    /// As f32, whole numbers rounded to the nearest.
    pub(crate) fn tensor(&self) -> Option<Arc<Tensor>> {
        match &self.numbers {
            Numbers::Float(tensor) => Some(tensor.clone()),
            Numbers::Int(shape, data) => {
                Tensor::new(shape.clone(), data.iter().map(|&v| v as f32).collect()).map(Arc::new)
            }
            Numbers::Unreadable => None,
        }
    }
}

/// Reads one tensor. `place` names it for the errors: no data, wrong length, too large, another file.
pub(crate) fn read(tensor: &TensorProto, place: &str) -> Result<Constant, Diagnostic> {
    let again = "the file is damaged: export the model again";
    let fault = |rule: String| Err(Diagnostic::error("SP0109", place, rule, again));
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
            Err(_) => return fault(format!("the dimension {dim} is negative")),
        }
    }
    let Some(count) = element_count(&shape) else {
        let rule = format!("the shape {shape:?} has more than 2^28 elements");
        return Err(Diagnostic::error("SP0115", place, rule, "use a smaller network"));
    };
    let element = tensor.data_type;
    let (width, own_field) = match element {
        data_type::FLOAT => (4, tensor.float_data.len()),
        data_type::DOUBLE => (8, tensor.double_data.len()),
        data_type::INT64 => (8, tensor.int64_data.len()),
        data_type::UINT64 => (8, tensor.uint64_data.len()),
        data_type::UINT32 => (4, tensor.uint64_data.len()),
        data_type::INT32 => (4, tensor.int32_data.len()),
        data_type::FLOAT16 | data_type::BFLOAT16 | data_type::INT16 | data_type::UINT16 => {
            (2, tensor.int32_data.len())
        }
        data_type::INT8 | data_type::UINT8 | data_type::BOOL => (1, tensor.int32_data.len()),
        _ => return Ok(Constant { element, numbers: Numbers::Unreadable }),
    };
    let raw = &tensor.raw_data;
    if raw.is_empty() && own_field != count {
        return fault(format!("the shape {shape:?} needs {count} elements, here are {own_field}"));
    }
    if !raw.is_empty() && raw.len() != count * width {
        let (have, want) = (raw.len(), count * width);
        return fault(format!("the shape {shape:?} needs {want} bytes of data, here are {have}"));
    }
    let numbers = if data_type::is_float(element) {
        let data = floats(tensor);
        finite(&data, &shape, place)?;
        let Some(tensor) = Tensor::new(shape, data) else { return fault("wrong length".into()) };
        Numbers::Float(Arc::new(tensor))
    } else {
        Numbers::Int(shape, Arc::new(ints(tensor)))
    };
    Ok(Constant { element, numbers })
}

fn floats(tensor: &TensorProto) -> Vec<f32> {
    let raw = &tensor.raw_data;
    let half = |bits: u16| match tensor.data_type {
        data_type::BFLOAT16 => f32::from_bits(u32::from(bits) << 16),
        _ => half_to_single(bits),
    };
    match (tensor.data_type, raw.is_empty()) {
        (data_type::FLOAT, true) => tensor.float_data.clone(),
        (data_type::FLOAT, false) => raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        (data_type::DOUBLE, true) => tensor.double_data.iter().map(|&v| v as f32).collect(),
        (data_type::DOUBLE, false) => {
            raw.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()
        }
        (_, true) => tensor.int32_data.iter().map(|&v| half(v as u16)).collect(),
        (_, false) => raw.as_chunks::<2>().0.iter().map(|b| half(u16::from_le_bytes(*b))).collect(),
    }
}

/// IEEE 754 half precision, exact.
pub(crate) fn half_to_single(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * libm::ldexpf(fraction, -24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * libm::ldexpf(fraction + 1024.0, exponent - 25),
    }
}

fn ints(tensor: &TensorProto) -> Vec<i64> {
    let raw = &tensor.raw_data;
    let four = || raw.as_chunks::<4>().0.iter();
    let eight = || raw.as_chunks::<8>().0.iter();
    let two = || raw.as_chunks::<2>().0.iter();
    // 64-bit unsigned numbers beyond the signed range are cut.
    let cut = |v: u64| i64::try_from(v).unwrap_or(i64::MAX);
    match (tensor.data_type, raw.is_empty()) {
        (data_type::INT64, true) => tensor.int64_data.clone(),
        (data_type::INT64, false) => eight().map(|b| i64::from_le_bytes(*b)).collect(),
        (data_type::UINT64 | data_type::UINT32, true) => tensor.uint64_data.iter().map(|&v| cut(v)).collect(),
        (data_type::UINT64, false) => eight().map(|b| cut(u64::from_le_bytes(*b))).collect(),
        (data_type::UINT32, false) => four().map(|b| i64::from(u32::from_le_bytes(*b))).collect(),
        (data_type::INT32, false) => four().map(|b| i64::from(i32::from_le_bytes(*b))).collect(),
        (data_type::INT16, false) => two().map(|b| i64::from(i16::from_le_bytes(*b))).collect(),
        (data_type::UINT16, false) => two().map(|b| i64::from(u16::from_le_bytes(*b))).collect(),
        (data_type::INT8, false) => raw.iter().map(|&b| i64::from(b as i8)).collect(),
        (data_type::BOOL, false) => raw.iter().map(|&b| i64::from(b != 0)).collect(),
        (_, false) => raw.iter().map(|&b| i64::from(b)).collect(),
        (_, true) => tensor.int32_data.iter().map(|&v| i64::from(v)).collect(),
    }
}

/// Refuses NaN and infinity, naming the first element. A single number may be infinite: an open bound, or a mask.
pub(crate) fn finite(data: &[f32], shape: &[usize], place: &str) -> Result<(), Diagnostic> {
    let Some(first) = data.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    if data.len() == 1 && data[0].is_infinite() {
        return Ok(());
    }
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

#[cfg(test)]
mod tests {
    use super::half_to_single;

    #[test]
    fn half_precision_is_widened_exactly() {
        let all =
            [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65_504.0), (0x0001, 5.960_464_5e-8), (0x8000, -0.0)];
        for (bits, wanted) in all {
            assert_eq!(half_to_single(bits).to_bits(), f32::to_bits(wanted), "{bits:x}");
        }
        assert_eq!(half_to_single(0xfc00), f32::NEG_INFINITY);
        assert!(half_to_single(0x7e00).is_nan());
    }
}
