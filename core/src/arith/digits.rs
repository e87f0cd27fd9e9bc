//! Splitting a magnitude into the digits that drivers and cells can hold.

/// The largest value of a digit of `bits` bits (1..=30).
#[must_use]
pub const fn digit_max(bits: u8) -> i32 {
    if bits >= 31 { i32::MAX } else { (1i32 << bits) - 1 }
}

/// Digit `index` (0 = least significant) of a non-negative `magnitude`, in base 2^`bits`.
///
/// Digits beyond bit 31 are zero. A negative `magnitude` has the digits of zero.
#[must_use]
pub const fn digit(magnitude: i32, index: u8, bits: u8) -> i32 {
    let shift = index as u32 * bits as u32;
    if shift >= 31 || magnitude < 0 { 0 } else { (magnitude >> shift) & digit_max(bits) }
}

#[cfg(test)]
mod tests {
    use super::digit;

    #[test]
    fn prime_halves() {
        // 45 = 5 * 2^3 + 5; 255 = 15 * 2^4 + 15.
        assert_eq!((digit(45, 1, 3), digit(45, 0, 3)), (5, 5));
        assert_eq!((digit(255, 1, 4), digit(255, 0, 4)), (15, 15));
        assert_eq!(digit(-1, 0, 3), 0);
        assert_eq!(digit(1, 200, 3), 0);
    }
}
