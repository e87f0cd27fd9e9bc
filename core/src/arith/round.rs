//! Division by a power of two, under a named rounding.

/// How a right shift treats the bits that fall off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Rounding {
    /// Truncation on sign and magnitude: -3 >> 1 gives -1.
    TowardZero,
    /// Toward minus infinity: -3 >> 1 gives -2.
    Floor,
}

/// `value` / 2^`bits`, rounded toward minus infinity.
#[must_use]
pub const fn shift_floor(value: i64, bits: u32) -> i64 {
    if bits >= 63 { if value < 0 { -1 } else { 0 } } else { value >> bits }
}

/// `value` / 2^`bits`, rounded toward zero.
#[must_use]
pub const fn shift_toward_zero(value: i64, bits: u32) -> i64 {
    if bits >= 63 {
        // |i64::MIN| / 2^63 = 1 is the one quotient that is not zero.
        if bits == 63 && value == i64::MIN { -1 } else { 0 }
    } else if value < 0 {
        // Adding 2^bits - 1 turns the floor into a ceiling; it can not overflow on a negative value.
        (value + ((1i64 << bits) - 1)) >> bits
    } else {
        value >> bits
    }
}

/// `value` / 2^`bits` under `rounding`.
#[must_use]
pub const fn shift(value: i64, bits: u32, rounding: Rounding) -> i64 {
    match rounding {
        Rounding::TowardZero => shift_toward_zero(value, bits),
        Rounding::Floor => shift_floor(value, bits),
    }
}

#[cfg(test)]
mod tests {
    use super::{Rounding, shift, shift_floor, shift_toward_zero};

    #[test]
    fn worked_examples() {
        // value, bits, toward zero, floor
        for (value, bits, zero, floor) in [
            (7, 1, 3, 3),
            (-7, 1, -3, -4),
            (-8, 3, -1, -1),
            (-1, 5, 0, -1),
            (0, 9, 0, 0),
            (-1, 0, -1, -1),
            (i64::MIN, 63, -1, -1),
            (i64::MIN, 64, 0, -1),
            (i64::MAX, 63, 0, 0),
        ] {
            assert_eq!(shift_toward_zero(value, bits), zero, "{value} >> {bits}");
            assert_eq!(shift_floor(value, bits), floor, "{value} >> {bits}");
            assert_eq!(shift(value, bits, Rounding::TowardZero), zero);
            assert_eq!(shift(value, bits, Rounding::Floor), floor);
        }
    }
}
