//! A seeded generator: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).

/// Deterministic pseudo-random numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator for the item `item` of a stream named by `seed`.
    pub fn new(seed: u64, item: u64) -> Self {
        let mut random = Self(seed ^ item.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        random.next_u64();
        random
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 up to, but not including, 1, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_published_sequence() {
        // SplitMix64 from state 0 gives this first value (Vigna's reference implementation).
        assert_eq!(Random(0).next_u64(), 0xE220_A839_7B1D_CDAF);
    }
}
