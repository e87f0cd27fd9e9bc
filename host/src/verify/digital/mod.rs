//! Digital cores, decoded a second time, and what the claims say of them.

pub mod bounds;
pub(super) mod held;
pub(super) mod reads;

use spandrel_core::image::{Image, Table};
use spandrel_core::mac::{Activation, Bias, Mac, Overflow, Param, Requant, Rounding};
use spandrel_oracle as oracle;

use super::decode;

/// A digital core with its weights and the parameters of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digital {
    /// Parameters.
    pub mac: Mac,
    /// Weights `[column][line]`; empty columns without rows.
    pub weights: Vec<Vec<i32>>,
    /// What is added to the sum of each column.
    pub biases: Vec<i64>,
    /// The right shift of each column; none where sums leave as they are.
    pub shifts: Vec<u32>,
    /// The multiplier of each column; none where there is no multiplication.
    pub multipliers: Vec<i128>,
    /// The oracle's description, but for bias, shift and multiplier.
    shared: oracle::Mac,
    /// What the blocks of its table reach from and to.
    hulls: bounds::Hulls,
}

/// All entries of a table.
fn entries(image: &Image<'_>, table: u32) -> Option<Vec<i32>> {
    let table: Table<'_> = image.tables().get(table)?;
    (0..table.len()).map(|at| table.get(at)).collect()
}

fn named(rounding: Rounding) -> oracle::MacRounding {
    match rounding {
        Rounding::TowardZero => oracle::MacRounding::TowardZero,
        Rounding::Floor => oracle::MacRounding::Floor,
        Rounding::HalfUp => oracle::MacRounding::HalfUp,
        Rounding::HalfEven => oracle::MacRounding::HalfEven,
        Rounding::Gemmlowp => oracle::MacRounding::Gemmlowp,
    }
}

fn activation(image: &Image<'_>, mac: &Mac) -> Option<oracle::MacActivation> {
    let wide = |all: Vec<i32>| all.into_iter().map(i128::from).collect::<Vec<i128>>();
    Some(match mac.activation {
        Activation::Clamp => oracle::MacActivation::Clamp,
        Activation::Table { table, bits } => {
            oracle::MacActivation::Table { bits: bits.into(), entries: wide(entries(image, table)?) }
        }
        Activation::PiecewiseLinear { table, bits, product_shift } => {
            let words = wide(entries(image, table)?);
            oracle::MacActivation::PiecewiseLinear {
                bits: bits.into(),
                pieces: words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect(),
                product_shift: product_shift.into(),
            }
        }
    })
}

impl Digital {
    /// The core of `mac`; `None` when a blob or a table does not reach.
    pub(super) fn decode(image: &Image<'_>, mac: Mac) -> Option<Self> {
        let columns = mac.columns as usize;
        let weights =
            if mac.rows == 0 { vec![Vec::new(); columns] } else { decode::weights(image, mac.blob)? };
        // A table has an entry a column, or several.
        let whole = |table: u32, each: usize| entries(image, table).filter(|all| all.len() >= columns * each);
        let biases = match mac.bias {
            Bias::None => vec![0; columns],
            Bias::Words { table } => whole(table, 1)?.into_iter().map(i64::from).collect(),
            Bias::Pairs { table } => {
                // High word times 2^32, plus the low one without a sign.
                let pair = |words: &[i32]| (i64::from(words[0]) << 32) + i64::from(words[1] as u32);
                whole(table, 2)?.chunks_exact(2).map(pair).collect()
            }
        };
        let each = |param: Param<u8>| match param {
            Param::Core(shift) => Some(vec![u32::from(shift); columns]),
            Param::Column { table } => {
                whole(table, 1)?.into_iter().map(|shift| u32::try_from(shift).ok()).collect()
            }
        };
        let (shifts, multipliers) = match mac.requant {
            Requant::None => (Vec::new(), Vec::new()),
            Requant::Shift { shift, .. } => (each(shift)?, Vec::new()),
            Requant::Multiplier { multiplier, shift, .. } => {
                let multipliers = match multiplier {
                    Param::Core(multiplier) => vec![i128::from(multiplier); columns],
                    Param::Column { table } => whole(table, 1)?.into_iter().map(i128::from).collect(),
                };
                (each(shift)?, multipliers)
            }
        };
        let shared = oracle::Mac {
            input_bits: mac.input_bits.into(),
            input_signed: mac.input_signed,
            input_zero: mac.input_zero.into(),
            bias: 0,
            accumulator_bits: mac.accumulator_bits.into(),
            wraps: mac.overflow == Overflow::Wrap,
            requant: oracle::Requant::None,
            output_zero: mac.output_zero.into(),
            activation: activation(image, &mac)?,
            out_lo: mac.out_lo.into(),
            out_hi: mac.out_hi.into(),
        };
        let hulls = bounds::Hulls::new(&shared.activation);
        Some(Self { mac, weights, biases, shifts, multipliers, shared, hulls })
    }

    /// Gives `f` the oracle's description of each column, in order.
    pub(super) fn each(&self, mut f: impl FnMut(usize, &oracle::Mac)) {
        let mut own = self.shared.clone();
        for column in 0..self.weights.len() {
            own.bias = self.biases.get(column).map_or(0, |bias| i128::from(*bias));
            own.requant = self.requant(column);
            f(column, &own);
        }
    }

    /// The oracle's description, but for bias, shift and multiplier.
    pub(super) const fn shared(&self) -> &oracle::Mac {
        &self.shared
    }

    pub(super) const fn hulls(&self) -> &bounds::Hulls {
        &self.hulls
    }

    /// The requantisation of a column.
    pub(super) fn requant(&self, column: usize) -> oracle::Requant {
        let shift = self.shifts.get(column).copied().unwrap_or(0);
        let multiplier = self.multipliers.get(column).copied().unwrap_or(0);
        match self.mac.requant {
            Requant::None => oracle::Requant::None,
            Requant::Shift { rounding, .. } => oracle::Requant::Shift { shift, rounding: named(rounding) },
            Requant::Multiplier { rounding, .. } => {
                oracle::Requant::Multiplier { multiplier, shift, rounding: named(rounding) }
            }
        }
    }

    /// Least and greatest code of an input.
    #[must_use]
    pub const fn input_range(&self) -> (i64, i64) {
        match (self.mac.input_signed, self.mac.input_bits) {
            (false, bits) => (0, (1i64 << bits) - 1),
            (true, bits) => (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1),
        }
    }

    /// Bits of a sum register: what holds a sum that is not finished.
    #[must_use]
    pub const fn register_bits(&self) -> u8 {
        if self.mac.accumulator_bits > 32 { 64 } else { 32 }
    }

    /// The sum that the registers hold when `read` is added to `held`.
    #[must_use]
    pub fn added(&self, held: i64, read: i64) -> i64 {
        let sum = i128::from(held) + i128::from(read);
        let sum = match (self.mac.overflow, self.register_bits()) {
            (Overflow::Wrap, _) => oracle::wrap(sum, self.mac.accumulator_bits.into()),
            (Overflow::Saturate, 64) => sum.clamp(i64::MIN.into(), i64::MAX.into()),
            (Overflow::Saturate, _) => sum.clamp(i32::MIN.into(), i32::MAX.into()),
        };
        sum as i64
    }

    /// What every column reads for the codes `inputs`: its sum, bias included, in the 64 bits of a read.
    #[must_use]
    pub fn reads(&self, inputs: &[i32]) -> Vec<i64> {
        let x: Vec<i128> = inputs.iter().copied().map(i128::from).collect();
        let mut out = Vec::with_capacity(self.weights.len());
        self.each(|column, own| {
            let weights: Vec<i128> = self.weights[column].iter().copied().map(i128::from).collect();
            let sum = oracle::mac_sum(own, &x, &weights);
            let sum =
                if own.wraps { oracle::wrap(sum, 64) } else { sum.clamp(i64::MIN.into(), i64::MAX.into()) };
            out.push(sum as i64);
        });
        out
    }

    /// As [`Self::reads`], in 64 bits and quickly: no sum of products passes them, which reading the image has shown.
    pub(super) fn reads_plainly(&self, inputs: &[i32]) -> Vec<i64> {
        let (lo, hi) = self.input_range();
        let zero = i64::from(self.mac.input_zero);
        let distances: Vec<i64> = inputs.iter().map(|code| i64::from(*code).clamp(lo, hi) - zero).collect();
        let sum = |column: &Vec<i32>| -> i64 {
            column.iter().zip(&distances).map(|(weight, distance)| i64::from(*weight) * distance).sum()
        };
        let biased = |(column, bias): (&Vec<i32>, &i64)| match self.mac.overflow {
            Overflow::Wrap => sum(column).wrapping_add(*bias),
            Overflow::Saturate => sum(column).saturating_add(*bias),
        };
        self.weights.iter().zip(&self.biases).map(biased).collect()
    }

    /// The output codes of the sums `sums`, one a column.
    #[must_use]
    pub fn finished(&self, sums: &[i64]) -> Vec<i128> {
        let mut out = Vec::with_capacity(sums.len());
        self.each(|column, own| {
            out.extend(sums.get(column).map(|sum| oracle::mac_finish(own, i128::from(*sum))));
        });
        out
    }
}
