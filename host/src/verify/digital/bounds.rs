//! C6 on digital cores: the least and greatest sum of a column, and of what becomes of it, from the weights it holds and the
//! codes that its inputs can have.
//!
//! Every product is an interval of its own, so the bounds of a column's sum are attained when its inputs are free.
//! Code of zero counts as possible on every input. Then every partial sum of products, in any order of adding, lies between
//! the least and the greatest whole sum, and no register wraps on the way when none wraps at the end.

use spandrel_core::mac::Activation;
use spandrel_oracle as oracle;

use super::Digital;
use crate::verify::bounds::Span;

/// A closed range of integers of any size.
pub type Wide = (i128, i128);

/// The sums of all columns, bias included, when input i has a code in `lines[i]`.
#[must_use]
pub fn reads(core: &Digital, lines: &[Span]) -> Vec<Wide> {
    let (floor, limit) = core.input_range();
    let zero = i64::from(core.mac.input_zero);
    let distances: Vec<(i64, i64)> = lines
        .iter()
        .map(|span| {
            let codes = span.within(Span::new(floor, limit));
            ((codes.lo - zero).min(0), (codes.hi - zero).max(0))
        })
        .collect();
    let sum = |column: &Vec<i32>, bias: i64| {
        let (mut lo, mut hi) = (i128::from(bias), i128::from(bias));
        for (weight, (below, above)) in column.iter().zip(&distances) {
            let (a, b) = (i64::from(*weight) * below, i64::from(*weight) * above);
            lo += i128::from(a.min(b));
            hi += i128::from(a.max(b));
        }
        (lo, hi)
    };
    core.weights.iter().zip(&core.biases).map(|(column, bias)| sum(column, *bias)).collect()
}

/// The values of a two's complement register of `bits` bits.
#[must_use]
pub const fn register(bits: u8) -> Wide {
    let end = 1i128 << (bits - 1);
    (-end, end - 1)
}

/// What the columns' sums `sums` become before the clip to the output range.
#[must_use]
pub fn active(core: &Digital, sums: &[Wide]) -> Vec<Wide> {
    let shared = core.shared();
    let ends = |column: usize| {
        // Accumulator, scaling and zero point are monotone.
        let straight = oracle::Mac {
            bias: core.biases.get(column).map_or(0, |bias| i128::from(*bias)),
            requant: core.requant(column),
            activation: oracle::MacActivation::Clamp,
            out_lo: i128::MIN,
            out_hi: i128::MAX,
            ..*shared
        };
        sums.get(column).map_or((0, 0), |sum| {
            let ends = [sum.0, sum.1].map(|sum| oracle::mac_finish(&straight, sum));
            (ends[0].min(ends[1]), ends[0].max(ends[1]))
        })
    };
    (0..core.weights.len())
        .map(|column| curve(shared, core.mac.activation, core.hulls(), ends(column)))
        .collect()
}

/// Least and greatest entry of each block of a table: tables are long, and each column asks for another part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::verify) struct Hulls(Vec<Wide>);

/// Entries of a block.
const BLOCK: usize = 256;
/// The hull of nothing.
const NOTHING: Wide = (i128::MAX, i128::MIN);

fn hull((least, most): Wide, y: i128) -> Wide {
    (least.min(y), most.max(y))
}

impl Hulls {
    pub(super) fn new(activation: &oracle::MacActivation) -> Self {
        let oracle::MacActivation::Table { entries, .. } = activation else { return Self(Vec::new()) };
        Self(entries.chunks(BLOCK).map(|block| block.iter().copied().fold(NOTHING, hull)).collect())
    }

    /// Least and greatest of the entries from `from` up to, not including, `to`.
    fn of(&self, entries: &[i128], from: usize, to: usize) -> Wide {
        let to = to.min(entries.len());
        let (first, last) = (from.div_ceil(BLOCK), to / BLOCK);
        if first >= last {
            return entries.get(from..to).unwrap_or_default().iter().copied().fold(NOTHING, hull);
        }
        let ends = entries[from..first * BLOCK].iter().chain(&entries[last * BLOCK..to]);
        let whole = self.0[first..last].iter();
        whole.fold(ends.copied().fold(NOTHING, hull), |all, own| (all.0.min(own.0), all.1.max(own.1)))
    }
}

/// The values of the activation alone over the z in `range`.
fn curve(own: &oracle::Mac, activation: Activation, hulls: &Hulls, range: Wide) -> Wide {
    let (Activation::Table { bits, .. } | Activation::PiecewiseLinear { bits, .. }) = activation else {
        return range;
    };
    let (least, most) = register(bits);
    let (lo, hi) = (range.0.clamp(least, most), range.1.clamp(least, most));
    match &own.activation {
        oracle::MacActivation::Clamp => range,
        oracle::MacActivation::Table { entries, .. } => {
            hulls.of(entries, (lo - least) as usize, (hi - least + 1) as usize)
        }
        oracle::MacActivation::PiecewiseLinear { pieces, .. } => {
            let alone = oracle::Mac {
                accumulator_bits: 64,
                wraps: false,
                requant: oracle::Requant::Shift { shift: 0, rounding: oracle::MacRounding::Floor },
                output_zero: 0,
                out_lo: i128::MIN,
                out_hi: i128::MAX,
                ..own.clone()
            };
            // A line is monotone: its ends tell all.
            let count = pieces.len() as i128;
            let starts = (0..=count).map(|piece| (piece << bits).div_euclid(count) + least);
            let ends = starts.flat_map(|start| [start - 1, start, start + 1]).chain([lo, hi]);
            let inside = ends.filter(|z| (lo..=hi).contains(z));
            inside.map(|z| oracle::mac_finish(&alone, z)).fold(NOTHING, hull)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_tell_what_their_entries_do() {
        let entries: Vec<i128> = (0..1000).map(|i| (i * 7919) % 1013 - 400).collect();
        let table = oracle::MacActivation::Table { bits: 10, entries: entries.clone() };
        let hulls = Hulls::new(&table);
        for (from, to) in
            [(0, 1000), (0, 1), (255, 257), (256, 512), (3, 900), (511, 513), (998, 2000), (7, 7)]
        {
            let plain = entries.iter().skip(from).take(to - from).copied().fold(NOTHING, hull);
            assert_eq!(hulls.of(&entries, from, to), plain, "{from}..{to}");
        }
    }
}
