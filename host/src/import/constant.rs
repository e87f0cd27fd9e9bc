//! Constants of the file: checked element counts, element types, finite values.

use std::sync::Arc;

use super::elements;
use super::external::External;
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

    /// Whether an element is infinite.
    pub(crate) fn has_infinity(&self) -> bool {
        matches!(&self.numbers, Numbers::Float(tensor) if tensor.data().iter().any(|v| v.is_infinite()))
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
pub(crate) fn read(tensor: &TensorProto, place: &str, files: &External) -> Result<Constant, Diagnostic> {
    let again = "the file is damaged: export the model again";
    let fault = |rule: String| Err(Diagnostic::error("SP0109", place, rule, again));
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
    let Some(bits) = data_type::bits(element) else {
        return Ok(Constant { element, numbers: Numbers::Unreadable });
    };
    let wanted = (count * bits).div_ceil(8);
    if External::holds(tensor) {
        if !data_type::is_float(element) && !data_type::is_whole(element) {
            return Ok(Constant { element, numbers: Numbers::Unreadable });
        }
        // Converted at once, so that only one tensor's bytes are held beside the numbers.
        let raw_data = files.read(tensor, wanted as u64, place)?;
        let inside = TensorProto { data_type: element, raw_data, ..TensorProto::default() };
        return numbers(&inside, shape, count, place);
    }
    let own_field = match element {
        data_type::FLOAT => tensor.float_data.len(),
        data_type::DOUBLE => tensor.double_data.len(),
        data_type::INT64 => tensor.int64_data.len(),
        data_type::UINT64 | data_type::UINT32 => tensor.uint64_data.len(),
        _ => tensor.int32_data.len(),
    };
    let raw = &tensor.raw_data;
    // Elements of less than a byte share bytes, in either place.
    let per_entry = (8 / bits).max(1);
    if raw.is_empty() && own_field != count.div_ceil(per_entry) {
        return fault(format!("the shape {shape:?} needs {count} elements, here are {own_field} entries"));
    }
    if !raw.is_empty() && raw.len() != wanted {
        let have = raw.len();
        return fault(format!("the shape {shape:?} needs {wanted} bytes of data, here are {have}"));
    }
    numbers(tensor, shape, count, place)
}

/// The numbers of a tensor whose length was checked.
fn numbers(
    tensor: &TensorProto,
    shape: Vec<usize>,
    count: usize,
    place: &str,
) -> Result<Constant, Diagnostic> {
    let element = tensor.data_type;
    let numbers = if data_type::is_float(element) {
        let data = elements::floats(tensor, count);
        finite(&data, &shape, place)?;
        let Some(tensor) = Tensor::new(shape, data) else {
            return Err(Diagnostic::error("SP0109", place, "wrong length", "export the model again"));
        };
        Numbers::Float(Arc::new(tensor))
    } else {
        Numbers::Int(shape, Arc::new(elements::ints(tensor, count)))
    };
    Ok(Constant { element, numbers })
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
