//! Clipping to a range or a register width.

/// `value` moved to the nearer end of `lo..=hi` when it lies outside (`lo <= hi`).
#[must_use]
#[inline]
pub const fn clip(value: i64, lo: i64, hi: i64) -> i64 {
    if value < lo {
        lo
    } else if value > hi {
        hi
    } else {
        value
    }
}

/// [`clip`] in 32 bits. The standard library's `clamp` panics when `lo > hi`; this gives one of the two.
#[must_use]
#[inline]
pub const fn clip_i32(value: i32, lo: i32, hi: i32) -> i32 {
    if value < lo {
        lo
    } else if value > hi {
        hi
    } else {
        value
    }
}

/// `value` saturated to a two's complement register of `bits` bits (1..=63; 64 and more change nothing).
#[must_use]
#[inline]
pub const fn saturate_bits(value: i64, bits: u8) -> i64 {
    if bits == 0 {
        return 0;
    }
    if bits >= 64 {
        return value;
    }
    let hi = (1i64 << (bits - 1)) - 1;
    clip(value, -hi - 1, hi)
}

/// The low `bits` bits of `value`, two's complement (1..=63; 64 and more change nothing).
#[must_use]
#[inline]
pub const fn wrap_bits(value: i64, bits: u8) -> i64 {
    if bits == 0 {
        return 0;
    }
    if bits >= 64 {
        return value;
    }
    let unused = 64 - bits as u32;
    (value << unused) >> unused
}

/// `value` saturated to 32 bits.
#[must_use]
#[inline]
pub const fn saturate_i32(value: i64) -> i32 {
    clip(value, i32::MIN as i64, i32::MAX as i64) as i32
}

#[cfg(test)]
mod tests {
    use super::{saturate_bits, saturate_i32, wrap_bits};

    #[test]
    fn register_ends() {
        assert_eq!(saturate_bits(200, 8), 127);
        assert_eq!(saturate_bits(-200, 8), -128);
        assert_eq!(saturate_bits(i64::MIN, 64), i64::MIN);
        assert_eq!(saturate_bits(5, 1), 0);
        assert_eq!(saturate_bits(-5, 1), -1);
        assert_eq!(saturate_i32(i64::MAX), i32::MAX);
        assert_eq!((wrap_bits(200, 8), wrap_bits(-129, 8), wrap_bits(127, 8)), (-56, 127, 127));
        assert_eq!((wrap_bits(i64::MIN, 64), wrap_bits(1, 1)), (i64::MIN, -1));
    }
}
