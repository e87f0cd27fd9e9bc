//! Elements of constants as the file holds them: in a field of their own or as raw little-endian bytes.

use super::onnx::{TensorProto, data_type};

/// The codes of elements of 8 bits or less, the first in the low bits of its byte.
fn codes(tensor: &TensorProto, count: usize) -> impl Iterator<Item = u8> + '_ {
    let bits = data_type::bits(tensor.data_type).unwrap_or(8);
    let raw = &tensor.raw_data;
    let bytes: Vec<u8> = match raw.is_empty() {
        true => tensor.int32_data.iter().map(|&v| v as u8).collect(),
        false => raw.clone(),
    };
    let mask = if bits == 8 { u8::MAX } else { (1 << bits) - 1 };
    bytes.into_iter().flat_map(move |b| (0..8 / bits).map(move |i| b >> (i * bits) & mask)).take(count)
}

/// The number behind a code of 8 bits or less: sign, exponent, fraction. The formats of the Open Compute Project (E8M0: a
/// power of two; E4M3FN: no infinity; E5M2: as IEEE 754; E2M1: neither infinity nor NaN) and those of Graphcore and AMD
/// (FNUZ: no negative zero, whose code is NaN).
fn tiny(element: i32, code: u32) -> f32 {
    let (exponent_bits, fraction_bits, bias) = match element {
        data_type::FLOAT8E8M0 if code == 255 => return f32::NAN,
        data_type::FLOAT8E8M0 => return libm::ldexpf(1.0, code as i32 - 127),
        data_type::FLOAT8E4M3FN => (4, 3, 7),
        data_type::FLOAT8E4M3FNUZ => (4, 3, 8),
        data_type::FLOAT8E5M2 => (5, 2, 15),
        data_type::FLOAT8E5M2FNUZ => (5, 2, 16),
        _ => (2, 1, 1),
    };
    let sign = if code >> (exponent_bits + fraction_bits) == 1 { -1.0 } else { 1.0 };
    let exponent = code >> fraction_bits & ((1 << exponent_bits) - 1);
    let fraction = code & ((1 << fraction_bits) - 1);
    match (element, code & 0x7f) {
        (data_type::FLOAT8E4M3FN, 0x7f) | (data_type::FLOAT8E5M2, 0x7d..) => return f32::NAN,
        (data_type::FLOAT8E5M2, 0x7c) => return sign * f32::INFINITY,
        (data_type::FLOAT8E4M3FNUZ | data_type::FLOAT8E5M2FNUZ, 0) if sign < 0.0 => return f32::NAN,
        _ => {}
    }
    let one = if exponent == 0 { 0 } else { 1 << fraction_bits };
    sign * libm::ldexpf((fraction + one) as f32, exponent.max(1) as i32 - bias - fraction_bits)
}

/// The number of a floating-point type of 16 bits or less that `x` is rounded to: the nearest, halves to the even code. Beyond the
/// largest it is the largest where `saturate` says so, else `None`, as for types that are not rounded to.
pub(crate) fn rounded(element: i32, x: f32, saturate: bool) -> Option<f32> {
    if element == data_type::BFLOAT16 {
        let bits = x.to_bits();
        let even = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
        return Some(f32::from_bits(even & 0xffff_0000)).filter(|y| y.is_finite());
    }
    let codes = match element {
        data_type::FLOAT8E8M0 => return None,
        data_type::FLOAT4E2M1 => 8,
        _ => 128,
    };
    // Codes of positive numbers ascend.
    let values: Vec<f64> =
        (0..codes).map(|code| f64::from(tiny(element, code))).take_while(|y| y.is_finite()).collect();
    let (size, &largest) = (f64::from(x.abs()), values.last()?);
    let above = values.iter().position(|&y| y >= size);
    let nearest = match above {
        None if saturate || size - largest <= 0.0 => largest,
        None => return None,
        Some(0) => 0.0,
        Some(at) => {
            let (below, above) = (values[at - 1], values[at]);
            let (down, up) = (size - below, above - size);
            if down < up || (down == up && at % 2 == 1) { below } else { above }
        }
    };
    Some(if x < 0.0 { -nearest } else { nearest } as f32)
}

/// The elements of a tensor of floating-point numbers whose lengths were checked.
pub(crate) fn floats(tensor: &TensorProto, count: usize) -> Vec<f32> {
    if data_type::is_tiny_float(tensor.data_type) {
        return codes(tensor, count).map(|code| tiny(tensor.data_type, u32::from(code))).collect();
    }
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

/// The elements of a tensor of whole numbers whose lengths were checked.
pub(crate) fn ints(tensor: &TensorProto, count: usize) -> Vec<i64> {
    if let Some(bits @ ..8) = data_type::bits(tensor.data_type) {
        let signed = data_type::whole_range(tensor.data_type).is_some_and(|(lo, _)| lo < 0);
        let half = 1 << (bits - 1);
        let widen = |code: u8| {
            if signed && code >= half { i64::from(code) - 2 * i64::from(half) } else { i64::from(code) }
        };
        return codes(tensor, count).map(widen).collect();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn rounding_is_to_the_nearest_halves_to_even() {
        let e4m3 = |x| rounded(data_type::FLOAT8E4M3FN, x, true);
        assert_eq!(
            [1.0625, 1.1875, 0.3, -500.0, 0.001].map(|x| e4m3(x).unwrap()),
            [1.0, 1.25, 0.3125, -448.0, 0.001_953_125]
        );
        assert_eq!(rounded(data_type::FLOAT8E4M3FN, 500.0, false), None);
        assert_eq!(
            [0.25, 0.75, 2.5, 5.0, -9.0].map(|x| rounded(data_type::FLOAT4E2M1, x, true).unwrap()),
            [0.0, 1.0, 2.0, 4.0, -6.0]
        );
        assert_eq!(rounded(data_type::BFLOAT16, 257.0 / 256.0, true), Some(1.0));
        assert_eq!(rounded(data_type::BFLOAT16, 259.0 / 256.0, true), Some(1.015_625));
        assert_eq!(rounded(data_type::FLOAT8E8M0, 1.0, true), None);
    }

    /// Limits as the formats' definitions state them.
    #[test]
    fn tiny_floats_have_their_limits() {
        let all = [
            (data_type::FLOAT8E4M3FN, 0x7e, 448.0),
            (data_type::FLOAT8E4M3FN, 0x81, -0.001_953_125),
            (data_type::FLOAT8E4M3FNUZ, 0x7f, 240.0),
            (data_type::FLOAT8E5M2, 0x7b, 57_344.0),
            (data_type::FLOAT8E5M2, 0xfc, f32::NEG_INFINITY),
            (data_type::FLOAT8E5M2FNUZ, 0x7f, 57_344.0),
            (data_type::FLOAT4E2M1, 0x7, 6.0),
            (data_type::FLOAT4E2M1, 0x9, -0.5),
            (data_type::FLOAT8E8M0, 126, 0.5),
        ];
        for (element, code, wanted) in all {
            assert_eq!(tiny(element, code), wanted, "{element} {code:x}");
        }
        for (element, code) in [(data_type::FLOAT8E4M3FN, 0xff), (data_type::FLOAT8E5M2FNUZ, 0x80)] {
            assert!(tiny(element, code).is_nan(), "{element} {code:x}");
        }
    }

    #[test]
    fn shared_bytes_are_read_from_the_low_end() {
        let tensor =
            |data_type, raw: &[u8]| TensorProto { data_type, raw_data: raw.to_vec(), ..Default::default() };
        assert_eq!(ints(&tensor(data_type::INT4, &[0xf1, 0x08]), 3), [1, -1, -8]);
        assert_eq!(ints(&tensor(data_type::UINT4, &[0xf1, 0x08]), 3), [1, 15, 8]);
        assert_eq!(ints(&tensor(data_type::INT2, &[0b1110_0100]), 4), [0, 1, -2, -1]);
    }
}
