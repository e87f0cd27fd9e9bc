//! What checks are fed: extremes first, then chance from a seed.

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers everywhere.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of `seed` for purpose `purpose`; sequences of different purposes do not overlap in practice.
    #[must_use]
    pub const fn new(seed: u64, purpose: u64) -> Self {
        let mut chance = Self(seed ^ purpose.wrapping_mul(0xD1B5_4A32_D192_ED03));
        chance.next();
        chance
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// True about once in `n` times (n at least 1).
    pub const fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    /// A number in `lo..=hi` (`lo <= hi`); the bias of the remainder does not matter here.
    pub const fn within(&mut self, lo: i64, hi: i64) -> i64 {
        let span = hi.wrapping_sub(lo) as u64;
        if span == u64::MAX { self.next() as i64 } else { lo.wrapping_add((self.next() % (span + 1)) as i64) }
    }
}

/// Input vector `index` of `rows` codes in `0..=top`: all zero, all largest, single lines, alternating, then by chance
/// dense, sparse, and with nothing but the ends of the range.
#[must_use]
pub fn codes(index: u64, rows: usize, top: i32, chance: &mut Chance) -> Vec<i32> {
    let top64 = i64::from(top);
    match index {
        0 => vec![0; rows],
        1 => vec![top; rows],
        2 | 3 => {
            let line = if rows == 0 { 0 } else { (chance.next() % rows as u64) as usize };
            let code = if index == 2 { top } else { chance.within(1.min(top64), top64) as i32 };
            (0..rows).map(|row| if row == line { code } else { 0 }).collect()
        }
        4 | 5 => (0..rows).map(|row| if row % 2 == (index % 2) as usize { top } else { 0 }).collect(),
        _ => (0..rows)
            .map(|_| match index % 4 {
                0 => chance.within(0, top64) as i32,
                1 if !chance.one_in(8) => 0,
                2 if chance.one_in(2) => 0,
                2 => top,
                3 if !chance.one_in(3) => chance.within(0, (top64 / 8).max(1).min(top64)) as i32,
                _ => chance.within(0, top64) as i32,
            })
            .collect(),
    }
}

/// Raw sample `index` of `length` values in `lo..=hi`: all least, all zero, all greatest, then by chance uniform,
/// sparse, and small.
#[must_use]
pub fn raw(index: u64, length: usize, (lo, hi): (i32, i32), chance: &mut Chance) -> Vec<i32> {
    let (lo64, hi64) = (i64::from(lo), i64::from(hi));
    let rest = 0i32.clamp(lo, hi);
    match index {
        0 => vec![lo; length],
        1 => vec![rest; length],
        2 => vec![hi; length],
        _ => (0..length)
            .map(|_| match index % 4 {
                1 if !chance.one_in(4) => rest,
                2 => chance.within(lo64.max(-300), hi64.min(300)) as i32,
                _ => chance.within(lo64, hi64) as i32,
            })
            .collect(),
    }
}
