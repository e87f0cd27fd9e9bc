//! Reading a chip's configuration back: all of it, or a sample, a bounded amount at a time.

use crate::{
    image::{CONFIG_BYTES, Image, Tag},
    load::bus::{BusError, ChipBus, ConfigMap},
};

/// Bytes that are read at a time.
pub const READ_BYTES: usize = 32;

/// The first byte that is not what the image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Difference {
    /// The section.
    pub section: Tag,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What the image says.
    pub expected: u8,
    /// What the chip holds.
    pub found: u8,
    /// The configuration it belongs to, if to one: of weights that several share, the first.
    pub config: Option<u32>,
    /// The physical core that holds that configuration.
    pub core: Option<u32>,
    /// The column, of a weight.
    pub unit: Option<u32>,
}

/// How far reading back is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadBackStep<E> {
    /// There is more to read.
    Running,
    /// Everything that was to be read is as the image says: so many bytes.
    Same(u64),
    /// Something is not.
    Differs(Difference),
    /// The bus failed.
    Failed(BusError<E>),
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every byte.
    All,
    /// So many pieces of [`READ_BYTES`], drawn with this seed, with replacement.
    Sample {
        /// The seed; another one each time finds other damage.
        seed: u64,
        /// The number of pieces.
        pieces: u32,
    },
}

/// Compares a chip's configuration with an image. The sections that the map holds are compared, in the order of the format.
#[derive(Debug)]
pub struct ReadBack<'v, 'i> {
    image: &'v Image<'i>,
    extent: Extent,
    /// The next piece, or the next draw.
    next: u64,
    compared: u64,
}

impl<'v, 'i> ReadBack<'v, 'i> {
    /// A comparison with `image` that has not begun.
    #[must_use]
    pub const fn new(image: &'v Image<'i>, extent: Extent) -> Self {
        Self { image, extent, next: 0, compared: 0 }
    }

    /// Pieces of all sections that `map` holds.
    pub fn pieces(&self, map: &impl ConfigMap) -> u64 {
        Tag::KNOWN.iter().filter(|tag| map.holds(**tag)).map(|tag| self.pieces_of(*tag)).sum()
    }

    fn pieces_of(&self, tag: Tag) -> u64 {
        (self.image.section(tag).len() as u64).div_ceil(READ_BYTES as u64)
    }

    /// Reads about `budget` bytes, at least one piece.
    pub fn step<B: ChipBus>(
        &mut self,
        bus: &mut B,
        map: &impl ConfigMap,
        budget: u32,
    ) -> ReadBackStep<B::Error> {
        let all = self.pieces(map);
        let end = match self.extent {
            Extent::All => all,
            Extent::Sample { pieces, .. } if all > 0 => u64::from(pieces),
            Extent::Sample { .. } => 0,
        };
        let mut left = i64::from(budget.max(1));
        while left > 0 {
            if self.next >= end {
                return ReadBackStep::Same(self.compared);
            }
            let piece = match self.extent {
                Extent::All => self.next,
                Extent::Sample { seed, .. } => draw(seed, self.next) % all.max(1),
            };
            match self.piece(bus, map, piece) {
                Ok(bytes) => {
                    self.compared += bytes as u64;
                    left -= bytes as i64;
                    self.next += 1;
                }
                Err(step) => return step,
            }
        }
        if self.next >= end { ReadBackStep::Same(self.compared) } else { ReadBackStep::Running }
    }

    fn piece<B: ChipBus>(
        &self,
        bus: &mut B,
        map: &impl ConfigMap,
        mut piece: u64,
    ) -> Result<usize, ReadBackStep<B::Error>> {
        for tag in Tag::KNOWN.iter().copied().filter(|tag| map.holds(*tag)) {
            let own = self.pieces_of(tag);
            if piece >= own {
                piece -= own;
                continue;
            }
            let start = piece * READ_BYTES as u64;
            let rest = self.image.section(tag).get(start as usize..).unwrap_or(&[]);
            let expected = rest.get(..READ_BYTES.min(rest.len())).unwrap_or(&[]);
            let mut buffer = [0u8; READ_BYTES];
            let found = buffer.get_mut(..expected.len()).unwrap_or_default();
            map.read(bus, tag, start, found).map_err(ReadBackStep::Failed)?;
            for (at, (expected, found)) in expected.iter().zip(found.iter()).enumerate() {
                if expected != found {
                    let offset = start + at as u64;
                    return Err(ReadBackStep::Differs(self.locate(tag, offset, *expected, *found)));
                }
            }
            return Ok(expected.len());
        }
        Ok(0)
    }

    fn locate(&self, section: Tag, offset: u64, expected: u8, found: u8) -> Difference {
        let (config, unit) = match section {
            Tag::CONFIGS => (u32::try_from(offset / CONFIG_BYTES as u64).ok(), None),
            Tag::WEIGHTS => self.weight(offset),
            _ => (None, None),
        };
        let core = config.and_then(|config| self.image.core_of(config));
        Difference { section, offset, expected, found, config, core, unit }
    }

    /// The first configuration whose weights hold byte `offset`, and the column.
    fn weight(&self, offset: u64) -> (Option<u32>, Option<u32>) {
        for number in 0..self.image.config_count() {
            let Some(config) = self.image.config(number) else { continue };
            let Some(blob) = self.image.blob(config.blob()) else { continue };
            let within = offset.checked_sub(blob.offset).filter(|at| *at < blob.length);
            if let Some(within) = within {
                // Columns of sparse blocks differ in length: the configuration is named, not the column.
                let dense = blob.encoding != crate::image::Encoding::SparseBlocks;
                let unit = within.checked_div(blob.stride()).filter(|_| dense);
                return (Some(number), unit.and_then(|unit| u32::try_from(unit).ok()));
            }
        }
        (None, None)
    }
}

/// Number `index` of the draws with `seed`: SplitMix64 (Steele, Lea, Flood 2014).
fn draw(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The probability, in millionths and rounded down, that a sample of `drawn` pieces out of `pieces` meets at least one of
/// `damaged`: 1 - (1 - damaged / pieces)^drawn, computed in 32 bits of fraction.
#[must_use]
pub fn detection_ppm(pieces: u64, damaged: u64, drawn: u32) -> u32 {
    const ONE: u64 = 1 << 32;
    if pieces == 0 || damaged == 0 {
        return 0;
    }
    let good = pieces.saturating_sub(damaged);
    // Rounded up, at every step: the probability of missing the damage is never understated.
    let up = |product: u128| u64::try_from((product + u128::from(ONE) - 1) >> 32).unwrap_or(ONE).min(ONE);
    let base = (u128::from(good) << 32).div_ceil(u128::from(pieces));
    let (mut factor, mut missed, mut left) = (u64::try_from(base).unwrap_or(ONE), ONE, drawn);
    while left > 0 {
        if left & 1 != 0 {
            missed = up(u128::from(missed) * u128::from(factor));
        }
        factor = up(u128::from(factor) * u128::from(factor));
        left >>= 1;
    }
    u32::try_from(((ONE - missed) * 1_000_000) >> 32).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::draw;

    /// The first numbers of the published generator, from two seeds.
    #[test]
    fn draws_are_those_of_splitmix64() {
        let first = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([0, 1, 2].map(|index| draw(0, index)), first);
        let other = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([0, 1].map(|index| draw(1_234_567, index)), other);
    }
}
