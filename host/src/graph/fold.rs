//! Primitives applied to constants: the golden model's own arithmetic.

use super::eval::{Kernel, Known, Operand};
use super::op::Op;
use super::shape::{ShapeError, infer, unsupported};
use super::tensor::{Tensor, element_count};

/// What `op` makes of `operands`, with the golden model's bits. Empty tensors are allowed.
///
/// # Errors
/// When the shapes do not fit together, or the result has more than `most` elements.
pub fn evaluate(op: &Op, operands: &[&Tensor], most: usize) -> Result<Tensor, ShapeError> {
    let shapes: Vec<&[usize]> = operands.iter().map(|t| t.shape()).collect();
    let shape = infer(op, &shapes)?;
    let too_large = || {
        let rule = format!("computing with constants makes {shape:?}, which is too large");
        unsupported(rule, "simplify the model before exporting it")
    };
    let count = element_count(&shape).filter(|&count| count <= most).ok_or_else(too_large)?;
    let mut data = vec![0.0; count];
    // A sum over nothing is 0; windows and loops over nothing are not worth having.
    let empty = operands.iter().any(|t| t.data().is_empty());
    if empty && count > 0 && matches!(op, Op::Conv(_) | Op::Pool(_) | Op::Linear(_) | Op::Scan(_)) {
        return Err(unsupported(format!("{} of nothing", op.name()), "export the model again"));
    }
    if count > 0 && !(empty && matches!(op, Op::MatMul)) {
        let known: Vec<Known<'_>> =
            operands.iter().map(|t| Known { shape: t.shape(), constant: Some(t) }).collect();
        let kernel = Kernel::new(op, &known, &shape);
        let rows: Vec<Operand<'_>> = operands
            .iter()
            .map(|t| Operand { data: t.data(), constant: true, len: t.data().len() })
            .collect();
        kernel.run(&rows, 1, &mut data);
    }
    Tensor::new(shape.clone(), data).ok_or_else(too_large)
}
