//! Tensors of the test vectors as numbers, whatever their element type: written from `onnx.proto` and the formats'
//! definitions, sharing no code with the importer.

use crate::proto::Tensor;

/// A tensor's numbers. 64-bit whole numbers beyond 2^53 are rounded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Values {
    /// The dimensions.
    pub(crate) shape: Vec<usize>,
    /// The elements in row-major order.
    pub(crate) data: Vec<f64>,
    /// Whether the element type holds whole numbers or truths, which are compared without tolerance.
    pub(crate) whole: bool,
}

/// Decodes `tensor`.
///
/// # Errors
/// A text that says what can not be decoded: strings, complex numbers, damaged data.
pub(crate) fn decode(tensor: &Tensor) -> Result<Values, String> {
    let shape: Vec<usize> = tensor
        .dims
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| format!("dimension {d}")))
        .collect::<Result<_, _>>()?;
    let count = shape.iter().product::<usize>();
    let whole = matches!(tensor.data_type, 2..=7 | 9 | 12 | 13 | 21 | 22 | 25 | 26);
    let data = if tensor.raw_data.is_empty() { fields(tensor, count)? } else { raw(tensor, count)? };
    if data.len() != count {
        return Err(format!("{} elements for the shape {shape:?}", data.len()));
    }
    Ok(Values { shape, data, whole })
}

/// Elements in the fields for each type; narrow types lie in `int32_data`, half precision there as bits.
fn fields(tensor: &Tensor, count: usize) -> Result<Vec<f64>, String> {
    Ok(match tensor.data_type {
        1 => tensor.float_data.iter().map(|&v| f64::from(v)).collect(),
        2..=6 | 9 => tensor.int32_data.iter().map(|&v| f64::from(v)).collect(),
        7 => tensor.int64_data.iter().map(|&v| v as f64).collect(),
        11 => tensor.double_data.clone(),
        12 | 13 => tensor.uint64_data.iter().map(|&v| v as f64).collect(),
        10 | 16 | 17..=20 | 24 => {
            tensor.int32_data.iter().map(|&v| float_bits(tensor.data_type, v as u32)).collect()
        }
        21..=23 | 25 | 26 => {
            let bytes: Vec<u8> = tensor.int32_data.iter().map(|&v| v as u8).collect();
            packed(tensor.data_type, &bytes, count)
        }
        other => return Err(format!("element type {other}")),
    })
}

/// Elements in `raw_data`, little-endian.
fn raw(tensor: &Tensor, count: usize) -> Result<Vec<f64>, String> {
    let bytes = tensor.raw_data.as_slice();
    fn each<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        bytes.as_chunks::<N>().0.iter().map(|b| convert(*b)).collect()
    }
    let kind = tensor.data_type;
    Ok(match kind {
        1 => each::<4>(bytes, |b| f64::from(f32::from_le_bytes(b))),
        2 | 9 => each::<1>(bytes, |b| f64::from(b[0])),
        3 => each::<1>(bytes, |b| f64::from(b[0] as i8)),
        4 => each::<2>(bytes, |b| f64::from(u16::from_le_bytes(b))),
        5 => each::<2>(bytes, |b| f64::from(i16::from_le_bytes(b))),
        6 => each::<4>(bytes, |b| f64::from(i32::from_le_bytes(b))),
        7 => each::<8>(bytes, |b| i64::from_le_bytes(b) as f64),
        10 | 16 => each::<2>(bytes, |b| float_bits(kind, u32::from(u16::from_le_bytes(b)))),
        11 => each::<8>(bytes, f64::from_le_bytes),
        12 => each::<4>(bytes, |b| f64::from(u32::from_le_bytes(b))),
        13 => each::<8>(bytes, |b| u64::from_le_bytes(b) as f64),
        17..=20 | 24 => each::<1>(bytes, |b| float_bits(kind, u32::from(b[0]))),
        21..=23 | 25 | 26 => packed(kind, bytes, count),
        other => return Err(format!("element type {other}")),
    })
}

/// Elements of 4 or 2 bits, the first in the low bits.
fn packed(kind: i32, bytes: &[u8], count: usize) -> Vec<f64> {
    let width: u32 = if kind >= 25 { 2 } else { 4 };
    let codes = bytes
        .iter()
        .flat_map(|&b| (0..8 / width).map(move |i| u32::from(b) >> (i * width) & ((1 << width) - 1)));
    let signed = |code: u32| f64::from((code << (32 - width)) as i32 >> (32 - width));
    codes
        .take(count)
        .map(|code| match kind {
            22 | 26 => signed(code),
            23 => float_bits(kind, code),
            _ => f64::from(code),
        })
        .collect()
}

/// The number behind the bits of a small floating-point format: sign, exponent of `e` bits with its bias, mantissa of
/// `m` bits, and what the formats keep for infinity and NaN.
fn float_bits(kind: i32, bits: u32) -> f64 {
    // FLOAT16, BFLOAT16, FLOAT8E4M3FN, E4M3FNUZ, E5M2, E5M2FNUZ, FLOAT4E2M1
    let (e, m, bias) = match kind {
        10 => (5, 10, 15),
        16 => (8, 7, 127),
        17 => (4, 3, 7),
        18 => (4, 3, 8),
        19 => (5, 2, 15),
        20 => (5, 2, 16),
        // FLOAT8E8M0: powers of two alone.
        24 => return if bits == 255 { f64::NAN } else { f64::from(bits as i32 - 127).exp2() },
        _ => (2, 1, 1),
    };
    let sign = if bits >> (e + m) & 1 == 1 { -1.0 } else { 1.0 };
    let exponent = bits >> m & ((1 << e) - 1);
    let mantissa = bits & ((1 << m) - 1);
    let (top, full) = (exponent == (1 << e) - 1, mantissa == (1 << m) - 1);
    match kind {
        10 | 16 | 19 if top => return if mantissa == 0 { sign * f64::INFINITY } else { f64::NAN },
        17 if top && full => return f64::NAN,
        18 | 20 if bits == 0x80 => return f64::NAN,
        _ => {}
    }
    let fraction = f64::from(mantissa) / f64::from(1u32 << m);
    let (scale, fraction) =
        if exponent == 0 { (1 - bias, fraction) } else { (exponent as i32 - bias, 1.0 + fraction) };
    sign * fraction * f64::from(scale).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest finite values and smallest subnormals as the formats' papers state them.
    #[test]
    fn small_floats_have_their_published_limits() {
        for (kind, bits, value) in [
            (10, 0x7bff, 65504.0),
            (10, 0x0001, 5.960_464_477_539_063e-8),
            (16, 0x3f80, 1.0),
            (17, 0x7e, 448.0),
            (17, 0x01, 0.001_953_125),
            (18, 0x7f, 240.0),
            (19, 0x7b, 57344.0),
            (20, 0x7f, 57344.0),
            (23, 0x7, 6.0),
            (23, 0x9, -0.5),
            (24, 127, 1.0),
        ] {
            assert_eq!(float_bits(kind, bits), value, "kind {kind}, bits {bits:#x}");
        }
        assert!(
            float_bits(17, 0x7f).is_nan() && float_bits(20, 0x80).is_nan() && float_bits(10, 0x7c01).is_nan()
        );
    }

    #[test]
    fn packed_codes_start_low() {
        assert_eq!(packed(22, &[0xf1, 0x08], 3), [1.0, -1.0, -8.0]);
        assert_eq!(packed(25, &[0b11_10_01_00], 4), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(packed(26, &[0b11_10_01_00], 4), [0.0, 1.0, -2.0, -1.0]);
    }
}
