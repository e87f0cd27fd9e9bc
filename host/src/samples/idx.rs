//! The idx format of the MNIST files: two zero bytes, element type, number of dimensions, the dimensions as big-endian
//! u32, then the elements, big-endian (<http://yann.lecun.com/exdb/mnist/>, "the IDX file format").

use super::array::{Array, Element};
use super::input::{Input, byte_count};
use crate::diagnostic::Diagnostic;

/// Reads one idx file.
pub(crate) fn read(input: &mut Input<'_>) -> Result<Array, Diagnostic> {
    let [zero0, zero1, kind, rank] = input.fixed::<4>()?;
    if (zero0, zero1) != (0, 0) {
        return Err(input.damaged("an idx file begins with two zero bytes"));
    }
    let element = match kind {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0b => Element::I16,
        0x0c => Element::I32,
        0x0d => Element::F32,
        0x0e => Element::F64,
        other => {
            let rule = format!("the idx element type {other:#04x} is not known");
            let way_out = "use one of 08 (u8), 09 (i8), 0B (i16), 0C (i32), 0D (f32), 0E (f64)";
            return Err(Diagnostic::error("SP0204", input.place, rule, way_out));
        }
    };
    let mut shape = Vec::with_capacity(usize::from(rank));
    for _ in 0..rank {
        let dim = u32::from_be_bytes(input.fixed::<4>()?);
        shape.push(dim as usize);
    }
    let bytes = input.bytes(byte_count(&shape, element.width(), input.place)?)?;
    input.end()?;
    let data = element.decode(bytes, true).ok_or_else(|| input.damaged("a number is out of range"))?;
    Ok(Array { shape, data })
}
