//! The npy format: magic, version, a header written as a Python dictionary, then the elements
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).

use super::array::{Array, ArrayData, Element};
use super::input::{Input, byte_count};
use crate::diagnostic::Diagnostic;

/// The first bytes of every npy file.
pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// The longest header that is read, in bytes.
const MAX_HEADER: u32 = 1 << 16;

/// Reads one npy file.
pub(crate) fn read(input: &mut Input<'_>) -> Result<Array, Diagnostic> {
    if &input.fixed::<6>()? != MAGIC {
        return Err(input.damaged("an npy array begins with the bytes 93 NUMPY"));
    }
    let length = match input.fixed::<2>()? {
        [1, _] => u32::from(u16::from_le_bytes(input.fixed::<2>()?)),
        [2 | 3, _] => u32::from_le_bytes(input.fixed::<4>()?),
        [major, minor] => return Err(input.damaged(format!("npy version {major}.{minor} is not known"))),
    };
    if length > MAX_HEADER {
        return Err(input.damaged(format!("the npy header has {length} bytes, more than {MAX_HEADER}")));
    }
    let text = input.bytes(u64::from(length))?;
    let header = Header::parse(&text).ok_or_else(|| {
        let shown = String::from_utf8_lossy(&text[..text.len().min(120)]).trim().to_owned();
        input.damaged(format!("the npy header can not be understood: {shown}"))
    })?;
    let (element, big_endian) = element(&header.descr).ok_or_else(|| {
        let rule = format!("the element type {:?} is not supported", header.descr);
        let way_out = "save the array as u8, i8, i16, i32, i64, f32 or f64, for instance x.astype('float32')";
        Diagnostic::error("SP0204", input.place, rule, way_out)
    })?;
    let bytes = input.bytes(byte_count(&header.shape, element.width(), input.place)?)?;
    input.end()?;
    let data = element.decode(bytes, big_endian).ok_or_else(|| {
        let rule = "a whole number is 2^63 or more";
        Diagnostic::error("SP0204", input.place, rule, "save the array in a smaller type")
    })?;
    let data =
        if header.fortran && header.shape.len() > 1 { to_row_major(&data, &header.shape) } else { data };
    Ok(Array { shape: header.shape, data })
}

/// The same array with the last index fastest instead of the first one.
fn to_row_major(data: &ArrayData, shape: &[usize]) -> ArrayData {
    let mut index = vec![0; shape.len()];
    let mut strides = vec![1; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut order = Vec::with_capacity(data.len());
    for _ in 0..data.len() {
        order.push(index.iter().zip(&strides).map(|(i, s)| i * s).sum());
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    data.gather(&order)
}

/// The element type of a NumPy type string and whether it is big-endian.
fn element(descr: &str) -> Option<(Element, bool)> {
    let (order, kind) = descr.split_at_checked(1)?;
    let element = match kind {
        "b1" => Element::Bool,
        "u1" => Element::U8,
        "i1" => Element::I8,
        "u2" => Element::U16,
        "i2" => Element::I16,
        "u4" => Element::U32,
        "i4" => Element::I32,
        "u8" => Element::U64,
        "i8" => Element::I64,
        "f4" => Element::F32,
        "f8" => Element::F64,
        _ => return None,
    };
    match order {
        "<" => Some((element, false)),
        ">" => Some((element, true)),
        "|" if element.width() == 1 => Some((element, false)),
        _ => None,
    }
}

#[derive(Debug, PartialEq)]
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, keys in any order.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut text = std::str::from_utf8(bytes).ok()?.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        while !text.is_empty() {
            let (key, rest) = quoted(text)?;
            let rest = rest.trim_start().strip_prefix(':')?.trim_start();
            let rest = match key {
                "descr" => {
                    // A structured type is a list, which is shown as it stands and refused later.
                    let (value, rest) = if rest.starts_with('[') {
                        rest.split_at(rest.rfind(']')? + 1)
                    } else {
                        quoted(rest)?
                    };
                    descr = Some(value.to_owned());
                    rest
                }
                "fortran_order" => {
                    let (value, rest) = if let Some(rest) = rest.strip_prefix("True") {
                        (true, rest)
                    } else {
                        (false, rest.strip_prefix("False")?)
                    };
                    fortran = Some(value);
                    rest
                }
                "shape" => {
                    let (list, rest) = rest.strip_prefix('(')?.split_once(')')?;
                    // NumPy 1.x under Python 2 wrote long integers as 3L.
                    let numbers =
                        list.split(',').map(|n| n.trim().trim_end_matches('L')).filter(|n| !n.is_empty());
                    shape = Some(numbers.map(|n| n.parse().ok()).collect::<Option<Vec<usize>>>()?);
                    rest
                }
                _ => return None,
            };
            let rest = rest.trim_start();
            text = match rest.strip_prefix(',') {
                Some(rest) => rest.trim_start(),
                None if rest.is_empty() => rest,
                None => return None,
            };
        }
        let shape = shape.filter(|s| s.len() <= 32)?;
        Some(Self { descr: descr?, fortran: fortran?, shape })
    }
}

/// The text between the quotes that `text` begins with, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// The npy file (version 1.0) of `array`, the header padded to a multiple of 64 bytes as NumPy does.
pub(crate) fn write(array: &Array) -> Vec<u8> {
    let descr = match array.data {
        ArrayData::U8(_) => "|u1",
        ArrayData::I8(_) => "|i1",
        ArrayData::I16(_) => "<i2",
        ArrayData::I32(_) => "<i4",
        ArrayData::I64(_) => "<i8",
        ArrayData::F32(_) => "<f4",
    };
    let dims: Vec<String> = array.shape.iter().map(usize::to_string).collect();
    let comma = if dims.len() == 1 { "," } else { "" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}", dims.join(", "));
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    match &array.data {
        ArrayData::U8(v) => bytes.extend(v),
        ArrayData::I8(v) => bytes.extend(v.iter().map(|x| x.cast_unsigned())),
        ArrayData::I16(v) => bytes.extend(v.iter().flat_map(|x| x.to_le_bytes())),
        ArrayData::I32(v) => bytes.extend(v.iter().flat_map(|x| x.to_le_bytes())),
        ArrayData::I64(v) => bytes.extend(v.iter().flat_map(|x| x.to_le_bytes())),
        ArrayData::F32(v) => bytes.extend(v.iter().flat_map(|x| x.to_le_bytes())),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(bytes: &[u8]) -> Result<Array, Diagnostic> {
        read(&mut Input { stream: &mut &*bytes, place: "test.npy", left: 1 << 20 })
    }

    #[test]
    fn headers_of_all_numpy_versions_are_understood() {
        let header =
            Header::parse(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n").unwrap();
        assert_eq!(header, Header { descr: "<f4".into(), fortran: false, shape: vec![3, 4] });
        let header =
            Header::parse(b"{\"shape\": (3L,), \"descr\": \"|u1\", \"fortran_order\": True}").unwrap();
        assert_eq!(header, Header { descr: "|u1".into(), fortran: true, shape: vec![3] });
        for bad in
            ["", "{}", "{'descr': '<f4', 'shape': (-1,), 'fortran_order': False}", "{'descr'", "{'a': 1}"]
        {
            assert!(Header::parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn fortran_order_is_turned() {
        let mut bytes = MAGIC.to_vec();
        let header = b"{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n";
        bytes.extend([1, 0, header.len() as u8, 0]);
        bytes.extend(header);
        bytes.extend([1, 4, 2, 5, 3, 6]);
        assert_eq!(parsed(&bytes).unwrap().data, ArrayData::U8(vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for data in [
            ArrayData::U8(vec![0, 1, 255]),
            ArrayData::I8(vec![-128, 0, 127]),
            ArrayData::I16(vec![-32768, 0, 32767]),
            ArrayData::I32(vec![i32::MIN, 0, i32::MAX]),
            ArrayData::I64(vec![i64::MIN, 0, i64::MAX]),
            ArrayData::F32(vec![-1.5, 0.0, f32::MAX]),
        ] {
            let array = Array { shape: vec![3, 1], data };
            let bytes = write(&array);
            assert_eq!(parsed(&bytes).unwrap(), array);
            assert_eq!(parsed(&bytes[..bytes.len() - 1]).unwrap_err().code, "SP0202");
        }
    }

    #[test]
    fn a_header_that_claims_too_much_allocates_nothing() {
        for shape in ["(999999999999,)", "(99999999999, 99999999999)", "(1000,)"] {
            let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
            let mut bytes = MAGIC.to_vec();
            bytes.extend([1, 0, header.len() as u8, 0]);
            bytes.extend(header.as_bytes());
            assert!(matches!(parsed(&bytes).unwrap_err().code, "SP0202" | "SP0211"), "{shape}");
        }
    }
}
